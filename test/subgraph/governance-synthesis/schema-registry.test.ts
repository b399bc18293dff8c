/** The schema registry: versions that never change, checks that are kept, breaking changes that need a second person, signed activations. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeJwt, importJWK, jwtVerify, type JWK } from 'jose';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256Hex } from '../../../ops/runtime/canonical-json.js';
import { shippedContract, shippedSupergraph } from '../../../ops/runtime/contracts.js';
import { SCHEMA_FEED_PATH, SCHEMA_KEY_FILE, SCHEMA_USAGE_PATH, type SchemaFeedAnswer, type SchemaUsageReport } from '../../../ops/runtime/schema-activation.js';
import { governanceSynthesis } from '../../../subgraphs/governance-synthesis/index.js';

import { nextOf, principal, startTestSubgraph, type TestSubgraph } from '../../kit/subgraph.js';

const PUBLISHER = principal('ci', { kind: 'SERVICE', scopes: ['schema:read', 'schema:check', 'schema:publish'] });
const OFFICER = principal('officer', { scopes: ['schema:read', 'schema:check', 'schema:publish', 'change:approve'] });
const AGENT = principal('agent', { kind: 'AGENT', scopes: ['change:approve', 'schema:read'] });
const READER = principal('reader', { scopes: ['schema:read'] });

const CHECK = '{ id verdict approval proposedDigest supergraphDigest changed findingCount usage { state } findings { code kind criticality coordinate fingerprint weight approved affected { operation client count shipped } } approvals { approver { id } digest usedBy { id } } base { id } requestedBy { id } revision branch changeUrl }';
const ACTIVATION = '{ number kind reason token activatedBy { id } version { id number message active publishedBy { id } check { id } subgraphs { name url digest } } }';
const PROBLEM = '__typename ... on Problem { code message }';
const CHECK_SCHEMA = `mutation($input: CheckSchemaInput!, $key: String) { result: checkSchema(input: $input, idempotencyKey: $key) { ${PROBLEM} ... on CheckSchemaPayload { check ${CHECK} } } }`;
const APPROVE = `mutation($id: ID!, $digest: String!, $comment: String) { result: approveSchemaCheck(checkId: $id, digest: $digest, comment: $comment) { ${PROBLEM} ... on ApproveSchemaCheckPayload { check ${CHECK} } } }`;
const PUBLISH = `mutation($input: PublishSchemaInput!, $key: String) { result: publishSchema(input: $input, idempotencyKey: $key) { ${PROBLEM} ... on PublishSchemaPayload { changed activation ${ACTIVATION} } ... on SchemaNotPublishable { check ${CHECK} } } }`;
const ROLLBACK = `mutation($to: ID, $reason: String!, $expected: Int, $key: String) { result: rollbackSchema(versionId: $to, reason: $reason, expectedActivation: $expected, idempotencyKey: $key) { ${PROBLEM} ... on RollbackSchemaPayload { activation ${ACTIVATION} } } }`;
const ACTIVE = `{ activeSchema ${ACTIVATION} }`;

interface Check { id: string; verdict: string; approval: string; proposedDigest: string; supergraphDigest: string | null; changed: string[]; findingCount: number; usage: { state: string }; findings: Array<{ code: string; criticality: string; coordinate: string | null; weight: string | null; approved: boolean; affected: Array<{ operation: string | null; client: string; count: number | null; shipped: boolean }> }>; approvals: Array<{ approver: { id: string }; usedBy: { id: string } | null }>; base: { id: string } | null }
interface Activation { number: number; kind: string; reason: string; token: string; activatedBy: { id: string } | null; version: { id: string; number: number; active: boolean; check: { id: string } | null; subgraphs: Array<{ name: string; digest: string }> } }
interface Result { __typename: string; code?: string; message?: string; changed?: boolean; check: Check; activation: Activation }

const CONTRACT = shippedContract('integrity');
const INSTALLED = sha256Hex(shippedSupergraph());

/** The contract with more fields. */
const adding = (...fields: string[]): string => fields.reduce((sdl, field) => sdl.replace('type Query {', `type Query {\n  "Probe of a test."\n  ${field}: String @authenticated\n`), CONTRACT);
/** The contract without `AuditEntry.leafHash`, which a shipped operation selects. */
const withoutLeafHash = (contract = CONTRACT): string => contract.replace(/\n {2}"[^"\n]*"\n {2}leafHash: String![^\n]*/, '');

