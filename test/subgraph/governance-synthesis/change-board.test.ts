/** The advisory board, the approval matrix, the calendar, and what other entities know of changes. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ChangeBench, CTO, IMPLEMENTER, LEAD, LEAD_AND_OFFICER, MANAGER, OFFICER, REQUESTER, type Change, type Result } from './change-kit.js';

const MONDAY = '2026-03-02T09:00:00.000Z';
const MEETING = '2026-03-05T15:00:00.000Z';
let bench: ChangeBench;

beforeAll(async () => { bench = await ChangeBench.open(MONDAY); });
afterAll(async () => { await bench.subgraph.stop(); });

interface Meeting { id: string; scheduledAt: string; quorum: number; scheduledBy: { id: string } | null; agenda: Array<{ id: string }>; decisions: Array<{ change: { id: string }; result: string; votes: Array<{ member: { id: string }; vote: string }>; recordedBy: { id: string } }> }
const MEETINGS = '{ cabMeetings { nodes { id scheduledAt quorum scheduledBy { id } agenda { id } decisions { change { id } result votes { member { id } vote } recordedBy { id } } } endCursor hasNextPage } }';
const SCHEDULE = 'mutation($at: DateTime!, $quorum: Int, $key: String) { scheduleCabMeeting(scheduledAt: $at, quorum: $quorum, idempotencyKey: $key) { __typename ... on Problem { code } ... on ScheduleCabMeetingPayload { meeting { id scheduledAt quorum scheduledBy { id } } } } }';

async function meetings(): Promise<Meeting[]> {
  return (await bench.ask<{ cabMeetings: { nodes: Meeting[] } }>(MEETINGS)).cabMeetings.nodes;
}

async function weekly(): Promise<Meeting> {
  const found = (await meetings()).find(({ scheduledBy }) => scheduledBy === null);
  if (found === undefined) throw new Error('no weekly meeting');
  return found;
}

const votes = (...choices: string[]) => choices.map((vote, index) => ({ memberId: `member-${index + 1}`, vote }));
const decide = async (change: Change, ballots: unknown, who = OFFICER): Promise<Result> =>
  bench.run('recordCabDecision', { input: { meetingId: (await weekly()).id, changeId: change.id, digest: change.digest, votes: ballots, rationale: 'Discussed at length' } }, who);

describe('the change advisory board', () => {
  test('meets weekly, from the seed on, and is called for extraordinary meetings by governance officers', async () => {
    expect(await weekly()).toMatchObject({ scheduledAt: MEETING, quorum: 3, decisions: [] });
    await bench.subgraph.subgraph.seed();
    expect(await meetings()).toHaveLength(1);
    const schedule = async (at: string, who = OFFICER, more: Record<string, unknown> = {}) => (await bench.ask<{ scheduleCabMeeting: { __typename: string; code?: string; meeting?: Meeting } }>(SCHEDULE, { at, ...more }, who)).scheduleCabMeeting;
    expect(await schedule('2026-03-03T10:00:00Z', CTO)).toMatchObject({ __typename: 'Forbidden', code: 'ROLE_REQUIRED' });
    expect(await schedule('2026-03-01T10:00:00Z')).toMatchObject({ __typename: 'InvalidInput' });
    expect(await schedule('2026-03-03T10:00:00Z', OFFICER, { quorum: 1 })).toMatchObject({ __typename: 'InvalidInput' });
    expect(await schedule(MEETING)).toMatchObject({ __typename: 'Conflict', code: 'ALREADY_EXISTS' });
    const called = await schedule('2026-03-03T10:00:00Z', OFFICER, { quorum: 5, key: 'extra' });
    expect(called.meeting).toMatchObject({ quorum: 5, scheduledBy: { id: 'officer-1' } });
    expect((await schedule('2026-03-03T10:00:00Z', OFFICER, { quorum: 5, key: 'extra' })).meeting?.id).toBe(called.meeting?.id);
    expect((await meetings()).map(({ scheduledAt }) => scheduledAt)).toEqual([MEETING, '2026-03-03T10:00:00.000Z']);
  });

  test('and a team lead together approve a normal change', async () => {
    bench.setClock(MONDAY);
    const submitted = await bench.create('NORMAL');
    expect(submitted).toMatchObject({ plannedStart: '2026-03-15T02:00:00.000Z', expiresAt: '2026-03-16T09:00:00.000Z' });
    expect((await weekly()).agenda.map(({ id }) => id)).toContain(submitted.id);
    expect(await decide(submitted, votes('FOR', 'FOR', 'FOR'))).toMatchObject({ __typename: 'Conflict', message: expect.stringContaining('begins at') });
    bench.setClock('2026-03-05T16:00:00.000Z');
    const half = (await decide(submitted, votes('FOR', 'FOR', 'AGAINST'))).change;
    expect(half).toMatchObject({ status: 'SUBMITTED', pendingSteps: [{ position: 1 }], approvals: [{ approver: { id: 'officer-1' }, step: 2, role: 'governance-officer' }] });
    expect((await weekly()).agenda).toEqual([]);
    expect((await weekly()).decisions).toMatchObject([{ change: { id: submitted.id }, result: 'APPROVED', recordedBy: { id: 'officer-1' }, votes: [{ vote: 'FOR' }, { vote: 'FOR' }, { member: { id: 'member-3' }, vote: 'AGAINST' }] }]);
    expect(await decide(submitted, votes('AGAINST', 'AGAINST', 'AGAINST'))).toMatchObject({ __typename: 'Conflict' });
    expect(await bench.refused('approveChange', { id: submitted.id, digest: submitted.digest }, MANAGER)).toBe('ROLE_REQUIRED');
    expect(await bench.approve(submitted, LEAD)).toMatchObject({ status: 'APPROVED', opensAt: '2026-03-15T02:00:00.000Z', expiresAt: '2026-03-29T02:00:00.000Z' });
  });

  test('rejects without a majority, and what it said is the reason', async () => {
    bench.setClock(MONDAY);
    const tie = await bench.create('NORMAL');
    bench.setClock('2026-03-05T16:00:00.000Z');
    expect((await decide(tie, votes('FOR', 'AGAINST', 'ABSTAIN'))).change.status).toBe('REJECTED');
    const { changeRequest } = await bench.ask<{ changeRequest: { closingReason: string; closedBy: { id: string } } }>('query($id: ID!) { changeRequest(id: $id) { closingReason closedBy { id } } }', { id: tie.id });
    expect(changeRequest).toEqual({ closingReason: 'Discussed at length', closedBy: { id: 'officer-1' } });
  });

  test('is not bent: quorum, double votes, votes of the parties, self-recording, one person twice', async () => {
    bench.setClock(MONDAY);
    const change = await bench.create('NORMAL');
    const emergency = await bench.create('EMERGENCY');
    bench.setClock('2026-03-05T16:00:00.000Z');
    expect(await decide(change, votes('FOR', 'FOR'))).toMatchObject({ __typename: 'Conflict', message: expect.stringContaining('quorum') });
    expect(await decide(change, [...votes('FOR', 'FOR'), { memberId: 'member-1', vote: 'FOR' }])).toMatchObject({ __typename: 'InvalidInput' });
    expect(await decide(change, [...votes('FOR', 'FOR'), { memberId: 'implementer', vote: 'FOR' }])).toMatchObject({ code: 'SEPARATION_OF_DUTIES' });
    expect(await decide(change, votes('FOR', 'FOR', 'FOR'), LEAD)).toMatchObject({ code: 'ROLE_REQUIRED' });
    expect(await decide(change, votes('FOR', 'FOR', 'FOR'), { ...REQUESTER, roles: ['governance-officer'] })).toMatchObject({ code: 'SEPARATION_OF_DUTIES' });
    expect(await decide({ ...change, digest: '0'.repeat(64) }, votes('FOR', 'FOR', 'FOR'))).toMatchObject({ code: 'STATE_CONFLICT' });
    bench.setClock('2026-03-05T15:00:00.000Z');
    expect(await decide(emergency, votes('FOR', 'FOR', 'FOR'))).toMatchObject({ code: 'STATE_CONFLICT' });
    await bench.approve(change, LEAD_AND_OFFICER);
    expect(await decide(change, votes('FOR', 'FOR', 'FOR'), LEAD_AND_OFFICER)).toMatchObject({ code: 'SEPARATION_OF_DUTIES' });
    expect((await decide(change, votes('FOR', 'FOR', 'FOR'))).change.status).toBe('APPROVED');
  });
});

describe('what is asked of change management', () => {
  test('the approval matrix is read from the database', async () => {
    interface Rule { category: string; reviewPeriodHours: number; windowRequired: boolean; documentation: string; steps: Array<{ authority: string; roles: string[]; count: number }> }
    const read = async () => (await bench.ask<{ approvalMatrix: Rule[] }>('{ approvalMatrix { category reviewPeriodHours decisionPeriodHours validityHours postReviewHours windowRequired documentation steps { position authority roles count } } }')).approvalMatrix;
    expect((await read()).map(({ category, reviewPeriodHours, windowRequired, documentation, steps }) => [category, reviewPeriodHours, windowRequired, documentation, steps.map(({ authority, roles }) => `${authority}:${roles.join('|')}`)])).toEqual([
      ['EMERGENCY', 0, false, 'POST_IMPLEMENTATION', ['ROLE:cto|vp-engineering']],
      ['STANDARD', 24, true, 'PRE_IMPLEMENTATION', ['ROLE:engineering-manager']],
      ['NORMAL', 168, true, 'FULL_PROCESS', ['ROLE:team-lead', 'CAB:governance-officer']],
    ]);
    await bench.subgraph.admin.query(`ALTER TABLE governance_synthesis.change_rule_step DISABLE TRIGGER USER`);
    await bench.subgraph.admin.query(`UPDATE governance_synthesis.change_rule_step SET count = 2 WHERE category = 'EMERGENCY'`);
    bench.setClock(MONDAY);
    const change = await bench.create('EMERGENCY');
    expect((await bench.approve(change, CTO)).status).toBe('SUBMITTED');
    expect(await bench.refused('approveChange', { id: change.id, digest: change.digest }, CTO)).toBe('SEPARATION_OF_DUTIES');
    await bench.subgraph.admin.query(`UPDATE governance_synthesis.change_rule_step SET count = 1 WHERE category = 'EMERGENCY'`);
  });

  test('the calendar holds windows and open changes of its span', async () => {
    const ask = (from: string, to: string) => bench.subgraph.query<{ changeCalendar: { windows: Array<{ window: { id: string; weekday: string; recurrence: string }; start: string }>; changes: Array<{ status: string }> } }>(
      'query($from: DateTime!, $to: DateTime!) { changeCalendar(from: $from, to: $to) { windows { window { id weekday recurrence } start end } changes { id status } } }', { from, to }, { principal: CTO });
    const { data } = await ask('2026-03-15T00:00:00Z', '2026-03-16T00:00:00Z');
    expect(data?.changeCalendar.windows).toMatchObject([{ window: { id: 'weekly', weekday: 'SUNDAY', recurrence: 'WEEKLY' }, start: '2026-03-15T02:00:00.000Z' }]);
    expect(data?.changeCalendar.changes.map(({ status }) => status)).toEqual(['APPROVED', 'APPROVED']);
    expect((await ask('2026-03-16T00:00:00Z', '2026-03-15T00:00:00Z')).errors?.[0]?.extensions?.['code']).toBe('BAD_USER_INPUT');
    expect((await ask('2026-03-16T00:00:00Z', '2028-03-15T00:00:00Z')).errors?.[0]?.extensions?.['code']).toBe('BAD_USER_INPUT');
  });

  test('changes are paged, newest first, by state, category and service', async () => {
    bench.setClock(MONDAY);
    const ids: string[] = [];
    for (let i = 0; i < 5; i += 1) ids.unshift((await bench.create('STANDARD', { serviceId: 'gateway' })).id);
    interface Connection { changeRequests: { nodes: Array<{ id: string }>; endCursor: string | null; hasNextPage: boolean } }
    const page = 'query($after: Cursor, $status: ChangeStatus) { changeRequests(serviceId: "gateway", category: STANDARD, status: $status, first: 3, after: $after) { nodes { id } endCursor hasNextPage } }';
    const first = (await bench.ask<Connection>(page)).changeRequests;
    const second = (await bench.ask<Connection>(page, { after: first.endCursor })).changeRequests;
    expect([...first.nodes, ...second.nodes].map(({ id }) => id)).toEqual(ids);
    expect([first.hasNextPage, second.hasNextPage]).toEqual([true, false]);
    expect((await bench.ask<Connection>(page, { status: 'APPROVED' })).changeRequests).toEqual({ nodes: [], endCursor: null, hasNextPage: false });
    const { errors } = await bench.subgraph.query(page, { after: 'bm9uc2Vuc2U' }, { principal: CTO });
    expect(errors?.[0]?.extensions?.['code']).toBe('CURSOR_INVALID');
  });

  test('services, incidents and principals know their changes', async () => {
    bench.setClock('2026-03-06T09:00:00.000Z');
    const change = await bench.create('EMERGENCY', { serviceId: 'integrity', incidentId: 'INC-2026-042' });
    await bench.approve(change, CTO);
    const { _entities } = await bench.ask<{ _entities: unknown[] }>(`query($r: [_Any!]!) { _entities(representations: $r) {
      ... on Service { changeRequests { id } } ... on Incident { changeRequests(first: 1) { id status } } ... on Principal { approvals(first: 1) { change { id } role } } ... on ChangeRequest { id status requester { id } service { id } } } }`,
    { r: [{ __typename: 'Service', id: 'integrity' }, { __typename: 'Service', id: 'formal-verification' }, { __typename: 'Incident', id: 'INC-2026-042' }, { __typename: 'Principal', id: 'cto-1' }, { __typename: 'Principal', id: 'nobody' }, { __typename: 'ChangeRequest', id: change.id }, { __typename: 'ChangeRequest', id: 'CHG-1999-0001' }] });
    expect(_entities).toEqual([
      { changeRequests: [{ id: change.id }] }, { changeRequests: [] }, { changeRequests: [{ id: change.id, status: 'APPROVED' }] },
      { approvals: [{ change: { id: change.id }, role: 'cto' }] }, { approvals: [] },
      { id: change.id, status: 'APPROVED', requester: { id: 'requester' }, service: { id: 'integrity' } }, null,
    ]);
    const { errors } = await bench.subgraph.query('query($r: [_Any!]!) { _entities(representations: $r) { ... on ChangeRequest { title } } }', { r: [{ __typename: 'ChangeRequest', id: change.id }] }, { principal: { ...IMPLEMENTER, scopes: ['deployment:read'] } });
    expect(errors?.[0]?.extensions?.['code']).toBe('FORBIDDEN');
  });
});
