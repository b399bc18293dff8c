/** What rates allow: points a minute and at once for principals, anonymous clients, and the reserve of each critical field. */

/** A rate: `burst` points at once, refilled evenly. */
export interface Rate {
  /** Points that come back in a minute. */
  readonly perMinute: number;
  /** Points that can be spent at once. */
  readonly burst: number;
}

export interface RatePolicy {
  /** Of one principal, over all its credentials and connections. */
  readonly principal: Rate;
  /** Of one address, for clients without credentials. */
  readonly anonymous: Rate;
  /** Of one principal for each CRITICAL field, when its own points are spent: a flood of anything else leaves it alone. */
  readonly reserve: Rate;
}

/** How rates are limited. */
export interface RateLimitConfig {
  readonly policy: RatePolicy;
  /** Where the points are counted; undefined counts in this process alone. */
  readonly redisUrl: string | undefined;
  readonly redisPrefix: string;
  /** Proxies in front of the gateway whose `X-Forwarded-For` is believed, 0 to 5. */
  readonly trustedProxies: number;
  /** Longest wait for Redis, milliseconds; default 200. */
  readonly patienceMs?: number;
}

/** Microseconds until one point is back. */
export function intervalOf({ perMinute }: Rate): number {
  return 60_000_000 / perMinute;
}

/** An account to charge: a name, and the rate it has. */
export interface Account {
  readonly key: string;
  readonly rate: Rate;
  /** True for an address's: a client may have any number of those, and they must not push out what principals have spent. */
  readonly ofAddress?: boolean;
}

/** What became of a charge. */
export interface Verdict {
  /** `reserve` when the own points were spent and the reserve's were taken. */
  readonly outcome: 'allowed' | 'reserve' | 'refused';
  /** Points the first account has left. */
  readonly left: number;
  /** Milliseconds until the first account is full again. */
  readonly fullInMs: number;
  /** Milliseconds until the same charge would pass; 0 when it passed. */
  readonly retryInMs: number;
}

/** Counts points. */
export interface PointStore {
  /**
   * Takes the points from the first account, or, when it has too few, from every reserve; all or nothing.
   * @param reserves accounts that help out; none refuses when the first has too few.
   */
  take(account: Account, reserves: readonly Account[], cost: number): Verdict | Promise<Verdict>;
  stop(): Promise<void>;
}
