/** Policies permit, forbid and oblige as written; what fails is denied; a decision is recorded with a receipt that can be checked. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { schemaToJson } from '@cedar-policy/cedar-wasm/nodejs';
import fc from 'fast-check';
import { digestOf } from '../../../ops/runtime/canonical-json.js';
import { CedarEngine, DECIMAL_CIRCUMSTANCES } from '../../../subgraphs/policy-governance/cedar-engine.js';
import { conclude, OUTCOMES, placeOf, strictest, textDigest, type PolicyRequest, type PolicySet } from '../../../subgraphs/policy-governance/domain-policies.js';
import { policyGovernance } from '../../../subgraphs/policy-governance/index.js';
import { requestSchema, seedPolicies } from '../../../subgraphs/policy-governance/seed-policies.js';
import { projectPath } from '../../../ops/runtime/package-root.js';
import { principal, startTestSubgraph, TEST_HASH, type TestSubgraph } from '../../kit/subgraph.js';
import { ask, OFFICER } from './kit.js';

let subgraph: TestSubgraph;
beforeAll(async () => { subgraph = await startTestSubgraph(policyGovernance); });
afterAll(async () => { await subgraph.stop(); });

interface EvaluationView { outcome: string; permitted: boolean; determining: Array<{ policy: { id: string }; versionNumber: number }>; obligations: Array<{ policyId: string; name: string; value: string }>; errors: string[]; policyRevision: number; policySetDigest: string }
const EVALUATION = 'outcome permitted determining { policy { id } versionNumber } obligations { policyId name value } errors policyRevision policySetDigest';
interface Input { principal: { id: string; kind: string; roles: string[] }; action: string; resource: { type: string; id: string; ownerId?: string }; context?: unknown }

const human = (...roles: string[]): Input['principal'] => ({ id: 'person-1', kind: 'HUMAN', roles });
const agent = (...roles: string[]): Input['principal'] => ({ id: 'agent-1', kind: 'AGENT', roles });
const request = (who: Input['principal'], action: string, context: unknown = {}, ownerId?: string): Input => ({ principal: who, action, resource: { type: 'ChangeRequest', id: 'CHG-2026-0001', ...(ownerId === undefined ? {} : { ownerId }) }, context });

async function evaluate(input: Input): Promise<EvaluationView> {
  return (await ask<{ evaluatePolicy: EvaluationView }>(subgraph, `query($input: PolicyRequest!) { evaluatePolicy(input: $input) { ${EVALUATION} } }`, { input }, OFFICER)).evaluatePolicy;
}

const APPROVED = { environment: 'production', changeState: 'APPROVED', constitutionalHash: TEST_HASH };

describe('the policies of a new installation', () => {
  test.each<[string, Input, string, string[]]>([
    ['let the right person approve a change of each category', request(human('team-lead'), 'approveChange', { changeCategory: 'NORMAL' }), 'ALLOW', ['change-approval-by-category']],
    ['let the CTO approve an emergency change', request(human('cto'), 'approveChange', { changeCategory: 'EMERGENCY' }), 'ALLOW', ['change-approval-by-category']],
    ['keep a team lead from approving an emergency change', request(human('team-lead'), 'approveChange', { changeCategory: 'EMERGENCY' }), 'DENY', []],
    ['keep agents from approving, whatever their roles', request(agent('cto'), 'approveChange', { changeCategory: 'NORMAL' }), 'DENY', ['agents-may-not-approve']],
    ['keep everyone from approving their own work', request(human('cto'), 'approveChange', { changeCategory: 'NORMAL' }, 'person-1'), 'DENY', ['own-work-needs-another-approver']],
    ['let someone else approve it', request(human('cto'), 'approveChange', { changeCategory: 'NORMAL' }, 'person-2'), 'ALLOW', ['change-approval-by-category']],
    ['let operators deploy to production with an approved change', request(human('operator'), 'deployService', APPROVED), 'ALLOW', ['operations-by-operators']],
    ['stop a deployment to production without one', request(human('operator'), 'deployService', { environment: 'production' }), 'DENY', ['production-needs-an-approved-change']],
    ['stop one whose change is not approved', request(human('operator'), 'deployService', { ...APPROVED, changeState: 'SUBMITTED' }), 'DENY', ['production-needs-an-approved-change']],
    ['stop one that does not say where', request(human('operator'), 'deployService'), 'DENY', ['environment-must-be-named']],
    ['let operators deploy elsewhere', request(human('operator'), 'deployService', { environment: 'staging' }), 'ALLOW', ['operations-by-operators']],
    ['escalate a foreign hash', request(human('cto'), 'approveChange', { changeCategory: 'NORMAL', constitutionalHash: '0000000000000000' }), 'ESCALATE', ['foreign-hash-is-refused']],
    ['deny where one forbids and another escalates', request(human('operator'), 'deployService', { ...APPROVED, constitutionalHash: '0000000000000000' }), 'DENY', ['foreign-hash-is-refused', 'production-needs-an-approved-change']],
    ['let emergency roles act in an emergency and look at it afterwards', request(human('vp-engineering'), 'rollbackDeployment', { emergency: true }), 'AUDIT_ONLY', ['emergency-actions-by-emergency-roles']],
    ['keep emergency actions for emergencies', request(human('vp-engineering'), 'rollbackDeployment', { emergency: false }), 'DENY', []],
    ['let confident synthesis apply', request(agent(), 'applySynthesizedPolicy', { confidence: 0.8 }), 'ALLOW', ['confident-synthesis-applies']],
    ['ask a person below a confidence of 0.8', request(agent(), 'applySynthesizedPolicy', { confidence: 0.79999 }), 'REQUIRE_APPROVAL', ['low-confidence-needs-human-review']],
    ['deny synthesis that tells no confidence', request(agent(), 'applySynthesizedPolicy'), 'DENY', []],
    ['have a floor for compliance', request(agent(), 'applySynthesizedPolicy', { confidence: 1, complianceScore: 0.49 }), 'DENY', ['compliance-floor']],
  ])('%s', async (_name, input, outcome, determining) => {
    const evaluation = await evaluate(input);
    expect(evaluation.errors).toEqual([]);
    expect([evaluation.outcome, evaluation.determining.map(({ policy }) => policy.id)]).toEqual([outcome, determining]);
    expect(evaluation.permitted).toBe(['ALLOW', 'AUDIT_ONLY', 'MODIFY'].includes(outcome));
  });

  test('hand on their annotations as obligations', async () => {
    expect((await evaluate(request(agent(), 'executeAgentTask', { confidence: 0.5 }))).obligations).toEqual([{ policyId: 'low-confidence-needs-human-review', name: 'review_within', value: '48h' }]);
    expect((await evaluate(request(human('cto'), 'approveChange', { changeCategory: 'NORMAL', constitutionalHash: 'f'.repeat(16) }))).obligations).toEqual([{ policyId: 'foreign-hash-is-refused', name: 'escalate_to', value: 'security-officer' }]);
  });

  test('cannot be talked out of the hash in force', async () => {
    const context = { ...APPROVED, constitutionalHash: '0000000000000000', activeHash: '0000000000000000' };
    expect((await evaluate(request(human('operator'), 'deployService', context))).permitted).toBe(false);
  });

  test('deny what does not fit the schema and say why', async () => {
    for (const [input, message] of [
      [request(human('cto'), 'launchMissiles'), /does not exist/],
      [request(human('cto'), 'approve'), /should not exist/],
      [request(human('cto'), 'approveChange', { changeCategory: 5 }), /is not valid/],
      [request(human('cto'), 'approveChange', { unheardOf: true }), /should not exist/],
      [request(human('cto'), 'approveChange', ['x']), /JSON object/],
      [request(human('cto'), 'approveChange', { reason: null }), /null/],
      [request(human('cto'), '', {}), /1 to 256/],
    ] as const) {
      const evaluation = await evaluate(input);
      expect([evaluation.outcome, evaluation.permitted, evaluation.determining]).toEqual(['DENY', false, []]);
      expect(evaluation.errors.join()).toMatch(message);
    }
  });
});

describe('publishing', () => {
  const PUBLISH = `mutation($input: PublishPolicyInput!, $v: Int, $key: String) { outcome: publishPolicy(input: $input, expectedVersion: $v, idempotencyKey: $key) { __typename ... on Problem { code message } ... on InvalidInput { field }
    ... on PolicyInvalid { errors { message help line column } } ... on PublishPolicyPayload { policy { id state version current { number effect digest publishedBy { id } } versions { number cedar } } } } }`;
  type Outcome = { __typename: string; code?: string; errors?: Array<{ message: string; line: number | null; column: number | null }>; policy?: { id: string; state: string; version: number; current: { number: number; effect: string; digest: string; publishedBy: { id: string } }; versions: Array<{ number: number; cedar: string }> } };
  const publish = async (id: string, cedar: string, more: Record<string, unknown> = {}): Promise<Outcome> => (await ask<{ outcome: Outcome }>(subgraph, PUBLISH, { input: { id, title: 'A rule', description: '', cedar }, ...more }, OFFICER)).outcome;
  const scaling = request(human('operator'), 'shiftTraffic', { environment: 'staging' });
  const NIGHT = 'forbid (principal, action == Acgs::Action::"shiftTraffic", resource) when { context has reason && context.reason == "night" };';

  test('puts a policy in force at once, keeps its versions, and takes it out again', async () => {
    const first = await publish('no-night-shifts', NIGHT);
    expect(first.policy).toMatchObject({ state: 'ACTIVE', version: 1, current: { number: 1, effect: 'FORBID', publishedBy: { id: 'officer-1' } } });
    const night = { ...scaling, context: { environment: 'staging', reason: 'night' } };
    const before = await evaluate(scaling);
    expect(before.outcome).toBe('ALLOW');
    expect(await evaluate(night)).toMatchObject({ outcome: 'DENY', determining: [{ policy: { id: 'no-night-shifts' }, versionNumber: 1 }] });
    expect(await publish('no-night-shifts', NIGHT.replace('night', 'dawn'), { v: 7 })).toMatchObject({ code: 'VERSION_CONFLICT' });
    const second = await publish('no-night-shifts', NIGHT.replace('night', 'dawn'), { v: 1 });
    expect(second.policy?.versions.map(({ number }) => number)).toEqual([2, 1]);
    expect((await evaluate(night)).outcome).toBe('ALLOW');
    const after = await evaluate(scaling);
    expect(after.policyRevision).toBe(before.policyRevision + 1);
    expect(after.policySetDigest).not.toBe(before.policySetDigest);
    const retire = 'mutation { outcome: retirePolicy(id: "no-night-shifts", expectedVersion: 2) { __typename ... on Problem { code } ... on RetirePolicyPayload { policy { state version } } } }';
    expect(await ask(subgraph, retire, {}, OFFICER)).toMatchObject({ outcome: { policy: { state: 'RETIRED', version: 3 } } });
    expect(await ask(subgraph, retire, {}, OFFICER)).toMatchObject({ outcome: { code: 'VERSION_CONFLICT' } });
    expect((await evaluate({ ...night, context: { environment: 'staging', reason: 'dawn' } })).outcome).toBe('ALLOW');
    expect((await publish('no-night-shifts', NIGHT)).policy).toMatchObject({ state: 'ACTIVE', version: 4, current: { number: 3 } });
    await ask(subgraph, 'mutation { retirePolicy(id: "no-night-shifts") { __typename } }', {}, OFFICER);
  });

  test('refuses what does not hold, and says where', async () => {
    const misspelt = await publish('misspelt', '// a comment: \u00e9\npermit (principal, action, resource)\nwhen { principal.kindd == "HUMAN" };');
    expect(misspelt).toMatchObject({ __typename: 'PolicyInvalid', code: 'POLICY_INVALID', errors: [{ line: 3, column: 8 }] });
    for (const cedar of ['permit (principal, action, resource) when {', '', NIGHT + NIGHT, 'permit (principal == ?principal, action, resource);', 'permit (principal, action, resource) when { context.confidence > 3 };',
      'permit (principal, action, resource) when { context.reason == "x" };', '@decision("modify") forbid (principal, action, resource);', '@decision("maybe") permit (principal, action, resource);', 'permit (principal, action, resource) when { false };']) {
      expect(await publish('broken', cedar)).toMatchObject({ __typename: 'PolicyInvalid' });
    }
    expect(await publish('Bad Id', NIGHT)).toMatchObject({ __typename: 'InvalidInput' });
    expect((await ask<{ policy: unknown }>(subgraph, '{ policy(id: "broken") { id } }', {}, OFFICER)).policy).toBeNull();
  });

  test('needs its scope, is idempotent, and versions are never changed', async () => {
    const { errors } = await subgraph.query(PUBLISH, { input: { id: 'x-y-z', title: 't', description: '', cedar: NIGHT } }, { principal: principal('reader', { scopes: ['policy:read'] }) });
    expect(errors?.[0]?.extensions?.['code']).toBe('FORBIDDEN');
    const attempts = await Promise.all(Array.from({ length: 4 }, () => publish('once-only', NIGHT, { key: 'publish-once' })));
    expect(attempts.map(({ policy }) => policy?.version)).toEqual([1, 1, 1, 1]);
    for (const statement of ['UPDATE policy_governance.policy_version SET cedar = $$x$$', 'DELETE FROM policy_governance.policy_version', 'DELETE FROM policy_governance.decision']) {
      await expect(subgraph.admin.query(statement)).rejects.toMatchObject({ code: 'AC003' });
    }
  });
});

describe('deciding', () => {
  const DECIDE = `mutation($input: PolicyRequest!, $key: String) { outcome: decide(input: $input, idempotencyKey: $key) { __typename ... on Problem { code } ... on InvalidInput { field } ... on DecidePayload { decision {
    id principalId action resourceType resourceId requestDigest receiptDigest decidedAt decidedBy { id } constitutionalHash evaluation { ${EVALUATION} } } } } }`;
  type DecisionView = { id: string; principalId: string; action: string; resourceType: string; resourceId: string; requestDigest: string; receiptDigest: string; decidedAt: string; decidedBy: { id: string }; constitutionalHash: string; evaluation: EvaluationView };
  type Outcome = { outcome: { __typename: string; code?: string; field?: string; decision?: DecisionView } };
  const decide = async (input: Input, key?: string): Promise<Outcome['outcome']> => (await ask<Outcome>(subgraph, DECIDE, { input, key }, OFFICER)).outcome;

  test('records what was concluded, once a key, with a receipt anyone can recompute', async () => {
    const input = request(agent(), 'applySynthesizedPolicy', { confidence: 0.3, reason: 'a \u0000 and more' });
    const { decision } = await decide(input, 'decide-1');
    expect(decision).toMatchObject({ principalId: 'agent-1', decidedBy: { id: 'officer-1' }, constitutionalHash: TEST_HASH, evaluation: { outcome: 'REQUIRE_APPROVAL', permitted: false } });
    expect((await decide(input, 'decide-1')).decision).toEqual(decision);
    const { rows } = await subgraph.admin.query<{ payload: { receiptDigest: string } }>(`SELECT payload FROM policy_governance.outbox WHERE kind = 'DecisionMade' AND entity_id = $1`, [decision!.id]);
    expect(rows).toHaveLength(1);
    const { receiptDigest, ...said } = rows[0]!.payload;
    expect(digestOf(said).toString('hex')).toBe(receiptDigest);
    expect(receiptDigest).toBe(decision!.receiptDigest);
    const { receiptDigest: _own, decidedBy, evaluation: { determining, ...evaluation }, ...rest } = decision!;
    expect(digestOf({ ...rest, decidedBy: decidedBy.id, evaluation: { ...evaluation, determining: determining.map(({ policy, versionNumber }) => ({ policyId: policy.id, versionNumber })) } }).toString('hex')).toBe(receiptDigest);
    const { decisions } = await ask<{ decisions: { nodes: Array<{ id: string }> } }>(subgraph, '{ decisions(first: 5) { nodes { id } } }', {}, OFFICER);
    expect(decisions.nodes[0]?.id).toBe(decision!.id);
  });

  test('denies and records what the engine cannot read', async () => {
    const { decision } = await decide(request(agent(), 'applySynthesizedPolicy', { confidence: 0.9, reason: 'half \ud800' }));
    expect(decision?.evaluation).toMatchObject({ outcome: 'DENY', permitted: false });
    expect(decision?.evaluation.errors).toHaveLength(1);
  });

  test('refuses a request it could not record', async () => {
    expect(await decide({ ...request(human(), 'approveChange'), principal: { id: 'a\u0000b', kind: 'HUMAN', roles: [] } })).toMatchObject({ __typename: 'InvalidInput', field: 'input.principal.id' });
    expect(await decide(request(human(), 'approveChange', { reason: 'x'.repeat(20_000) }))).toMatchObject({ __typename: 'InvalidInput', field: 'input.context' });
  });

  test('uses exactly the policies in force, though another process changed them', async () => {
    const input = request(human('operator'), 'promoteModel', { environment: 'staging' });
    expect((await decide(input)).decision?.evaluation.outcome).toBe('ALLOW');
    // Another process retires the policy, and this one has not heard of it.
    const client = await subgraph.admin.connect();
    try {
      await client.query('BEGIN');
      await client.query('ALTER TABLE policy_governance.policy DISABLE TRIGGER USER');
      await client.query(`UPDATE policy_governance.policy SET state = 'RETIRED', version = version + 1 WHERE id = 'operations-by-operators'`);
      await client.query('UPDATE policy_governance.policy_set SET revision = revision + 1');
      await client.query('ALTER TABLE policy_governance.policy ENABLE TRIGGER USER');
      await client.query('COMMIT');
    } finally {
      client.release();
    }
    expect((await decide(input)).decision?.evaluation).toMatchObject({ outcome: 'DENY', determining: [] });
  });
});

describe('the engine', () => {
  const engine = new CedarEngine(requestSchema());
  const set: PolicySet = {
    revision: 1, digest: 'd'.repeat(64),
    policies: new Map(seedPolicies().map(({ id, cedar }) => {
      const checked = engine.check(cedar);
      if ('errors' in checked) throw new Error(`${id}: ${checked.errors.map(({ message }) => message).join()}`);
      return [id, { policyId: id, number: 1, cedar, ...checked, digest: textDigest(cedar), publishedBy: 'system:seed', publishedAt: '2026-01-01T00:00:00.000Z' }];
    })),
  };
  engine.load(set);
  const judge = (given: PolicyRequest) => conclude(set, engine.evaluate(given, TEST_HASH));

  test('never throws and never permits by accident, whatever it is asked (fuzz)', () => {
    const name = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('approveChange', 'deployService', 'applySynthesizedPolicy', '__proto__', '"; permit(principal,action,resource);'));
    fc.assert(fc.property(fc.record({
      principal: fc.record({ id: name, kind: fc.constantFrom('HUMAN', 'SERVICE', 'AGENT'), roles: fc.array(name, { maxLength: 4 }) }),
      action: name, resource: fc.record({ type: name, id: name, ownerId: fc.option(name) }), context: fc.oneof(fc.jsonValue(), fc.dictionary(fc.constantFrom('confidence', 'complianceScore', 'environment', 'activeHash', '__proto__', '__entity', '__extn'), fc.jsonValue())),
    }), (given) => {
      const evaluation = judge(given);
      expect(OUTCOMES).toContain(evaluation.outcome);
      if (evaluation.permitted) expect([evaluation.errors, evaluation.determining.length > 0]).toEqual([[], true]);
      if (evaluation.errors.length > 0) expect(evaluation.outcome).toBe('DENY');
    }), { numRuns: 1_500 });
  });

  test('never lets anyone but a person approve (property)', () => {
    fc.assert(fc.property(fc.constantFrom('SERVICE' as const, 'AGENT' as const), fc.subarray(['cto', 'vp-engineering', 'team-lead', 'governance-officer', 'admin']),
      fc.constantFrom('approveChange', 'approveEvolution', 'ratifyAmendment', 'reviewBreakGlass'), fc.constantFrom('EMERGENCY', 'STANDARD', 'NORMAL'), (kind, roles, action, changeCategory) => {
        expect(judge({ principal: { id: 'x', kind, roles }, action, resource: { type: 'ChangeRequest', id: 'y' }, context: { changeCategory } }).permitted).toBe(false);
      }));
  });

  test('checks any text without throwing (fuzz)', () => {
    fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('permit', 'forbid').chain((effect) => fc.string().map((text) => `${effect} (principal, action, resource) when { ${text} };`))), (text) => {
      const checked = engine.check(text);
      expect('errors' in checked ? checked.errors.length > 0 : checked.effect.length > 0).toBe(true);
    }), { numRuns: 400 });
  });

  test('denies before any policies are loaded and keeps its set when another does not parse', () => {
    const fresh = new CedarEngine(requestSchema());
    expect(fresh.evaluate({ principal: { id: 'x', kind: 'HUMAN', roles: [] }, action: 'approveChange', resource: { type: 'a', id: 'b' } }, TEST_HASH)).toMatchObject({ allowed: false, errors: ['No policies are loaded.'] });
    const [id, version] = [...set.policies][0]!;
    expect(() => engine.load({ ...set, revision: 2, policies: new Map([[id, { ...version, cedar: 'nonsense' }]]) })).toThrow(/do not parse/);
    expect(engine.set?.revision).toBe(1);
  });

  test('denies when any policy fails while it is evaluated, though others permit', () => {
    const failing = 'forbid (principal, action, resource) when { principal.roles.contains("operator") && 9223372036854775807 + 1 == 0 };';
    const checked = engine.check(failing);
    if ('errors' in checked) throw new Error('The policy must pass the check.');
    const other = new CedarEngine(requestSchema());
    const [, version] = [...set.policies][0]!;
    const broken: PolicySet = { ...set, revision: 2, policies: new Map([...set.policies, ['overflows', { ...version, policyId: 'overflows', cedar: failing, ...checked }]]) };
    other.load(broken);
    const given: PolicyRequest = { principal: { id: 'x', kind: 'HUMAN', roles: ['operator'] }, action: 'deployService', resource: { type: 'Service', id: 'auth' }, context: APPROVED };
    expect(judge(given).outcome).toBe('ALLOW');
    const answer = other.evaluate(given, TEST_HASH);
    expect(answer).toMatchObject({ allowed: true, determining: ['operations-by-operators'], errors: [expect.stringMatching(/^overflows: .*overflow/)] });
    expect(conclude(broken, answer)).toMatchObject({ outcome: 'DENY', permitted: false });
  });

  test('takes the strictest of what policies ask (property)', () => {
    expect(strictest([])).toBe('DENY');
    fc.assert(fc.property(fc.array(fc.constantFrom(...OUTCOMES), { minLength: 1 }), (outcomes) => {
      const result = strictest(outcomes);
      expect(outcomes).toContain(result);
      expect(outcomes.every((outcome) => OUTCOMES.indexOf(outcome) <= OUTCOMES.indexOf(result))).toBe(true);
    }));
  });

  test('knows which circumstances are decimals, as the schema does', () => {
    const parsed = schemaToJson(requestSchema());
    if (parsed.type === 'failure') throw new Error('The schema does not parse.');
    const circumstances = parsed.json['Acgs']?.commonTypes?.['Circumstances'] as unknown as { attributes: Record<string, { name: string }> };
    expect(Object.entries(circumstances.attributes).filter(([, { name }]) => name === 'decimal').map(([attribute]) => attribute).sort()).toEqual([...DECIMAL_CIRCUMSTANCES].sort());
    expect(readFileSync(projectPath('subgraphs', 'policy-governance', 'policies', 'requests.cedarschema'), 'utf8')).toBe(requestSchema());
  });

  test('counts lines and columns in characters', () => {
    expect(placeOf('\u00e9\u00e9 x\nab', 5)).toEqual({ line: 1, column: 4 });
    expect(placeOf('\u00e9\nab', 4)).toEqual({ line: 2, column: 2 });
  });

  test('judges within a millisecond, typically', () => {
    const given: PolicyRequest = { principal: { id: 'x', kind: 'HUMAN', roles: ['operator'] }, action: 'deployService', resource: { type: 'Service', id: 'auth' }, context: APPROVED };
    const times = Array.from({ length: 2_000 }, () => { const started = performance.now(); judge(given); return performance.now() - started; }).sort((left, right) => left - right);
    process.stderr.write(`policy evaluation: median ${times[1_000]!.toFixed(3)} ms, 99th percentile ${times[1_980]!.toFixed(3)} ms\n`);
    expect(times[1_000]!).toBeLessThan(5);
  });
});
