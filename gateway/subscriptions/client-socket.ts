/** A client's WebSocket as the edge uses it: sends that never wait, congestion by bytes, and a heartbeat. */
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import type { EdgeLimits } from './edge-deps.js';
import { nextFrame, textFrame } from './server-frames.js';
import type { StreamAnswer } from './stream-answer.js';

/** Longest wait for a peer's answer to a close. */
const CLOSE_TIMEOUT_MS = 1_000;
/** A client that lets this many times `maxBufferedBytes` wait is cut off: it makes the gateway answer and does not read. */
const HOPELESS = 16;

/**
 * Frames are written to the stream below the WebSocket, so that one frame serves many clients; the WebSocket reads, and
 * speaks pings and the closing handshake. Both write whole frames only, so they cannot mix.
 */
export class ClientSocket {
  private waiters: Set<(caughtUp: boolean) => void> | undefined;
  private graceTimer: NodeJS.Timeout | undefined;
  private drainAwaited = false;
  private alive = true;
  private nextBeatAt: number;

  /** @param now milliseconds since the epoch. */
  constructor(private readonly socket: WebSocket, private readonly stream: Duplex, private readonly limits: EdgeLimits, now: number) {
    this.nextBeatAt = now + limits.keepAliveMs;
  }

  get open(): boolean {
    return this.socket.readyState === WebSocket.OPEN;
  }

  /** Hands over text; a closed socket takes nothing, since its subscriptions are being ended. */
  sendText(text: string): void {
    if (this.willing()) this.stream.write(textFrame(text));
  }

  /** Hands over an answer as a `next` message. */
  sendNext(answer: StreamAnswer, id: string): void {
    if (!this.willing()) return;
    const pieces = nextFrame(answer, id);
    if (pieces.length === 1) {
      this.stream.write(pieces[0]);
      return;
    }
    this.stream.cork();
    for (const piece of pieces) this.stream.write(piece);
    this.stream.uncork();
  }

  /** Keeps what is sent back until `uncork`, to write it at once. */
  cork(): void {
    this.stream.cork();
  }

  uncork(): void {
    this.stream.uncork();
  }

  /** Starts the closing handshake; a peer that does not answer is cut off after a second. */
  close(code: number, reason: string): void {
    if (!this.open) return;
    this.socket.close(code, reason);
    setTimeout(() => this.terminate(), CLOSE_TIMEOUT_MS).unref();
  }

  /** Cuts the connection off without a handshake. */
  terminate(): void {
    this.socket.terminate();
  }

  congested(): boolean {
    return this.stream.writableLength > this.limits.maxBufferedBytes && this.open;
  }

  /** Resolves true when everything was read or the socket closed, false when too much waits after the grace time. */
  caughtUp(): Promise<boolean> {
    if (!this.congested()) return Promise.resolve(true);
    return new Promise((resolve) => {
      if (this.waiters === undefined) {
        this.waiters = new Set();
        this.awaitDrain();
        this.graceTimer = setTimeout(() => this.release(!this.congested()), this.limits.lagGraceMs);
      }
      this.waiters.add(resolve);
    });
  }

  /** The peer answered a ping. */
  beaten(): void {
    this.alive = true;
  }

  /** Pings when it is time to, and cuts a peer off that did not answer the last ping. */
  beat(now: number): void {
    if (now < this.nextBeatAt || !this.open) return;
    this.nextBeatAt = now + this.limits.keepAliveMs;
    if (!this.alive) {
      this.terminate();
      return;
    }
    this.alive = false;
    this.socket.ping();
  }

  /** Call when the socket has closed: nobody waits for it any longer. */
  closed(): void {
    this.release(true);
  }

  private awaitDrain(): void {
    if (this.drainAwaited) return;
    this.drainAwaited = true;
    this.stream.once('drain', () => {
      this.drainAwaited = false;
      this.release(true);
    });
  }

  private release(caughtUp: boolean): void {
    clearTimeout(this.graceTimer);
    const waiters = this.waiters;
    this.waiters = undefined;
    if (waiters !== undefined) for (const waiter of waiters) waiter(caughtUp);
  }

  private willing(): boolean {
    if (!this.open) return false;
    if (this.stream.writableLength <= this.limits.maxBufferedBytes * HOPELESS) return true;
    this.terminate();
    return false;
  }
}
