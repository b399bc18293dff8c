/** Shared streams by themselves: whoever joins, falls behind, is dropped or merged sees each event once and in order. */
import { describe, expect, it } from '@jest/globals';
import type { FetchNode } from '@apollo/query-planner';
import fc from 'fast-check';
import { OperationTypeNode, buildSchema, parse, type GraphQLError } from 'graphql';
import { Registry } from 'prom-client';
import type { GatewayRequest, PreparedOperation, SupergraphSnapshot } from '../../gateway/execution/contracts.js';
import { makeAnswer } from '../../gateway/execution/gateway-answer.js';
import { DEFAULT_EDGE_LIMITS, type EdgeLimits } from '../../gateway/subscriptions/edge-deps.js';
import { FeedGroup, type GroupContext } from '../../gateway/subscriptions/feed-group.js';
import { primaryOperationOf } from '../../gateway/subscriptions/primary-operation.js';
import type { StreamAnswer } from '../../gateway/subscriptions/stream-answer.js';
import { Subscriber, type AnswerSink } from '../../gateway/subscriptions/subscriber.js';
import { createSubscriptionMetrics } from '../../gateway/subscriptions/subscription-metrics.js';
import type { Sharing, SubscriptionPlan } from '../../gateway/subscriptions/subscription-plan.js';
import { FOREIGN_PROTOCOL } from '../../gateway/subscriptions/upstream-protocol.js';
import type { UpstreamSink } from '../../gateway/subscriptions/upstream-socket.js';
import { AcgsError } from '../../ops/runtime/errors.js';
import { createLogger } from '../../ops/runtime/logger.js';
import { until } from '../kit/until.js';

const apiSchema = buildSchema(`
  scalar Cursor
  enum StreamMessageKind { OPENED EVENT BOOKMARK }
  type Query { ok: Boolean }
  type Subscription { raised(after: Cursor): Message!  ticks: Int! }
  type Message { cursor: Cursor! kind: StreamMessageKind! seq: Int }
`);
const snapshot = { id: 's', apiSchema } as unknown as SupergraphSnapshot;

const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve); });

/** The owning subgraph: a log, and streams over it that move one message a turn. */
class FakeUpstream {
  seq = 0;
  readonly open_ = new Set<FakeStream>();
  opened = 0;
  /** While true, nothing can be opened. */
  down = false;

  readonly pool: GroupContext['pool'] = {
    open: (subgraph, payload, sink) => {
      if (this.down) throw new AcgsError('SUBGRAPH_UNAVAILABLE');
      this.opened += 1;
      const stream = new FakeStream(this, (payload().variables as { _acgs_after?: string | null })._acgs_after, sink);
      this.open_.add(stream);
      return { instance: { service: subgraph, instanceId: null, url: 'http://fake' }, judge: () => ({ kind: 'VERIFIED' }), cancel: () => { this.open_.delete(stream); } };
    },
    refuse: () => undefined,
    renew: () => undefined,
  };

  emit(count: number): void {
    this.seq += count;
  }

  drop(): void {
    for (const stream of [...this.open_]) {
      this.open_.delete(stream);
      stream.sink.dropped(new AcgsError('SUBGRAPH_UNAVAILABLE'));
    }
  }

  /** Moves every stream on by some messages. */
  pump(messages: number): void {
    for (const stream of [...this.open_]) for (let index = 0; index < messages && this.open_.has(stream); index += 1) stream.step();
  }
}

class FakeStream {
  private at: number;
  private begun = false;

  constructor(private readonly upstream: FakeUpstream, after: string | null | undefined, readonly sink: UpstreamSink) {
    this.at = after == null ? upstream.seq : Number(after.slice(2));
  }

  step(): void {
    if (this.begun && this.at >= this.upstream.seq) return;
    const kind = this.begun ? 'EVENT' : 'OPENED';
    if (this.begun) this.at += 1;
    this.begun = true;
    const cursor = `c:${this.at}`;
    this.sink.next({ data: { raised: { cursor, kind, seq: kind === 'EVENT' ? this.at : null, _acgs_cursor: cursor, _acgs_kind: kind } } }, 100);
  }
}

