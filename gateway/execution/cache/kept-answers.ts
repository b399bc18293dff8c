/** Answers kept in memory, the least recently used forgotten first when they take more bytes than allowed. */
import { LRUCache } from 'lru-cache';

/** What a subgraph answered about one thing, as text, with what tells how long it may be used. */
export interface KeptAnswer {
  /** JSON of the entity, or of a root fetch's data. */
  readonly text: string;
  /** Changes that make it stale, as the feed names them. */
  readonly changes: readonly string[];
  /** Number of the last event it certainly shows. */
  readonly asOf: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** True when no text in it needs an escape in JSON. */
  readonly escapeFree: boolean;
  /** True when all its texts are ASCII. */
  readonly ascii: boolean;
}

/** Bytes an entry takes beside its texts, about. */
const ENTRY_BYTES = 250;
/** Largest answer that is kept, as a share of all bytes. */
const LARGEST_SHARE = 1 / 16;

export interface KeptAnswers {
  /** Undefined when there is none, or its time is over. */
  get(key: string, now: number): KeptAnswer | undefined;
  set(key: string, answer: KeptAnswer): void;
  /** Bytes kept, about. */
  bytes(): number;
  count(): number;
  clear(): void;
}

/** @param maxBytes about how much memory is used. */
export function createKeptAnswers(maxBytes: number): KeptAnswers {
  const answers = new LRUCache<string, KeptAnswer>({ maxSize: maxBytes, maxEntrySize: Math.max(1, Math.floor(maxBytes * LARGEST_SHARE)), sizeCalculation: sizeOf });
  return {
    get(key, now) {
      const answer = answers.get(key);
      if (answer === undefined || answer.expiresAt > now) return answer;
      answers.delete(key);
      return undefined;
    },
    set: (key, answer) => { answers.set(key, answer); },
    bytes: () => answers.calculatedSize,
    count: () => answers.size,
    clear: () => { answers.clear(); },
  };
}

/** V8 keeps Latin-1 texts in one byte a character and all others in two. */
function sizeOf({ text, changes, ascii }: KeptAnswer, key: string): number {
  return ENTRY_BYTES + key.length + text.length * (ascii ? 1 : 2) + changes.reduce((sum, change) => sum + change.length, 0);
}

/** Writes a value to be kept. */
export function keptTextOf(value: unknown): Pick<KeptAnswer, 'text' | 'escapeFree' | 'ascii'> {
  const text = JSON.stringify(value);
  return { text, escapeFree: !text.includes('\\'), ascii: isAscii(text) && !text.includes('\\u') };
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > 0x7f) return false;
  return true;
}
