/** The constitution, compliance checks and violations against a real database. */
import { createPrivateKey } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { recordEpoch } from '../../../ops/database/provision.js';
import { constitutionDigest, constitutionPaths, labelOfDigest, signManifest } from '../../../ops/runtime/constitution-manifest.js';
import { genesisConstitution } from '../../../subgraphs/constitutional-ai/genesis.js';
import { constitutionalAi } from '../../../subgraphs/constitutional-ai/index.js';
import { nextOf, principal, startTestSubgraph, TEST_HASH, type CallOptions, type TestSubgraph } from '../../kit/subgraph.js';

const OFFICER = principal('officer', { scopes: ['constitution:read', 'compliance:read', 'compliance:write'] });
const OTHER = principal('second-officer', { scopes: ['compliance:read', 'compliance:write'] });
const AGENT = principal('agent-1', { kind: 'AGENT', scopes: ['compliance:read', 'compliance:write'] });
const GOOD = {
  constitutional_hash_verified: true, risk_score: 0.2, human_review: true, change_published: true, rollback_plan: true, rollback_minutes: 5, rto_minutes: 15,
  approver_kind: 'HUMAN', approver_is_author: false,
};

let subgraph: TestSubgraph;
beforeAll(async () => { subgraph = await startTestSubgraph(constitutionalAi, { constitution: genesisConstitution() }); });
afterAll(async () => { await subgraph.stop(); });

async function ask<T>(query: string, variables: Record<string, unknown> = {}, options: CallOptions = { principal: OFFICER }): Promise<T> {
  const { data, errors } = await subgraph.query<T>(query, variables, options);
  expect(errors).toBeUndefined();
  return data as T;
}

interface Validation { constitutionalValidation: { valid: boolean; hash: string; digest: string; epoch: number; checks: Array<{ name: string; passed: boolean; detail: string }> } }
const VALIDATION = '{ constitutionalValidation { valid hash digest epoch checks { name passed detail } } }';
const validate = async () => (await ask<Validation>(VALIDATION, {}, { principal: null })).constitutionalValidation;
const failed = async () => (await validate()).checks.filter(({ passed }) => !passed).map(({ name }) => name);

interface Checked { runComplianceCheck: { __typename: string; code?: string; message?: string; field?: string; check?: { id: string; verdict: string; score: number; threshold: number; attributes: unknown; service: { id: string }; findings: Array<{ principle: { id: string; code: string }; outcome: string; failedExpression: string | null }>; violations: Array<{ id: string; status: string; version: number; principle: { code: string } }> } } }
const RUN = `mutation($input: RunComplianceCheckInput!, $key: String) { runComplianceCheck(input: $input, idempotencyKey: $key) { __typename
  ... on Problem { code message } ... on InvalidInput { field }
  ... on RunComplianceCheckPayload { check { id verdict score threshold attributes service { id } findings { principle { id code } outcome failedExpression } violations { id status version principle { code } } } } } }`;

async function run(attributes: unknown, overrides: Record<string, unknown> = {}, options: CallOptions = { principal: OFFICER }, key?: string) {
  const { runComplianceCheck } = await ask<Checked>(RUN, { input: { serviceId: 'auth', subject: 'CHG-2025-0001', actionKind: 'DEPLOYMENT', attributes, ...overrides }, key }, options);
  return runComplianceCheck;
}

interface Decided { result: { __typename: string; code?: string; violation?: { id: string; status: string; version: number; decidedBy: { id: string } | null; reason: string | null; remediation: string | null } } }
const decision = (field: string, argument: string, payload: string) => `mutation($id: ID!, $text: String!, $v: Int, $key: String) { result: ${field}(violationId: $id, ${argument}: $text, expectedVersion: $v, idempotencyKey: $key) { __typename ... on Problem { code } ... on ${payload} { violation { id status version decidedBy { id } reason remediation } } } }`;
const CONFIRM = decision('confirmViolation', 'reason', 'ConfirmViolationPayload');
const DISMISS = decision('dismissViolation', 'reason', 'DismissViolationPayload');
const REMEDIATE = decision('remediateViolation', 'remediation', 'RemediateViolationPayload');
const decide = async (document: string, variables: Record<string, unknown>, options: CallOptions = { principal: OTHER }) => (await ask<Decided>(document, { text: 'Looked at it.', ...variables }, options)).result;

