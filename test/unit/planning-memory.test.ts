/** What preparation remembers of variables: costs, and values that need no further check. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { buildSchema, getVariableValues, parse, type OperationDefinitionNode } from 'graphql';
import { rememberCost, type Variables } from '../../gateway/execution/preparation/cost-memory.js';
import { createVariableCheck } from '../../gateway/execution/preparation/variable-check.js';
import { AcgsError } from '../../ops/runtime/errors.js';

describe('the cost of an operation', () => {
  const counted = (estimate: (variables: Variables) => number): { of: (variables: Variables) => number; runs: () => number } => {
    let runs = 0;
    const memory = rememberCost((variables) => { runs += 1; return estimate(variables); });
    return { of: (variables) => memory.of(variables), runs: () => runs };
  };

  test('is estimated once when no variable matters', () => {
    const cost = counted(() => 7);
    for (const variables of [{}, { a: 1 }, { b: 2 }, { a: { deep: [] } }]) expect(cost.of(variables)).toBe(7);
    expect(cost.runs()).toBe(1);
  });
  test('is estimated once for each value that matters', () => {
    const cost = counted(({ first }) => Number(first ?? 10));
    for (const round of [1, 2, 3]) for (const first of [1, 5, undefined]) expect([round, cost.of({ first, other: round })]).toEqual([round, first ?? 10]);
    expect(cost.of({})).toBe(10);
    // One more for the first run, which finds out what matters.
    expect(cost.runs()).toBeLessThanOrEqual(5);
  });
  test('is estimated each time when it depends on an input object', () => {
    const cost = counted(({ input }) => (input as { first: number }).first);
    for (const first of [1, 2, 1, 2]) expect(cost.of({ input: { first } })).toBe(first);
    expect(cost.runs()).toBe(4);
  });
  test('is estimated each time when it looks at all variables', () => {
    const cost = counted((variables) => Object.keys(variables).length);
    for (const variables of [{}, { a: 1 }, { a: 1, b: 2 }, {}]) expect(cost.of(variables)).toBe(Object.keys(variables).length);
    expect(cost.runs()).toBe(4);
  });
  test('that cannot be estimated is not remembered', () => {
    const cost = counted(({ first }) => { if (typeof first !== 'number') throw new AcgsError('BAD_USER_INPUT'); return first; });
    for (const round of [1, 2]) {
      expect(() => cost.of({ first: 'x' })).toThrow(AcgsError);
      expect(cost.of({ first: round })).toBe(round);
    }
  });
  test('is what the estimate gives, whichever variables it looks at for which values', () => {
    const value = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom(null, undefined, true, 'x', '-', 'null'), fc.record({ first: fc.integer({ min: 0, max: 2 }) }));
    const variables = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), value, { noNullPrototype: true });
    const text = (given: unknown): string => JSON.stringify([given]) ?? '';
    // What is looked at depends on what was found: a leads to b or c, and an absent d to all of it.
    const estimate = (given: Variables): number => {
      let sum = text(given['a']).length;
      sum = sum * 31 + (given['a'] === 1 ? text(given['b']).length : Object.hasOwn(given, 'c') ? 5 : 3);
      return 'd' in given ? sum : sum * 31 + text(given['c']).length + (given['c'] === null ? 1 : 0);
    };
    fc.assert(fc.property(fc.array(variables, { maxLength: 40 }), (sequence) => {
      const memory = rememberCost(estimate);
      for (const given of sequence) expect(memory.of(given)).toBe(estimate(given));
    }));
  });
});

describe('the check of variables', () => {
  const schema = buildSchema('type Query { f(i: Int, x: Float, s: String, b: Boolean, id: ID, e: E, l: [Int!], o: O, d: Date): Int } enum E { A B } input O { i: Int! } scalar Date');
  const operationOf = (definitions: string): OperationDefinitionNode => parse(`query (${definitions}) { f }`).definitions[0] as OperationDefinitionNode;

  test('is not needed without variables', () => {
    expect(createVariableCheck(schema, parse('{ f }').definitions[0] as OperationDefinitionNode)).toBeUndefined();
  });
  test('accepts what graphql-js accepts and nothing else', () => {
    const type = fc.constantFrom('Int', 'Float', 'String', 'Boolean', 'ID', 'E', '[Int!]', 'O', 'Date');
    const form = fc.constantFrom('', '!', ' = null', '! = 1', '! = A');
    const value = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(2 ** 31, 2 ** 31 - 1, -(2 ** 31), -(2 ** 31) - 1, 0.5, Number.NaN, Infinity, -0), fc.string(), fc.boolean(), fc.constantFrom(null, undefined, 'A', 'C', 'toString', [1], [null], { i: 1 }, { i: 'x' }, {}));
    fc.assert(fc.property(type, form, fc.option(value, { nil: 'absent' }), (of, suffix, given) => {
      const operation = operationOf(`$v: ${of}${suffix}`);
      const variables = given === 'absent' ? {} : { v: given };
      const { errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
      let refused: unknown;
      try {
        createVariableCheck(schema, operation)?.(variables);
      } catch (error) {
        refused = error;
      }
      expect(refused === undefined ? undefined : (refused as AcgsError).code).toBe(errors === undefined ? undefined : 'BAD_USER_INPUT');
    }), { numRuns: 500 });
  });
  test('names every variable that does not fit', () => {
    const check = createVariableCheck(schema, operationOf('$i: Int!, $e: E'));
    let refused: unknown;
    try {
      check?.({ e: 'C' });
    } catch (error) {
      refused = error;
    }
    expect(refused).toMatchObject({ code: 'BAD_USER_INPUT', details: { problems: [expect.stringContaining('$i'), expect.stringContaining('$e')] } });
  });
});
