/** A supergraph of the mini subgraphs and an edge in front, made of the gateway's own parts: what the subscription tests run against. */
import '../../gateway/telemetry-config.js';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DEFAULT_SUPPORTED_SUPERGRAPH_FEATURES, Supergraph } from '@apollo/federation-internals';
import { QueryPlanner } from '@apollo/query-planner';
import { WebSocket } from 'ws';
import { createHashGate } from '../../gateway/enforcement/constitutional-gate.js';
import { ConnectionPools } from '../../gateway/execution/upstream/connection-pools.js';
import type { Credentials, GatewayRequest, HeadersLike, PreparedOperation, SubgraphInstance, SupergraphSnapshot, TargetView } from '../../gateway/execution/contracts.js';
import { createExecute } from '../../gateway/execution/execute.js';
import { createPrepare } from '../../gateway/execution/preparation/prepare.js';
import { createSubgraphCalls } from '../../gateway/execution/upstream/transport.js';
import type { EdgeDeps, EdgeLimits } from '../../gateway/subscriptions/edge-deps.js';
import { createEventExecutor } from '../../gateway/subscriptions/event-execution.js';
import { createSubscriptions, type Subscriptions } from '../../gateway/subscriptions/subscriptions.js';
import { createHopProtocol, type UpstreamProtocol } from '../../gateway/subscriptions/upstream-protocol.js';
import { createWebSocketEdge, type WebSocketEdge } from '../../gateway/subscriptions/websocket-edge.js';
import { composeSupergraph } from '../../gateway/supergraph/compose.js';
import { indexDirectives } from '../../gateway/supergraph/directive-index.js';
import { ENFORCED_FEATURES } from '../../gateway/supergraph/link-names.js';
import { planOperation } from '../../gateway/supergraph/planning/planner-faults.js';
import { AcgsError } from '../../ops/runtime/errors.js';
import { createLogger } from '../../ops/runtime/logger.js';
import { createMetrics } from '../../ops/runtime/metrics.js';
import { ALERTS_SDL, AlertLog, HASH, SERVICES_SDL, hopKey, startAlerts, startServices, type Message, type MiniSubgraph } from './subscriptions-mini-subgraphs.js';

export const WRONG_HASH = '0123456789abcdef';

/** A supergraph of the two mini subgraphs. @param id names it, as its digest does in production. */
export function snapshotOf(id: string, alertsSdl = ALERTS_SDL, servicesSdl = SERVICES_SDL): SupergraphSnapshot {
  const { supergraphSdl } = composeSupergraph([{ name: 'alerts', url: 'http://alerts', sdl: alertsSdl }, { name: 'services', url: 'http://services', sdl: servicesSdl }], [HASH]);
  const supergraph = Supergraph.build(supergraphSdl, { supportedFeatures: new Set([...DEFAULT_SUPPORTED_SUPERGRAPH_FEATURES, ...ENFORCED_FEATURES]) });
  const planner = new QueryPlanner(supergraph);
  return {
    id, sdl: supergraphSdl, services: supergraph.subgraphsMetadata(), supergraphSchema: supergraph.schema.toGraphQLJSSchema(), apiSchema: supergraph.apiSchema().toGraphQLJSSchema(),
    directives: indexDirectives(supergraph.schema), plan: async (document, operationName) => planOperation({ supergraph, planner, document, operationName }),
  };
}
const SNAPSHOT = snapshotOf('first');

export interface TestGateway {
  readonly edge: WebSocketEdge;
  readonly subscriptions: Subscriptions;
  /** What a request needs to open a stream without WebSocket. */
  prepare(query: string, principalId: string | null, variables?: Message): Promise<{ request: GatewayRequest; prepared: PreparedOperation; variables: Message }>;
  /** Replaces the supergraph; resolves when every subscription was carried over. */
  swap(snapshot: SupergraphSnapshot): Promise<void>;
  /** Value of a metric, summed over its labels. */
  metric(name: string): Promise<number>;
  readonly url: string;
  /** Ids of revoked credentials; call `revoke` to add one. */
  revoke(credentialId: string): void;
  /** Hashes presented and refused. */
  readonly mismatches: string[];
  readonly quarantined: string[];
  accepted: Set<string>;
  /** Points a subgraph elsewhere and tells the edge. */
  retarget(name: string, port: number): void;
  stop(): Promise<void>;
}