describe('the constitution', () => {
  test('is installed once from the manifest, however often the seed runs', async () => {
    await Promise.all([subgraph.subgraph.seed(), subgraph.subgraph.seed()]);
    const { constitution } = await ask<{ constitution: { id: string; version: number; label: string; epoch: number; thresholds: unknown[]; principles: Array<{ code: string; rule: string }> } }>(
      '{ constitution { id version label epoch thresholds { level minimumScore actionKinds } principles { code rule } } }');
    expect(constitution).toMatchObject({ id: 'constitution-1', version: 1, label: TEST_HASH, epoch: 1 });
    expect(constitution.thresholds).toContainEqual({ level: 'PRODUCTION', minimumScore: 0.95, actionKinds: expect.arrayContaining(['DEPLOYMENT', 'AMENDMENT']) });
    expect(constitution.principles.map(({ code }) => code)).toEqual(genesisConstitution().principles.map(({ id }) => id));
    expect((await subgraph.admin.query('SELECT count(*)::int AS n FROM constitutional_ai.constitution')).rows[0]).toEqual({ n: 1 });
    await expect(subgraph.admin.query(`INSERT INTO constitutional_ai.constitution SELECT 'constitution-2', 2, state, title, document_version, preamble, thresholds, levels, canonical_text, digest, label, 2, signature, activated_at, superseded_at, constitutional_hash FROM constitutional_ai.constitution`)).rejects.toMatchObject({ code: '23505' });
  });

  test('gives a principle by code and by identifier', async () => {
    const { a, b, none } = await ask<Record<'a' | 'b' | 'none', { id: string; title: string; attributes: unknown[] } | null>>('{ a: principle(id: "CP-07") { id title attributes { name type min max values } } b: principle(id: "CP-07.v1") { id title attributes { name type min max values } } none: principle(id: "CP-99") { id title } }');
    expect(a).toEqual(b);
    expect(a).toMatchObject({ id: 'CP-07.v1', attributes: expect.arrayContaining([{ name: 'rto_minutes', type: 'INT', min: 1, max: 1440, values: [] }]) });
    expect(none).toBeNull();
  });

  test('validates for anybody, over GraphQL and over the old path', async () => {
    const validation = await validate();
    expect(validation).toMatchObject({ valid: true, hash: TEST_HASH, epoch: 1 });
    expect(validation.checks.map(({ name }) => name)).toEqual(['LABEL_ACCEPTED', 'ONE_ACTIVE', 'TEXT_DIGEST', 'ROWS_DIGEST', 'EPOCH', 'SIGNATURE', 'MANIFEST_UNCHANGED']);
    const response = await fetch(`${subgraph.url}/api/v1/constitutional/validate`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ constitutional_hash: TEST_HASH, valid: true, digest: validation.digest, epoch: 1, checked_at: expect.any(String) });
  });
});

