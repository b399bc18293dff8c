/** Composition root of the gateway: puts the parts together, starts them in order, stops them in reverse. */
import './telemetry-config.js';
import { deriveHopKey } from '../ops/runtime/hop-token.js';
import { startHttpServer, type Readiness } from '../ops/runtime/http-server.js';
import { Lifecycle, type Stoppable } from '../ops/runtime/lifecycle.js';
import { createLogger, type Logger } from '../ops/runtime/logger.js';
import { createMetrics, type ServiceMetrics } from '../ops/runtime/metrics.js';
import { SECRET, secretKey } from '../ops/runtime/secret-files.js';
import { openServerTls } from '../ops/runtime/tls-config.js';
import { FollowedTls, type TlsMaterial } from '../ops/runtime/tls-files.js';
import { loadTracing } from '../ops/runtime/load-tracing.js';
import type { GatewayConfig } from './config.js';
import { followConstitution } from './enforcement/constitution-authority.js';
import { createHashGate } from './enforcement/constitutional-gate.js';
import { createCostMetrics } from './enforcement/cost-metrics.js';
import { createAuthenticator } from './enforcement/principal.js';
import { Revocations } from './enforcement/revocations.js';
import { createRateLimits } from './enforcement/rates/rate-limits.js';
import { ViolationReporter } from './enforcement/violation-reporter.js';
import { ConnectionPools } from './execution/upstream/connection-pools.js';
import type { SupergraphSnapshot, TargetView } from './execution/contracts.js';
import { createEntityCache } from './execution/cache/entity-cache.js';
import { createCompileAhead, createExecute } from './execution/execute.js';
import { createExecuteInParts } from './execution/execute-in-parts.js';
import { createInternalCalls } from './execution/upstream/internal-calls.js';
import { createPreparation } from './execution/preparation/prepare.js';
import { Targets } from './execution/upstream/targets.js';
import { createSubgraphCalls } from './execution/upstream/transport.js';
import { behindSafelist, createSafelist, readOperations } from './enforcement/safelist.js';
import { securityHeaders } from './http/answer-writer.js';
import { apolloExecutor } from './http/graphql-server.js';
import { createHttpEdge, type HttpEdgeOptions } from './http/http-edge.js';
import { createLandingPage } from './http/landing-page.js';
import { SubgraphHealth } from './observability/subgraph-health.js';
import { UsageRecorder } from './observability/usage/usage-recorder.js';
import { createEventExecutor } from './subscriptions/event-execution.js';
import { createStreamSource } from './subscriptions/stream-source.js';
import { createSubscriptions } from './subscriptions/subscriptions.js';
import { createHopProtocol } from './subscriptions/upstream-protocol.js';
import { createWebSocketEdge } from './subscriptions/websocket-edge.js';
import { createLiveSupergraph } from './supergraph/live-supergraph.js';
import { RegistryFollower } from './supergraph/registry-follower.js';

/** What a test or an all-in-one process replaces. */
export interface GatewayOverrides {
  readonly logger?: Logger;
  /** Its own when absent. */
  readonly metrics?: ServiceMetrics;
  /** Supergraph text instead of the configured file. */
  readonly supergraphSdl?: string;
  /** Master key of hop tokens instead of the data directory's. */
  readonly hopMasterKey?: Uint8Array;
  readonly reprobeMs?: number;
  readonly healthIntervalMs?: number;
  readonly manifestIntervalMs?: number;
  readonly supergraphFileIntervalMs?: number;
  readonly http?: HttpEdgeOptions;
  readonly tlsIntervalMs?: number;
}

export interface RunningGateway extends Stoppable {
  readonly url: string;
  readonly port: number;
  readonly metrics: ServiceMetrics;
  /**
   * Replaces the supergraph once it is checked, built and warmed; requests in flight keep theirs.
   * @throws CompositionError when it is refused, AcgsError PLANNING_UNAVAILABLE when it could not be loaded; the old one stays.
   */
  swap(supergraphSdl: string): Promise<void>;
  snapshot(): SupergraphSnapshot;
  /** Stops the gateway on SIGTERM and SIGINT, and on SIGHUP reads the supergraph again: the file where one is followed, the registry otherwise. */
  stopOnSignals(): void;
}

/**
 * Starts the gateway and waits until it listens. It does not wait for subgraphs: a dead one is degraded status.
 * @throws ManifestError, CompositionError, TlsFileError, PortInUseError; nothing is left running then.
 */
export async function startGateway(config: GatewayConfig, overrides: GatewayOverrides = {}): Promise<RunningGateway> {
  const logger = overrides.logger ?? createLogger('gateway', config.logLevel);
  const lifecycle = new Lifecycle(logger);
  try {
    return await assemble(config, overrides, logger, lifecycle);
  } catch (error) {
    await lifecycle.stop();
    throw error;
  }
}