interface Seen { readonly kind: string; readonly cursor: string; readonly seq: number | null }

class FakeReader implements AnswerSink {
  readonly seen: Seen[] = [];
  errors: readonly GraphQLError[] | undefined;
  completed = false;
  slow = false;
  private waiters: Array<(caughtUp: boolean) => void> = [];

  deliver(answer: StreamAnswer): void { this.seen.push((JSON.parse(answer.text) as { data: { raised: Seen } }).data.raised); }
  error(errors: readonly GraphQLError[]): void { this.errors = errors; }
  complete(): void { this.completed = true; }
  goingAway(): void { /* not part of these tests */ }
  cork(): void { /* nothing is written */ }
  uncork(): void { /* nothing is written */ }
  congested(): boolean { return this.slow; }
  caughtUp(): Promise<boolean> { return this.slow ? new Promise((resolve) => { this.waiters.push(resolve); }) : Promise.resolve(true); }

  recover(kept = true): void {
    this.slow = false;
    for (const waiter of this.waiters.splice(0)) waiter(kept);
  }

  seqs(): Array<number | null> { return this.seen.slice(1).map(({ seq }) => seq); }
}

interface Rig {
  readonly upstream: FakeUpstream;
  readonly group: FeedGroup;
  readonly executions: () => number;
  join(after?: string | null, who?: string): { readonly subscriber: Subscriber; readonly reader: FakeReader };
  /** Executions still to be finished, with their principal; finished in the order given by `settle`. */
  readonly pending: Array<{ who: string; finish: () => void }>;
}

const SMALL: Partial<EdgeLimits> = { maxWaitingEvents: 8, retainedEvents: 4, pipelinedEvents: 3, deliverySlice: 2, resumeBackoffMs: [0, 1] };

function rig(options: { sharing?: Sharing; limits?: Partial<EdgeLimits>; manual?: boolean; document?: string } = {}): Rig {
  const upstream = new FakeUpstream();
  const document = options.document ?? 'subscription($after: Cursor) { raised(after: $after) { cursor kind seq } }';
  const primary: FetchNode = { kind: 'Fetch', serviceName: 'alerts', operation: document, operationName: undefined, operationKind: OperationTypeNode.SUBSCRIPTION, variableUsages: [] };
  const plan: SubscriptionPlan = {
    key: 'k', snapshot, prepared: { document: parse(document) } as unknown as PreparedOperation, primary, operation: primaryOperationOf(primary, apiSchema), source: {}, variables: {}, sharing: options.sharing ?? 'ANSWERS',
  };
  const pending: Rig['pending'] = [];
  let executions = 0;
  const context: GroupContext = {
    limits: { ...DEFAULT_EDGE_LIMITS, ...SMALL, ...options.limits },
    metrics: createSubscriptionMetrics(new Registry(), { connections: () => 0, subscriptions: () => 0, feeds: () => 0, upstreamStreams: () => 0 }),
    pool: upstream.pool, budget: { used: 0, limit: 1_000_000 },
    deps: {
      logger: createLogger('test', 'silent'), upstream: FOREIGN_PROTOCOL, gate: { active: () => 'h', isAccepted: () => true, check: () => false },
      executeEvent: async (request, _prepared, _variables, event) => {
        executions += 1;
        if (options.manual === true) await new Promise<void>((finish) => { pending.push({ who: request.principal?.id ?? '', finish }); });
        return makeAnswer({ pieces: [JSON.stringify(event.data)], ascii: true }, [], { hash: 'h', verified: event.hashAccepted });
      },
    },
  };
  const group = new FeedGroup('k', plan, context, () => undefined);
  return {
    upstream, group, pending, executions: () => executions,
    join(after, who = 'ann') {
      const reader = new FakeReader();
      const request = { requestId: who, principal: { id: who, kind: 'HUMAN', roles: [], scopes: [], policies: [] }, credentialId: who } as unknown as GatewayRequest;
      const subscriber = new Subscriber(reader, request, after);
      group.enter(subscriber);
      return { subscriber, reader };
    },
  };
}

