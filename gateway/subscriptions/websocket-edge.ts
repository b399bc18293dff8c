/** GraphQL over WebSocket (graphql-transport-ws) at the gateway: who connects, what may run, how it ends. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { GraphQLError, type ExecutionArgs, type ExecutionResult } from 'graphql';
import { handleProtocols, makeServer, type Context, type SubscribePayload } from 'graphql-ws';
import { WebSocketServer, type WebSocket } from 'ws';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { Credentials, GatewayRequest, HeadersLike, PreparedOperation } from '../execution/contracts.js';
import { ClientSocket } from './client-socket.js';
import { CLOSE, ConnectionGuard, HASH_MISMATCH_REASON, type GuardedConnection } from './connection-guard.js';
import { DEFAULT_EDGE_LIMITS, type EdgeDeps, type EdgeLimits } from './edge-deps.js';
import { openSubscription, planSubscription } from './open-subscription.js';
import type { PrimaryOperation } from './primary-operation.js';
import { toGraphQLError } from './resumable-feed.js';
import { createSubscriptionMetrics } from './subscription-metrics.js';
import { SubscriptionFailure, type SubscriptionStream } from './subscription-stream.js';
import { UpstreamPool } from './upstream-pool.js';

/** A running edge. */
export interface WebSocketEdge {
  /** Takes the upgrade of an HTTP request; mount it under `/graphql` of startHttpServer's `upgrades`. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** Connections open now. */
  connections(): number;
  /** Subscriptions running now. */
  subscriptions(): number;
  /** Streams open to subgraphs now. */
  upstreamStreams(): number;
  /** Closes every connection with 1001 and every upstream; clients resume elsewhere by cursor. */
  stop(): Promise<void>;
}

/** What is known of one connection; lives in graphql-ws's `extra`. */
interface Connection {
  readonly socket: ClientSocket;
  readonly streams: Set<SubscriptionStream>;
  /** The newest stream of each operation id. */
  readonly newest: Map<string, SubscriptionStream>;
  guarded: GuardedConnection | undefined;
}

/** What travels from `onSubscribe` to execution in `contextValue`. */
interface Prepared {
  readonly id: string;
  readonly request: GatewayRequest;
  readonly prepared: PreparedOperation;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly connection: Connection;
  /** Undefined for a query or mutation. */
  readonly streamed: PrimaryOperation | undefined;
}

type EdgeContext = Context<Record<string, unknown> | undefined, Connection>;

/**
 * Makes the edge. Nothing listens until `upgrade` is mounted.
 * @param deps what the rest of the gateway provides.
 * @param overrides limits that differ from DEFAULT_EDGE_LIMITS.
 */
