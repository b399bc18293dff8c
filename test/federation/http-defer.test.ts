/** `@defer` over HTTP: Apollo's multipart protocol for clients that name it, the whole answer at once for everyone else. */
import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { PATHS, startPaths, stopPaths, type Paths } from '../kit/http-paths.js';
import { mergeParts, type Payload } from '../kit/merge-parts.js';
import { MINI_GRAPH } from '../kit/mini-graph.js';
import { eventually, HASH, startMiniGraph, type MiniGraph } from '../kit/mini-subgraphs.js';
import { graphqlRequest, RawConnection, type RawAnswer } from '../kit/raw-http.js';

const PARTS = 'multipart/mixed;deferSpec=20220824';
const ACCEPT = `${PARTS}, application/json`;
const STAMP = { constitutional: { hash: HASH, verified: true } };
const UNVERIFIED = { constitutional: { hash: HASH, verified: false } };
const STAMP_TEXT = JSON.stringify(STAMP);
const QUERY = '{ services { id name ... @defer(label: "more") { replicas } } }';
const WHOLE = { services: [{ id: 's1', name: 'router', replicas: 3 }, { id: 's2', name: 'ledger', replicas: 3 }] };

let paths: Paths;
let graph: MiniGraph;
const open: RawConnection[] = [];
beforeAll(async () => {
  paths = await startPaths();
  graph = paths['hot path'];
});
afterEach(() => {
  for (const connection of open.splice(0)) connection.close();
  for (const subgraph of Object.values(graph.subgraphs)) subgraph.sabotage = undefined;
});
afterAll(() => stopPaths(paths));

interface Sent {
  readonly query?: string;
  readonly accept?: string | undefined;
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: 'GET' | 'POST';
}

async function send({ query = QUERY, accept = ACCEPT, variables, headers = {}, method = 'POST' }: Sent, to: MiniGraph = graph): Promise<RawConnection> {
  const connection = await RawConnection.open(to.gateway.url);
  open.push(connection);
  connection.send(graphqlRequest(method, { query, variables }, { accept, ...headers }));
  return connection;
}

async function answerTo(sent: Sent, to: MiniGraph = graph): Promise<RawAnswer> {
  return (await send(sent, to)).answer();
}

/** The payloads of a multipart body, as far as it was received. */
function payloadsOf(body: string): readonly Payload[] {
  return body.split('\r\n--graphql').slice(1).flatMap((text) => {
    const at = text.indexOf('\r\n\r\n');
    return at < 0 ? [] : [JSON.parse(text.slice(at + 4)) as Payload];
  });
}

async function partsOf(sent: Sent): Promise<readonly Payload[]> {
  const { status, headers, body } = await answerTo(sent);
  expect([status, headers['content-type']]).toEqual([200, 'multipart/mixed;boundary="graphql";deferSpec=20220824']);
  expect(body.endsWith('\r\n--graphql--\r\n')).toBe(true);
  return payloadsOf(body);
}

/** Holds up every call of a subgraph until it is let go. */
function holdUp(name: string, of: MiniGraph = graph): () => void {
  let letGo = (): void => undefined;
  const held = new Promise<void>((resolve) => { letGo = resolve; });
  const subgraph = of.subgraphs[name];
  if (subgraph === undefined) throw new Error(`There is no subgraph ${name}.`);
  subgraph.sabotage = async () => {
    await held;
    return false;
  };
  return letGo;
}

