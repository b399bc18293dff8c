/** Buffers that are used again. */
import { describe, expect, test } from '@jest/globals';
import { SpareBuffers } from '../../ops/runtime/spare-buffers.js';

describe('spare buffers', () => {
  test('are at least as long as asked for, and the last one given back is the next one taken', () => {
    const spare = new SpareBuffers();
    for (const bytes of [0, 1, 16_384, 16_385, 100_000, 1_048_576, 1_048_577]) expect(spare.take(bytes).length).toBeGreaterThanOrEqual(bytes);
    const [first, second] = [spare.take(20_000), spare.take(30_000)];
    spare.give(first);
    spare.give(second);
    expect(spare.take(17_000)).toBe(second);
    expect(spare.take(32_768)).toBe(first);
    expect(spare.take(32_768)).not.toBe(first);
  });

  test('are not handed to two at once', () => {
    const spare = new SpareBuffers();
    const taken = Array.from({ length: 20 }, () => spare.take(20_000));
    expect(new Set(taken).size).toBe(20);
    for (const buffer of taken) spare.give(buffer);
    expect(new Set(Array.from({ length: 40 }, () => spare.take(20_000))).size).toBe(40);
  });

  test('are kept up to a limit, and only those of its own sizes', () => {
    const spare = new SpareBuffers(64 * 1024);
    const [first, second, third] = [spare.take(32_000), spare.take(32_000), spare.take(32_000)];
    for (const buffer of [first, second, third]) spare.give(buffer);
    expect(spare.take(32_000)).toBe(second);
    expect(spare.take(32_000)).toBe(first);
    expect(spare.take(32_000)).not.toBe(third);
    const [part, huge] = [Buffer.alloc(20_000), spare.take(2_000_000)];
    for (const buffer of [part, huge]) spare.give(buffer);
    expect(spare.take(20_000)).not.toBe(part);
    expect(spare.take(2_000_000)).not.toBe(huge);
  });
});
