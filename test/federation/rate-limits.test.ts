/** Rates through whole gateways: shared by two of them, on every edge, by cost, with a reserve that no flood takes away. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient, type ExecutionResult } from 'graphql-ws';
import WebSocket from 'ws';
import type { RateLimitConfig } from '../../gateway/enforcement/rates/rate-policy.js';
import { MINI_GRAPH } from '../kit/mini-graph.js';
import { eventually, HASH, startMiniGraph, type GraphqlAnswer, type MiniGraph } from '../kit/mini-subgraphs.js';
import { redisAvailable, startRedis, type TestRedis } from '../kit/redis.js';

/** Nothing comes back while the test runs. */
const slow = (burst: number) => ({ perMinute: 1e-3, burst });
const DECIDE = 'mutation ($k: String!) { decide(idempotencyKey: $k) { id } }';
const GRANT = 'mutation ($k: String!) { grant(idempotencyKey: $k) }';
const READ = '{ open { word } }';

let principals = 0;
/** Headers of a principal nobody has charged yet. */
async function anew(graph: MiniGraph): Promise<Record<string, string>> {
  const sub = `principal-${(principals += 1)}`;
  return { authorization: `Bearer ${await graph.issuer.issue({ sub, sid: sub })}`, 'x-constitutional-hash': HASH };
}

const code = ({ errors }: GraphqlAnswer): unknown => errors[0]?.extensions['code'];
const left = ({ headers }: GraphqlAnswer): number => Number(/r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1]);

/** Asks until a request is refused; returns how many were answered. */
async function exhaust(ask: () => Promise<GraphqlAnswer>): Promise<{ readonly answered: number; readonly refusal: GraphqlAnswer }> {
  for (let answered = 0; ; answered += 1) {
    const answer = await ask();
    if (code(answer) === 'RATE_LIMITED') return { answered, refusal: answer };
    expect(answer.errors).toEqual([]);
    if (answered > 5_000) throw new Error('Nothing was refused.');
  }
}

