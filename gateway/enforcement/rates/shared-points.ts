/** Points counted in Redis, shared by all gateways: one script a charge, on the clock of Redis, with this process's own count while Redis is away. */
import { createHash } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Logger } from '../../../ops/runtime/logger.js';
import { createLocalPoints } from './local-points.js';
import { intervalOf, type Account, type PointStore, type Verdict } from './rate-policy.js';

/** Longest wait for Redis, milliseconds; above it a request is worth more than its count. */
const PATIENCE_MS = 200;
/** After a failure Redis is left alone this long, milliseconds. */
const REST_MS = 1_000;

/**
 * The generic cell rate algorithm in microseconds of Redis's clock, so that clocks of gateways make no difference. KEYS
 * are the account and its reserves; ARGV is the cost, then interval and burst of each. A clock that went back cannot keep
 * an account empty for longer than its burst takes to refill.
 */
const SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local cost = tonumber(ARGV[1])
local function look(i)
  local interval, burst = tonumber(ARGV[i * 2]), tonumber(ARGV[i * 2 + 1])
  local full = tonumber(redis.call('GET', KEYS[i]) or '0')
  full = math.min(math.max(full, now), now + burst * interval)
  local after = full + cost * interval
  return { full = full, after = after, wait = after - now - burst * interval, interval = interval, burst = burst }
end
local function keep(i, seen)
  redis.call('SET', KEYS[i], string.format('%.0f', seen.after), 'PX', string.format('%.0f', math.ceil((seen.after - now) / 1000) + 1000))
end
local function answer(outcome, seen, full, wait)
  return { outcome, math.max(0, math.floor(seen.burst - (full - now) / seen.interval)), math.ceil((full - now) / 1000), math.ceil(math.max(0, wait) / 1000) }
end
local own = look(1)
if own.wait <= 0 then
  keep(1, own)
  return answer(0, own, own.after, 0)
end
if #KEYS == 1 then return answer(2, own, own.full, own.wait) end
local seen, longest = {}, 0
for i = 2, #KEYS do
  seen[i] = look(i)
  longest = math.max(longest, seen[i].wait)
end
if longest > 0 then return answer(2, own, own.full, math.min(own.wait, longest)) end
for i = 2, #KEYS do keep(i, seen[i]) end
return answer(1, own, own.full, 0)
`;
const SCRIPT_ID = createHash('sha1').update(SCRIPT).digest('hex');
const OUTCOMES = ['allowed', 'reserve', 'refused'] as const;

export interface SharedPointsDeps {
  readonly url: string;
  /** Before every key. */
  readonly prefix: string;
  readonly logger: Logger;
  /** Told of every charge that Redis did not count. */
  readonly onMissed: () => void;
  /** Longest wait, milliseconds; default 200. */
  readonly patienceMs?: number;
}

/**
 * Makes the store and begins to connect. It never refuses because Redis is away: losing the count of a minute harms
 * nobody, refusing an operator because of it does. Meanwhile this process counts by itself, so that a flood still meets
 * the limit at every gateway.
 */
export function createSharedPoints(deps: SharedPointsDeps): PointStore {
  return new SharedPoints(deps);
}

class SharedPoints implements PointStore {
  private readonly redis: Redis;
  private readonly local = createLocalPoints();
  private restUntil = -Infinity;
  private troubled = false;
  private stopped = false;

  constructor(private readonly deps: SharedPointsDeps) {
    this.redis = new Redis(deps.url, {
      lazyConnect: true, enableOfflineQueue: false, maxRetriesPerRequest: 0, connectTimeout: 1_000, commandTimeout: deps.patienceMs ?? PATIENCE_MS, enableAutoPipelining: true,
      retryStrategy: (times) => Math.min(times * 100, 2_000),
    });
    this.redis.on('error', (error) => this.trouble(error));
    this.redis.on('ready', () => {
      if (this.troubled) deps.logger.info('Redis is back; rates are counted together again');
      this.troubled = false;
      this.restUntil = -Infinity;
    });
    this.redis.connect().catch((error: unknown) => this.trouble(error));
  }

  take(account: Account, reserves: readonly Account[], cost: number): Verdict | Promise<Verdict> {
    if (this.redis.status !== 'ready' || performance.now() < this.restUntil) return this.alone(account, reserves, cost);
    const accounts = [account, ...reserves];
    const keys = accounts.map(({ key }) => `${this.deps.prefix}rate:${key}`);
    const rates = accounts.flatMap(({ rate }) => [intervalOf(rate), rate.burst]);
    return this.run(keys, [cost, ...rates]).then(verdictOf).catch((error: unknown) => {
      this.trouble(error);
      return this.alone(account, reserves, cost);
    });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.redis.disconnect();
    await this.local.stop();
  }

  private async run(keys: readonly string[], values: readonly number[]): Promise<unknown> {
    try {
      return await this.redis.evalsha(SCRIPT_ID, keys.length, ...keys, ...values);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return this.redis.eval(SCRIPT, keys.length, ...keys, ...values);
    }
  }

  private alone(account: Account, reserves: readonly Account[], cost: number): Verdict | Promise<Verdict> {
    this.deps.onMissed();
    return this.local.take(account, reserves, cost);
  }

  private trouble(error: unknown): void {
    if (this.stopped) return;
    this.restUntil = performance.now() + REST_MS;
    if (!this.troubled) this.deps.logger.warn({ err: error }, 'Redis does not count rates now; this process counts by itself');
    this.troubled = true;
  }
}

function verdictOf(answer: unknown): Verdict {
  const [outcome, left, fullInMs, retryInMs] = answer as readonly number[];
  const name = OUTCOMES[outcome ?? -1];
  if (name === undefined || left === undefined || fullInMs === undefined || retryInMs === undefined) throw new Error(`Redis answered a charge with ${JSON.stringify(answer)}.`);
  return { outcome: name, left, fullInMs, retryInMs };
}
