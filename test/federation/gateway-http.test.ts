/** The HTTP edge: credentials, limits, malformed requests, production mode, no telemetry, hot swap. */
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createHmac, randomUUID } from 'node:crypto';
import net from 'node:net';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { composeSupergraph } from '../../gateway/supergraph/compose.js';
import { MINI_GRAPH } from '../kit/mini-graph.js';
import { contractOf, createIssuer, eventually, HASH, readAnswer, startMiniGraph, type GraphqlAnswer, type MiniGraph } from '../kit/mini-subgraphs.js';

// Before the gateway starts: every connection this process opens goes through here.
const connect = jest.spyOn(net.Socket.prototype, 'connect');
let graph: MiniGraph;
beforeAll(async () => { graph = await startMiniGraph(MINI_GRAPH); });
afterAll(() => graph.stop());

const code = (answer: GraphqlAnswer): unknown => answer.errors[0]?.extensions['code'];
const bearer = (token: string): { headers: Record<string, string> } => ({ headers: { authorization: `Bearer ${token}` } });
const post = (body: string, headers: Record<string, string> = { 'content-type': 'application/json' }): Promise<Response> => fetch(`${graph.gateway.url}/graphql`, { method: 'POST', headers: { accept: 'application/graphql-response+json', ...headers }, body });

describe('credentials', () => {
  afterEach(() => { graph.revocations.revoked = []; });

  test('a valid token names the principal', async () => {
    expect((await graph.query('{ me { id } }', bearer(await graph.issuer.issue({ sub: 'bob' })))).data).toEqual({ me: { id: 'bob' } });
  });
  test('an expired token fails the request, also when it was cached while valid', async () => {
    const past = Math.floor(Date.now() / 1_000) - 100;
    expect(await graph.query('{ open { word } }', bearer(await graph.issuer.issue({ issuedAt: past, lifeSeconds: 50 })))).toMatchObject({ status: 401, errors: [{ extensions: { code: 'TOKEN_EXPIRED' } }] });
    const short = await graph.issuer.issue({ lifeSeconds: 2 });
    expect((await graph.query('{ me { id } }', bearer(short))).status).toBe(200);
    await eventually(async () => code(await graph.query('{ me { id } }', bearer(short))) === 'TOKEN_EXPIRED');
  });
  test('a bad credential is never treated as anonymous', async () => {
    const good = await graph.issuer.issue();
    const [header = '', payload = '', signature = ''] = good.split('.');
    const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
    const hs256 = `${encode({ alg: 'HS256', kid: 'test-key', typ: 'at+jwt' })}.${payload}`;
    const bad = {
      'of another key under the same id': await (await createIssuer()).issue(),
      'of an unknown key': await (await createIssuer('other')).issue(),
      'with alg none': `${encode({ alg: 'none', kid: 'test-key', typ: 'at+jwt' })}.${payload}.`,
      'with a MAC keyed by the public key': `${hs256}.${createHmac('sha256', JSON.stringify(graph.issuer.jwk)).update(hs256).digest('base64url')}`,
      'with changed claims': `${header}.${encode({ ...claims, scope: 'admin' })}.${signature}`,
      'for another audience': await graph.issuer.issue({ aud: 'elsewhere' }),
      'of another issuer': await graph.issuer.issue({ iss: 'elsewhere' }),
      'of another type': await graph.issuer.issue({ typ: 'JWT' }),
      'of an unknown kind': await graph.issuer.issue({ kind: 'GOD' }),
      'that is no token': 'hello',
    };
    for (const [which, token] of Object.entries(bad)) expect([which, (await graph.query('{ open { word } }', bearer(token))).status]).toEqual([which, 401]);
    const ambiguous: Record<string, string>[] = [{ authorization: 'Basic abc' }, { authorization: '' }, { authorization: `Bearer ${good}`, 'x-api-key': 'acgs_good' }, { 'x-api-key': 'acgs_bad' }, { 'x-api-key': 'nonsense' }];
    for (const headers of ambiguous) {
      const answer = await graph.query('{ open { word } }', { headers });
      expect([headers, answer.status, code(answer)]).toEqual([headers, 401, 'UNAUTHENTICATED']);
    }
  });
  test('an API key is exchanged, from either header', async () => {
    const both: Record<string, string>[] = [{ 'x-api-key': 'acgs_good' }, { authorization: 'Bearer acgs_good' }];
    for (const headers of both) expect((await graph.query('{ me { id } kinds }', { headers })).data).toEqual({ me: { id: 'robot' }, kinds: ['A'] });
  });
  test('a revoked session stops working within a second', async () => {
    const token = await graph.issuer.issue({ sid: 'doomed' });
    expect((await graph.query('{ me { id } }', bearer(token))).status).toBe(200);
    graph.revocations.epoch += 1;
    graph.revocations.revoked = [{ credentialId: 'doomed', principalId: null, before: new Date().toISOString() }];
    await eventually(async () => code(await graph.query('{ me { id } }', bearer(token))) === 'UNAUTHENTICATED', 1_000);
  });
  test('a revoked principal loses what was issued before, not what comes after', async () => {
    const now = Math.floor(Date.now() / 1_000);
    const [old, fresh] = [await graph.issuer.issue({ sub: 'carol', issuedAt: now - 60 }), await graph.issuer.issue({ sub: 'carol', sid: 'new', issuedAt: now })];
    graph.revocations.epoch += 1;
    graph.revocations.revoked = [{ credentialId: null, principalId: 'carol', before: new Date((now - 30) * 1_000).toISOString() }];
    await eventually(async () => code(await graph.query('{ me { id } }', bearer(old))) === 'UNAUTHENTICATED', 1_000);
    expect((await graph.query('{ me { id } }', bearer(fresh))).status).toBe(200);
  });
  test('critical fields are refused while revocations cannot be confirmed, others are served', async () => {
    const { auth } = graph.subgraphs;
    const route = auth?.internal.get('GET /internal/revocations');
    auth?.internal.set('GET /internal/revocations', () => ({ status: 500 }));
    try {
      await eventually(async () => code(await graph.query('{ kill }', { headers: { 'x-constitutional-hash': HASH } })) === 'REVOCATION_FEED_STALE');
      expect((await graph.query('{ services { id } }')).errors).toEqual([]);
    } finally {
      if (route !== undefined) auth?.internal.set('GET /internal/revocations', route);
    }
    await eventually(async () => (await graph.query('{ kill }', { headers: { 'x-constitutional-hash': HASH } })).status === 200);
  });
});