export interface GatewayOptions {
  readonly limits?: Partial<EdgeLimits>;
  readonly port?: number;
  /** Instead of hop tokens. */
  readonly upstream?: UpstreamProtocol;
}

/** Bearer tokens are `<principal>:<expiresAt ms>`; the credential's id is the principal's. */
function authenticate({ authorization }: HeadersLike): Promise<Credentials> {
  if (authorization === undefined) return Promise.resolve({ principal: null, credentialId: null, issuedAt: null, tokenExpiresAt: null, revocationEpoch: 0 });
  const match = /^Bearer (\w+):(\d+)$/.exec(String(authorization));
  if (match === null) return Promise.reject(new AcgsError('UNAUTHENTICATED'));
  const [, id = '', expiry = '0'] = match;
  if (Number(expiry) <= Date.now()) return Promise.reject(new AcgsError('TOKEN_EXPIRED'));
  return Promise.resolve({ principal: { id, kind: 'HUMAN', roles: [], scopes: ['alerts:read'], policies: [] }, credentialId: id, issuedAt: Date.now(), tokenExpiresAt: Number(expiry), revocationEpoch: 3 });
}

export const bearer = (id: string, livesMs = 600_000): string => `Bearer ${id}:${Date.now() + livesMs}`;

/** Everything a subscription needs. */
export interface Stage {
  readonly log: AlertLog;
  readonly alerts: MiniSubgraph;
  readonly services: MiniSubgraph;
  readonly gateway: TestGateway;
}

export interface StageOptions {
  readonly alerts?: Parameters<typeof startAlerts>[1];
  readonly services?: Parameters<typeof startServices>[0];
  readonly gateway?: GatewayOptions;
}

/** Starts both mini subgraphs and a gateway. @param stops what to call when the test is over, in order; added to. */
export async function startStage(stops: Array<() => Promise<void>>, options: StageOptions = {}): Promise<Stage> {
  const log = new AlertLog();
  const alerts = await startAlerts(log, options.alerts);
  const services = await startServices(options.services);
  const gateway = await startGateway([alerts, services], options.gateway);
  stops.push(() => gateway.stop(), () => alerts.stop(), () => services.stop());
  return { log, alerts, services, gateway };
}

