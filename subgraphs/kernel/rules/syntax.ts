/** The syntax tree of the rule language, its limits and its errors. */

/** Lowest to highest precedence: implies (right), or, and, not, comparison (no chains), sum, product, minus. */
export type BinaryOperator = 'implies' | 'or' | 'and' | '=' | '!=' | '<' | '<=' | '>' | '>=' | '+' | '-' | '*';

/** `at` is the offset of the construct in its source; for binary operators that of the operator. */
export type RuleNode =
  | { readonly kind: 'boolean'; readonly value: boolean; readonly at: number }
  | { readonly kind: 'number'; readonly text: string; readonly at: number }
  | { readonly kind: 'string'; readonly value: string; readonly at: number }
  | { readonly kind: 'attribute'; readonly name: string; readonly at: number }
  | { readonly kind: 'not' | 'negate'; readonly operand: RuleNode; readonly at: number }
  | { readonly kind: 'in'; readonly operand: RuleNode; readonly items: readonly RuleNode[]; readonly at: number }
  | { readonly kind: 'binary'; readonly operator: BinaryOperator; readonly left: RuleNode; readonly right: RuleNode; readonly at: number };

export const RULE_LIMITS = {
  /** Characters of a rule. */
  characters: 4_096,
  /** Tokens of a rule. */
  tokens: 512,
  /** Nesting of parentheses, `not`, `implies` and minus signs. */
  depth: 48,
  /** Multiplications of a rule; with the limit on the size of values it keeps exact arithmetic fast. */
  products: 16,
  /** Items of an `in` list. */
  items: 64,
} as const;

/** Words that cannot name an attribute. */
export const KEYWORDS: ReadonlySet<string> = new Set(['and', 'or', 'not', 'implies', 'in', 'true', 'false']);

/** A rule that is not well formed or not well typed; the message begins with the place. */
export class RuleError extends Error {
  override readonly name = 'RuleError';
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;

  /** @param at offset of the mistake in the source. */
  constructor(readonly problem: string, source: string, readonly at: number) {
    const before = source.slice(0, at);
    const line = before.split('\n').length;
    const column = at - before.lastIndexOf('\n');
    super(`line ${line}, column ${column}: ${problem}`);
    this.line = line;
    this.column = column;
  }
}

/** How strongly a binary operator binds; operands of equal strength need parentheses on the side that does not associate. */
export const PRECEDENCE: Readonly<Record<BinaryOperator, number>> = {
  implies: 1, or: 2, and: 3, '=': 5, '!=': 5, '<': 5, '<=': 5, '>': 5, '>=': 5, '+': 6, '-': 6, '*': 7,
};

/** Precedence of `not`, between `and` and the comparisons. */
export const NOT_PRECEDENCE = 4;
/** Precedence of the minus sign, above every binary operator. */
export const NEGATE_PRECEDENCE = 8;