/** Runs streams and executions until nothing moves any more. */
async function settle({ upstream, pending }: Rig): Promise<void> {
  for (let quiet = 0; quiet < 6; quiet += 1) {
    upstream.pump(3);
    for (const { finish } of pending.splice(0).reverse()) {
      finish();
      quiet = 0;
    }
    await turn();
  }
}

const upTo = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + 1 + index);

describe('a shared stream', () => {
  it('is opened once, executed once an event, and gives a late reader an OPENED of its own place', async () => {
    const shared = rig();
    const early = shared.join();
    await settle(shared);
    shared.upstream.emit(3);
    await settle(shared);
    const late = shared.join();
    const later = shared.join();
    await settle(shared);
    shared.upstream.emit(2);
    await settle(shared);
    expect(shared.upstream.opened).toBe(1);
    // OPENED, 3 events, one OPENED for both late readers, 2 events.
    expect(shared.executions()).toBe(7);
    expect(early.reader.seen.map(({ kind, cursor }) => `${kind} ${cursor}`)).toEqual(['OPENED c:0', 'EVENT c:1', 'EVENT c:2', 'EVENT c:3', 'EVENT c:4', 'EVENT c:5']);
    for (const { reader } of [late, later]) expect(reader.seen.map(({ kind, cursor, seq }) => `${kind} ${cursor} ${seq}`)).toEqual(['OPENED c:3 null', 'EVENT c:4 4', 'EVENT c:5 5']);
  });

  it('serves a reader with a recent cursor from what it keeps, and any other from a stream that then merges', async () => {
    const shared = rig();
    const first = shared.join();
    await settle(shared);
    for (let index = 0; index < 10; index += 1) {
      shared.upstream.emit(1);
      await settle(shared);
    }
    const recent = shared.join('c:8');
    await settle(shared);
    expect(shared.upstream.opened).toBe(1);
    const old = shared.join('c:2');
    await settle(shared);
    expect(shared.upstream.opened).toBe(2);
    shared.upstream.emit(1);
    await settle(shared);
    expect(shared.upstream.open_.size).toBe(1);
    expect(recent.reader.seen[0]).toMatchObject({ kind: 'OPENED', cursor: 'c:8' });
    expect(recent.reader.seqs()).toEqual([9, 10, 11]);
    expect(old.reader.seen[0]).toMatchObject({ kind: 'OPENED', cursor: 'c:2' });
    expect(old.reader.seqs()).toEqual(upTo(2, 11));
    expect(first.reader.seqs()).toEqual(upTo(0, 11));
  });

  it('opens one stream for all who come back with the same cursor', async () => {
    const shared = rig();
    shared.upstream.emit(5);
    const readers = Array.from({ length: 20 }, () => shared.join('c:3').reader);
    await settle(shared);
    shared.upstream.emit(1);
    await settle(shared);
    expect(shared.upstream.opened).toBe(1);
    for (const reader of readers) expect(reader.seqs()).toEqual([4, 5, 6]);
  });

  it('does not give who begins now the events of an interruption that is being bridged', async () => {
    const shared = rig();
    const early = shared.join();
    await settle(shared);
    shared.upstream.down = true;
    shared.upstream.drop();
    shared.upstream.emit(4);
    await settle(shared);
    shared.upstream.down = false;
    const late = shared.join();
    await until(async () => { await settle(shared); return early.reader.seqs().length === 4 ? true : undefined; });
    shared.upstream.emit(1);
    await settle(shared);
    expect(late.reader.seen[0]).toMatchObject({ kind: 'OPENED', cursor: 'c:4' });
    expect(late.reader.seqs()).toEqual([5]);
    expect(early.reader.seqs()).toEqual(upTo(0, 5));
    expect(early.reader.seen.filter(({ kind }) => kind === 'OPENED')).toHaveLength(1);
    expect(shared.upstream.open_.size).toBe(1);
  });

  it('is not held by a reader that is slow, nor by one that never reads', async () => {
    const shared = rig();
    const fast = shared.join();
    const slow = shared.join();
    const dead = shared.join();
    await settle(shared);
    slow.reader.slow = true;
    dead.reader.slow = true;
    for (let index = 0; index < 40; index += 1) {
      shared.upstream.emit(1);
      await settle(shared);
    }
    expect(fast.reader.seqs()).toEqual(upTo(0, 40));
    expect(slow.reader.seqs().length).toBeLessThan(40);
    slow.reader.recover();
    dead.reader.recover(false);
    shared.upstream.emit(1);
    await until(async () => { await settle(shared); return slow.reader.seqs().length >= 41 ? true : undefined; });
    expect(slow.reader.seqs()).toEqual(upTo(0, 41));
    expect(dead.reader.errors?.map(({ extensions }) => extensions)).toEqual([{ code: 'SUBSCRIPTION_LAGGING', resumeAfter: dead.reader.seen.at(-1)?.cursor }]);
    expect(shared.upstream.open_.size).toBe(1);
    expect(shared.group.size).toBe(2);
  });

  it('ends at the subgraph with its last reader', async () => {
    const shared = rig();
    const readers = [shared.join(), shared.join('c:0')];
    await settle(shared);
    readers[0]?.subscriber.close();
    expect(shared.upstream.open_.size).toBe(1);
    readers[1]?.subscriber.close();
    expect(shared.upstream.open_.size).toBe(0);
    expect(shared.group.size).toBe(0);
  });

  it('executes joins once a principal when they depend on it', async () => {
    const shared = rig({ sharing: 'STREAM', manual: true });
    const readers = [shared.join(null, 'ann'), shared.join(null, 'bob'), shared.join(null, 'ann')].map(({ reader }) => reader);
    await settle(shared);
    const before = shared.executions();
    shared.upstream.emit(1);
    shared.upstream.pump(1);
    expect(shared.pending.map(({ who }) => who).sort()).toEqual(['ann', 'bob']);
    await settle(shared);
    expect(shared.executions() - before).toBe(2);
    expect(shared.upstream.opened).toBe(1);
    for (const reader of readers) expect(reader.seqs()).toEqual([1]);
  });

  it('ends for everyone, after what had come, when it ends upstream', async () => {
    const shared = rig();
    const readers = [shared.join(), shared.join()].map(({ reader }) => reader);
    await settle(shared);
    shared.upstream.emit(2);
    shared.upstream.pump(2);
    for (const stream of [...shared.upstream.open_]) stream.sink.error([{ message: 'gone', extensions: { code: 'CURSOR_EXPIRED' } }]);
    await settle(shared);
    for (const reader of readers) {
      expect(reader.seqs()).toEqual([1, 2]);
      expect(reader.errors?.[0]?.extensions).toEqual({ code: 'CURSOR_EXPIRED' });
    }
  });
});

