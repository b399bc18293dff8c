/** Points of rates: the local store and the one in Redis decide alike, share, reserve, and survive each other's absence. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { IncomingMessage } from 'node:http';
import { clientAddress } from '../../gateway/enforcement/rates/client-address.js';
import { createLocalPoints } from '../../gateway/enforcement/rates/local-points.js';
import type { Account, PointStore, Verdict } from '../../gateway/enforcement/rates/rate-policy.js';
import { createSharedPoints } from '../../gateway/enforcement/rates/shared-points.js';
import { createLogger } from '../../ops/runtime/logger.js';
import { redisAvailable, startRedis, type TestRedis } from '../kit/redis.js';
import { until } from '../kit/until.js';

/** A rate that gives nothing back while a test runs. */
const slow = (burst: number): Account['rate'] => ({ perMinute: 1e-3, burst });

describe('in this process', () => {
  test('a burst passes, then one point comes back in its time', () => {
    let now = 0;
    const points = createLocalPoints(() => now);
    const account: Account = { key: 'a', rate: { perMinute: 60, burst: 10 } };
    const outcomes = Array.from({ length: 11 }, () => (points.take(account, [], 1) as Verdict).outcome);
    expect(outcomes).toEqual([...Array.from({ length: 10 }, () => 'allowed'), 'refused']);
    expect(points.take(account, [], 3)).toEqual({ outcome: 'refused', left: 0, fullInMs: 10_000, retryInMs: 3_000 });
    now = 999;
    expect((points.take(account, [], 1) as Verdict).outcome).toBe('refused');
    now = 1_000;
    expect(points.take(account, [], 1)).toMatchObject({ outcome: 'allowed', left: 0 });
  });

  test('never more than the burst and what came back is allowed, whatever is asked when', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 600 }), fc.integer({ min: 1, max: 50 }), fc.array(fc.record({ wait: fc.integer({ min: 0, max: 5_000 }), cost: fc.integer({ min: 1, max: 60 }) }), { maxLength: 60 }), (perMinute, burst, asked) => {
      let now = 0;
      let spent = 0;
      const points = createLocalPoints(() => now);
      for (const { wait, cost } of asked) {
        now += wait;
        const { outcome, retryInMs } = points.take({ key: 'a', rate: { perMinute, burst } }, [], cost) as Verdict;
        if (outcome === 'allowed') spent += cost;
        else expect(retryInMs).toBeGreaterThan(0);
        expect(spent).toBeLessThanOrEqual(burst + (now * perMinute) / 60_000 + 1e-6);
      }
    }));
  });

  test('any number of addresses leaves what principals have spent', () => {
    const points = createLocalPoints(() => 0);
    const outcome = (account: Account): string => (points.take(account, [], 1) as Verdict).outcome;
    const principal: Account = { key: '{p:spent}', rate: slow(1) };
    expect([outcome(principal), outcome(principal)]).toEqual(['allowed', 'refused']);
    for (let index = 0; index < 100_001; index += 1) expect(outcome({ key: `{a:${index}}`, rate: slow(1), ofAddress: true }) === 'allowed').toBe(true);
    expect(outcome(principal)).toBe('refused');
    // The oldest address was forgotten: there is a bound.
    expect(outcome({ key: '{a:0}', rate: slow(1), ofAddress: true })).toBe('allowed');
  });

  test('a reserve helps out, all of them or none', () => {
    const points = createLocalPoints(() => 0);
    const own: Account = { key: 'own', rate: slow(2) };
    const [one, two]: readonly Account[] = [{ key: 'one', rate: slow(5) }, { key: 'two', rate: slow(3) }];
    if (one === undefined || two === undefined) throw new Error('unreachable');
    const outcome = (reserves: readonly Account[], cost: number): string => (points.take(own, reserves, cost) as Verdict).outcome;
    expect(outcome([], 2)).toBe('allowed');
    expect(outcome([], 1)).toBe('refused');
    expect(outcome([one, two], 3)).toBe('reserve');
    expect(outcome([one, two], 1)).toBe('refused');
    // What was refused for the second took nothing from the first.
    expect(outcome([one], 2)).toBe('reserve');
    expect(outcome([one], 1)).toBe('refused');
  });
});

