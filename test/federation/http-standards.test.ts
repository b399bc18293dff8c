/** GraphQL over HTTP, on the hot path and through Apollo Server: conformance, media types, statuses, and what is refused. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { ApolloServer } from '@apollo/server';
import { auditServer } from 'graphql-http';
import { onBothPaths, PATHS, startPaths, stopPaths, type Paths } from '../kit/http-paths.js';
import { HASH } from '../kit/mini-subgraphs.js';
import { RawConnection, rawExchange } from '../kit/raw-http.js';

const JSON_BODY = 'content-type: application/json';
const RESPONSE_TYPE = 'application/graphql-response+json';
const POST = 'POST /graphql HTTP/1.1';
const PROOF = 'apollo-require-preflight: 1';
const OPEN = '{"query":"{ open { word } }"}';

let paths: Paths;
beforeAll(async () => { paths = await startPaths({ corsOrigins: ['https://console.example.com'] }); });
afterAll(() => stopPaths(paths));

describe.each(PATHS)('%s', (path) => {
  test('passes every audit of graphql-http', async () => {
    const { url } = paths[path].gateway;
    // GET is served to requests that no other site can cause; the audits know nothing of that rule.
    const fetchFn = (target: string, options?: RequestInit): Promise<Response> => fetch(target, options?.method === 'POST' ? options : { ...options, headers: { ...options?.headers as Record<string, string> | undefined, 'apollo-require-preflight': '1' } });
    const results = await auditServer({ url: `${url}/graphql`, fetchFn });
    expect(results.filter(({ status }) => status !== 'ok').map(({ id, name, status }) => ({ id, name, status }))).toEqual([]);
    expect(results).toHaveLength(61);
  });
});

test('the hot path leaves Apollo Server out, except for GET with text', async () => {
  const apollo = jest.spyOn(ApolloServer.prototype, 'executeHTTPGraphQLRequest');
  try {
    const calls = async (path: (typeof PATHS)[number], head: readonly string[], body = ''): Promise<number> => {
      apollo.mockClear();
      expect((await rawExchange(paths[path].gateway.url, head, body)).status).toBe(200);
      return apollo.mock.calls.length;
    };
    const get = [`GET /graphql?query=${encodeURIComponent('{ open { word } }')} HTTP/1.1`, PROOF];
    expect(await calls('hot path', [POST, JSON_BODY], OPEN)).toBe(0);
    expect(await calls('hot path', get)).toBe(1);
    expect(await calls('Apollo Server', [POST, JSON_BODY], OPEN)).toBe(1);
    expect(await calls('Apollo Server', get)).toBe(1);
  } finally {
    apollo.mockRestore();
  }
});

interface Case {
  readonly head: readonly string[];
  readonly body?: string | Uint8Array;
  readonly status: number;
  /** Code of the first error; undefined when there is none. */
  readonly code?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

/** Sends a case to both paths and compares them with each other and with what is expected. */
async function check({ head, body, status, code, headers = {} }: Case): Promise<Record<string, unknown>> {
  const [hot, apollo] = await onBothPaths(paths, head, body);
  expect(apollo).toEqual(hot);
  const parsed = hot.body === '' ? {} : JSON.parse(hot.body) as { errors?: { extensions: Record<string, unknown> }[]; extensions?: Record<string, unknown> };
  expect({ status: hot.status, code: parsed.errors?.[0]?.extensions['code'] }).toEqual({ status, code });
  expect(hot.headers).toMatchObject({
    'x-constitutional-hash': HASH, 'x-request-id': 'compared', 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY', 'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin', 'content-security-policy': "default-src 'none'; frame-ancestors 'none'", 'cache-control': 'no-store', ...headers,
  });
  if (hot.body !== '') expect(parsed.extensions).toMatchObject({ constitutional: { hash: HASH, verified: true } });
  return parsed;
}

const accept = (type: string): string => `accept: ${type}`;
const post = (body: unknown, ...headers: string[]): Pick<Case, 'head' | 'body'> => ({ head: [POST, JSON_BODY, ...headers], body: typeof body === 'string' ? body : JSON.stringify(body) });
const get = (parameters: Record<string, string>, ...headers: string[]): Pick<Case, 'head'> => ({ head: [`GET /graphql?${new URLSearchParams(parameters).toString()} HTTP/1.1`, ...headers] });

