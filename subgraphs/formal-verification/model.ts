/** Reads the values of a solver's model back into values of the rule language; pure. */
import { bounded, type AttributeDeclaration, type RuleValue } from '../kernel/rules/declarations.js';
import { divide, isInteger, negate, parseRational, type Rational } from '../kernel/rules/rational.js';
import { printSExpression, readSExpressions, type SExpression } from './s-expression.js';
import type { SmtTranslation } from './translate.js';

/** A value, or why there is none: an irrational number, or one outside what was declared. */
export type ModelValue = { readonly value: RuleValue } | { readonly irrational: true } | { readonly problem: string };

/**
 * The right-hand sides of `((a 1) (b true))`, the answer to get-value.
 * @returns null when the text is no such answer.
 */
export function readPairs(text: string): SExpression[] | null {
  const [answer, ...more] = readSExpressions(text);
  if (answer?.kind !== 'list' || more.length > 0) return null;
  const values = answer.items.map((pair) => (pair.kind === 'list' && pair.items.length === 2 ? pair.items[1] : undefined));
  return values.every((value) => value !== undefined) ? values : null;
}

/** Reads the value of a declared attribute. */
export function readModelValue(declaration: AttributeDeclaration, expression: SExpression, translation: SmtTranslation): ModelValue {
  const text = printSExpression(expression);
  if (declaration.type === 'BOOL') return text === 'true' || text === 'false' ? { value: { type: 'BOOL', value: text === 'true' } } : { problem: `${declaration.name} is ${text}` };
  const number = readNumber(expression);
  if (number === null) return text.includes('root-obj') ? { irrational: true } : { problem: `${declaration.name} is ${text}` };
  if (declaration.type === 'STRING') {
    const value = isInteger(number) ? translation.textOf(number.numerator) : undefined;
    return value !== undefined && (declaration.values ?? []).includes(value) ? { value: { type: 'STRING', value } } : { problem: `${declaration.name} is ${text}` };
  }
  const value = bounded(declaration, { type: declaration.type, value: number });
  return typeof value === 'string' ? { problem: value } : { value };
}

/** Reads `5`, `1.0`, `(- 5)` and `(/ 1.0 3.0)`, in any nesting of the last two. */
function readNumber(expression: SExpression): Rational | null {
  if (expression.kind === 'atom') return /^\d+(\.\d+)?$/.test(expression.text) ? parseRational(expression.text) : null;
  const [head, first, second] = expression.items;
  if (head?.kind !== 'atom' || first === undefined) return null;
  const a = readNumber(first);
  if (a === null) return null;
  if (head.text === '-' && second === undefined) return negate(a);
  const b = second === undefined ? null : readNumber(second);
  return head.text === '/' && b !== null && b.numerator !== 0n ? divide(a, b) : null;
}
