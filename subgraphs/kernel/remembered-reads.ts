/** Keeps the results of keyed reads until an event of their streams says that they may have changed. */
import { LRUCache } from 'lru-cache';
import type { SequencedEvent } from './outbox.js';

const MAX_ENTRIES = 10_000;

export type KeyedRead<K extends string, V> = (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>;

interface Memory {
  readonly streams: ReadonlySet<string>;
  readonly values: LRUCache<string, { readonly value: unknown }>;
  /** Counts forgettings: a read that began before one must not be kept after it. */
  generation: number;
}

/**
 * Remembers reads of one subgraph. Changes made by this process are forgotten before their command answers, so everyone
 * reads their own writes here; changes made by another process of the same subgraph are, when word of them arrives.
 * For reference data and display only: nothing that decides a change may be read through it.
 */
export class RememberedReads {
  private readonly memories: Memory[] = [];

  /**
   * Wraps a read.
   * @param streams events of which make its results stale.
   * @param read reads what is not remembered; keys it does not return are remembered as missing.
   */
  remember<K extends string, V>(streams: readonly string[], read: KeyedRead<K, V>): KeyedRead<K, V> {
    const memory: Memory = { streams: new Set(streams), values: new LRUCache({ max: MAX_ENTRIES }), generation: 0 };
    this.memories.push(memory);
    return async (keys) => {
      const found = new Map<K, V>();
      const missing: K[] = [];
      for (const key of keys) {
        const known = memory.values.get(key);
        if (known === undefined) missing.push(key);
        else if (known.value !== undefined) found.set(key, known.value as V);
      }
      if (missing.length === 0) return found;
      const { generation } = memory;
      const fresh = await read(missing);
      for (const key of missing) {
        const value = fresh.get(key);
        if (value !== undefined) found.set(key, value);
        if (memory.generation === generation) memory.values.set(key, { value });
      }
      return found;
    };
  }

  /** Forgets what events of these streams made stale. */
  forget(streams: Iterable<string>): void {
    const changed = new Set(streams);
    for (const memory of this.memories) {
      if (![...changed].some((stream) => memory.streams.has(stream))) continue;
      memory.generation += 1;
      memory.values.clear();
    }
  }

  /** Forgets by events that arrived. */
  forgetBy(events: readonly SequencedEvent[]): void {
    this.forget(new Set(events.map(({ stream }) => stream)));
  }
}
