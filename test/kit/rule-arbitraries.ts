/** Random well-typed rules with declarations and values, for properties of the rule language and its translation. */
import fc from 'fast-check';
import type { AttributeDeclaration } from '../../subgraphs/kernel/rules/declarations.js';
import type { RuleNode } from '../../subgraphs/kernel/rules/syntax.js';

/** The attributes every random rule may mention. */
export const RULE_ATTRIBUTES: readonly AttributeDeclaration[] = [
  { name: 'reviewed', type: 'BOOL' },
  { name: 'urgent', type: 'BOOL' },
  { name: 'approvals', type: 'INT', min: 0, max: 5 },
  { name: 'delta', type: 'INT' },
  { name: 'risk', type: 'DECIMAL', min: 0, max: 1 },
  { name: 'cost', type: 'DECIMAL' },
  { name: 'environment', type: 'STRING', values: ['development', 'staging', 'production'] },
  { name: 'target', type: 'STRING', values: ['production', 'archive "cold"', 'back\\slash'] },
];

const at = 0;
const STRINGS = ['environment', 'target'] as const;
const valuesOf = (name: string): readonly string[] => RULE_ATTRIBUTES.find((attribute) => attribute.name === name)?.values ?? [];

const attribute = (...names: string[]): fc.Arbitrary<RuleNode> => fc.constantFrom(...names).map((name) => ({ kind: 'attribute', name, at }));
const whole = fc.nat({ max: 20 }).map((value): RuleNode => ({ kind: 'number', text: String(value), at }));
const decimal = fc.tuple(fc.nat({ max: 9 }), fc.nat({ max: 999 })).map(([a, b]): RuleNode => ({ kind: 'number', text: `${a}.${b}`, at }));
const negatable = (literal: fc.Arbitrary<RuleNode>): fc.Arbitrary<RuleNode> => fc.tuple(literal, fc.boolean()).map(([operand, minus]) => (minus ? { kind: 'negate', operand, at } : operand));

const stringPair = fc.constantFrom(...STRINGS).chain((name): fc.Arbitrary<[RuleNode, RuleNode]> => fc.tuple(
  fc.constant<RuleNode>({ kind: 'attribute', name, at }),
  fc.oneof(fc.constantFrom(...valuesOf(name)).map((value): RuleNode => ({ kind: 'string', value, at })), attribute(...STRINGS)),
));

/** Well-typed BOOL trees over {@link RULE_ATTRIBUTES}, with `at` zero everywhere. */
export const ruleTree: fc.Arbitrary<RuleNode> = fc.letrec<{ bool: RuleNode; number: RuleNode }>((tie) => ({
  number: fc.oneof({ depthSize: 'small', withCrossShrink: true },
    attribute('approvals', 'delta', 'risk', 'cost'), whole, decimal,
    tie('number').map((operand): RuleNode => ({ kind: 'negate', operand, at })),
    fc.tuple(fc.constantFrom('+' as const, '-' as const, '*' as const), tie('number'), tie('number')).map(([operator, left, right]): RuleNode => ({ kind: 'binary', operator, left, right, at })),
  ),
  bool: fc.oneof({ depthSize: 'medium', withCrossShrink: true },
    attribute('reviewed', 'urgent'),
    fc.boolean().map((value): RuleNode => ({ kind: 'boolean', value, at })),
    fc.tuple(fc.constantFrom('=' as const, '!=' as const), stringPair).map(([operator, [left, right]]): RuleNode => ({ kind: 'binary', operator, left, right, at })),
    fc.constantFrom(...STRINGS).chain((name) => fc.subarray([...valuesOf(name)], { minLength: 1 }).map((values): RuleNode => ({
      kind: 'in', operand: { kind: 'attribute', name, at }, items: values.map((value): RuleNode => ({ kind: 'string', value, at })), at,
    }))),
    fc.tuple(tie('number'), fc.array(negatable(fc.oneof(whole, decimal)), { minLength: 1, maxLength: 4 })).map(([operand, items]): RuleNode => ({ kind: 'in', operand, items, at })),
    fc.tuple(fc.constantFrom('=' as const, '!=' as const, '<' as const, '<=' as const, '>' as const, '>=' as const), tie('number'), tie('number')).map(([operator, left, right]): RuleNode => ({ kind: 'binary', operator, left, right, at })),
    tie('bool').map((operand): RuleNode => ({ kind: 'not', operand, at })),
    fc.tuple(fc.constantFrom('and' as const, 'or' as const, 'implies' as const, '=' as const, '!=' as const), tie('bool'), tie('bool')).map(([operator, left, right]): RuleNode => ({ kind: 'binary', operator, left, right, at })),
  ),
})).bool;

/** A JSON input that gives every attribute a valid value. */
export const ruleInput: fc.Arbitrary<Record<string, unknown>> = fc.record({
  reviewed: fc.boolean(), urgent: fc.boolean(),
  approvals: fc.integer({ min: 0, max: 5 }), delta: fc.integer({ min: -30, max: 30 }),
  risk: fc.integer({ min: 0, max: 1000 }).map((value) => value / 1000),
  cost: fc.oneof(fc.integer({ min: -500, max: 500 }).map((value) => value / 8), fc.constantFrom('1/3', '-2/7', '0.125', 1e-7)),
  environment: fc.constantFrom(...valuesOf('environment')), target: fc.constantFrom(...valuesOf('target')),
});