describe('what is answered the same way on both paths', () => {
  test.each<[string, Case]>([
    ['a query', { ...post(OPEN), status: 200, headers: { 'content-type': 'application/json; charset=utf-8' } }],
    ['a query for the newer type', { ...post(OPEN, accept(RESPONSE_TYPE)), status: 200, headers: { 'content-type': `${RESPONSE_TYPE}; charset=utf-8` } }],
    ['several operations and a name', { ...post({ query: 'query A { open { word } } query B { users { id } }', operationName: 'B' }), status: 200 }],
    ['variables', { ...post({ query: 'query ($id: ID!) { service(id: $id) { id name } }', variables: { id: 's1' } }), status: 200 }],
    ['text beyond ASCII', { ...post({ query: 'query ($id: ID!) { service(id: $id) { id } } # é 漢 🏊', variables: { id: 'ü🏊' } }), status: 200 }],
    ['introspection', { ...post({ query: '{ __schema { queryType { name } } }' }), status: 200 }],
    ['a mutation', { ...post({ query: 'mutation { decide(idempotencyKey: "k") { id } }' }, `x-constitutional-hash: ${HASH}`), status: 200 }],
    ['a field the principal may not read', { ...post({ query: '{ principles open { word } }' }), status: 200, code: 'UNAUTHORIZED_FIELD_OR_TYPE' }],
    ['a fault of a subgraph', { ...post({ query: '{ typed }' }, accept(RESPONSE_TYPE)), status: 200, code: 'BAD_USER_INPUT' }],
    ['a query by GET', { ...get({ query: '{ open { word } }' }, PROOF), status: 200 }],
    ['a query by GET with everything', { ...get({ query: 'query S($id: ID!) { service(id: $id) { id } }', operationName: 'S', variables: '{"id":"s1"}', extensions: `{"constitutionalHash":"${HASH}"}` }, JSON_BODY), status: 200 }],
    ['empty parameters by GET', { ...get({ query: '{ open { word } }', operationName: '', variables: '', extensions: '' }, 'x-apollo-operation-name: X'), status: 200 }],
    ['a body compressed by nothing', { ...post(OPEN, 'content-encoding: identity'), status: 200 }],
    ['a charset that says UTF-8', { head: [POST, 'content-type: Application/JSON ; Charset="UTF-8"'], body: OPEN, status: 200 }],
  ])('%s', async (_, one) => { await check(one); });
});

describe('request errors have 200 in application/json and their own status in the newer type', () => {
  test.each([
    ['text that is no GraphQL', { query: '{ open {' }, 400, 'GRAPHQL_PARSE_FAILED'],
    ['an unknown field', { query: '{ nope }' }, 400, 'GRAPHQL_VALIDATION_FAILED'],
    ['several mistakes', { query: '{ nope nada }' }, 400, 'GRAPHQL_VALIDATION_FAILED'],
    ['a reserved name', { query: '{ __proto__: open { word } }' }, 400, 'GRAPHQL_VALIDATION_FAILED'],
    ['an unknown operation', { query: 'query A { open { word } }', operationName: 'B' }, 400, 'BAD_REQUEST'],
    ['an operation that is not named', { query: 'query A { open { word } } query B { open { word } }' }, 400, 'BAD_REQUEST'],
    ['a variable that is missing', { query: 'query ($i: ID!) { service(id: $i) { id } }' }, 400, 'BAD_USER_INPUT'],
  ])('%s', async (_, body, status, code) => {
    const lenient = await check({ ...post(body, accept('application/json')), status: 200, code });
    const strict = await check({ ...post(body, accept(RESPONSE_TYPE)), status, code });
    expect(strict).toEqual(lenient);
    expect(strict).not.toHaveProperty('data');
    await check({ ...post(body), status: 200, code });
  });
  test('a parse error names its place beside the message', async () => {
    const { errors } = await check({ ...post({ query: '{ open {' }), status: 200, code: 'GRAPHQL_PARSE_FAILED' }) as { errors: unknown[] };
    expect(errors).toEqual([{ message: expect.stringContaining('Syntax Error'), locations: [{ line: 1, column: 9 }], extensions: { code: 'GRAPHQL_PARSE_FAILED' } }]);
  });
});

