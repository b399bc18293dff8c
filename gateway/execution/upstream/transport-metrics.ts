/** Metrics of the calls to subgraphs: one set of bound counters for each subgraph, made when it is first called. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { ErrorCode } from '../../../ops/runtime/errors.js';
import { Observations, Tally } from '../../../ops/runtime/tally.js';
import type { Circuit } from './circuit-breaker.js';

/** How a call ended; `other` is a fault of the gateway itself. */
const OUTCOMES = ['ok', 'timeout', 'unavailable', 'bad_response', 'violation', 'indeterminate', 'other'] as const;
export type CallOutcome = (typeof OUTCOMES)[number];

/** Upper bounds in seconds. */
const LATENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const OUTCOME_OF: Partial<Record<ErrorCode, CallOutcome>> = {
  SUBGRAPH_TIMEOUT: 'timeout', SUBGRAPH_UNAVAILABLE: 'unavailable', SUBGRAPH_BAD_RESPONSE: 'bad_response', CONSTITUTIONAL_VIOLATION: 'violation', INDETERMINATE: 'indeterminate',
};

/** The outcome a failed call is counted under. */
export function outcomeOf(code: ErrorCode): CallOutcome {
  return OUTCOME_OF[code] ?? 'other';
}

/** Counters of one subgraph. */
export interface CallMeters {
  /** A call ended, its repetition included. */
  finished(outcome: CallOutcome, milliseconds: number): void;
  /** A call was sent a second time. */
  retried(): void;
  /** A query shared the call of an equal one. */
  joined(): void;
  /** An instance's circuit opened. */
  opened(): void;
}

/**
 * Registers the metrics.
 * @param circuits those of the instances in use now.
 * @returns the meters of a subgraph.
 */
export function createTransportMetrics(registry: Registry, circuits: () => readonly Circuit[]): (service: string) => CallMeters {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: L[], collect?: (this: Counter<L>) => void): Counter<L> => new Counter({ name, help, labelNames, registers, ...(collect === undefined ? {} : { collect }) });
  const calls = new Map<string, { readonly ended: Tally; readonly took: Observations }>();
  counter('acgs_subgraph_requests_total', 'Calls to subgraphs that ended, by outcome.', ['service', 'outcome'], function collect() {
    for (const [service, { ended }] of calls) ended.take((outcome, count) => this.inc({ service, outcome }, count));
  });
  const duration = new Histogram({
    name: 'acgs_subgraph_request_duration_seconds', help: 'Time a call to a subgraph took, its repetition included.', labelNames: ['service'], buckets: LATENCY_BUCKETS, registers,
    collect() { for (const { took } of calls.values()) took.flush(); },
  });
  const retries = counter('acgs_subgraph_retries_total', 'Calls to subgraphs that were sent a second time.', ['service']);
  const joins = counter('acgs_subgraph_joined_calls_total', 'Queries that shared the call of an equal one.', ['service']);
  const openings = counter('acgs_subgraph_circuit_openings_total', 'Times the circuit of an instance opened.', ['service']);
  const meters = new Map<string, CallMeters>();
  const open = new Gauge({
    name: 'acgs_subgraph_open_circuits', help: 'Instances that are not called, but for probes, because they only failed.', labelNames: ['service'], registers,
    collect() {
      for (const service of meters.keys()) this.set({ service }, 0);
      for (const circuit of circuits()) if (circuit.open) this.inc({ service: circuit.service });
    },
  });

  const bind = (service: string): CallMeters => {
    const histogram = duration.labels({ service });
    const [ended, took] = [new Tally(), new Observations((seconds) => histogram.observe(seconds))];
    calls.set(service, { ended, took });
    const [retried, joined, opened] = [retries.labels({ service }), joins.labels({ service }), openings.labels({ service })];
    // Born at zero, so that a rate sees the first one too.
    for (const outcome of OUTCOMES) ended.add(outcome, 0);
    for (const child of [retried, joined, opened]) child.inc(0);
    open.set({ service }, 0);
    return {
      finished(outcome, milliseconds) {
        ended.add(outcome);
        took.add(milliseconds / 1_000);
      },
      retried: () => retried.inc(),
      joined: () => joined.inc(),
      opened: () => opened.inc(),
    };
  };
  return (service) => {
    let known = meters.get(service);
    if (known === undefined) meters.set(service, known = bind(service));
    return known;
  };
}
