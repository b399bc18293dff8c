/** Puts the HTTP edge together: the hot path, Apollo Server beside it, persisted queries, streams. */
import type { GatewayConfig } from '../config.js';
import type { Logger } from '../../ops/runtime/logger.js';
import type { RawHandler } from '../../ops/runtime/http-server.js';
import type { ServiceMetrics } from '../../ops/runtime/metrics.js';
import type { RateLimits } from '../enforcement/rates/rate-limits.js';
import type { Tracing } from '../../ops/runtime/tracing.js';
import { behindSafelist, type Safelist } from '../enforcement/safelist.js';
import type { Authenticate, ConstitutionalStamp, Execute, ExecuteInParts, HashGate, Prepare, RevocationView } from '../execution/contracts.js';
import type { SupergraphStore } from '../supergraph/load.js';
import { strictTransport } from './answer-writer.js';
import { createCrossOrigin } from './cross-origin.js';
import { createGraphqlEndpoint } from './graphql-endpoint.js';
import { createApolloRunner, createGraphqlServer } from './graphql-server.js';
import { createHttpStreams, type HttpStreamLimits } from './http-streams.js';
import { createPersistedQueries, type SharedTexts } from './persisted-queries.js';
import type { StreamSource } from './stream-source.js';

export interface HttpEdgeDeps {
  readonly config: Pick<GatewayConfig, 'limits' | 'introspection' | 'bodyLimit' | 'deadlineMs' | 'corsOrigins' | 'tls' | 'hstsSeconds'>;
  readonly authenticate: Authenticate;
  readonly gate: HashGate;
  readonly revocation: Pick<RevocationView, 'isRevoked' | 'onChange'>;
  readonly prepare: Prepare;
  readonly execute: Execute;
  readonly executeInParts: ExecuteInParts;
  readonly store: SupergraphStore;
  readonly safelist: Safelist;
  /** Whether an answer that no subgraph contributed to counts as verified. */
  readonly manifestVerified: () => boolean;
  readonly metrics: ServiceMetrics;
  readonly logger: Logger;
  /** Undefined while traces are off. */
  readonly tracing?: Tracing | undefined;
  /** Where subscriptions come from; undefined refuses them over HTTP. */
  readonly source?: StreamSource | undefined;
  readonly sharedTexts?: SharedTexts;
  /** Told what the edge itself refuses for its size, before `prepare`. */
  readonly onRefused?: (error: unknown) => void;
  /** Undefined limits no rates. */
  readonly rates?: RateLimits | undefined;
}

export interface HttpEdgeOptions {
  /** False sends everything that is not a stream through Apollo Server; default true. */
  readonly hotPath?: boolean;
  readonly streamLimits?: Partial<HttpStreamLimits>;
  /** Instead of the one in the dependencies. */
  readonly source?: StreamSource;
}

export interface HttpEdge {
  /** Takes every method of `/graphql`. */
  readonly handler: RawHandler;
  /** Subscriptions over HTTP; stop them before the server, so that clients are told to resume elsewhere. */
  readonly streams: { stop(): Promise<void> };
  /** Stops Apollo Server; after the server. */
  stop(): Promise<void>;
}

/** Makes the edge and starts Apollo Server, which loads the supergraph. */
export async function createHttpEdge(deps: HttpEdgeDeps, options: HttpEdgeOptions = {}): Promise<HttpEdge> {
  const { config, gate, store, safelist, logger, metrics } = deps;
  const { maxTokens } = config.limits;
  const { rates } = deps;
  const limited = rates === undefined ? deps.prepare : rates.behind(deps.prepare);
  const prepare = behindSafelist(limited, safelist);
  const stamp = (): ConstitutionalStamp => ({ hash: gate.active(), verified: deps.manifestVerified() });
  const apollo = createGraphqlServer({ store, prepare, maxTokens, logger });
  await apollo.start();
  const source = options.source ?? deps.source;
  const streams = source === undefined ? undefined : createHttpStreams({ source, revocation: deps.revocation, gate, stamp, registry: metrics.registry, logger }, options.streamLimits);
  return {
    handler: createGraphqlEndpoint({
      authenticate: deps.authenticate, gate, prepare, execute: deps.execute, executeInParts: deps.executeInParts, snapshot: () => store.current(), apollo: createApolloRunner(apollo, { safelist, limits: config.limits, introspection: config.introspection, onRefused: deps.onRefused ?? (() => undefined) }),
      persisted: createPersistedQueries({ safelist, logger, ...(deps.sharedTexts === undefined ? {} : { shared: deps.sharedTexts }) }),
      rates, strictTransport: strictTransport(config), streams, crossOrigin: createCrossOrigin(config.corsOrigins), stamp, bodyLimit: config.bodyLimit, deadlineMs: config.deadlineMs, maxTokens, metrics, logger, tracing: deps.tracing,
      ...(options.hotPath === undefined ? {} : { hotPath: options.hotPath }),
    }),
    streams: { stop: () => streams?.stop() ?? Promise.resolve() },
    stop: () => apollo.stop(),
  };
}
