/** The rule language: what parses, what is refused and where, and what a rule says about an input. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compileRule } from '../../../subgraphs/kernel/rules/compile-rule.js';
import { declare, DeclarationError } from '../../../subgraphs/kernel/rules/declarations.js';
import { evaluateRule } from '../../../subgraphs/kernel/rules/evaluate.js';
import { parseRule } from '../../../subgraphs/kernel/rules/parse.js';
import { printRule } from '../../../subgraphs/kernel/rules/print.js';
import { add, compare, floorTo, formatRational, multiply, parseRational, rational, rationalOf } from '../../../subgraphs/kernel/rules/rational.js';
import { RULE_LIMITS, RuleError, type RuleNode } from '../../../subgraphs/kernel/rules/syntax.js';
import { RULE_ATTRIBUTES, ruleInput, ruleTree } from '../../kit/rule-arbitraries.js';

const DECLARATIONS = declare(RULE_ATTRIBUTES);

/** The tree without places. */
function shape(node: RuleNode): unknown {
  return JSON.parse(JSON.stringify(node, (key, value: unknown) => (key === 'at' ? undefined : value)));
}

function errorOf(source: string): RuleError {
  try {
    compileRule(source, DECLARATIONS);
  } catch (error) {
    if (error instanceof RuleError) return error;
    throw error;
  }
  throw new Error(`${source} was accepted`);
}

describe('parsing', () => {
  test('printing and parsing again gives the same tree', () => {
    fc.assert(fc.property(ruleTree, (tree) => {
      const text = printRule(tree);
      fc.pre(text.length < 2_000 && text.split(' * ').length <= 16);
      expect(shape(parseRule(text))).toEqual(shape(tree));
    }), { numRuns: 500 });
  });

  test('every generated rule is well typed and decides every complete input', () => {
    fc.assert(fc.property(ruleTree, ruleInput, (tree, input) => {
      fc.pre(printRule(tree).split(' * ').length <= 16);
      const node = compileRule(printRule(tree), DECLARATIONS);
      const { outcome } = evaluateRule(node, DECLARATIONS, input);
      expect(['SATISFIED', 'VIOLATED']).toContain(outcome);
      expect(evaluateRule({ kind: 'not', operand: node, at: 0 }, DECLARATIONS, input).outcome).toBe(outcome === 'SATISFIED' ? 'VIOLATED' : 'SATISFIED');
    }), { numRuns: 300 });
  });

  test('never throws anything but a RuleError with a place inside the source', () => {
    fc.assert(fc.property(fc.oneof(fc.string({ maxLength: 60 }), fc.array(fc.constantFrom('a', 'and', 'not', '(', ')', '-', '1', '0.5', '[', ']', 'in', '"x"', '<', '=', ',', 'implies'), { maxLength: 40 }).map((words) => words.join(' '))), (source) => {
      try {
        parseRule(source);
      } catch (error) {
        expect(error).toBeInstanceOf(RuleError);
        expect((error as RuleError).at).toBeLessThanOrEqual(source.length);
      }
    }), { numRuns: 500 });
  });

  test('reads the precedence as documented', () => {
    expect(printRule(parseRule('(risk <= 0.3 and (reviewed or environment != "production")) implies (urgent)'))).toBe('risk <= 0.3 and (reviewed or environment != "production") implies urgent');
    expect(shape(parseRule('not a = b'))).toEqual(shape(parseRule('not (a = b)')));
    expect(shape(parseRule('a implies b implies c'))).toEqual(shape(parseRule('a implies (b implies c)')));
    expect(shape(parseRule('1 - 2 - 3 = -4 * -1'))).toEqual(shape(parseRule('((1 - 2) - 3) = ((-4) * (-1))')));
    expect(shape(parseRule('a == b'))).toEqual(shape(parseRule('a = b')));
  });
});