async function assemble(config: GatewayConfig, overrides: GatewayOverrides, logger: Logger, lifecycle: Lifecycle): Promise<RunningGateway> {
  const metrics = overrides.metrics ?? createMetrics('gateway', config.processMetrics);
  const tracing = await loadTracing(config.tracing, 'gateway', logger, config.tracing?.trustClients ?? false);
  if (tracing !== undefined) lifecycle.add('tracing', tracing);
  const authority = followConstitution(config.dataDirectory, config.genesisLabel, logger, overrides.manifestIntervalMs);
  lifecycle.add('constitution', { stop: async () => authority.stop() });
  metrics.checked('boot', true);
  metrics.constitution(authority.active(), authority.epoch());

  const hopMasterKey = overrides.hopMasterKey ?? secretKey(config.dataDirectory, SECRET.hopMaster);
  const hopKey = hopKeys(hopMasterKey);
  const upstreamTls = followUpstreamTls(config, overrides, logger, metrics, lifecycle);
  const pools = lifecycle.add('connection pools', new ConnectionPools({
    tls: upstreamTls,
    ...(upstreamTls === undefined ? {} : { onConnectError: (origin, error) => logger.warn({ err: error, origin }, 'A connection to a subgraph failed') }),
  }));
  const call = createInternalCalls({ pools, targets: (): TargetView => targets, hopKey, activeHash: authority.active, isAccepted: authority.isAccepted });
  const targets: Targets = new Targets({ configured: config.subgraphUrls, pools, call, isAccepted: authority.isAccepted, logger, intervalMs: config.feedIntervalMs, ...(overrides.reprobeMs === undefined ? {} : { reprobeMs: overrides.reprobeMs }) });
  lifecycle.add('targets', targets);
  const reporter = lifecycle.add('violation reporter', new ViolationReporter({ call, logger }));
  const revocations = lifecycle.add('revocations', new Revocations({ call, logger, intervalMs: config.feedIntervalMs }));
  const gate = createHashGate({
    authority, metrics,
    onMismatch: ({ requestId, principalId, expected, received }) => reporter.report({ kind: 'REQUEST_HASH_MISMATCH', principalId, requestId, expected, received, subgraph: null, instanceUrl: null }),
  });
  const authenticate = createAuthenticator({ call, revocations, metrics });

  const callsFor = createSubgraphCalls({ pools, targets, hopKey, gate, manifestVerified: authority.verified, metrics, onViolation: (violation) => reporter.report(violation), defaultTimeoutMs: config.deadlineMs });
  const cache = config.entityCache === undefined ? undefined : lifecycle.add('entity cache', createEntityCache({ config: config.entityCache, call, gate, metrics, logger, hopMasterKey }));
  const costs = createCostMetrics(metrics.registry);
  const execute = costs.measuring(createExecute({ gate, callsFor, logger, metrics, cache }));
  const executeInParts = createExecuteInParts({ gate, callsFor, logger, metrics, cache });
  const executeEvent = createEventExecutor({ logger, gate, callsFor });
  const preparation = createPreparation({ limits: config.limits, introspection: config.introspection, gate, revocations, revocationMaxAgeMs: config.revocationMaxAgeMs, metrics, compileAhead: createCompileAhead(cache) });
  const usage = config.usageIntervalMs === 0 ? undefined : lifecycle.add('usage recorder', new UsageRecorder({ call, registry: metrics.registry, logger, intervalMs: config.usageIntervalMs }));
  const counted = costs.countingRefusals(preparation.prepare);
  const prepare = usage === undefined ? counted : usage.recording(counted);
  const supergraph = lifecycle.add('supergraph', createLiveSupergraph({
    file: config.supergraphFile, followFile: !config.followRegistry, supergraphSdl: overrides.supergraphSdl, fileIntervalMs: overrides.supergraphFileIntervalMs, planning: config.planning,
    accepted: authority.accepted, activeHash: authority.active, registry: metrics.registry, report: (violation) => reporter.report(violation), warmUp: preparation.warmUp, logger,
    executor: apolloExecutor(execute),
  }));
  const { store } = supergraph;
  const safelist = createSafelist({ mode: config.safelist, documents: readOperations(config.operationsDirectory), logger, maxTokens: config.limits.maxTokens });
  const rates = config.rateLimit === undefined ? undefined : lifecycle.add('rate limits', createRateLimits({ config: config.rateLimit, registry: metrics.registry, logger, hopMasterKey }));
  const subscriptions = lifecycle.add('subscriptions', createSubscriptions({
    logger, tracing, registry: metrics.registry, gate, revocation: revocations, targets, snapshot: () => store.current(), onSwap: (listener) => store.onSwap(listener), authenticate, prepare: behindSafelist(rates === undefined ? prepare : rates.behind(prepare), safelist), rates, execute, executeEvent,
    upstreamTls, upstream: createHopProtocol({ gate, hopKey, onHashChecked: (passed) => metrics.checked('hop', passed) }),
  }));
  const http = lifecycle.add('http edge', await createHttpEdge({ config, authenticate, gate, revocation: revocations, prepare, execute, executeInParts, store, safelist, manifestVerified: authority.verified, metrics, logger, tracing, source: createStreamSource(subscriptions), onRefused: costs.noteRefusal, rates }, overrides.http));

  const registry = config.followRegistry && overrides.supergraphSdl === undefined
    ? lifecycle.add('schema registry', new RegistryFollower({ call, dataDirectory: config.dataDirectory, served: () => store.current().id, swap: (sdl) => supergraph.swap(sdl), registry: metrics.registry, logger }))
    : undefined;
  targets.start();
  revocations.start();
  usage?.start();
  // A gateway that starts again serves what is in force from its first request, if the registry answers.
  await registry?.catchUp();
  registry?.start();
  const health = lifecycle.add('subgraph health', new SubgraphHealth({ services: () => targets.services(), instance: (service) => targets.instance(service), probe: (instance) => targets.probe(instance), ...(overrides.healthIntervalMs === undefined ? {} : { intervalMs: overrides.healthIntervalMs }) }));
  health.start();
  const edge = createWebSocketEdge(subscriptions);
  const readiness = (): Readiness => {
    const subgraphs = health.report();
    const degraded = Object.entries(subgraphs).flatMap(([name, { status }]) => (status === 'ready' ? [] : [name]));
    return {
      ready: authority.verified() && store.loaded(),
      detail: { constitutionalHash: authority.active(), epoch: authority.epoch(), manifestVerified: authority.verified(), supergraph: store.loaded() ? store.current().id : null, revocationAgeMs: finite(revocations.age()), degraded, subgraphs },
    };
  };
  const tls = config.tls === undefined ? undefined : lifecycle.add('tls', openServerTls(config.tls, logger, metrics.registry, overrides.tlsIntervalMs));
  const server = await startHttpServer({
    name: 'gateway', tls, host: config.host, port: config.port, logger, registry: metrics.registry, bodyLimit: config.bodyLimit, readiness,
    headers: securityHeaders(config), rawRoutes: { '/graphql': http.handler },
    routes: config.landingPage ? { 'GET /': createLandingPage(() => server.url, authority.active) } : {},
    upgrades: { '/graphql': (request, socket, head) => edge.upgrade(request, socket, head) },
  });
  lifecycle.add('server', server);
  // Registered last and so stopped first: clients are told to resume elsewhere while everything still works.
  lifecycle.add('http streams', http.streams);
  lifecycle.add('websocket edge', edge);
  logger.info({ url: server.url, constitutionalHash: authority.active(), supergraph: store.current().id }, 'Listening');
  return {
    url: server.url, port: server.port, metrics,
    swap: (supergraphSdl) => supergraph.swap(supergraphSdl),
    snapshot: () => store.current(),
    stopOnSignals() {
      lifecycle.stopOnSignals();
      process.on('SIGHUP', () => {
        const taken = registry === undefined ? supergraph.reload() : registry.catchUp();
        taken.catch((error: unknown) => logger.error({ err: error }, 'The supergraph file was not taken'));
      });
    },
    stop: () => lifecycle.stop(),
  };
}

