/** Parses rules by recursive descent; every error says where. */
import { RULE_LIMITS, RuleError, type BinaryOperator, type RuleNode } from './syntax.js';
import { tokenize, type Token } from './tokenize.js';

const COMPARISONS: ReadonlySet<string> = new Set(['=', '!=', '<', '<=', '>', '>=']);

/**
 * Parses one rule.
 * @throws RuleError for bad syntax or a rule beyond the limits.
 */
export function parseRule(source: string): RuleNode {
  return new Parser(source).parse();
}

class Parser {
  private readonly tokens: readonly Token[];
  private next = 0;
  private depth = 0;
  private products = 0;

  constructor(private readonly source: string) {
    this.tokens = tokenize(source);
  }

  parse(): RuleNode {
    const node = this.implication();
    if (this.current.kind !== 'end') throw this.unexpected('an operator or the end');
    return node;
  }

  private get current(): Token {
    return this.tokens[this.next] as Token;
  }

  private implication(): RuleNode {
    return this.nested(() => {
      const left = this.disjunction();
      const operator = this.take('implies');
      if (operator === undefined) return left;
      return { kind: 'binary', operator: 'implies', left, right: this.implication(), at: operator.at };
    });
  }

  private disjunction(): RuleNode {
    return this.leftAssociative(['or'], () => this.conjunction());
  }

  private conjunction(): RuleNode {
    return this.leftAssociative(['and'], () => this.negation());
  }

  private negation(): RuleNode {
    const not = this.take('not');
    if (not === undefined) return this.comparison();
    return { kind: 'not', operand: this.nested(() => this.negation()), at: not.at };
  }

  private comparison(): RuleNode {
    const left = this.sum();
    const membership = this.take('in');
    if (membership !== undefined) return { kind: 'in', operand: left, items: this.items(), at: membership.at };
    if (!this.atSymbol(COMPARISONS)) return left;
    const operator = this.advance();
    const node: RuleNode = { kind: 'binary', operator: operator.text as BinaryOperator, left, right: this.sum(), at: operator.at };
    if (this.atSymbol(COMPARISONS)) throw new RuleError('comparisons do not chain; join them with and', this.source, this.current.at);
    return node;
  }

  private sum(): RuleNode {
    return this.leftAssociative(['+', '-'], () => this.product());
  }

  private product(): RuleNode {
    return this.leftAssociative(['*'], () => this.minus());
  }

  private minus(): RuleNode {
    const minus = this.take('-');
    if (minus === undefined) return this.primary();
    return { kind: 'negate', operand: this.nested(() => this.minus()), at: minus.at };
  }

  private primary(): RuleNode {
    const token = this.current;
    if (this.take('(') !== undefined) {
      const inner = this.implication();
      this.expect(')');
      return inner;
    }
    if (token.kind === 'name') return { kind: 'attribute', name: this.advance().text, at: token.at };
    return this.literal();
  }

  private literal(): RuleNode {
    const token = this.current;
    if (token.kind === 'number') return { kind: 'number', text: this.advance().text, at: token.at };
    if (token.kind === 'string') return { kind: 'string', value: this.advance().text, at: token.at };
    if (this.take('true') ?? this.take('false')) return { kind: 'boolean', value: token.text === 'true', at: token.at };
    throw this.unexpected('an attribute, a value or (');
  }

  private items(): RuleNode[] {
    this.expect('[');
    const items: RuleNode[] = [];
    do {
      if (items.length >= RULE_LIMITS.items) throw new RuleError(`a list has at most ${RULE_LIMITS.items} items`, this.source, this.current.at);
      const minus = this.take('-');
      if (minus !== undefined && this.current.kind !== 'number') throw this.unexpected('a number');
      const literal = this.literal();
      items.push(minus === undefined ? literal : { kind: 'negate', operand: literal, at: minus.at });
    } while (this.take(',') !== undefined);
    this.expect(']');
    return items;
  }

  private leftAssociative(operators: readonly BinaryOperator[], operand: () => RuleNode): RuleNode {
    let left = operand();
    for (;;) {
      const operator = operators.find((candidate) => this.isWord(candidate));
      if (operator === undefined) return left;
      const { at } = this.advance();
      if (operator === '*') this.products += 1;
      if (this.products > RULE_LIMITS.products) throw new RuleError(`a rule multiplies at most ${RULE_LIMITS.products} times`, this.source, at);
      left = { kind: 'binary', operator, left, right: operand(), at };
    }
  }

  private nested<T>(work: () => T): T {
    this.depth += 1;
    if (this.depth > RULE_LIMITS.depth) throw new RuleError(`a rule nests at most ${RULE_LIMITS.depth} deep`, this.source, this.current.at);
    const result = work();
    this.depth -= 1;
    return result;
  }

  private isWord(text: string): boolean {
    return (this.current.kind === 'keyword' || this.current.kind === 'symbol') && this.current.text === text;
  }

  private atSymbol(texts: ReadonlySet<string>): boolean {
    return this.current.kind === 'symbol' && texts.has(this.current.text);
  }

  private take(text: string): Token | undefined {
    return this.isWord(text) ? this.advance() : undefined;
  }

  private expect(text: string): void {
    if (this.take(text) === undefined) throw this.unexpected(text);
  }

  private advance(): Token {
    const token = this.current;
    if (token.kind !== 'end') this.next += 1;
    return token;
  }

  private unexpected(wanted: string): RuleError {
    const { kind, text, at } = this.current;
    return new RuleError(`expected ${wanted}, found ${kind === 'string' ? JSON.stringify(text) : text}`, this.source, at);
  }
}