describe('a stream of its own', () => {
  it('is opened for each reader', async () => {
    const own = rig({ sharing: 'NOTHING' });
    own.join();
    own.join();
    await settle(own);
    expect(own.upstream.opened).toBe(2);
  });

  it('is detached while more waits for joins than may, and resumed without a gap', async () => {
    const own = rig({ sharing: 'NOTHING', manual: true });
    const { reader } = own.join();
    await settle(own);
    own.upstream.emit(30);
    own.upstream.pump(30);
    expect(own.upstream.open_.size).toBe(0);
    await settle(own);
    await settle(own);
    expect(reader.seqs()).toEqual(upTo(0, 30));
    expect(own.upstream.open_.size).toBe(1);
  });

  it('ends with SUBSCRIPTION_LAGGING when it cannot be resumed and its reader or the joins are too slow', async () => {
    const own = rig({ sharing: 'NOTHING', document: 'subscription { ticks }', manual: true });
    const { reader } = own.join();
    for (let tick = 0; tick < 20; tick += 1) for (const { sink } of [...own.upstream.open_]) sink.next({ data: { ticks: tick } }, 10);
    reader.deliver = () => undefined;
    await settle(own);
    expect(reader.errors?.[0]?.extensions['code']).toBe('SUBSCRIPTION_LAGGING');
    expect(own.upstream.open_.size).toBe(0);
  });

  it('delivers in order whatever order executions end in', async () => {
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 30 }), fc.infiniteStream(fc.nat()), async (count, picks) => {
      const own = rig({ sharing: 'NOTHING', manual: true, limits: { pipelinedEvents: 4, maxWaitingEvents: 512 } });
      const { reader } = own.join();
      await settle(own);
      own.upstream.emit(count);
      own.upstream.pump(count);
      while (reader.seqs().length < count) {
        expect(own.pending.length).toBeLessThanOrEqual(4);
        const [picked] = own.pending.splice((picks.next().value ?? 0) % Math.max(1, own.pending.length), 1);
        picked?.finish();
        await turn();
      }
      expect(reader.seqs()).toEqual(upTo(0, count));
    }), { numRuns: 50 });
  });
});

