/** The answer stream by itself: order, ends, detaching, and that nothing is left behind. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { GraphQLError } from 'graphql';
import { Registry } from 'prom-client';
import { DEFAULT_EDGE_LIMITS } from '../../gateway/subscriptions/edge-deps.js';
import type { FeedReader } from '../../gateway/subscriptions/resumable-feed.js';
import { createSubscriptionMetrics } from '../../gateway/subscriptions/subscription-metrics.js';
import { SubscriptionFailure, SubscriptionStream, type Outlet, type SteeredFeed } from '../../gateway/subscriptions/subscription-stream.js';
import type { GatewayResult } from '../../gateway/execution/contracts.js';

const metrics = createSubscriptionMetrics(new Registry(), { connections: () => 0, subscriptions: () => 0, upstreamStreams: () => 0 });
const STAMP = { constitutional: { hash: 'h', verified: true } };
const FREE: Outlet = { congested: () => false, caughtUp: () => Promise.resolve(true) };

interface Rig {
  readonly stream: SubscriptionStream;
  readonly reader: FeedReader;
  readonly calls: string[];
  push(value: number): void;
  /** Settles the execution of a value. */
  settle(value: number): void;
  readonly running: () => number[];
}

function rig(options: { outlet?: Outlet; maxWaitingEvents?: number; canPause?: boolean; immediate?: boolean } = {}): Rig {
  const calls: string[] = [];
  const running = new Map<number, () => void>();
  let reader: FeedReader | undefined;
  const feed: SteeredFeed = {
    canPause: options.canPause ?? true,
    start: () => { calls.push('start'); },
    pause: () => { calls.push('pause'); },
    resume: () => { if (calls.at(-1) === 'pause') calls.push('resume'); },
    close: () => { if (!calls.includes('close')) calls.push('close'); },
  };
  const stream = new SubscriptionStream({
    field: 'f', metrics, outlet: options.outlet ?? FREE,
    limits: { ...DEFAULT_EDGE_LIMITS, pipelinedEvents: 4, maxWaitingEvents: options.maxWaitingEvents ?? 512 },
    makeFeed: (given) => { reader = given; return feed; },
    execute: (payload) => {
      const value = payload.data?.['n'] as number;
      const result: GatewayResult = { data: { n: value }, extensions: STAMP };
      return options.immediate === true ? Promise.resolve(result) : new Promise((resolve) => { running.set(value, () => { running.delete(value); resolve(result); }); });
    },
    onClosed: () => { calls.push('closed'); },
  });
  if (reader === undefined) throw new Error('no feed was made');
  const given = reader;
  return { stream, reader: given, calls, push: (n) => given.message({ data: { n } }, true), settle: (n) => running.get(n)?.(), running: () => [...running.keys()] };
}

const valueOf = async (next: Promise<IteratorResult<GatewayResult, undefined>>): Promise<unknown> => (await next).value?.data?.['n'];

describe('SubscriptionStream', () => {
  it('delivers in order whatever order executions end in', async () => {
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 30 }), fc.infiniteStream(fc.nat()), async (count, picks) => {
      const { stream, push, settle, running } = rig();
      for (let value = 0; value < count; value += 1) push(value);
      const received: unknown[] = [];
      const reading = (async () => { for (let index = 0; index < count; index += 1) received.push(await valueOf(stream.next())); })();
      while (received.length < count) {
        const open = running();
        expect(open.length).toBeLessThanOrEqual(4);
        const pick = picks.next().value ?? 0;
        if (open.length > 0) settle(open[pick % open.length] as number);
        await new Promise((resolve) => { setImmediate(resolve); });
      }
      await reading;
      expect(received).toEqual(Array.from({ length: count }, (_, index) => index));
    }), { numRuns: 50 });
  });

  it('ends a pending next at once on return, and closes the feed first', async () => {
    const { stream, calls } = rig();
    const pending = stream.next();
    await expect(stream.return()).resolves.toEqual({ done: true, value: undefined });
    await expect(pending).resolves.toEqual({ done: true, value: undefined });
    expect(calls).toEqual(['start', 'close', 'closed']);
    await stream.return();
    await expect(stream.next()).resolves.toEqual({ done: true, value: undefined });
    expect(calls.filter((call) => call === 'closed')).toHaveLength(1);
  });

  it('ends on throw as on return and rejects with the reason', async () => {
    const { stream, calls } = rig();
    await expect(stream.throw(new Error('enough'))).rejects.toThrow('enough');
    expect(calls).toContain('close');
    await expect(stream.next()).resolves.toMatchObject({ done: true });
  });

  it('returns while an execution never ends', async () => {
    const { stream, push } = rig();
    push(1);
    const pending = stream.next();
    await stream.return();
    await expect(pending).resolves.toMatchObject({ done: true });
  });

  it('delivers what came before it fails with every error', async () => {
    const { stream, push, reader } = rig({ immediate: true });
    push(1);
    push(2);
    reader.end([new GraphQLError('expired', { extensions: { code: 'CURSOR_EXPIRED' } })]);
    expect(await valueOf(stream.next())).toBe(1);
    expect(await valueOf(stream.next())).toBe(2);
    await expect(stream.next()).rejects.toBeInstanceOf(SubscriptionFailure);
    await expect(stream.next()).resolves.toMatchObject({ done: true });
  });

  it('detaches the feed when too much waits and attaches it again when it has drained', async () => {
    const { stream, push, calls } = rig({ immediate: true, maxWaitingEvents: 8 });
    for (let value = 0; value < 12; value += 1) push(value);
    expect(calls).toEqual(['start', 'pause']);
    for (let value = 0; value < 12; value += 1) expect(await valueOf(stream.next())).toBe(value);
    expect(calls).toEqual(['start', 'pause', 'resume']);
  });

  it('ends with SUBSCRIPTION_LAGGING when it cannot detach, or the reader does not catch up', async () => {
    const stuck = rig({ canPause: false, maxWaitingEvents: 2 });
    for (let value = 0; value < 8; value += 1) stuck.push(value);
    expect(stuck.calls).toContain('close');

    const slow = rig({ immediate: true, outlet: { congested: () => true, caughtUp: () => Promise.resolve(false) } });
    slow.push(1);
    await expect(slow.stream.next()).rejects.toMatchObject({ errors: [{ extensions: { code: 'SUBSCRIPTION_LAGGING' } }] });
    expect(slow.calls).toEqual(['start', 'close', 'closed']);
  });
});
