/** What subscriptions and their WebSocket edge need from the rest of the gateway, as narrow interfaces, and the limits they keep. */
import type { Registry } from 'prom-client';
import type { Logger } from '../../ops/runtime/logger.js';
import type { Tracing } from '../../ops/runtime/tracing.js';
import type { Authenticate, Execute, ExecuteEvent, HashGate, Prepare, RevocationView, SupergraphSnapshot, TargetView } from '../execution/contracts.js';
import type { TlsMaterial } from '../../ops/runtime/tls-files.js';
import type { RateLimits } from '../enforcement/rates/rate-limits.js';
import type { UpstreamProtocol } from './upstream-protocol.js';

/** Everything they are given by the composition root. */
export interface EdgeDeps {
  readonly logger: Logger;
  /** Undefined while traces are off. */
  readonly tracing?: Tracing | undefined;
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
  /** Behind the rates, where they are limited. */
  readonly prepare: Prepare;
  /** Undefined where rates are not limited. */
  readonly rates?: Pick<RateLimits, 'addressOf' | 'open' | 'chargeLookup' | 'chargeFailure'> | undefined;
  readonly execute: Execute;
  readonly executeEvent: ExecuteEvent;
  /** How subgraphs are spoken to. */
  readonly upstream: UpstreamProtocol;
  /** Certificate, key and authorities for subgraphs over TLS, asked for at each new connection. */
  readonly upstreamTls?: (() => TlsMaterial) | undefined;
  /** Calls back when `snapshot` has changed; returns how to stop. Without it the change is noticed within `sweepMs`. */
  readonly onSwap?: (listener: () => void) => () => void;
}

/** Limits; times in milliseconds, sizes in bytes. */
export interface EdgeLimits {
  /** Operations of one connection that run at the same time; default 100. */
  readonly maxOperationsPerConnection: number;
  /** Largest message a client may send; default 64 KiB. */
  readonly maxMessageBytes: number;
  /** Wait for `connection_init`; default 3 s. */
  readonly connectionInitTimeoutMs: number;
  /** Ping interval, and how long a pong may take; default 12 s. */
  readonly keepAliveMs: number;
  /** Bytes that may wait for a client to read; default 256 KiB. Above it, delivery to it stops. */
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
  /** Events of one stream whose joins run at the same time; default 8. */
  readonly pipelinedEvents: number;
  /**
   * Events of one stream that may wait for joins or for readers; default 512. Above it the upstream is detached and
   * resumed by cursor, or the readers that are behind leave the stream and go on from their cursors when they keep up.
   */
  readonly maxWaitingEvents: number;
  /** The same in bytes, for messages and for answers each; default 8 MiB. */
  readonly maxWaitingBytes: number;
  /** Events of a shared stream that are kept for who comes back with a recent cursor; default 256. */
  readonly retainedEvents: number;
  /** What all streams together may keep for that; default 64 MiB. */
  readonly maxRetainedBytes: number;
  /** Readers that get an event in one go; then everything else has its turn; default 128. */
  readonly deliverySlice: number;
  /** How long a shutdown waits for what has come to be delivered; default 5 s. */
  readonly drainMs: number;
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
  maxBufferedBytes: 256 * 1024,
  lagGraceMs: 2_000,
  sweepMs: 250,
  operationTimeoutMs: 15_000,
  openWindowMs: 10_000,
  resumeWindowMs: 30_000,
  resumeBackoffMs: [50, 2_000],
  pipelinedEvents: 8,
  maxWaitingEvents: 512,
  maxWaitingBytes: 8 * 1024 * 1024,
  retainedEvents: 256,
  maxRetainedBytes: 64 * 1024 * 1024,
  deliverySlice: 128,
  drainMs: 5_000,
  maxUpstreamMessageBytes: 4 * 1024 * 1024,
  upstreamIdleMs: 10_000,
};
