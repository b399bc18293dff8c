/** One HTTP exchange with an instance: undici's dispatch with a handler of our own, one buffer, a deadline, limits on bytes. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { SpareBuffers } from '../../../ops/runtime/spare-buffers.js';
import type { Expiring } from './deadlines.js';

/** What became of an exchange that brought no answer. */
export type FaultKind =
  /** The time ran out. */
  | 'timeout'
  /** No connection came about. */
  | 'unreachable'
  /** The connection ended before the answer did. */
  | 'broken'
  /** What came is not HTTP, or not what its own head announced. */
  | 'malformed'
  /** The answer is larger than what is taken. */
  | 'too-large'
  /** Too much waits already, here. */
  | 'overloaded';

export class UpstreamFault extends Error {
  override readonly name = 'UpstreamFault';

  /** @param sent false proves that no byte of the request left. */
  constructor(readonly kind: FaultKind, readonly sent: boolean, message: string, options?: { cause?: unknown }) {
    super(message, options);
  }
}

/** A whole answer as it came, for as long as it is being read: the memory of its bytes is used again. */
export interface RawAnswer {
  readonly status: number;
  /** By lower-case name; a list where a header came more than once. */
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
}

/** Bytes of answers that are being read in the whole process. */
export class AnswerMemory {
  private free: number;

  constructor(maxBytes: number) {
    this.free = maxBytes;
  }

  /** @returns false when that much is not free; then nothing is taken. */
  take(bytes: number): boolean {
    if (bytes > this.free) return false;
    this.free -= bytes;
    return true;
  }

  release(bytes: number): void {
    this.free += bytes;
  }
}

/** Largest first guess at the size of an answer that says how long it is, bytes: what it says may be a lie. */
const MAX_FIRST_BUFFER = 1024 * 1024;
const MIN_BUFFER = 16 * 1024;
const EMPTY = Buffer.alloc(0);
/** The parser's code where the connection ended in the middle of an answer. */
const ENDED_EARLY = 'HPE_INVALID_EOF_STATE';

export interface ExchangeLimits {
  /** Largest body, bytes. */
  readonly maxBytes: number;
  readonly memory: AnswerMemory;
  /** Where answers that come in several pieces are put together. */
  readonly buffers: SpareBuffers;
}

/** Takes an exchange's outcome. */
type Settle = (exchange: Exchange, outcome: RawAnswer | UpstreamFault) => void;

const SETTLED: Settle = () => undefined;

/** Collects one answer. `settle` is called exactly once, and reads the answer before it returns. */
export class Exchange implements Dispatcher.DispatchHandler, Expiring {
  private controller: Dispatcher.DispatchController | undefined;
  private status = 0;
  private headers: IncomingHttpHeaders = {};
  private bytes: Buffer = EMPTY;
  private size = 0;
  /** True once `bytes` is ours to write into. */
  private own = false;
  private over = false;

  /** @param expiresAt moment on the clock of `performance.now()`, milliseconds. */
  constructor(readonly expiresAt: number, private readonly limits: ExchangeLimits, private settle: Settle) {}

  /** Called by the deadline. */
  expire(): void {
    this.fail('timeout', 'The time for the answer ran out.');
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Thrown instead of aborted: the request leaves the queue and the connection stays.
    if (this.over) throw new Error('The time for the answer ran out before the request was sent.');
    this.controller = controller;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    // Informational answers come before the one that counts (RFC 9110, section 15.2).
    if (status < 200) return;
    this.status = status;
    this.headers = headers;
    if (Number(headers['content-length']) > this.limits.maxBytes) this.fail('too-large', `The answer is longer than ${this.limits.maxBytes} bytes.`);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.over) return;
    const size = this.size + chunk.length;
    if (size > this.limits.maxBytes) {
      this.fail('too-large', `The answer is longer than ${this.limits.maxBytes} bytes.`);
      return;
    }
    if (!this.limits.memory.take(chunk.length)) {
      this.fail('overloaded', 'Too many bytes of answers are being read at once.');
      return;
    }
    if (this.size === 0) {
      this.bytes = chunk;
    } else {
      // Copied, not listed: a list of one-byte chunks takes a hundred times the memory of what it holds.
      if (!this.own || size > this.bytes.length) this.grow(size);
      chunk.copy(this.bytes, this.size);
    }
    this.size = size;
  }

  onResponseEnd(): void {
    if (this.over) return;
    this.finish({ status: this.status, headers: this.headers, bytes: this.bytes.subarray(0, this.size) });
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.over) return;
    const sent = this.controller !== undefined;
    this.finish(new UpstreamFault(!sent ? 'unreachable' : isMalformed(error) ? 'malformed' : 'broken', sent, error.message, { cause: error }));
  }

  private grow(size: number): void {
    const { buffers, maxBytes } = this.limits;
    const announced = Math.min(Number(this.headers['content-length']) || 0, MAX_FIRST_BUFFER);
    const buffer = buffers.take(Math.min(maxBytes, Math.max(size, announced, this.own ? this.bytes.length * 2 : MIN_BUFFER)));
    this.bytes.copy(buffer, 0, 0, this.size);
    if (this.own) buffers.give(this.bytes);
    this.bytes = buffer;
    this.own = true;
  }

  private fail(kind: FaultKind, message: string): void {
    if (this.over) return;
    const { controller } = this;
    const fault = new UpstreamFault(kind, controller !== undefined, message);
    this.finish(fault);
    controller?.abort(fault);
  }

  private finish(outcome: RawAnswer | UpstreamFault): void {
    const { bytes, own, limits, settle } = this;
    this.over = true;
    this.bytes = EMPTY;
    // The client keeps a connection's last request: what became of it must not live as long.
    this.settle = SETTLED;
    this.headers = {};
    this.controller = undefined;
    limits.memory.release(this.size);
    settle(this, outcome);
    if (own) limits.buffers.give(bytes);
  }
}

/** undici's errors for what breaks HTTP/1.1; a body shorter than announced is a connection that ended early. */
function isMalformed(error: Error): boolean {
  const { code } = error as { code?: unknown };
  return code === 'UND_ERR_HEADERS_OVERFLOW' || (error.name === 'HTTPParserError' && code !== ENDED_EARLY);
}
