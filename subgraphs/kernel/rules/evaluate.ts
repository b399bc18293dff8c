/** Evaluates a checked rule over values, exactly, and names the sub-expression that made it fail. */
import { type Declarations, formatValue, readValue, type RuleValue } from './declarations.js';
import { printRule } from './print.js';
import { add, compare, multiply, negate, parseRational, subtract, type Rational } from './rational.js';
import { numberType } from './check-types.js';
import type { BinaryOperator, RuleNode } from './syntax.js';

export type Values = ReadonlyMap<string, RuleValue>;

export type Evaluation =
  | { readonly outcome: 'SATISFIED'; readonly explanation: string }
  /** `failed` is the smallest part of the rule that explains why it does not hold. */
  | { readonly outcome: 'VIOLATED'; readonly explanation: string; readonly failed: string }
  /** An attribute the rule mentions is missing or has no value of its type; `absent` names them in order of appearance. */
  | { readonly outcome: 'INDETERMINATE'; readonly explanation: string; readonly absent: readonly string[] };

/**
 * Evaluates a rule that passed `checkRule` over a JSON object.
 * Every attribute the rule mentions must be there and valid, even where another operand would decide alone:
 * what was not said is never taken for a pass. Attributes the rule does not mention are not looked at.
 */
export function evaluateRule(node: RuleNode, declarations: Declarations, input: Readonly<Record<string, unknown>>): Evaluation {
  const values = new Map<string, RuleValue>();
  const problems: string[] = [];
  const absent: string[] = [];
  for (const name of attributesOf(node)) {
    const declaration = declarations.get(name);
    const json = Object.hasOwn(input, name) ? input[name] : undefined;
    const value = declaration === undefined ? `${name} is not declared` : json === undefined || json === null ? `${name} is missing` : readValue(declaration, json);
    if (typeof value !== 'string') values.set(name, value);
    else {
      problems.push(value);
      absent.push(name);
    }
  }
  if (absent.length > 0) return { outcome: 'INDETERMINATE', explanation: `Cannot be decided: ${problems.join('; ')}.`, absent };
  if (holds(node, values)) return { outcome: 'SATISFIED', explanation: describeValues(node, values) };
  const failed = printRule(blame(node, values));
  return { outcome: 'VIOLATED', explanation: `${failed} does not hold: ${describeValues(node, values)}`, failed };
}

/** Truth of a checked BOOL expression. @throws TypeError for an attribute without a value. */
export function holds(node: RuleNode, values: Values): boolean {
  const result = valueOf(node, values);
  if (result.type !== 'BOOL') throw new TypeError('The expression is not BOOL; it was not checked.');
  return result.value;
}

/** Names of the attributes an expression mentions, in order of first appearance. */
export function attributesOf(node: RuleNode): string[] {
  const names = new Set<string>();
  const visit = (part: RuleNode): void => {
    if (part.kind === 'attribute') names.add(part.name);
    else if (part.kind === 'binary') [part.left, part.right].forEach(visit);
    else if (part.kind === 'in') visit(part.operand);
    else if (part.kind === 'not' || part.kind === 'negate') visit(part.operand);
  };
  visit(node);
  return [...names];
}

function valueOf(node: RuleNode, values: Values): RuleValue {
  switch (node.kind) {
    case 'boolean': return { type: 'BOOL', value: node.value };
    case 'string': return { type: 'STRING', value: node.value };
    case 'number': return { type: numberType(node.text), value: numberOf(node.text) };
    case 'attribute': {
      const value = values.get(node.name);
      if (value === undefined) throw new TypeError(`The attribute ${node.name} has no value.`);
      return value;
    }
    case 'not': return { type: 'BOOL', value: !holds(node.operand, values) };
    case 'negate': {
      const operand = numeric(node.operand, values);
      return { type: operand.type, value: negate(operand.value) };
    }
    case 'in': {
      const operand = valueOf(node.operand, values);
      return { type: 'BOOL', value: node.items.some((item) => equal(operand, valueOf(item, values))) };
    }
    default: return binary(node.operator, node.left, node.right, values);
  }
}

function binary(operator: BinaryOperator, left: RuleNode, right: RuleNode, values: Values): RuleValue {
  const truth = (value: boolean): RuleValue => ({ type: 'BOOL', value });
  const order = (): number => compare(numeric(left, values).value, numeric(right, values).value);
  const computed = (operation: (a: Rational, b: Rational) => Rational): RuleValue => {
    const [a, b] = [numeric(left, values), numeric(right, values)];
    return { type: a.type === 'DECIMAL' ? 'DECIMAL' : b.type, value: operation(a.value, b.value) };
  };
  switch (operator) {
    case 'and': return truth(holds(left, values) && holds(right, values));
    case 'or': return truth(holds(left, values) || holds(right, values));
    case 'implies': return truth(!holds(left, values) || holds(right, values));
    case '=': return truth(equal(valueOf(left, values), valueOf(right, values)));
    case '!=': return truth(!equal(valueOf(left, values), valueOf(right, values)));
    case '<': return truth(order() < 0);
    case '<=': return truth(order() <= 0);
    case '>': return truth(order() > 0);
    case '>=': return truth(order() >= 0);
    case '+': return computed(add);
    case '-': return computed(subtract);
    default: return computed(multiply);
  }
}

function numeric(node: RuleNode, values: Values): RuleValue & { readonly type: 'INT' | 'DECIMAL' } {
  const value = valueOf(node, values);
  if (value.type !== 'INT' && value.type !== 'DECIMAL') throw new TypeError('The expression is not a number; it was not checked.');
  return value;
}

function numberOf(text: string): Rational {
  const value = parseRational(text);
  if (value === null) throw new TypeError(`${text} is not a number.`);
  return value;
}

function equal(a: RuleValue, b: RuleValue): boolean {
  if ((a.type === 'INT' || a.type === 'DECIMAL') && (b.type === 'INT' || b.type === 'DECIMAL')) return compare(a.value, b.value) === 0;
  return a.type === b.type && a.value === b.value;
}

/** The smallest part that should hold, does not, and decides the whole. */
function blame(node: RuleNode, values: Values): RuleNode {
  if (node.kind !== 'binary') return node;
  if (node.operator === 'and') return blame(holds(node.left, values) ? node.right : node.left, values);
  if (node.operator !== 'implies') return node;
  const consequent = blame(node.right, values);
  return consequent.kind === 'boolean' ? node : consequent;
}

function describeValues(node: RuleNode, values: Values): string {
  const parts = attributesOf(node).map((name) => {
    const value = values.get(name);
    return `${name} is ${value === undefined ? 'missing' : formatValue(value)}`;
  });
  return parts.length === 0 ? 'the rule has no attributes.' : `${parts.join(', ')}.`;
}
