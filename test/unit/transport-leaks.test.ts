/** After any number of calls that went wrong nothing is left: no connection, no deadline, no memory. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { HASH } from '../kit/mini-subgraphs.js';
import { reply, startUpstream, type Script, type Upstream } from '../kit/upstream.js';
import { until } from '../kit/until.js';

let upstream: Upstream;
// Hardly more memory than one answer takes: what is not given back is missed at once.
beforeEach(async () => { upstream = await startUpstream({ shareQueries: false }, { maxAnswerBytes: 100_000, maxBufferedBytes: 2_000_000, circuit: { failures: 1_000 } }); });
afterEach(() => upstream.stop());

const HEAD = { 'content-type': 'application/json', 'x-constitutional-hash': HASH };
const WORSE: [string, Script][] = [
  ['never come', () => undefined],
  ['break off before the head', (response) => { response.destroy(); }],
  ['break off in the body', (response) => { response.writeHead(200, { ...HEAD, 'content-length': 90_000 }).write('x'.repeat(80_000), () => response.destroy()); }],
  ['stop in the body', (response) => { response.writeHead(200, { ...HEAD, 'content-length': 90_000 }).write('x'.repeat(80_000)); }],
  ['are too large', (response) => { response.writeHead(200, HEAD).end('x'.repeat(200_000)); }],
  ['are announced too large', (response) => { response.writeHead(200, { ...HEAD, 'content-length': 200_000 }).write('x'); }],
  ['are half closed', (_response, { socket }) => { socket.end('HTTP/1.1 200 OK\r\ncontent-length: 90000\r\n\r\nx'); }],
  ['are no HTTP', (_response, { socket }) => { socket.write('what?\r\n\r\n'); }],
];

test.each(WORSE)('answers that %s', async (_name, script) => {
  upstream.script = script;
  for (let round = 0; round < 3; round += 1) {
    const outcomes = await Promise.allSettled(Array.from({ length: 30 }, () => upstream.ask('{ n }', { deadline: Date.now() + 150 })));
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
  }
  expect(upstream.pools.inFlight(upstream.instance.url)).toBe(0);
  expect(upstream.pools.deadlines.size).toBe(0);
  // Connections that were opened for calls whose time was over meanwhile are kept for the next ones; none that was used is.
  await until(async () => (upstream.received.every(({ socket }) => socket.destroyed) ? true : undefined));
  expect(await upstream.connections()).toBeLessThanOrEqual(90);
  const large = 'y'.repeat(90_000);
  upstream.script = (response) => reply(response, `{"data":{"n":"${large}"}}`);
  const good = await Promise.all(Array.from({ length: 20 }, () => upstream.ask('{ n }', { deadline: Date.now() + 20_000 })));
  expect(good.every(({ data }) => data?.['n'] === large)).toBe(true);
});

test('a stop breaks off what is under way, and leaves nothing', async () => {
  upstream.script = () => undefined;
  const asked = Promise.allSettled(Array.from({ length: 5 }, () => upstream.ask()));
  await until(async () => (upstream.received.length === 5 ? true : undefined));
  await upstream.pools.stop();
  for (const outcome of await asked) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'SUBGRAPH_UNAVAILABLE' } });
  await until(async () => ((await upstream.connections()) === 0 ? true : undefined));
  await expect(upstream.ask()).rejects.toMatchObject({ code: 'SUBGRAPH_UNAVAILABLE' });
  expect(upstream.pools.deadlines.size).toBe(0);
});