describe('one gateway that counts by itself', () => {
  const POLICY: RateLimitConfig['policy'] = { principal: slow(300), anonymous: slow(100), reserve: slow(60) };
  let graph: MiniGraph;
  beforeAll(async () => {
    graph = await startMiniGraph(MINI_GRAPH, { rateLimit: { policy: POLICY, redisUrl: undefined, redisPrefix: '', trustedProxies: 1 }, safelist: 'off' });
    await eventually(async () => code(await graph.query('{ kill }', { headers: await anew(graph) })) === undefined);
  });
  afterAll(() => graph.stop());

  test('says what is left, and refuses with 429, a code and when to come back', async () => {
    const headers = await anew(graph);
    const first = await graph.query(READ, { headers });
    expect(first.headers.get('ratelimit-policy')).toMatch(/^"cost";q=300;w=\d+$/);
    const cost = 300 - left(first);
    expect(cost).toBeGreaterThan(0);
    const { answered, refusal } = await exhaust(() => graph.query(READ, { headers }));
    expect(answered).toBe(Math.floor(300 / cost) - 1);
    expect(refusal).toMatchObject({ status: 429, data: undefined, errors: [{ extensions: { code: 'RATE_LIMITED', retryAfter: expect.any(Number) } }] });
    expect(refusal.headers.get('retry-after')).toBe(String(refusal.errors[0]?.extensions['retryAfter']));
    // Somebody else is not in the way.
    expect(code(await graph.query(READ, { headers: await anew(graph) }))).toBeUndefined();
  });

  test('charges by cost: aliases, fragments and lists pay for what they select', async () => {
    const costOf = async (query: string): Promise<number> => 300 - left(await graph.query(query, { headers: await anew(graph) }));
    const one = await costOf('{ outcome { __typename } }');
    const ten = await costOf(`{ ${Array.from({ length: 10 }, (_, index) => `a${index}: outcome { __typename }`).join(' ')} }`);
    expect(ten).toBeGreaterThanOrEqual(10 * one);
    expect(await costOf(`query { ${Array.from({ length: 10 }, (_, index) => `...F${index}`).join(' ')} } ${Array.from({ length: 10 }, (_, index) => `fragment F${index} on Query { b${index}: outcome { __typename } }`).join(' ')}`)).toBe(ten);
    expect(await costOf('{ users(first: 20) { id } }')).toBeGreaterThan(await costOf('{ users(first: 2) { id } }'));
    // A batch is refused as a whole, so it cannot carry many operations for one charge.
    const batch = await fetch(`${graph.gateway.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', ...await anew(graph) }, body: JSON.stringify([{ query: READ }, { query: READ }]) });
    expect(batch.status).toBe(400);
  });

  test('what cannot be prepared is charged too', async () => {
    const headers = await anew(graph);
    const before = left(await graph.query(READ, { headers }));
    for (let index = 0; index < 5; index += 1) expect(code(await graph.query(`{ nothing${index} }`, { headers }))).toBe('GRAPHQL_VALIDATION_FAILED');
    expect(before - left(await graph.query(READ, { headers }))).toBeGreaterThan(5 * 10 - 1);
    await eventually(async () => code(await graph.query('{ broken(', { headers })) === 'RATE_LIMITED');
  });

  test('made-up API keys are paid for before auth is asked about them, on HTTP and on WebSocket', async () => {
    const route = graph.subgraphs['auth']?.internal.get('POST /internal/credentials');
    if (route === undefined) throw new Error('auth has no credentials.');
    let asked = 0;
    graph.subgraphs['auth']?.internal.set('POST /internal/credentials', (...call) => { asked += 1; return route(...call); });
    const madeUp = (): string => `acgs_${randomBytes(12).toString('hex')}`;
    const from = (address: string, headers: Record<string, string>) => graph.query(READ, { headers: { 'x-forwarded-for': address, 'x-constitutional-hash': HASH, ...headers } });
    try {
      const codes: unknown[] = [];
      let refused: GraphqlAnswer | undefined;
      for (let index = 0; index < 20; index += 1) codes.push(code(refused = await from('192.0.2.10', { 'x-api-key': madeUp() })));
      // An address has 100 points here.
      expect(codes).toEqual([...Array.from({ length: 10 }, () => 'UNAUTHENTICATED'), ...Array.from({ length: 10 }, () => 'RATE_LIMITED')]);
      expect(asked).toBe(10);
      expect(refused?.status).toBe(429);
      expect(refused?.headers.get('retry-after')).toMatch(/^\d+$/);
      // Others, and whoever auth need not be asked about, are not in the way.
      expect(code(await from('192.0.2.11', { 'x-api-key': 'acgs_good' }))).toBeUndefined();
      expect(code(await from('192.0.2.10', { 'x-api-key': 'acgs_good' }))).toBeUndefined();
      expect(code(await from('192.0.2.10', await anew(graph)))).toBeUndefined();

      asked = 0;
      const initialise = (): Promise<string> => new Promise((resolve, reject) => {
        const socket = new WebSocket(`${graph.gateway.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { headers: { 'x-forwarded-for': '192.0.2.12' } });
        socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { apiKey: madeUp(), constitutionalHash: HASH } })));
        socket.on('close', (closing, reason) => resolve(`${closing} ${reason.toString()}`));
        socket.on('error', reject);
      });
      const closes: string[] = [];
      for (let index = 0; index < 12; index += 1) closes.push(await initialise());
      expect(closes).toEqual([...Array.from({ length: 10 }, () => '4403 UNAUTHENTICATED'), '1013 RATE_LIMITED', '1013 RATE_LIMITED']);
      expect(asked).toBe(10);
    } finally {
      graph.subgraphs['auth']?.internal.set('POST /internal/credentials', route);
    }
  });

  test.each<[string, string, (headers: Record<string, string>) => Promise<GraphqlAnswer>]>([
    ['bad tokens', 'UNAUTHENTICATED', (headers) => graph.query(READ, { headers: { ...headers, authorization: 'Bearer nonsense' } })],
    ['wrong hashes', 'CONSTITUTIONAL_HASH_MISMATCH', (headers) => graph.query(READ, { headers: { ...headers, 'x-constitutional-hash': 'ffffffffffffffff' } })],
    ['unknown persisted queries', 'PERSISTED_QUERY_NOT_FOUND', (headers) => ask('POST', headers, JSON.stringify({ extensions: { persistedQuery: { version: 1, sha256Hash: randomBytes(32).toString('hex') } } }))],
    ['bodies that are no JSON', 'BAD_REQUEST', (headers) => ask('POST', headers, '{')],
    ['invalid documents on the way through Apollo Server', 'GRAPHQL_VALIDATION_FAILED', (headers) => ask('GET', headers)],
  ])('%s are charged to their address', async (_, expected, request) => {
    const address = `198.51.100.${(principals += 1)}`;
    const first = await request({ 'x-forwarded-for': address });
    expect(code(first)).toBe(expected);
    await eventually(async () => code(await request({ 'x-forwarded-for': address })) === 'RATE_LIMITED');
    expect(code(await request({ 'x-forwarded-for': '198.51.100.254' }))).toBe(expected);
    // The account is the one that anonymous operations are charged to.
    await eventually(async () => code(await graph.query(READ, { headers: { 'x-forwarded-for': address } })) === 'RATE_LIMITED');
  });

  async function ask(method: 'GET' | 'POST', headers: Record<string, string>, body?: string): Promise<GraphqlAnswer> {
    const response = await fetch(`${graph.gateway.url}/graphql${method === 'GET' ? `?query=${encodeURIComponent('{ nothing }')}` : ''}`, { method, headers: { 'accept': 'application/graphql-response+json', 'content-type': 'application/json', 'apollo-require-preflight': 'yes', ...headers }, ...(body === undefined ? {} : { body }) });
    const answer = await response.json() as Partial<GraphqlAnswer>;
    return { status: response.status, headers: response.headers, data: answer.data, errors: answer.errors ?? [], extensions: {} };
  }

  test('a flood leaves every critical mutation its own reserve, and the reserve is bounded', async () => {
    const headers = await anew(graph);
    await exhaust(() => graph.query(READ, { headers }));
    const mutate = (query: string) => graph.query(query, { headers, variables: { k: `k${Math.random()}` } });
    expect(await mutate(GRANT)).toMatchObject({ status: 200, data: { grant: true }, errors: [] });
    // A flood of one critical field takes its own reserve, never another's.
    const { answered } = await exhaust(() => mutate(GRANT));
    expect(answered).toBeGreaterThan(0);
    expect(await mutate(DECIDE)).toMatchObject({ data: { decide: { id: 'd1' } }, errors: [] });
    expect(code(await mutate(`mutation ($k: String!) { ${Array.from({ length: 20 }, (_, index) => `a${index}: decide(idempotencyKey: $k) { id }`).join(' ')} }`))).toBe('RATE_LIMITED');
    expect(code(await graph.query('mutation { login(name: "x") }', { headers }))).toBe('RATE_LIMITED');
  });

  test('GET through Apollo Server, streams over SSE and multipart, and WebSocket are charged to the same account', async () => {
    const headers = await anew(graph);
    const get = async (): Promise<GraphqlAnswer> => {
      const response = await fetch(`${graph.gateway.url}/graphql?query=${encodeURIComponent(READ)}`, { headers: { accept: 'application/graphql-response+json', 'apollo-require-preflight': 'yes', ...headers } });
      const body = await response.json() as Partial<GraphqlAnswer>;
      return { status: response.status, headers: response.headers, data: body.data, errors: body.errors ?? [], extensions: {} };
    };
    const before = left(await graph.query(READ, { headers }));
    expect(left(await get())).toBeLessThan(before);
    await exhaust(get);
    for (const accept of ['text/event-stream', 'multipart/mixed;subscriptionSpec=1.0']) {
      const response = await fetch(`${graph.gateway.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', accept, ...headers }, body: JSON.stringify({ query: 'subscription { ticks }' }) });
      expect({ accept, status: response.status, body: await response.json() }).toMatchObject({ accept, status: 429, body: { errors: [{ extensions: { code: 'RATE_LIMITED' } }] } });
      expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
    }
    const client = createClient({ url: `${graph.gateway.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, lazy: true, retryAttempts: 0, connectionParams: { authorization: headers['authorization'], constitutionalHash: HASH } });
    const over = (query: string): Promise<unknown> => new Promise((resolve) => {
      client.subscribe({ query }, { next: (value: ExecutionResult) => resolve(value), error: resolve, complete: () => undefined });
    });
    try {
      for (const query of [READ, 'subscription { ticks }']) expect(await over(query)).toEqual([expect.objectContaining({ extensions: expect.objectContaining({ code: 'RATE_LIMITED', retryAfter: expect.any(Number) }) })]);
      expect(await over('mutation { grant(idempotencyKey: "ws") }')).toMatchObject({ data: { grant: true } });
    } finally {
      await client.dispose();
    }
  });

  test('anonymous clients are told apart by the address the believed proxy saw, and have no reserve', async () => {
    const from = (address: string, query = READ) => graph.query(query, { headers: { 'x-forwarded-for': `9.9.9.9, ${address}` } });
    await exhaust(() => from('192.0.2.1'));
    expect(code(await from('192.0.2.1', 'mutation { login(name: "x") }'))).toBe('RATE_LIMITED');
    expect(code(await from('192.0.2.2'))).toBeUndefined();
    expect(code(await graph.query(READ, { headers: { ...await anew(graph), 'x-forwarded-for': '192.0.2.1' } }))).toBeUndefined();
    const text = await graph.gateway.metrics.registry.metrics();
    expect(text).toMatch(/acgs_rate_limit_charges_total\{client="anonymous",outcome="refused",[^}]*\} \d+/);
    expect(text).toMatch(/acgs_rate_limit_charges_total\{client="principal",outcome="reserve",[^}]*\} \d+/);
    expect(text).not.toContain('192.0.2');
  });
});

