/** Directives decide what is fetched: refused fields are null, named by path, and never asked of a subgraph. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { MINI_GRAPH, RENAMED } from '../kit/mini-graph.js';
import { startMiniGraph, type GraphqlAnswer, type MiniGraph } from '../kit/mini-subgraphs.js';

let graph: MiniGraph;
beforeAll(async () => { graph = await startMiniGraph(MINI_GRAPH); });
afterAll(() => graph.stop());
beforeEach(() => { for (const mini of Object.values(graph.subgraphs)) mini.calls.length = 0; });

const sent = (): string => Object.values(graph.subgraphs).flatMap(({ calls }) => calls.map(({ query }) => query)).join('\n');
const as = async (claims: Parameters<MiniGraph['issuer']['issue']>[0]): Promise<{ headers: Record<string, string> }> => ({ headers: { authorization: `Bearer ${await graph.issuer.issue(claims)}` } });
const refusedPaths = (answer: GraphqlAnswer): unknown[] => answer.errors.filter(({ extensions }) => extensions['code'] === 'UNAUTHORIZED_FIELD_OR_TYPE').map(({ path }) => path);

describe('a refused field', () => {
  const ways: Record<string, string> = {
    plainly: '{ users { id email } }',
    'in a fragment': 'query { users { ...F } } fragment F on User { id email }',
    'in nested fragments': 'query { users { ...A } } fragment A on User { ...B } fragment B on User { id ... on User { email } }',
    'with @include on a variable': 'query ($x: Boolean = true) { users { id email @include(if: $x) } }',
  };
  test.each(Object.entries(ways))('%s is null with an error at its path, and never fetched', async (_, query) => {
    const answer = await graph.query(query);
    expect(answer.data).toEqual({ users: [{ id: 'u1', email: null }, { id: 'u2', email: null }] });
    expect(refusedPaths(answer)).toEqual([['users', 'email']]);
    expect(answer.status).toBe(200);
    expect(sent()).not.toContain('email');
  });

  test('is named by its alias', async () => {
    const answer = await graph.query('{ users { id e: email } }');
    expect(refusedPaths(answer)).toEqual([['users', 'e']]);
    expect(answer.data).toEqual({ users: [{ id: 'u1', e: null }, { id: 'u2', e: null }] });
  });

  test('that is non-null takes its parent with it, as in the unfiltered operation', async () => {
    const answer = await graph.query('{ open { word } me { id } users(first: 1) { id salary } }', await as({}));
    expect(answer.data).toBeNull();
    expect(refusedPaths(answer)).toEqual([['users', 'salary']]);
    expect(answer.errors).toHaveLength(1);
    expect(sent()).not.toContain('salary');
  });

  test('at the root calls nobody', async () => {
    const answer = await graph.query('{ me { id } council }');
    expect(answer.data).toEqual({ me: null, council: null });
    expect(refusedPaths(answer)).toEqual([['me'], ['council']]);
    expect(sent()).toBe('');
    expect(answer.extensions).toMatchObject({ constitutional: { verified: true } });
  });

  test('alone in its object leaves the object, with null in it', async () => {
    expect((await graph.query('{ users { email } }')).data).toEqual({ users: [{ email: null }, { email: null }] });
  });
});

describe('demands', () => {
  test('of scopes are an OR of ANDs', async () => {
    const query = '{ users { salary } }';
    expect((await graph.query(query, await as({ scopes: ['hr:read'] }))).data).toBeNull();
    expect((await graph.query(query, await as({ scopes: ['hr:read', 'hr:pay'] }))).errors).toEqual([]);
    expect((await graph.query(query, await as({ scopes: ['admin'] }))).errors).toEqual([]);
  });
  test('of policies hold by the principal\'s policies', async () => {
    expect(refusedPaths(await graph.query('{ users { diary } }', await as({ scopes: ['admin', 'owner'] })))).toEqual([['users', 'diary']]);
    expect((await graph.query('{ users { diary } }', await as({ policies: ['owner'] }))).data).toMatchObject({ users: [{ diary: 'dear' }, { diary: 'dear' }] });
  });
  test('of several directives must all hold', async () => {
    for (const claims of [{ scopes: ['secrets:read'] }, { policies: ['auditor'] }]) expect(refusedPaths(await graph.query('{ users { both } }', await as(claims)))).toEqual([['users', 'both']]);
    expect((await graph.query('{ users { both } }', await as({ scopes: ['secrets:read'], policies: ['auditor'] }))).errors).toEqual([]);
  });
  test('of an enum type count where a field returns it', async () => {
    expect(refusedPaths(await graph.query('{ kinds }', await as({})))).toEqual([['kinds']]);
    expect((await graph.query('{ kinds }', await as({ scopes: ['secrets:read'] }))).data).toEqual({ kinds: ['A'] });
  });
  test('of one implementation count for the interface\'s field', async () => {
    const answer = await graph.query('{ nodes { id label } }');
    expect(answer.data).toEqual({ nodes: [{ id: 'u1', label: null }, { id: 'v1', label: null }] });
    expect(sent()).not.toContain('label');
    expect((await graph.query('{ nodes { id ... on User { name } ... on Vault { label } } }')).data).toEqual({ nodes: [{ id: 'u1', name: 'name of u1' }, { id: 'v1', label: null }] });
  });
  test('of a type close fragments on it', async () => {
    const answer = await graph.query('{ found { __typename ... on User { id } ... on Sealed { id content } } }');
    expect(sent()).not.toContain('content');
    expect(JSON.stringify(answer.data)).not.toContain('hidden');
    expect(refusedPaths(answer)).toEqual([['found', 'id'], ['found', 'content']]);
    expect((await graph.query('{ found { ... on Sealed { content } } }', await as({}))).data).toEqual({ found: [{}, { content: 'hidden' }] });
  });
});

test('one principal never gets the plan of another', async () => {
  const query = '{ users { id email } }';
  expect((await graph.query(query, await as({}))).errors).toEqual([]);
  expect(refusedPaths(await graph.query(query))).toEqual([['users', 'email']]);
  expect((await graph.query(query, await as({}))).errors).toEqual([]);
});

test('renamed imports are enforced all the same', async () => {
  const renamed = await startMiniGraph([RENAMED]);
  try {
    expect(await renamed.query('{ kill }')).toMatchObject({ status: 400, errors: [{ extensions: { code: 'CONSTITUTIONAL_HASH_REQUIRED' } }] });
    expect(await renamed.query('mutation { act(idempotencyKey: "k") }')).toMatchObject({ status: 400, errors: [{ extensions: { code: 'CONSTITUTIONAL_HASH_REQUIRED' } }] });
    const answer = await renamed.query('{ principles council free }');
    expect(answer.data).toEqual({ principles: null, council: null, free: 'free' });
    expect(refusedPaths(answer)).toEqual([['principles'], ['council']]);
    expect(renamed.subgraphs['auth']?.calls.map(({ query }) => query)).toEqual(['{free}']);
  } finally {
    await renamed.stop();
  }
});