describe('compliance checks', () => {
  test('a good deployment passes and is shown on its service', async () => {
    const { check } = await run(GOOD);
    expect(check).toMatchObject({ verdict: 'COMPLIANT', score: 1, threshold: 0.95, service: { id: 'auth' }, violations: [] });
    const { _entities } = await ask<{ _entities: unknown[] }>('query($r: [_Any!]!) { _entities(representations: $r) { ... on Service { compliance { id verdict } openViolations { id } } } }', { r: [{ __typename: 'Service', id: 'auth' }, { __typename: 'Service', id: 'integrity' }] });
    expect(_entities).toEqual([{ compliance: { id: check?.id, verdict: 'COMPLIANT' }, openViolations: [] }, { compliance: null, openViolations: [] }]);
    expect(await (await fetch(`${subgraph.url}/metrics`)).text()).toMatch(/acgs_compliance_score\{[^}]*subject_service="auth"[^}]*\} 1\n/);
  });

  test('a prohibition beats the score, and each breach opens one violation', async () => {
    const { check } = await run({ ...GOOD, approver_is_author: true, human_review: false, risk_score: 0.9 }, { serviceId: 'integrity', incidentId: 'INC-2025-001' });
    expect(check).toMatchObject({ verdict: 'PROHIBITED' });
    expect(check?.findings.filter(({ outcome }) => outcome === 'VIOLATED')).toEqual([
      { principle: { id: 'CP-03.v1', code: 'CP-03' }, outcome: 'VIOLATED', failedExpression: 'risk_score <= 0.3 or human_review' },
      { principle: { id: 'CP-08.v1', code: 'CP-08' }, outcome: 'VIOLATED', failedExpression: 'not approver_is_author' },
    ]);
    expect(check?.violations.map(({ principle: { code }, status }) => `${code} ${status}`)).toEqual(['CP-03 OPEN', 'CP-08 OPEN']);
    const { _entities } = await ask<{ _entities: Array<Record<string, unknown[]>> }>('query($r: [_Any!]!) { _entities(representations: $r) { ... on Service { openViolations(first: 1) { id } } ... on Incident { violations { id causedBy { id } check { id } } } } }', { r: [{ __typename: 'Service', id: 'integrity' }, { __typename: 'Incident', id: 'INC-2025-001' }] });
    expect(_entities[0]?.['openViolations']).toEqual([{ id: check?.violations[1]?.id }]);
    expect(_entities[1]?.['violations']).toEqual(check?.violations.toReversed().map(({ id }) => ({ id, causedBy: { id: 'officer' }, check: { id: check.id } })));
  });

  test('a missing attribute is never a pass, and undeclared ones are not kept', async () => {
    const { human_review: _left, ...rest } = GOOD;
    const { check } = await run({ ...rest, api_key: 'k-123' });
    expect(check).toMatchObject({ verdict: 'INDETERMINATE', violations: [], attributes: rest });
    expect(JSON.stringify((await subgraph.admin.query('SELECT payload FROM constitutional_ai.outbox')).rows)).not.toContain('k-123');
  });

  test('the same key returns the first check, and another input under it is refused', async () => {
    const first = await run(GOOD, {}, undefined, 'key-1');
    const second = await run(GOOD, {}, undefined, 'key-1');
    expect(second.check?.id).toBe(first.check?.id);
    expect(await run(GOOD, { subject: 'else' }, undefined, 'key-1')).toMatchObject({ __typename: 'Conflict', code: 'IDEMPOTENCY_KEY_REUSED' });
  });

  test.each([
    [{ serviceId: 'nobody' }, 'input.serviceId'], [{ subject: ' ' }, 'input.subject'], [{ subject: 'a\u0000b' }, 'input.subject'], [{ attributes: [1] }, 'input.attributes'], [{ incidentId: 'INC 1' }, 'input.incidentId'],
  ])('refuses %j', async (overrides, field) => {
    expect(await run(GOOD, overrides)).toMatchObject({ __typename: 'InvalidInput', field });
  });

  test('stays as it was found, even for the owner of the database', async () => {
    await expect(subgraph.admin.query('UPDATE constitutional_ai.compliance_check SET score = 1')).rejects.toMatchObject({ code: 'AC003' });
    await expect(subgraph.admin.query('DELETE FROM constitutional_ai.compliance_check')).rejects.toMatchObject({ code: 'AC003' });
  });

  test('pages and sums up by day', async () => {
    type Page = { complianceChecks: { nodes: Array<{ id: string }>; endCursor: string; hasNextPage: boolean } };
    const page = 'query($after: Cursor) { complianceChecks(serviceId: "auth", first: 2, after: $after) { nodes { id } endCursor hasNextPage } }';
    const first = (await ask<Page>(page)).complianceChecks;
    const second = (await ask<Page>(page, { after: first.endCursor })).complianceChecks;
    expect(new Set([...first.nodes, ...second.nodes].map(({ id }) => id)).size).toBe(3);
    expect([first.hasNextPage, second.hasNextPage]).toEqual([true, false]);
    const { complianceTrend } = await ask<{ complianceTrend: unknown[] }>('{ complianceTrend { checks compliant prohibited meanScore } }');
    expect(complianceTrend).toEqual([{ checks: 4, compliant: 2, prohibited: 1, meanScore: expect.any(Number) }]);
  });

  test('needs the scope and the hash', async () => {
    const input = { serviceId: 'auth', subject: 's', actionKind: 'DEPLOYMENT', attributes: {} };
    expect((await subgraph.query(RUN, { input }, { principal: principal('reader', { scopes: ['compliance:read'] }) })).errors?.[0]?.extensions?.['code']).toBe('FORBIDDEN');
    expect((await subgraph.query(RUN, { input }, { principal: OFFICER, hashPresented: false })).errors?.[0]?.extensions?.['code']).toBe('CONSTITUTIONAL_HASH_REQUIRED');
  });
});

