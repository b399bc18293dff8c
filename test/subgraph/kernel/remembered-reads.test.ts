/** Remembered reads are never older than the last change this process made. */
import { describe, expect, test } from '@jest/globals';
import { RememberedReads } from '../../../subgraphs/kernel/remembered-reads.js';

/** A table with a read that can be held up. */
function table(): { rows: Map<string, string>; reads: string[][]; read: (keys: readonly string[]) => Promise<Map<string, string>>; hold(): () => void } {
  const rows = new Map([['a', 'a1'], ['b', 'b1']]);
  const reads: string[][] = [];
  let gate: Promise<void> = Promise.resolve();
  return {
    rows, reads,
    async read(keys) {
      reads.push([...keys]);
      const seen = new Map([...rows].filter(([key]) => keys.includes(key)));
      await gate;
      return seen;
    },
    hold() {
      let open = (): void => undefined;
      gate = new Promise((resolve) => { open = resolve; });
      return open;
    },
  };
}

describe('remembered reads', () => {
  test('ask for what is not known only, missing keys included', async () => {
    const memory = new RememberedReads();
    const { read, reads } = table();
    const remembered = memory.remember(['thing'], read);
    expect(await remembered(['a', 'nothing'])).toEqual(new Map([['a', 'a1']]));
    expect(await remembered(['a', 'b', 'nothing'])).toEqual(new Map([['a', 'a1'], ['b', 'b1']]));
    expect(reads).toEqual([['a', 'nothing'], ['b']]);
  });

  test('forget by stream, and only by the streams they depend on', async () => {
    const memory = new RememberedReads();
    const { rows, read, reads } = table();
    const remembered = memory.remember(['thing', 'owner'], read);
    await remembered(['a']);
    rows.set('a', 'a2');
    memory.forget(['other']);
    expect((await remembered(['a'])).get('a')).toBe('a1');
    memory.forget(['owner']);
    expect((await remembered(['a'])).get('a')).toBe('a2');
    expect(reads).toHaveLength(2);
  });

  test('do not keep what was read before a change and arrived after it', async () => {
    const memory = new RememberedReads();
    const { rows, read, hold } = table();
    const remembered = memory.remember(['thing'], read);
    const open = hold();
    const early = remembered(['a']);
    rows.set('a', 'a2');
    memory.forget(['thing']);
    open();
    expect((await early).get('a')).toBe('a1');
    expect((await remembered(['a'])).get('a')).toBe('a2');
  });
});
