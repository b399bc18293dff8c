/** Translates rules to SMT-LIB, so that the solver and the evaluator mean the same; pure. */
import { numberType } from '../kernel/rules/check-types.js';
import type { AttributeDeclaration, AttributeType, Declarations, RuleValue } from '../kernel/rules/declarations.js';
import { rationalOf, type Rational } from '../kernel/rules/rational.js';
import type { RuleNode } from '../kernel/rules/syntax.js';

interface Term {
  readonly text: string;
  readonly type: AttributeType;
}

const SORTS: Readonly<Record<AttributeType, string>> = { BOOL: 'Bool', INT: 'Int', DECIMAL: 'Real', STRING: 'Int' };
const LOGIC = { and: 'and', or: 'or', implies: '=>' } as const;

/** One translation: texts become the same numbers wherever they appear in it. */
export class SmtTranslation {
  private readonly codes = new Map<string, number>();

  /** @param prefix put before every attribute name, so that several inputs fit into one script. */
  constructor(private readonly declarations: Declarations, private readonly prefix = '') {}

  symbolOf(name: string): string {
    return `|${this.prefix}${name}|`;
  }

  /** Declares every attribute and asserts its bounds. */
  declare(): string {
    return [...this.declarations.values()].map((declaration) => [`(declare-const ${this.symbolOf(declaration.name)} ${SORTS[declaration.type]})`, ...this.domainOf(declaration).map(assertion)].join('\n')).join('\n');
  }

  /** Asserts that a checked BOOL expression holds. */
  assert(node: RuleNode): string {
    return assertion(this.term(node).text);
  }

  /** Asserts that an attribute has a value. */
  assertValue(name: string, value: RuleValue): string {
    return assertion(`(= ${this.symbolOf(name)} ${this.literal(value)})`);
  }

  term(node: RuleNode): Term {
    switch (node.kind) {
      case 'boolean': return { text: String(node.value), type: 'BOOL' };
      case 'number': return { text: node.text, type: numberType(node.text) };
      case 'string': return { text: String(this.codeOf(node.value)), type: 'STRING' };
      case 'attribute': return { text: this.symbolOf(node.name), type: this.declarations.get(node.name)?.type ?? 'BOOL' };
      case 'not': return { text: `(not ${this.term(node.operand).text})`, type: 'BOOL' };
      case 'negate': {
        const { text, type } = this.term(node.operand);
        return { text: `(- ${text})`, type };
      }
      case 'in': {
        const operand = this.term(node.operand);
        return { text: `(or false ${node.items.map((item) => applied('=', operand, this.term(item))).join(' ')})`, type: 'BOOL' };
      }
      default: return this.binary(node);
    }
  }

  /** The value behind the solver's number for a text; undefined when there is none. */
  textOf(code: bigint): string | undefined {
    return [...this.codes.entries()].find(([, candidate]) => BigInt(candidate) === code)?.[0];
  }

  private binary({ operator, left, right }: Extract<RuleNode, { kind: 'binary' }>): Term {
    const [a, b] = [this.term(left), this.term(right)];
    switch (operator) {
      case 'and': case 'or': case 'implies': return { text: `(${LOGIC[operator]} ${a.text} ${b.text})`, type: 'BOOL' };
      case '+': case '-': case '*': return { text: applied(operator, a, b), type: isReal(a, b) ? 'DECIMAL' : 'INT' };
      case '!=': return { text: `(not ${applied('=', a, b)})`, type: 'BOOL' };
      default: return { text: applied(operator, a, b), type: 'BOOL' };
    }
  }

  private domainOf({ name, type, min, max, values = [] }: AttributeDeclaration): string[] {
    const symbol = this.symbolOf(name);
    if (type === 'STRING') return [`(or false ${values.map((value) => `(= ${symbol} ${this.codeOf(value)})`).join(' ')})`];
    const bound = (value: number): string => numberText(rationalOf(value), type);
    return [...(min === undefined ? [] : [`(>= ${symbol} ${bound(min)})`]), ...(max === undefined ? [] : [`(<= ${symbol} ${bound(max)})`])];
  }

  private literal(value: RuleValue): string {
    if (value.type === 'BOOL') return String(value.value);
    return value.type === 'STRING' ? String(this.codeOf(value.value)) : numberText(value.value, value.type);
  }

  private codeOf(text: string): number {
    const known = this.codes.get(text);
    if (known !== undefined) return known;
    this.codes.set(text, this.codes.size);
    return this.codes.size - 1;
  }
}

const assertion = (text: string): string => `(assert ${text})`;
const isReal = (a: Term, b: Term): boolean => a.type === 'DECIMAL' || b.type === 'DECIMAL';

/** Applies an operator; an INT beside a DECIMAL becomes one. */
function applied(operator: string, a: Term, b: Term): string {
  const lift = ({ text, type }: Term): string => (type === 'INT' && isReal(a, b) ? `(to_real ${text})` : text);
  return `(${operator} ${lift(a)} ${lift(b)})`;
}

function numberText({ numerator, denominator }: Rational, type: AttributeType): string {
  const magnitude = numerator < 0n ? -numerator : numerator;
  const text = type === 'INT' ? magnitude.toString() : `(/ ${magnitude}.0 ${denominator}.0)`;
  return numerator < 0n ? `(- ${text})` : text;
}