describe('refusals say where', () => {
  test.each([
    ['risk <= and reviewed', 'line 1, column 9: expected an attribute, a value or (, found and'],
    ['reviewed and\n  unknown_thing', 'line 2, column 3: the attribute unknown_thing is not declared'],
    ['environment = "prod"', 'line 1, column 15: "prod" is not a value of environment (development, staging, production)'],
    ['environment in ["staging", "live"]', 'line 1, column 28: "live" is not a value of environment (development, staging, production)'],
    ['risk', 'line 1, column 1: a rule is BOOL, this is DECIMAL'],
    ['reviewed and risk', 'line 1, column 14: and takes BOOL, not DECIMAL'],
    ['environment < "staging"', 'line 1, column 13: STRING has no order; < compares numbers'],
    ['reviewed = 1', 'line 1, column 10: BOOL and INT cannot be compared'],
    ['0 < risk < 1', 'line 1, column 10: comparisons do not chain; join them with and'],
    ['risk < 00.5', 'line 1, column 8: a number has no leading zeros and at most 30 digits on each side of its point'],
    ['reviewed & urgent', 'line 1, column 10: unexpected character "&"'],
    ['environment = "staging', 'line 1, column 15: a text that never ends (escape only \\" and \\\\)'],
    ['(reviewed', 'line 1, column 10: expected ), found the end'],
    ['reviewed urgent', 'line 1, column 10: expected an operator or the end, found urgent'],
    ['reviewed + 1 = 2', 'line 1, column 1: + takes numbers, not BOOL'],
    ['', 'line 1, column 1: expected an attribute, a value or (, found the end'],
  ])('%j', (source, message) => { expect(errorOf(source).message).toBe(message); });

  test('limits on characters, tokens, nesting and list items', () => {
    expect(errorOf(' '.repeat(RULE_LIMITS.characters + 1)).problem).toContain('characters');
    expect(errorOf(Array.from({ length: 300 }, () => 'urgent').join(' or ')).problem).toContain('tokens');
    expect(errorOf(`${'('.repeat(60)}urgent${')'.repeat(60)}`).problem).toContain('deep');
    expect(errorOf(`${'not '.repeat(60)}urgent`).problem).toContain('deep');
    expect(errorOf(`delta = ${'- '.repeat(60)}1`).problem).toContain('deep');
    expect(errorOf(Array.from({ length: 60 }, () => 'urgent').join(' implies ')).problem).toContain('deep');
    expect(errorOf(`${Array.from({ length: 30 }, () => 'cost').join(' * ')} = 1`).problem).toContain('multiplies');
    expect(errorOf(`delta in [${Array.from({ length: 70 }, () => '1').join(', ')}]`).problem).toContain('items');
  });

  test.each([
    [{ name: 'Risk', type: 'BOOL' }, 'lower-case'], [{ name: 'implies', type: 'BOOL' }, 'operator'], [{ name: 'a', type: 'BOOL', min: 1 }, 'no bounds'],
    [{ name: 'a', type: 'INT', min: 0.5 }, 'whole'], [{ name: 'a', type: 'DECIMAL', min: 2, max: 1 }, 'above'], [{ name: 'a', type: 'STRING' }, 'lists its'],
    [{ name: 'a', type: 'STRING', values: ['x', 'x'] }, 'twice'], [{ name: 'a', type: 'INT', values: ['x'] }, 'no list'],
  ] as const)('declaration %j', (declaration, reason) => {
    expect(() => declare([declaration])).toThrow(DeclarationError);
    expect(() => declare([declaration])).toThrow(reason);
  });
});

describe('evaluation', () => {
  const run = (source: string, input: Record<string, unknown>) => evaluateRule(compileRule(source, DECLARATIONS), DECLARATIONS, input);

  test('names the smallest part that failed', () => {
    expect(run('risk <= 0.3 and (urgent or environment != "production") implies reviewed and approvals >= 2', { risk: 0.3, urgent: true, environment: 'staging', reviewed: true, approvals: 1 }))
      .toEqual({ outcome: 'VIOLATED', failed: 'approvals >= 2', explanation: 'approvals >= 2 does not hold: risk is 0.3, urgent is true, environment is "staging", reviewed is true, approvals is 1.' });
    expect(run('urgent implies false', { urgent: true })).toMatchObject({ failed: 'urgent implies false' });
    expect(run('urgent implies reviewed', { urgent: false, reviewed: false }).outcome).toBe('SATISFIED');
  });

  test('a missing or invalid attribute is never a pass, even where another operand would decide', () => {
    fc.assert(fc.property(ruleTree, ruleInput, fc.constantFrom(...RULE_ATTRIBUTES.map(({ name }) => name)), fc.constantFrom<unknown>(undefined, null, {}, [], Number.NaN, 'no such value'), (tree, input, name, bad) => {
      const node = compileRule(printRule(tree), DECLARATIONS);
      const mentioned = printRule(tree).replaceAll(/"(?:[^"\\]|\\.)*"/g, '').match(/[a-z]+/g)?.includes(name) ?? false;
      const result = evaluateRule(node, DECLARATIONS, { ...input, [name]: bad });
      if (mentioned) expect(result).toMatchObject({ outcome: 'INDETERMINATE', absent: [name] });
      else expect(result.outcome).not.toBe('INDETERMINATE');
    }), { numRuns: 300 });
    expect(run('urgent or risk < 1', { urgent: true })).toMatchObject({ outcome: 'INDETERMINATE', absent: ['risk'] });
    expect(run('risk < 2', { risk: 1.5 })).toMatchObject({ outcome: 'INDETERMINATE', explanation: 'Cannot be decided: risk is above 1.' });
    expect(run('cost > 0', { cost: 1e-300 })).toMatchObject({ outcome: 'INDETERMINATE', explanation: 'Cannot be decided: cost has more than 64 digits.' });
    expect(run('approvals > 0', { approvals: '3' }).outcome).toBe('INDETERMINATE');
    expect(run('urgent', Object.create({ urgent: true }) as Record<string, unknown>).outcome).toBe('INDETERMINATE');
  });

  test('computes without rounding', () => {
    expect(run('cost + 0.2 = 0.3', { cost: 0.1 }).outcome).toBe('SATISFIED');
    expect(run('cost * 3 = 1', { cost: '1/3' }).outcome).toBe('SATISFIED');
    expect(run('delta * delta * delta * delta - 1 < delta * delta * delta * delta', { delta: 9007199254740991 }).outcome).toBe('SATISFIED');
  });
});

describe('fractions', () => {
  const fraction = fc.tuple(fc.bigInt({ min: -10_000n, max: 10_000n }), fc.bigInt({ min: 1n, max: 500n })).map(([a, b]) => rational(a, b));
  test('text and value agree, and order is that of the difference', () => {
    fc.assert(fc.property(fraction, fraction, (a, b) => {
      expect(parseRational(formatRational(a))).toEqual(a);
      expect(compare(add(a, b), a)).toBe(compare(b, rational(0n)));
      expect(multiply(a, b)).toEqual(multiply(b, a));
      expect(floorTo(a, 4)).toBeLessThanOrEqual(Number(a.numerator) / Number(a.denominator));
    }));
    fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => { expect(Number(formatRational(rationalOf(value))) === value || Object.is(value, -0)).toBe(true); }));
  });
});
