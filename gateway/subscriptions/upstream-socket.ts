/** One connection to one subgraph instance over graphql-transport-ws, shared by many streams; it never reconnects itself. */
import { CloseCode, GRAPHQL_TRANSPORT_WS_PROTOCOL, MessageType, parseMessage, stringifyMessage, type SubscribePayload } from 'graphql-ws';
import type { FormattedExecutionResult, GraphQLFormattedError } from 'graphql';
import { WebSocket } from 'ws';
import { AcgsError } from '../../ops/runtime/errors.js';
import { MIN_TLS_VERSION, type TlsMaterial } from '../../ops/runtime/tls-files.js';

export type UpstreamPayload = FormattedExecutionResult<Record<string, unknown>, Record<string, unknown>>;

/** Receives what belongs to one stream. After `error`, `complete` or `dropped` nothing more comes. */
export interface UpstreamSink {
  /** @param size length of the message that brought it, bytes. */
  next(payload: UpstreamPayload, size: number): void;
  error(errors: readonly GraphQLFormattedError[]): void;
  complete(): void;
  /** The connection is gone or was never made; the stream may be resumed elsewhere. */
  dropped(cause: AcgsError): void;
}

export interface UpstreamSocketOptions {
  /** `ws:` or `wss:` URL. */
  readonly url: string;
  readonly subgraph: string;
  readonly maxMessageBytes: number;
  /** Longest wait for the handshake and for `connection_ack` each, milliseconds. */
  readonly openTimeoutMs: number;
  /** Ping interval, and how long a pong may take, milliseconds. */
  readonly keepAliveMs: number;
  /** Payload of `connection_init`, made when the socket is open; undefined sends none. */
  readonly initPayload: () => Record<string, unknown> | undefined;
  /** Checks the payload of `connection_ack`. @throws AcgsError to refuse the instance. */
  readonly acceptAck: (payload: unknown) => void;
  /** Called once, after every stream was told. */
  readonly onClosed: (cause: AcgsError) => void;
  /** Certificate, key and authorities for a `wss:` URL; default the system's authorities. */
  readonly tls?: TlsMaterial | undefined;
}

interface Stream {
  readonly sink: UpstreamSink;
  readonly payload: () => SubscribePayload;
}

/** A connection that opens at construction and ends for good with its first failure. */
export class UpstreamSocket {
  private readonly socket: WebSocket;
  private readonly streams = new Map<string, Stream>();
  private readonly keepAlive: NodeJS.Timeout;
  private readonly ackTimeout: NodeJS.Timeout;
  private nextId = 1;
  private acknowledged = false;
  private alive = true;
  private ended = false;

  constructor(private readonly options: UpstreamSocketOptions) {
    this.socket = new WebSocket(options.url, GRAPHQL_TRANSPORT_WS_PROTOCOL, {
      handshakeTimeout: options.openTimeoutMs, maxPayload: options.maxMessageBytes, perMessageDeflate: false,
      // Decoding replaces what is not UTF-8, so nothing malformed travels on; a check before it would read every byte twice.
      skipUTF8Validation: true,
      minVersion: MIN_TLS_VERSION, ...options.tls,
    });
    this.ackTimeout = setTimeout(() => this.end(unavailable(options.subgraph, 'did not acknowledge the connection in time')), options.openTimeoutMs * 2);
    this.keepAlive = setInterval(() => this.beat(), options.keepAliveMs);
    this.keepAlive.unref();
    this.socket.on('open', () => {
      const payload = options.initPayload();
      this.socket.send(stringifyMessage({ type: MessageType.ConnectionInit, ...(payload === undefined ? {} : { payload }) }));
    });
    this.socket.on('message', (data) => this.receive(String(data)));
    this.socket.on('pong', () => { this.alive = true; });
    this.socket.on('error', (error) => this.end(unavailable(options.subgraph, 'broke off', error)));
    this.socket.on('close', (code, reason) => this.end(unavailable(options.subgraph, `closed the connection (${code}${reason.length > 0 ? ` ${String(reason)}` : ''})`)));
  }

