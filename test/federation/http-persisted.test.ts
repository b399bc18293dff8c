/** Documents that clients name: automatic persisted queries, shipped documents by id, and the safelist on every edge. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { createSafelist } from '../../gateway/enforcement/safelist.js';
import { createPersistedQueries, type PersistedQueries, type SharedTexts } from '../../gateway/http/persisted-queries.js';
import type { GraphqlParameters } from '../../gateway/http/request-parameters.js';
import { sha256Hex } from '../../ops/runtime/canonical-json.js';
import { createLogger } from '../../ops/runtime/logger.js';
import { PATHS, startPaths, stopPaths, type PathName, type Paths } from '../kit/http-paths.js';
import { MINI_GRAPH } from '../kit/mini-graph.js';
import { HASH, readAnswer, startMiniGraph, type GraphqlAnswer, type MiniGraph } from '../kit/mini-subgraphs.js';

const silent = createLogger('test', 'silent');
const code = (answer: GraphqlAnswer): unknown => answer.errors[0]?.extensions['code'];

interface Sent {
  readonly method?: 'GET' | 'POST';
  readonly accept?: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Sends parameters as a POST body or as a GET query string. */
async function send(graph: MiniGraph, { method = 'POST', accept = 'application/graphql-response+json', body }: Sent): Promise<GraphqlAnswer> {
  const url = `${graph.gateway.url}/graphql`;
  if (method === 'POST') return readAnswer(await fetch(url, { method, headers: { accept, 'content-type': 'application/json' }, body: JSON.stringify(body) }));
  const search = new URLSearchParams(Object.entries(body).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)] as [string, string]));
  return readAnswer(await fetch(`${url}?${search.toString()}`, { headers: { accept, 'apollo-require-preflight': '1' } }));
}
const persisted = (hash: string, version: unknown = 1): { extensions: unknown } => ({ extensions: { persistedQuery: { version, sha256Hash: hash } } });

