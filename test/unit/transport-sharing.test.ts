/** Equal queries share one call, as far as nobody can tell; mutations never do. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { GatewayRequest } from '../../gateway/execution/contracts.js';
import { POSITION_HEADER } from '../../ops/runtime/change-feed.js';
import { ALICE, callOf, reply, startUpstream, type Upstream } from '../kit/upstream.js';
import { until } from '../kit/until.js';

let upstream: Upstream;
beforeEach(async () => { upstream = await startUpstream(); });
afterEach(() => upstream.stop());

function latch(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => { open = resolve; });
  return { opened, open };
}

/** Holds answers back until `release` is called; each says how many calls had come. */
function gate(): { release(): void; arrived(count: number): Promise<true> } {
  const { opened, open } = latch();
  upstream.script = async (response) => {
    const n = upstream.received.length;
    await opened;
    response.setHeader(POSITION_HEADER, '7');
    reply(response, `{"data":{"list":[{"n":${n}}]}}`);
  };
  return { release: open, arrived: (count) => until(async () => (upstream.received.length >= count ? true : undefined)) };
}

describe('equal queries at the same moment', () => {
  test('are one call, and everyone gets objects of their own', async () => {
    const { release, arrived } = gate();
    const asked = Array.from({ length: 20 }, () => upstream.ask());
    await arrived(1);
    release();
    const answers = await Promise.all(asked);
    expect(upstream.received).toHaveLength(1);
    for (const answer of answers) expect(answer).toEqual({ data: { list: [{ n: 1 }] }, errors: [], escapeFree: true, ascii: true, position: 7 });
    const lists = answers.map(({ data }) => data?.['list'] as { n: number }[]);
    lists[0]?.push({ n: 2 });
    if (lists[1]?.[0] !== undefined) lists[1][0].n = 7;
    expect(lists.slice(2).every((list) => list.length === 1 && list[0]?.n === 1)).toBe(true);
    expect(await upstream.value('acgs_subgraph_joined_calls_total', { service: 'catalogue' })).toBe(19);
    expect(upstream.pools.deadlines.size).toBe(0);
  });

  test('are asked again once the answer is there', async () => {
    await upstream.ask();
    await upstream.ask();
    expect(upstream.received).toHaveLength(2);
  });

  test('share a failure too', async () => {
    upstream.script = (response) => { response.destroy(); };
    const outcomes = await Promise.allSettled([upstream.ask(), upstream.ask()]);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'SUBGRAPH_UNAVAILABLE' } });
    // One call and its one repetition.
    expect(upstream.received).toHaveLength(2);
  });

  test.each<[string, Partial<GatewayRequest>]>([
    ['another principal', { principal: { ...ALICE, id: 'bob' } }], ['no principal', { principal: null }], ['another kind', { principal: { ...ALICE, kind: 'AGENT' } }],
    ['other roles', { principal: { ...ALICE, roles: [] } }], ['other scopes', { principal: { ...ALICE, scopes: ['alert:read', 'hr:read'] } }], ['other policies', { principal: { ...ALICE, policies: [] } }],
    ['roles that read like scopes', { principal: { ...ALICE, roles: [], scopes: ['operator', 'alert:read'] } }],
    ['another credential', { credentialId: 's2' }], ['another revocation epoch', { revocationEpoch: 2 }], ['a hash that was not presented', { hashPresented: false }],
  ])('are not joined by those of %s', async (_name, about) => {
    const { release, arrived } = gate();
    const asked = [upstream.ask(), upstream.ask('{ n }', about)];
    await arrived(2);
    release();
    await Promise.all(asked);
    expect(upstream.received).toHaveLength(2);
  });

  test('are not joined by other bodies', async () => {
    const { release, arrived } = gate();
    const asked = [upstream.ask('{ a }'), upstream.ask('{ b }'), upstream.request().call(callOf('{ a }', 'query', { a: 1 }))];
    await arrived(3);
    release();
    await Promise.all(asked);
    expect(upstream.received.map(({ query }) => query).sort()).toEqual(['{ a }', '{ a }', '{ b }']);
  });

  test('are not shared when that is switched off', async () => {
    const plain = await startUpstream({ shareQueries: false });
    try {
      await Promise.all([plain.ask(), plain.ask()]);
      expect(plain.received).toHaveLength(2);
    } finally {
      await plain.stop();
    }
  });

  test('a call that has been under way for long is not joined: its answer may be old', async () => {
    const { release, arrived } = gate();
    const first = upstream.ask();
    await arrived(1);
    const start = performance.now();
    await until(async () => (performance.now() - start > 110 ? true : undefined));
    const second = upstream.ask();
    await arrived(2);
    release();
    expect((await first).data).toEqual({ list: [{ n: 1 }] });
    expect((await second).data).toEqual({ list: [{ n: 2 }] });
  });
});

describe('deadlines of those who share', () => {
  test('who joined is not failed by the shorter time of who called, and asks again', async () => {
    let calls = 0;
    upstream.script = (response) => {
      calls += 1;
      if (calls > 1) reply(response, '{"data":{"n":2}}');
    };
    const short = upstream.ask('{ n }', { deadline: Date.now() + 60 });
    const joined = [upstream.ask('{ n }', { deadline: Date.now() + 5_000 }), upstream.ask('{ n }', { deadline: Date.now() + 5_000 })];
    await expect(short).rejects.toMatchObject({ code: 'SUBGRAPH_TIMEOUT' });
    for (const answer of await Promise.all(joined)) expect(answer.data).toEqual({ n: 2 });
    expect(calls).toBe(2);
  });

  test('who joined ends at its own time, and neither who called nor another is touched', async () => {
    const { release, arrived } = gate();
    const long = upstream.ask('{ n }', { deadline: Date.now() + 5_000 });
    const short = upstream.ask('{ n }', { deadline: Date.now() + 40 });
    const other = upstream.ask('{ n }', { deadline: Date.now() + 5_000 });
    await expect(short).rejects.toMatchObject({ code: 'SUBGRAPH_TIMEOUT' });
    await arrived(1);
    release();
    expect([(await long).data, (await other).data]).toEqual([{ list: [{ n: 1 }] }, { list: [{ n: 1 }] }]);
    expect(upstream.received).toHaveLength(1);
    expect(upstream.pools.deadlines.size).toBe(0);
  });
});

describe('mutations', () => {
  test('are never shared', async () => {
    await Promise.all([1, 2, 3].map(() => upstream.request().call(callOf('mutation { act }', 'mutation'))));
    expect(upstream.received).toHaveLength(3);
  });

  test.each([['succeeds', false], ['ends with an unknown outcome', true]])('what is asked after one that %s joins no query that was sent before', async (_name, breaksOff) => {
    const { opened, open } = latch();
    let state = 'before';
    upstream.script = async (response, received) => {
      if (received.query.startsWith('mutation')) {
        state = 'after';
        if (breaksOff) response.destroy();
        else reply(response, '{"data":{"act":true}}');
        return;
      }
      const read = state;
      await opened;
      reply(response, `{"data":{"state":"${read}"}}`);
    };
    const early = upstream.ask('{ state }');
    await until(async () => (upstream.received.length === 1 ? true : undefined));
    await upstream.request().call(callOf('mutation { act }', 'mutation')).catch((error: unknown) => { expect(error).toMatchObject({ code: 'INDETERMINATE' }); });
    const late = upstream.ask('{ state }');
    await until(async () => (upstream.received.length === 3 ? true : undefined));
    open();
    expect([(await early).data, (await late).data]).toEqual([{ state: 'before' }, { state: 'after' }]);
  });
});
