/** Composition root of generic mode: the production's preparation, executor and edges over a foreign supergraph, without tokens. */
import '../telemetry-config.js';
import { AcgsError } from '../../ops/runtime/errors.js';
import { startHttpServer } from '../../ops/runtime/http-server.js';
import { Lifecycle, type Stoppable } from '../../ops/runtime/lifecycle.js';
import { createLogger, type Logger } from '../../ops/runtime/logger.js';
import { createMetrics, type ServiceMetrics } from '../../ops/runtime/metrics.js';
import type { OperationLimits, PlanningConfig } from '../config.js';
import { createHashGate } from '../enforcement/constitutional-gate.js';
import { createSafelist } from '../enforcement/safelist.js';
import { ConnectionPools } from '../execution/upstream/connection-pools.js';
import type { Authenticate, HashGate, RevocationView, SupergraphSnapshot, TargetView } from '../execution/contracts.js';
import { createCompileAhead, createExecute } from '../execution/execute.js';
import { createExecuteInParts } from '../execution/execute-in-parts.js';
import { createPreparation } from '../execution/preparation/prepare.js';
import { SECURITY_HEADERS } from '../http/answer-writer.js';
import { apolloExecutor } from '../http/graphql-server.js';
import { createHttpEdge } from '../http/http-edge.js';
import { createEventExecutor } from '../subscriptions/event-execution.js';
import { createStreamSource } from '../subscriptions/stream-source.js';
import { createSubscriptions } from '../subscriptions/subscriptions.js';
import { FOREIGN_PROTOCOL } from '../subscriptions/upstream-protocol.js';
import { createWebSocketEdge } from '../subscriptions/websocket-edge.js';
import { createLiveSupergraph } from '../supergraph/live-supergraph.js';
import type { GenericConfig } from './config.js';
import { createEndpointCalls } from './endpoint-calls.js';
import { readForeignSupergraph, type ForeignSupergraph } from './foreign-supergraph.js';

export interface GenericGateway extends Stoppable {
  readonly url: string;
  readonly port: number;
  snapshot(): SupergraphSnapshot;
  /** Stops the gateway on SIGTERM and SIGINT. */
  stopOnSignals(): void;
}

/** Documents of compatibility suites are larger than a console's; the planner's own limits stay. */
const LIMITS: OperationLimits = { maxDepth: 100, maxAliases: 10_000, maxTokens: 100_000, maxCost: Number.MAX_SAFE_INTEGER };
const PLANNING: PlanningConfig = { threads: 1, timeLimitMs: 10_000 };
const BODY_LIMIT = 1024 * 1024;
const DEADLINE_MS = 30_000;
/** Stands where a hash is asked for in a graph that is under no constitution. */
const NO_CONSTITUTION = 'none';

/** Nobody is asked for credentials, and none that are sent mean anything here. */
const anonymous: Authenticate = async () => ({ principal: null, credentialId: null, issuedAt: null, tokenExpiresAt: null, revocationEpoch: 0 });
/** There are no credentials that could be revoked. */
const NO_REVOCATIONS: RevocationView = { epoch: () => 0, age: () => 0, isRevoked: () => false, onChange: () => () => undefined };

/**
 * Starts it and waits until it listens.
 * @param overrides.logger instead of one at the configured level.
 * @throws ForeignSupergraphError, CompositionError, PortInUseError; nothing is left running then.
 */
export async function startGenericGateway(config: GenericConfig, overrides: { readonly logger?: Logger } = {}): Promise<GenericGateway> {
  const logger = overrides.logger ?? createLogger('gateway', config.logLevel);
  const supergraph = readForeignSupergraph(config.supergraphFile);
  const lifecycle = new Lifecycle(logger);
  try {
    return await assemble(config, supergraph, logger, lifecycle);
  } catch (error) {
    await lifecycle.stop();
    throw error;
  }
}

