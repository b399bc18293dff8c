/** Stops calling an instance that only fails, and finds out quickly when it is back. */

export interface CircuitLimits {
  /** Failures in a row that open the circuit; default 5. */
  readonly failures?: number;
  /** Time within which they must happen, milliseconds; default 10,000. */
  readonly windowMs?: number;
  /** Time between two probes while the circuit is open, milliseconds; default 500. */
  readonly pauseMs?: number;
}

/**
 * The circuit of one instance. While it is open one call in each pause is let through as a probe, whatever became of the
 * probe before it, so that a probe that hangs does not keep a recovered instance out; the first success closes it.
 * Moments are on the clock of `performance.now()`, milliseconds.
 */
export class Circuit {
  private readonly limit: number;
  private readonly windowMs: number;
  private readonly pauseMs: number;
  private failures = 0;
  private firstFailure = -Infinity;
  /** Undefined while closed. */
  private nextProbe: number | undefined;
  private unwillingUntil = -Infinity;

  /** @param service name shown with the circuit's state. */
  constructor(readonly service: string, { failures = 5, windowMs = 10_000, pauseMs = 500 }: CircuitLimits = {}) {
    this.limit = failures;
    this.windowMs = windowMs;
    this.pauseMs = pauseMs;
  }

  get open(): boolean {
    return this.nextProbe !== undefined;
  }

  /** Time until the next probe, milliseconds; 0 when a call may go now. */
  wait(now: number): number {
    return this.nextProbe === undefined ? 0 : Math.max(0, this.nextProbe - now);
  }

  /** Whether another instance is better: no probe is due, or this one turned a call away a moment ago. */
  passOver(now: number): boolean {
    return this.wait(now) > 0 || now < this.unwillingUntil;
  }

  /** The instance answered that it does not serve now. It is still called where it is the only one. */
  turnedAway(now: number): void {
    this.unwillingUntil = now + this.pauseMs;
  }

  /** Asks to make a call; true at most once in a pause while open. */
  admit(now: number): boolean {
    if (this.nextProbe === undefined) return true;
    if (now < this.nextProbe) return false;
    this.nextProbe = now + this.pauseMs;
    return true;
  }

  /** The instance answered. @returns true when that closed the circuit. */
  succeeded(): boolean {
    const closes = this.open;
    this.failures = 0;
    this.nextProbe = undefined;
    return closes;
  }

  /** The instance could not be reached, broke off or did not answer in time. @returns true when that opened the circuit. */
  failed(now: number): boolean {
    if (this.failures === 0 || now - this.firstFailure > this.windowMs) {
      this.failures = 0;
      this.firstFailure = now;
    }
    this.failures += 1;
    if (this.open || this.failures < this.limit) return false;
    this.nextProbe = now + this.pauseMs;
    return true;
  }
}
