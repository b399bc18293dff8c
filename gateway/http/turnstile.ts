/** Lets requests in a few at a time, so that what was begun is finished before more is begun. */

/**
 * A turnstile at the door of an event loop. Each turn of the loop lets a few requests in; the others wait for the next
 * turns, in order. A loop with time to spare turns many thousand times a second and nobody waits; a busy one turns as
 * often as it can finish what it was given, so that few requests are under way at once, their data is still in the
 * processor's caches when the next answer comes, and the young generation has little to copy. Slow subgraphs do not hold
 * the loop, so they let in as many requests as come.
 */
export class Turnstile {
  private readonly waiting: (() => void)[] = [];
  private first = 0;
  private left: number;
  private turning = false;

  /** @param perTurn requests let in at each turn, at least 1. */
  constructor(private readonly perTurn: number) {
    this.left = perTurn;
  }

  /** Requests that wait. */
  get queued(): number {
    return this.waiting.length - this.first;
  }

  /** @returns undefined when the request may go on at once, else a promise that is resolved when its turn comes. */
  enter(): Promise<void> | undefined {
    if (!this.turning) {
      this.turning = true;
      setImmediate(() => this.turn());
    }
    if (this.left > 0 && this.queued === 0) {
      this.left -= 1;
      return undefined;
    }
    return new Promise((resolve) => { this.waiting.push(resolve); });
  }

  private turn(): void {
    this.left = this.perTurn;
    while (this.left > 0 && this.queued > 0) {
      this.left -= 1;
      this.waiting[this.first]?.();
      this.first += 1;
    }
    if (this.queued === 0 || this.first >= MAX_GONE) {
      this.waiting.splice(0, this.first);
      this.first = 0;
    }
    this.turning = this.left < this.perTurn;
    if (this.turning) setImmediate(() => this.turn());
  }
}

/** Places of requests that were let in, kept at the head of the queue before it is moved up. */
const MAX_GONE = 1_024;