(redisAvailable ? describe : describe.skip)('two gateways over one Redis', () => {
  let redis: TestRedis;
  const graphs: MiniGraph[] = [];
  beforeAll(async () => {
    redis = await startRedis();
    const redisPrefix = `acgs-test-${randomBytes(4).toString('hex')}:`;
    const rateLimit: RateLimitConfig = { policy: { principal: slow(200), anonymous: slow(200), reserve: slow(60) }, redisUrl: redis.url, redisPrefix, trustedProxies: 0, patienceMs: 10_000 };
    for (let index = 0; index < 2; index += 1) graphs.push(await startMiniGraph(MINI_GRAPH, { rateLimit }));
    for (const graph of graphs) await eventually(async () => (await uncounted(graph)) === 0 || code(await graph.query(READ, { headers: await anew(graph) })) === undefined);
  });
  afterAll(async () => {
    await Promise.all(graphs.map((graph) => graph.stop()));
    await redis.kill();
  });

  async function uncounted(graph: MiniGraph): Promise<number> {
    return Number(/^acgs_rate_limit_uncounted_total\{[^}]*\} (\d+)$/m.exec(await graph.gateway.metrics.registry.metrics())?.[1] ?? 0);
  }

  test('share a principal\'s account, and Redis going away refuses nobody', async () => {
    const [one, two] = graphs;
    if (one === undefined || two === undefined) throw new Error('Two gateways are needed.');
    const sub = 'shared';
    const headersOf = async (graph: MiniGraph) => ({ authorization: `Bearer ${await graph.issuer.issue({ sub })}`, 'x-constitutional-hash': HASH });
    const [first, second] = [await headersOf(one), await headersOf(two)];
    // Warm, so that both count in Redis.
    for (const graph of graphs) {
      await eventually(async () => {
        const before = await uncounted(graph);
        await graph.query(READ, { headers: await anew(graph) });
        return (await uncounted(graph)) === before;
      });
    }
    const cost = 200 - left(await one.query(READ, { headers: first }));
    expect(left(await two.query(READ, { headers: second }))).toBe(200 - 2 * cost);
    const { answered } = await exhaust(() => one.query(READ, { headers: first }));
    expect(answered).toBe(Math.floor(200 / cost) - 2);
    expect(code(await two.query(READ, { headers: second }))).toBe('RATE_LIMITED');
    expect(await two.query(GRANT, { headers: second, variables: { k: 'reserve' } })).toMatchObject({ data: { grant: true } });

    await redis.kill();
    const before = await uncounted(two);
    await eventually(async () => code(await two.query(READ, { headers: second })) === undefined);
    expect(await uncounted(two)).toBeGreaterThan(before);
  });
});
