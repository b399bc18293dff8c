/** The turnstile at the door of the HTTP edge. */
import { describe, expect, test } from '@jest/globals';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { Turnstile } from '../../gateway/http/turnstile.js';

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await nextTurn();
}

describe('the turnstile', () => {
  test('lets a few in at once and the others at later turns of the loop, in order', async () => {
    const door = new Turnstile(2);
    const entered: number[] = [];
    const enter = (name: number): void => {
      const turn = door.enter();
      if (turn === undefined) entered.push(name);
      else void turn.then(() => entered.push(name));
    };
    for (let name = 0; name < 7; name += 1) enter(name);
    expect(entered).toEqual([0, 1]);
    expect(door.queued).toBe(5);
    await nextTurn();
    expect(entered).toEqual([0, 1, 2, 3]);
    // Who comes now stands behind those who wait.
    enter(7);
    expect(entered).toHaveLength(4);
    await turns(4);
    expect(entered).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(door.queued).toBe(0);
  });

  test('is open again after a turn without anybody', async () => {
    const door = new Turnstile(1);
    for (let round = 0; round < 5; round += 1) {
      expect(door.enter()).toBeUndefined();
      expect(door.enter()).toBeInstanceOf(Promise);
      // One turn lets in who waits, one passes without anybody.
      await turns(3);
    }
  });

  test('forgets nobody, whatever the arrivals, and never lets in more than its number at a turn', async () => {
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(fc.integer({ min: 0, max: 1_500 }), { maxLength: 4 }), async (perTurn, arrivals) => {
      const door = new Turnstile(perTurn);
      const entered: number[] = [];
      let count = 0;
      for (const arriving of arrivals) {
        const before = entered.length;
        for (let one = 0; one < arriving; one += 1) {
          const name = count;
          count += 1;
          const turn = door.enter();
          if (turn === undefined) entered.push(name);
          else void turn.then(() => entered.push(name));
        }
        expect(entered.length - before).toBeLessThanOrEqual(perTurn);
        await nextTurn();
      }
      for (let turn = 0; turn < 7_000 && entered.length < count; turn += 1) await nextTurn();
      expect(entered).toEqual(Array.from({ length: count }, (_, name) => name));
    }), { seed: 20_261_121, numRuns: 20 });
  });
});
