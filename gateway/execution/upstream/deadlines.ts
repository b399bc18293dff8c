/** Ends what takes too long: one timer for everything that waits, set to the earliest deadline. */

/** Something that ends at a moment unless it is removed before. */
export interface Expiring {
  /** Moment on the clock of `performance.now()`, milliseconds. */
  readonly expiresAt: number;
  /** Called once, at `expiresAt` or up to `GRANULARITY_MS` later. */
  expire(): void;
}

/** Shortest time between two looks at what waits, milliseconds. */
const GRANULARITY_MS = 10;
/** Longest time a timer can be set to, milliseconds; what is due later is looked at then, and waits on. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Deadlines of one process. A timer or an AbortSignal for each call costs more than the rest of the call's bookkeeping;
 * nearly all calls end long before their deadline, so here adding and removing one is a set operation, and the timer
 * fires about once in the length of a deadline. It does not keep the process alive.
 */
export class Deadlines {
  private readonly waiting = new Set<Expiring>();
  private timer: NodeJS.Timeout | undefined;
  private due = Infinity;

  /** Number of things that wait. */
  get size(): number {
    return this.waiting.size;
  }

  add(item: Expiring): void {
    this.waiting.add(item);
    if (item.expiresAt < this.due) this.arm(item.expiresAt);
  }

  remove(item: Expiring): void {
    this.waiting.delete(item);
  }

  /** Forgets everything without ending it. */
  stop(): void {
    this.waiting.clear();
    clearTimeout(this.timer);
    this.timer = undefined;
    this.due = Infinity;
  }

  private arm(at: number): void {
    clearTimeout(this.timer);
    this.due = at;
    this.timer = setTimeout(() => this.look(), Math.min(MAX_TIMER_MS, Math.max(1, Math.ceil(at - performance.now()))));
    this.timer.unref();
  }

  private look(): void {
    this.timer = undefined;
    this.due = Infinity;
    const now = performance.now();
    let next = Infinity;
    const over: Expiring[] = [];
    for (const item of this.waiting) {
      if (item.expiresAt <= now) over.push(item);
      else if (item.expiresAt < next) next = item.expiresAt;
    }
    // The next look is planned first: what ends now may add deadlines of its own.
    if (next !== Infinity) this.arm(Math.max(next, now + GRANULARITY_MS));
    for (const item of over) if (this.waiting.delete(item)) item.expire();
  }
}
