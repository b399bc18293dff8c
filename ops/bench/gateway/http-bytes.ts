/** Reads HTTP/1.1 messages from raw socket bytes: just enough for a canned server and a load generator on loopback. */

/** One message: the start line and headers as text, and the body. */
export interface HttpMessage {
  readonly head: string;
  readonly body: Buffer;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = Buffer.from('\r\n');
const EMPTY = Buffer.alloc(0);

/** Splits a stream of bytes into messages; Content-Length and chunked bodies are read (RFC 9112, sections 6 and 7). */
export class HttpReader {
  private pending: Buffer[] = [];
  private size = 0;
  /** Bytes needed before the next attempt is worth it. */
  private needed = 0;

  /** Bytes of the answer that arrived so far count towards the next message. */
  push(chunk: Buffer, onMessage: (message: HttpMessage) => void): void {
    this.pending.push(chunk);
    this.size += chunk.length;
    while (this.size > 0 && this.size >= this.needed) {
      const all = this.pending.length === 1 ? this.pending[0] as Buffer : Buffer.concat(this.pending, this.size);
      this.pending = [all];
      const headEnd = all.indexOf(HEAD_END);
      if (headEnd < 0) return;
      const head = all.toString('latin1', 0, headEnd);
      const bodyStart = headEnd + 4;
      const read = isChunked(head) ? readChunks(all, bodyStart) : readLength(all, bodyStart, lengthOf(head));
      if (typeof read === 'number') {
        this.needed = read;
        return;
      }
      this.needed = 0;
      this.pending = read.end === all.length ? [] : [all.subarray(read.end)];
      this.size = all.length - read.end;
      onMessage({ head, body: read.body });
    }
  }
}

interface Read { readonly body: Buffer; readonly end: number }

function isChunked(head: string): boolean {
  return /\r\ntransfer-encoding:[^\r]*chunked/i.test(head);
}

function lengthOf(head: string): number {
  return Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
}

function readLength(all: Buffer, start: number, length: number): Read | number {
  const end = start + length;
  return all.length < end ? end : { body: length === 0 ? EMPTY : all.subarray(start, end), end };
}

function readChunks(all: Buffer, start: number): Read | number {
  const parts: Buffer[] = [];
  let at = start;
  for (;;) {
    const lineEnd = all.indexOf(LINE_END, at);
    if (lineEnd < 0) return all.length + 1;
    const size = Number.parseInt(all.toString('latin1', at, lineEnd), 16);
    const next = lineEnd + 2 + size + 2;
    if (all.length < next) return size === 0 ? all.length + 1 : next;
    if (size === 0) return { body: parts.length === 1 ? parts[0] as Buffer : Buffer.concat(parts), end: next };
    parts.push(all.subarray(lineEnd + 2, next - 2));
    at = next;
  }
}
