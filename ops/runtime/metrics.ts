/** Prometheus metrics every process exports, under the names dashboards and alert rules use. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { ERROR_CODES } from './errors.js';

/** Upper bounds in seconds: fine below the 5 ms component target, coarse above the 100 ms end-to-end target. */
const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export interface ServiceMetrics {
  readonly registry: Registry;
  /** HTTP and GraphQL requests finished; `status` is the HTTP status, `operation` a bounded class such as query or mutation. */
  readonly requests: Counter<'service' | 'operation' | 'status'>;
  readonly requestDuration: Histogram<'service' | 'operation'>;
  /** Times the constitutional hash was checked, at any gate. */
  readonly compliance: Counter<'service' | 'gate'>;
  /** Checks of the constitutional hash that passed. */
  readonly complianceSuccess: Counter<'service' | 'gate'>;
  readonly complianceRate: Gauge<'service'>;
  readonly cacheRequests: Counter<'service' | 'cache'>;
  readonly cacheHits: Counter<'service' | 'cache'>;
  readonly cacheHitRate: Gauge<'service'>;
  readonly errors: Counter<'service' | 'code'>;
  /** Records one check of the hash at a gate. */
  checked(gate: string, passed: boolean): void;
  /** Records one lookup in a cache. */
  looked(cache: string, hit: boolean): void;
}

/**
 * Makes a component's metrics in a registry of its own.
 * @param service value of the `service` label.
 * @param processWide also export Node's process metrics; true for one component a process.
 */
export function createMetrics(service: string, processWide: boolean): ServiceMetrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  if (processWide) collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: L[], collect?: (this: Counter<L>) => void): Counter<L> => new Counter({ name, help, labelNames, registers, ...(collect === undefined ? {} : { collect }) });

  const compliance = counter('acgs_constitutional_compliance_total', 'Checks of the constitutional hash.', ['service', 'gate']);
  const complianceSuccess = counter('acgs_constitutional_compliance_success_total', 'Checks of the constitutional hash that passed.', ['service', 'gate']);
  // Counted by hand and handed over when someone looks: a counter with labels costs microseconds, and caches are asked at every turn.
  const lookups = new Map<string, { asked: number; hits: number }>();
  const cacheRequests = counter('acgs_cache_requests_total', 'Lookups in a cache.', ['service', 'cache'], function collect() {
    for (const [cache, tally] of lookups) {
      if (tally.asked > 0) this.inc({ cache }, tally.asked);
      tally.asked = 0;
    }
  });
  const cacheHits = counter('acgs_cache_hits_total', 'Lookups in a cache that found an entry.', ['service', 'cache'], function collect() {
    for (const [cache, tally] of lookups) {
      if (tally.hits > 0) this.inc({ cache }, tally.hits);
      tally.hits = 0;
    }
  });
  const errors = counter('acgs_errors_total', 'Errors answered, by registered code.', ['service', 'code']);
  // Born at zero, so that a rate sees the first error too.
  for (const code of Object.keys(ERROR_CODES)) errors.inc({ code }, 0);
  const tally = { checks: 0, passes: 0, lookups: 0, hits: 0 };

  return {
    registry,
    requests: counter('acgs_requests_total', 'Requests finished.', ['service', 'operation', 'status']),
    requestDuration: new Histogram({ name: 'acgs_request_duration_seconds', help: 'Time from the last byte of a request to the last byte of its answer.', labelNames: ['service', 'operation'], buckets: LATENCY_BUCKETS, registers }),
    compliance,
    complianceSuccess,
    complianceRate: new Gauge({
      name: 'acgs_constitutional_compliance_rate', help: 'Share of hash checks that passed since start, 0 to 1; absent until the first check.', labelNames: ['service'], registers,
      collect() { if (tally.checks > 0) this.set(tally.passes / tally.checks); },
    }),
    cacheRequests,
    cacheHits,
    cacheHitRate: new Gauge({
      name: 'acgs_cache_hit_rate', help: 'Share of cache lookups that hit since start, 0 to 1; absent until the first lookup.', labelNames: ['service'], registers,
      collect() { if (tally.lookups > 0) this.set(tally.hits / tally.lookups); },
    }),
    errors,
    checked(gate, passed) {
      tally.checks += 1;
      compliance.inc({ gate });
      // Also where it failed: a series that does not exist yet makes a difference of the two empty instead of one.
      complianceSuccess.inc({ gate }, passed ? 1 : 0);
      if (passed) tally.passes += 1;
    },
    looked(cache, hit) {
      tally.lookups += 1;
      let own = lookups.get(cache);
      if (own === undefined) lookups.set(cache, own = { asked: 0, hits: 0 });
      own.asked += 1;
      if (!hit) return;
      tally.hits += 1;
      own.hits += 1;
    },
  };
}