/** Starts an HTTP server with the edge on /graphql. */
export async function startGateway(subgraphs: readonly MiniSubgraph[], { limits = {}, port = 0, upstream }: GatewayOptions = {}): Promise<TestGateway> {
  const logger = createLogger('test', 'silent');
  const ports = new Map(subgraphs.map((subgraph) => [subgraph.name, subgraph.port]));
  const quarantined: string[] = [];
  const mismatches: string[] = [];
  const revoked = new Set<string>();
  const accepted = new Set([HASH]);
  const targetListeners = new Set<() => void>();
  const swapListeners = new Set<() => void>();
  let current = SNAPSHOT;
  const instance = (service: string): SubgraphInstance => {
    const url = `http://127.0.0.1:${ports.get(service) ?? 1}`;
    if (quarantined.includes(url)) throw new AcgsError('CONSTITUTIONAL_VIOLATION');
    return { service, instanceId: null, url };
  };
  const metrics = createMetrics('gateway', false);
  const isAccepted = (hash: unknown): hash is string => typeof hash === 'string' && accepted.has(hash);
  const gate = createHashGate({ authority: { active: () => HASH, isAccepted }, metrics, onMismatch: ({ received }) => { mismatches.push(received); } });
  const targets: TargetView = {
    instance,
    quarantine: ({ url }) => { quarantined.push(url); for (const listener of targetListeners) listener(); },
    unreachable: () => undefined,
    onChange: (listener) => { targetListeners.add(listener); return () => targetListeners.delete(listener); },
  };
  const pools = new ConnectionPools();
  const callsFor = createSubgraphCalls({ pools, targets, hopKey, gate, manifestVerified: () => true, metrics, onViolation: () => undefined, defaultTimeoutMs: 5_000 });
  const deps: EdgeDeps = {
    logger, registry: metrics.registry, gate, authenticate, targets, upstream: upstream ?? createHopProtocol({ gate, hopKey }),
    revocation: { isRevoked: ({ credentialId }) => credentialId !== null && revoked.has(credentialId), onChange: () => () => undefined },
    snapshot: () => current,
    onSwap: (listener) => { swapListeners.add(listener); return () => swapListeners.delete(listener); },
    prepare: createPrepare({ limits: { maxDepth: 12, maxAliases: 30, maxTokens: 2_000, maxCost: 5_000 }, introspection: true, gate, revocations: { age: () => 0 }, revocationMaxAgeMs: 1_000, metrics }),
    execute: createExecute({ gate, callsFor, logger, metrics }),
    executeEvent: createEventExecutor({ gate, callsFor, logger }),
  };
  const subscriptions = createSubscriptions(deps, { resumeBackoffMs: [10, 50], ...limits });
  const edge = createWebSocketEdge(subscriptions);
  const server = createServer();
  server.on('upgrade', (request, socket, head) => edge.upgrade(request, socket, head));
  await new Promise<void>((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  return {
    edge, subscriptions, mismatches, quarantined, accepted,
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`,
    async prepare(query, principalId, variables = {}) {
      const { principal, credentialId, tokenExpiresAt, revocationEpoch } = await authenticate(principalId === null ? {} : { authorization: bearer(principalId) });
      const request: GatewayRequest = { requestId: `prepared-${principalId}`, principal, credentialId, tokenExpiresAt, revocationEpoch, hashPresented: false, deadline: null, snapshot: current };
      return { request, variables, prepared: await deps.prepare(request, { query, variables }) };
    },
    async swap(snapshot) {
      current = snapshot;
      for (const listener of swapListeners) listener();
      await subscriptions.carriedOver();
    },
    async metric(name) {
      const found = await metrics.registry.getSingleMetric(name)?.get();
      return (found?.values ?? []).reduce((sum, { value }) => sum + value, 0);
    },
    revoke: (id) => { revoked.add(id); },
    retarget(name, to) {
      ports.set(name, to);
      for (const listener of targetListeners) listener();
    },
    async stop() {
      await edge.stop();
      await subscriptions.stop();
      await pools.stop();
      server.closeAllConnections();
      await new Promise<void>((resolve) => { server.close(() => resolve()); });
    },
  };
}

/** A bare WebSocket client of the protocol that records what it receives. */
export class RawClient {
  readonly messages: Array<{ type: string; id?: string; payload?: Message }> = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly socket: WebSocket;

  constructor(url: string) {
    this.socket = new WebSocket(url, 'graphql-transport-ws');
    this.socket.on('message', (data) => this.messages.push(JSON.parse(String(data)) as { type: string }));
    this.closed = new Promise((resolve) => { this.socket.once('close', (code, reason) => resolve({ code, reason: String(reason) })); });
  }

  static async open(url: string): Promise<RawClient> {
    const client = new RawClient(url);
    await new Promise<void>((resolve, reject) => { client.socket.once('open', resolve).once('error', reject); });
    return client;
  }

  /** Opens and initialises; resolves when acknowledged. */
  static async ready(url: string, params: Message = {}): Promise<RawClient> {
    const client = await RawClient.open(url);
    client.send({ type: 'connection_init', payload: params });
    await until('connection_ack', () => client.messages.some(({ type }) => type === 'connection_ack'));
    return client;
  }

  send(message: Message): void {
    this.socket.send(JSON.stringify(message));
  }

  subscribe(id: string, query: string, variables: Message = {}, extensions?: Message): void {
    this.send({ id, type: 'subscribe', payload: { query, variables, ...(extensions === undefined ? {} : { extensions }) } });
  }

  /** Payloads of the `next` messages of an operation. */
  nexts(id: string): Array<{ data?: Message | null; errors?: Array<{ message: string; path?: unknown[]; extensions?: Message }>; extensions?: Message }> {
    return this.messages.filter((message) => message.id === id && message.type === 'next').map(({ payload }) => payload ?? {});
  }

  /** Errors of the operation's `error` message, once it has come. */
  errors(id: string): Array<{ message: string; extensions?: Message }> | undefined {
    return this.messages.find((message) => message.id === id && message.type === 'error')?.payload as Array<{ message: string }> | undefined;
  }

  async errorCodes(id: string): Promise<unknown[]> {
    await until(`error message of ${id}`, () => this.errors(id) !== undefined);
    return (this.errors(id) ?? []).map(({ extensions }) => extensions?.['code']);
  }
}

/** Waits until `check` holds, looking again every few milliseconds; fails with what was expected. */
export async function until(what: string, check: () => boolean | Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await check())) {
    if (Date.now() > end) throw new Error(`Waited ${timeoutMs} ms in vain: ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 5); });
  }
}
