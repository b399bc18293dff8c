/** The bus of several processes with Redis: one trimmed stream a schema carries the events themselves. */
import { Redis } from 'ioredis';
import type { Stoppable } from '../../ops/runtime/lifecycle.js';
import type { Logger } from '../../ops/runtime/logger.js';
import type { SubgraphSchema } from '../../ops/runtime/subgraph-names.js';
import type { BusListener, EventBus } from './event-bus.js';
import type { SequencedEvent } from './outbox.js';

const MAX_LENGTH = 10_000;
const BLOCK_MS = 2_000;
const RETRY_MS = 500;

export class RedisBus implements EventBus {
  private readonly writer: Redis;
  private readonly followers = new Set<Stoppable>();

  /** @param prefix put before every key; installations that share a server need their own; default `acgs:`. */
  constructor(private readonly url: string, private readonly logger: Logger, private readonly prefix = 'acgs:') {
    this.writer = this.connection();
  }

  async publish(schema: SubgraphSchema, events: readonly SequencedEvent[]): Promise<void> {
    const pipeline = this.writer.pipeline();
    for (const event of events) pipeline.xadd(this.key(schema), 'MAXLEN', '~', MAX_LENGTH, '*', 'event', JSON.stringify(event));
    const results = await pipeline.exec();
    for (const [error] of results ?? []) if (error) throw error;
  }

  async follow(schema: SubgraphSchema, listener: BusListener): Promise<Stoppable> {
    const reader = this.connection();
    const key = this.key(schema);
    let stopped = false;
    // A concrete id at once: reading from `$` again and again would lose what arrives between two reads.
    let last = await this.lastId(key);
    const loop = (async () => {
      while (!stopped) {
        try {
          const answer = await reader.xread('COUNT', 500, 'BLOCK', BLOCK_MS, 'STREAMS', key, last);
          const entries = answer?.[0]?.[1] ?? [];
          if (entries.length === 0) continue;
          last = entries[entries.length - 1]?.[0] ?? last;
          listener(entries.map(([, fields]) => JSON.parse(fields[1] ?? 'null') as SequencedEvent));
        } catch (error) {
          if (stopped) return;
          this.logger.warn({ err: error }, 'Reading the event stream failed; trying again');
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
          // Redis may have restarted empty: ids start over, and the outbox fills the gap.
          last = await this.lastId(key).catch(() => '0-0');
          listener([]);
        }
      }
    })();
    const follower: Stoppable = {
      stop: async () => {
        stopped = true;
        this.followers.delete(follower);
        reader.disconnect();
        await loop;
      },
    };
    this.followers.add(follower);
    return follower;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.followers].map((follower) => follower.stop()));
    this.writer.disconnect();
  }

  private key(schema: SubgraphSchema): string {
    return `${this.prefix}events:${schema}`;
  }

  private async lastId(key: string): Promise<string> {
    const entries = await this.writer.xrevrange(key, '+', '-', 'COUNT', 1);
    return entries[0]?.[0] ?? '0-0';
  }

  private connection(): Redis {
    const redis = new Redis(this.url, { maxRetriesPerRequest: 2, retryStrategy: (times) => Math.min(times * 100, 2_000), connectTimeout: 3_000 });
    redis.on('error', (error) => this.logger.warn({ err: error }, 'Redis connection trouble'));
    return redis;
  }
}
