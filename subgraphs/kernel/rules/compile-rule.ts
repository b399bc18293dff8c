/** A rule ready to run: parsed and checked against its declarations. */
import { checkRule } from './check-types.js';
import type { Declarations } from './declarations.js';
import { parseRule } from './parse.js';
import type { RuleNode } from './syntax.js';

/**
 * Parses a rule and checks its types.
 * @throws RuleError with line and column for bad syntax, a type error, an undeclared attribute or a limit that is passed.
 */
export function compileRule(source: string, declarations: Declarations): RuleNode {
  const node = parseRule(source);
  checkRule(source, node, declarations);
  return node;
}
