/** Proof obligations from submission to decision, over restarts, against a real database and a real solver. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { formalVerification } from '../../../subgraphs/formal-verification/index.js';
import { nextOf, principal, startTestSubgraph, type CallOptions, type TestSubgraph } from '../../kit/subgraph.js';
import { until } from '../../kit/until.js';

const ENGINEER = principal('engineer', { scopes: ['proof:read', 'proof:write'] });
const HARD = '(declare-const x Int)(declare-const y Int)(declare-const z Int)(assert (= (+ (* x x x) (* y y y) (* z z z)) 42))(check-sat)';
const RULES = {
  attributes: [{ name: 'risk', type: 'DECIMAL', min: 0, max: 1 }, { name: 'reviewed', type: 'BOOL' }],
  rules: ['risk > 0.3 implies reviewed'], obligation: 'risk >= 0.5 implies reviewed',
};

let subgraph: TestSubgraph;
beforeAll(async () => { subgraph = await startTestSubgraph(formalVerification, { seed: false }); });
afterAll(async () => { await subgraph.stop(); });

interface Obligation { id: string; status: string; reasonCode: string | null; reason: string | null; problemDigest: string; durationMs: number | null; solver: string | null; attributes: unknown[]; rules: string[]; obligation: string | null; script: string | null; counterexample: { values: Array<{ name: string; value: string }>; replay: { obligation: { holds: boolean } } | null } | null; service: { id: string } | null; submittedBy: { id: string } | null }
const FIELDS = 'id status reasonCode reason problemDigest durationMs solver attributes { name type min max values } rules obligation script counterexample { values { name value } replay { obligation { holds } } } service { id } submittedBy { id }';
interface Submitted { submitProof: { __typename: string; code?: string; message?: string; field?: string; obligation?: Obligation } }
const SUBMIT = `mutation($input: SubmitProofInput!, $key: String) { submitProof(input: $input, idempotencyKey: $key) { __typename ... on Problem { code message } ... on InvalidInput { field } ... on SubmitProofPayload { obligation { ${FIELDS} } } } }`;

async function ask<T>(query: string, variables: Record<string, unknown> = {}, options: CallOptions = { principal: ENGINEER }): Promise<T> {
  const { data, errors } = await subgraph.query<T>(query, variables, options);
  expect(errors).toBeUndefined();
  return data as T;
}

async function submit(input: Record<string, unknown>, key?: string): Promise<Submitted['submitProof']> {
  return (await ask<Submitted>(SUBMIT, { input: { title: 'A claim', ...input }, key })).submitProof;
}

async function submitted(input: Record<string, unknown>): Promise<Obligation> {
  const { obligation, message } = await submit(input);
  if (obligation === undefined) throw new Error(message);
  return obligation;
}

const read = async (id: string): Promise<Obligation> => (await ask<{ proofObligation: Obligation }>(`query($id: ID!) { proofObligation(id: $id) { ${FIELDS} } }`, { id })).proofObligation;
const decided = (id: string): Promise<Obligation> => until(async () => {
  const obligation = await read(id);
  return obligation.status === 'PENDING' ? undefined : obligation;
}, 20_000);

describe('deciding', () => {
  test('an obligation is recorded PENDING, decided in the background and streamed', async () => {
    const stream = subgraph.subscribe<{ proofDecided: { kind: string; obligation: Obligation | null } }>(`subscription { proofDecided { kind obligation { ${FIELDS} } } }`, {}, { principal: ENGINEER });
    expect((await nextOf(stream)).data?.proofDecided.kind).toBe('OPENED');
    const pending = await submitted({ kind: 'RULE_SET', ruleSet: RULES, serviceId: 'policy-governance', changeRequestId: 'CHG-2025-0007' });
    expect(pending).toMatchObject({ status: 'PENDING', rules: RULES.rules, obligation: RULES.obligation, script: null, service: { id: 'policy-governance' }, submittedBy: { id: 'engineer' }, durationMs: null, solver: null });
    const message = (await nextOf(stream)).data?.proofDecided;
    await stream.return?.();
    expect(message).toMatchObject({ kind: 'EVENT', obligation: { id: pending.id, status: 'PROVED', reasonCode: null, counterexample: null, solver: expect.stringMatching(/^Z3 /), durationMs: expect.any(Number) } });
    expect(await read(pending.id)).toEqual(message?.obligation);
    expect(await (await fetch(`${subgraph.url}/metrics`)).text()).toMatch(/acgs_proofs_total\{[^}]*status="PROVED"[^}]*\} 1/);
  }, 30_000);

  test('a refuted one shows its counterexample', async () => {
    const { id } = await submitted({ kind: 'RULE_SET', ruleSet: { ...RULES, obligation: 'risk >= 0.2 implies reviewed' } });
    const obligation = await decided(id);
    expect(obligation).toMatchObject({ status: 'REFUTED', counterexample: { replay: { obligation: { holds: false } } } });
    const risk = Number(obligation.counterexample?.values.find(({ name }) => name === 'risk')?.value);
    expect(risk).toBeGreaterThanOrEqual(0.2);
    expect(risk).toBeLessThanOrEqual(0.3);
  });

  test('a script that takes too long is UNKNOWN, one the solver does not take an ERROR', async () => {
    const [slow, wrong] = [await submitted({ kind: 'SMT_LIB', smtLib: HARD, timeoutMs: 200 }), await submitted({ kind: 'SMT_LIB', smtLib: '(assert (undeclared))(check-sat)' })];
    expect(await decided(slow.id)).toMatchObject({ status: 'UNKNOWN', reasonCode: 'TIMEOUT', counterexample: null });
    expect(await decided(wrong.id)).toMatchObject({ status: 'ERROR', reasonCode: 'SCRIPT_REFUSED', reason: expect.stringContaining('line 1 column') });
  }, 30_000);

  test('a proof under way survives a restart', async () => {
    const { id } = await submitted({ kind: 'SMT_LIB', smtLib: HARD, timeoutMs: 1_000 });
    await until(async () => ((await subgraph.admin.query('SELECT 1 FROM formal_verification.proof_lease WHERE obligation_id = $1 AND owner IS NOT NULL', [id])).rowCount === 1 ? true : undefined));
    await subgraph.restart();
    expect(await decided(id)).toMatchObject({ status: 'UNKNOWN', reasonCode: 'TIMEOUT' });
    expect((await subgraph.admin.query('SELECT count(*)::int AS n FROM formal_verification.proof_lease')).rows[0]).toEqual({ n: 0 });
  }, 30_000);

  test('work of a process that is gone is taken up when its lease ends, and not for ever', async () => {
    await subgraph.subgraph.stop();
    await subgraph.restart();
    const { id } = await submitted({ kind: 'SMT_LIB', smtLib: '(assert false)(check-sat)' });
    await decided(id);
    // What a crash in the middle leaves behind, three times over.
    const { id: lost } = await submitted({ kind: 'SMT_LIB', smtLib: HARD, timeoutMs: 60_000 });
    await until(async () => ((await subgraph.admin.query('SELECT 1 FROM formal_verification.proof_lease WHERE obligation_id = $1 AND owner IS NOT NULL', [lost])).rowCount === 1 ? true : undefined));
    await subgraph.subgraph.stop();
    await subgraph.admin.query(`UPDATE formal_verification.proof_lease SET owner = 'gone', attempts = 3, expires_at = now() - interval '1 second' WHERE obligation_id = $1`, [lost]);
    await subgraph.restart();
    expect(await decided(lost)).toMatchObject({ status: 'ERROR', reasonCode: 'ATTEMPTS_EXHAUSTED' });
  }, 30_000);

  test('a decision is final, even for the owner of the database', async () => {
    await expect(subgraph.admin.query(`UPDATE formal_verification.proof_obligation SET status = 'PROVED' WHERE status <> 'PENDING'`)).rejects.toMatchObject({ code: 'AC003' });
    await expect(subgraph.admin.query('DELETE FROM formal_verification.proof_obligation')).rejects.toMatchObject({ code: 'AC003' });
  });
});

describe('submitting', () => {
  test.each([
    [{ kind: 'RULE_SET', ruleSet: { ...RULES, rules: ['risk > 0.3 implies'] } }, 'input.ruleSet.rules[0]', 'line 1, column 19'],
    [{ kind: 'RULE_SET', ruleSet: { ...RULES, obligation: 'unknown' } }, 'input.ruleSet.obligation', 'the attribute unknown is not declared'],
    [{ kind: 'RULE_SET', ruleSet: { ...RULES, attributes: [...RULES.attributes, { name: 'risk', type: 'BOOL' }] } }, 'input.ruleSet.attributes[2]', 'declared twice'],
    [{ kind: 'RULE_SET' }, 'input.ruleSet', 'needs a rule set'],
    [{ kind: 'SMT_LIB', smtLib: '(check-sat)', ruleSet: RULES }, 'input.ruleSet', 'takes no rule set'],
    [{ kind: 'SMT_LIB', smtLib: '(assert true)\n(get-model)' }, 'input.smtLib', 'line 2, column 2: the command get-model is not allowed'],
    [{ kind: 'SMT_LIB', smtLib: '(check-sat)', timeoutMs: 99 }, 'input.timeoutMs', '100 to 60000'],
    [{ kind: 'SMT_LIB', smtLib: '(check-sat)', title: ' ' }, 'input.title', '1 to 200'],
    [{ kind: 'SMT_LIB', smtLib: '(check-sat)', serviceId: 'nobody' }, 'input.serviceId', 'no service'],
  ])('%j is refused', async (input, field, message) => {
    expect(await submit(input)).toMatchObject({ __typename: 'InvalidInput', field, message: expect.stringContaining(message) });
  });

  test('once per key; equal problems have equal digests', async () => {
    const input = { kind: 'SMT_LIB', smtLib: '(assert false)(check-sat)' };
    const [first, again] = [await submit(input, 'k'), await submit(input, 'k')];
    expect(again.obligation?.id).toBe(first.obligation?.id);
    expect((await submitted({ ...input, title: 'Another title' })).problemDigest).toBe(first.obligation?.problemDigest);
  });

  test('needs scope and hash', async () => {
    const input = { kind: 'SMT_LIB', title: 't', smtLib: '(check-sat)' };
    expect((await subgraph.query(SUBMIT, { input }, { principal: principal('reader', { scopes: ['proof:read'] }) })).errors?.[0]?.extensions?.['code']).toBe('FORBIDDEN');
    expect((await subgraph.query(SUBMIT, { input }, { principal: ENGINEER, hashPresented: false })).errors?.[0]?.extensions?.['code']).toBe('CONSTITUTIONAL_HASH_REQUIRED');
  });
});

describe('reading', () => {
  test('the seed proves the requirements, once', async () => {
    await Promise.all([subgraph.subgraph.seed(), subgraph.subgraph.seed()]);
    for (const id of ['proof-threshold-ladder', 'proof-approval-matrix', 'proof-recovery-tiers', 'proof-contained-evolution']) {
      expect(await decided(id)).toMatchObject({ status: 'PROVED', submittedBy: null });
    }
    await subgraph.subgraph.seed();
    const { proofObligations } = await ask<{ proofObligations: { nodes: Array<{ id: string }> } }>('{ proofObligations(filter: { serviceId: "constitutional-ai" }) { nodes { id } } }');
    expect(proofObligations.nodes).toEqual([{ id: 'proof-threshold-ladder' }]);
  }, 30_000);

  test('by filter, page and reference', async () => {
    type Page = { proofObligations: { nodes: Array<{ id: string; status: string }>; endCursor: string; hasNextPage: boolean } };
    const page = 'query($filter: ProofObligationFilter, $after: Cursor) { proofObligations(filter: $filter, first: 2, after: $after) { nodes { id status } endCursor hasNextPage } }';
    const first = (await ask<Page>(page, { filter: { kind: 'RULE_SET', status: 'PROVED' } })).proofObligations;
    const second = (await ask<Page>(page, { filter: { kind: 'RULE_SET', status: 'PROVED' }, after: first.endCursor })).proofObligations;
    expect(new Set([...first.nodes, ...second.nodes].map(({ id }) => id)).size).toBe(4);
    expect(first.hasNextPage).toBe(true);
    const { _entities } = await ask<{ _entities: Array<{ proofObligations: Array<{ id: string; status: string }> }> }>(
      'query($r: [_Any!]!) { _entities(representations: $r) { ... on Service { proofObligations { id status } } ... on ChangeRequest { proofObligations(first: 1) { status } } } }',
      { r: [{ __typename: 'Service', id: 'integrity' }, { __typename: 'Service', id: 'auth' }, { __typename: 'ChangeRequest', id: 'CHG-2025-0007' }] });
    expect(_entities).toEqual([{ proofObligations: [{ id: 'proof-recovery-tiers', status: 'PROVED' }] }, { proofObligations: [] }, { proofObligations: [{ status: 'PROVED' }] }]);
  });
});