describe('refusals keep their status in both types', () => {
  const deep = `{ open ${'{ deep '.repeat(13)}{ word }${' }'.repeat(13)} }`;
  test.each<[string, Pick<Case, 'head' | 'body'>, number, string, Case['headers']?]>([
    ['depth', post({ query: deep }), 400, 'QUERY_TOO_DEEP'],
    ['tokens', post({ query: `{ open { ${'word '.repeat(2_100)} } }` }), 400, 'QUERY_TOO_LARGE'],
    ['aliases, before anything is said about the fields', post({ query: `{ ${Array.from({ length: 31 }, (_, index) => `a${index}: nope`).join(' ')} }` }), 400, 'QUERY_TOO_MANY_ALIASES'],
    ['a missing hash', post({ query: '{ kill }' }), 400, 'CONSTITUTIONAL_HASH_REQUIRED'],
    ['a wrong hash', post({ query: '{ kill }', extensions: { constitutionalHash: 'ffffffffffffffff' } }), 409, 'CONSTITUTIONAL_HASH_MISMATCH'],
    ['two hashes', post({ query: '{ kill }', extensions: { constitutionalHash: 'ffffffffffffffff' } }, `x-constitutional-hash: ${HASH}`), 409, 'CONSTITUTIONAL_HASH_MISMATCH'],
    ['a bad credential', post(OPEN, 'authorization: Bearer nonsense'), 401, 'UNAUTHENTICATED', { 'www-authenticate': 'Bearer' }],
    ['a subscription', post({ query: 'subscription { ticks }' }), 400, 'SUBSCRIPTION_NOT_SUPPORTED'],
    ['a subscription by GET', get({ query: 'subscription { ticks }' }, PROOF), 400, 'SUBSCRIPTION_NOT_SUPPORTED'],
    ['a mutation by GET', get({ query: 'mutation { login(name: "x") }' }, PROOF), 405, 'METHOD_NOT_ALLOWED', { allow: 'POST' }],
    ['a critical mutation by GET', get({ query: 'mutation { decide(idempotencyKey: "k") { id } }' }, PROOF), 405, 'METHOD_NOT_ALLOWED'],
    ['a mutation by GET among queries', get({ query: 'query A { open { word } } mutation B { login(name: "x") }', operationName: 'B' }, PROOF), 405, 'METHOD_NOT_ALLOWED'],
    ['a mutation by GET that names no field there is', get({ query: 'mutation { nope }' }, PROOF), 405, 'METHOD_NOT_ALLOWED'],
  ])('%s', async (_, request, status, code, headers = {}) => {
    await check({ ...request, status, code, headers });
    await check({ ...request, head: [...request.head, accept(RESPONSE_TYPE)], status, code, headers: { ...headers, 'content-type': `${RESPONSE_TYPE}; charset=utf-8` } });
  });
});

describe('bodies that are no request', () => {
  test.each<[string, string | Uint8Array]>([
    ['nothing', ''],
    ['broken JSON', '{"query":'],
    ['a string', '"x"'],
    ['null', 'null'],
    ['a batch', `[${OPEN},${OPEN}]`],
    ['an empty batch', '[]'],
    ['no query', '{}'],
    ['an empty query', '{"query":""}'],
    ['a null query', '{"query":null}'],
    ['a query that is no text', '{"query":{"kind":"Document"}}'],
    ['variables that are a list', '{"query":"{ open { word } }","variables":[1]}'],
    ['variables that are text', '{"query":"{ open { word } }","variables":"{}"}'],
    ['an operation name that is a number', '{"query":"{ open { word } }","operationName":1}'],
    ['extensions that are a list', '{"query":"{ open { word } }","extensions":[]}'],
    ['UTF-16 that nobody announced', Buffer.from(OPEN, 'utf16le')],
    ['bytes that are not UTF-8', Buffer.concat([Buffer.from('{"query":"{ open { word } } # '), Buffer.from([0xff, 0xfe]), Buffer.from('"}')])],
    ['a document in two ways', '{"query":"{ open { word } }","documentId":"service-360"}'],
  ])('%s', async (_, body) => {
    await check({ head: [POST, JSON_BODY], body, status: 400, code: 'BAD_REQUEST' });
    await check({ head: [POST, JSON_BODY, accept(RESPONSE_TYPE)], body, status: 400, code: 'BAD_REQUEST' });
  });
  test('a body above the limit, announced or not', async () => {
    const large = JSON.stringify({ query: `{ open { word } } # ${'x'.repeat(70_000)}` });
    await check({ head: [POST, JSON_BODY], body: large, status: 413, code: 'PAYLOAD_TOO_LARGE' });
    for (const path of PATHS) {
      const connection = await RawConnection.open(paths[path].gateway.url);
      connection.send(`${[POST, JSON_BODY, 'host: test', 'transfer-encoding: chunked'].join('\r\n')}\r\n\r\n${large.length.toString(16)}\r\n${large}\r\n`);
      // The body has no end: the answer must not wait for one.
      expect((await connection.answer()).status).toBe(413);
      connection.close();
    }
  });
});

