/** W3C Trace Context: what is continued, what is refused, what is sent on. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { continueTrace } from '../../ops/runtime/trace-context.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const SENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/;

describe('a valid traceparent', () => {
  test.each([
    [`00-${TRACE}-${SPAN}-01`, '01'],
    [`00-${TRACE}-${SPAN}-00`, '00'],
    [`00-${TRACE}-${SPAN}-03`, '01'],
    [`00-${TRACE}-${SPAN}-fe`, '00'],
    [`cc-${TRACE}-${SPAN}-01`, '01'],
    [`cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`, '01'],
  ])('%s is continued with a span of our own and flags %s', (given, flags) => {
    const { traceId, traceparent } = continueTrace(given, undefined);
    expect(traceId).toBe(TRACE);
    expect(traceparent).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-${flags}$`));
    expect(traceparent).not.toContain(SPAN);
  });
});

describe('a traceparent that is not valid begins a new trace', () => {
  test.each([
    ['missing', undefined],
    ['empty', ''],
    ['sent twice', `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`],
    ['a list', [`00-${TRACE}-${SPAN}-01`]],
    ['version ff', `ff-${TRACE}-${SPAN}-01`],
    ['version 00 with more', `00-${TRACE}-${SPAN}-01-x`],
    ['a later version that goes on without a dash', `cc-${TRACE}-${SPAN}-01.x`],
    ['a zero trace', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['a zero span', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['upper case', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ['a short trace', `00-${TRACE.slice(1)}-${SPAN}-01`],
    ['short flags', `00-${TRACE}-${SPAN}-1`],
    ['letters', `00-${'g'.repeat(32)}-${SPAN}-01`],
    ['spaces around', ` 00-${TRACE}-${SPAN}-01`],
  ])('%s', (_, given) => {
    const { traceId, traceparent, tracestate } = continueTrace(given, 'vendor=1');
    expect(traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(traceId).not.toBe(TRACE);
    expect(traceparent).toMatch(SENT);
    expect(tracestate).toBeUndefined();
  });

  test('each time another one', () => {
    expect(new Set(Array.from({ length: 1_000 }, () => continueTrace(undefined, undefined).traceId)).size).toBe(1_000);
  });
});

describe('tracestate', () => {
  const state = (given: string | readonly string[] | undefined): string | undefined => continueTrace(`00-${TRACE}-${SPAN}-01`, given).tracestate;
  test.each([
    ['rojo=00f067aa0ba902b7,congo=t61rcWkgMzE', 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'],
    ['a=1 , b=2', 'a=1,b=2'],
    ['a=1,,b=2', 'a=1,b=2'],
    ['tenant@vendor=v', 'tenant@vendor=v'],
    ['1tenant@vendor=v', '1tenant@vendor=v'],
    ['a=x y', 'a=x y'],
  ])('%s is passed on', (given, expected) => expect(state(given)).toBe(expected));
  test('of several headers is joined', () => expect(state(['a=1', 'b=2'])).toBe('a=1,b=2'));
  test.each(['', 'a', 'A=1', '1a=1', 'a=1,a=2', 'a=x=y', 'a=\u0001', `a=${'x'.repeat(257)}`, `${'a'.repeat(257)}=1`, Array.from({ length: 33 }, (_, index) => `k${index}=1`).join(',')])('%s is dropped', (given) => {
    expect(state(given)).toBeUndefined();
  });
});

test('whatever arrives, what is sent on is valid', () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/));
  fc.assert(fc.property(text, fc.string(), (parent, state) => {
    const { traceId, traceparent } = continueTrace(parent, state);
    expect(traceparent).toMatch(SENT);
    expect(traceparent.split('-')[1]).toBe(traceId);
    expect(traceId).not.toBe('0'.repeat(32));
  }));
});