let registry: TestSubgraph;
let now = new Date('2026-03-02T10:00:00Z');

async function mutate(document: string, variables: Record<string, unknown>, as = PUBLISHER): Promise<Result> {
  const { data, errors } = await registry.query<{ result: Result }>(document, variables, { principal: as });
  expect(errors).toBeUndefined();
  return (data as { result: Result }).result;
}
const integrity = (sdl: string): Record<string, unknown> => ({ subgraphs: [{ name: 'integrity', sdl }] });
const publish = (sdl: string, more: Record<string, unknown> = {}, as = PUBLISHER, key?: string): Promise<Result> => mutate(PUBLISH, { input: { ...integrity(sdl), message: 'A test', ...more }, key }, as);
async function active(): Promise<Activation> {
  const { data } = await registry.query<{ activeSchema: Activation }>(ACTIVE, {}, { principal: READER });
  return (data as { activeSchema: Activation }).activeSchema;
}
async function feed(query: string): Promise<SchemaFeedAnswer> {
  const response = await registry.hop('GET', `${SCHEMA_FEED_PATH}?${query}`);
  expect(response.status).toBe(200);
  return await response.json() as SchemaFeedAnswer;
}

beforeAll(async () => {
  registry = await startTestSubgraph(governanceSynthesis, { clock: () => now, environment: { ACGS_SCHEMA_USAGE_MINIMUM_HOURS: '1' } });
}, 60_000);
afterAll(() => registry?.stop());

describe('an installation', () => {
  test('brings the contracts of its release into force, once', async () => {
    const { number, kind, version, activatedBy } = await active();
    expect({ number, kind, activatedBy, id: version.id, version: version.number }).toEqual({ number: 1, kind: 'INSTALLATION', activatedBy: null, id: INSTALLED, version: 1 });
    expect(version.subgraphs.find(({ name }) => name === 'integrity')?.digest).toBe(sha256Hex(CONTRACT));
    await registry.subgraph.seed();
    expect((await active()).number).toBe(1);
    const { data } = await registry.query<{ schemaVersion: { supergraphSdl: string; subgraphs: Array<{ name: string; sdl: string }> } }>(`{ schemaVersion(id: "${INSTALLED}") { supergraphSdl subgraphs { name sdl } } }`, {}, { principal: READER });
    expect(data?.schemaVersion.supergraphSdl).toBe(shippedSupergraph());
    expect(data?.schemaVersion.subgraphs.find(({ name }) => name === 'integrity')?.sdl).toBe(CONTRACT);
  });
});

