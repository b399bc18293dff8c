/** Small parts of subscriptions by themselves: the numbered queue, frames, and what makes two subscriptions equal. */
import { describe, expect, it } from '@jest/globals';
import type { FetchNode } from '@apollo/query-planner';
import fc from 'fast-check';
import { Kind, OperationTypeNode, buildSchema, parse, type OperationDefinitionNode } from 'graphql';
import type { GatewayRequest, PreparedOperation, SupergraphSnapshot } from '../../gateway/execution/contracts.js';
import { IndexedQueue, type ByteBudget } from '../../gateway/subscriptions/indexed-queue.js';
import { nextFrame, textFrame } from '../../gateway/subscriptions/server-frames.js';
import { StreamAnswer } from '../../gateway/subscriptions/stream-answer.js';
import { planSubscription, sameStream, type SubscriptionPlan } from '../../gateway/subscriptions/subscription-plan.js';

describe('IndexedQueue', () => {
  it('keeps numbers and weighs what it holds, whatever is done to it', () => {
    fc.assert(fc.property(fc.nat(1_000), fc.array(fc.oneof(fc.record({ push: fc.nat(50) }), fc.constant('shift' as const), fc.constant('clear' as const)), { maxLength: 400 }), (first, steps) => {
      const budget: ByteBudget = { used: 0, limit: 0 };
      const queue = new IndexedQueue<{ size: number; number: number }>(first, budget);
      const model: Array<{ size: number; number: number }> = [];
      let next = first;
      for (const step of steps) {
        if (step === 'clear') {
          queue.clear();
          model.length = 0;
        } else if (step === 'shift') {
          expect(queue.shift()).toEqual(model.shift());
        } else {
          const item = { size: step.push, number: next };
          expect(queue.push(item)).toBe(next);
          model.push(item);
          next += 1;
        }
        expect([queue.first, queue.end, queue.length]).toEqual([next - model.length, next, model.length]);
        expect([queue.bytes, budget.used]).toEqual(Array.from({ length: 2 }, () => model.reduce((sum, { size }) => sum + size, 0)));
        for (const item of model) expect(queue.at(item.number)).toBe(item);
        expect([queue.at(queue.first - 1), queue.at(queue.end)]).toEqual([undefined, undefined]);
      }
    }));
  });
});

describe('frames', () => {
  /** Reads one unmasked text frame as RFC 6455 says. */
  function read(frame: Buffer): string {
    expect(frame[0]).toBe(0x81);
    const short = frame[1] ?? 0;
    const [head, length] = short < 126 ? [2, short] : short === 126 ? [4, frame.readUInt16BE(2)] : [10, Number(frame.readBigUInt64BE(2))];
    expect(frame.length).toBe(head + length);
    // The shortest form must be used.
    expect(short).toBe(length < 126 ? length : length < 65_536 ? 126 : 127);
    return frame.toString('utf8', head);
  }
  const answerOf = (text: string): StreamAnswer => new StreamAnswer({ text, ascii: /^[\0-\x7f]*$/.test(text), errors: [], stamp: { hash: 'h', verified: true } });

  it.each([0, 1, 124, 125, 126, 127, 65_535, 65_536, 200_000])('hold %i bytes of text', (length) => {
    expect(read(textFrame('x'.repeat(length)))).toBe('x'.repeat(length));
  });

  it('carry an answer under any id', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.oneof(fc.string({ unit: 'grapheme' }), fc.nat(40_000).map((length) => 'ü'.repeat(length))), (id, value) => {
      const text = JSON.stringify({ data: { value } });
      expect(JSON.parse(read(Buffer.concat(nextFrame(answerOf(text), id))))).toEqual({ id, type: 'next', payload: { data: { value } } });
    }));
  });

  it('are made once for equal ids', () => {
    const answer = answerOf('{"data":null}');
    const [first] = nextFrame(answer, '1');
    expect(nextFrame(answer, '1')[0]).toBe(first);
    expect(nextFrame(answer, '2')[0]).not.toBe(first);
  });

  it('share the bytes of a large answer', () => {
    const answer = answerOf(`{"data":"${'x'.repeat(20_000)}"}`);
    expect(nextFrame(answer, '1')[1]).toBe(nextFrame(answer, '2')[1]);
  });
});

