/** Composition root of the gateway: puts the parts together, starts them in order, stops them in reverse. */
import './telemetry-config.js';
import { readFileSync } from 'node:fs';
import { AcgsError } from '../ops/runtime/errors.js';
import { deriveHopKey } from '../ops/runtime/hop-token.js';
import { startHttpServer, type Readiness } from '../ops/runtime/http-server.js';
import { Lifecycle, type Stoppable } from '../ops/runtime/lifecycle.js';
import { createLogger, type Logger } from '../ops/runtime/logger.js';
import { createMetrics, type ServiceMetrics } from '../ops/runtime/metrics.js';
import { SECRET, secretKey } from '../ops/runtime/secret-files.js';
import type { GatewayConfig } from './config.js';
import { followConstitution } from './enforcement/constitution-authority.js';
import { createHashGate } from './enforcement/constitutional-gate.js';
import { createAuthenticator } from './enforcement/principal.js';
import { Revocations } from './enforcement/revocations.js';
import { ViolationReporter } from './enforcement/violation-reporter.js';
import { ConnectionPools } from './execution/connection-pools.js';
import type { SupergraphSnapshot, TargetView } from './execution/contracts.js';
import { createExecute } from './execution/execute.js';
import { createInternalCalls } from './execution/internal-calls.js';
import { createPrepare } from './execution/prepare.js';
import { Targets } from './execution/targets.js';
import { createSubgraphCalls } from './execution/transport.js';
import { createGraphqlEndpoint } from './http/graphql-endpoint.js';
import { createGraphqlServer, type HttpContext } from './http/graphql-server.js';
import { createLandingPage } from './http/landing-page.js';
import { SubgraphHealth } from './observability/subgraph-health.js';
import { createEventExecutor } from './subscriptions/event-execution.js';
import { createWebSocketEdge } from './subscriptions/websocket-edge.js';
import { SupergraphStore } from './supergraph/load.js';

/** What a test or an all-in-one process replaces. */
export interface GatewayOverrides {
  readonly logger?: Logger;
  /** Supergraph text instead of the configured file. */
  readonly supergraphSdl?: string;
  /** Master key of hop tokens instead of the data directory's. */
  readonly hopMasterKey?: Uint8Array;
  readonly reprobeMs?: number;
  readonly healthIntervalMs?: number;
  readonly manifestIntervalMs?: number;
}

export interface RunningGateway extends Stoppable {
  readonly url: string;
  readonly port: number;
  readonly metrics: ServiceMetrics;
  /** Replaces the supergraph. @throws CompositionError when gate 1 refuses it; the old one stays. */
  swap(supergraphSdl: string): void;
  snapshot(): SupergraphSnapshot;
  /** Stops the gateway on SIGTERM and SIGINT. */
  stopOnSignals(): void;
}

/**
 * Starts the gateway and waits until it listens. It does not wait for subgraphs: a dead one is degraded status.
 * @throws ManifestError, CompositionError, PortInUseError; nothing is left running then.
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
  const metrics = createMetrics('gateway', config.processMetrics);
  const authority = followConstitution(config.dataDirectory, config.genesisLabel, logger, overrides.manifestIntervalMs);
  lifecycle.add('constitution', { stop: async () => authority.stop() });
  metrics.checked('boot', true);

  const hopKey = hopKeys(overrides.hopMasterKey ?? secretKey(config.dataDirectory, SECRET.hopMaster));
  const pools = lifecycle.add('connection pools', new ConnectionPools());
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
  const execute = createExecute({ gate, callsFor, logger, metrics });
  const executeEvent = createEventExecutor({ logger, gate, callsFor });
  const prepare = createPrepare({ limits: config.limits, introspection: config.introspection, gate, revocations, revocationMaxAgeMs: config.revocationMaxAgeMs, metrics });
  const store = new SupergraphStore({
    supergraphSdl: overrides.supergraphSdl ?? readFileSync(config.supergraphFile, 'utf8'),
    accepted: authority.accepted, logger,
    buildService: ({ name }) => ({ process: () => Promise.reject(new Error(`${name} is called by the gateway's own executor only.`)) }),
    executor: async (requestContext) => {
      const { request, prepared } = (requestContext.context as HttpContext).exchange;
      if (request === undefined || prepared === undefined) throw new AcgsError('INTERNAL', 'An operation reached execution without preparation.');
      return execute(request, prepared, requestContext.request.variables ?? {});
    },
  });
  const apollo = createGraphqlServer({ store, prepare, maxTokens: config.limits.maxTokens, logger });
  await apollo.start();
  lifecycle.add('graphql server', apollo);

  targets.start();
  revocations.start();
  const health = lifecycle.add('subgraph health', new SubgraphHealth({ services: () => targets.services(), instance: (service) => targets.instance(service), probe: (instance) => targets.probe(instance), ...(overrides.healthIntervalMs === undefined ? {} : { intervalMs: overrides.healthIntervalMs }) }));
  health.start();
  const edge = createWebSocketEdge({
    logger, registry: metrics.registry, gate, revocation: revocations, targets, snapshot: () => store.current(), authenticate, prepare, execute, executeEvent, hopKey,
    onHopHashChecked: (passed) => metrics.checked('hop', passed),
  });
  const endpoint = createGraphqlEndpoint({ server: apollo, authenticate, gate, manifestVerified: authority.verified, deadlineMs: config.deadlineMs, metrics, logger });
  const readiness = (): Readiness => {
    const subgraphs = health.report();
    const degraded = Object.entries(subgraphs).flatMap(([name, { status }]) => (status === 'ready' ? [] : [name]));
    return {
      ready: authority.verified() && store.loaded(),
      detail: { constitutionalHash: authority.active(), epoch: authority.epoch(), manifestVerified: authority.verified(), supergraph: store.loaded() ? store.current().id : null, revocationAgeMs: finite(revocations.age()), degraded, subgraphs },
    };
  };
  const server = await startHttpServer({
    name: 'gateway', host: config.host, port: config.port, logger, registry: metrics.registry, bodyLimit: config.bodyLimit, readiness,
    routes: { 'POST /graphql': endpoint, 'GET /graphql': endpoint, ...(config.landingPage ? { 'GET /': createLandingPage(() => server.url, authority.active) } : {}) },
    upgrades: { '/graphql': (request, socket, head) => edge.upgrade(request, socket, head) },
  });
  lifecycle.add('server', server);
  // Registered last and so stopped first: clients are told to resume elsewhere while everything still works.
  lifecycle.add('websocket edge', edge);
  logger.info({ url: server.url, constitutionalHash: authority.active(), supergraph: store.current().id }, 'Listening');
  return {
    url: server.url, port: server.port, metrics,
    swap: (supergraphSdl) => store.swap(supergraphSdl),
    snapshot: () => store.current(),
    stopOnSignals: () => lifecycle.stopOnSignals(),
    stop: () => lifecycle.stop(),
  };
}

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