async function assemble(config: GenericConfig, foreign: ForeignSupergraph, logger: Logger, lifecycle: Lifecycle): Promise<GenericGateway> {
  const { endpoints, constitutionalHash } = foreign;
  const metrics = createMetrics('gateway', true);
  const gate = gateOf(constitutionalHash, metrics, logger);
  const pools = lifecycle.add('connection pools', new ConnectionPools());
  const callsFor = createEndpointCalls({ pools, endpoints, constitutionalHash, metrics, defaultTimeoutMs: DEADLINE_MS });
  const execute = createExecute({ gate, callsFor, logger, metrics });
  const executeInParts = createExecuteInParts({ gate, callsFor, logger, metrics });
  const { prepare, warmUp } = createPreparation({ limits: LIMITS, introspection: true, gate, revocations: NO_REVOCATIONS, revocationMaxAgeMs: Infinity, metrics, compileAhead: createCompileAhead() });
  const supergraph = lifecycle.add('supergraph', createLiveSupergraph({
    followFile: false, file: config.supergraphFile, supergraphSdl: foreign.sdl, planning: PLANNING, accepted: () => (constitutionalHash === null ? null : [constitutionalHash]), activeHash: () => gate.active(),
    registry: metrics.registry, report: (violation) => logger.error(violation, 'A supergraph under another constitution was refused'), warmUp, logger,
    executor: apolloExecutor(execute),
  }));
  const { store } = supergraph;
  const safelist = createSafelist({ mode: 'off', documents: new Map(), logger, maxTokens: LIMITS.maxTokens });
  const subscriptions = lifecycle.add('subscriptions', createSubscriptions({
    logger, registry: metrics.registry, gate, revocation: NO_REVOCATIONS, targets: fixedTargets(endpoints, logger), snapshot: () => store.current(), onSwap: (listener) => store.onSwap(listener),
    authenticate: anonymous, prepare, execute, executeEvent: createEventExecutor({ logger, gate, callsFor }), upstream: FOREIGN_PROTOCOL,
  }));
  const http = lifecycle.add('http edge', await createHttpEdge({
    config: { limits: LIMITS, introspection: true, bodyLimit: BODY_LIMIT, deadlineMs: DEADLINE_MS, corsOrigins: [] },
    authenticate: anonymous, gate, revocation: NO_REVOCATIONS, prepare, execute, executeInParts, store, safelist, manifestVerified: () => constitutionalHash !== null, metrics, logger, source: createStreamSource(subscriptions),
  }));
  const edge = createWebSocketEdge(subscriptions);
  const server = lifecycle.add('server', await startHttpServer({
    name: 'gateway', host: config.host, port: config.port, logger, registry: metrics.registry, bodyLimit: BODY_LIMIT,
    readiness: () => ({ ready: store.loaded(), detail: { mode: 'generic', supergraph: store.loaded() ? store.current().id : null, constitutionalHash, subgraphs: Object.fromEntries(endpoints) } }),
    headers: SECURITY_HEADERS, rawRoutes: { '/graphql': http.handler }, routes: {},
    upgrades: { '/graphql': (request, socket, head) => edge.upgrade(request, socket, head) },
  }));
  lifecycle.add('http streams', http.streams);
  lifecycle.add('websocket edge', edge);
  logger.info({ url: server.url, subgraphs: [...endpoints.keys()], constitutionalHash }, 'Listening in generic mode: nobody is asked for credentials');
  return { url: server.url, port: server.port, snapshot: () => store.current(), stopOnSignals: () => lifecycle.stopOnSignals(), stop: () => lifecycle.stop() };
}

/** Gate 3 under the hash the supergraph itself declares; none where it declares none. */
function gateOf(hash: string | null, metrics: ServiceMetrics, logger: Logger): HashGate {
  if (hash === null) return { active: () => NO_CONSTITUTION, isAccepted: () => true, check: () => false };
  return createHashGate({
    authority: { active: () => hash, isAccepted: (candidate): candidate is string => candidate === hash }, metrics,
    onMismatch: (report) => logger.warn(report, 'A request presented another constitutional hash'),
  });
}

/** Endpoints are those of the supergraph, for as long as it is served. */
function fixedTargets(endpoints: ReadonlyMap<string, string>, logger: Logger): TargetView {
  return {
    instance(service) {
      const url = endpoints.get(service);
      if (url === undefined) throw new AcgsError('SUBGRAPH_UNAVAILABLE', `The supergraph names no endpoint of ${service}.`, { service });
      return { service, instanceId: null, url };
    },
    quarantine: ({ service, url }, received) => logger.error({ service, url, received }, 'A subgraph spoke under another constitutional hash'),
    unreachable: ({ service, url }) => logger.debug({ service, url }, 'A subgraph cannot be reached'),
    onChange: () => () => undefined,
  };
}
