/** The transport's small parts: deadlines, circuits, retry budgets, decoding, reading. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeAnswer, isModest } from '../../gateway/execution/upstream/answer-text.js';
import { Circuit } from '../../gateway/execution/upstream/circuit-breaker.js';
import { Deadlines, type Expiring } from '../../gateway/execution/upstream/deadlines.js';
import { refusePrototypeKeys } from '../../gateway/execution/upstream/json.js';
import { isResponse, partsOf } from '../../gateway/execution/upstream/read-answer.js';
import { RetryBudget } from '../../gateway/execution/upstream/retry-budget.js';
import { AnswerMemory, Exchange, UpstreamFault, type RawAnswer } from '../../gateway/execution/upstream/upstream-http.js';
import { SpareBuffers } from '../../ops/runtime/spare-buffers.js';
import { until } from '../kit/until.js';

describe('deadlines', () => {
  test('end what waits at its moment, in whatever order it came, and nothing that was removed', async () => {
    const deadlines = new Deadlines();
    const ended: { name: string; late: number }[] = [];
    const start = performance.now();
    const item = (name: string, ms: number): Expiring => ({ expiresAt: start + ms, expire: () => { ended.push({ name, late: performance.now() - start - ms }); } });
    const removed = item('removed', 30);
    for (const one of [item('late', 80), item('soon', 20), removed, item('middle', 50)]) deadlines.add(one);
    deadlines.remove(removed);
    await until(async () => (ended.length === 3 ? true : undefined));
    expect(ended.map(({ name }) => name)).toEqual(['soon', 'middle', 'late']);
    for (const { late } of ended) expect(late).toBeGreaterThanOrEqual(0);
    expect(deadlines.size).toBe(0);
  });

  test('may be added while others end', async () => {
    const deadlines = new Deadlines();
    const second = new Promise<void>((resolve) => {
      const now = performance.now();
      deadlines.add({ expiresAt: now, expire: () => deadlines.add({ expiresAt: now + 1, expire: resolve }) });
    });
    await second;
    expect(deadlines.size).toBe(0);
  });
});

describe('a circuit', () => {
  test('opens after failures in a row only, lets one probe through in each pause, and closes at the first success', () => {
    const circuit = new Circuit('s', { failures: 3, windowMs: 1_000, pauseMs: 100 });
    expect([circuit.failed(0), circuit.failed(1), circuit.succeeded(), circuit.failed(2), circuit.failed(3), circuit.open]).toEqual([false, false, false, false, false, false]);
    expect(circuit.failed(4)).toBe(true);
    expect([circuit.admit(5), circuit.wait(54), circuit.admit(103)]).toEqual([false, 50, false]);
    expect([circuit.admit(104), circuit.admit(105), circuit.admit(203)]).toEqual([true, false, false]);
    // The first probe still hangs.
    expect(circuit.admit(204)).toBe(true);
    expect(circuit.succeeded()).toBe(true);
    expect([circuit.open, circuit.admit(205), circuit.wait(205)]).toEqual([false, true, 0]);
  });

  test('of an instance that turned a call away is not open, but another instance is better for a while', () => {
    const circuit = new Circuit('s', { pauseMs: 100 });
    expect(circuit.passOver(0)).toBe(false);
    circuit.turnedAway(0);
    expect([circuit.passOver(99), circuit.admit(1), circuit.open, circuit.passOver(100)]).toEqual([true, true, false, false]);
  });

  test('forgets failures that are older than its window', () => {
    const circuit = new Circuit('s', { failures: 2, windowMs: 100 });
    expect([circuit.failed(0), circuit.failed(101), circuit.failed(150)]).toEqual([false, false, true]);
  });
});

describe('a retry budget', () => {
  test('allows a share of the calls and a constant, however they come', () => {
    fc.assert(fc.property(fc.array(fc.record({ calls: fc.nat(20), retries: fc.nat(20), afterMs: fc.nat(50) }), { maxLength: 60 }), (steps) => {
      let now = 0;
      let calls = 0;
      let granted = 0;
      const budget = new RetryBudget(0, { share: 0.1, reserve: 5, perSecond: 1 });
      for (const step of steps) {
        now += step.afterMs;
        for (let i = 0; i < step.calls; i += 1) { budget.called(); calls += 1; }
        for (let i = 0; i < step.retries; i += 1) if (budget.take(now)) granted += 1;
        expect(granted).toBeLessThanOrEqual(5 + calls * 0.1 + now / 1_000 + 1e-6);
      }
    }));
  });

  test('fills again by itself', () => {
    const budget = new RetryBudget(0, { reserve: 1, perSecond: 1 });
    expect([budget.take(0), budget.take(500), budget.take(1_100)]).toEqual([true, false, true]);
  });
});

describe('decoding', () => {
  test('gives back any text, and says rightly what it is made of', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      fc.pre(!text.startsWith('\uFEFF') && Buffer.from(text).toString() === text);
      expect(decodeAnswer(Buffer.from(text))).toEqual({ text, ascii: Buffer.byteLength(text) === text.length && !text.includes('\\u'), escapeFree: !text.includes('\\') });
    }));
  });

  test('an escape makes a text that is not ASCII', () => {
    expect(decodeAnswer(Buffer.from('["\\u6f22"]'))).toMatchObject({ ascii: false, escapeFree: false });
    expect(decodeAnswer(Buffer.from('["\\n"]'))).toMatchObject({ ascii: true, escapeFree: false });
  });

  test.each([['a lone continuation byte', [0x22, 0x80, 0x22]], ['an overlong slash', [0xc0, 0xaf]], ['a surrogate', [0xed, 0xa0, 0x80]], ['a cut sequence', [0x22, 0xe2, 0x82]], ['Latin-1', [0x22, 0xe4, 0x22]], ['gzip', [0x1f, 0x8b, 0x08]]])('refuses %s', (_name, bytes) => {
    expect(decodeAnswer(Buffer.from(bytes))).toBeUndefined();
  });

  test('ignores a byte order mark', () => {
    expect(decodeAnswer(Buffer.from('\uFEFF{}'))?.text).toBe('{}');
  });

  test('counts values and nesting outside of texts only', () => {
    const fits = (value: unknown, values: number, depth: number): boolean => isModest(Buffer.from(JSON.stringify(value)), values, depth);
    expect([fits([[1, 2], { a: 1 }], 5, 2), fits([[1, 2], { a: 1 }], 4, 2), fits([[1, 2], { a: 1 }], 5, 1)]).toEqual([true, false, false]);
    expect(fits({ a: '[[[[,,,,{{{{\\"[[[["', '[[': '"' }, 2, 1)).toBe(true);
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      expect(fits(value, countValues(value), 7)).toBe(true);
    }));
  });

  test('large answers of tiny values are not parsed', () => {
    expect(decodeAnswer(Buffer.from(`[${'{},'.repeat(1_000_001)}1]`))).toBeUndefined();
    expect(decodeAnswer(Buffer.from('['.repeat(300_000)))).toBeUndefined();
    expect(decodeAnswer(Buffer.from(`["${'x'.repeat(2_000_000)}"]`))?.ascii).toBe(true);
  });
});

/** An upper bound of what `isModest` counts: lists and objects, and the commas in them. */
function countValues(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const children = Object.values(value);
  return 1 + Math.max(0, children.length - 1) + children.reduce((sum: number, child) => sum + countValues(child), 0);
}

