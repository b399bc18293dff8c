/** HTTP as bytes on a socket: what fetch will not send (doubled headers, broken bodies) and will not show (each piece of a stream). */
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  /** Lower-case names; values of repeated headers joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A connection on which one request was sent and whose answer is read piece by piece. */
export class RawConnection {
  private received = Buffer.alloc(0);
  private over = false;
  private readonly waiting = new Set<() => void>();

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.wake();
    });
    // A reset is an end like any other here; what was received until then is what tests look at.
    socket.on('error', () => this.wake());
    socket.on('close', () => {
      this.over = true;
      this.wake();
    });
  }

  static async open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new RawConnection(socket);
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Everything received, as latin1 text with transfer framing in it. */
  get text(): string {
    return this.received.toString('latin1');
  }

  get closed(): boolean {
    return this.over;
  }

  /** The body received so far, without chunk framing; as UTF-8 text. */
  get body(): string {
    const head = this.received.indexOf('\r\n\r\n');
    if (head === -1) return '';
    const rest = this.received.subarray(head + 4);
    return (/\r\ntransfer-encoding: chunked/i.test(this.received.subarray(0, head).toString('latin1')) ? unchunk(rest).bytes : rest).toString('utf8');
  }

  /** Waits until a condition on what was received holds. @throws Error with the text received when it does not within `timeoutMs`. */
  async until(condition: () => boolean, timeoutMs = 15_000): Promise<void> {
    const end = Date.now() + timeoutMs;
    while (!condition()) {
      const left = end - Date.now();
      if (left <= 0) throw new Error(`The condition ${condition.toString()} did not hold; received: ${this.text}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(left, 50));
        const wake = (): void => {
          clearTimeout(timer);
          this.waiting.delete(wake);
          resolve();
        };
        this.waiting.add(wake);
      });
    }
  }

  /** Waits for one whole answer. */
  async answer(): Promise<RawAnswer> {
    await this.until(() => this.over || isComplete(this.received));
    const head = this.text.slice(0, Math.max(this.text.indexOf('\r\n\r\n'), 0));
    return { status: Number(head.split(' ')[1]), headers: parseHeaders(head), body: this.body };
  }

  close(): void {
    this.socket.destroy();
  }

  private wake(): void {
    for (const wake of this.waiting) wake();
  }
}

/**
 * A GraphQL request as text: the parameters in the body of a POST, the query in the target of a GET.
 * @param headers beside those the method needs; one that is undefined is written as such.
 */
export function graphqlRequest(method: 'GET' | 'POST', { query, variables }: { readonly query: string; readonly variables: Readonly<Record<string, unknown>> | undefined }, headers: Readonly<Record<string, string | undefined>>): string {
  const body = method === 'POST' ? JSON.stringify({ query, variables }) : '';
  const target = method === 'POST' ? '/graphql' : `/graphql?query=${encodeURIComponent(query)}`;
  const needed = method === 'POST' ? { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) } : { 'apollo-require-preflight': '1' };
  const lines = Object.entries({ host: 'test', ...needed, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

/** Sends one request as text and reads its answer. */
export async function rawExchange(url: string, head: readonly string[], body: string | Uint8Array = ''): Promise<RawAnswer> {
  const connection = await RawConnection.open(url);
  const bytes = Buffer.from(body);
  try {
    connection.send(Buffer.concat([Buffer.from(`${[...head, 'host: test', ...(bytes.length === 0 ? [] : [`content-length: ${bytes.length}`])].join('\r\n')}\r\n\r\n`, 'latin1'), bytes]));
    return await connection.answer();
  } finally {
    connection.close();
  }
}

function parseHeaders(head: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of head.split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return headers;
}

function isComplete(received: Buffer): boolean {
  const head = received.indexOf('\r\n\r\n');
  if (head === -1) return false;
  const text = received.subarray(0, head).toString('latin1');
  const rest = received.subarray(head + 4);
  if (/\r\ntransfer-encoding: chunked/i.test(text)) return unchunk(rest).complete;
  return rest.length >= Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0);
}

function unchunk(bytes: Buffer): { readonly bytes: Buffer; readonly complete: boolean } {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd === -1) return { bytes: Buffer.concat(parts), complete: false };
    const size = Number.parseInt(bytes.subarray(at, lineEnd).toString('latin1'), 16);
    if (size === 0) return { bytes: Buffer.concat(parts), complete: true };
    parts.push(bytes.subarray(lineEnd + 2, Math.min(lineEnd + 2 + size, bytes.length)));
    at = lineEnd + 2 + size + 2;
    if (at > bytes.length) return { bytes: Buffer.concat(parts), complete: false };
  }
}
