/** Keep-alive connections to subgraph instances, one undici pool for each origin, closed once nothing uses them. */
import type { IncomingHttpHeaders } from 'node:http';
import { Pool, type buildConnector } from 'undici';
import { Circuit, type CircuitLimits } from './circuit-breaker.js';
import { Deadlines } from './deadlines.js';
import { createConnector } from '../../../ops/runtime/tls-client.js';
import type { TlsMaterial } from '../../../ops/runtime/tls-files.js';
import { SpareBuffers } from '../../../ops/runtime/spare-buffers.js';
import { AnswerMemory, Exchange, UpstreamFault, type ExchangeLimits, type RawAnswer } from './upstream-http.js';

export interface PoolRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** By name, or names and values in turn. */
  readonly headers: Readonly<Record<string, string>> | string[];
  readonly body: string | null;
  /** Time for the whole answer, milliseconds. */
  readonly timeoutMs: number;
}

export interface PoolAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface PoolLimits {
  /** Largest answer taken from a subgraph, bytes; default 8 MiB. */
  readonly maxAnswerBytes?: number;
  /** Bytes of answers being read in the whole process; default 128 MiB. */
  readonly maxBufferedBytes?: number;
  /** Requests to one origin that are under way or wait for a connection; default 4,096. */
  readonly maxPending?: number;
  readonly circuit?: CircuitLimits;
  /** Certificate, key and authorities for `https:` origins, asked for at each new connection; default the system's authorities. */
  readonly tls?: (() => TlsMaterial) | undefined;
  /** Told of a connection that failed; TLS says why here and nowhere else. */
  readonly onConnectError?: ((origin: string, error: Error) => void) | undefined;
}

const CONNECTIONS_PER_ORIGIN = 128;
/** Idle time after which our side closes first: below the server's 65 s, so that no request meets a closing socket. */
const KEEP_ALIVE_MS = 30_000;

const CONNECT_TIMEOUT_MS = 2_000;

/** What is known of one origin while it is in use. */
interface Origin {
  readonly pool: Pool;
  inFlight: number;
}

export class ConnectionPools {
  /** Deadlines of everything that waits for a subgraph. */
  readonly deadlines = new Deadlines();
  private readonly origins = new Map<string, Origin>();
  private readonly circuitsByOrigin = new Map<string, Circuit>();
  private readonly exchangeLimits: ExchangeLimits;
  private readonly maxPending: number;
  private readonly circuitLimits: CircuitLimits;
  private readonly text = new TextDecoder();
  private stopped = false;

  private readonly connect: buildConnector.connector;

  constructor({ maxAnswerBytes = 8 * 1024 * 1024, maxBufferedBytes = 128 * 1024 * 1024, maxPending = 4_096, circuit = {}, tls, onConnectError }: PoolLimits = {}) {
    this.connect = createConnector({ tls, timeoutMs: CONNECT_TIMEOUT_MS, onError: onConnectError });
    this.exchangeLimits = { maxBytes: maxAnswerBytes, memory: new AnswerMemory(maxBufferedBytes), buffers: new SpareBuffers() };
    this.maxPending = maxPending;
    this.circuitLimits = circuit;
  }

  /**
   * Sends one request and reads the whole answer.
   * @param origin for example `http://127.0.0.1:8000`.
   * @param read is called at once with the answer, whose bytes are only its own until it returns.
   * @returns what `read` returned.
   * @throws UpstreamFault, and what `read` throws.
   */
  exchange<T>(origin: string, { method, path, headers, body, timeoutMs }: PoolRequest, read: (answer: RawAnswer) => T): Promise<T> {
    if (this.stopped) return Promise.reject(new UpstreamFault('unreachable', false, 'The connection pools are closed.'));
    const place = this.place(origin);
    if (place.inFlight >= this.maxPending) return Promise.reject(new UpstreamFault('overloaded', false, `More than ${this.maxPending} requests to ${origin} wait already.`));
    return new Promise((resolve, reject) => {
      const exchange = new Exchange(performance.now() + timeoutMs, this.exchangeLimits, (ended, outcome) => {
        place.inFlight -= 1;
        this.deadlines.remove(ended);
        if (outcome instanceof UpstreamFault) {
          reject(outcome);
          return;
        }
        try {
          resolve(read(outcome));
        } catch (fault) {
          reject(fault);
        }
      });
      place.inFlight += 1;
      this.deadlines.add(exchange);
      place.pool.dispatch({ method, path, headers, body }, exchange);
    });
  }

  /** As `exchange`, with the body as text. */
  request(origin: string, request: PoolRequest): Promise<PoolAnswer> {
    return this.exchange(origin, request, ({ status, headers, bytes }) => ({ status, headers, text: this.text.decode(bytes) }));
  }

  /** Requests to an origin that are under way or wait for a connection. */
  inFlight(origin: string): number {
    return this.origins.get(origin)?.inFlight ?? 0;
  }

  /** The circuit of an instance; made when it is first asked for. */
  circuit(origin: string, service: string): Circuit {
    let circuit = this.circuitsByOrigin.get(origin);
    if (circuit === undefined) this.circuitsByOrigin.set(origin, circuit = new Circuit(service, this.circuitLimits));
    return circuit;
  }

  /** Whether an instance is to be passed over where there is another; see `Circuit`. */
  passOver(origin: string, now: number): boolean {
    return this.circuitsByOrigin.get(origin)?.passOver(now) ?? false;
  }

  /** Circuits of the instances in use. */
  circuits(): Circuit[] {
    return [...this.circuitsByOrigin.values()];
  }

  /** Closes the pools of origins that are not in `used`; requests in flight finish first. */
  retain(used: ReadonlySet<string>, onError: (error: unknown) => void): void {
    for (const origin of this.circuitsByOrigin.keys()) if (!used.has(origin)) this.circuitsByOrigin.delete(origin);
    for (const [origin, { pool }] of this.origins) {
      if (used.has(origin)) continue;
      this.origins.delete(origin);
      pool.close().catch(onError);
    }
  }

  /** Closes everything, breaking off what is still in flight. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all([...this.origins.values()].map(({ pool }) => pool.destroy()));
    this.origins.clear();
    this.circuitsByOrigin.clear();
    this.deadlines.stop();
  }

  private place(origin: string): Origin {
    const known = this.origins.get(origin);
    if (known !== undefined) return known;
    // Deadlines end what hangs, so undici's own timers are off.
    const pool = new Pool(origin, { connections: CONNECTIONS_PER_ORIGIN, pipelining: 1, keepAliveTimeout: KEEP_ALIVE_MS, keepAliveMaxTimeout: KEEP_ALIVE_MS, connect: this.connect, headersTimeout: 0, bodyTimeout: 0 });
    const place: Origin = { pool, inFlight: 0 };
    this.origins.set(origin, place);
    return place;
  }
}

/** True when the error proves that no byte of the request left. */
export function neverSent(error: unknown): boolean {
  return error instanceof UpstreamFault && !error.sent;
}

/** True when the time for the answer ran out. */
export function isTimeout(error: unknown): boolean {
  return error instanceof UpstreamFault && error.kind === 'timeout';
}

/** True when the answer was larger than what is taken. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof UpstreamFault && error.kind === 'too-large';
}