describe('a check', () => {
  test('of an addition is safe, is kept, and changes nothing that is served', async () => {
    const { check } = await mutate(CHECK_SCHEMA, { input: { ...integrity(adding('added')), origin: { revision: 'abc123', branch: 'topic', url: 'https://example.com/1' } } });
    expect(check).toMatchObject({ id: expect.stringMatching(/^SCK-2026-\d{4}$/), verdict: 'SAFE', approval: 'NOT_NEEDED', changed: ['integrity'], base: { id: INSTALLED }, requestedBy: { id: 'ci' }, revision: 'abc123', branch: 'topic', changeUrl: 'https://example.com/1' });
    expect(check.findings).toContainEqual(expect.objectContaining({ code: 'FIELD_ADDED', coordinate: 'Query.added', criticality: 'SAFE' }));
    expect((await active()).version.id).toBe(INSTALLED);
    const { data } = await registry.query<{ schemaCheck: Check }>(`query($id: ID!) { schemaCheck(id: $id) ${CHECK} }`, { id: check.id }, { principal: READER });
    expect(data?.schemaCheck).toEqual(check);
  });

  test('of a removal names the shipped operation that would break, without any usage', async () => {
    const { check } = await mutate(CHECK_SCHEMA, { input: integrity(withoutLeafHash()) });
    expect(check).toMatchObject({ verdict: 'BREAKING', approval: 'NEEDED', usage: { state: 'EMPTY' } });
    const removal = check.findings.find(({ code }) => code === 'FIELD_REMOVED');
    expect(removal).toMatchObject({ coordinate: 'AuditEntry.leafHash', criticality: 'BREAKING', approved: false });
    expect(removal?.affected).toContainEqual(expect.objectContaining({ client: 'acgs', shipped: true, count: null }));
  });

  test('of what cannot be composed is invalid, and cannot be approved', async () => {
    for (const sdl of ['type Query {', CONTRACT.replace('hash: "cdd01ef066bc6cf2"', 'hash: "0123456789abcdef"')]) {
      const { check } = await mutate(CHECK_SCHEMA, { input: integrity(sdl) });
      expect(check).toMatchObject({ verdict: 'INVALID', supergraphDigest: null });
      expect(await mutate(APPROVE, { id: check.id, digest: check.proposedDigest }, OFFICER)).toMatchObject({ __typename: 'Conflict' });
    }
  });

  test('with bad input is refused before anything runs', async () => {
    for (const input of [{ subgraphs: [] }, { subgraphs: [{ name: 'no such name!', sdl: 'x' }] }, { subgraphs: [{ name: 'new', sdl: 'x' }] }, { subgraphs: [{ name: 'integrity', sdl: 'x' }, { name: 'integrity', sdl: 'y' }] }, { subgraphs: [{ name: 'new', url: 'file:///etc', sdl: 'x' }] }, ...['javascript:alert(1)', 'file:///etc/passwd', 'not a url', 'https://example.com/\u202E1', 'https://example.com/ 1'].map((url) => ({ ...integrity(adding('added')), origin: { revision: null, branch: null, url } }))]) {
      expect(await mutate(CHECK_SCHEMA, { input })).toMatchObject({ __typename: 'InvalidInput', code: 'INVALID_INPUT' });
    }
  });

  test('with the same key answers with the same check', async () => {
    const input = integrity(adding('again'));
    const first = await mutate(CHECK_SCHEMA, { input, key: 'check-1' });
    expect((await mutate(CHECK_SCHEMA, { input, key: 'check-1' })).check.id).toBe(first.check.id);
    expect(await mutate(CHECK_SCHEMA, { input: integrity(adding('other')), key: 'check-1' })).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  });
});

