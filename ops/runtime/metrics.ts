/** Prometheus metrics every process exports, under the names dashboards and alert rules use. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { ERROR_CODES } from './errors.js';
import { Observations, Tally } from './tally.js';

/** Upper bounds in seconds: fine below the 5 ms component target, coarse above the 100 ms end-to-end target. */
const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export interface ServiceMetrics {
  readonly registry: Registry;
  /** Errors answered, by registered code. */
  readonly errors: Counter<'service' | 'code'>;
  /**
   * Counts a finished request.
   * @param operation a bounded class such as query or mutation.
   * @param status HTTP status.
   */
  finished(operation: string, status: number): void;
  /** Notes how long a request took, milliseconds. */
  took(operation: string, milliseconds: number): void;
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
  const gauge = (name: string, help: string, collect: (this: Gauge<'service'>) => void): Gauge<'service'> => new Gauge({ name, help, labelNames: ['service'], registers, collect });

  const checks = new Tally();
  const passes = new Tally();
  counter('acgs_constitutional_compliance_total', 'Checks of the constitutional hash.', ['service', 'gate'], function collect() {
    checks.take((gate, count) => this.inc({ gate }, count));
  });
  // Also where it failed: a series that does not exist yet makes a difference of the two empty instead of one.
  counter('acgs_constitutional_compliance_success_total', 'Checks of the constitutional hash that passed.', ['service', 'gate'], function collect() {
    passes.take((gate, count) => this.inc({ gate }, count));
  });
  const lookups = new Tally();
  const hits = new Tally();
  counter('acgs_cache_requests_total', 'Lookups in a cache.', ['service', 'cache'], function collect() {
    lookups.take((cache, count) => this.inc({ cache }, count));
  });
  counter('acgs_cache_hits_total', 'Lookups in a cache that found an entry.', ['service', 'cache'], function collect() {
    hits.take((cache, count) => this.inc({ cache }, count));
  });
  const finished = new Tally();
  counter('acgs_requests_total', 'Requests finished.', ['service', 'operation', 'status'], function collect() {
    finished.take((key, count) => {
      const [operation = '', status = ''] = key.split(' ');
      this.inc({ operation, status }, count);
    });
  });
  const durations = new Map<string, Observations>();
  const requestDuration = new Histogram({
    name: 'acgs_request_duration_seconds', help: 'Time from the last byte of a request to the last byte of its answer.', labelNames: ['service', 'operation'], buckets: LATENCY_BUCKETS, registers,
    collect() { for (const kept of durations.values()) kept.flush(); },
  });
  const errors = counter('acgs_errors_total', 'Errors answered, by registered code.', ['service', 'code']);
  // Born at zero, so that a rate sees the first error too.
  for (const code of Object.keys(ERROR_CODES)) errors.inc({ code }, 0);
  const tally = { checks: 0, passes: 0, lookups: 0, hits: 0 };

  gauge('acgs_constitutional_compliance_rate', 'Share of hash checks that passed since start, 0 to 1; absent until the first check.', function collect() {
    if (tally.checks > 0) this.set(tally.passes / tally.checks);
  });
  gauge('acgs_cache_hit_rate', 'Share of cache lookups that hit since start, 0 to 1; absent until the first lookup.', function collect() {
    if (tally.lookups > 0) this.set(tally.hits / tally.lookups);
  });
  return {
    registry, errors,
    finished: (operation, status) => finished.add(`${operation} ${status}`),
    took(operation, milliseconds) {
      let kept = durations.get(operation);
      if (kept === undefined) {
        const child = requestDuration.labels({ operation });
        durations.set(operation, kept = new Observations((seconds) => child.observe(seconds)));
      }
      kept.add(milliseconds / 1_000);
    },
    checked(gate, passed) {
      tally.checks += 1;
      checks.add(gate);
      passes.add(gate, passed ? 1 : 0);
      if (passed) tally.passes += 1;
    },
    looked(cache, hit) {
      tally.lookups += 1;
      lookups.add(cache);
      hits.add(cache, hit ? 1 : 0);
      if (hit) tally.hits += 1;
    },
  };
}