describe('violations', () => {
  const report = (parts: Record<string, unknown> = {}) => ({
    kind: 'INSTANCE_HASH_MISMATCH', principalId: null, requestId: 'req-1', expected: TEST_HASH, received: '608508a9bd224290', subgraph: 'auth', instanceUrl: 'http://10.0.0.5:8000', occurredAt: '2025-07-07T10:00:00.000Z', occurrences: 1, ...parts,
  });
  const send = async (body: unknown) => {
    const response = await subgraph.hop('POST', '/internal/violations', body);
    return { status: response.status, body: await response.json() as { id: string } };
  };

  test('a report is stored once, and streamed', async () => {
    const stream = subgraph.subscribe<{ violationChanged: { kind: string; cursor: string; violation: { id: string; status: string; summary: string } | null } }>(
      'subscription { violationChanged(serviceId: "auth") { kind cursor violation { id status summary } } }', {}, { principal: OFFICER });
    expect((await nextOf(stream)).data?.violationChanged).toMatchObject({ kind: 'OPENED', violation: null });
    const [first, second, elsewhere] = [await send(report()), await send(report({ occurrences: 2 })), await send(report({ instanceUrl: 'http://10.0.0.6:8000' }))];
    expect([first.status, second.status, elsewhere.status]).toEqual([201, 200, 201]);
    expect(second.body.id).toBe(first.body.id);
    expect((await nextOf(stream)).data?.violationChanged).toMatchObject({ kind: 'EVENT', violation: { id: first.body.id, status: 'OPEN', summary: `An instance of auth answered under "608508a9bd224290" where "${TEST_HASH}" governs.` } });
    expect((await nextOf(stream)).data?.violationChanged.violation?.id).toBe(elsewhere.body.id);
    await stream.return?.();
  });

  test('a report without a request id is recognised when it comes again, and a long hash is cut', async () => {
    const anonymous = report({ kind: 'REQUEST_HASH_MISMATCH', requestId: null, subgraph: null, instanceUrl: null, received: `\u0000\ud800${'x'.repeat(5_000)}`, occurrences: 17 });
    const [first, second] = [await send(anonymous), await send(anonymous)];
    expect([first.status, second.status]).toEqual([201, 200]);
    const { violation } = await ask<{ violation: { receivedHash: string; occurrences: number; service: { id: string }; causedBy: unknown } }>('query($id: ID!) { violation(id: $id) { receivedHash occurrences service { id } causedBy { id } } }', { id: first.body.id });
    expect(violation).toMatchObject({ occurrences: 17, service: { id: 'gateway' }, causedBy: null });
    expect(violation.receivedHash).toBe(`\u{fffd}\u{fffd}${'x'.repeat(126)}`);
  });

  test('a malformed report and one without a hop token are refused', async () => {
    expect((await send({ kind: 'SOMETHING' })).status).toBe(400);
    expect((await fetch(`${subgraph.url}/internal/violations`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(report()) })).status).toBe(401);
  });

  test('goes OPEN, CONFIRMED, REMEDIATED; versions and states are held', async () => {
    const { body: { id } } = await send(report({ requestId: 'req-2' }));
    expect(await decide(REMEDIATE, { id })).toMatchObject({ __typename: 'Conflict', code: 'STATE_CONFLICT' });
    expect(await decide(CONFIRM, { id, v: 7 })).toMatchObject({ __typename: 'Conflict', code: 'VERSION_CONFLICT' });
    expect(await decide(CONFIRM, { id, v: 1, key: 'c1' })).toMatchObject({ violation: { status: 'CONFIRMED', version: 2, decidedBy: { id: 'second-officer' } } });
    expect(await decide(CONFIRM, { id, v: 1, key: 'c1' })).toMatchObject({ violation: { status: 'CONFIRMED', version: 2 } });
    expect(await decide(DISMISS, { id })).toMatchObject({ code: 'STATE_CONFLICT' });
    expect(await decide(REMEDIATE, { id, text: 'The instance was replaced.' })).toMatchObject({ violation: { status: 'REMEDIATED', version: 3, remediation: 'The instance was replaced.' } });
    expect(await decide(CONFIRM, { id: 'nothing' })).toMatchObject({ __typename: 'NotFound' });
    expect(await decide(DISMISS, { id, text: '  ' })).toMatchObject({ __typename: 'InvalidInput' });
  });

  test('nobody dismisses a violation they caused, and agents judge none', async () => {
    const { check } = await run({ ...GOOD, rollback_plan: false });
    const id = check?.violations[0]?.id;
    expect(await decide(DISMISS, { id }, { principal: OFFICER })).toMatchObject({ __typename: 'Forbidden', code: 'SEPARATION_OF_DUTIES' });
    expect((await subgraph.query(DISMISS, { id, text: 'No.' }, { principal: AGENT })).errors?.[0]?.extensions?.['code']).toBe('FORBIDDEN');
    expect(await decide(DISMISS, { id }, { principal: OTHER })).toMatchObject({ violation: { status: 'DISMISSED' } });
  });

  test('are found by state and time', async () => {
    type Page = { violations: { nodes: Array<{ status: string }> } };
    const dismissed = await ask<Page>('{ violations(status: DISMISSED) { nodes { status } } }');
    expect(dismissed.violations.nodes).toEqual([{ status: 'DISMISSED' }]);
    const later = await ask<Page>('{ violations(since: "2025-07-07T10:00:00.001Z", first: 100) { nodes { status } } }');
    const all = await ask<Page>('{ violations(first: 100) { nodes { status } } }');
    expect(all.violations.nodes.length - later.violations.nodes.length).toBe(4);
  });
});