test('a client is its address, behind as many proxies as are believed', () => {
  const address = (remoteAddress: string, forwarded?: string | string[], proxies = 0): string =>
    clientAddress({ socket: { remoteAddress } as IncomingMessage['socket'], headers: { 'x-forwarded-for': forwarded } }, proxies);
  expect(address('10.0.0.1', '1.2.3.4')).toBe('10.0.0.1');
  expect(address('::ffff:10.0.0.1')).toBe('10.0.0.1');
  expect(address('10.0.0.1', '6.6.6.6, 1.2.3.4', 1)).toBe('1.2.3.4');
  expect(address('10.0.0.1', '6.6.6.6, 1.2.3.4, 10.9.9.9', 2)).toBe('1.2.3.4');
  expect(address('10.0.0.1', undefined, 1)).toBe('10.0.0.1');
  expect(address('10.0.0.1', '1.2.3.4', 2)).toBe('10.0.0.1');
  expect(address('10.0.0.1', 'nonsense', 1)).toBe('unknown');
  const site = address('2001:db8:1:2::1');
  expect(address('2001:db8:1:2:ffff:ffff:ffff:ffff')).toBe(site);
  expect(address('2001:0db8:0001:0002::9')).toBe(site);
  expect(address('2001:db8:1:3::1')).not.toBe(site);
});

(redisAvailable ? describe : describe.skip)('in Redis', () => {
  let redis: TestRedis;
  let stores: PointStore[] = [];
  let missed = 0;
  const prefix = `acgs-test-${randomBytes(4).toString('hex')}:`;
  const store = (patienceMs = 2_000): PointStore => {
    const made = createSharedPoints({ url: redis.url, prefix, logger: createLogger('test', 'silent'), onMissed: () => { missed += 1; }, patienceMs });
    stores.push(made);
    return made;
  };
  /** Takes until Redis itself counted it. */
  const counted = (points: PointStore, account: Account): Promise<Verdict> => until(async () => {
    const before = missed;
    const verdict = await points.take(account, [], 1);
    return missed === before ? verdict : undefined;
  });
  beforeAll(async () => { redis = await startRedis(); });
  afterAll(async () => {
    await Promise.all(stores.map((one) => one.stop()));
    stores = [];
    await redis.kill();
  });

  test('two gateways share one account exactly, also at the same moment', async () => {
    const [one, two] = [store(), store()];
    const account: Account = { key: '{p:shared}', rate: slow(102) };
    await counted(one, account);
    await counted(two, account);
    const verdicts = await Promise.all(Array.from({ length: 200 }, async (_, index) => (index % 2 === 0 ? one : two).take(account, [], 1)));
    expect(verdicts.filter(({ outcome }) => outcome === 'allowed')).toHaveLength(100);
    expect(verdicts.at(-1)).toMatchObject({ outcome: 'refused', left: 0, retryInMs: expect.any(Number) });
  });

  test('decides as the local store does, reserves included', async () => {
    const shared = store();
    await counted(shared, { key: '{p:warm}', rate: slow(1) });
    let round = 0;
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 20 }), fc.array(fc.record({ cost: fc.integer({ min: 1, max: 15 }), helped: fc.integer({ min: 0, max: 2 }) }), { maxLength: 25 }), async (burst, reserve, asked) => {
      const local = createLocalPoints(() => 0);
      const key = `{p:same-${(round += 1)}}`;
      const account: Account = { key, rate: slow(burst) };
      const reserves: readonly Account[] = [{ key: `${key}:a`, rate: slow(reserve) }, { key: `${key}:b`, rate: slow(reserve + 2) }];
      for (const { cost, helped } of asked) {
        const [here, there] = [await local.take(account, reserves.slice(0, helped), cost), await shared.take(account, reserves.slice(0, helped), cost)];
        expect({ outcome: there.outcome, left: there.left }).toEqual({ outcome: here.outcome, left: here.left });
      }
    }), { numRuns: 40 });
  });

  test('keeps an account no longer than it takes to fill, and points come back on the clock of Redis', async () => {
    const points = store();
    const account: Account = { key: '{p:quick}', rate: { perMinute: 60_000, burst: 20 } };
    await counted(points, { key: '{p:warm}', rate: slow(1) });
    await points.take(account, [], 20);
    await until(async () => ((await points.take(account, [], 20)).outcome === 'allowed' ? true : undefined));
  });

  test('while Redis is away requests are counted here, and together again when it is back', async () => {
    const points = store(200);
    const account: Account = { key: '{p:away}', rate: slow(5) };
    await counted(points, { key: '{p:warm}', rate: slow(1) });
    await redis.kill();
    const before = missed;
    const outcomes: string[] = [];
    for (let index = 0; index < 7; index += 1) outcomes.push((await points.take(account, [], 1)).outcome);
    // Nobody is refused because Redis is away, and a flood still is.
    expect(outcomes).toEqual(['allowed', 'allowed', 'allowed', 'allowed', 'allowed', 'refused', 'refused']);
    expect(missed).toBe(before + 7);
    await redis.restart();
    // Empty again, and without the script.
    expect(await counted(points, account)).toMatchObject({ outcome: 'allowed', left: 4 });
  });
});
