/** Subscriptions over HTTP: GraphQL over SSE and Apollo's multipart protocol, from the first byte to every way of ending. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { GraphQLError } from 'graphql';
import { AcgsError } from '../../ops/runtime/errors.js';
import { answerOf, FakeStreamSource } from '../kit/fake-stream-source.js';
import { MINI_GRAPH } from '../kit/mini-graph.js';
import { eventually, HASH, startMiniGraph, type MiniGraph } from '../kit/mini-subgraphs.js';
import { graphqlRequest, RawConnection } from '../kit/raw-http.js';

const SSE = 'text/event-stream';
const MULTIPART = 'multipart/mixed;subscriptionSpec=1.0';
const TICKS = 'subscription { ticks }';
const STAMP = { constitutional: { hash: HASH, verified: true } };
const HEARTBEAT_MS = 60;

const source = new FakeStreamSource();
let graph: MiniGraph;
const open: RawConnection[] = [];
beforeAll(async () => {
  graph = await startMiniGraph(MINI_GRAPH, {}, { http: { source, streamLimits: { heartbeatMs: HEARTBEAT_MS, maxBufferedBytes: 64 * 1024, lagGraceMs: 1_000, maxStreamsPerPrincipal: 2, sweepMs: 20 } } });
});
afterEach(async () => {
  for (const connection of open.splice(0)) connection.close();
  await eventually(async () => (await gauge()) === 0);
});
afterAll(() => graph.stop());

async function gauge(of: MiniGraph = graph): Promise<number> {
  const text = await (await fetch(`${of.gateway.url}/metrics`)).text();
  return [...text.matchAll(/^acgs_http_streams\{[^}]*\} (\d+)$/gm)].reduce((sum, [, value]) => sum + Number(value), 0);
}

interface Sent {
  readonly accept: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: 'GET' | 'POST';
  readonly variables?: Readonly<Record<string, unknown>>;
}

async function send({ accept, query = TICKS, headers = {}, method = 'POST', variables }: Sent, to: MiniGraph = graph): Promise<RawConnection> {
  const connection = await RawConnection.open(to.gateway.url);
  open.push(connection);
  connection.send(graphqlRequest(method, { query, variables }, { accept, ...headers }));
  return connection;
}

/** Opens a subscription and waits until its source has it. */
async function subscribe(sent: Sent): Promise<RawConnection> {
  const before = source.opened.length;
  const connection = await send(sent);
  await connection.until(() => connection.text.includes('\r\n\r\n'));
  expect(connection.text).toMatch(/^HTTP\/1\.1 200 /);
  expect(source.opened).toHaveLength(before + 1);
  return connection;
}

interface Event {
  readonly event: string;
  readonly data: unknown;
}

/** Events of an SSE body as the WHATWG standard reads them, comments left out. */
function eventsOf(body: string): readonly Event[] {
  return body.split('\n\n').slice(0, -1).flatMap((block) => {
    const lines = block.split('\n').filter((line) => !line.startsWith(':'));
    if (lines.length === 0) return [];
    const field = (name: string): string | undefined => lines.find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1).trimStart();
    const data = field('data');
    // Without a data line EventSource would drop the event.
    if (data === undefined) throw new Error(`An event without data: ${block}`);
    return [{ event: field('event') ?? 'message', data: data === '' ? undefined : JSON.parse(data) as unknown }];
  });
}

/** Parts of a multipart body as Apollo Client reads them: a part counts once the delimiter behind it has arrived. Heartbeats are left out. */
function partsOf(body: string): readonly unknown[] {
  return body.split('\r\n--graphql').slice(1, -1).map((part) => {
    const [head = '', json = ''] = part.split('\r\n\r\n');
    expect(head.toLowerCase()).toContain('content-type: application/json');
    return JSON.parse(json) as Record<string, unknown>;
  }).filter((part) => Object.keys(part).length > 0);
}

