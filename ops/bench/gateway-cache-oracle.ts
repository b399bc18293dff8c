/** Judges reads by what had been acknowledged before they were sent: nobody may see less than is promised. */

interface Write {
  readonly version: number;
  /** When its answer arrived, milliseconds; it was committed before that. */
  readonly at: number;
}

export class StalenessOracle {
  /** Reads that missed a write which was older than promised. */
  stale = 0;
  /** Reads that missed an acknowledged write of the reader. */
  staleOwn = 0;
  private readonly writes = new Map<string, Write[]>();
  private readonly own = new Map<string, number>();

  /** @param promisedMs staleness that may be seen of what others wrote, milliseconds. */
  constructor(private readonly promisedMs: number) {}

  wrote(who: number, id: string, version: number, at: number): void {
    const writes = this.writes.get(id) ?? [];
    writes.push({ version, at });
    this.writes.set(id, writes);
    const key = `${who} ${id}`;
    this.own.set(key, Math.max(version, this.own.get(key) ?? 0));
  }

  /**
   * Notes what a read that begins now must show at least.
   * @returns what to call with the version it showed.
   */
  expect(who: number, id: string, startedAt: number): (version: number) => void {
    const own = this.own.get(`${who} ${id}`) ?? 0;
    const others = Math.max(0, ...(this.writes.get(id) ?? []).filter(({ at }) => at <= startedAt - this.promisedMs).map(({ version }) => version));
    return (version) => {
      if (version < own) this.staleOwn += 1;
      if (version < others) this.stale += 1;
    };
  }
}
