/** Lets a storm of notifications use a part of the database connections only: one at a time for each group, a few over all. */

export class IngestQueue {
  private readonly tails = new Map<string, Promise<unknown>>();
  private readonly waiting: Array<() => void> = [];
  private running = 0;

  /** @param width how many may run at once, so that people's commands find a connection too. */
  constructor(private readonly width: number) {}

  /** Runs work after all earlier work of the same group, as soon as a place is free. */
  async run<T>(group: string, work: () => Promise<T>): Promise<T> {
    const before = this.tails.get(group) ?? Promise.resolve();
    const result = before.then(() => this.placed(work));
    const tail = result.then(() => undefined, () => undefined);
    this.tails.set(group, tail);
    try {
      return await result;
    } finally {
      if (this.tails.get(group) === tail) this.tails.delete(group);
    }
  }

  private async placed<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= this.width) await new Promise<void>((resolve) => { this.waiting.push(resolve); });
    else this.running += 1;
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      // The place is handed on, so nobody who comes between can take it.
      if (next === undefined) this.running -= 1;
      else next();
    }
  }
}