  /** False once the connection has failed or was closed. */
  get usable(): boolean {
    return !this.ended;
  }

  /** Streams that run or wait for the connection to open. */
  get streamCount(): number {
    return this.streams.size;
  }

  /**
   * Starts a stream; the subscribe message goes out as soon as the connection is acknowledged.
   * @param payload made at that moment, so that its token is fresh.
   * @returns how to end it; the subgraph is told at once.
   */
  subscribe(payload: () => SubscribePayload, sink: UpstreamSink): () => void {
    const id = (this.nextId++).toString(36);
    const stream: Stream = { sink, payload };
    this.streams.set(id, stream);
    if (this.acknowledged) this.send(id, stream);
    return () => {
      if (!this.streams.delete(id) || this.ended) return;
      if (this.acknowledged) this.socket.send(stringifyMessage({ id, type: MessageType.Complete }));
    };
  }

  /** Ends the connection; every stream is told it was dropped. */
  close(cause: AcgsError): void {
    this.end(cause);
  }

  private send(id: string, stream: Stream): void {
    this.socket.send(stringifyMessage({ id, type: MessageType.Subscribe, payload: stream.payload() }));
  }

  private receive(text: string): void {
    if (this.ended) return;
    let message;
    try {
      message = parseMessage(text);
    } catch (cause) {
      this.end(new AcgsError('SUBGRAPH_BAD_RESPONSE', `The subgraph ${this.options.subgraph} sent a message that is not of the protocol.`, {}, { cause }), CloseCode.BadResponse);
      return;
    }
    switch (message.type) {
      case MessageType.ConnectionAck:
        this.acknowledge(message.payload);
        return;
      case MessageType.Ping:
        this.socket.send(stringifyMessage({ type: MessageType.Pong }));
        return;
      case MessageType.Next:
        this.streams.get(message.id)?.sink.next(message.payload, text.length);
        return;
      case MessageType.Error: {
        const stream = this.take(message.id);
        stream?.sink.error(message.payload);
        return;
      }
      case MessageType.Complete:
        this.take(message.id)?.sink.complete();
        return;
      case MessageType.Pong:
      case MessageType.ConnectionInit:
      case MessageType.Subscribe:
        return;
    }
  }

  private acknowledge(payload: unknown): void {
    if (this.acknowledged) return;
    try {
      this.options.acceptAck(payload);
    } catch (error) {
      this.end(error instanceof AcgsError ? error : new AcgsError('INTERNAL', undefined, {}, { cause: error }), CloseCode.BadResponse);
      return;
    }
    clearTimeout(this.ackTimeout);
    this.acknowledged = true;
    for (const [id, stream] of this.streams) this.send(id, stream);
  }

  private take(id: string): Stream | undefined {
    const stream = this.streams.get(id);
    this.streams.delete(id);
    return stream;
  }

  private beat(): void {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    if (!this.alive) {
      this.end(unavailable(this.options.subgraph, 'stopped answering pings'));
      return;
    }
    this.alive = false;
    this.socket.ping();
  }

  private end(cause: AcgsError, code: number = 1000): void {
    if (this.ended) return;
    this.ended = true;
    clearTimeout(this.ackTimeout);
    clearInterval(this.keepAlive);
    if (this.socket.readyState === WebSocket.OPEN) this.socket.close(code);
    // A closing handshake that nobody answers would hold the socket for 30 s.
    setTimeout(() => this.socket.terminate(), this.socket.readyState === WebSocket.CLOSING ? 1_000 : 0).unref();
    const streams = [...this.streams.values()];
    this.streams.clear();
    for (const { sink } of streams) sink.dropped(cause);
    this.options.onClosed(cause);
  }
}

function unavailable(subgraph: string, what: string, cause?: unknown): AcgsError {
  return new AcgsError('SUBGRAPH_UNAVAILABLE', `The subgraph ${subgraph} ${what}.`, {}, { cause });
}
