/** Bounds how many calls are made a second time, so that retries cannot multiply the load on a subgraph that is failing. */

export interface RetryLimits {
  /** Retries earned by each call; default 0.1. */
  readonly share?: number;
  /** Retries that can be saved up, and are there at the start; default 10. */
  readonly reserve?: number;
  /** Retries earned each second without any call; default 1. */
  readonly perSecond?: number;
}

/** A token bucket for one subgraph: over any time retries stay below a share of the calls and a small constant. */
export class RetryBudget {
  private readonly share: number;
  private readonly reserve: number;
  private readonly perSecond: number;
  private tokens: number;
  private filledAt: number;

  /** @param now moment on the clock of `performance.now()`, milliseconds. */
  constructor(now: number, { share = 0.1, reserve = 10, perSecond = 1 }: RetryLimits = {}) {
    this.share = share;
    this.reserve = reserve;
    this.perSecond = perSecond;
    this.tokens = reserve;
    this.filledAt = now;
  }

  /** Counts a call that is no retry. */
  called(): void {
    this.tokens = Math.min(this.reserve, this.tokens + this.share);
  }

  /** Asks for a retry. @returns whether it may be made; then it is paid for. */
  take(now: number): boolean {
    this.tokens = Math.min(this.reserve, this.tokens + ((now - this.filledAt) / 1_000) * this.perSecond);
    this.filledAt = now;
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }
}