describe('a subscription', () => {
  const apiSchema = buildSchema(`
    scalar Cursor
    enum StreamMessageKind { OPENED EVENT BOOKMARK }
    type Query { ok: Boolean }
    type Subscription { raised(least: Int, note: Cursor, after: Cursor): Message!  plain: Int! }
    type Message { cursor: Cursor! kind: StreamMessageKind! echo(text: Cursor): String }
  `);
  const snapshot = { id: 's', sdl: '', apiSchema, supergraphSchema: apiSchema } as unknown as SupergraphSnapshot;

  function plan(query: string, variables: Record<string, unknown> = {}, { key = 'k', hashPresented = false } = {}): { plan: SubscriptionPlan; after: unknown } {
    const document = parse(query);
    const operation = document.definitions.find((node) => node.kind === Kind.OPERATION_DEFINITION) as OperationDefinitionNode;
    const variableUsages = (operation.variableDefinitions ?? []).map(({ variable }) => variable.name.value);
    const primary: FetchNode = { kind: 'Fetch', serviceName: 'alerts', operation: query, operationName: undefined, operationKind: OperationTypeNode.SUBSCRIPTION, variableUsages };
    const prepared = { document, operation, key, plan: { kind: 'QueryPlan', node: { kind: 'Subscription', primary } }, refusals: [] } as unknown as PreparedOperation;
    return planSubscription({ snapshot, hashPresented } as GatewayRequest, prepared, { query, variables }, true);
  }
  const QUERY = 'subscription($from: Cursor, $least: Int) { raised(after: $from, least: $least) { cursor kind } }';
  const keyOf = (...args: Parameters<typeof plan>): string => plan(...args).plan.key;

  it('is the same whatever it starts after, and whatever its variables say that it does not declare', () => {
    expect(keyOf(QUERY, { from: 'c:1', least: 2 })).toBe(keyOf(QUERY, { least: 2, from: 'c:9', other: 1 }));
    expect(plan(QUERY, { from: 'c:1', least: 2 })).toMatchObject({ after: 'c:1', plan: { variables: { least: 2 } } });
    expect(plan(QUERY, { least: 2 }).after).toBeUndefined();
    expect(plan(QUERY.replace('$from: Cursor', '$from: Cursor = "c:7"'), {}).after).toBe('c:7');
    expect(plan(QUERY.replace('$from: Cursor', '$from: Cursor = "c:7"'), { from: null }).after).toBeNull();
  });

  it('is another under other variables, other grants, or the hash', () => {
    const keys = [keyOf(QUERY, { least: 1 }), keyOf(QUERY, { least: 2 }), keyOf(QUERY, {}), keyOf(QUERY, { least: null }), keyOf(QUERY, { least: 1 }, { key: 'other' }), keyOf(QUERY, { least: 1 }, { hashPresented: true })];
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('keeps its start among the variables where the document uses it for something else as well', () => {
    const twice = 'subscription($from: Cursor) { raised(after: $from) { cursor kind echo(text: $from) } }';
    expect(keyOf(twice, { from: 'c:1' })).not.toBe(keyOf(twice, { from: 'c:2' }));
    expect(plan(twice, { from: 'c:1' }).plan.variables).toEqual({ from: 'c:1' });
  });

  it('shares nothing without marks', () => {
    expect(plan(QUERY).plan.sharing).toBe('NOTHING');
    expect(plan('subscription { plain }').plan.sharing).toBe('NOTHING');
  });

  it('streams the same under another supergraph only if its primary is the same', () => {
    expect(sameStream(plan(QUERY, {}, { key: 'a' }).plan, plan(QUERY, {}, { key: 'b' }).plan)).toBe(true);
    expect(sameStream(plan(QUERY).plan, plan(QUERY.replace('kind', 'kind echo')).plan)).toBe(false);
  });
});
