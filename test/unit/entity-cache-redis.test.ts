/** What is kept in Redis: shared between gateways, sealed, current or not used, and never needed. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { createFarAnswers, type FarAnswers } from '../../gateway/execution/cache/far-answers.js';
import type { KeptAnswer } from '../../gateway/execution/cache/kept-answers.js';
import { createLogger } from '../../ops/runtime/logger.js';
import { redisAvailable, startRedis, type TestRedis } from '../kit/redis.js';
import { until } from '../kit/until.js';

const ANSWER: KeptAnswer = { text: '{"version":1}', changes: ['T:a'], asOf: 7, expiresAt: Number.MAX_SAFE_INTEGER, escapeFree: true, ascii: true };
const lasting = (): KeptAnswer => ({ ...ANSWER, expiresAt: Date.now() + 60_000 });
const open: FarAnswers[] = [];

function connect(url: string, options: { sealKey?: Buffer; prefix?: string } = {}): { far: FarAnswers; outcomes: string[] } {
  const outcomes: string[] = [];
  const far = createFarAnswers({ url, prefix: options.prefix ?? 'test:', sealKey: options.sealKey ?? Buffer.alloc(32, 1), metrics: { far: (outcome) => outcomes.push(outcome) }, logger: createLogger('test', 'silent'), patienceMs: 200 });
  open.push(far);
  return { far, outcomes };
}

/** Sets until it can be read back: the first connection takes a moment. */
async function keep(far: FarAnswers, key: string, answer: KeptAnswer): Promise<void> {
  await until(async () => {
    far.set(key, answer);
    return (await far.get([key]))[0];
  });
}

afterEach(async () => { await Promise.all(open.splice(0).map((far) => far.stop())); });

test('a server that is not there costs a miss and nothing else', async () => {
  const { far } = connect('redis://127.0.0.1:1');
  const started = performance.now();
  for (let round = 0; round < 50; round += 1) {
    far.set('k', lasting());
    expect(await far.get(['k', 'l'])).toEqual([undefined, undefined]);
  }
  expect(performance.now() - started).toBeLessThan(500);
});

(redisAvailable ? describe : describe.skip)('with a server', () => {
  let redis: TestRedis;
  let admin: Redis;

  beforeAll(async () => {
    redis = await startRedis();
    admin = new Redis(redis.url, { retryStrategy: () => 50 });
    admin.on('error', () => undefined);
  });
  afterAll(async () => {
    admin.disconnect();
    await redis.kill();
  });

  test('one gateway reads what another kept, for as long as it may be used', async () => {
    const [one, other] = [connect(redis.url), connect(redis.url)];
    const answer = lasting();
    await keep(one.far, 'shared', answer);
    await until(async () => (await other.far.get(['nothing', 'shared']))[1]);
    expect(await other.far.get(['nothing', 'shared'])).toEqual([undefined, answer]);
    const [key] = await admin.keys('test:entity:*');
    expect(await admin.pttl(key!)).toBeLessThanOrEqual(60_000);
    one.far.set('over', { ...answer, expiresAt: Date.now() - 1 });
    expect(await one.far.get(['over'])).toEqual([undefined]);
  });

  test('what no gateway of this installation sealed is not believed, nor what was moved to another key', async () => {
    const { far, outcomes } = connect(redis.url);
    for (const key of ['mine', 'moved']) await keep(far, key, { ...lasting(), text: JSON.stringify({ key }) });
    const texts = new Map<string, string>();
    for (const key of await admin.keys('test:entity:*')) texts.set(key, (await admin.get(key))!);
    const placeOf = (name: string): string => [...texts].find(([, text]) => text.includes(`\\"key\\":\\"${name}\\"`))![0];
    await admin.set(placeOf('mine'), texts.get(placeOf('moved'))!);
    expect(await far.get(['mine'])).toEqual([undefined]);
    for (const forged of [texts.get(placeOf('mine'))!.replace('"asOf":7', '"asOf":9'), `${'0'.repeat(64)}{}`, 'no seal', '']) {
      await admin.set(placeOf('mine'), forged);
      expect(await far.get(['mine'])).toEqual([undefined]);
    }
    expect(outcomes.filter((outcome) => outcome === 'unusable')).toHaveLength(5);
    const stranger = connect(redis.url, { sealKey: Buffer.alloc(32, 2) });
    await until(async () => ((await stranger.far.get(['moved'])), stranger.outcomes.includes('unusable') ? true : undefined));
    expect((await far.get(['moved']))[0]).toBeDefined();
  });

  test('flushed, killed and started again: misses, then works', async () => {
    const { far, outcomes } = connect(redis.url);
    await keep(far, 'k', lasting());
    await admin.flushall();
    expect(await far.get(['k'])).toEqual([undefined]);
    await keep(far, 'k', lasting());
    await redis.kill();
    const started = performance.now();
    for (let round = 0; round < 20; round += 1) expect(await far.get(['k'])).toEqual([undefined]);
    expect(performance.now() - started).toBeLessThan(1_500);
    await redis.restart();
    await keep(far, 'k', lasting());
    expect(outcomes.filter((outcome) => outcome === 'hit').length).toBeGreaterThanOrEqual(3);
  });
});
