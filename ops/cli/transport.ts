/** One HTTP exchange, with what matters when it fails: whether the request can have reached the server. */
import type { IncomingMessage, RequestOptions } from 'node:http';

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
  /** Ends the exchange at once. */
  readonly signal?: AbortSignal;
}

/** The exchange failed. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  /**
   * @param sent false when no connection was made, so that nothing can have happened.
   * @param kind what ended it.
   */
  constructor(readonly kind: 'connect' | 'broken' | 'timeout' | 'aborted', readonly sent: boolean, message: string, options?: { cause?: unknown }) {
    super(message, options);
  }
}

/** Answers larger than this are refused, bytes. */
const MAX_ANSWER = 32 * 1024 * 1024;

/** Sends it. @throws TransportError */
export async function exchange({ method, url, headers = {}, body, timeoutMs, signal }: HttpRequest): Promise<HttpAnswer> {
  const target = new URL(url);
  const { request } = target.protocol === 'https:' ? await import('node:https') : await import('node:http');
  const payload = body === undefined ? undefined : Buffer.from(body);
  const options: RequestOptions = { method, headers: { ...headers, ...(payload === undefined ? {} : { 'content-length': payload.length }) }, ...(signal === undefined ? {} : { signal }) };
  return new Promise((resolve, reject) => {
    let connected = false;
    let timedOut = false;
    const outgoing = request(target, options);
    const timer = setTimeout(() => {
      timedOut = true;
      outgoing.destroy(new Error('timeout'));
    }, timeoutMs);
    const fail = (cause: Error): void => {
      clearTimeout(timer);
      if (signal?.aborted === true) reject(new TransportError('aborted', connected, 'interrupted', { cause }));
      else if (timedOut) reject(new TransportError('timeout', connected, `no answer within ${timeoutMs} ms`, { cause }));
      else reject(new TransportError(connected ? 'broken' : 'connect', connected, reasonOf(cause), { cause }));
    };
    outgoing.once('socket', (socket) => {
      if (socket.connecting) socket.once(target.protocol === 'https:' ? 'secureConnect' : 'connect', () => { connected = true; });
      else connected = true;
    });
    outgoing.once('error', fail);
    outgoing.once('response', (response) => {
      read(response).then((text) => {
        clearTimeout(timer);
        resolve({ status: response.statusCode ?? 0, body: text });
      }, fail);
    });
    outgoing.end(payload);
  });
}

async function read(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER) throw new Error(`the answer is larger than ${MAX_ANSWER} bytes`);
    chunks.push(chunk);
  }
  if (!response.complete) throw new Error('the answer broke off');
  return Buffer.concat(chunks).toString('utf8');
}

function reasonOf(error: Error): string {
  const inner = error instanceof AggregateError ? (error.errors[0] as Error | undefined) : undefined;
  return (inner ?? error).message || String((error as NodeJS.ErrnoException).code ?? error.name);
}
