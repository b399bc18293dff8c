/** Declared attributes: what a rule may mention, of which type and within which bounds; and reading their values from JSON. */
import { compare, formatRational, isInteger, parseRational, rational, rationalOf, type Rational } from './rational.js';
import { KEYWORDS } from './syntax.js';

export const ATTRIBUTE_TYPES = ['BOOL', 'INT', 'DECIMAL', 'STRING'] as const;
export type AttributeType = (typeof ATTRIBUTE_TYPES)[number];

export interface AttributeDeclaration {
  /** Lower case with underscores. */
  readonly name: string;
  readonly type: AttributeType;
  readonly description?: string;
  /** Lowest value of an INT or DECIMAL. */
  readonly min?: number;
  /** Highest value of an INT or DECIMAL. */
  readonly max?: number;
  /** Every value a STRING may have. */
  readonly values?: readonly string[];
}

export type RuleValue =
  | { readonly type: 'BOOL'; readonly value: boolean }
  | { readonly type: 'INT' | 'DECIMAL'; readonly value: Rational }
  | { readonly type: 'STRING'; readonly value: string };

export type Declarations = ReadonlyMap<string, AttributeDeclaration>;

/** Values with longer numerators or denominators are refused: 64 digits. */
const LARGEST_PART = 10n ** 64n;

export const DECLARATION_LIMITS = { attributes: 64, values: 64, textLength: 128 } as const;

/** Declarations that contradict themselves; the message names the attribute. */
export class DeclarationError extends Error {
  override readonly name = 'DeclarationError';
  /** @param index place in the list, from 0; null when the list itself is at fault. */
  constructor(message: string, readonly index: number | null) {
    super(message);
  }
}

/** Checks a list of declarations. @throws DeclarationError for the first that does not hold. */
export function declare(list: readonly AttributeDeclaration[]): Declarations {
  if (list.length > DECLARATION_LIMITS.attributes) throw new DeclarationError(`At most ${DECLARATION_LIMITS.attributes} attributes are declared.`, null);
  const declarations = new Map<string, AttributeDeclaration>();
  for (const [index, declaration] of list.entries()) {
    const problem = problemOf(declaration) ?? (declarations.has(declaration.name) ? 'is declared twice' : null);
    if (problem !== null) throw new DeclarationError(`The attribute ${JSON.stringify(declaration.name)} ${problem}.`, index);
    declarations.set(declaration.name, declaration);
  }
  return declarations;
}

function problemOf({ name, type, min, max, values }: AttributeDeclaration): string | null {
  if (!/^[a-z][a-z0-9_]{0,63}$/.test(name)) return 'needs a name of 1 to 64 lower-case letters, digits and underscores that begins with a letter';
  if (KEYWORDS.has(name)) return 'has the name of an operator or value';
  const isNumber = type === 'INT' || type === 'DECIMAL';
  if (!isNumber && (min !== undefined || max !== undefined)) return `is ${type} and so takes no bounds`;
  for (const bound of [min, max]) {
    if (bound === undefined) continue;
    if (!Number.isFinite(bound) || (type === 'INT' && !Number.isSafeInteger(bound))) return `needs ${type === 'INT' ? 'whole' : 'finite'} bounds`;
  }
  if (min !== undefined && max !== undefined && min > max) return 'has a lower bound above its upper bound';
  if (type !== 'STRING') return values === undefined ? null : `is ${type} and so takes no list of values`;
  if (values === undefined || values.length === 0 || values.length > DECLARATION_LIMITS.values) return `is STRING and lists its 1 to ${DECLARATION_LIMITS.values} values`;
  if (new Set(values).size !== values.length) return 'lists a value twice';
  if (values.some((value) => value.length === 0 || value.length > DECLARATION_LIMITS.textLength || /\p{Cc}|\p{Cs}/u.test(value))) return `has a value that is not 1 to ${DECLARATION_LIMITS.textLength} printable characters`;
  return null;
}

/**
 * Reads an attribute's value from JSON: a BOOL is a boolean, an INT a whole number, a DECIMAL a number or the text of one
 * (`"0.25"`, `"1/3"`), a STRING one of its declared values.
 * @returns the value, or a sentence that says why it is none; it never repeats what was sent.
 */
export function readValue(declaration: AttributeDeclaration, json: unknown): RuleValue | string {
  const { name, type } = declaration;
  switch (type) {
    case 'BOOL': return typeof json === 'boolean' ? { type, value: json } : `${name} is not a boolean`;
    case 'STRING': return typeof json === 'string' && (declaration.values ?? []).includes(json) ? { type, value: json } : `${name} is none of ${(declaration.values ?? []).join(', ')}`;
    case 'INT':
      if (typeof json !== 'number' || !Number.isSafeInteger(json)) return `${name} is not a whole number`;
      return bounded(declaration, { type, value: rational(BigInt(json)) });
    default: {
      const value = typeof json === 'number' && Number.isFinite(json) ? rationalOf(json) : typeof json === 'string' && json.length <= 64 ? parseRational(json) : null;
      if (value !== null && (value.denominator > LARGEST_PART || value.numerator > LARGEST_PART || value.numerator < -LARGEST_PART)) return `${name} has more than 64 digits`;
      return value === null ? `${name} is not a number` : bounded(declaration, { type, value });
    }
  }
}

/** The value, or why it is outside the declared bounds. */
export function bounded(declaration: AttributeDeclaration, value: RuleValue & { readonly type: 'INT' | 'DECIMAL' }): RuleValue | string {
  const { name, min, max, type } = declaration;
  if (type === 'INT' && !isInteger(value.value)) return `${name} is not a whole number`;
  if (min !== undefined && compare(value.value, rationalOf(min)) < 0) return `${name} is below ${min}`;
  if (max !== undefined && compare(value.value, rationalOf(max)) > 0) return `${name} is above ${max}`;
  return value;
}

/** A value as text: `true`, `12`, `0.25`, `1/3`, `"production"`. */
export function formatValue(value: RuleValue): string {
  if (value.type === 'BOOL') return String(value.value);
  return value.type === 'STRING' ? JSON.stringify(value.value) : formatRational(value.value);
}
