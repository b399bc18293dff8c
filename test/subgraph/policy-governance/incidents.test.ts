/** Incidents move by their table only, escalate until acknowledged, and leave a history nobody rewrites. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { dueSteps, stateAt, startOfChain } from '../../../subgraphs/policy-governance/domain-escalation.js';
import { INCIDENT_STATUSES, INCIDENT_TRANSITIONS, nextSteps, OPEN_STATUSES, transitionOf, type IncidentStatus, type IncidentStep, type IncidentTransition } from '../../../subgraphs/policy-governance/domain-incidents.js';
import { policyGovernance } from '../../../subgraphs/policy-governance/index.js';
import { ESCALATION_POLICIES } from '../../../subgraphs/policy-governance/seed-services.js';
import { nextOf, startTestSubgraph, type TestSubgraph } from '../../kit/subgraph.js';
import { until } from '../../kit/until.js';
import { ask, change, INCIDENT, incidentOf, notify, OPERATOR, payloadOf, SECOND, webhookAlert, type IncidentView } from './kit.js';

const START = Date.parse('2026-03-01T08:00:00Z');
let now = START;
let subgraph: TestSubgraph;
beforeAll(async () => { subgraph = await startTestSubgraph(policyGovernance, { clock: () => new Date(now), environment: { ACGS_ESCALATION_SWEEP_MS: '20' } }); });
afterAll(async () => { await subgraph.stop(); });

const minutes = (count: number): void => { now += count * 60_000; };
const declare = async (severity = 'P1', extra = ''): Promise<IncidentView> => {
  const outcome = await change(subgraph, `declareIncident(input: { title: "Something broke", severity: ${severity} ${extra} })`);
  expect(outcome.__typename).toBe('IncidentPayload');
  return outcome.incident!;
};

const CALLS: Readonly<Record<IncidentStep | 'acknowledgeIncident', (id: string) => string>> = {
  acknowledgeIncident: (id) => `acknowledgeIncident(id: "${id}")`,
  triageIncident: (id) => `triageIncident(id: "${id}", severity: P2, note: "smaller than feared")`,
  mitigateIncident: (id) => `mitigateIncident(id: "${id}", mitigation: "traffic moved away")`,
  resolveIncident: (id) => `resolveIncident(id: "${id}", rootCause: "a full disk", resolution: "disk enlarged")`,
  reviewIncident: (id) => `reviewIncident(id: "${id}", review: "watch disks")`,
  closeIncident: (id) => `closeIncident(id: "${id}")`,
};
const STEPS = Object.keys(CALLS) as Array<keyof typeof CALLS>;

describe('an incident', () => {
  test('is numbered within its year without gaps, even when declared by many at once', async () => {
    const declared = await Promise.all(Array.from({ length: 12 }, () => declare('P3')));
    const numbers = declared.map(({ id }) => Number(/^INC-2026-(\d{3})$/.exec(id)?.[1])).sort((left, right) => left - right);
    expect(numbers).toEqual(Array.from({ length: 12 }, (_, index) => numbers[0]! + index));
  });

  test('is declared with its deadlines, its chain and who declared it', async () => {
    const incident = await declare('P0', ', serviceId: "auth", startedAt: "2026-03-01T07:50:00Z", description: "logins fail"');
    const at = (offset: number): string => new Date(now + offset * 60_000).toISOString();
    expect(incident).toMatchObject({
      status: 'DECLARED', service: { id: 'auth' }, declaredBy: { id: 'operator-1' }, startedAt: '2026-03-01T07:50:00.000Z', groupKey: null,
      deadlines: { acknowledgeBy: at(5), assessBy: at(10), respondBy: at(15), resolveBy: at(15) },
      escalationLevel: 1, escalatedTo: 'on-call', nextEscalationAt: at(15), nextSteps: ['acknowledgeIncident', 'triageIncident'],
      timeline: [{ number: 1, kind: 'DECLARED', text: 'logins fail', actor: { id: 'operator-1' } }],
    });
  });

  test('refuses what makes no sense', async () => {
    expect(await change(subgraph, 'declareIncident(input: { title: "  ", severity: P1 })')).toMatchObject({ __typename: 'InvalidInput', field: 'input.title' });
    expect(await change(subgraph, 'declareIncident(input: { title: "x", severity: P1, serviceId: "nobody" })')).toMatchObject({ __typename: 'InvalidInput', field: 'input.serviceId' });
    expect(await change(subgraph, 'declareIncident(input: { title: "x", severity: P1, startedAt: "2099-01-01T00:00:00Z" })')).toMatchObject({ __typename: 'InvalidInput', field: 'input.startedAt' });
    expect(await change(subgraph, 'acknowledgeIncident(id: "INC-1999-001")')).toMatchObject({ __typename: 'NotFound' });
    const { errors } = await subgraph.query(`mutation { declareIncident(input: { title: "x", severity: P1 }) { __typename } }`, {}, { principal: OPERATOR, hashPresented: false });
    expect(errors?.[0]?.extensions?.['code']).toBe('CONSTITUTIONAL_HASH_REQUIRED');
  });

  test('goes through its whole life', async () => {
    const { id } = await declare('P1');
    minutes(2);
    expect((await change(subgraph, CALLS.acknowledgeIncident(id))).incident).toMatchObject({ acknowledgedInTime: true, acknowledgedBy: { id: 'operator-1' }, nextEscalationAt: null, version: 2 });
    const triaged = (await change(subgraph, CALLS.triageIncident(id), SECOND)).incident!;
    expect(triaged).toMatchObject({ status: 'TRIAGED', severity: 'P2', acknowledgedBy: { id: 'operator-1' } });
    expect(Date.parse(triaged.deadlines.resolveBy) - Date.parse(triaged.declaredAt)).toBe(240 * 60_000);
    await change(subgraph, CALLS.mitigateIncident(id));
    minutes(30);
    const resolved = (await change(subgraph, CALLS.resolveIncident(id))).incident!;
    expect(resolved).toMatchObject({ status: 'RESOLVED', resolvedInTime: true, rootCause: 'a full disk' });
    await change(subgraph, CALLS.reviewIncident(id));
    const closed = (await change(subgraph, CALLS.closeIncident(id))).incident!;
    expect(closed).toMatchObject({ status: 'CLOSED', version: 7, nextSteps: [] });
    expect(closed.timeline.map(({ kind }) => kind)).toEqual(['CLOSED', 'REVIEWED', 'RESOLVED', 'MITIGATED', 'TRIAGED', 'ACKNOWLEDGED', 'DECLARED']);
    expect(closed.timeline.map(({ number }) => number)).toEqual([7, 6, 5, 4, 3, 2, 1]);
    expect(await change(subgraph, `addTimelineNote(incidentId: "${id}", text: "late")`)).toMatchObject({ code: 'STATE_CONFLICT' });
  });

  test('moves only as its table says, whatever is tried', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.constantFrom(...STEPS), { minLength: 1, maxLength: 8 }), async (tried) => {
      const { id } = await declare('P2');
      let status: IncidentStatus = 'DECLARED';
      let acknowledged = false;
      let version = 1;
      for (const step of tried) {
        const outcome = await change(subgraph, CALLS[step](id));
        const transition: IncidentTransition | undefined = step === 'acknowledgeIncident' ? undefined : transitionOf(status, step);
        const allowed = step === 'acknowledgeIncident' ? !acknowledged && OPEN_STATUSES.includes(status) : transition !== undefined;
        expect(outcome.__typename).toBe(allowed ? 'IncidentPayload' : 'Conflict');
        if (!allowed) continue;
        status = transition?.to ?? status;
        acknowledged = true;
        version += 1;
        expect(outcome.incident).toMatchObject({ status, version, nextEscalationAt: null });
      }
    }), { numRuns: 15 });
  });

  test('answers a retry like the first attempt and refuses a stale or a different one', async () => {
    const { id } = await declare('P1');
    const acknowledge = `acknowledgeIncident(id: "${id}", expectedVersion: 1, idempotencyKey: "ack-${id}")`;
    const first = await change(subgraph, acknowledge);
    expect(await change(subgraph, acknowledge)).toEqual(first);
    expect(await change(subgraph, `acknowledgeIncident(id: "${id}", expectedVersion: 2, idempotencyKey: "ack-${id}")`)).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
    expect(await change(subgraph, `triageIncident(id: "${id}", severity: P1, expectedVersion: 1)`)).toMatchObject({ code: 'VERSION_CONFLICT' });
    expect(await change(subgraph, `triageIncident(id: "${id}", severity: P1, idempotencyKey: "has space")`)).toMatchObject({ __typename: 'InvalidInput' });
    const races = await Promise.all([OPERATOR, SECOND, OPERATOR, SECOND].map((who) => change(subgraph, `triageIncident(id: "${id}", severity: P1, expectedVersion: 2)`, who)));
    expect(races.map(({ __typename }) => __typename).sort()).toEqual(['Conflict', 'Conflict', 'Conflict', 'IncidentPayload']);
  });

  test('has a timeline that nobody can change, the owner of the table included', async () => {
    const { id } = await declare('P3');
    await change(subgraph, `addTimelineNote(incidentId: "${id}", text: "first look")`);
    for (const statement of ['UPDATE policy_governance.timeline_entry SET text = $$x$$', 'DELETE FROM policy_governance.timeline_entry', 'TRUNCATE policy_governance.timeline_entry']) {
      await expect(subgraph.admin.query(statement)).rejects.toMatchObject({ code: 'AC003' });
    }
    expect((await incidentOf(subgraph, id)).timeline.map(({ text }) => text)).toEqual(['first look', 'Something broke']);
  });

  test('ends the alerts of the gateway with it, says which others fire, and lets a new alert open another', async () => {
    const seen = { kind: 'INSTANCE_HASH_MISMATCH', principalId: null, requestId: 'req-1', expected: 'cdd01ef066bc6cf2', received: '1111111111111111', subgraph: 'integrity', instanceUrl: 'http://127.0.0.1:8102', occurredAt: new Date(now).toISOString(), occurrences: 1 };
    const { incidents: [violated] } = await (await subgraph.hop('POST', '/internal/violations', seen)).json() as { incidents: string[] };
    for (const step of ['triageIncident', 'mitigateIncident', 'resolveIncident'] as const) await change(subgraph, CALLS[step](violated!));
    expect((await incidentOf(subgraph, violated!)).alerts).toMatchObject([{ state: 'RESOLVED', level: 'EMERGENCY' }]);
    const group = 'group-reopened';
    const { incidents: [first] } = await notify(subgraph, payloadOf(group, [webhookAlert('still')]));
    for (const step of ['triageIncident', 'mitigateIncident'] as const) await change(subgraph, CALLS[step](first!));
    expect((await change(subgraph, CALLS.resolveIncident(first!))).incident?.timeline[0]?.text).toContain('1 of its alerts still fire');
    const { incidents: [second] } = await notify(subgraph, payloadOf(group, [webhookAlert('still'), webhookAlert('next')]));
    expect(second).not.toBe(first);
  });
});

describe('escalation', () => {
  const level = async (id: string, wanted: number): Promise<IncidentView> => until(async () => {
    const incident = await incidentOf(subgraph, id);
    return incident.escalationLevel >= wanted ? incident : undefined;
  });

  test('asks one after the other until someone acknowledges, and never again after', async () => {
    const { id } = await declare('P0');
    minutes(14);
    const { id: other } = await declare('P1');
    minutes(1);
    expect(await level(id, 2)).toMatchObject({ escalationLevel: 2, escalatedTo: 'engineering-manager', nextEscalationAt: new Date(now + 15 * 60_000).toISOString() });
    minutes(46);
    const last = await level(id, 4);
    expect(last).toMatchObject({ escalatedTo: 'cto', nextEscalationAt: null });
    expect(last.timeline.filter(({ kind }) => kind === 'ESCALATED').map(({ actorId, actor }) => [actorId, actor])).toEqual(Array.from({ length: 3 }, () => ['system:escalation', null]));
    const late = (await change(subgraph, `acknowledgeIncident(id: "${other}")`)).incident!;
    expect(late).toMatchObject({ acknowledgedInTime: false, nextEscalationAt: null });
    minutes(600);
    const { id: control } = await declare('P3');
    minutes(20);
    await level(control, 2);
    expect((await incidentOf(subgraph, other)).escalationLevel).toBe(late.escalationLevel);
  });

  test('takes due steps in order, each once, whenever it looks (property)', () => {
    fc.assert(fc.property(fc.constantFrom(...ESCALATION_POLICIES), fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 12 }), fc.option(fc.nat(11)), (policy, waits, acknowledgedAt) => {
      const declaredAt = new Date(START).toISOString();
      let state = startOfChain(policy, declaredAt);
      const taken = [state.escalatedTo];
      let elapsed = 0;
      waits.forEach((wait, index) => {
        elapsed += wait;
        const steps = dueSteps(policy, { declaredAt, acknowledgedAt: acknowledgedAt !== null && index >= acknowledgedAt ? declaredAt : null, escalationLevel: state.escalationLevel }, new Date(START + elapsed * 60_000));
        const lastStep = steps.at(-1);
        if (lastStep === undefined) return;
        taken.push(...steps.map(({ role }) => role));
        state = stateAt(policy, declaredAt, lastStep);
      });
      expect(taken).toEqual(policy.steps.slice(0, taken.length).map(({ role }) => role));
      if (acknowledgedAt === null) expect(taken).toHaveLength(policy.steps.filter(({ afterMinutes }) => afterMinutes <= elapsed).length);
      expect(state.nextEscalationAt === null).toBe(state.escalationLevel === policy.steps.length);
    }));
  });
});

describe('the table of transitions', () => {
  test('reaches every state from DECLARED, ends at CLOSED, and says what is next (property)', () => {
    const reachable = new Set<IncidentStatus>(['DECLARED']);
    for (const _round of INCIDENT_STATUSES) for (const { from, to } of INCIDENT_TRANSITIONS) if (reachable.has(from)) reachable.add(to);
    expect([...reachable].sort()).toEqual([...INCIDENT_STATUSES].sort());
    expect(nextSteps({ status: 'CLOSED', acknowledgedAt: null })).toEqual([]);
    fc.assert(fc.property(fc.constantFrom(...INCIDENT_STATUSES), fc.constantFrom(...INCIDENT_TRANSITIONS.map(({ by }) => by)), (status, step) => {
      const transition = transitionOf(status, step);
      expect(nextSteps({ status, acknowledgedAt: null }).includes(step)).toBe(transition !== undefined);
      if (transition !== undefined) expect(INCIDENT_STATUSES.indexOf(transition.to)).toBeGreaterThanOrEqual(INCIDENT_STATUSES.indexOf(status));
    }));
  });
});

describe('reading', () => {
  test('follows one incident, filtered, across a break', async () => {
    type Message = { incidentUpdated: { cursor: string; kind: string; incident: { id: string; status: string; acknowledgedBy: { id: string } | null } | null } };
    const document = 'subscription($id: ID, $after: Cursor) { incidentUpdated(incidentId: $id, severityAtLeast: P2, after: $after) { cursor kind incident { id status acknowledgedBy { id } } } }';
    const { id } = await declare('P1');
    const first = subgraph.subscribe<Message>(document, { id }, { principal: OPERATOR });
    expect((await nextOf(first)).data?.incidentUpdated.kind).toBe('OPENED');
    await declare('P0');
    await change(subgraph, CALLS.acknowledgeIncident(id));
    const seen = (await nextOf(first)).data!.incidentUpdated;
    expect(seen).toMatchObject({ kind: 'EVENT', incident: { id, status: 'DECLARED', acknowledgedBy: { id: 'operator-1' } } });
    await first.return?.();
    await change(subgraph, CALLS.triageIncident(id));
    await change(subgraph, CALLS.mitigateIncident(id));
    const second = subgraph.subscribe<Message>(document, { id, after: seen.cursor }, { principal: OPERATOR });
    await nextOf(second);
    expect([(await nextOf(second)).data?.incidentUpdated.incident?.status, (await nextOf(second)).data?.incidentUpdated.incident?.status]).toEqual(['TRIAGED', 'MITIGATED']);
    await second.return?.();
    const foreign = subgraph.subscribe<Message>(document, { id: null, after: seen.cursor }, { principal: OPERATOR });
    const refused = await foreign.next().then(({ value }) => value as { errors?: ReadonlyArray<{ extensions?: Record<string, unknown> }> }, (error: unknown) => ({ errors: error as ReadonlyArray<{ extensions?: Record<string, unknown> }> }));
    expect(refused.errors?.[0]?.extensions?.['code']).toBe('CURSOR_INVALID');
    await foreign.return?.();
  });

  test('shows services with targets, objectives, alerts and incidents, and resolves references in batches', async () => {
    type Services = { services: Array<{ id: string; tier: number; targets: { availability: number; errorBudgetMinutes: number }; slos: Array<{ indicator: string }> }> };
    const { services } = await ask<Services>(subgraph, '{ services { id name aliases tier port targets { availability errorBudgetMinutes rtoMinutes rpoMinutes componentLatencyP99Ms endToEndLatencyP99Ms } slos { id indicator comparator objective unit windowDays } } }');
    expect(services.map(({ id, tier, targets }) => [id, tier, targets.availability, targets.errorBudgetMinutes])).toEqual([
      ['auth', 1, 99.95, 21.6], ['constitutional-ai', 1, 99.95, 21.6], ['gateway', 1, 99.95, 21.6], ['policy-governance', 1, 99.95, 21.6],
      ['governance-synthesis', 2, 99.9, 43.2], ['integrity', 2, 99.9, 43.2], ['evolutionary-computation', 3, 99.5, 216], ['formal-verification', 3, 99.5, 216],
    ]);
    expect(services.map(({ slos }) => slos.length)).toEqual([4, 4, 7, 4, 4, 4, 4, 4]);
    const { id } = await declare('P3', ', serviceId: "formal-verification"');
    const { _entities } = await ask<{ _entities: Array<Record<string, unknown> | null> }>(subgraph, `query($r: [_Any!]!) { _entities(representations: $r) { __typename ... on Service { name incidents(first: 1) { id } alerts(first: 1) { id } } ... on Incident { ${INCIDENT} } ... on AlertRule { level } ... on EscalationPolicy { steps { level afterMinutes role } } } }`,
      { r: [{ __typename: 'Service', id: 'formal-verification' }, { __typename: 'Service', id: 'nobody' }, { __typename: 'Incident', id }, { __typename: 'AlertRule', name: 'TotalOutage' }, { __typename: 'EscalationPolicy', severity: 'P2' }] });
    expect(_entities).toMatchObject([
      { name: 'Formal Verification', incidents: [{ id }], alerts: [] }, null, { id }, { level: 'EMERGENCY' },
      { steps: [{ level: 1, afterMinutes: 0, role: 'on-call' }, { level: 2, afterMinutes: 15, role: 'team-lead' }, { level: 3, afterMinutes: 60, role: 'engineering-manager' }] },
    ]);
  });

  test('lists incidents by page and filter, rules and chains', async () => {
    type Pages = { incidents: { nodes: Array<{ id: string; severity: string }>; endCursor: string | null; hasNextPage: boolean } };
    const ids: string[] = [];
    let after: string | null = null;
    for (;;) {
      const { incidents }: Pages = await ask<Pages>(subgraph, 'query($after: Cursor) { incidents(status: DECLARED, severity: P3, first: 5, after: $after) { nodes { id severity } endCursor hasNextPage } }', { after });
      expect(incidents.nodes.every(({ severity }) => severity === 'P3')).toBe(true);
      ids.push(...incidents.nodes.map(({ id }) => id));
      after = incidents.endCursor;
      if (!incidents.hasNextPage) break;
    }
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeGreaterThan(12);
    const lists = await ask<{ alertRules: Array<{ name: string; severity: string; acknowledgeWithinMinutes: number; respondWithinMinutes: number }>; escalationPolicies: Array<{ severity: string }> }>(subgraph, '{ alertRules { name severity acknowledgeWithinMinutes respondWithinMinutes } escalationPolicies { severity } }');
    expect(lists.alertRules.find(({ name }) => name === 'ConstitutionalViolation')).toEqual({ name: 'ConstitutionalViolation', severity: 'P0', acknowledgeWithinMinutes: 5, respondWithinMinutes: 15 });
    expect(lists.escalationPolicies.map(({ severity }) => severity)).toEqual(['P0', 'P1', 'P2', 'P3']);
  });

  test('computes the key figures from what was recorded', async () => {
    await subgraph.subgraph.seed();
    const before = now;
    now = Date.parse('2027-06-01T00:00:00Z');
    const { incidents: [id] } = await notify(subgraph, payloadOf('kpi', [webhookAlert('kpi-1', { startsAt: new Date(now - 240_000).toISOString() })]));
    minutes(1);
    for (const step of ['acknowledgeIncident', 'triageIncident', 'mitigateIncident'] as const) await change(subgraph, CALLS[step](id!));
    minutes(19);
    await change(subgraph, CALLS.resolveIncident(id!));
    await notify(subgraph, payloadOf('kpi', [webhookAlert('kpi-2', { startsAt: new Date(now).toISOString() })]));
    minutes(6);
    const { kpis } = await ask<{ kpis: Array<{ name: string; value: number | null; met: boolean | null; samples: number }> }>(subgraph, '{ kpis(days: 1) { name value unit target comparator met samples } }');
    expect(kpis.map(({ name, value, met, samples }) => [name, value, met, samples])).toEqual([
      ['MEAN_TIME_TO_DETECT', 2, true, 2], ['MEAN_TIME_TO_RESOLVE', 20, false, 1], ['ACKNOWLEDGED_IN_TIME', 50, false, 2], ['RESOLVED_IN_TIME', 100, true, 1], ['RECURRENCE', 50, false, 2],
    ]);
    now = before;
  });
});
