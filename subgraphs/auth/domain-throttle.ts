/** How often a name may be tried: ten attempts are free, then each failure doubles a pause of 30 seconds up to 15 minutes. Pure. */

const FREE_ATTEMPTS = 10;
const FIRST_PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 15 * 60_000;
/** Failures are forgotten after a time without any. */
export const FORGET_MS = 60 * 60_000;

export interface Attempts {
  readonly failures: number;
  readonly lastAttemptAt: Date;
  readonly blockedUntil: Date | null;
}

export type Admission = { readonly allowed: true; readonly next: Attempts } | { readonly allowed: false; readonly retryAt: Date };

/**
 * Decides about an attempt and counts it as failed in advance, so that attempts made at once cannot outrun the count;
 * a success forgets them all.
 * @param known null when the name was not tried before.
 */
export function admit(known: Attempts | null, now: Date): Admission {
  if (known?.blockedUntil !== null && known?.blockedUntil !== undefined && known.blockedUntil > now) return { allowed: false, retryAt: known.blockedUntil };
  const forgotten = known === null || now.getTime() - known.lastAttemptAt.getTime() > FORGET_MS;
  const failures = (forgotten ? 0 : known.failures) + 1;
  const pause = failures < FREE_ATTEMPTS ? null : Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures - FREE_ATTEMPTS, 20));
  return { allowed: true, next: { failures, lastAttemptAt: now, blockedUntil: pause === null ? null : new Date(now.getTime() + pause) } };
}
