/** Reads the parenthesised texts of SMT-LIB: scripts that come in, values that come out. */

/** An atom with its text, or a list; `at` is its offset. */
export type SExpression =
  | { readonly kind: 'atom'; readonly text: string; readonly at: number }
  | { readonly kind: 'list'; readonly items: readonly SExpression[]; readonly at: number };

/** A text that is not well formed, or a script that is not allowed; the message begins with the place. */
export class ScriptError extends Error {
  override readonly name = 'ScriptError';

  /** @param at offset of the mistake in the source. */
  constructor(problem: string, source: string, readonly at: number) {
    const before = source.slice(0, at);
    super(`line ${before.split('\n').length}, column ${at - before.lastIndexOf('\n')}: ${problem}`);
  }
}

const MAX_DEPTH = 200;
const SKIP = /(?:[ \t\r\n]+|;[^\n]*)+/y;
const ATOM = /\|[^|\\]*\||"(?:[^"]|"")*"|[^\s()";|]+/y;

/** @throws ScriptError for unbalanced parentheses, open quotes and nesting beyond 200. */
export function readSExpressions(source: string): SExpression[] {
  const stack: Array<{ items: SExpression[]; at: number }> = [{ items: [], at: 0 }];
  let at = 0;
  for (;;) {
    SKIP.lastIndex = at;
    at += SKIP.exec(source)?.[0].length ?? 0;
    const top = stack[stack.length - 1] as { items: SExpression[]; at: number };
    if (at >= source.length) {
      if (stack.length > 1) throw new ScriptError('this parenthesis is never closed', source, top.at);
      return top.items;
    }
    const character = source[at];
    if (character === '(') {
      if (stack.length > MAX_DEPTH) throw new ScriptError(`nested more than ${MAX_DEPTH} deep`, source, at);
      stack.push({ items: [], at });
      at += 1;
    } else if (character === ')') {
      const closed = stack.pop();
      const parent = stack[stack.length - 1];
      if (closed === undefined || parent === undefined) throw new ScriptError('this parenthesis closes nothing', source, at);
      parent.items.push({ kind: 'list', items: closed.items, at: closed.at });
      at += 1;
    } else {
      ATOM.lastIndex = at;
      const text = ATOM.exec(source)?.[0];
      if (text === undefined) throw new ScriptError('a quote that never ends', source, at);
      top.items.push({ kind: 'atom', text, at });
      at += text.length;
    }
  }
}

/** The text of an expression, with single spaces. */
export function printSExpression(expression: SExpression): string {
  return expression.kind === 'atom' ? expression.text : `(${expression.items.map(printSExpression).join(' ')})`;
}
