/** Closes connections whose right to exist has ended: token expired, credential revoked, hash no longer accepted. */
import type { Credentials } from '../execution/contracts.js';
import type { EdgeDeps } from './edge-deps.js';

/** Close codes of the edge beyond those of graphql-transport-ws; docs/subscriptions.md holds the table. */
export const CLOSE = {
  forbidden: 4403,
  hashMismatch: 4409,
  badRequest: 4400,
  internal: 4500,
  goingAway: 1001,
  tryAgainLater: 1013,
} as const;

export const HASH_MISMATCH_REASON = 'CONSTITUTIONAL_HASH_MISMATCH';

/** setTimeout fires at once above this many milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface GuardedConnection {
  readonly credentials: Credentials;
  /** Hash of `connection_init`; undefined when none was sent. */
  readonly presentedHash: string | undefined;
  close(code: number, reason: string): void;
}

export class ConnectionGuard {
  private readonly connections = new Map<GuardedConnection, NodeJS.Timeout | undefined>();
  private readonly sweeper: NodeJS.Timeout;
  private readonly stopListening: () => void;

  /** @param sweepMs how often revocation and hashes are looked at, milliseconds. */
  constructor(private readonly revocation: EdgeDeps['revocation'], private readonly gate: EdgeDeps['gate'], sweepMs: number) {
    this.sweeper = setInterval(() => this.sweep(), sweepMs);
    this.sweeper.unref();
    this.stopListening = revocation.onChange(() => this.sweep());
  }

  /** Watches a connection until `release`. */
  watch(connection: GuardedConnection): void {
    this.connections.set(connection, undefined);
    if (connection.credentials.tokenExpiresAt !== null) this.arm(connection, connection.credentials.tokenExpiresAt);
  }

  release(connection: GuardedConnection): void {
    clearTimeout(this.connections.get(connection));
    this.connections.delete(connection);
  }

  stop(): void {
    clearInterval(this.sweeper);
    this.stopListening();
    for (const timer of this.connections.values()) clearTimeout(timer);
    this.connections.clear();
  }

  private arm(connection: GuardedConnection, expiresAt: number): void {
    const left = expiresAt - Date.now();
    if (left <= 0) {
      this.expel(connection, CLOSE.forbidden, 'Token expired');
      return;
    }
    this.connections.set(connection, setTimeout(() => this.arm(connection, expiresAt), Math.min(left, LONGEST_TIMER_MS)));
  }

  private sweep(): void {
    for (const connection of this.connections.keys()) {
      const { credentials, presentedHash } = connection;
      if (credentials.principal !== null && this.revocation.isRevoked(credentials)) this.expel(connection, CLOSE.forbidden, 'Credential revoked');
      else if (presentedHash !== undefined && !this.gate.isAccepted(presentedHash)) this.expel(connection, CLOSE.hashMismatch, HASH_MISMATCH_REASON);
    }
  }

  private expel(connection: GuardedConnection, code: number, reason: string): void {
    this.release(connection);
    connection.close(code, reason);
  }
}
