/** Cuts a rule into tokens, with places and within limits. */
import { KEYWORDS, RULE_LIMITS, RuleError } from './syntax.js';

export interface Token {
  readonly kind: 'keyword' | 'name' | 'number' | 'string' | 'symbol' | 'end';
  /** The text; of a string its value without quotes and escapes. */
  readonly text: string;
  readonly at: number;
}

const SPACE = /[ \t\r\n]+/y;
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;
const NUMBER = /\d+(?:\.\d+)?/y;
const NUMBER_FORM = /^(?:0|[1-9]\d{0,29})(?:\.\d{1,30})?$/;
const STRING = /"(?:[^"\\\p{Cc}\p{Cs}]|\\["\\])*"/uy;
const SYMBOL = /<=|>=|!=|==|[=<>+\-*()[\],]/y;

/** @throws RuleError naming the first character that belongs to no token, or the limit that is passed. */
export function tokenize(source: string): Token[] {
  if (source.length > RULE_LIMITS.characters) throw new RuleError(`a rule has at most ${RULE_LIMITS.characters} characters`, source, RULE_LIMITS.characters);
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0];
  };
  const push = (kind: Token['kind'], raw: string, text = raw): void => {
    if (tokens.length >= RULE_LIMITS.tokens) throw new RuleError(`a rule has at most ${RULE_LIMITS.tokens} tokens`, source, at);
    tokens.push({ kind, text, at });
    at += raw.length;
  };
  for (;;) {
    at += match(SPACE)?.length ?? 0;
    if (at >= source.length) return [...tokens, { kind: 'end', text: 'the end', at: source.length }];
    const word = match(WORD);
    const number = match(NUMBER);
    const quoted = match(STRING);
    const symbol = match(SYMBOL);
    if (word !== undefined) push(KEYWORDS.has(word) ? 'keyword' : 'name', word);
    else if (number !== undefined) {
      if (!NUMBER_FORM.test(number)) throw new RuleError('a number has no leading zeros and at most 30 digits on each side of its point', source, at);
      push('number', number);
    } else if (quoted !== undefined) push('string', quoted, quoted.slice(1, -1).replaceAll(/\\(["\\])/g, '$1'));
    else if (symbol !== undefined) push('symbol', symbol, symbol === '==' ? '=' : symbol);
    else throw new RuleError(source[at] === '"' ? 'a text that never ends (escape only \\" and \\\\)' : `unexpected character ${JSON.stringify(String.fromCodePoint(source.codePointAt(at) ?? 0))}`, source, at);
  }
}