describe('the wire', () => {
  test('an answer in parts, to the byte', async () => {
    const { status, headers, body } = await answerTo({});
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'content-type': 'multipart/mixed;boundary="graphql";deferSpec=20220824', 'x-constitutional-hash': HASH, 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
    const head = '\r\n--graphql\r\ncontent-type: application/json\r\n\r\n';
    const entry = (index: number): string => `{"path":["services",${index}],"label":"more","data":{"replicas":3},"extensions":${STAMP_TEXT}}`;
    expect(body).toBe(`${head}{"data":{"services":[{"id":"s1","name":"router"},{"id":"s2","name":"ledger"}]},"extensions":${STAMP_TEXT},"hasNext":true}${head}{"incremental":[${entry(0)},${entry(1)}],"hasNext":false}\r\n--graphql--\r\n`);
  });

  test('the parts together are the answer without @defer', async () => {
    expect(mergeParts(await partsOf({}))).toEqual({ data: WHOLE, errors: [] });
  });

  test('a slow subgraph holds up its own part only', async () => {
    const letGo = holdUp('evolutionary-computation');
    const connection = await send({});
    await connection.until(() => connection.body.includes('"hasNext":true}\r\n--graphql'));
    expect(payloadsOf(connection.body)).toEqual([{ data: { services: [{ id: 's1', name: 'router' }, { id: 's2', name: 'ledger' }] }, extensions: STAMP, hasNext: true }]);
    letGo();
    expect(mergeParts(payloadsOf((await connection.answer()).body)).data).toEqual(WHOLE);
  });

  test('a client that leaves takes nothing with it', async () => {
    const letGo = holdUp('evolutionary-computation');
    const calls = graph.subgraphs['evolutionary-computation']?.calls.length ?? 0;
    const connection = await send({});
    await connection.until(() => connection.body.includes('"hasNext":true'));
    await eventually(() => (graph.subgraphs['evolutionary-computation']?.calls.length ?? 0) > calls);
    connection.close();
    letGo();
    expect(mergeParts(await partsOf({})).data).toEqual(WHOLE);
  });

  test('a gateway that stops sends the parts that are under way', async () => {
    const other = await startMiniGraph(MINI_GRAPH);
    const letGo = holdUp('evolutionary-computation', other);
    const connection = await send({}, other);
    await connection.until(() => connection.body.includes('"hasNext":true'));
    const stopped = other.stop();
    letGo();
    expect(mergeParts(payloadsOf((await connection.answer()).body)).data).toEqual(WHOLE);
    await stopped;
  });

  test('as a persisted query, and again from what is remembered', async () => {
    const sha256Hash = createHash('sha256').update(QUERY).digest('hex');
    const ask = async (query?: string): Promise<readonly Payload[]> => {
      const response = await fetch(`${graph.gateway.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', accept: ACCEPT }, body: JSON.stringify({ query, extensions: { persistedQuery: { version: 1, sha256Hash } } }) });
      return payloadsOf(await response.text());
    };
    for (const query of [QUERY, undefined, undefined]) expect(mergeParts(await ask(query)).data).toEqual(WHOLE);
  });

  test('a mutation', async () => {
    const payloads = await partsOf({ query: 'mutation ($key: String!) { decide(idempotencyKey: $key) { ... @defer(label: "id") { id } } }', variables: { key: 'k1' }, headers: { 'x-constitutional-hash': HASH } });
    expect(payloads).toEqual([{ data: { decide: {} }, extensions: STAMP, hasNext: true }, { incremental: [{ path: ['decide'], label: 'id', data: { id: 'd1' }, extensions: STAMP }], hasNext: false }]);
  });

  test('a subgraph that fails has null and an error in its part', async () => {
    const subgraph = graph.subgraphs['evolutionary-computation'];
    if (subgraph !== undefined) subgraph.sabotage = (response) => { response.destroy(); return true; };
    const [first, last, ...others] = await partsOf({ query: '{ service(id: "s1") { id ... @defer { replicas } ... @defer(label: "model") { model { version } } } }' });
    expect(first).toEqual({ data: { service: { id: 's1' } }, extensions: STAMP, hasNext: true });
    // The two calls may fail in either order.
    const entries = [last, ...others].flatMap((payload) => payload?.incremental ?? []).sort((left, right) => (left.label ?? '').localeCompare(right.label ?? ''));
    expect(entries).toEqual([
      { path: ['service'], data: { replicas: null }, errors: [expect.objectContaining({ path: ['service', 'replicas'], extensions: expect.objectContaining({ code: 'SUBGRAPH_UNAVAILABLE' }) })], extensions: UNVERIFIED },
      { path: ['service'], label: 'model', data: null, errors: [expect.objectContaining({ path: ['service', 'model'] })], extensions: UNVERIFIED },
    ]);
    expect([last, ...others].at(-1)?.hasNext).toBe(false);
    if (subgraph !== undefined) subgraph.sabotage = undefined;
    // What failed is not called for a while.
    await eventually(async () => mergeParts(await partsOf({})).errors.length === 0);
  });
});

describe('gates', () => {
  test('a refused field is null in its part, with the refusal there', async () => {
    const query = '{ users { id ... @defer(label: "mail") { name email } } }';
    const payloads = await partsOf({ query });
    expect(payloads[0]).toEqual({ data: { users: [{ id: 'u1' }, { id: 'u2' }] }, extensions: STAMP, hasNext: true });
    expect(payloads.flatMap(({ incremental = [] }) => incremental)).toEqual([
      { path: ['users', 0], label: 'mail', data: { name: 'name of u1', email: null }, errors: [expect.objectContaining({ path: ['users', 'email'], extensions: { code: 'UNAUTHORIZED_FIELD_OR_TYPE' } })], extensions: STAMP },
      { path: ['users', 1], label: 'mail', data: { name: 'name of u2', email: null }, extensions: STAMP },
    ]);
    expect(graph.subgraphs['auth']?.calls.some(({ query: sent }) => sent.includes('email'))).toBe(false);
    const allowed = await partsOf({ query, headers: { authorization: `Bearer ${await graph.issuer.issue()}` } });
    expect(mergeParts(allowed)).toEqual({ data: { users: [{ id: 'u1', name: 'name of u1', email: 'a@b.c' }, { id: 'u2', name: 'name of u2', email: 'a@b.c' }] }, errors: [] });
  });

  test('a refused field that may not be null ends at the root of its part', async () => {
    const payloads = await partsOf({ query: '{ users { id ... @defer { salary } } }' });
    expect(payloads[1]?.incremental?.map(({ data, errors }) => [data, errors?.map(({ extensions }) => extensions?.['code'])])).toEqual([[null, ['UNAUTHORIZED_FIELD_OR_TYPE']], [null, undefined]]);
  });

  test('refusals of the whole request are plain answers', async () => {
    const refused = async (sent: Sent): Promise<unknown> => {
      const { status, headers, body } = await answerTo(sent);
      return [status, headers['content-type'], (JSON.parse(body) as { errors: { extensions: { code: string } }[] }).errors[0]?.extensions.code];
    };
    const json = 'application/json; charset=utf-8';
    expect(await refused({ query: '{ where ... @defer { kill } }' })).toEqual([400, json, 'CONSTITUTIONAL_HASH_REQUIRED']);
    expect(await refused({ query: '{ ... @defer { nothing } }' })).toEqual([200, json, 'GRAPHQL_VALIDATION_FAILED']);
    expect(await refused({ query: '{ services { ... @defer(label: "l") { id } ... @defer(label: "l") { name } } }' })).toEqual([200, json, 'GRAPHQL_VALIDATION_FAILED']);
    expect(await refused({ query: `{ ... @defer { open { ${'deep { '.repeat(12)} word ${'}'.repeat(13)} } }` })).toEqual([400, json, 'QUERY_TOO_DEEP']);
    expect(await refused({ headers: { authorization: 'Bearer nonsense' } })).toEqual([401, json, 'UNAUTHENTICATED']);
  });
});

describe('whoever does not take parts gets the whole at once', () => {
  describe.each(PATHS)('%s', (path) => {
    test.each([
      ['application/json', 'application/json; charset=utf-8'],
      ['*/*', 'application/json; charset=utf-8'],
      ['multipart/mixed, application/json', 'application/json; charset=utf-8'],
      ['multipart/mixed;deferSpec=20991231, application/graphql-response+json', 'application/graphql-response+json; charset=utf-8'],
      [`${PARTS};q=0.5, application/json`, 'application/json; charset=utf-8'],
      [`${PARTS};q=0, application/json`, 'application/json; charset=utf-8'],
    ])('accept: %s', async (accept, type) => {
      const { status, headers, body } = await answerTo({ accept }, paths[path]);
      expect([status, headers['content-type'], JSON.parse(body)]).toEqual([200, type, { data: WHOLE, extensions: STAMP }]);
    });

    test('GET', async () => {
      const { headers, body } = await answerTo({ method: 'GET' }, paths[path]);
      expect([headers['content-type'], JSON.parse(body)]).toEqual(['application/json; charset=utf-8', { data: WHOLE, extensions: STAMP }]);
    });

    test('wrong labels and places are refused', async () => {
      for (const query of ['{ services { ... @defer(label: "l") { id } ... @defer(label: "l") { name } } }', 'mutation { ... @defer { login(name: "x") } }']) {
        const { body } = await answerTo({ query, accept: 'application/json' }, paths[path]);
        expect(JSON.parse(body)).toMatchObject({ errors: [{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }] });
      }
    });
  });

  test('Apollo Server, also where the client takes parts', async () => {
    const { headers, body } = await answerTo({}, paths['Apollo Server']);
    expect([headers['content-type'], JSON.parse(body)]).toEqual(['application/json; charset=utf-8', { data: WHOLE, extensions: STAMP }]);
  });

  test('a stream', async () => {
    const { body } = await answerTo({ accept: 'text/event-stream' });
    expect(body).toContain(`data: ${JSON.stringify({ data: WHOLE, extensions: STAMP })}`);
  });

  test('WebSocket', async () => {
    const client = createClient({ url: `${graph.gateway.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, retryAttempts: 0 });
    const answers: unknown[] = [];
    for await (const answer of client.iterate({ query: QUERY })) answers.push(answer);
    expect(answers).toEqual([{ data: WHOLE, extensions: STAMP }]);
    await client.dispose();
  });
});

describe('what takes parts and has none', () => {
  test.each([
    ['no @defer', '{ services { id } }', {}],
    ['if: false', 'query ($on: Boolean!) { services { id ... @defer(if: $on) { name } } }', { on: false }],
  ])('%s is a plain answer', async (_, query, variables) => {
    expect((await answerTo({ query, variables })).headers['content-type']).toBe('application/json; charset=utf-8');
  });

  test('a client that takes nothing else gets one part', async () => {
    expect(await partsOf({ query: '{ services { id } }', accept: PARTS })).toEqual([{ data: { services: [{ id: 's1' }, { id: 's2' }] }, extensions: STAMP, hasNext: false }]);
  });

  test('a subscription with @defer is not valid', async () => {
    const { body } = await answerTo({ query: 'subscription { ... @defer { ticks } }', accept: 'text/event-stream' });
    expect(body).toContain('cannot be used in a subscription');
  });
});

describe('more parts than one answer may have', () => {
  let many: MiniGraph;
  beforeAll(async () => {
    many = await startMiniGraph([{
      name: 'auth', sdl: 'type Query { things: [Thing!]! } type Thing { id: ID! n: Int }',
      resolvers: { Query: { things: () => Array.from({ length: 130_000 }, (_, index) => ({ id: index, n: index })) } },
    }]);
  });
  afterAll(() => many.stop());

  test('do not come, and an error says from where on', async () => {
    const payloads = payloadsOf((await (await send({ query: '{ things { id ... @defer { n } } }' }, many)).answer()).body);
    const parts = payloads.flatMap(({ incremental }) => incremental ?? []);
    const errors = payloads.flatMap((payload) => payload.errors ?? []);
    expect(parts).toHaveLength(5_000);
    expect(errors.map(({ path, extensions }) => [path, extensions?.['code']])).toEqual([[['things', 5_000], 'QUERY_TOO_COSTLY']]);
    expect(payloads.at(-1)?.hasNext).toBe(false);
    expect((payloads[0]?.data as { things: unknown[] }).things).toHaveLength(130_000);
  });
});
