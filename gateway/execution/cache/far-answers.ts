/** Answers kept in Redis, shared by all gateways: asked with little patience, believed only with a valid seal, never needed. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { Redis } from 'ioredis';
import { z } from 'zod';
import type { Logger } from '../../../ops/runtime/logger.js';
import type { CacheMetrics } from './cache-metrics.js';
import type { KeptAnswer } from './kept-answers.js';

/** Longest wait for Redis, milliseconds; a subgraph answers in about that time. */
const PATIENCE_MS = 10;
/** After a failure Redis is left alone this long, milliseconds. */
const REST_MS = 1_000;
const SEAL_BYTES = 32;
const SEAL_TEXT = SEAL_BYTES * 2;

const record = z.object({ text: z.string(), changes: z.array(z.string()), asOf: z.number(), expiresAt: z.number(), escapeFree: z.boolean(), ascii: z.boolean() }) satisfies z.ZodType<KeptAnswer>;

export interface FarAnswers {
  /** Answers by key, in order; undefined for what is not there. Never rejects. */
  get(keys: readonly string[]): Promise<readonly (KeptAnswer | undefined)[]>;
  /** Keeps an answer without waiting for it. */
  set(key: string, answer: KeptAnswer): void;
  stop(): Promise<void>;
}

export interface FarDeps {
  readonly url: string;
  /** Before every key. */
  readonly prefix: string;
  /** Seals what is kept: what Redis returns is used only if a gateway of this installation put it there, under that key. */
  readonly sealKey: Uint8Array;
  readonly metrics: Pick<CacheMetrics, 'far'>;
  readonly logger: Logger;
  /** Longest wait, milliseconds; default 10. */
  readonly patienceMs?: number;
}

/** Connects when first needed. */
export function createFarAnswers(deps: FarDeps): FarAnswers {
  return new RedisAnswers(deps);
}

class RedisAnswers implements FarAnswers {
  private readonly redis: Redis;
  private restUntil = -Infinity;
  private troubled = false;

  constructor(private readonly deps: FarDeps) {
    this.redis = new Redis(deps.url, {
      lazyConnect: true, enableOfflineQueue: false, maxRetriesPerRequest: 0, connectTimeout: 1_000, commandTimeout: deps.patienceMs ?? PATIENCE_MS,
      retryStrategy: (times) => Math.min(times * 100, 2_000),
    });
    this.redis.on('error', (error) => this.trouble(error));
    this.redis.on('ready', () => {
      if (this.troubled) this.deps.logger.info('Redis is back');
      this.troubled = false;
    });
    this.redis.connect().catch((error: unknown) => this.trouble(error));
  }

  async get(keys: readonly string[]): Promise<readonly (KeptAnswer | undefined)[]> {
    if (keys.length === 0 || !this.usable()) return keys.map(() => undefined);
    const places = keys.map((key) => this.placeOf(key));
    try {
      const texts = await this.redis.mget(...places);
      return texts.map((text, index) => this.opened(places[index] as string, text));
    } catch (error) {
      this.failed(error);
      return keys.map(() => undefined);
    }
  }

  set(key: string, answer: KeptAnswer): void {
    const lifeMs = answer.expiresAt - Date.now();
    if (lifeMs <= 0 || !this.usable()) return;
    const place = this.placeOf(key);
    const text = JSON.stringify(answer);
    this.redis.set(place, this.sealOf(place, text).toString('hex') + text, 'PX', Math.ceil(lifeMs)).catch((error: unknown) => this.failed(error));
  }

  stop(): Promise<void> {
    this.redis.disconnect();
    return Promise.resolve();
  }

  private usable(): boolean {
    return this.redis.status === 'ready' && performance.now() >= this.restUntil;
  }

  private opened(place: string, sealed: string | null): KeptAnswer | undefined {
    if (sealed === null) {
      this.deps.metrics.far('miss');
      return undefined;
    }
    const text = sealed.slice(SEAL_TEXT);
    const seal = Buffer.from(sealed.slice(0, SEAL_TEXT), 'hex');
    if (seal.length !== SEAL_BYTES || !timingSafeEqual(seal, this.sealOf(place, text))) {
      this.deps.metrics.far('unusable');
      return undefined;
    }
    this.deps.metrics.far('hit');
    return record.parse(JSON.parse(text));
  }

  private placeOf(key: string): string {
    return `${this.deps.prefix}entity:1:${createHash('sha256').update(key).digest('base64url')}`;
  }

  private sealOf(place: string, text: string): Buffer {
    return createHmac('sha256', this.deps.sealKey).update(`${place}\n${text}`).digest();
  }

  private failed(error: unknown): void {
    this.deps.metrics.far('failed');
    this.restUntil = performance.now() + REST_MS;
    this.trouble(error);
  }

  private trouble(error: unknown): void {
    if (!this.troubled) this.deps.logger.warn({ err: error }, 'Redis does not answer; the entity cache works from memory');
    this.troubled = true;
  }
}