describe('keys that reach for a prototype', () => {
  test.each(['{"a":[{"__proto__":1}]}', '{"\\u005f_proto__":1}', '{"__p\\u0072oto__":1}', '{"__pr\\u006Foto\\u005F_":{"__\\u0070roto__":1}}', '{"__proto_\\u005F":1}', '{"__pro\\u0074o__":1}'])('%s is refused', (text) => {
    expect(() => refusePrototypeKeys(text, JSON.parse(text))).toThrow(expect.objectContaining({ code: 'SUBGRAPH_BAD_RESPONSE' }));
  });
  test.each(['{"a":"__proto__"}', '{"data_protection":1}', '{"constructor":{"prototype":1}}', '{"a":"\\u0070"}', '{"a\\\\u005f":1}'])('%s is not', (text) => {
    expect(() => refusePrototypeKeys(text, JSON.parse(text))).not.toThrow();
  });
});

describe('reading a response', () => {
  test.each(['null', '[]', '"x"', '1', '{}', '{"errors":"x"}', '{"error":{}}'])('%s is none', (text) => {
    expect(isResponse(JSON.parse(text))).toBe(false);
  });
  test.each(['{"data":[]}', '{"data":"x"}', '{"data":1}', '{"data":{},"errors":"x"}', '{"data":{},"errors":{}}', '{"errors":[]}'])('%s is one of the wrong form', (text) => {
    const value: unknown = JSON.parse(text);
    expect(isResponse(value) && partsOf(value)).toBeUndefined();
  });
  test('errors take the form of the specification, and a hundred are enough', () => {
    const errors = [1, null, 'x', [], {}, { message: 7, path: 'a', extensions: [] }, { message: 'm', path: ['a', -1], locations: 1 }, { message: 'm', path: ['a', 0], extensions: { code: 'BAD_USER_INPUT' } }];
    expect(partsOf({ data: null, errors })?.errors).toEqual([
      ...Array.from({ length: 4 }, () => ({ message: 'The subgraph reported an error that is not an object.' })),
      ...Array.from({ length: 2 }, () => ({ message: 'The subgraph reported an error without a message.' })),
      { message: 'm' }, { message: 'm', path: ['a', 0], extensions: { code: 'BAD_USER_INPUT' } },
    ]);
    expect(partsOf({ errors: Array.from({ length: 10_000 }, () => ({ message: 'again' })) })?.errors).toHaveLength(100);
  });
  test('what is long or deep in an error is cut', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 100_000; level += 1) deep = [deep];
    const read = partsOf({ errors: [{ message: 'x'.repeat(100_000), extensions: { code: 'BAD_USER_INPUT', deep } }, { message: 'm', extensions: { code: 'C'.repeat(9_000) } }, { message: 'm', path: Array.from({ length: 101 }, () => 0) }] });
    expect(read?.errors).toEqual([{ message: `${'x'.repeat(2_000)}…`, extensions: { code: 'BAD_USER_INPUT' } }, { message: 'm', extensions: {} }, { message: 'm' }]);
  });
});

