/** The pulled answer stream by itself: order, ends, room for what waits, and that nothing is left behind. */
import { describe, expect, it } from '@jest/globals';
import { GraphQLError } from 'graphql';
import type { GatewayAnswer } from '../../gateway/execution/contracts.js';
import { StreamAnswer } from '../../gateway/subscriptions/stream-answer.js';
import { SubscriptionFailure, SubscriptionStream, type Outlet } from '../../gateway/subscriptions/subscription-stream.js';

const FREE: Outlet = { congested: () => false, caughtUp: () => Promise.resolve(true) };
const MOST_WAITING = 16;

interface Rig {
  readonly stream: SubscriptionStream;
  readonly returns: () => number;
  push(value: number): void;
}

function rig(outlet: Outlet = FREE, graceMs = 1_000): Rig {
  let returned = 0;
  const stream = new SubscriptionStream(outlet, graceMs, () => { returned += 1; });
  return {
    stream, returns: () => returned,
    push: (n) => stream.deliver(new StreamAnswer({ text: `{"data":{"n":${n}}}`, ascii: true, errors: [], stamp: { hash: 'h', verified: true } })),
  };
}

const valueOf = async (next: Promise<IteratorResult<GatewayAnswer, undefined>>): Promise<unknown> => {
  const { value } = await next;
  return value === undefined ? undefined : (JSON.parse(value.text) as { data: { n: number } }).data.n;
};

describe('SubscriptionStream', () => {
  it('hands over in order, to who waits and to who comes later', async () => {
    const { stream, push } = rig();
    const early = [stream.next(), stream.next()];
    for (let value = 0; value < 5; value += 1) push(value);
    expect(await Promise.all(early.map(valueOf))).toEqual([0, 1]);
    expect([await valueOf(stream.next()), await valueOf(stream.next()), await valueOf(stream.next())]).toEqual([2, 3, 4]);
  });

  it('ends a pending next at once on return, and tells the source once', async () => {
    const { stream, returns } = rig();
    const pending = stream.next();
    await expect(stream.return()).resolves.toEqual({ done: true, value: undefined });
    await expect(pending).resolves.toEqual({ done: true, value: undefined });
    await stream.return();
    await expect(stream.next()).resolves.toEqual({ done: true, value: undefined });
    expect(returns()).toBe(1);
  });

  it('ends on throw as on return and rejects with the reason', async () => {
    const { stream, returns } = rig();
    await expect(stream.throw(new Error('enough'))).rejects.toThrow('enough');
    expect(returns()).toBe(1);
    await expect(stream.next()).resolves.toMatchObject({ done: true });
  });

  it('drops what was not pulled when the reader goes, and takes nothing more', async () => {
    const { stream, push } = rig();
    push(1);
    await stream.return();
    push(2);
    await expect(stream.next()).resolves.toMatchObject({ done: true });
  });

  it('delivers what came before it fails with every error', async () => {
    const { stream, push, returns } = rig();
    push(1);
    push(2);
    stream.error([new GraphQLError('expired', { extensions: { code: 'CURSOR_EXPIRED' } })]);
    expect(await valueOf(stream.next())).toBe(1);
    expect(await valueOf(stream.next())).toBe(2);
    await expect(stream.next()).rejects.toBeInstanceOf(SubscriptionFailure);
    await expect(stream.next()).resolves.toMatchObject({ done: true });
    expect(returns()).toBe(0);
  });

  it('fails a pending next, and one only', async () => {
    const { stream } = rig();
    const pending = [stream.next(), stream.next()];
    stream.error([new GraphQLError('gone')]);
    await expect(pending[0]).rejects.toBeInstanceOf(SubscriptionFailure);
    await expect(pending[1]).resolves.toMatchObject({ done: true });
  });

  it('counts as behind while too much waits, until it is pulled', async () => {
    const { stream, push } = rig();
    for (let value = 0; value < MOST_WAITING; value += 1) push(value);
    expect(stream.congested()).toBe(true);
    const caughtUp = stream.caughtUp();
    for (let value = 0; value < MOST_WAITING; value += 1) expect(await valueOf(stream.next())).toBe(value);
    await expect(caughtUp).resolves.toBe(true);
    expect(stream.congested()).toBe(false);
  });

  it('has fallen behind when nobody pulls within the grace time, or the outlet says so', async () => {
    const idle = rig(FREE, 20);
    for (let value = 0; value < MOST_WAITING; value += 1) idle.push(value);
    await expect(idle.stream.caughtUp()).resolves.toBe(false);
    const slow = rig({ congested: () => true, caughtUp: () => Promise.resolve(false) });
    expect(slow.stream.congested()).toBe(true);
    await expect(slow.stream.caughtUp()).resolves.toBe(false);
  });

  it('stops waiting for room when the stream ends', async () => {
    const { stream, push } = rig(FREE, 60_000);
    for (let value = 0; value < MOST_WAITING; value += 1) push(value);
    const caughtUp = stream.caughtUp();
    await stream.return();
    await expect(caughtUp).resolves.toBe(true);
  });
});
