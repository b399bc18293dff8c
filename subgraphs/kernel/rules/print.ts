/** Prints a rule in its canonical form: parsing the text gives the same tree. */
import { NEGATE_PRECEDENCE, NOT_PRECEDENCE, PRECEDENCE, type RuleNode } from './syntax.js';

export function printRule(node: RuleNode): string {
  switch (node.kind) {
    case 'boolean': return String(node.value);
    case 'number': return node.text;
    case 'string': return `"${node.value.replaceAll(/["\\]/g, '\\$&')}"`;
    case 'attribute': return node.name;
    case 'not': return `not ${within(node.operand, NOT_PRECEDENCE)}`;
    case 'negate': return `-${within(node.operand, NEGATE_PRECEDENCE)}`;
    case 'in': return `${within(node.operand, PRECEDENCE['='] + 1)} in [${node.items.map(printRule).join(', ')}]`;
    default: {
      const precedence = PRECEDENCE[node.operator];
      const isComparison = precedence === PRECEDENCE['='];
      const left = within(node.left, node.operator === 'implies' || isComparison ? precedence + 1 : precedence);
      const right = within(node.right, node.operator === 'implies' ? precedence : precedence + 1);
      return `${left} ${node.operator} ${right}`;
    }
  }
}

function within(node: RuleNode, weakest: number): string {
  const text = printRule(node);
  return strengthOf(node) < weakest ? `(${text})` : text;
}

function strengthOf(node: RuleNode): number {
  switch (node.kind) {
    case 'binary': return PRECEDENCE[node.operator];
    case 'in': return PRECEDENCE['='];
    case 'not': return NOT_PRECEDENCE;
    case 'negate': return NEGATE_PRECEDENCE;
    default: return NEGATE_PRECEDENCE + 1;
  }
}