/** Files for calling subgraphs, followed while the gateway runs; says so when production calls them without TLS. */
function followUpstreamTls(config: GatewayConfig, { tlsIntervalMs }: GatewayOverrides, logger: Logger, metrics: ServiceMetrics, lifecycle: Lifecycle): (() => TlsMaterial) | undefined {
  const { upstreamTls } = config;
  if (upstreamTls === undefined) {
    const plain = config.mode === 'production' && Object.values(config.subgraphUrls).some((url) => url.startsWith('http:') && !LOOPBACK.test(new URL(url).hostname));
    if (plain) logger.warn('Subgraphs are called without TLS; in production set ACGS_UPSTREAM_TLS_CA_FILE, _CERT_FILE and _KEY_FILE (docs/deployment.md)');
    return undefined;
  }
  const files = lifecycle.add('upstream tls', new FollowedTls(upstreamTls, { logger, registry: metrics.registry, use: 'client', ...(tlsIntervalMs === undefined ? {} : { intervalMs: tlsIntervalMs }) }));
  return () => files.current();
}

const LOOPBACK = /^(?:localhost|127\.|\[::1\])/;

function hopKeys(master: Uint8Array): (subgraph: string) => Uint8Array {
  const keys = new Map<string, Uint8Array>();
  return (subgraph) => {
    let key = keys.get(subgraph);
    if (key === undefined) keys.set(subgraph, key = deriveHopKey(master, subgraph));
    return key;
  };
}

function finite(age: number): number | null {
  return Number.isFinite(age) ? Math.round(age) : null;
}