const ended = (connection: RawConnection): boolean => connection.text.endsWith('\r\n0\r\n\r\n');
const FORMATS = [
  { name: 'SSE', accept: SSE, type: 'text/event-stream; charset=utf-8', answers: (body: string) => eventsOf(body).filter(({ event }) => event === 'next').map(({ data }) => data), failures: (body: string) => eventsOf(body).filter(({ event }) => event === 'next').map(({ data }) => data).slice(-1), completed: (body: string) => eventsOf(body).at(-1)?.event === 'complete', heartbeats: (body: string) => body.split('\n\n').filter((block) => block === ':').length },
  { name: 'multipart', accept: MULTIPART, type: 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0', answers: (body: string) => partsOf(body).map((part) => (part as { payload: unknown }).payload), failures: (body: string) => partsOf(body).slice(-1), completed: (body: string) => body.endsWith('\r\n--graphql--\r\n'), heartbeats: (body: string) => body.split('\r\n\r\n{}').length - 1 },
] as const;

describe.each(FORMATS)('a subscription over $name', ({ accept, type, answers, failures, completed, heartbeats }) => {
  const failed = (body: string): string => JSON.stringify(failures(body));

  test('begins at once, brings answers as they come, and completes', async () => {
    const connection = await subscribe({ accept });
    const { headers } = await head(connection);
    expect(headers).toMatchObject({ 'content-type': type, 'cache-control': 'no-store', 'x-accel-buffering': 'no', 'x-constitutional-hash': HASH, 'x-content-type-options': 'nosniff' });
    expect(heartbeats(connection.body)).toBe(1);
    source.last.push(answerOf({ ticks: 1 }));
    await connection.until(() => answers(connection.body).length === 1);
    source.last.push(answerOf({ ticks: 2 }), answerOf({ text: 'é 漢 🏊' }));
    await connection.until(() => answers(connection.body).length === 3);
    source.last.end();
    await connection.until(() => ended(connection));
    expect(answers(connection.body)).toEqual([{ data: { ticks: 1 }, extensions: STAMP }, { data: { ticks: 2 }, extensions: STAMP }, { data: { text: 'é 漢 🏊' }, extensions: STAMP }]);
    expect(completed(connection.body)).toBe(true);
  });
  test('is opened with what was asked', async () => {
    const token = await graph.issuer.issue({ sub: 'ada', sid: 'stream' });
    await subscribe({ accept, query: 'subscription Mine { ticks }', variables: { a: 1 }, headers: { authorization: `Bearer ${token}`, 'x-constitutional-hash': HASH, 'x-request-id': 'of-the-stream', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' } });
    expect(source.last.input).toMatchObject({ variables: { a: 1 }, prepared: { operation: { operation: 'subscription', name: { value: 'Mine' } } }, request: { requestId: 'of-the-stream', principal: { id: 'ada' }, credentialId: 'stream', hashPresented: true, traceparent: expect.stringContaining('0af7651916cd43dd8448eb211c80319c') } });
  });
  test('works by GET', async () => {
    const connection = await subscribe({ accept, method: 'GET' });
    source.last.push(answerOf({ ticks: 1 }));
    source.last.end();
    await connection.until(() => ended(connection));
    expect(answers(connection.body)).toHaveLength(1);
  });
  test('by GET still needs a header that other sites cannot send', async () => {
    expect((await (await send({ accept, method: 'GET', headers: { 'apollo-require-preflight': '' } })).answer()).status).toBe(400);
  });
  test('line breaks in an answer do not break its frame', async () => {
    const connection = await subscribe({ accept });
    source.last.push({ ...answerOf({}), text: '{\n"data":\r\n{"a":"x\\ny"}\r}' });
    source.last.end();
    await connection.until(() => ended(connection));
    expect(answers(connection.body)).toEqual([{ data: { a: 'x\ny' } }]);
  });
  test('shows that it is alive while nothing comes', async () => {
    const connection = await subscribe({ accept });
    await connection.until(() => heartbeats(connection.body) >= 4);
    source.last.push(answerOf({ ticks: 1 }));
    await connection.until(() => answers(connection.body).length === 1);
  });
  test('ends at the source at once when the client goes away, while an answer is awaited', async () => {
    const connection = await subscribe({ accept });
    const stream = source.last;
    await eventually(() => stream.asked === 1);
    connection.close();
    await eventually(() => stream.returned);
    expect(stream.asked).toBe(1);
  });
  test('ends in the errors of its source', async () => {
    const connection = await subscribe({ accept });
    source.last.push(answerOf({ ticks: 1 }));
    source.last.fail(Object.assign(new Error('over'), { errors: [new GraphQLError('The cursor is too old.', { extensions: { code: 'CURSOR_EXPIRED', resumeAfter: 'c1' } })] }));
    await connection.until(() => ended(connection));
    expect(failures(connection.body)).toMatchObject([{ errors: [{ message: 'The cursor is too old.', extensions: { code: 'CURSOR_EXPIRED', resumeAfter: 'c1' } }], extensions: STAMP }]);
    expect(completed(connection.body)).toBe(true);
  });
  test('masks a fault that nobody meant to show', async () => {
    const connection = await subscribe({ accept, headers: { 'x-request-id': 'find-me' } });
    source.last.fail(new Error('secret connection string'));
    await connection.until(() => ended(connection));
    expect(connection.text).not.toContain('secret');
    expect(failed(connection.body)).toContain('find-me');
  });
  test('says why it could not be opened', async () => {
    source.refusal = Object.assign(new Error('no'), { errors: [new GraphQLError('Not for you.', { extensions: { code: 'UNAUTHORIZED_FIELD_OR_TYPE' } })] });
    const strict = await (await send({ accept })).answer();
    expect(strict.status).toBe(200);
    expect(failed(strict.body)).toContain('UNAUTHORIZED_FIELD_OR_TYPE');
    expect(completed(strict.body)).toBe(true);
    source.refusal = new AcgsError('SUBGRAPH_UNAVAILABLE');
    expect(await (await send({ accept })).answer()).toMatchObject({ status: 503, headers: { 'content-type': 'application/json; charset=utf-8' } });
    source.refusal = Object.assign(new Error('no'), { errors: [new GraphQLError('Not for you.', { extensions: { code: 'UNAUTHORIZED_FIELD_OR_TYPE' } })] });
    expect(await (await send({ accept: `${accept}, application/graphql-response+json` })).answer()).toMatchObject({ status: 403, headers: { 'content-type': 'application/graphql-response+json; charset=utf-8' } });
  });
  test.each<[string, string, Readonly<Record<string, string>>, number, string]>([
    ['text that is no GraphQL', '{ open {', {}, 200, 'GRAPHQL_PARSE_FAILED'],
    ['an unknown field', 'subscription { nope }', {}, 200, 'GRAPHQL_VALIDATION_FAILED'],
    ['a missing hash', '{ kill }', {}, 200, 'CONSTITUTIONAL_HASH_REQUIRED'],
    ['a wrong hash', TICKS, { 'x-constitutional-hash': 'ffffffffffffffff' }, 409, 'CONSTITUTIONAL_HASH_MISMATCH'],
    ['a bad credential', TICKS, { authorization: 'Bearer nonsense' }, 401, 'UNAUTHENTICATED'],
  ])('%s is refused in the stream, or plainly where HTTP has a word for it', async (_, query, headers, status, code) => {
    const before = source.opened.length;
    const answer = await (await send({ accept, query, headers })).answer();
    expect(answer.status).toBe(status);
    expect(answer.body).toContain(code);
    expect(answer.headers['content-type']).toBe(status === 200 ? type : 'application/json; charset=utf-8');
    expect(source.opened).toHaveLength(before);
  });
  test('queries and mutations are one answer and an end', async () => {
    for (const [query, data] of [['{ open { word } }', { open: { word: 'yes' } }], ['mutation { login(name: "x") }', { login: 'token' }], ['{ principles open { word } }', { principles: null, open: { word: 'yes' } }]] as const) {
      const answer = await (await send({ accept, query })).answer();
      expect(answer).toMatchObject({ status: 200, headers: { 'content-type': type } });
      expect(answers(answer.body)).toMatchObject([{ data, extensions: STAMP }]);
      expect(completed(answer.body)).toBe(true);
    }
  });
  test('queries of clients that also take one answer get one', async () => {
    const answer = await (await send({ accept: `${accept}, application/json`, query: '{ open { word } }' })).answer();
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/json; charset=utf-8' } });
  });

  test('ends when its token does', async () => {
    const connection = await subscribe({ accept, headers: { authorization: `Bearer ${await graph.issuer.issue({ sid: 'short', lifeSeconds: 2 })}` } });
    const stream = source.last;
    await connection.until(() => ended(connection));
    expect(failures(connection.body)).toMatchObject([{ errors: [{ extensions: { code: 'TOKEN_EXPIRED' } }], extensions: STAMP }]);
    expect(completed(connection.body)).toBe(true);
    expect(stream.returned).toBe(true);
  });
  test('ends within a second of the revocation of its credential', async () => {
    const doomed = `doomed-${accept}`;
    const connection = await subscribe({ accept, headers: { authorization: `Bearer ${await graph.issuer.issue({ sid: doomed })}` } });
    graph.revocations.epoch += 1;
    graph.revocations.revoked = [{ credentialId: doomed, principalId: null, before: new Date().toISOString() }];
    try {
      await connection.until(() => ended(connection), 1_000);
      expect(failures(connection.body)).toMatchObject([{ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] }]);
    } finally {
      graph.revocations.revoked = [];
    }
  });
  test('is limited for each principal', async () => {
    const headers = { authorization: `Bearer ${await graph.issuer.issue({ sub: `many-${accept}` })}` };
    const first = await subscribe({ accept, headers });
    await subscribe({ accept, headers });
    expect(await (await send({ accept, headers })).answer()).toMatchObject({ status: 429, body: expect.stringContaining('TOO_MANY_SUBSCRIPTIONS') });
    first.close();
    await eventually(async () => (await gauge()) === 1);
    await subscribe({ accept, headers });
  });

  test('stops asking for answers while the client does not read, and goes on once it does', async () => {
    const connection = await subscribe({ accept });
    const stream = source.last;
    connection.socket.pause();
    const big = answerOf({ big: 'x'.repeat(64 * 1024) });
    let sent = 0;
    // The kernel takes some megabytes before anything waits in the process.
    await eventually(() => {
      if (stream.asked === sent + 1) {
        stream.push(big);
        sent += 1;
      }
      return stream.input.outlet.congested();
    });
    const askedWhileCongested = stream.asked;
    expect(askedWhileCongested).toBe(sent);
    connection.socket.resume();
    await connection.until(() => answers(connection.body).length === sent);
    await eventually(() => stream.asked > askedWhileCongested);
    stream.end();
    await connection.until(() => ended(connection));
    expect(completed(connection.body)).toBe(true);
  });
  test('of a client that never reads is ended after the grace', async () => {
    const connection = await subscribe({ accept });
    const stream = source.last;
    connection.socket.pause();
    const big = answerOf({ big: 'x'.repeat(256 * 1024) });
    await eventually(() => {
      stream.push(big);
      return stream.returned;
    });
    await eventually(async () => (await gauge()) === 0);
    connection.socket.resume();
    await connection.until(() => connection.closed);
  });
});

test('streams are ended with SHUTTING_DOWN when the gateway stops, and it does stop', async () => {
  const own = new FakeStreamSource();
  const stopping = await startMiniGraph(MINI_GRAPH, {}, { http: { source: own } });
  let stopped: Promise<void> | undefined;
  try {
    const [sse, multipart] = [await send({ accept: SSE }, stopping), await send({ accept: MULTIPART }, stopping)];
    await eventually(() => own.opened.length === 2);
    own.last.push(answerOf({ ticks: 1 }));
    await multipart.until(() => partsOf(multipart.body).length === 1);
    stopped = stopping.stop();
    await Promise.all([sse, multipart].map((connection) => connection.until(() => ended(connection))));
    expect(eventsOf(sse.body)).toMatchObject([{ event: 'next', data: { errors: [{ extensions: { code: 'SHUTTING_DOWN' } }] } }, { event: 'complete' }]);
    expect(partsOf(multipart.body)).toMatchObject([{ payload: { data: { ticks: 1 } } }, { payload: null, errors: [{ extensions: { code: 'SHUTTING_DOWN' } }] }]);
    expect(own.opened.every(({ returned }) => returned)).toBe(true);
  } finally {
    await (stopped ?? stopping.stop());
  }
});

async function head(connection: RawConnection): Promise<{ headers: Record<string, string> }> {
  await connection.until(() => connection.text.includes('\r\n\r\n'));
  const lines = (connection.text.split('\r\n\r\n')[0] ?? '').split('\r\n').slice(1);
  return { headers: Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()])) };
}
