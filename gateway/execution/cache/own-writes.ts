/** Remembers who changed something just now: they read past the cache until its feeds have caught up. */

/** Milliseconds of `performance.now()` by principal; entries as old as a feed may lag are of no use any more. */
export class OwnWrites {
  private readonly moments = new Map<string, number>();

  /** @param keepMs longest time a feed may be behind and still be believed. */
  constructor(private readonly keepMs: number) {}

  /** @param principalId null for all who are anonymous. */
  wrote(principalId: string | null, now: number): void {
    const key = keyOf(principalId);
    this.moments.delete(key);
    this.moments.set(key, now);
    for (const [oldest, at] of this.moments) {
      // Insertion order is the order of the moments.
      if (now - at <= this.keepMs) break;
      this.moments.delete(oldest);
    }
  }

  /** When the principal last changed something, as far as it still matters; -Infinity otherwise. */
  lastOf(principalId: string | null): number {
    return this.moments.get(keyOf(principalId)) ?? -Infinity;
  }

  size(): number {
    return this.moments.size;
  }
}

function keyOf(principalId: string | null): string {
  return principalId === null ? 'anonymous' : `principal ${principalId}`;
}
