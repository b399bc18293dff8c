/** The parts of the gateway benchmark that its figures rest on. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { benchArguments } from '../../ops/bench/config.js';
import { benchmarkTruth } from '../../ops/bench/gateway/benchmark-truth.js';
import { BENCHMARK_OPERATION } from '../../ops/bench/gateway/benchmark-graph.js';
import { CannedServer } from '../../ops/bench/gateway/canned-server.js';
import { canonical } from '../../ops/bench/gateway/canonical-answer.js';
import { chosenContenders } from '../../ops/bench/gateway/contenders.js';
import { HttpReader, type HttpMessage } from '../../ops/bench/gateway/http-bytes.js';
import { summariseProfile } from '../../ops/bench/gateway/profile-summary.js';

describe('reading HTTP from bytes', () => {
  const first = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello';
  const second = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n';
  const third = 'GET /health HTTP/1.1\r\nhost: x\r\n\r\n';
  const bytes = Buffer.from(first + second + third);

  test.each([1, 2, 7, 40, bytes.length])('gives the same messages in pieces of %i bytes', (size) => {
    const reader = new HttpReader();
    const messages: HttpMessage[] = [];
    for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size), (message) => messages.push(message));
    expect(messages.map(({ body }) => body.toString())).toEqual(['hello', 'abcdefg', '']);
    expect(messages[2]?.head).toContain('GET /health');
  });
});

describe('canned subgraphs', () => {
  let server: CannedServer | undefined;
  afterEach(() => server?.close());

  test('ask the real subgraph once for each distinct body, and count what was unknown', async () => {
    const asked: string[] = [];
    server = new CannedServer({ services: ['a'], constitutionalHash: 'f'.repeat(16), fixed: {}, source: async (service, path, body) => { asked.push(`${service} ${path} ${body}`); return `{"data":${body.length}}`; } });
    const { a = '' } = await server.listen();
    const ask = async (body: string): Promise<string> => (await fetch(`${a}/graphql`, { method: 'POST', body })).text();
    expect([await ask('{1}'), await ask('{1}'), await ask('{22}')]).toEqual(['{"data":3}', '{"data":3}', '{"data":4}']);
    expect(asked).toEqual(['a /graphql {1}', 'a /graphql {22}']);
    expect(server.counts()).toEqual({ calls: { a: 3 }, unknown: 2, unknownSamples: ['a /graphql {1}', 'a /graphql {22}'], distinct: 2 });
    server.reset();
    await ask('{22}');
    expect(server.counts()).toEqual({ calls: { a: 1 }, unknown: 0, unknownSamples: [], distinct: 2 });
  });

  test('record which calls were in flight together', async () => {
    server = new CannedServer({ services: ['a', 'b'], constitutionalHash: 'f'.repeat(16), fixed: {}, source: async () => '{"data":null}' });
    const { a, b } = await server.listen();
    const ask = (url: string | undefined, body: string): Promise<Response> => fetch(`${url}/graphql`, { method: 'POST', body });
    server.record();
    await Promise.all([ask(a, 'one'), ask(b, 'two')]);
    await ask(b, 'three');
    const calls = server.recorded().map(({ service, body, level }) => `${level} ${service} ${body}`);
    expect(calls.toSorted()).toEqual(['0 a one', '0 b two', '1 b three']);
  });
});

describe('the benchmark graph', () => {
  test('answers the operation with about 87 KB, without errors', () => {
    const answer = benchmarkTruth(BENCHMARK_OPERATION) as { data: { users: { reviews: unknown[] }[]; topProducts: unknown[] }; errors?: unknown };
    expect(answer.errors).toBeUndefined();
    expect(answer.data.users.map(({ reviews }) => reviews.length)).toEqual([2, 2, 2, 2, 2, 2]);
    expect(answer.data.topProducts).toHaveLength(5);
    const { length } = JSON.stringify(answer);
    expect(length).toBeGreaterThan(85_000);
    expect(length).toBeLessThan(89_000);
  });

  test('canonical answers ignore the order of keys and nothing else', () => {
    expect(canonical({ data: { a: 1, b: [{ c: 2, d: 3 }] } })).toBe(canonical({ data: { b: [{ d: 3, c: 2 }], a: 1 } }));
    expect(canonical({ data: { a: [1, 2] } })).not.toBe(canonical({ data: { a: [2, 1] } }));
    expect(() => canonical({ data: { a: null }, errors: [{ message: 'no' }] })).toThrow('not free of errors');
    expect(() => canonical({ data: null })).toThrow('not free of errors');
  });
});

describe('the command line', () => {
  test('names benches, contenders and lengths', () => {
    expect(benchArguments(['gateway', '--only', 'ours,proxy', '--seconds', '3', '--quick'])).toEqual({
      names: ['gateway'],
      gateway: { only: ['ours', 'proxy'], graph: 'benchmark', quick: true, profile: false, out: undefined, rounds: 1, seconds: 3, warmupSeconds: 3, requests: 1_000_000, swaps: 100 },
    });
  });

  test('refuses what it does not know', () => {
    expect(() => benchArguments(['gateway', '--seconds', 'many'])).toThrow('--seconds');
    expect(() => benchArguments(['gateway', '--graph', 'other'])).toThrow('--graph');
    expect(() => benchArguments(['gateway', '--fast'])).toThrow('--fast');
    expect(() => chosenContenders(['nobody'], 'benchmark')).toThrow('"nobody"');
  });

  test('leaves out contenders that cannot serve a graph', () => {
    const names = chosenContenders([], 'dashboard').map(({ name }) => name);
    expect(names).toEqual(['stock', 'stock-undici', 'hive', 'hive-rust', 'ours', 'proxy']);
  });
});

test('a profile is summed by function over its last seconds, without idle time', () => {
  const node = (id: number, functionName: string, url: string): unknown => ({ id, callFrame: { functionName, url, lineNumber: 9 } });
  const profile = {
    startTime: 0, endTime: 4_000_000,
    nodes: [node(1, 'early', 'file:///x/dist/gateway/main.js'), node(2, 'busy', 'file:///x/dist/gateway/execution/upstream/run.js'), node(3, '(idle)', ''), node(4, 'parse', 'file:///x/node_modules/graphql/parser.js')],
    samples: [1, 2, 3, 4, 2], timeDeltas: [1_000_000, 1_000_000, 1_000_000, 250_000, 750_000],
  };
  const summary = summariseProfile(JSON.stringify(profile), 3);
  expect(summary).toContain('87.5 %  busy  gateway/execution/upstream/run.js:10');
  expect(summary).toContain('12.5 %  parse  graphql/parser.js:10');
  expect(summary).toContain('87.5 %  calls: routing, deadlines, retries');
  expect(summary).not.toContain('early');
  expect(summary).not.toContain('(idle)');
});
