/** A queue whose items keep their numbers: appended at the end, dropped at the front, read by number. */

/** What several queues together may hold; `used` may pass `limit` for a moment, and whoever looks trims. */
export interface ByteBudget {
  used: number;
  readonly limit: number;
}

/** An item that knows its weight in bytes, roughly. */
export interface Sized {
  readonly size: number;
}

/** Dropped places at the front are given back when there are this many of them. */
const COMPACT_AT = 64;

export class IndexedQueue<T extends Sized> {
  private items: T[] = [];
  /** Place in `items` of number `first`. */
  private offset = 0;
  private weight = 0;

  /**
   * @param first number of the first item.
   * @param budget told of every byte taken and given back.
   */
  constructor(private firstNumber: number, private readonly budget: ByteBudget) {}

  /** Number of the oldest item that is still held, or of the next one. */
  get first(): number {
    return this.firstNumber;
  }

  /** Number after the newest item. */
  get end(): number {
    return this.firstNumber + this.length;
  }

  get length(): number {
    return this.items.length - this.offset;
  }

  /** Bytes held. */
  get bytes(): number {
    return this.weight;
  }

  /** Appends; returns the item's number. */
  push(item: T): number {
    this.items.push(item);
    this.weigh(item.size);
    return this.end - 1;
  }

  /** The item of a number; undefined when it was dropped or has not come. */
  at(number: number): T | undefined {
    return number < this.firstNumber ? undefined : this.items[this.offset + number - this.firstNumber];
  }

  /** Drops the oldest item and returns it. */
  shift(): T | undefined {
    const item = this.items[this.offset];
    if (item === undefined) return undefined;
    this.weigh(-item.size);
    this.offset += 1;
    this.firstNumber += 1;
    if (this.offset === this.items.length) {
      this.items = [];
      this.offset = 0;
    } else if (this.offset >= COMPACT_AT && this.offset * 2 >= this.items.length) {
      this.items = this.items.slice(this.offset);
      this.offset = 0;
    }
    return item;
  }

  /** Drops everything; numbers go on. */
  clear(): void {
    this.firstNumber = this.end;
    this.items = [];
    this.offset = 0;
    this.weigh(-this.weight);
  }

  private weigh(bytes: number): void {
    this.weight += bytes;
    this.budget.used += bytes;
  }
}