describe('a publication', () => {
  test('of an addition comes into force, signed, and says so to whoever waits', async () => {
    const waiting = feed(`after=1&have=${INSTALLED}&wait=5000`);
    const events = registry.subscribe<{ schemaActivated: { kind: string; activation: { number: number; version: { id: string } } | null } }>('subscription { schemaActivated { kind activation { number version { id } } } }', {}, { principal: READER });
    expect((await nextOf(events)).data?.schemaActivated.kind).toBe('OPENED');
    const sdl = adding('first');
    const { changed, activation } = await publish(sdl, { message: 'Adds a probe', baseId: INSTALLED }, PUBLISHER, 'publish-1');
    expect(changed).toBe(true);
    expect(activation).toMatchObject({ number: 2, kind: 'PUBLICATION', reason: 'Adds a probe', activatedBy: { id: 'ci' }, version: { number: 2, active: true, publishedBy: { id: 'ci' }, check: { id: expect.stringMatching(/^SCK-/) } } });
    const told = await waiting;
    expect(told).toMatchObject({ number: 2, versionId: activation.version.id, token: activation.token });
    expect(sha256Hex(told.supergraphSdl ?? '')).toBe(activation.version.id);
    expect((await nextOf(events)).data?.schemaActivated).toMatchObject({ kind: 'EVENT', activation: { number: 2, version: { id: activation.version.id } } });
    await events.return?.();
    const published = JSON.parse(readFileSync(join(registry.dataDirectory, ...SCHEMA_KEY_FILE), 'utf8')) as JWK;
    const { payload } = await jwtVerify(activation.token, await importJWK(published), { issuer: 'acgs-schema-registry', audience: 'gateway' });
    expect(payload).toMatchObject({ sub: activation.version.id, number: 2, kind: 'PUBLICATION', constitutionalHash: 'cdd01ef066bc6cf2', approvals: [] });
    // A retry is harmless, and the same content again is nothing to do.
    expect(await publish(sdl, { message: 'Adds a probe', baseId: INSTALLED }, PUBLISHER, 'publish-1')).toMatchObject({ activation: { number: 2 } });
    expect(await publish(sdl)).toMatchObject({ changed: false, activation: { number: 2 } });
    expect((await feed(`after=1&have=${activation.version.id}&wait=0`)).supergraphSdl).toBeNull();
  });

  test('against a version that is no longer in force is a conflict', async () => {
    expect(await publish(adding('late'), { baseId: INSTALLED })).toMatchObject({ __typename: 'Conflict', code: 'VERSION_CONFLICT' });
  });

  test('of a breaking change needs the approval of somebody else, of exactly what was checked, and uses it up', async () => {
    const sdl = withoutLeafHash(adding('first'));
    const refused = await publish(sdl);
    expect(refused).toMatchObject({ __typename: 'SchemaNotPublishable', code: 'SCHEMA_APPROVAL_NEEDED', check: { verdict: 'BREAKING', approval: 'NEEDED' } });
    const { id, proposedDigest: digest } = refused.check;
    expect(await mutate(APPROVE, { id, digest: '0'.repeat(64) }, OFFICER)).toMatchObject({ code: 'VERSION_CONFLICT' });
    expect(await mutate(APPROVE, { id: 'SCK-2026-9999', digest }, OFFICER)).toMatchObject({ __typename: 'NotFound' });
    const { errors } = await registry.query(APPROVE, { id, digest }, { principal: AGENT });
    expect(errors?.[0]?.extensions?.['code']).toMatch(/FORBIDDEN|UNAUTHORIZED/);
    // The officer may not approve a check of their own.
    const own = await mutate(CHECK_SCHEMA, { input: integrity(sdl) }, OFFICER);
    expect(await mutate(APPROVE, { id: own.check.id, digest }, OFFICER)).toMatchObject({ __typename: 'Forbidden', code: 'SEPARATION_OF_DUTIES' });
    const approved = await mutate(APPROVE, { id, digest, comment: 'Nobody needs it any more' }, OFFICER);
    expect(approved.check).toMatchObject({ approval: 'GIVEN', approvals: [{ approver: { id: 'officer' }, usedBy: null }] });
    expect(await mutate(APPROVE, { id, digest }, OFFICER)).toMatchObject({ code: 'ALREADY_EXISTS' });
    // Another check of the same change remembers it; the approver's own publication does not profit from it.
    expect((await mutate(CHECK_SCHEMA, { input: integrity(sdl) })).check.approval).toBe('GIVEN');
    expect(await publish(sdl, {}, OFFICER)).toMatchObject({ code: 'SCHEMA_APPROVAL_NEEDED' });
    const { activation } = await publish(sdl);
    expect(activation).toMatchObject({ kind: 'PUBLICATION', number: 3 });
    expect(decodeJwt(activation.token)['approvals']).toEqual([{ id: expect.any(String), approverId: 'officer' }]);
    const { data } = await registry.query<{ schemaCheck: Check }>(`query($id: ID!) { schemaCheck(id: $id) ${CHECK} }`, { id }, { principal: READER });
    expect(data?.schemaCheck.approvals[0]?.usedBy?.id).toBe(activation.version.id);
  });

  test('of a breaking change needs the approval of exactly that set: with something more it is not what was read', async () => {
    const base = withoutLeafHash(adding('first'));
    const removal = base.replace(/\n {2}"[^"\n]*"\n {2}stream: String![^\n]*/, '');
    const { check } = await mutate(CHECK_SCHEMA, { input: integrity(removal) });
    expect(check).toMatchObject({ verdict: 'BREAKING', approval: 'NEEDED' });
    await mutate(APPROVE, { id: check.id, digest: check.proposedDigest }, OFFICER);
    const more = removal.replace('type Query {', 'type Query {\n  "Never read by the approver."\n  unread: String @authenticated\n');
    expect((await mutate(CHECK_SCHEMA, { input: integrity(more) })).check.approval).toBe('NEEDED');
    expect(await publish(more)).toMatchObject({ code: 'SCHEMA_APPROVAL_NEEDED' });
    expect(await publish(removal)).toMatchObject({ __typename: 'PublishSchemaPayload' });
    await mutate(ROLLBACK, { reason: 'For the next test' });
  });

  test('of a breaking change is refused again once its approval lapsed or was used', async () => {
    const back = await publish(adding('first'));
    expect(back.activation.kind).toBe('PUBLICATION');
    const sdl = withoutLeafHash(adding('first'));
    const used = await publish(sdl);
    expect(used).toMatchObject({ code: 'SCHEMA_APPROVAL_NEEDED' });
    await mutate(APPROVE, { id: used.check.id, digest: used.check.proposedDigest }, OFFICER);
    now = new Date(now.getTime() + 15 * 86_400_000);
    expect(await publish(sdl)).toMatchObject({ code: 'SCHEMA_APPROVAL_NEEDED' });
  });

  test('of what cannot be composed is refused', async () => {
    expect(await publish('type Query {')).toMatchObject({ __typename: 'SchemaNotPublishable', code: 'SCHEMA_INVALID', check: { verdict: 'INVALID' } });
  });

  test('by two at once against the same version lets one through', async () => {
    const before = await active();
    const outcomes = await Promise.all([publish(adding('first', 'left'), { baseId: before.version.id }), publish(adding('first', 'right'), { baseId: before.version.id })]);
    expect(outcomes.map(({ __typename }) => __typename).toSorted()).toEqual(['Conflict', 'PublishSchemaPayload']);
    expect((await active()).number).toBe(before.number + 1);
  });
});

