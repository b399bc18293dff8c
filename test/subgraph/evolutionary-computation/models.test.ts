/** Model versions are immutable and well descended; aliases move only to versions that pass their gates. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { nextOf, principal, startTestSubgraph, TEST_HASH, type TestSubgraph } from '../../kit/subgraph.js';
import { evolutionaryComputation } from '../../../subgraphs/evolutionary-computation/index.js';

const ENGINEER = principal('ml-engineer', { scopes: ['model:read', 'model:write'] });
const GOOD = { accuracy: 0.92, compliance: 0.97, p95Seconds: 1.2 };

let subgraph: TestSubgraph;
beforeAll(async () => { subgraph = await startTestSubgraph(evolutionaryComputation, { environment: { ACGS_PROBE_INTERVAL_MS: '3600000' } }); });
afterAll(async () => { await subgraph.stop(); });

interface Answer { __typename: string; code?: string; message?: string; field?: string; modelVersion?: { id: string }; alias?: { alias: string; stage: string; revision: number; version: { id: string }; previousVersion: { id: string } | null; setBy: { id: string } } }

async function ask<T>(document: string, variables: Record<string, unknown> = {}): Promise<T> {
  const { data, errors } = await subgraph.query<T>(document, variables, { principal: ENGINEER });
  if (errors !== undefined) throw new Error(JSON.stringify(errors));
  return data as T;
}

async function register(name: string, version: string, parts: { parentId?: string; metrics?: object; artifactDigest?: string; gitCommit?: string } = {}, key: string | null = null): Promise<Answer> {
  const input = { name, version, artifactDigest: 'a'.repeat(64), gitCommit: 'b'.repeat(40), metrics: GOOD, ...parts };
  return (await ask<{ answer: Answer }>('mutation($input: RegisterModelVersionInput!, $key: String) { answer: registerModelVersion(input: $input, idempotencyKey: $key) { __typename ... on Problem { code message } ... on InvalidInput { field } ... on RegisterModelVersionPayload { modelVersion { id } } } }', { input, key })).answer;
}

async function point(modelVersionId: string, alias: string, expectedVersion: number | null = null): Promise<Answer> {
  return (await ask<{ answer: Answer }>('mutation($id: ID!, $alias: String!, $v: Int) { answer: setModelAlias(modelVersionId: $id, alias: $alias, expectedVersion: $v) { __typename ... on Problem { code message } ... on InvalidInput { field } ... on SetModelAliasPayload { alias { alias stage revision version { id } previousVersion { id } setBy { id } } } } }', { id: modelVersionId, alias, v: expectedVersion })).answer;
}

describe('a model version', () => {
  test('is registered once, by name and version, and read back whole', async () => {
    const first = await register('scorer', '1.0.0', {}, 'scorer-1');
    expect(first).toMatchObject({ modelVersion: { id: 'scorer@1.0.0' } });
    expect(await register('scorer', '1.0.0', {}, 'scorer-1')).toEqual(first);
    expect(await register('scorer', '1.0.0')).toMatchObject({ __typename: 'Conflict', code: 'ALREADY_EXISTS' });
    const racing = await Promise.all(Array.from({ length: 5 }, () => register('scorer', '1.0.1')));
    expect(racing.map((answer) => answer.__typename).sort()).toEqual(['Conflict', 'Conflict', 'Conflict', 'Conflict', 'RegisterModelVersionPayload']);
    const { modelVersion } = await ask<{ modelVersion: unknown }>('{ modelVersion(id: "scorer@1.0.0") { name version artifactDigest gitCommit metrics { accuracy compliance p95Seconds } aliases parent { id } registeredBy { id } constitutionalHash gates(stage: PRODUCTION) { metric bound threshold actual passed } } }');
    expect(modelVersion).toEqual({
      name: 'scorer', version: '1.0.0', artifactDigest: 'a'.repeat(64), gitCommit: 'b'.repeat(40), metrics: GOOD, aliases: [], parent: null, registeredBy: { id: 'ml-engineer' }, constitutionalHash: TEST_HASH,
      gates: [
        { metric: 'COMPLIANCE', bound: 'AT_LEAST', threshold: 0.95, actual: 0.97, passed: true },
        { metric: 'ACCURACY', bound: 'AT_LEAST', threshold: 0.9, actual: 0.92, passed: true },
        { metric: 'P95_SECONDS', bound: 'AT_MOST', threshold: 1.5, actual: 1.2, passed: true },
      ],
    });
    expect(await ask('{ modelVersion(id: "scorer@9.9.9") { id } }')).toEqual({ modelVersion: null });
  });

  test.each<[string, { name?: string; version?: string; artifactDigest?: string; gitCommit?: string; metrics?: object }]>([
    ['input.name', { name: 'Scorer' }], ['input.version', { version: '1.0' }], ['input.version', { version: '01.0.0' }], ['input.version', { version: '1.0.0-rc.1' }],
    ['input.artifactDigest', { artifactDigest: 'A'.repeat(64) }], ['input.gitCommit', { gitCommit: 'b'.repeat(39) }],
    ['input.metrics.accuracy', { metrics: { ...GOOD, accuracy: 1.01 } }], ['input.metrics.compliance', { metrics: { ...GOOD, compliance: -0.1 } }], ['input.metrics.p95Seconds', { metrics: { ...GOOD, p95Seconds: 0 } }],
  ])('with a malformed %s is refused', async (field, parts) => {
    const { name = 'broken', version = '1.0.0', ...rest } = parts;
    expect(await register(name, version, rest)).toMatchObject({ __typename: 'InvalidInput', field });
  });

  test('descends from known, lower versions, and shows its line both ways', async () => {
    await register('line', '1.0.0');
    await register('line', '1.1.0', { parentId: 'line@1.0.0' });
    await register('line', '1.1.1', { parentId: 'line@1.1.0' });
    await register('line', '2.0.0', { parentId: 'line@1.0.0' });
    await register('distilled', '0.1.0', { parentId: 'line@1.1.1' });
    expect(await register('line', '1.0.1', { parentId: 'line@1.1.0' })).toMatchObject({ __typename: 'InvalidInput', field: 'input.version' });
    expect(await register('line', '3.0.0', { parentId: 'line@3.0.0' })).toMatchObject({ __typename: 'NotFound' });
    const { _entities } = await ask<{ _entities: unknown }>('query($r: [_Any!]!) { _entities(representations: $r) { ... on ModelVersion { id lineage { id } children { id } parent { id } } } }', { r: ['distilled@0.1.0', 'line@1.0.0', 'line@2.0.0'].map((id) => ({ __typename: 'ModelVersion', id })) });
    expect(_entities).toEqual([
      { id: 'distilled@0.1.0', lineage: ['line@1.1.1', 'line@1.1.0', 'line@1.0.0'].map((id) => ({ id })), children: [], parent: { id: 'line@1.1.1' } },
      { id: 'line@1.0.0', lineage: [], children: [{ id: 'line@2.0.0' }, { id: 'line@1.1.0' }], parent: null },
      { id: 'line@2.0.0', lineage: [{ id: 'line@1.0.0' }], children: [], parent: { id: 'line@1.0.0' } },
    ]);
    const page = await ask<{ modelVersions: { nodes: Array<{ id: string }>; endCursor: string; hasNextPage: boolean } }>('{ modelVersions(name: "line", first: 3) { nodes { id } endCursor hasNextPage } }');
    expect(page.modelVersions.nodes.map(({ id }) => id)).toEqual(['line@2.0.0', 'line@1.1.1', 'line@1.1.0']);
    const rest = await ask<typeof page>('query($after: Cursor) { modelVersions(name: "line", first: 3, after: $after) { nodes { id } endCursor hasNextPage } }', { after: page.modelVersions.endCursor });
    expect(rest.modelVersions).toMatchObject({ nodes: [{ id: 'line@1.0.0' }], hasNextPage: false });
  });

  test('never changes, even by the owner of the database', async () => {
    await expect(subgraph.admin.query(`UPDATE evolutionary_computation.model_version SET parent_id = 'line@2.0.0' WHERE id = 'line@1.0.0'`)).rejects.toMatchObject({ code: 'AC003' });
    await expect(subgraph.admin.query(`DELETE FROM evolutionary_computation.model_version`)).rejects.toMatchObject({ code: 'AC003' });
  });
});

describe('an alias', () => {
  test('moves between versions that pass, and remembers where it was', async () => {
    await register('classifier', '1.0.0');
    await register('classifier', '1.1.0', { parentId: 'classifier@1.0.0' });
    expect(await point('classifier@1.0.0', 'production', 0)).toMatchObject({ alias: { stage: 'PRODUCTION', revision: 1, version: { id: 'classifier@1.0.0' }, previousVersion: null, setBy: { id: 'ml-engineer' } } });
    expect(await point('classifier@1.1.0', 'production', 0)).toMatchObject({ __typename: 'Conflict', code: 'VERSION_CONFLICT' });
    expect(await point('classifier@1.1.0', 'production', 1)).toMatchObject({ alias: { revision: 2, version: { id: 'classifier@1.1.0' }, previousVersion: { id: 'classifier@1.0.0' } } });
    expect(await point('classifier@1.1.0', 'production')).toMatchObject({ __typename: 'Conflict', message: expect.stringContaining('already') });
    expect(await point('classifier@1.0.0', 'candidate')).toMatchObject({ alias: { stage: 'STAGING' } });
    expect(await ask('{ modelAliases(modelName: "classifier") { alias version { id aliases } } }')).toEqual({ modelAliases: [{ alias: 'candidate', version: { id: 'classifier@1.0.0', aliases: ['candidate'] } }, { alias: 'production', version: { id: 'classifier@1.1.0', aliases: ['production'] } }] });
  });

  test.each([
    ['accuracy 0.89', { ...GOOD, accuracy: 0.89 }, true, false], ['accuracy 0.84', { ...GOOD, accuracy: 0.84 }, false, false], ['accuracy 0.9 exactly', { ...GOOD, accuracy: 0.9 }, true, true],
    ['compliance 0.94', { ...GOOD, compliance: 0.94 }, false, false], ['p95 of 1.5 s exactly', { ...GOOD, p95Seconds: 1.5 }, true, true], ['p95 of 1.51 s', { ...GOOD, p95Seconds: 1.51 }, false, false],
  ])('is gated: %s', async (what, metrics, staging, production) => {
    const name = what.replaceAll(/[^a-z0-9]+/g, '-');
    await register(name, '1.0.0', { metrics });
    expect((await point(`${name}@1.0.0`, 'staging')).__typename).toBe(staging ? 'SetModelAliasPayload' : 'Conflict');
    expect((await point(`${name}@1.0.0`, 'production')).__typename).toBe(production ? 'SetModelAliasPayload' : 'Conflict');
  });

  test('needs a name and a version that exist', async () => {
    expect(await point('scorer@1.0.0', 'Production')).toMatchObject({ __typename: 'InvalidInput', field: 'alias' });
    expect(await point('scorer@8.0.0', 'staging')).toMatchObject({ __typename: 'NotFound' });
  });
});

test('every registration and every move left one event, and a reader may neither write nor see deployments', async () => {
  const { rows } = await subgraph.admin.query(`SELECT kind, count(*)::int AS n FROM evolutionary_computation.outbox WHERE stream LIKE 'model-%' GROUP BY kind`);
  const { rows: [counts] } = await subgraph.admin.query('SELECT (SELECT count(*)::int FROM evolutionary_computation.model_version) AS versions, (SELECT sum(revision)::int FROM evolutionary_computation.model_alias) AS moves');
  expect(Object.fromEntries(rows.map(({ kind, n }) => [kind, n]))).toEqual({ ModelVersionRegistered: counts.versions, ModelAliasSet: counts.moves });
  const reader = principal('reader', { scopes: ['model:read'] });
  expect((await subgraph.query('mutation { setModelAlias(modelVersionId: "scorer@1.0.0", alias: "staging") { __typename } }', {}, { principal: reader })).errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' });
  const denied = subgraph.subscribe('subscription { deploymentProgress { kind } }', {}, { principal: reader });
  expect((await nextOf(denied)).errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' });
  await denied.return?.();
});
