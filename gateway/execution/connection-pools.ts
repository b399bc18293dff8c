/** Keep-alive connections to subgraph instances, one undici pool for each origin, closed once nothing uses them. */
import { Pool } from 'undici';

export interface PoolRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** Time for the whole answer, milliseconds. */
  readonly timeoutMs: number;
}

export interface PoolAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** Largest answer taken from a subgraph, bytes. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;
const CONNECTIONS_PER_ORIGIN = 128;
/** Idle time after which our side closes first: below the server's 65 s, so that no request meets a closing socket. */
const KEEP_ALIVE_MS = 30_000;

export class ConnectionPools {
  private readonly pools = new Map<string, Pool>();
  private stopped = false;

  /**
   * Sends one request and reads the whole answer.
   * @param origin for example `http://127.0.0.1:8000`.
   * @throws the undici or system error as it came; see `neverSent`. A timeout is an error named TimeoutError.
   */
  async request(origin: string, { method, path, headers, body, timeoutMs }: PoolRequest): Promise<PoolAnswer> {
    const answer = await this.pool(origin).request({ method, path, headers, body, signal: AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs))) });
    return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
  }

  /** Closes the pools of origins that are not in `used`; requests in flight finish first. */
  retain(used: ReadonlySet<string>, onError: (error: unknown) => void): void {
    for (const [origin, pool] of this.pools) {
      if (used.has(origin)) continue;
      this.pools.delete(origin);
      pool.close().catch(onError);
    }
  }

  /** Origins that have a pool now. */
  origins(): string[] {
    return [...this.pools.keys()];
  }

  /** Closes everything, breaking off what is still in flight. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all([...this.pools.values()].map((pool) => pool.destroy()));
    this.pools.clear();
  }

  private pool(origin: string): Pool {
    const known = this.pools.get(origin);
    if (known !== undefined) return known;
    if (this.stopped) throw new Error('The connection pools are closed.');
    const pool = new Pool(origin, { connections: CONNECTIONS_PER_ORIGIN, pipelining: 1, keepAliveTimeout: KEEP_ALIVE_MS, keepAliveMaxTimeout: KEEP_ALIVE_MS, connectTimeout: 2_000, maxResponseSize: MAX_ANSWER_BYTES });
    this.pools.set(origin, pool);
    return pool;
  }
}

const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_CLOSED', 'UND_ERR_DESTROYED']);

/** True when the error proves that no byte of the request left: no connection came about. */
export function neverSent(error: unknown): boolean {
  const { code, errors } = factsOf(error);
  // A host with several addresses fails with the failures of all of them.
  return Array.isArray(errors) && errors.length > 0 ? errors.every(neverSent) : typeof code === 'string' && NEVER_SENT.has(code);
}

/** True when the time for the answer ran out. */
export function isTimeout(error: unknown): boolean {
  return factsOf(error).name === 'TimeoutError';
}

/** True when the answer was larger than what is taken. */
export function isTooLarge(error: unknown): boolean {
  return factsOf(error).code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE';
}

/** Errors of the platform may come from another realm, where `instanceof` does not know them. */
function factsOf(error: unknown): { readonly name?: unknown; readonly code?: unknown; readonly errors?: unknown } {
  return typeof error === 'object' && error !== null ? error : {};
}