describe('a rollback', () => {
  test('brings back what was in force before the version was published, and twice goes back two versions', async () => {
    const before = await active();
    const back = async (key: string, expected: number): Promise<Activation> => (await mutate(ROLLBACK, { reason: 'It broke the console', expected, key })).activation;
    const once = await back('back-1', before.number);
    expect(once).toMatchObject({ number: before.number + 1, kind: 'ROLLBACK', reason: 'It broke the console' });
    expect(await back('back-1', before.number)).toMatchObject({ number: once.number });
    expect(await mutate(ROLLBACK, { reason: 'late', expected: before.number })).toMatchObject({ code: 'VERSION_CONFLICT' });
    const twice = await back('back-2', once.number);
    expect(new Set([before.version.id, once.version.id, twice.version.id]).size).toBe(3);
  });

  test('to a version that is named is for people', async () => {
    expect(await mutate(ROLLBACK, { to: INSTALLED, reason: 'Back to the start' })).toMatchObject({ __typename: 'Forbidden' });
    expect(await mutate(ROLLBACK, { to: INSTALLED, reason: 'Back to the start' }, OFFICER)).toMatchObject({ activation: { version: { id: INSTALLED } } });
    expect(await mutate(ROLLBACK, { to: INSTALLED, reason: 'Again' }, OFFICER)).toMatchObject({ __typename: 'Conflict' });
    expect(await mutate(ROLLBACK, { to: 'f'.repeat(64), reason: 'Nothing' }, OFFICER)).toMatchObject({ __typename: 'NotFound' });
    expect(await mutate(ROLLBACK, { reason: 'Nothing was before the installation' })).toMatchObject({ __typename: 'Conflict' });
    expect(await mutate(ROLLBACK, { reason: ' ' })).toMatchObject({ __typename: 'InvalidInput' });
  });

  test('stays when the process starts again: a release comes into force by itself over nothing and over another release only', async () => {
    await registry.subgraph.seed();
    expect((await active()).version.id).toBe(INSTALLED);
    const { activation } = await publish(adding('kept'));
    await registry.subgraph.seed();
    expect((await active()).number).toBe(activation.number);
    await mutate(ROLLBACK, { to: INSTALLED, reason: 'Back to the start' }, OFFICER);
  });
});

