/** Whether a connection or stream may go on: token, revocation and hash, looked at again and again in one sweep over all of them. */
import { AcgsError } from '../../ops/runtime/errors.js';
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

/** Why something must end, for a WebSocket and as an error. */
export interface Expulsion {
  readonly closeCode: number;
  readonly reason: string;
  readonly fault: () => AcgsError;
}

const EXPIRED: Expulsion = { closeCode: CLOSE.forbidden, reason: 'Token expired', fault: () => new AcgsError('TOKEN_EXPIRED') };
const REVOKED: Expulsion = { closeCode: CLOSE.forbidden, reason: 'Credential revoked', fault: () => new AcgsError('UNAUTHENTICATED', 'The credentials were revoked.') };
const MISMATCHED: Expulsion = { closeCode: CLOSE.hashMismatch, reason: HASH_MISMATCH_REASON, fault: () => new AcgsError('CONSTITUTIONAL_HASH_MISMATCH') };

/** The part of credentials that can come to an end. */
export type StandingCredentials = Pick<Credentials, 'principal' | 'credentialId' | 'issuedAt' | 'tokenExpiresAt'>;

/** True when the access token has ended. */
export function isExpired({ tokenExpiresAt }: Pick<Credentials, 'tokenExpiresAt'>, now: number): boolean {
  return tokenExpiresAt !== null && tokenExpiresAt <= now;
}

/**
 * Says why credentials no longer hold; undefined while they do.
 * @param presentedHash hash the client works under; undefined when it presented none.
 */
export function expulsionOf(credentials: StandingCredentials, presentedHash: string | undefined, { revocation, gate }: Pick<EdgeDeps, 'revocation' | 'gate'>, now: number): Expulsion | undefined {
  if (isExpired(credentials, now)) return EXPIRED;
  if (credentials.principal !== null && revocation.isRevoked(credentials)) return REVOKED;
  return presentedHash !== undefined && !gate.isAccepted(presentedHash) ? MISMATCHED : undefined;
}

/** Something that is looked at in every sweep. */
export interface Swept {
  /** @param now milliseconds since the epoch. */
  sweep(now: number): void;
}

/** One timer for all: ten thousand connections have none of their own. */
export class Sweeper {
  private readonly all = new Set<Swept>();
  private readonly timer: NodeJS.Timeout;
  private readonly stopListening: () => void;

  /** @param everyMs milliseconds between sweeps; a change of the revocations brings one at once. */
  constructor(revocation: EdgeDeps['revocation'], everyMs: number) {
    this.timer = setInterval(() => this.sweep(), everyMs);
    this.timer.unref();
    this.stopListening = revocation.onChange(() => this.sweep());
  }

  add(swept: Swept): void {
    this.all.add(swept);
  }

  remove(swept: Swept): void {
    this.all.delete(swept);
  }

  stop(): void {
    clearInterval(this.timer);
    this.stopListening();
    this.all.clear();
  }

  private sweep(): void {
    const now = Date.now();
    for (const swept of this.all) swept.sweep(now);
  }
}
