/** The differential kit notices what is wrong: a comparison that never fails would prove nothing. */
import { describe, expect, test } from '@jest/globals';
import { parse, print } from 'graphql';
import { difference } from '../kit/differential/compare.js';
import type { Answer, Engine } from '../kit/differential/federated-graph.js';
import { ownEngine } from '../kit/differential/own-engine.js';
import { planStock } from '../kit/differential/plans.js';
import { Random } from '../kit/differential/random.js';
import { runDifferential } from '../kit/differential/run-differential.js';
import { shrinkOperation } from '../kit/differential/shrink.js';
import { federation, ruleGraph } from '../kit/differential/rule-graph.js';

const answer = (data: unknown, ...paths: (string | number)[][]): Answer => ({ data, errors: paths.map((path) => ({ message: 'fails', path })), calls: [] });

describe('the comparison', () => {
  test.each<[string, Answer, Answer]>([
    ['another value', answer({ a: 1 }), answer({ a: 2 })],
    ['another order of keys', answer({ a: 1, b: 2 }), answer({ b: 2, a: 1 })],
    ['a shorter list', answer({ a: [1, 2] }), answer({ a: [1] })],
    ['a null nobody explains', answer({ a: 1 }), answer({ a: null })],
    ['a null in place of a list', answer({ a: [] }), answer({ a: null })],
    ['an error without need', answer({ a: 1 }), answer({ a: 1 }, ['a'])],
    ['an error that is missing', answer({ a: null }, ['a']), answer({ a: null })],
    ['an error elsewhere', answer({ a: { b: null }, c: { d: null } }, ['a', 'b']), answer({ a: { b: null }, c: { d: null } }, ['c', 'd'])],
    ['a value where there should be null', answer({ a: null }, ['a']), answer({ a: 1 }, ['a'])],
    ['a null that another error does not explain', answer({ a: null, b: [{ c: 1 }] }, ['a']), answer({ a: null, b: [{ c: null }] }, ['a'], ['x', 'y'])],
  ])('sees %s', (_, expected, actual) => {
    expect(difference(expected, actual)).toEqual(expect.any(String));
  });

  test.each<[string, Answer, Answer]>([
    ['the same', answer({ a: [{ b: null }] }), answer({ a: [{ b: null }] })],
    ['an entity lost with a field of it', answer({ a: { b: null, c: 1 } }, ['a', 'b']), answer({ a: { b: null, c: null } }, ['a', 'b'])],
    ['a deeper path for the same null', answer({ a: null }, ['a']), answer({ a: null }, ['a', 'b', 0])],
  ])('accepts %s', (_, expected, actual) => {
    expect(difference(expected, actual)).toBeUndefined();
  });
});

describe('the generator', () => {
  test('finds the faults of the planner alone', async () => {
    const { failures } = await runDifferential(ownEngine(planStock), { seed: 1, graphs: 10, operations: 20 }, 1);
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatch(/^seed \d+: /);
  }, 120_000);

  test('finds a gateway that loses one value in a hundred', async () => {
    const own = ownEngine();
    let answers = 0;
    const forgetful: Engine = async (graph, request) => {
      const result = await own(graph, request);
      answers += 1;
      if (answers % 100 !== 0 || typeof result.data !== 'object' || result.data === null) return result;
      return { ...result, data: Object.fromEntries(Object.keys(result.data).map((name) => [name, null])) };
    };
    const { failures } = await runDifferential(forgetful, { seed: 3, graphs: 10, operations: 200 }, 1);
    expect(failures).toHaveLength(1);
  }, 120_000);

  test('makes the same again from the same seed', () => {
    const [left, right] = [new Random(5), new Random(5)];
    expect(Array.from({ length: 20 }, () => left.int(0, 1000))).toEqual(Array.from({ length: 20 }, () => right.int(0, 1000)));
  });
});

test('a failing operation is made small', async () => {
  const { apiSchema } = ruleGraph({ one: `${federation('2.9', '@key')} type Query { a(n: Int): Int  b: B } type B { c: Int  d: B }` }, { query: { a: 1, b: null } });
  const document = parse('query ($x: Int, $y: Boolean!) { ...F  a(n: $x)  b @skip(if: $y) { c d { c ... on B { x: c d { c } } } } } fragment F on Query { z: a(n: 3) b { d { d { c } } } }');
  const smallest = await shrinkOperation(apiSchema, document, async (candidate) => print(candidate).includes('x: c'));
  expect(print(smallest).replace(/\s+/g, ' ').trim()).toBe('{ b { d { ... on B { x: c } } } }');
});