describe('whatever happens', () => {
  type Step =
    | { readonly do: 'emit' | 'pump'; readonly count: number }
    | { readonly do: 'join'; readonly back: number | null; readonly who: number }
    | { readonly do: 'leave' | 'slow' | 'recover' | 'finish'; readonly pick: number }
    | { readonly do: 'drop' | 'turn' };
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('emit' as const, 'pump' as const), count: fc.integer({ min: 1, max: 6 }) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('join' as const), back: fc.option(fc.integer({ min: 0, max: 20 })), who: fc.integer({ min: 0, max: 1 }) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('leave' as const, 'slow' as const, 'recover' as const, 'finish' as const, 'finish' as const), pick: fc.nat(20) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('drop' as const, 'turn' as const) }) },
  );

  it.each(['ANSWERS', 'STREAM', 'NOTHING'] as const)('every reader sees each event after its place once and in order (%s)', async (sharing) => {
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const shared = rig({ sharing, manual: true });
      const readers: Array<ReturnType<Rig['join']> & { readonly after: number | null; left: boolean }> = [];
      const picked = (pick: number): (typeof readers)[number] | undefined => readers[pick % Math.max(1, readers.length)];
      for (const one of steps) {
        switch (one.do) {
          case 'emit': shared.upstream.emit(one.count); break;
          case 'pump': shared.upstream.pump(one.count); break;
          case 'drop': shared.upstream.drop(); break;
          case 'turn': await turn(); break;
          case 'join': {
            const after = one.back === null ? null : Math.max(0, shared.upstream.seq - one.back);
            readers.push({ ...shared.join(after === null ? null : `c:${after}`, `who${one.who}`), after, left: false });
            break;
          }
          case 'leave': {
            const reader = picked(one.pick);
            if (reader !== undefined) reader.left = true;
            reader?.subscriber.close();
            break;
          }
          case 'slow': { const reader = picked(one.pick); if (reader !== undefined) reader.reader.slow = true; break; }
          case 'finish': shared.pending.splice(one.pick % Math.max(1, shared.pending.length), 1)[0]?.finish(); break;
          case 'recover': picked(one.pick)?.reader.recover(); break;
        }
      }
      for (const { reader } of readers) reader.recover();
      const staying = readers.filter(({ left }) => !left);
      const done = (): boolean => staying.every(({ reader }) => reader.seen.at(-1)?.cursor === `c:${shared.upstream.seq}`);
      await until(async () => { await settle(shared); return done() ? true : undefined; }, 1_000);
      shared.upstream.emit(1);
      await until(async () => { await settle(shared); return done() ? true : undefined; }, 1_000);
      for (const { reader, after, left } of readers) {
        if (left && reader.seen.length === 0) continue;
        const [first] = reader.seen;
        expect(first?.kind).toBe('OPENED');
        const from = Number(first?.cursor.slice(2));
        if (after !== null) expect(from).toBe(after);
        expect(reader.seqs()).toEqual(upTo(from, left ? from + reader.seqs().length : shared.upstream.seq));
        expect(reader.errors).toBeUndefined();
      }
      if (sharing !== 'NOTHING' && staying.length > 0) expect(shared.upstream.open_.size).toBe(1);
      for (const { subscriber } of staying) subscriber.close();
      expect(shared.upstream.open_.size).toBe(0);
    }), { numRuns: 150, interruptAfterTimeLimit: 20_000 });
  });
});