describe('bodies that are not JSON in UTF-8', () => {
  test.each([
    'text/plain', 'text/plain; charset=utf-8', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/xml', 'text/json', 'application/jsonx', 'application/graphql',
    'application/json, text/plain', 'application/json; charset=utf-16', 'application/json; charset=UTF-16', 'application/json; charset="utf-16"', 'application/json; charset=utf-16le', 'application/json; charset=utf-32',
    'application/json; charset=UTF-32BE', 'application/json; charset=utf-7', 'application/json; charset="UTF-7"', 'application/json; charset=iso-8859-1', 'application/json; charset=us-ascii', 'application/json; charset=utf8',
    'application/json; charset=', 'application/json; charset', 'application/json; charset=utf-8; charset=utf-16', 'application/json; charset=utf-16; charset=utf-8', 'application/json; charset=utf-8; CHARSET=utf-8',
    'application/json; charset=utf-8 utf-16', "application/json; charset*=utf-8''utf-16", 'application/json; charset=utf-8, utf-16', 'nonsense', '/', `application/json;${' '.repeat(200)}x`,
  ])('%s', async (type) => {
    await check({ head: [POST, `content-type: ${type}`], body: OPEN, status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' });
    await check({ head: [POST, `content-type: ${type}`, PROOF], body: OPEN, status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' });
  });
  test('no content type at all, or an empty one', async () => {
    await check({ head: [POST], body: OPEN, status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' });
    await check({ head: [POST, 'content-type:'], body: OPEN, status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' });
  });
  test.each(['gzip', 'deflate', 'br', 'zstd', 'GZIP', 'gzip, identity', 'identity, identity'])('a body compressed with %s', async (encoding) => {
    await check({ ...post(OPEN, `content-encoding: ${encoding}`), status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' });
  });
  test('content types that differ, in whichever order', async () => {
    await check({ head: [POST, JSON_BODY, 'Content-Type: text/plain'], body: OPEN, status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' });
    await check({ head: [POST, 'content-type: text/plain', JSON_BODY], body: OPEN, status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' });
    await check({ head: [POST, JSON_BODY, JSON_BODY], body: OPEN, status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' });
  });
});

describe('requests that another site could cause', () => {
  const url = get({ query: '{ open { word } }' }).head[0] as string;
  test.each<[string, readonly string[]]>([
    ['a plain GET', []],
    ['a GET with an empty proof', ['apollo-require-preflight:']],
    ['a GET with simple headers only', ['accept: application/graphql-response+json', 'accept-language: de', 'range: bytes=0-']],
    ['a GET with a cookie', ['cookie: session=1']],
  ])('%s', async (_, headers) => { await check({ head: [url, ...headers], status: 400, code: 'BAD_REQUEST' }); });
  test.each(['text/plain', 'text/plain; charset=utf-8', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'message/', 'x', 'application/json; charset=utf-16'])('a GET of type %s, also with a proof', async (type) => {
    await check({ head: [url, `content-type: ${type}`], status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' });
    await check({ head: [url, `content-type: ${type}`, PROOF], status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' });
  });
});

describe('GET parameters', () => {
  test.each(['query=%7Bopen%7Bword%7D%7D&query=%7Bkill%7D', 'query=x&variables=1&variables=2', 'variables=%7B%7D', 'query=%7Bopen%7Bword%7D%7D&variables=nonsense', 'query=%7Bopen%7Bword%7D%7D&variables=%5B%5D', 'query=%7Bopen%7Bword%7D%7D&extensions=1', ''])('%s', async (search) => {
    await check({ head: [`GET /graphql?${search} HTTP/1.1`, PROOF], status: 400, code: 'BAD_REQUEST' });
  });
});

describe('media types nobody can serve', () => {
  test.each(['text/html', 'application/xml', 'application/json;q=0', 'application/json; charset=utf-16', 'text/*', 'multipart/mixed', 'multipart/mixed;subscriptionSpec=9'])('%s', async (type) => {
    await check({ ...post(OPEN, accept(type)), status: 406, code: 'NOT_ACCEPTABLE', headers: { 'content-type': 'application/json; charset=utf-8' } });
  });
});

describe('methods', () => {
  test.each(['PUT', 'PATCH', 'DELETE', 'QUERY'])('%s is not allowed, and what is is said', async (method) => {
    await check({ head: [`${method} /graphql HTTP/1.1`, JSON_BODY], body: OPEN, status: 405, code: 'METHOD_NOT_ALLOWED', headers: { allow: 'GET, POST, OPTIONS' } });
  });
  test('HEAD is not allowed and has no body', async () => {
    for (const path of PATHS) {
      const response = await fetch(`${paths[path].gateway.url}/graphql?query=%7Bopen%7Bword%7D%7D`, { method: 'HEAD', headers: { 'apollo-require-preflight': '1' } });
      expect([response.status, response.headers.get('allow'), await response.text()]).toEqual([405, 'GET, POST, OPTIONS', '']);
    }
  });
  test('OPTIONS tells the methods and runs nothing', async () => {
    const [hot, apollo] = await onBothPaths(paths, ['OPTIONS /graphql HTTP/1.1']);
    expect(apollo).toEqual(hot);
    expect(hot).toMatchObject({ status: 204, body: '', headers: { allow: 'GET, POST, OPTIONS', 'access-control-allow-origin': undefined, 'x-frame-options': 'DENY' } });
  });
});

describe('cross-origin requests', () => {
  test('of an allowed origin are preflighted and may read the answer', async () => {
    const preflight = await rawExchange(paths['hot path'].gateway.url, ['OPTIONS /graphql HTTP/1.1', 'origin: https://console.example.com', 'access-control-request-method: POST', 'access-control-request-headers: content-type']);
    expect(preflight).toMatchObject({ status: 204, headers: { 'access-control-allow-origin': 'https://console.example.com', 'access-control-allow-methods': 'GET, POST', 'access-control-allow-headers': expect.stringContaining('x-constitutional-hash'), vary: 'origin' } });
    expect(preflight.headers).not.toHaveProperty('access-control-allow-credentials');
    await check({ ...post(OPEN, 'origin: https://console.example.com'), status: 200, headers: { 'access-control-allow-origin': 'https://console.example.com', vary: 'origin' } });
    await check({ ...post('[]', 'origin: https://console.example.com'), status: 400, code: 'BAD_REQUEST', headers: { 'access-control-allow-origin': 'https://console.example.com' } });
  });
  test.each(['https://evil.example.com', 'https://console.example.com.evil.org', 'http://console.example.com', 'null'])('of %s are not', async (origin) => {
    const preflight = await rawExchange(paths['hot path'].gateway.url, ['OPTIONS /graphql HTTP/1.1', `origin: ${origin}`, 'access-control-request-method: POST']);
    expect(preflight.headers).not.toHaveProperty('access-control-allow-origin');
    await check({ ...post(OPEN, `origin: ${origin}`), status: 200, headers: { 'access-control-allow-origin': undefined, vary: 'origin' } });
  });
});

describe('credentials', () => {
  test('sent twice are refused, whichever comes first', async () => {
    const token = await paths['hot path'].issuer.issue();
    for (const [first, second] of [[`Bearer ${token}`, 'Bearer other'], ['Bearer other', `Bearer ${token}`], [`Bearer ${token}`, `Bearer ${token}`]]) {
      await check({ ...post(OPEN, `authorization: ${first}`, `Authorization: ${second}`), status: 401, code: 'UNAUTHENTICATED' });
    }
  });
});

test('faults of the server itself carry the security headers too', async () => {
  for (const target of ['/nothing', '//graphql', '/graphql/', '/graphql/../graphql']) {
    expect(await rawExchange(paths['hot path'].gateway.url, [`GET ${target} HTTP/1.1`])).toMatchObject({ status: 404, headers: { 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' } });
  }
  expect(await rawExchange(paths['hot path'].gateway.url, ['POST /metrics HTTP/1.1'])).toMatchObject({ status: 405, headers: { allow: 'GET' } });
  expect((await rawExchange(paths['hot path'].gateway.url, ['GET http://elsewhere.example/health/live HTTP/1.1'])).status).toBe(200);
});
