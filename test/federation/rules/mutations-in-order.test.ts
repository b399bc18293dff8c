/** Mutations run one after another in the client's order, whatever fragments and subgraphs they are in (GraphQL specification, section 6.2.2). */
import { describe, expect, test } from '@jest/globals';
import { ask, federation, ruleGraph } from '../../kit/differential/rule-graph.js';
import type { FieldInput } from '../../kit/differential/world.js';

const count = ({ args, run }: FieldInput): number => (run.count = run.count * 10 + Number(args['digit']));
const thing = { __typename: 'Thing', id: '1', left: 'l', right: 'r' };
const graph = ruleGraph({
  left: `${federation('2.9', '@key')} type Query { a: Int } type Mutation { left(digit: Int!): Int!  touch: Thing } type Thing @key(fields: "id") { id: ID!  left: String }`,
  right: `${federation('2.9', '@key')} type Mutation { right(digit: Int!): Int!  back: Query } type Query { b: Int } type Thing @key(fields: "id") { id: ID!  right: String }`,
}, { query: { a: 1, b: 2 }, mutation: { left: count, right: count, touch: thing, back: () => ({ __typename: 'Query', a: 1, b: 2 }) } });

describe('mutations', () => {
  test('subgraphs take turns', async () => {
    const { data, calls } = await ask(graph, 'mutation { a: left(digit: 1) b: right(digit: 2) c: right(digit: 3) d: left(digit: 4) }');
    expect(data).toEqual({ a: 1, b: 12, c: 123, d: 1234 });
    expect(calls).toEqual(['left', 'right', 'left']);
  });

  test('fragments do not change the order', async () => {
    await ask(graph, 'mutation { ...F  c: left(digit: 3) ... { d: left(digit: 4) } e: left(digit: 5) } fragment F on Mutation { z: left(digit: 1) ... on Mutation { y: right(digit: 2) } x: left(digit: 7) }');
    await ask(graph, 'mutation { a: left(digit: 1) ...G b: left(digit: 2) } fragment G on Mutation { g: left(digit: 3) h: left(digit: 4) }');
  });

  test.each([true, false])('nor do conditions (%s)', async (on) => {
    const variables = { on };
    await ask(graph, 'mutation ($on: Boolean!) { a: left(digit: 1) ... @skip(if: $on) { f: left(digit: 7) } d: right(digit: 2) ... @skip(if: $on) { e: left(digit: 5) } }', { variables });
    await ask(graph, 'mutation ($on: Boolean!) { a: left(digit: 1) @include(if: $on) b: right(digit: 2) a: left(digit: 1) }', { variables });
    await ask(graph, 'mutation ($on: Boolean!) { ... @include(if: $on) { a: left(digit: 1) ... @include(if: true) { b: right(digit: 2) } } c: left(digit: 3) ... @include(if: $on) { d: right(digit: 4) @skip(if: $on) } }', { variables });
  });

  test.each([[true, true], [true, false], [false, true]])('nor do conditions inside conditions (%s, %s)', async (on, off) => {
    await ask(graph, 'mutation ($on: Boolean!, $off: Boolean!) { a: left(digit: 1) ... @include(if: $on) { b: left(digit: 2) @include(if: $off) } c: right(digit: 3) ... @include(if: $on) { d: left(digit: 4) ... @include(if: $off) { e: right(digit: 5) } } }', { variables: { on, off } });
  });

  test('a mutation that is selected several times takes its first place that counts', async () => {
    const query = 'mutation ($a: Boolean!, $b: Boolean!) { x: left(digit: 1) @include(if: $a) y: right(digit: 2) ... @skip(if: $a) { x: left(digit: 1) @include(if: $b) } z: left(digit: 3) x: left(digit: 1) touch @include(if: $a) { left } w: right(digit: 4) touch @skip(if: $b) { right } }';
    for (const a of [true, false]) for (const b of [true, false]) await ask(graph, query, { variables: { a, b } });
  });

  test('nothing is done twice', async () => {
    const { calls } = await ask(graph, 'mutation ($on: Boolean!) { a: left(digit: 1) b: right(digit: 2) a: left(digit: 1) @skip(if: $on) touch { left } touch @include(if: $on) { right } }', { variables: { on: true } });
    expect(calls.filter((name) => name === 'left')).toHaveLength(2);
  });

  test('a mutation may lead back to the query type', async () => {
    const { data } = await ask(graph, 'mutation { back { a b } }');
    expect(data).toEqual({ back: { a: 1, b: 2 } });
  });
});