describe('collecting an answer', () => {
  const controller = { abort: () => undefined } as unknown as Parameters<Exchange['onRequestStart']>[0];
  const collect = (maxBytes: number, free = maxBytes): { exchange: Exchange; memory: AnswerMemory; outcome: () => RawAnswer | UpstreamFault | undefined } => {
    const memory = new AnswerMemory(free);
    let got: RawAnswer | UpstreamFault | undefined;
    const exchange = new Exchange(Infinity, { maxBytes, memory, buffers: new SpareBuffers() }, (_ended, outcome) => {
      // The bytes are the exchange's own only as long as they are being read.
      got = outcome instanceof UpstreamFault ? outcome : { ...outcome, bytes: Buffer.from(outcome.bytes) };
    });
    exchange.onRequestStart(controller);
    exchange.onResponseStart(controller, 200, {});
    return { exchange, memory, outcome: () => got };
  };

  test('puts chunks of any size together, and gives the memory back', () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 40_000 }), { maxLength: 8 }), (chunks) => {
      const { exchange, memory, outcome } = collect(400_000);
      for (const chunk of chunks) exchange.onResponseData(controller, Buffer.from(chunk));
      exchange.onResponseEnd();
      expect((outcome() as RawAnswer).bytes.equals(Buffer.concat(chunks))).toBe(true);
      expect(memory.take(400_000)).toBe(true);
    }), { numRuns: 50 });
  });

  test('a million chunks of one byte take no more memory than their bytes', () => {
    const { exchange, outcome } = collect(2_000_000);
    const segment = Buffer.alloc(64 * 1024, 'x');
    const before = process.memoryUsage().arrayBuffers;
    for (let at = 0; at < 1_000_000; at += 1) exchange.onResponseData(controller, segment.subarray(at % 65_536, (at % 65_536) + 1));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8_000_000);
    exchange.onResponseEnd();
    expect((outcome() as RawAnswer).bytes).toHaveLength(1_000_000);
  });

  test('ends at the limit of one answer, at the limit of all, and at an announced length above it', () => {
    const one = collect(10);
    one.exchange.onResponseData(controller, Buffer.alloc(11));
    expect(one.outcome()).toMatchObject({ kind: 'too-large', sent: true });
    const all = collect(100, 10);
    all.exchange.onResponseData(controller, Buffer.alloc(6));
    all.exchange.onResponseData(controller, Buffer.alloc(6));
    expect(all.outcome()).toMatchObject({ kind: 'overloaded' });
    expect(all.memory.take(10)).toBe(true);
    const announced = collect(10);
    announced.exchange.onResponseStart(controller, 200, { 'content-length': '11' });
    expect(announced.outcome()).toMatchObject({ kind: 'too-large' });
  });
});
