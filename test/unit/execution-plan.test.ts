/** The executor's half before the response: order of fetches, shared calls, representations, and what is lost when one fails. */
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import type { FetchNode, PlanNode, QueryPlan } from '@apollo/query-planner';
import { buildSchema, OperationTypeNode } from 'graphql';
import type { SubgraphAnswer, SubgraphCall } from '../../gateway/execution/contracts.js';
import { compilePlan } from '../../gateway/execution/plan/compiled-plan.js';
import { groupSteps } from '../../gateway/execution/plan/fetch-groups.js';
import { stepsOf } from '../../gateway/execution/plan/plan-steps.js';
import { runPlan } from '../../gateway/execution/plan/run-plan.js';
import { AcgsError } from '../../ops/runtime/errors.js';

const SCHEMA = buildSchema('type Query { a: A } type A { id: ID! x: Int y: Int b: B } type B { id: ID! }');

function root(service: string, operation: string, kind: 'query' | 'mutation' = 'query'): FetchNode {
  return { kind: 'Fetch', serviceName: service, operation, operationName: undefined, operationKind: kind === 'query' ? OperationTypeNode.QUERY : OperationTypeNode.MUTATION, variableUsages: [] };
}

function entities(service: string, path: string, selection: string, required: readonly string[] = ['id'], more: Partial<FetchNode> = {}): PlanNode {
  return {
    kind: 'Flatten', path: path.split('.'),
    node: {
      ...root(service, `query($representations:[_Any!]!){_entities(representations:$representations){... on A${selection}}}`),
      requires: [{ kind: 'InlineFragment', typeCondition: 'A', selections: ['__typename', ...required].map((name) => ({ kind: 'Field', name })) }],
      ...more,
    },
  };
}

const sequence = (...nodes: PlanNode[]): PlanNode => ({ kind: 'Sequence', nodes });
const parallel = (...nodes: PlanNode[]): PlanNode => ({ kind: 'Parallel', nodes });
const always = (): boolean => true;

/** Answers calls from a table and remembers them. */
function callsTo(answers: Record<string, (call: SubgraphCall) => Partial<SubgraphAnswer> | Promise<Partial<SubgraphAnswer>>>): { readonly calls: SubgraphCall[]; call(call: SubgraphCall): Promise<SubgraphAnswer> } {
  const calls: SubgraphCall[] = [];
  return {
    calls,
    async call(call) {
      calls.push(call);
      const answer = answers[call.service];
      if (answer === undefined) throw new Error(`Nobody expected a call of ${call.service}.`);
      return { data: undefined, errors: [], escapeFree: true, ascii: true, ...(await answer(call)) };
    },
  };
}

const run = (node: PlanNode, calls: ReturnType<typeof callsTo>): ReturnType<typeof runPlan> => {
  const plan: QueryPlan = { kind: 'QueryPlan', node };
  return runPlan(compilePlan(plan, SCHEMA, always), { calls, variables: {} });
};
const representationsOf = ({ body }: SubgraphCall, name = 'representations'): unknown => (JSON.parse(body) as { variables: Record<string, unknown> }).variables[name];

afterEach(() => { jest.useRealTimers(); });

describe('steps', () => {
  test('a sequence waits, a parallel does not, a dropped branch is passed through', () => {
    const condition: PlanNode = { kind: 'Condition', condition: 'no', ifClause: root('c', '{c}') };
    const steps = stepsOf(sequence(root('a', '{a}'), parallel(root('b', '{b}'), condition), condition, root('d', '{d}')), () => false);
    expect(steps.map(({ fetch, after, level }) => [fetch.serviceName, after, level])).toEqual([['a', [], 0], ['b', [0], 1], ['d', [1], 2]]);
  });
});

