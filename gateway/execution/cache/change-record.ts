/** What a gateway knows of the changes of one subgraph: whether an answer of a certain age still shows the present state. */
import type { ChangesAnswer } from '../../../ops/runtime/change-feed.js';

/** Changes remembered; beyond it the oldest is forgotten, and answers from before it count as stale. */
export const MAX_REMEMBERED = 100_000;

/**
 * When each change was last told of. Nothing is ever deleted for a change: an answer knows the number of the last event it
 * certainly shows, and is stale once one of its changes was told of after that. So it does not matter in which order answers
 * and changes arrive, or where an answer was kept meanwhile.
 */
export class ChangeRecord {
  private readonly lastOf = new Map<string, number>();
  private unnumbered: ReadonlySet<string> = new Set();
  private floor = Infinity;
  private at = 0;
  private life: string | undefined;

  constructor(private readonly maxRemembered = MAX_REMEMBERED) {}

  /** Identity of the numbering; undefined before the first answer of the feed. */
  epoch(): string | undefined {
    return this.life;
  }

  /** Number of the last event that was told of. */
  position(): number {
    return this.at;
  }

  /**
   * Takes in an answer of the feed.
   * @returns false when it does not continue what is known, which is then forgotten: answers kept so far are stale.
   */
  apply({ epoch, from, position, changed, unnumbered }: ChangesAnswer): boolean {
    const continues = epoch === this.life && from === this.at;
    if (!continues) {
      this.lastOf.clear();
      this.life = epoch;
      this.floor = from;
    }
    this.at = position;
    for (const change of changed) {
      // Insertion order is then the order of the changes.
      this.lastOf.delete(change);
      this.lastOf.set(change, position);
    }
    for (const [change, last] of this.lastOf) {
      if (this.lastOf.size <= this.maxRemembered) break;
      this.lastOf.delete(change);
      this.floor = Math.max(this.floor, last);
    }
    this.unnumbered = new Set(unnumbered);
    return continues;
  }

  /** Forgets everything: until the next answer of the feed nothing is current. */
  forget(): void {
    this.lastOf.clear();
    this.unnumbered = new Set();
    this.life = undefined;
    this.floor = Infinity;
    this.at = 0;
  }

  /**
   * Whether an answer shows every change that is known and could make it stale.
   * @param asOf number of the last event the answer certainly shows.
   */
  isCurrent(changes: readonly string[], asOf: number): boolean {
    if (asOf < this.floor) return false;
    for (const change of changes) {
      if (this.unnumbered.has(change) || (this.lastOf.get(change) ?? 0) > asOf) return false;
    }
    return true;
  }
}
