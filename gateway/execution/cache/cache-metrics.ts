/** What the entity cache exports: look-ups by outcome, why it was passed by, changes told of, and how much it holds. */
import { Counter, Gauge } from 'prom-client';
import type { ServiceMetrics } from '../../../ops/runtime/metrics.js';
import type { KeptAnswers } from './kept-answers.js';

/**
 * Why the cache was not looked at: `feed` the subgraph's change feed is silent, `own-write` the principal changed something
 * just now, `asked` the client wants nothing from a cache.
 */
export type BypassReason = 'feed' | 'own-write' | 'asked';

/** Why an answer was not kept: `stale` something changed meanwhile, `error` it reported errors, `empty` there was no such thing, `unknown-age` the subgraph did not say how new it is. */
export type UnkeptReason = 'stale' | 'error' | 'empty' | 'unknown-age';

export interface CacheMetrics {
  looked(hit: boolean): void;
  /** A thing was waited for that another request was fetching already. */
  joined(): void;
  bypassed(reason: BypassReason, count: number): void;
  unkept(reason: UnkeptReason): void;
  changes(count: number): void;
  /** One exchange with Redis: `hit`, `miss`, `unusable` for what is stale or forged, `failed`. */
  far(outcome: 'hit' | 'miss' | 'unusable' | 'failed'): void;
}

/** Registers the cache's metrics. */
export function createCacheMetrics(metrics: Pick<ServiceMetrics, 'registry' | 'looked'>, kept: Pick<KeptAnswers, 'bytes' | 'count'>): CacheMetrics {
  const registers = [metrics.registry];
  const bypasses = new Counter({ name: 'acgs_entity_cache_bypasses_total', help: 'Things that were fetched without a look into the entity cache, by reason.', labelNames: ['reason'], registers });
  const unkept = new Counter({ name: 'acgs_entity_cache_unkept_total', help: 'Answers that could have been kept and were not, by reason.', labelNames: ['reason'], registers });
  const joins = new Counter({ name: 'acgs_entity_cache_joins_total', help: 'Things that were waited for because another request was fetching them.', registers });
  const changes = new Counter({ name: 'acgs_entity_cache_changes_total', help: 'Changes that feeds told of.', registers });
  const far = new Counter({ name: 'acgs_entity_cache_redis_total', help: 'Things asked of Redis, by outcome.', labelNames: ['outcome'], registers });
  void new Gauge({ name: 'acgs_entity_cache_bytes', help: 'Memory the entity cache takes, about.', registers, collect() { this.set(kept.bytes()); } });
  void new Gauge({ name: 'acgs_entity_cache_entries', help: 'Answers the entity cache holds in memory.', registers, collect() { this.set(kept.count()); } });
  return {
    looked: (hit) => metrics.looked('entity', hit),
    joined: () => joins.inc(),
    bypassed: (reason, count) => bypasses.inc({ reason }, count),
    unkept: (reason) => unkept.inc({ reason }),
    changes: (count) => changes.inc(count),
    far: (outcome) => far.inc({ outcome }),
  };
}