describe('tampering', () => {
  const forge = async (sql: string, table: string): Promise<void> => {
    await subgraph.admin.query(`ALTER TABLE constitutional_ai.${table} DISABLE TRIGGER USER`);
    await subgraph.admin.query(sql);
  };

  test('the triggers refuse an edit that leaves no trace', async () => {
    await expect(subgraph.admin.query(`UPDATE constitutional_ai.principle SET weight = 0.01 WHERE code = 'CP-09'`)).rejects.toMatchObject({ code: 'AC002' });
  });

  test('an edited principle makes the validation fail, and nothing is judged by it', async () => {
    await forge(`UPDATE constitutional_ai.principle SET rule = 'true' WHERE code = 'CP-08'`, 'principle');
    expect(await failed()).toEqual(['ROWS_DIGEST']);
    expect((await fetch(`${subgraph.url}/api/v1/constitutional/validate`)).status).toBe(503);
    expect(await run(GOOD)).toMatchObject({ __typename: 'Conflict', message: expect.stringContaining('not the one that was signed') });
    await subgraph.admin.query(`UPDATE constitutional_ai.principle SET rule = 'approver_kind = "HUMAN" and not approver_is_author' WHERE code = 'CP-08'`);
    expect(await failed()).toEqual([]);
  });

  test('so does an edited text, a closed label, a missing key and a forged manifest', async () => {
    await forge(`UPDATE constitutional_ai.constitution SET canonical_text = canonical_text || ' '`, 'constitution');
    await subgraph.admin.query(`UPDATE constitutional_ai.constitutional_epoch SET state = 'CLOSED'`);
    expect(await failed()).toEqual(['LABEL_ACCEPTED', 'TEXT_DIGEST']);
    const folder = join(subgraph.dataDirectory, 'constitution');
    await rename(join(folder, 'public.pem'), join(folder, 'away.pem'));
    expect(await failed()).toEqual(['LABEL_ACCEPTED', 'TEXT_DIGEST', 'SIGNATURE']);
    await writeFile(join(folder, 'public.pem'), 'not a key');
    expect(await failed()).toContain('SIGNATURE');
    await rename(join(folder, 'away.pem'), join(folder, 'public.pem'));
    await writeFile(join(folder, 'manifest.json'), JSON.stringify({ version: 1 }));
    expect(await failed()).toContain('SIGNATURE');
  });
});

describe('a newer epoch', () => {
  test('supersedes the constitution in force, whose principles stay readable', async () => {
    const own = await startTestSubgraph(constitutionalAi, { constitution: genesisConstitution() });
    try {
      const constitution = { ...genesisConstitution(), version: '1.1.0', preamble: 'Amended.' };
      const digest = constitutionDigest(constitution);
      const label = labelOfDigest(digest);
      const paths = constitutionPaths(own.dataDirectory);
      const manifest = signManifest({ version: 1, epoch: 2, active: label, accepted: [label, TEST_HASH], digest, issuedAt: '2025-08-01T00:00:00.000Z', constitution }, createPrivateKey(await readFile(paths.privateKey)));
      await writeFile(paths.manifest, JSON.stringify(manifest));
      const { host, port, user } = own.admin.options;
      const { rows: [database] } = await own.admin.query<{ name: string }>('SELECT current_database() AS name');
      const adminUrl = own.admin.options.connectionString ?? `postgres://${user}@${host}:${port}/${database?.name}`;
      await recordEpoch({ connectionString: adminUrl, label, epoch: 2, digest, signature: manifest.signature, state: 'ACCEPTED' });
      await own.restart();
      await own.subgraph.seed();
      const { data } = await own.query('{ constitution { id version label epoch documentVersion } principle(id: "CP-01") { id } old: principle(id: "CP-01.v1") { id } constitutionalValidation { valid } }', {}, { principal: OFFICER });
      expect(data).toEqual({ constitution: { id: 'constitution-2', version: 2, label, epoch: 2, documentVersion: '1.1.0' }, principle: { id: 'CP-01.v2' }, old: { id: 'CP-01.v1' }, constitutionalValidation: { valid: true } });
      const { rows } = await own.admin.query(`SELECT id, state FROM constitutional_ai.constitution ORDER BY version`);
      expect(rows).toEqual([{ id: 'constitution-1', state: 'SUPERSEDED' }, { id: 'constitution-2', state: 'ACTIVE' }]);
    } finally {
      await own.stop();
    }
  });
});