describe('shared calls', () => {
  const grouped = (node: PlanNode): string[] => groupSteps(stepsOf(node, always)).map(({ service, steps, parts }) => `${service}:${steps.map(({ index }) => index).join('+')}${parts === undefined ? '' : `/${parts.length}`}`);

  test('one level, one subgraph: one call; equal leaves share a part, objects do not', () => {
    expect(grouped(sequence(root('q', '{list}'), parallel(entities('s', 'l', '{x}'), entities('s', 'm', '{x}'), entities('s', 'n', '{y}'), entities('s', 'o', '{b{id}}'), entities('s', 'p', '{b{id}}'))))).toEqual(['q:0', 's:1+2+3+4+5/4']);
  });

  test('a leaf waits for the last level its subgraph is called at; one that others wait for does not', () => {
    const late = sequence(root('q', '{list}'), entities('t', 'l', '{x}'), entities('s', 'l', '{y}'));
    expect(grouped(parallel(late, sequence(root('q', '{other}'), entities('s', 'other', '{x}'))))).toEqual(['q:0', 'q:3', 't:1/1', 's:2+4/2']);
    expect(grouped(parallel(late, sequence(root('q', '{other}'), entities('s', 'other', '{x}'), entities('u', 'other', '{y}'))))).toEqual(['q:0', 'q:3', 't:1/1', 's:2/1', 's:4/1', 'u:5/1']);
  });

  test('mutations and fetches with context values stay alone', () => {
    const context = { contextRewrites: [{ kind: 'KeyRenamer' as const, path: ['..', 'prop'], renameKeyTo: 'c' }] };
    expect(grouped(sequence(root('q', 'mutation{a}', 'mutation'), root('q', 'mutation{b}', 'mutation'), parallel(entities('s', 'l', '{x}', ['id'], context), entities('s', 'm', '{x}'))))).toEqual(['q:0', 'q:1', 's:2', 's:3/1']);
  });
});

