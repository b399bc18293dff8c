/** What is sent again and what is not, how often, and when an instance is left alone. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { callOf, reply, SERVICE, startUpstream, type Upstream } from '../kit/upstream.js';
import { until } from '../kit/until.js';

let upstream: Upstream;
beforeEach(async () => { upstream = await startUpstream({ shareQueries: false }, { circuit: { failures: 1_000 } }); });
afterEach(() => upstream.stop());

const failure = (asked: Promise<unknown>): Promise<unknown> => asked.then(() => undefined, (error: unknown) => error);

describe('retries', () => {
  test('stay within a tenth of the calls and a constant', async () => {
    upstream.script = (response) => { response.destroy(); };
    for (let round = 0; round < 60; round += 1) await failure(upstream.ask());
    const retries = upstream.received.length - 60;
    expect(retries).toBeGreaterThanOrEqual(10);
    // Ten saved up, six earned by calls, one for each second the loop took.
    expect(retries).toBeLessThanOrEqual(20);
    expect(await upstream.value('acgs_subgraph_retries_total', { service: SERVICE })).toBe(retries);
    expect(await upstream.value('acgs_subgraph_requests_total', { service: SERVICE, outcome: 'unavailable' })).toBe(60);
    expect(await upstream.value('acgs_subgraph_requests_total')).toBe(60);
  });

  test('after being turned away by a draining instance cost nothing', async () => {
    let calls = 0;
    upstream.script = (response) => {
      calls += 1;
      if (calls % 2 === 1) response.writeHead(503, { 'content-type': 'application/json' }).end('{"error":{"code":"SHUTTING_DOWN"}}');
      else reply(response, '{"data":{"n":1}}');
    };
    for (let round = 0; round < 40; round += 1) expect((await upstream.ask()).data).toEqual({ n: 1 });
    expect(calls).toBe(80);
  });

  test('of a mutation happen only where nothing was sent', async () => {
    upstream.script = (response) => { response.destroy(); };
    expect(await failure(upstream.request().call(callOf('mutation { act(idempotencyKey: "k") }', 'mutation')))).toMatchObject({ code: 'INDETERMINATE', details: { reason: 'SUBGRAPH_UNAVAILABLE', idempotencyKeys: ['k'] } });
    expect(upstream.received).toHaveLength(1);
    await upstream.goDown();
    expect(await failure(upstream.request().call(callOf('mutation { act(idempotencyKey: "k") }', 'mutation')))).toMatchObject({ code: 'SUBGRAPH_UNAVAILABLE' });
  });
});

describe('a mutation whose answer cannot be read', () => {
  test.each([['no JSON', '<html>', 200], ['no GraphQL response', '{}', 500], ['data of the wrong form', '{"data":7}', 200], ['a key that reaches for a prototype', '{"data":{"__proto__":1}}', 200]])('(%s) may have taken effect', async (_name, text, status) => {
    upstream.script = (response) => reply(response, text, status);
    expect(await failure(upstream.request().call(callOf('mutation { act(idempotencyKey: "k") }', 'mutation')))).toMatchObject({ code: 'INDETERMINATE', details: { reason: 'SUBGRAPH_BAD_RESPONSE', idempotencyKeys: ['k'] } });
  });
  test('(refused by status) has not', async () => {
    upstream.script = (response) => reply(response, '{"error":{"code":"BAD_REQUEST"}}', 400);
    expect(await failure(upstream.request().call(callOf('mutation { act }', 'mutation')))).toMatchObject({ code: 'SUBGRAPH_BAD_RESPONSE' });
  });
  test('(too large) may have taken effect', async () => {
    const small = await startUpstream({}, { maxAnswerBytes: 100 });
    try {
      small.script = (response) => reply(response, `{"data":{"n":"${'x'.repeat(200)}"}}`);
      expect(await failure(small.request().call(callOf('mutation { act }', 'mutation')))).toMatchObject({ code: 'INDETERMINATE', details: { reason: 'SUBGRAPH_BAD_RESPONSE' } });
      expect(await failure(small.ask())).toMatchObject({ code: 'SUBGRAPH_BAD_RESPONSE' });
    } finally {
      await small.stop();
    }
  });
});

describe('a circuit', () => {
  beforeEach(async () => {
    await upstream.stop();
    upstream = await startUpstream({ shareQueries: false }, { circuit: { failures: 4, pauseMs: 100 } });
  });

  test('opens when an instance is gone, refuses at once with the time to wait, and closes as soon as it is back', async () => {
    await upstream.ask();
    await upstream.goDown();
    const codes: unknown[] = [];
    for (let round = 0; round < 8; round += 1) codes.push(await failure(upstream.ask()));
    for (const code of codes) expect(code).toMatchObject({ code: 'SUBGRAPH_UNAVAILABLE' });
    expect(codes.at(-1)).toMatchObject({ message: expect.stringContaining('not called now'), details: { service: SERVICE, retryAfter: 1 } });
    expect(await upstream.value('acgs_subgraph_open_circuits', { service: SERVICE })).toBe(1);
    expect(await upstream.value('acgs_subgraph_circuit_openings_total', { service: SERVICE })).toBe(1);
    await upstream.comeBack();
    const back = performance.now();
    await until(async () => ((await failure(upstream.ask())) === undefined ? true : undefined), 1_000);
    expect(performance.now() - back).toBeLessThan(1_000);
    expect(await upstream.value('acgs_subgraph_open_circuits', { service: SERVICE })).toBe(0);
  });

  test('opens when an instance does not answer, and a probe that hangs does not keep it open', async () => {
    const ask = (): Promise<unknown> => upstream.ask('{ n }', { deadline: Date.now() + 120 });
    upstream.script = () => undefined;
    await Promise.all(Array.from({ length: 4 }, () => failure(ask())));
    expect(await failure(ask())).toMatchObject({ code: 'SUBGRAPH_UNAVAILABLE' });
    const before = upstream.received.length;
    // A probe with much time hangs; the instance recovers behind it.
    let hung: Promise<unknown> | undefined;
    await until(async () => {
      hung ??= upstream.pools.passOver(upstream.instance.url, performance.now()) ? undefined : failure(upstream.ask('{ n }', { deadline: Date.now() + 5_000 }));
      return upstream.received.length > before ? true : undefined;
    });
    upstream.script = (response) => reply(response, '{"data":{"n":1}}');
    await until(async () => ((await failure(ask())) === undefined ? true : undefined), 1_000);
    expect(upstream.pools.circuits()[0]?.open).toBe(false);
    await upstream.pools.stop();
    await hung;
  });

  test('does not open for calls that had no time, for errors, or for answers that are bad', async () => {
    upstream.script = () => undefined;
    await Promise.all(Array.from({ length: 8 }, () => failure(upstream.ask('{ n }', { deadline: Date.now() + 30 }))));
    upstream.script = (response) => reply(response, 'no JSON', 500);
    for (let round = 0; round < 8; round += 1) await failure(upstream.ask());
    expect(upstream.pools.circuits().map(({ open }) => open)).toEqual([false]);
  });
});

describe('what waits for one instance', () => {
  test('is bounded, and what is refused was not sent', async () => {
    const narrow = await startUpstream({ shareQueries: false }, { maxPending: 3 });
    try {
      narrow.script = () => undefined;
      const held = Array.from({ length: 3 }, () => failure(narrow.ask('{ n }', { deadline: Date.now() + 200 })));
      expect(await failure(narrow.request().call(callOf('mutation { act }', 'mutation')))).toMatchObject({ code: 'SUBGRAPH_UNAVAILABLE', message: expect.stringContaining('under way') });
      for (const fault of await Promise.all(held)) expect(fault).toMatchObject({ code: 'SUBGRAPH_TIMEOUT' });
      narrow.script = (response) => reply(response, '{"data":{"n":1}}');
      expect((await narrow.ask()).data).toEqual({ n: 1 });
    } finally {
      await narrow.stop();
    }
  });

  test('and had its time run out before a connection was free was not sent: a mutation surely did nothing', async () => {
    upstream.script = () => undefined;
    const held = Array.from({ length: 128 }, () => failure(upstream.ask('{ n }', { deadline: Date.now() + 2_000 })));
    await until(async () => (upstream.received.length === 128 ? true : undefined));
    expect(await failure(upstream.request({ deadline: Date.now() + 60 }).call(callOf('mutation { act }', 'mutation')))).toMatchObject({ code: 'SUBGRAPH_TIMEOUT' });
    await Promise.all(held);
    upstream.script = (response) => reply(response, '{"data":{"n":1}}');
    expect((await upstream.ask()).data).toEqual({ n: 1 });
    expect(upstream.received.filter(({ query }) => query.startsWith('mutation'))).toHaveLength(0);
    expect(upstream.pools.inFlight(upstream.instance.url)).toBe(0);
    expect(upstream.pools.deadlines.size).toBe(0);
  });
});
