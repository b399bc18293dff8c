/** A client's WebSocket as the edge uses it: sends that never wait, congestion by bytes, and a heartbeat. */
import type { WebSocket } from 'ws';
import type { Outlet } from './subscription-stream.js';

export interface ClientSocketOptions {
  readonly maxBufferedBytes: number;
  readonly lagGraceMs: number;
  readonly keepAliveMs: number;
  /** Called when a send fails or the peer is dead; the socket closes by itself. */
  readonly onFault: (error: Error) => void;
}

/** Waits end when the buffer is small again or the socket closes. */
export class ClientSocket implements Outlet {
  private readonly waiters = new Set<() => void>();
  private readonly heartbeat: NodeJS.Timeout;
  private alive = true;

  constructor(readonly raw: WebSocket, private readonly options: ClientSocketOptions) {
    this.heartbeat = setInterval(() => this.beat(), options.keepAliveMs);
    this.heartbeat.unref();
    raw.on('pong', () => { this.alive = true; });
    raw.on('error', options.onFault);
    raw.once('close', () => {
      clearInterval(this.heartbeat);
      this.release();
    });
  }

  get open(): boolean {
    return this.raw.readyState === this.raw.OPEN;
  }

  /** Hands text to the socket; a closed socket takes nothing, since its subscriptions are being ended. */
  send(text: string): void {
    if (!this.open) return;
    this.raw.send(text, (error) => {
      if (error != null && this.open) this.options.onFault(error);
      if (!this.congested()) this.release();
    });
  }

  /** Starts the closing handshake; a peer that does not answer is cut off after a second. */
  close(code: number, reason: string): void {
    if (this.raw.readyState === this.raw.CLOSED) return;
    this.raw.close(code, reason);
    setTimeout(() => this.raw.terminate(), 1_000).unref();
  }

  congested(): boolean {
    return this.open && this.raw.bufferedAmount > this.options.maxBufferedBytes;
  }

  caughtUp(): Promise<boolean> {
    if (!this.congested()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.waiters.delete(done);
        resolve(true);
      };
      const timer = setTimeout(() => {
        this.waiters.delete(done);
        resolve(!this.congested());
      }, this.options.lagGraceMs);
      this.waiters.add(done);
    });
  }

  private release(): void {
    for (const waiter of this.waiters) waiter();
  }

  private beat(): void {
    if (!this.open) return;
    if (!this.alive) {
      this.raw.terminate();
      return;
    }
    this.alive = false;
    this.raw.ping();
  }
}
