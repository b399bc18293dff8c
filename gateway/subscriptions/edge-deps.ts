/** What the WebSocket edge needs from the rest of the gateway, as narrow interfaces, and the limits it keeps. */
import type { Registry } from 'prom-client';
import type { Logger } from '../../ops/runtime/logger.js';
import type { Authenticate, Execute, ExecuteEvent, HashGate, Prepare, RevocationView, SupergraphSnapshot, TargetView } from '../execution/contracts.js';

/** Everything the edge is given by the composition root. */
export interface EdgeDeps {
  readonly logger: Logger;
  readonly registry: Registry;
  /** Gate 3, and which hashes are accepted at gate 4. */
  readonly gate: HashGate;
  readonly revocation: Pick<RevocationView, 'isRevoked' | 'onChange'>;
  /** Where streams go; looked at again at every attempt and after every change. */
  readonly targets: TargetView;
  /** Supergraph that new operations are pinned to. */
  readonly snapshot: () => SupergraphSnapshot;
  /** Called with `authorization` and `x-api-key` of `connection_init`; neither gives the anonymous credentials. */
  readonly authenticate: Authenticate;
  readonly prepare: Prepare;
  readonly execute: Execute;
  readonly executeEvent: ExecuteEvent;
  /** Key that signs hop tokens for a subgraph. */
  readonly hopKey: (subgraph: string) => Uint8Array;
  /** Told of every check of an upstream's hash (gate 4). */
  readonly onHopHashChecked?: (passed: boolean) => void;
}

/** Limits of the edge; times in milliseconds, sizes in bytes. */
export interface EdgeLimits {
  /** Operations of one connection that run at the same time; default 100. */
  readonly maxOperationsPerConnection: number;
  /** Largest message a client may send; default 64 KiB. */
  readonly maxMessageBytes: number;
  /** Wait for `connection_init`; default 3 s. */
  readonly connectionInitTimeoutMs: number;
  /** Ping interval, and how long a pong may take; default 12 s. */
  readonly keepAliveMs: number;
  /** Bytes that may wait for a client to read; default 1 MiB. Above it, delivery stops. */
  readonly maxBufferedBytes: number;
  /** How long a client may stay above `maxBufferedBytes` before its subscription ends with SUBSCRIPTION_LAGGING; default 2 s. */
  readonly lagGraceMs: number;
  /** How often revocation and the client's hash are looked at; default 250 ms. */
  readonly sweepMs: number;
  /** Time a query, a mutation, or the joins of one event may take; default 15 s. */
  readonly operationTimeoutMs: number;
  /** How long a stream is tried to be opened for the first time; default 10 s. */
  readonly openWindowMs: number;
  /** How long an outage of the owning subgraph is bridged before the client is told; default 30 s. */
  readonly resumeWindowMs: number;
  /** First and longest wait between attempts to resume; default 50 ms and 2 s. */
  readonly resumeBackoffMs: readonly [first: number, longest: number];
  /** Events of one subscription whose joins run at the same time; default 8. */
  readonly pipelinedEvents: number;
  /** Events of one subscription that may wait; above it the upstream is detached and resumed later by cursor; default 512. */
  readonly maxWaitingEvents: number;
  /** Largest message a subgraph may send; default 4 MiB. */
  readonly maxUpstreamMessageBytes: number;
  /** How long an unused upstream connection is kept; default 10 s. */
  readonly upstreamIdleMs: number;
}

export const DEFAULT_EDGE_LIMITS: EdgeLimits = {
  maxOperationsPerConnection: 100,
  maxMessageBytes: 64 * 1024,
  connectionInitTimeoutMs: 3_000,
  keepAliveMs: 12_000,
  maxBufferedBytes: 1024 * 1024,
  lagGraceMs: 2_000,
  sweepMs: 250,
  operationTimeoutMs: 15_000,
  openWindowMs: 10_000,
  resumeWindowMs: 30_000,
  resumeBackoffMs: [50, 2_000],
  pipelinedEvents: 8,
  maxWaitingEvents: 512,
  maxUpstreamMessageBytes: 4 * 1024 * 1024,
  upstreamIdleMs: 10_000,
};