describe('recorded usage', () => {
  const text = 'query Audit {\n  auditLog {\n    nodes {\n      occurredAt\n    }\n  }\n}';
  const report = (number: number, more: Partial<SchemaUsageReport> = {}): SchemaUsageReport => ({
    reporter: 'gateway-1', report: number, dropped: 0, final: false,
    operations: [{ hash: sha256Hex(text), name: 'Audit', text, coordinates: ['Query.auditLog', 'AuditEntry.occurredAt'] }],
    counts: [{ hash: sha256Hex(text), client: 'console', count: 40 }], ...more,
  });
  const send = async (body: unknown): Promise<number> => (await registry.hop('POST', SCHEMA_USAGE_PATH, body)).status;

  test('counts each report once, and weighs what nobody uses as safe', async () => {
    expect(await send(report(1))).toBe(200);
    now = new Date(now.getTime() + 2 * 3_600_000);
    expect(await send(report(2, { operations: [], counts: [{ hash: sha256Hex(text), client: 'ci', count: 2 }] }))).toBe(200);
    expect(await send(report(2, { operations: [], counts: [{ hash: sha256Hex(text), client: 'ci', count: 2 }] }))).toBe(200);
    const { data } = await registry.query('{ schemaUsage(coordinates: ["AuditEntry.occurredAt", "AuditEntry.requestId"]) { period { state requests operations } entries { coordinate client count operations } } }', {}, { principal: READER });
    expect(data).toEqual({ schemaUsage: { period: { state: 'FRESH', requests: 42, operations: 1 }, entries: [
      { coordinate: 'AuditEntry.occurredAt', client: 'console', count: 40, operations: 1 }, { coordinate: 'AuditEntry.occurredAt', client: 'ci', count: 2, operations: 1 },
    ] } });
  });

  test('becomes stale after a day without a report, and everything counts as used again', async () => {
    now = new Date(now.getTime() + 26 * 3_600_000);
    const { check } = await mutate(CHECK_SCHEMA, { input: integrity(withoutLeafHash()) });
    expect(check.usage.state).toBe('STALE');
    expect(await send(report(3, { operations: [], counts: [], dropped: 5 }))).toBe(200);
    expect((await mutate(CHECK_SCHEMA, { input: integrity(withoutLeafHash()) })).check.usage.state).toBe('INCOMPLETE');
  });

  test('is incomplete while a gateway is silent that did not say that it ends', async () => {
    const state = async (): Promise<string> => ((await registry.query<{ schemaUsage: { period: { state: string } } }>('{ schemaUsage(coordinates: ["A"], days: 1) { period { state } } }', {}, { principal: READER })).data as { schemaUsage: { period: { state: string } } }).schemaUsage.period.state;
    now = new Date(now.getTime() + 25 * 3_600_000);
    expect(await send(report(4, { counts: [{ hash: sha256Hex(text), client: 'console', count: 1 }] }))).toBe(200);
    expect(await send(report(1, { reporter: 'gateway-2', counts: [] }))).toBe(200);
    expect(await state()).toBe('FRESH');
    now = new Date(now.getTime() + 15 * 60_000);
    expect(await send(report(5, { counts: [] }))).toBe(200);
    expect(await state()).toBe('INCOMPLETE');
    expect(await send(report(2, { reporter: 'gateway-2', counts: [], final: true }))).toBe(200);
    now = new Date(now.getTime() + 15 * 60_000);
    expect(await send(report(6, { counts: [] }))).toBe(200);
    expect(await state()).toBe('FRESH');
  });

  test('names what it counts and does not know', async () => {
    const response = await registry.hop('POST', SCHEMA_USAGE_PATH, report(7, { operations: [], counts: [{ hash: 'e'.repeat(64), client: 'c', count: 3 }, { hash: sha256Hex(text), client: 'c', count: 1 }] }));
    expect(await response.json()).toEqual({ taken: true, unknown: ['e'.repeat(64)] });
  });

  test('takes no report that is not one', async () => {
    for (const body of [{}, { ...report(9), report: 0 }, { ...report(9), counts: [{ hash: 'x', client: 'c', count: 1 }] }, { ...report(9), counts: [{ hash: sha256Hex(text), client: 'c', count: -1 }] }]) expect(await send(body)).toBe(400);
    // A text under a digest that is not its own is refused by the database.
    expect(await send(report(9, { operations: [{ hash: 'a'.repeat(64), name: null, text, coordinates: [] }] }))).toBeGreaterThanOrEqual(500);
    expect(await send(report(9))).toBe(200);
  });
});

test('the database keeps versions, activations and checks as they are, whoever asks', async () => {
  for (const table of ['schema_version', 'schema_activation', 'schema_check', 'schema_document']) {
    await expect(registry.admin.query(`DELETE FROM governance_synthesis.${table}`)).rejects.toMatchObject({ code: 'AC003' });
  }
  await expect(registry.admin.query(`UPDATE governance_synthesis.schema_version SET supergraph_sdl = 'x'`)).rejects.toMatchObject({ code: 'AC003' });
  await expect(registry.admin.query(`UPDATE governance_synthesis.schema_approval SET approver_id = 'somebody'`)).rejects.toMatchObject({ code: '23514' });
});
