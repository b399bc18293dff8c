/** GraphQL over WebSocket (graphql-transport-ws) at the gateway: takes upgrades, watches connections, closes them in good order. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { CloseCode, GRAPHQL_TRANSPORT_WS_PROTOCOL, handleProtocols } from 'graphql-ws';
import { WebSocket, WebSocketServer, type RawData } from 'ws';
import { ClientConnection, type ConnectionContext } from './client-connection.js';
import { ClientSocket } from './client-socket.js';
import { CLOSE } from './standing.js';
import type { Subscriptions } from './subscriptions.js';
import { closeLabel } from './subscription-metrics.js';

/** A running edge. */
export interface WebSocketEdge {
  /** Takes the upgrade of an HTTP request; mount it under `/graphql` of startHttpServer's `upgrades`. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** Connections open now. */
  connections(): number;
  /** Subscriptions running now, of all edges. */
  subscriptions(): number;
  /** Streams open to subgraphs now. */
  upstreamStreams(): number;
  /**
   * Takes nothing new, waits for what is under way, 5 s at most, and closes every connection with 1001; clients resume
   * elsewhere by cursor. Streams of other edges are drained as well.
   */
  stop(): Promise<void>;
}

/** A socket that knows whose it is: its listeners are the same functions for all. */
class OwnedWebSocket extends WebSocket {
  connection: ClientConnection | undefined;
  onGone: ((socket: OwnedWebSocket, code: number) => void) | undefined;
}

/** Makes the edge. Nothing listens until `upgrade` is mounted. */
export function createWebSocketEdge(subscriptions: Subscriptions): WebSocketEdge {
  const { deps, limits, hub, sweeper } = subscriptions;
  const sockets = new Set<OwnedWebSocket>();
  const underWay = new Set<Promise<void>>();
  let draining = false;
  let stopping: Promise<void> | undefined;
  let allClosed: (() => void) | undefined;
  hub.countConnections(() => sockets.size);

  const context: ConnectionContext = {
    subscriptions,
    draining: () => draining,
    running(answer) {
      underWay.add(answer);
      void answer.finally(() => { underWay.delete(answer); });
    },
  };
  const server = new WebSocketServer({
    noServer: true, clientTracking: false, maxPayload: limits.maxMessageBytes, perMessageDeflate: false, handleProtocols, WebSocket: OwnedWebSocket,
  });

  const onGone = (socket: OwnedWebSocket, code: number): void => {
    sockets.delete(socket);
    hub.metrics.closes.inc({ code: closeLabel(String(code)) });
    if (socket.connection !== undefined) {
      sweeper.remove(socket.connection);
      socket.connection.closed();
    }
    if (sockets.size === 0) allClosed?.();
  };

  function accept(socket: OwnedWebSocket, stream: Duplex, request: IncomingMessage): void {
    const now = Date.now();
    const connection = new ClientConnection(new ClientSocket(socket, stream, limits, now), context, now, deps.rates?.addressOf(request));
    socket.connection = connection;
    socket.onGone = onGone;
    sockets.add(socket);
    socket.on('message', onMessage).on('pong', onPong).on('error', onError).on('close', onClose);
    if (socket.protocol !== GRAPHQL_TRANSPORT_WS_PROTOCOL) {
      connection.socket.close(CloseCode.SubprotocolNotAcceptable, 'Subprotocol not acceptable');
      return;
    }
    sweeper.add(connection);
  }

  function onError(this: WebSocket, error: Error): void {
    deps.logger.debug({ err: error }, 'A client connection broke');
  }

  async function stopAll(): Promise<void> {
    draining = true;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => { timer = setTimeout(resolve, limits.drainMs); });
    await Promise.race([Promise.all([...underWay, subscriptions.drain()]), late]);
    clearTimeout(timer);
    const closed = sockets.size === 0 ? Promise.resolve() : new Promise<void>((resolve) => { allClosed = resolve; });
    for (const { connection } of sockets) connection?.socket.close(CLOSE.goingAway, 'Going away');
    await closed;
    await new Promise<void>((resolve, reject) => { server.close((error) => (error === undefined ? resolve() : reject(error))); });
  }

  return {
    upgrade(request, stream, head) {
      if (draining) {
        stream.end('HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n');
        return;
      }
      server.handleUpgrade(request, stream, head, (socket) => accept(socket, stream, request));
    },
    connections: () => sockets.size,
    subscriptions: () => hub.subscriptionCount(),
    upstreamStreams: () => hub.pool.streamCount(),
    stop() {
      stopping ??= stopAll();
      return stopping;
    },
  };
}

function onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  const { connection } = this as OwnedWebSocket;
  if (isBinary) connection?.receiveBinary();
  else connection?.receive(String(data));
}

function onPong(this: WebSocket): void {
  (this as OwnedWebSocket).connection?.socket.beaten();
}

function onClose(this: WebSocket, code: number): void {
  const socket = this as OwnedWebSocket;
  socket.onGone?.(socket, code);
}
