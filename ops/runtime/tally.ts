/**
 * Counts and observations by hand, handed over when someone looks: a metric with labels costs a microsecond or two each
 * time it is touched, and the paths of a request touch a dozen.
 */
import { OTHER } from './bounded-label.js';

/** Keys of a tally; a label has few values, and whoever makes up more of them counts as `other`. */
const MAX_KEYS = 200;

/** Adds up by key until the sums are taken. */
export class Tally {
  private readonly sums = new Map<string, number>();

  /**
   * @param limit keys that are counted apart; default 200. Keys that come later are counted under `overflow`.
   * @param overflow default `other`.
   */
  constructor(private readonly limit = MAX_KEYS, private readonly overflow = OTHER) {}

  /** @param count whole number; 0 makes the key known, so that its series is born at zero. */
  add(key: string, count = 1): void {
    const sum = this.sums.get(key);
    if (sum === undefined && this.sums.size >= this.limit) this.sums.set(this.overflow, (this.sums.get(this.overflow) ?? 0) + count);
    else this.sums.set(key, (sum ?? 0) + count);
  }

  /** Hands over what was added since the last time, for every key that ever was. */
  take(give: (key: string, count: number) => void): void {
    for (const [key, count] of this.sums) {
      give(key, count);
      this.sums.set(key, 0);
    }
  }
}

/** Observations kept before they are handed over, so that memory is bounded between two looks. */
const KEPT = 512;

/** Keeps observations until someone looks, or until there are 512. */
export class Observations {
  private readonly values = new Float64Array(KEPT);
  private count = 0;

  /** @param observe takes one observation, as a histogram's child does. */
  constructor(private readonly observe: (value: number) => void) {}

  add(value: number): void {
    this.values[this.count] = value;
    this.count += 1;
    if (this.count === KEPT) this.flush();
  }

  /** Hands over what is kept. */
  flush(): void {
    const { count } = this;
    this.count = 0;
    for (let at = 0; at < count; at += 1) this.observe(this.values[at] as number);
  }
}
