/** Requests that do not go as planned: clients that leave, servers that stop, targets that are no URL; and what the log says of each. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createLogger } from '../../ops/runtime/logger.js';
import { MINI_GRAPH } from '../kit/mini-graph.js';
import { eventually, HASH, startMiniGraph, type MiniGraph, type MiniSubgraph } from '../kit/mini-subgraphs.js';
import { RawConnection, rawExchange } from '../kit/raw-http.js';

type Line = Readonly<Record<string, unknown>>;

const lines: Line[] = [];
const logger = createLogger('test', 'debug', { write: (line) => { lines.push(JSON.parse(line) as Line); } });
const requestsOf = (requestId: string): readonly Line[] => lines.filter((line) => line['msg'] === 'Request' && line['requestId'] === requestId);
const faults = (): readonly Line[] => lines.filter((line) => Number(line['level']) >= 50);

/** Critical fields are served once revocations are known. */
async function startReady(): Promise<MiniGraph> {
  const started = await startMiniGraph(MINI_GRAPH, {}, { logger });
  await eventually(async () => (await started.query('{ kill }', { headers: { 'x-constitutional-hash': HASH } })).errors.length === 0);
  return started;
}

let graph: MiniGraph;
const policy = (): MiniSubgraph => graph.subgraphs['policy-governance'] as MiniSubgraph;
beforeAll(async () => {
  graph = await startReady();
});
afterAll(() => graph.stop());
afterEach(() => {
  policy().sabotage = undefined;
  expect(faults()).toEqual([]);
  lines.length = 0;
});

/** Holds the answers of a subgraph back until `release` is called. */
function hold(mini: MiniSubgraph): { release(): void } {
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => { release = resolve; });
  mini.calls.length = 0;
  mini.sabotage = async () => {
    await gate;
    return false;
  };
  return { release: () => release() };
}

function request(body: string, headers: readonly string[] = []): string {
  return `${['POST /graphql HTTP/1.1', 'host: test', 'content-type: application/json', `content-length: ${Buffer.byteLength(body)}`, `x-constitutional-hash: ${HASH}`, ...headers].join('\r\n')}\r\n\r\n${body}`;
}

const DECIDE = JSON.stringify({ query: 'mutation Decide { decide(idempotencyKey: "k") { id } }' });

describe('a client that goes away', () => {
  test('while a mutation runs does not break it: it completes and is recorded', async () => {
    const held = hold(policy());
    const connection = await RawConnection.open(graph.gateway.url);
    connection.send(request(DECIDE, ['x-request-id: left-behind']));
    await eventually(() => policy().calls.length === 1);
    connection.close();
    await connection.until(() => connection.closed);
    expect(requestsOf('left-behind')).toEqual([]);
    held.release();
    await eventually(() => requestsOf('left-behind').length === 1);
    expect(requestsOf('left-behind')).toMatchObject([{ kind: 'mutation', operation: 'Decide', status: 200, aborted: true }]);
    expect(policy().calls).toHaveLength(1);
  });
  test('while a query runs breaks nothing', async () => {
    const held = hold(policy());
    const connection = await RawConnection.open(graph.gateway.url);
    connection.send(request('{"query":"{ services { id } }"}', ['x-request-id: left-query']));
    await eventually(() => policy().calls.length === 1);
    connection.close();
    held.release();
    await eventually(() => requestsOf('left-query').length === 1);
    policy().sabotage = undefined;
    expect((await graph.query('{ services { id } }')).status).toBe(200);
  });
  test('while it sends its body is no fault', async () => {
    policy().calls.length = 0;
    const connection = await RawConnection.open(graph.gateway.url);
    connection.send(request(DECIDE, ['x-request-id: half-sent', 'expect: 100-continue']).slice(0, -10));
    await connection.until(() => connection.text.startsWith('HTTP/1.1 100'));
    connection.close();
    await eventually(() => requestsOf('half-sent').length === 1);
    expect(requestsOf('half-sent')).toMatchObject([{ status: 499, aborted: true }]);
    expect(policy().calls).toEqual([]);
  });
  test('after it pipelined two requests gets both answers in order while it is there', async () => {
    const connection = await RawConnection.open(graph.gateway.url);
    connection.send(request('{"query":"{ one: services { id } }"}') + request('{"query":"{ two: open { word } }"}'));
    await connection.until(() => connection.text.includes('"two"'));
    expect(connection.text.indexOf('"one"')).toBeLessThan(connection.text.indexOf('"two"'));
    connection.close();
  });
});

test('a gateway that stops waits for a mutation whose client has left', async () => {
  const stopping = await startReady();
  const mini = stopping.subgraphs['policy-governance'] as MiniSubgraph;
  const held = hold(mini);
  const connection = await RawConnection.open(stopping.gateway.url);
  let stopped = false;
  try {
    connection.send(request(DECIDE, ['x-request-id: during-stop']));
    await eventually(() => mini.calls.length === 1);
    connection.close();
    await connection.until(() => connection.closed);
    const stop = stopping.gateway.stop().then(() => { stopped = true; });
    await eventually(async () => {
      try {
        (await RawConnection.open(stopping.gateway.url)).close();
        return false;
      } catch {
        return true;
      }
    });
    expect(stopped).toBe(false);
    expect(requestsOf('during-stop')).toEqual([]);
    held.release();
    await stop;
    expect(requestsOf('during-stop')).toMatchObject([{ kind: 'mutation', status: 200, aborted: true }]);
  } finally {
    held.release();
    await stopping.stop();
  }
});