export function createWebSocketEdge(deps: EdgeDeps, overrides: Partial<EdgeLimits> = {}): WebSocketEdge {
  const limits: EdgeLimits = { ...DEFAULT_EDGE_LIMITS, ...overrides };
  const connections = new Set<Connection>();
  const pool = new UpstreamPool(deps, limits);
  const guard = new ConnectionGuard(deps.revocation, deps.gate, limits.sweepMs);
  const countSubscriptions = (): number => [...connections].reduce((sum, { streams }) => sum + streams.size, 0);
  const metrics = createSubscriptionMetrics(deps.registry, { connections: () => connections.size, subscriptions: countSubscriptions, upstreamStreams: () => pool.streamCount() });
  const subscriptionContext = { deps, limits, metrics, pool };
  let draining = false;
  let stopping: Promise<void> | undefined;

  const server = makeServer<Record<string, unknown> | undefined, Connection>({
    connectionInitWaitTimeout: limits.connectionInitTimeoutMs,
    onConnect: (context) => admit(context),
    onSubscribe: (context, id, payload) => prepareOperation(context, id, payload),
    execute: ({ contextValue }) => executeOnce(contextValue as Prepared),
    subscribe: ({ contextValue }) => subscribeTo(contextValue as Prepared),
    onError: (_context, _id, _payload, errors) => errors.flatMap((error) => presentErrors(error.originalError ?? error)).map((error) => error.toJSON()),
  });

  async function admit(context: EdgeContext): Promise<Record<string, unknown> | false> {
    const { socket } = context.extra;
    const init = readInit(context.connectionParams);
    if (init === undefined) {
      socket.close(CLOSE.badRequest, 'connection_init takes authorization or apiKey, and constitutionalHash, as strings');
      return false;
    }
    let credentials: Credentials;
    try {
      // The hash first: a wrong one is refused before anything is asked of a subgraph, API keys included.
      deps.gate.check([init.hash], { requestId: randomUUID(), principalId: null });
      credentials = await deps.authenticate(init.headers);
    } catch (error) {
      const [code, reason] = closingOf(error);
      socket.close(code, reason);
      return false;
    }
    if (!socket.open) return false;
    const guarded: GuardedConnection = { credentials, presentedHash: init.hash, close: (code, reason) => socket.close(code, reason) };
    context.extra.guarded = guarded;
    guard.watch(guarded);
    return { constitutionalHash: deps.gate.active() };
  }

  function closingOf(error: unknown): readonly [code: number, reason: string] {
    if (!(error instanceof AcgsError)) {
      deps.logger.error({ err: error }, 'A connection could not be authenticated');
      return [CLOSE.internal, 'Internal server error'];
    }
    if (error.code === 'CONSTITUTIONAL_HASH_MISMATCH') return [CLOSE.hashMismatch, HASH_MISMATCH_REASON];
    if (error.code === 'TOKEN_EXPIRED') return [CLOSE.forbidden, 'Token expired'];
    return error.status >= 500 ? [CLOSE.tryAgainLater, error.code] : [CLOSE.forbidden, error.code];
  }

  function prepareOperation(context: EdgeContext, id: string, payload: SubscribePayload): ExecutionArgs | readonly GraphQLError[] {
    const requestId = randomUUID();
    try {
      const { guarded } = context.extra;
      if (guarded === undefined) throw new AcgsError('UNAUTHENTICATED');
      if (draining) throw new AcgsError('SHUTTING_DOWN');
      // The pending operation is already among graphql-ws's subscriptions; streams also counts ids that were used twice.
      if (Math.max(Object.keys(context.subscriptions).length, context.extra.streams.size + 1) > limits.maxOperationsPerConnection) {
        throw new AcgsError('TOO_MANY_SUBSCRIPTIONS', undefined, { limit: limits.maxOperationsPerConnection });
      }
      const { principal, credentialId, tokenExpiresAt, revocationEpoch } = guarded.credentials;
      const hashPresented = deps.gate.check([guarded.presentedHash, payload.extensions?.['constitutionalHash']], { requestId, principalId: principal?.id ?? null });
      const request: GatewayRequest = {
        requestId, principal, credentialId, tokenExpiresAt, revocationEpoch, hashPresented, deadline: Date.now() + limits.operationTimeoutMs, snapshot: deps.snapshot(),
      };
      const variables: Readonly<Record<string, unknown>> = payload.variables ?? {};
      const prepared = deps.prepare(request, { query: payload.query, operationName: payload.operationName, variables });
      const streamed = prepared.operation.operation === 'subscription' ? planSubscription(request, prepared) : undefined;
      const contextValue: Prepared = { id, request, prepared, variables, connection: context.extra, streamed };
      return { schema: request.snapshot.apiSchema, document: prepared.document, operationName: prepared.operation.name?.value ?? null, variableValues: variables, contextValue };
    } catch (error) {
      return presentErrors(error, requestId);
    }
  }

  /** Faults become answers: graphql-ws closes the whole connection when a callback throws. */
  async function executeOnce({ request, prepared, variables }: Prepared): Promise<ExecutionResult> {
    try {
      return await deps.execute(request, prepared, variables);
    } catch (error) {
      return { errors: presentErrors(error, request.requestId) };
    }
  }

  function subscribeTo({ id, request, prepared, variables, connection, streamed }: Prepared): SubscriptionStream | ExecutionResult {
    try {
      if (streamed === undefined) throw new AcgsError('INTERNAL', 'The subscription was not planned.');
      const stream = openSubscription(subscriptionContext, request, prepared, streamed, variables, connection.socket, (closed) => {
        connection.streams.delete(closed);
        if (connection.newest.get(id) === closed) connection.newest.delete(id);
      });
      // graphql-ws knows one stream an id: where a client completed an operation that was still opening and used its id
      // again, the earlier stream would stay behind.
      void connection.newest.get(id)?.return();
      connection.newest.set(id, stream);
      connection.streams.add(stream);
      return stream;
    } catch (error) {
      return { errors: presentErrors(error, request.requestId) };
    }
  }

  function presentErrors(error: unknown, requestId?: string): readonly GraphQLError[] {
    if (error instanceof AcgsError) return [toGraphQLError(error)];
    if (error instanceof SubscriptionFailure) return error.errors;
    if (error instanceof GraphQLError) return [error];
    const list = error instanceof Error ? (error as { errors?: unknown }).errors : undefined;
    if (Array.isArray(list) && list.length > 0 && list.every((entry) => entry instanceof GraphQLError)) return list;
    deps.logger.error({ err: error, requestId }, 'An operation over WebSocket failed');
    return [toGraphQLError(new AcgsError('INTERNAL', undefined, requestId === undefined ? {} : { requestId }))];
  }

  const sockets = new WebSocketServer({ noServer: true, maxPayload: limits.maxMessageBytes, perMessageDeflate: false, handleProtocols });

  function accept(raw: WebSocket): void {
    const socket = new ClientSocket(raw, {
      maxBufferedBytes: limits.maxBufferedBytes, lagGraceMs: limits.lagGraceMs, keepAliveMs: limits.keepAliveMs,
      onFault: (error) => deps.logger.debug({ err: error }, 'A client connection broke'),
    });
    const connection: Connection = { socket, streams: new Set(), newest: new Map(), guarded: undefined };
    connections.add(connection);
    const closed = server.opened({
      protocol: raw.protocol,
      send: (text) => socket.send(text),
      close: (code, reason) => socket.close(code ?? CLOSE.internal, reason ?? ''),
      onMessage: (receive) => {
        raw.on('message', (data, isBinary) => {
          if (isBinary) {
            socket.close(CLOSE.badRequest, 'Invalid message received');
            return;
          }
          receive(String(data)).catch((error: unknown) => {
            deps.logger.error({ err: error }, 'A client message could not be handled');
            socket.close(CLOSE.internal, 'Internal server error');
          });
        });
      },
    }, connection);
    raw.once('close', (code, reason) => {
      connections.delete(connection);
      metrics.closes.inc({ code: String(code) });
      if (connection.guarded !== undefined) guard.release(connection.guarded);
      for (const stream of connection.streams) void stream.return();
      closed(code, String(reason)).catch((error: unknown) => deps.logger.error({ err: error }, 'A client connection was not cleaned up'));
    });
  }

  async function stopAll(): Promise<void> {
    draining = true;
    guard.stop();
    await Promise.all([...connections].map(({ socket }) => new Promise<void>((resolve) => {
      socket.raw.once('close', () => resolve());
      socket.close(CLOSE.goingAway, 'Going away');
    })));
    pool.close();
    await new Promise<void>((resolve, reject) => { sockets.close((error) => (error === undefined ? resolve() : reject(error))); });
  }

  return {
    upgrade(request, socket, head) {
      if (draining) {
        socket.end('HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n');
        return;
      }
      sockets.handleUpgrade(request, socket, head, accept);
    },
    connections: () => connections.size,
    subscriptions: countSubscriptions,
    upstreamStreams: () => pool.streamCount(),
    stop() {
      stopping ??= stopAll();
      return stopping;
    },
  };
}

/** The payload of `connection_init`, or undefined when a member has the wrong type. */
function readInit(params: Readonly<Record<string, unknown>> | undefined): { headers: HeadersLike; hash: string | undefined } | undefined {
  const { authorization, apiKey, constitutionalHash } = params ?? {};
  if (!isOptionalString(authorization) || !isOptionalString(apiKey) || !isOptionalString(constitutionalHash)) return undefined;
  return { headers: { authorization, 'x-api-key': apiKey }, hash: constitutionalHash };
}

function isOptionalString(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}