describe('a run', () => {
  const list = (...ids: string[]): Record<string, unknown> => ({ list: ids.map((id) => ({ __typename: 'A', id })) });

  test('asks for each representation once and completes every object it stands for', async () => {
    const calls = callsTo({ q: () => ({ data: list('1', '2', '1') }), s: () => ({ data: { _entities: [{ x: 10 }, { x: 20 }] } }) });
    const { data, failures } = await run(sequence(root('q', '{list}'), entities('s', 'list.@', '{x}')), calls);
    expect(representationsOf(calls.calls[1] as SubgraphCall)).toEqual([{ __typename: 'A', id: '1' }, { __typename: 'A', id: '2' }]);
    expect(data['list']).toEqual([{ __typename: 'A', id: '1', x: 10 }, { __typename: 'A', id: '2', x: 20 }, { __typename: 'A', id: '1', x: 10 }]);
    expect(failures).toEqual([]);
  });

  test('tells "1" from 1, and an object that lacks a required field from one whose field is null', async () => {
    const calls = callsTo({ q: () => ({ data: { list: [{ __typename: 'A', id: '1' }, { __typename: 'A', id: 1 }, { __typename: 'A', id: null }, { __typename: 'A' }, { __typename: 'B', id: '1' }, null] } }), s: () => ({ data: { _entities: [{ x: 1 }, { x: 2 }, { x: 3 }] } }) });
    const { data } = await run(sequence(root('q', '{list}'), entities('s', 'list.@', '{x}')), calls);
    expect(representationsOf(calls.calls[1] as SubgraphCall)).toEqual([{ __typename: 'A', id: '1' }, { __typename: 'A', id: 1 }, { __typename: 'A', id: null }]);
    expect((data['list'] as ({ x?: number } | null)[]).map((object) => object?.x)).toEqual([1, 2, 3, undefined, undefined, undefined]);
  });

  test('makes no call when nothing is to be asked', async () => {
    const calls = callsTo({ q: () => ({ data: { list: [] } }) });
    await run(sequence(root('q', '{list}'), parallel(entities('s', 'list.@', '{x}'), entities('s', 'list.@', '{b{id}}'), entities('t', 'list.@', '{x}'))), calls);
    expect(calls.calls.map(({ service }) => service)).toEqual(['q']);
  });

  test('one call for several parts leaves out a part without representations', async () => {
    const calls = callsTo({ q: () => ({ data: { ...list('1'), other: null } }), s: () => ({ data: { _entities: [{ x: 1 }] } }) });
    const { data } = await run(sequence(root('q', '{list}'), parallel(entities('s', 'list.@', '{x}'), entities('s', 'other', '{b{id}}'))), calls);
    expect(calls.calls[1]?.operation).toBe('query($representations:[_Any!]!){_entities(representations:$representations){...on A{x}}}');
    expect(data['list']).toEqual([{ __typename: 'A', id: '1', x: 1 }]);
  });

  test('goes on without a sibling whose own wait is long', async () => {
    jest.useFakeTimers();
    let answerSlow: (answer: Partial<SubgraphAnswer>) => void = () => undefined;
    const slow = new Promise<Partial<SubgraphAnswer>>((resolve) => { answerSlow = resolve; });
    const calls = callsTo({ fast: () => ({ data: list('1') }), slow: () => slow, s: ({ operation }) => ({ data: { _entities: [operation.includes('y') ? { y: 2 } : { x: 1, b: { id: 'b' } }] } }), t: () => ({ data: { _entities: [{ y: 9 }] } }) });
    const running = run(parallel(
      sequence(root('fast', '{list}'), entities('s', 'list.@', '{x b{id}}'), entities('t', 'list.@', '{y}', ['x'])),
      sequence(root('slow', '{other}'), entities('s', 'other', '{y b{id}}'), entities('t', 'other', '{x}', ['y'])),
    ), calls);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(calls.calls.map(({ service }) => service)).toEqual(['fast', 'slow', 's']);
    answerSlow({ data: { other: { __typename: 'A', id: '2' } } });
    await jest.advanceTimersByTimeAsync(1_000);
    expect((await running).failures).toEqual([]);
    expect(calls.calls.map(({ service }) => service)).toEqual(['fast', 'slow', 's', 's', 't']);
  });

  test('an answer with entities too few, too many or none fails its own part', async () => {
    for (const answer of [{ _0: [], _1: [{ b: { id: 'b' } }] }, { _0: [{ x: 1 }, { x: 2 }], _1: [{ b: { id: 'b' } }] }, { _1: [{ b: { id: 'b' } }] }, { _0: {}, _1: [{ b: { id: 'b' } }] }]) {
      const calls = callsTo({ q: () => ({ data: list('1') }), s: () => ({ data: answer }) });
      const { data, failures } = await run(sequence(root('q', '{list}'), parallel(entities('s', 'list.@', '{x}'), entities('s', 'list.@', '{b{id}}'))), calls);
      expect(failures.map((failure) => (failure.kind === 'failed' ? [failure.error.code, failure.step.index] : failure))).toEqual([['SUBGRAPH_BAD_RESPONSE', 1]]);
      expect(data['list']).toEqual([{ __typename: 'A', id: '1', b: { id: 'b' } }]);
    }
  });

  test('a failed call fails each of its steps, and what waits for them finds nothing to ask', async () => {
    const calls = callsTo({ q: () => ({ data: list('1') }), s: () => { throw new AcgsError('SUBGRAPH_TIMEOUT'); } });
    const { failures } = await run(sequence(root('q', '{list}'), entities('s', 'list.@', '{x}'), entities('t', 'list.@', '{y}', ['x'])), calls);
    expect(failures.map((failure) => (failure.kind === 'failed' ? failure.error.code : failure))).toEqual(['SUBGRAPH_TIMEOUT']);
  });

  test('an error of one entity is placed at every object the entity stands for', async () => {
    const calls = callsTo({ q: () => ({ data: list('1', '2', '1') }), s: () => ({ data: { _entities: [null, { x: 2 }] }, errors: [{ message: 'no', path: ['_entities', 0, 'x'] }, { message: 'somewhere' }] }) });
    const { failures } = await run(sequence(root('q', '{list}'), entities('s', 'list.@', '{x}')), calls);
    expect(failures.map((failure) => (failure.kind === 'reported' ? failure.path : failure))).toEqual([['list', 0, 'x'], ['list', 2, 'x'], undefined]);
  });

  test('mutations run one after the other, also when one fails', async () => {
    const order: string[] = [];
    const calls = callsTo({ m: async ({ operation }) => { order.push(`+${operation}`); await Promise.resolve(); order.push(`-${operation}`); if (operation.includes('{a}')) throw new AcgsError('INDETERMINATE'); return { data: { b: 1 } }; } });
    const { data, failures } = await run(sequence(root('m', 'mutation{a}', 'mutation'), root('m', 'mutation{b}', 'mutation')), calls);
    expect(order).toEqual(['+mutation{a}', '-mutation{a}', '+mutation{b}', '-mutation{b}']);
    expect([data, failures.length, calls.calls.map(({ kind }) => kind)]).toEqual([{ b: 1 }, 1, ['mutation', 'mutation']]);
  });

  test('an unexpected fault rejects the run', async () => {
    await expect(run(root('q', '{list}'), callsTo({ q: () => { throw new Error('a bug'); } }))).rejects.toThrow('a bug');
  });
});

test('what is thrown by whoever is told of the last step fails the run, also where the last steps have nothing to ask', async () => {
  const over = (): never => { throw new Error('told'); };
  const plans: readonly PlanNode[] = [root('q', '{list}'), sequence(root('q', '{list}'), entities('s', 'list.@', '{x}'))];
  for (const node of plans) {
    const plan = compilePlan({ kind: 'QueryPlan', node }, SCHEMA, always);
    const calls = callsTo({ q: () => ({ data: { list: [] } }) });
    await expect(runPlan(plan, { calls, variables: {}, over: (steps, outcome) => { if (steps.some(({ index }) => index === plan.steps.length - 1)) over(); expect(outcome.failures).toEqual([]); } })).rejects.toThrow('told');
  }
});