test('a request on an open connection is refused while the gateway stops', async () => {
  const stopping = await startReady();
  const mini = stopping.subgraphs['policy-governance'] as MiniSubgraph;
  const held = hold(mini);
  const [busy, late] = [await RawConnection.open(stopping.gateway.url), await RawConnection.open(stopping.gateway.url)];
  try {
    busy.send(request(DECIDE, ['x-request-id: answered']));
    // Half a request keeps its connection from being idle.
    const text = request('{"query":"{ open { word } }"}');
    late.send(text.slice(0, 20));
    await eventually(() => mini.calls.length === 1);
    const stop = stopping.gateway.stop();
    late.send(text.slice(20));
    const refused = await late.answer();
    expect(refused).toMatchObject({ status: 503, headers: { connection: 'close', 'x-frame-options': 'DENY' } });
    expect(refused.body).toContain('SHUTTING_DOWN');
    held.release();
    expect(await busy.answer()).toMatchObject({ status: 200, body: expect.stringContaining('"d1"') });
    await stop;
  } finally {
    held.release();
    busy.close();
    late.close();
    await stopping.stop();
  }
});

describe('upgrades', () => {
  const upgrade = (target: string): string => `GET ${target} HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;
  test.each(['//', '//[', '/nowhere', '/graphql/x', 'ftp://test/graphql', '/constructor', '*'])('to %s are refused and harm nothing', async (target) => {
    const connection = await RawConnection.open(graph.gateway.url);
    connection.send(upgrade(target));
    await connection.until(() => connection.closed);
    expect(connection.text).toMatch(/^HTTP\/1\.1 40[04] /);
    expect((await graph.query('{ open { word } }')).status).toBe(200);
  });
  test('that are refused to a client that resets the connection harm nothing', async () => {
    for (let round = 0; round < 20; round += 1) {
      const connection = await RawConnection.open(graph.gateway.url);
      connection.send(upgrade('/nowhere'));
      connection.socket.resetAndDestroy();
    }
    expect((await graph.query('{ open { word } }')).status).toBe(200);
  });
});

describe('the access log', () => {
  const TRACE = '0af7651916cd43dd8448eb211c80319c';
  test('has one line a request, with the trace it belongs to', async () => {
    const token = await graph.issuer.issue({ sub: 'eve' });
    await graph.query('query Mine { me { id } }', { headers: { authorization: `Bearer ${token}`, 'x-request-id': 'logged', traceparent: `00-${TRACE}-b7ad6b7169203331-01` } });
    expect(requestsOf('logged')).toEqual([expect.objectContaining({ trace: TRACE, operation: 'Mine', kind: 'query', principal: 'eve', status: 200, ms: expect.any(Number) })]);
    expect(JSON.stringify(lines)).not.toContain(token);
  });
  test('begins a trace where there is none', async () => {
    await graph.query('{ open { word } }', { headers: { 'x-request-id': 'fresh', traceparent: `00-${'0'.repeat(32)}-b7ad6b7169203331-01` } });
    expect(requestsOf('fresh')).toEqual([expect.objectContaining({ trace: expect.stringMatching(/^(?!0{32})[0-9a-f]{32}$/) })]);
  });
  test('names the kind and the code of what was refused', async () => {
    await graph.query('mutation Decide { decide(idempotencyKey: "k") { id } }', { headers: { 'x-request-id': 'refused' } });
    await graph.query('{ open {', { headers: { 'x-request-id': 'unread' }, operationName: 'not a name' });
    expect(requestsOf('refused')).toEqual([expect.objectContaining({ kind: 'mutation', operation: null, status: 400, code: 'CONSTITUTIONAL_HASH_REQUIRED' })]);
    expect(requestsOf('unread')).toEqual([expect.objectContaining({ kind: 'unknown', operation: null, status: 400, code: 'GRAPHQL_PARSE_FAILED' })]);
  });
  test.each(['a b', 'x'.repeat(65), 'ü', ''])('takes no request id of another form: %j', async (given) => {
    const answer = await rawExchange(graph.gateway.url, ['POST /graphql HTTP/1.1', 'content-type: application/json', `x-request-id: ${given}`], '{"query":"{ open { word } }"}');
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });
});

test('metrics count each request once, whatever became of it', async () => {
  const total = async (): Promise<number> => {
    const text = await (await fetch(`${graph.gateway.url}/metrics`)).text();
    return [...text.matchAll(/^acgs_requests_total\{[^}]*\} (\d+)$/gm)].reduce((sum, [, value]) => sum + Number(value), 0);
  };
  const before = await total();
  await graph.query('{ open { word } }');
  await graph.query('{ nope }');
  await rawExchange(graph.gateway.url, ['PUT /graphql HTTP/1.1']);
  await rawExchange(graph.gateway.url, ['POST /graphql HTTP/1.1', 'content-type: text/plain'], 'x');
  expect(await total()).toBe(before + 4);
});
