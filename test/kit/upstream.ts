/** The gateway's transport over one scripted subgraph, without a gateway around it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { ConnectionPools, type PoolLimits } from '../../gateway/execution/upstream/connection-pools.js';
import type { GatewayRequest, SubgraphAnswer, SubgraphCall, SubgraphCalls, SubgraphInstance } from '../../gateway/execution/contracts.js';
import { createSubgraphCalls, type TransportDeps } from '../../gateway/execution/upstream/transport.js';
import type { NewViolation } from '../../gateway/enforcement/violation-reporter.js';
import { deriveHopKey, HASH_HEADER, HOP_HEADER, verifyHopToken, type HopClaims, type PrincipalClaims } from '../../ops/runtime/hop-token.js';
import { createMetrics, type ServiceMetrics } from '../../ops/runtime/metrics.js';
import { HASH } from './mini-subgraphs.js';

export const SERVICE = 'catalogue';
export const ALICE: PrincipalClaims = { id: 'alice', kind: 'HUMAN', roles: ['operator'], scopes: ['alert:read'], policies: ['human'] };

/** What the scripted subgraph received. */
export interface Received {
  readonly query: string;
  readonly hop: HopClaims;
  readonly socket: Socket;
}

export type Script = (response: ServerResponse, received: Received) => void | Promise<void>;

export interface Upstream {
  readonly received: Received[];
  readonly violations: NewViolation[];
  readonly pools: ConnectionPools;
  readonly metrics: ServiceMetrics;
  readonly instance: SubgraphInstance;
  /** How the subgraph answers; at first with `{"data":{"n":1}}`. */
  script: Script;
  /** The calls of one request. */
  request(about?: Partial<GatewayRequest>): SubgraphCalls;
  /** One query of a request of its own. */
  ask(query?: string, about?: Partial<GatewayRequest>): Promise<SubgraphAnswer>;
  /** The value of a metric's series, 0 when there is none. */
  value(metric: string, labels?: Readonly<Record<string, string>>): Promise<number>;
  /** Stops listening and breaks off every connection. */
  goDown(): Promise<void>;
  comeBack(): Promise<void>;
  /** Connections the subgraph has open. */
  connections(): Promise<number>;
  stop(): Promise<void>;
}

/** A call as the executor makes it. */
export function callOf(query: string, kind: SubgraphCall['kind'] = 'query', variables: Readonly<Record<string, unknown>> = {}): SubgraphCall {
  return { service: SERVICE, body: JSON.stringify({ query, variables }), kind, operation: query, variables };
}

/** Answers with text under the accepted hash. */
export function reply(response: ServerResponse, text: string, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json', [HASH_HEADER]: HASH }).end(text);
}

/** Starts the subgraph and the transport. */
export async function startUpstream(deps: Partial<TransportDeps> = {}, limits: PoolLimits = {}): Promise<Upstream> {
  const key = deriveHopKey(Buffer.alloc(32, 3), SERVICE);
  const pools = new ConnectionPools(limits);
  const metrics = createMetrics('gateway', false);
  const received: Received[] = [];
  const violations: NewViolation[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const token = request.headers[HOP_HEADER];
    const one: Received = { query: (JSON.parse(body) as { query: string }).query, hop: verifyHopToken(key, SERVICE, '/graphql', body, typeof token === 'string' ? token : undefined), socket: request.socket };
    received.push(one);
    await upstream.script(response, one);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => { response.writeHead(500).end(String(error)); });
  });
  const listen = (port: number): Promise<void> => new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => { server.close(() => resolve()); });
    server.closeAllConnections();
    await closed;
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const instance: SubgraphInstance = { service: SERVICE, instanceId: null, url: `http://127.0.0.1:${port}` };
  const callsFor = createSubgraphCalls({
    pools, metrics, hopKey: () => key, gate: { active: () => HASH, isAccepted: (hash) => hash === HASH }, manifestVerified: () => true,
    targets: { instance: () => instance, quarantine: () => undefined, unreachable: () => undefined, onChange: () => () => undefined },
    onViolation: (violation) => { violations.push(violation); }, defaultTimeoutMs: 2_000, ...deps,
  });
  let requests = 0;
  const upstream: Upstream = {
    received, violations, pools, metrics, instance,
    script: (response) => reply(response, '{"data":{"n":1}}'),
    request(about = {}) {
      requests += 1;
      // The transport reads nothing of the snapshot.
      return callsFor({ requestId: `r${requests}`, principal: ALICE, credentialId: 's1', tokenExpiresAt: null, revocationEpoch: 1, hashPresented: true, deadline: null, snapshot: undefined as unknown as GatewayRequest['snapshot'], ...about });
    },
    ask: (query = '{ n }', about = {}) => upstream.request(about).call(callOf(query)),
    async value(metric, labels = {}) {
      const found = (await metrics.registry.getSingleMetric(metric)?.get())?.values ?? [];
      return found.filter((one) => Object.entries(labels).every(([name, value]) => (one.labels as Record<string, unknown>)[name] === value)).reduce((sum, { value }) => sum + value, 0);
    },
    goDown: close,
    comeBack: () => listen(port),
    connections: () => new Promise((resolve, reject) => { server.getConnections((error, count) => { if (error === null) resolve(count); else reject(error); }); }),
    async stop() {
      await pools.stop();
      if (server.listening) await close();
    },
  };
  return upstream;
}
