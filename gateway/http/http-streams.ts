/** All subscriptions over HTTP: how many may run, whose right to run has ended, and how they end when the gateway stops. */
import type { ServerResponse } from 'node:http';
import { Gauge, type Registry } from 'prom-client';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { Logger } from '../../ops/runtime/logger.js';
import type { ConstitutionalStamp, Credentials, GatewayRequest, HashGate, PreparedOperation, RevocationView } from '../execution/contracts.js';
import { expulsionOf, Sweeper, type Swept } from '../subscriptions/standing.js';
import { HttpStream, outletOf, type StreamEnd } from './http-stream.js';
import type { StreamType } from './media-types.js';
import { STREAM_FORMATS, TRANSPORT } from './stream-formats.js';
import type { StreamSource } from './stream-source.js';

/** Limits of streams over HTTP; times in milliseconds, sizes in bytes. */
export interface HttpStreamLimits {
  /** Longest silence; default 10 s. */
  readonly heartbeatMs: number;
  /** Bytes that may wait for a client to read; default 1 MiB. Above it, delivery stops. */
  readonly maxBufferedBytes: number;
  /** How long a client may stay above `maxBufferedBytes` before its stream ends with SUBSCRIPTION_LAGGING; default 2 s. */
  readonly lagGraceMs: number;
  /** Streams of the process; default 5,000. */
  readonly maxStreams: number;
  /** Streams of one principal; default 100. */
  readonly maxStreamsPerPrincipal: number;
  /** How often revocation and the client's hash are looked at; default 250 ms. */
  readonly sweepMs: number;
}

export const DEFAULT_STREAM_LIMITS: HttpStreamLimits = {
  heartbeatMs: 10_000, maxBufferedBytes: 1024 * 1024, lagGraceMs: 2_000, maxStreams: 5_000, maxStreamsPerPrincipal: 100, sweepMs: 250,
};

export interface HttpStreamsDeps {
  readonly source: StreamSource;
  readonly revocation: Pick<RevocationView, 'isRevoked' | 'onChange'>;
  readonly gate: HashGate;
  /** Stamp of a last answer that carries errors. */
  readonly stamp: () => ConstitutionalStamp;
  readonly registry: Registry;
  readonly logger: Logger;
}

/** A subscription to serve. */
export interface StreamRequest {
  readonly response: ServerResponse;
  readonly type: StreamType;
  /** Names and values, flat. */
  readonly headers: readonly string[];
  readonly request: GatewayRequest;
  readonly prepared: PreparedOperation;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly credentials: Credentials;
  /** Hash the client presented; undefined without one. */
  readonly presentedHash: string | undefined;
}

export interface HttpStreams {
  /**
   * Serves a subscription; resolves when its response is closed.
   * @throws AcgsError TOO_MANY_SUBSCRIPTIONS or SHUTTING_DOWN, or what the source throws; nothing was written then.
   */
  serve(request: StreamRequest): Promise<StreamEnd>;
  /** Streams open now. */
  running(): number;
  /** Ends every stream with SHUTTING_DOWN; clients resume elsewhere by cursor. */
  stop(): Promise<void>;
}

/** Makes the HTTP side of subscriptions. @param overrides limits that differ from DEFAULT_STREAM_LIMITS. */
export function createHttpStreams(deps: HttpStreamsDeps, overrides: Partial<HttpStreamLimits> = {}): HttpStreams {
  const { source, logger, stamp } = deps;
  const limits: HttpStreamLimits = { ...DEFAULT_STREAM_LIMITS, ...overrides };
  const streams = new Set<HttpStream>();
  const byPrincipal = new Map<string, number>();
  const sweeper = new Sweeper(deps.revocation, limits.sweepMs);
  let draining = false;
  const open = new Gauge({ name: 'acgs_http_streams', help: 'Subscriptions open over HTTP.', labelNames: ['transport'], registers: [deps.registry] });

  const admit = (principalId: string | undefined): void => {
    if (draining) throw new AcgsError('SHUTTING_DOWN');
    const own = principalId === undefined ? 0 : byPrincipal.get(principalId) ?? 0;
    if (streams.size >= limits.maxStreams) throw new AcgsError('TOO_MANY_SUBSCRIPTIONS', undefined, { limit: limits.maxStreams });
    if (own >= limits.maxStreamsPerPrincipal) throw new AcgsError('TOO_MANY_SUBSCRIPTIONS', undefined, { limit: limits.maxStreamsPerPrincipal });
  };
  const count = (principalId: string | undefined, change: number): void => {
    if (principalId === undefined) return;
    const next = (byPrincipal.get(principalId) ?? 0) + change;
    if (next === 0) byPrincipal.delete(principalId);
    else byPrincipal.set(principalId, next);
  };

  return {
    running: () => streams.size,
    async serve({ response, type, headers, request, prepared, variables, credentials, presentedHash }) {
      const principalId = credentials.principal?.id;
      if (response.destroyed) return { answers: 0, failure: undefined };
      admit(principalId);
      const outlet = outletOf(response, limits.maxBufferedBytes, limits.lagGraceMs);
      const answers = source.open({ request, prepared, variables, outlet });
      const stream = new HttpStream({
        requestId: request.requestId, response, headers, format: STREAM_FORMATS[type], answers, outlet, stamp, heartbeatMs: limits.heartbeatMs, lingerMs: limits.lagGraceMs, logger,
      });
      const standing: Swept = {
        sweep(now) {
          const expulsion = expulsionOf(credentials, presentedHash, deps, now);
          if (expulsion !== undefined) stream.fail(expulsion.fault());
        },
      };
      streams.add(stream);
      open.inc({ transport: TRANSPORT[type] });
      count(principalId, 1);
      sweeper.add(standing);
      try {
        return await stream.ended;
      } finally {
        streams.delete(stream);
        open.dec({ transport: TRANSPORT[type] });
        count(principalId, -1);
        sweeper.remove(standing);
      }
    },
    async stop() {
      draining = true;
      sweeper.stop();
      await Promise.all([...streams].map((stream) => {
        stream.fail(new AcgsError('SHUTTING_DOWN'));
        return stream.ended;
      }));
    },
  };
}
