/** Prometheus metrics every process exports, under the names dashboards and alert rules use. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics, type RegistryContentType } from 'prom-client';
import { closedLabel, OTHER } from './bounded-label.js';
import { ERROR_CODES } from './errors.js';
import { Observations, Tally } from './tally.js';

/** Upper bounds in seconds: fine below the 5 ms component target, coarse above the 100 ms end-to-end target. */
const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Operations that are counted apart, and combinations of one with a status. */
const MAX_OPERATIONS = 16;
const MAX_ENDINGS = 200;

/** Counts errors; a code that is not registered counts as `other`. */
export interface ErrorCounter {
  inc(labels: { readonly code: string }): void;
}

export interface ServiceMetrics {
  readonly registry: Registry;
  /** Errors answered, by registered code. */
  readonly errors: ErrorCounter;
  /**
   * Counts a finished request.
   * @param operation a bounded class such as query or mutation.
   * @param status HTTP status.
   */
  finished(operation: string, status: number): void;
  /**
   * Notes how long a request took.
   * @param traceId of a request whose trace is recorded: its bucket shows it as an exemplar.
   */
  took(operation: string, milliseconds: number, traceId?: string): void;
  /** Says under which constitution the process runs. */
  constitution(label: string, epoch: number): void;
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
  // prom-client makes exemplars in such a registry only; how a scrape is written is its Accept header's affair (open-metrics.ts).
  const registry = new Registry();
  const formats = registry as unknown as Registry<RegistryContentType>;
  formats.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
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
  const finished = new Tally(MAX_ENDINGS, `${OTHER} ${OTHER}`);
  counter('acgs_requests_total', 'Requests finished.', ['service', 'operation', 'status'], function collect() {
    finished.take((key, count) => {
      const [operation = '', status = ''] = key.split(' ');
      this.inc({ operation, status }, count);
    });
  });
  const durations = new Map<string, Observations>();
  // prom-client types the labels of exemplars as those of the metric.
  const requestDuration = new Histogram<'service' | 'operation' | 'trace_id'>({
    name: 'acgs_request_duration_seconds', help: 'Time from the arrival of a request to the end of its answer, seconds.', labelNames: ['service', 'operation'], buckets: LATENCY_BUCKETS, registers, enableExemplars: true,
    collect() { for (const kept of durations.values()) kept.flush(); },
  });
  formats.setContentType(Registry.PROMETHEUS_CONTENT_TYPE);
  const errors = new Tally();
  counter('acgs_errors_total', 'Errors answered, by registered code.', ['service', 'code'], function collect() {
    errors.take((code, count) => this.inc({ code }, count));
  });
  const codeOf = closedLabel(Object.keys(ERROR_CODES));
  // Born at zero, so that a rate sees the first error too.
  for (const code of Object.keys(ERROR_CODES)) errors.add(code, 0);
  const constitution = new Gauge({ name: 'acgs_constitution_epoch', help: 'Epoch of the constitution the process started under; its label is the hash.', labelNames: ['constitutional_hash'], registers });
  const tally = { checks: 0, passes: 0, lookups: 0, hits: 0 };

  gauge('acgs_constitutional_compliance_rate', 'Share of hash checks that passed since start, 0 to 1; absent until the first check.', function collect() {
    if (tally.checks > 0) this.set(tally.passes / tally.checks);
  });
  gauge('acgs_cache_hit_rate', 'Share of cache lookups that hit since start, 0 to 1; absent until the first lookup.', function collect() {
    if (tally.lookups > 0) this.set(tally.hits / tally.lookups);
  });
  const keptOf = (operation: string): Observations => {
    let kept = durations.get(operation);
    if (kept !== undefined) return kept;
    if (durations.size >= MAX_OPERATIONS && operation !== OTHER) return keptOf(OTHER);
    const child = requestDuration.labels({ operation });
    durations.set(operation, kept = new Observations((seconds) => child.observe(seconds)));
    return kept;
  };
  return {
    registry,
    errors: { inc: ({ code }) => errors.add(codeOf(code)) },
    constitution(label, epoch) {
      constitution.reset();
      constitution.set({ constitutional_hash: label }, epoch);
    },
    finished: (operation, status) => finished.add(`${operation} ${status}`),
    took(operation, milliseconds, traceId) {
      const kept = keptOf(operation);
      if (traceId === undefined) kept.add(milliseconds / 1_000);
      // Few enough to pay for the labels at once: an exemplar belongs to its observation.
      else requestDuration.observe({ labels: { operation: durations.has(operation) ? operation : OTHER }, value: milliseconds / 1_000, exemplarLabels: { trace_id: traceId } });
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