describe('malformed requests', () => {
  test.each([
    ['broken JSON', '{"query":', { 'content-type': 'application/json' }, 400, 'BAD_REQUEST'],
    ['no object', '"x"', { 'content-type': 'application/json' }, 400, 'BAD_REQUEST'],
    ['null', 'null', { 'content-type': 'application/json' }, 400, 'BAD_REQUEST'],
    ['no query', '{}', { 'content-type': 'application/json' }, 400, 'BAD_REQUEST'],
    ['variables that are no object', '{"query":"{ open { word } }","variables":[1]}', { 'content-type': 'application/json' }, 400, 'BAD_REQUEST'],
    ['another content type', '{"query":"{ open { word } }"}', { 'content-type': 'text/plain' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['a form', 'query=x', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['another charset', '{"query":"{ open { word } }"}', { 'content-type': 'application/json; charset=utf-16le' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['broken GraphQL', '{"query":"{ open {"}', { 'content-type': 'application/json' }, 400, 'GRAPHQL_PARSE_FAILED'],
    ['an unknown field', '{"query":"{ nope }"}', { 'content-type': 'application/json' }, 400, 'GRAPHQL_VALIDATION_FAILED'],
    ['an unknown operation', '{"query":"query A { open { word } }","operationName":"B"}', { 'content-type': 'application/json' }, 400, 'BAD_REQUEST'],
    ['a missing variable', '{"query":"query ($i: ID!) { service(id: $i) { id } }"}', { 'content-type': 'application/json' }, 400, 'BAD_USER_INPUT'],
    ['a persisted query', '{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"x"}}}', { 'content-type': 'application/json' }, 400, 'BAD_REQUEST'],
  ])('%s', async (_, body, headers, status, expected) => {
    const answer = await readAnswer(await post(body, headers));
    expect([answer.status, code(answer)]).toEqual([status, expected]);
    expect(answer.extensions).toMatchObject({ constitutional: { hash: HASH } });
  });

  test('a body that is too large', async () => {
    expect((await post(JSON.stringify({ query: `{ open { word } } # ${'x'.repeat(70_000)}` }))).status).toBe(413);
  });
  test('a mutation by GET, and a GET another site could cause', async () => {
    const url = `${graph.gateway.url}/graphql?query=`;
    const mutation = await readAnswer(await fetch(`${url}${encodeURIComponent('mutation { login(name: "x") }')}`, { headers: { 'apollo-require-preflight': '1' } }));
    expect([mutation.status, code(mutation)]).toEqual([405, 'METHOD_NOT_ALLOWED']);
    expect((await fetch(`${url}${encodeURIComponent('{ open { word } }')}`)).status).toBe(400);
    expect((await fetch(`${url}${encodeURIComponent('{ open { word } }')}`, { headers: { 'apollo-require-preflight': '1' } })).status).toBe(200);
    expect((await fetch(`${graph.gateway.url}/graphql`, { method: 'PUT' })).status).toBe(405);
  });
});

describe('limits', () => {
  const deep = (levels: number): string => `{ open ${'{ deep '.repeat(levels)}{ word }${' }'.repeat(levels)} }`;
  const doubling = Array.from({ length: 25 }, (_, index) => `fragment F${index} on Open { ${index === 24 ? 'word' : `...F${index + 1} ...F${index + 1}`} }`).join(' ');
  test.each([
    ['depth', deep(12), 'QUERY_TOO_DEEP'],
    ['depth through fragments', `{ open { ...A } } fragment A on Open { deep { deep { deep { deep { deep { ...B } } } } } } fragment B on Open { deep { deep { deep { deep { deep { deep { word } } } } } } }`, 'QUERY_TOO_DEEP'],
    ['aliases', `{ ${Array.from({ length: 31 }, (_, index) => `a${index}: open { word }`).join(' ')} }`, 'QUERY_TOO_MANY_ALIASES'],
    ['tokens', `{ open { ${'word '.repeat(2_100)} } }`, 'QUERY_TOO_LARGE'],
    ['cost', '{ services(first: 100000) { id model { version } } }', 'QUERY_TOO_COSTLY'],
    ['expansion of fragments', `{ open { ...F0 } } ${doubling}`, 'QUERY_TOO_COSTLY'],
  ])('%s', async (_, query, expected) => {
    const answer = await graph.query(query);
    expect([answer.status, code(answer)]).toEqual([400, expected]);
  });
  test('cost by a variable, and by its default', async () => {
    const query = 'query ($n: Int = 100000) { services(first: $n) { id model { version } } }';
    expect(code(await graph.query(query))).toBe('QUERY_TOO_COSTLY');
    expect((await graph.query(query, { variables: { n: 2 } })).status).toBe(200);
    expect(code(await graph.query(query, { variables: { n: 100_000 } }))).toBe('QUERY_TOO_COSTLY');
  });
  test('what is just within the limits is served', async () => {
    expect((await graph.query(deep(10))).status).toBe(200);
  });
});

describe('modes', () => {
  test('development: introspection, and a page without outside resources', async () => {
    expect((await graph.query('{ __schema { queryType { name } } __type(name: "Service") { name } }')).data).toEqual({ __schema: { queryType: { name: 'Query' } }, __type: { name: 'Service' } });
    const page = await fetch(graph.gateway.url);
    const html = await page.text();
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(html.match(/(?:src|href)=/g)).toBeNull();
    expect(html).toContain(`${graph.gateway.url}/graphql`);
  });
  test('production: neither, however the introspection is written', async () => {
    const production = await startMiniGraph(MINI_GRAPH, { mode: 'production', introspection: false, landingPage: false });
    try {
      for (const query of ['{ __schema { queryType { name } } }', '{ x: __type(name: "User") { name } }', 'query { ...F } fragment F on Query { ... { __schema { description } } }']) expect(code(await production.query(query))).toBe('INTROSPECTION_DISABLED');
      expect((await production.query('{ __typename }')).data).toEqual({ __typename: 'Query' });
      expect((await fetch(production.gateway.url)).status).toBe(404);
      expect((await fetch(`${production.gateway.url}/graphql`, { headers: { accept: 'text/html' } })).headers.get('content-type')).toContain('application/json');
    } finally {
      await production.stop();
    }
  });
});

describe('the supergraph', () => {
  const compose = (extra: string): string => composeSupergraph(MINI_GRAPH.map((definition) => ({ name: definition.name, url: graph.subgraphs[definition.name]?.url ?? '', sdl: contractOf({ sdl: definition.name === 'auth' ? `${definition.sdl}\n${extra}` : definition.sdl }) })), [HASH]).supergraphSdl;

  test('is swapped under load without an error', async () => {
    let failures = 0;
    let stopping = false;
    const load = Promise.all(Array.from({ length: 4 }, async () => {
      while (!stopping) if ((await graph.query('{ services { id model { version } } }')).errors.length > 0) failures += 1;
    }));
    for (let round = 0; round < 4; round += 1) await graph.gateway.swap(compose(`type Extra${round} { id: ID }\nextend type Query { extra${round}: Extra${round} }`));
    stopping = true;
    await load;
    expect(failures).toBe(0);
    expect((await graph.query('{ extra3 { id } }')).data).toEqual({ extra3: null });
    expect((await graph.query('{ extra0 { id } }')).status).toBe(400);
  });
  test('with a refused hash stays out', async () => {
    const before = graph.gateway.snapshot().id;
    await expect(graph.gateway.swap(compose('').replaceAll(HASH, '0123456789abcdef'))).rejects.toThrow(/CONSTITUTION_HASH_REFUSED/);
    await expect(graph.gateway.swap('type Query { x: Int }')).rejects.toThrow(/INVALID_SDL/);
    expect(graph.gateway.snapshot().id).toBe(before);
  });
});

test('metrics count requests, gates and caches; health names the subgraphs', async () => {
  await graph.query('{ open { word } }', { headers: { 'x-request-id': randomUUID() } });
  const metrics = await (await fetch(`${graph.gateway.url}/metrics`)).text();
  for (const name of ['acgs_requests_total{operation="query",status="200",service="gateway"}', 'acgs_constitutional_compliance_total{gate="hop"', 'acgs_cache_requests_total{cache="plan"']) expect(metrics).toContain(name);
  await eventually(async () => ((await (await fetch(`${graph.gateway.url}/health/ready`)).json()) as { degraded: unknown[] }).degraded.length === 0);
});

test('the WebSocket edge runs under the same gates', async () => {
  const run = (connectionParams: Record<string, unknown>, query: string): Promise<unknown> => new Promise((resolve) => {
    const client = createClient({ url: `${graph.gateway.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, connectionParams, retryAttempts: 0 });
    let last: unknown;
    client.subscribe({ query }, { next: (value) => { last = value; }, error: (error) => { resolve(error); void client.dispose(); }, complete: () => { resolve(last); void client.dispose(); } });
  });
  expect(await run({}, '{ open { word } }')).toMatchObject({ data: { open: { word: 'yes' } }, extensions: { constitutional: { hash: HASH, verified: true } } });
  expect(JSON.stringify(await run({}, '{ kill }'))).toContain('CONSTITUTIONAL_HASH_REQUIRED');
  expect(await run({ constitutionalHash: HASH, authorization: `Bearer ${await graph.issuer.issue({ sub: 'dora' })}` }, '{ kill me { id } }')).toMatchObject({ data: { kill: 'killed', me: { id: 'dora' } } });
});

test('a subscription over plain HTTP is refused', async () => {
  expect(await graph.query('subscription { ticks }')).toMatchObject({ status: 400, errors: [{ extensions: { code: 'SUBSCRIPTION_NOT_SUPPORTED' } }] });
});

test('nothing but loopback was ever connected to', () => {
  const hosts = connect.mock.calls.flatMap((call) => {
    const first: unknown = (call as unknown[])[0];
    const options = (Array.isArray(first) ? first[0] : first) as { host?: string; path?: string } | undefined;
    return typeof options === 'object' && options.path === undefined ? [options.host] : [];
  });
  expect(hosts.length).toBeGreaterThan(0);
  expect([...new Set(hosts)].filter((host) => host !== '127.0.0.1' && host !== 'localhost')).toEqual([]);
});