describe('automatic persisted queries', () => {
  let paths: Paths;
  beforeAll(async () => { paths = await startPaths(); });
  afterAll(() => stopPaths(paths));

  describe.each(PATHS)('on the %s', (path: PathName) => {
    test.each(['GET', 'POST'] as const)('are unknown, registered, and then run by hash: %s', async (method) => {
      const query = `query ${method}($id: ID!) { service(id: $id) { id name } }`;
      const variables = { id: 's1' };
      const hash = sha256Hex(query);
      const graph = paths[path];
      expect(await send(graph, { method, body: { variables, ...persisted(hash) } })).toMatchObject({ status: 404, errors: [{ message: 'PersistedQueryNotFound', extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }] });
      expect(await send(graph, { method, accept: 'application/json', body: { variables, ...persisted(hash) } })).toMatchObject({ status: 200, errors: [{ message: 'PersistedQueryNotFound', extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }] });
      expect(await send(graph, { method, body: { query, variables, ...persisted(hash) } })).toMatchObject({ status: 200, data: { service: { id: 's1', name: 'router' } } });
      expect(await send(graph, { method, body: { variables, ...persisted(hash) } })).toMatchObject({ status: 200, data: { service: { id: 's1', name: 'router' } } });
      expect(await send(graph, { method: 'GET', body: { variables: { id: 's2' }, ...persisted(hash) } })).toMatchObject({ status: 200, data: { service: { id: 's2', name: 'ledger' } } });
    });
    test('cannot be poisoned', async () => {
      const hash = sha256Hex('{ open { word } }');
      expect(await send(paths[path], { body: { query: '{ users { id } }', ...persisted(hash) } })).toMatchObject({ status: 400, errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
      expect(code(await send(paths[path], { body: persisted(hash) }))).toBe('PERSISTED_QUERY_NOT_FOUND');
    });
    test.each([['another version', persisted('a'.repeat(64), 2)], ['no version', persisted('a'.repeat(64), null)], ['a short hash', persisted('abc')], ['an upper-case hash', persisted('A'.repeat(64))], ['no object', { extensions: { persistedQuery: 'x' } }]])('of %s are refused', async (_, body) => {
      expect(await send(paths[path], { body })).toMatchObject({ status: 400, errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
    });
    test.each(['{ nope }', '{ open {', 'mutation { decide(idempotencyKey: "k") { id } }'])('are not remembered when they may not run: %s', async (query) => {
      const hash = sha256Hex(query);
      expect((await send(paths[path], { body: { query, ...persisted(hash) } })).status).toBe(400);
      expect(code(await send(paths[path], { body: persisted(hash) }))).toBe('PERSISTED_QUERY_NOT_FOUND');
    });
    test('run no mutation by GET', async () => {
      const query = 'mutation { login(name: "x") }';
      expect((await send(paths[path], { body: { query, ...persisted(sha256Hex(query)) } })).data).toEqual({ login: 'token' });
      expect(await send(paths[path], { method: 'GET', body: persisted(sha256Hex(query)) })).toMatchObject({ status: 405, errors: [{ extensions: { code: 'METHOD_NOT_ALLOWED' } }] });
    });
    test('stand under the same gates', async () => {
      const query = '{ kill }';
      const send_ = (headers: Record<string, string>, body: unknown): Promise<Response> => fetch(`${paths[path].gateway.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
      expect((await send_({ 'x-constitutional-hash': HASH }, { query, ...persisted(sha256Hex(query)) })).status).toBe(200);
      expect(code(await readAnswer(await send_({}, persisted(sha256Hex(query)))))).toBe('CONSTITUTIONAL_HASH_REQUIRED');
    });
  });
});

describe('the store of persisted queries', () => {
  const parameters = (part: Partial<GraphqlParameters>): GraphqlParameters => ({ query: undefined, documentId: undefined, persistedHash: undefined, operationName: undefined, variables: {}, constitutionalHash: undefined, ...part });
  const store = (options: { maxCharacters?: number; shared?: SharedTexts } = {}): PersistedQueries => createPersistedQueries({ safelist: createSafelist({ mode: 'off', documents: new Map(), logger: silent, maxTokens: 100 }), logger: silent, ...options });
  const find = async (queries: PersistedQueries, text: string): Promise<string | undefined> => {
    try {
      return (await queries.resolve(parameters({ persistedHash: sha256Hex(text) }))).text;
    } catch {
      return undefined;
    }
  };

  test('forgets what was used longest ago when it is full', async () => {
    const queries = store({ maxCharacters: 3 * (64 + 10) });
    const texts = ['{ a }     ', '{ b }     ', '{ c }     '];
    for (const text of texts) queries.register(sha256Hex(text), text);
    expect(await find(queries, texts[0] as string)).toBe(texts[0]);
    queries.register(sha256Hex('{ d }     '), '{ d }     ');
    expect(await Promise.all([...texts, '{ d }     '].map((text) => find(queries, text)))).toEqual([texts[0], undefined, texts[2], '{ d }     ']);
  });
  test('asks to register a text once, and none that is too long', async () => {
    const queries = store();
    const [text, long] = ['{ a }', `{ a } # ${'x'.repeat(70_000)}`];
    expect(await queries.resolve(parameters({ query: text, persistedHash: sha256Hex(text) }))).toEqual({ text, register: sha256Hex(text) });
    queries.register(sha256Hex(text), text);
    expect(await queries.resolve(parameters({ query: text, persistedHash: sha256Hex(text) }))).toEqual({ text, register: undefined });
    expect(await queries.resolve(parameters({ query: long, persistedHash: sha256Hex(long) }))).toEqual({ text: long, register: undefined });
  });
  test('shares texts, and believes no shared text that does not have its hash', async () => {
    const shared = new Map([[sha256Hex('{ a }'), '{ a }'], [sha256Hex('{ b }'), '{ evil }']]);
    const queries = store({ shared: { get: async (hash) => shared.get(hash), set: async (hash, text) => { shared.set(hash, text); } } });
    expect(await find(queries, '{ a }')).toBe('{ a }');
    expect(await find(queries, '{ b }')).toBeUndefined();
    queries.register(sha256Hex('{ c }'), '{ c }');
    expect(shared.get(sha256Hex('{ c }'))).toBe('{ c }');
  });
  test('works on while the shared one is away', async () => {
    const queries = store({ shared: { get: async () => { throw new Error('away'); }, set: async () => { throw new Error('away'); } } });
    expect(await find(queries, '{ a }')).toBeUndefined();
    queries.register(sha256Hex('{ a }'), '{ a }');
    expect(await find(queries, '{ a }')).toBe('{ a }');
  });
});

describe('the safelist', () => {
  const OPEN = '# What is open.\nquery Open {\n  open { word }\n}\n';
  const TWO = 'query First { open { ...Word } }\nquery Second { users { id } }\nfragment Word on Open { word }\n';
  const LOGIN = 'mutation Login { login(name: "x") }\n';
  const SERVICE = 'query Service { service(id: "s1") { id } }\n';
  const TICKS = 'subscription Ticks { ticks }\n';
  const directory = mkdtempSync(join(tmpdir(), 'acgs-operations-'));
  for (const [name, text] of Object.entries({ open: OPEN, two: TWO, login: LOGIN, service: SERVICE, ticks: TICKS })) writeFileSync(join(directory, `${name}.graphql`), text);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const WARNING = 'A document that is not on the safelist runs';
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger('test', 'warn', { write: (line) => { lines.push(JSON.parse(line) as Record<string, unknown>); } });
  const graphs: MiniGraph[] = [];
  const start = async (mode: 'off' | 'warn' | 'enforce', hotPath: boolean): Promise<MiniGraph> => {
    const graph = await startMiniGraph(MINI_GRAPH, { safelist: mode, operationsDirectory: directory }, { logger, http: { hotPath } });
    graphs.push(graph);
    return graph;
  };
  afterEach(() => { lines.length = 0; });
  afterAll(() => Promise.all(graphs.map((graph) => graph.stop())));

  describe.each([['hot path', true], ['Apollo Server', false]])('enforced on the %s', (_, hotPath) => {
    let graph: MiniGraph;
    beforeAll(async () => { graph = await start('enforce', hotPath); });

    test.each<[string, Readonly<Record<string, unknown>>]>([
      ['as it is', { query: OPEN }],
      ['written differently', { query: 'query Open{open{word,}}' }],
      ['by name', { documentId: 'open' }],
      ['by the hash of its text', { documentId: `sha256:${sha256Hex(OPEN)}` }],
      ['by the hash of its normalised text', { documentId: `sha256:${sha256Hex('query Open {\n  open {\n    word\n  }\n}')}` }],
      ['by the hash of its text as a persisted query', persisted(sha256Hex(OPEN))],
      ['with text and hash', { query: OPEN, ...persisted(sha256Hex(OPEN)) }],
      ['one operation of several', { query: TWO, operationName: 'First' }],
    ])('a shipped document runs %s', async (__, body) => {
      for (const method of ['GET', 'POST'] as const) expect(await send(graph, { method, body })).toMatchObject({ status: 200, data: { open: { word: 'yes' } } });
    });

    const other = 'query Open { open { word deep { word } } }';
    test.each<[string, Readonly<Record<string, unknown>>]>([
      ['another document', { query: '{ users { id } }' }],
      ['another document under a shipped name', { query: other, operationName: 'Open' }],
      ['a shipped document with an operation more', { query: `${OPEN} query More { users { id } }`, operationName: 'Open' }],
      ['one operation of a shipped document alone', { query: 'query First { open { ...Word } } fragment Word on Open { word }' }],
      ['a shipped document with another fragment', { query: TWO.replace('{ word }', '{ word deep { word } }'), operationName: 'First' }],
      ['a shipped document with another argument', { query: SERVICE.replace('"s1"', '"s2"') }],
      ['a shipped document with a directive', { query: 'query Open { open @include(if: true) { word } }' }],
      ['introspection', { query: '{ __schema { queryType { name } } }' }],
      ['a name that is not shipped', { documentId: 'closed' }],
      ['a file that is not shipped', { documentId: '../operations/open' }],
      ['a hash that is not shipped', { documentId: `sha256:${sha256Hex(other)}` }],
      ['a persisted query that is not shipped', persisted(sha256Hex(other))],
      ['an attempt to register one', { query: other, ...persisted(sha256Hex(other)) }],
      ['an unknown field, without telling so', { query: '{ nope }' }],
      ['text that is no GraphQL, without telling so', { query: '{ nope' }],
    ])('%s does not', async (__, body) => {
      for (const method of ['GET', 'POST'] as const) expect(await send(graph, { method, body })).toMatchObject({ status: 403, data: undefined, errors: [{ message: expect.not.stringContaining('nope'), extensions: { code: 'OPERATION_NOT_SAFELISTED' } }] });
      expect(code(await send(graph, { body: persisted(sha256Hex(other)) }))).toBe('OPERATION_NOT_SAFELISTED');
    });
    test('a shipped mutation runs by POST only', async () => {
      expect((await send(graph, { body: { documentId: 'login' } })).data).toEqual({ login: 'token' });
      expect(await send(graph, { method: 'GET', body: { documentId: 'login' } })).toMatchObject({ status: 405 });
    });
    test('no subgraph is called for a document that is not shipped', async () => {
      for (const { calls } of Object.values(graph.subgraphs)) calls.length = 0;
      await send(graph, { body: { query: '{ users { id } services { id } }' } });
      expect(Object.values(graph.subgraphs).flatMap(({ calls }) => calls)).toEqual([]);
    });
    test('the WebSocket edge and streams stand under it', async () => {
      const run = (query: string): Promise<unknown> => new Promise((resolve) => {
        const client = createClient({ url: `${graph.gateway.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, retryAttempts: 0 });
        let last: unknown;
        client.subscribe({ query }, { next: (value) => { last = value; }, error: (error) => { resolve(error); void client.dispose(); }, complete: () => { resolve(last); void client.dispose(); } });
      });
      expect(await run(OPEN)).toMatchObject({ data: { open: { word: 'yes' } } });
      expect(JSON.stringify(await run('{ users { id } }'))).toContain('OPERATION_NOT_SAFELISTED');
      expect(JSON.stringify(await run('subscription Mine { ticks }'))).toContain('OPERATION_NOT_SAFELISTED');
      const stream = await fetch(`${graph.gateway.url}/graphql`, { method: 'POST', headers: { accept: 'text/event-stream', 'content-type': 'application/json' }, body: JSON.stringify({ query: 'subscription Mine { ticks }' }) });
      expect(await stream.text()).toContain('OPERATION_NOT_SAFELISTED');
    });
  });

  test('that only warns lets everything run and says so once a document', async () => {
    const graph = await start('warn', true);
    for (const query of ['{ users { id } }', '{users{id}}', '{ users { id label } }', OPEN]) expect((await send(graph, { body: { query } })).status).toBe(200);
    expect(lines.filter(({ msg }) => msg === WARNING)).toHaveLength(2);
    expect(code(await send(graph, { body: { query: '{ nope' } }))).toBe('GRAPHQL_PARSE_FAILED');
  });
  test('that is off still finds shipped documents by id', async () => {
    const graph = await start('off', true);
    expect((await send(graph, { body: { documentId: 'two', operationName: 'Second' } })).data).toEqual({ users: [{ id: 'u1' }, { id: 'u2' }] });
    expect(await send(graph, { body: { documentId: 'closed' } })).toMatchObject({ status: 404, errors: [{ extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }] });
    expect(lines.filter(({ msg }) => msg === WARNING)).toEqual([]);
  });
});
