/** Checks a rule against the declared attributes; a rule that passes cannot fail for its types when it runs. */
import type { AttributeDeclaration, AttributeType, Declarations } from './declarations.js';
import { RuleError, type RuleNode } from './syntax.js';

const isNumeric = (type: AttributeType): boolean => type === 'INT' || type === 'DECIMAL';

/** @throws RuleError unless the rule is a well-typed BOOL expression over the declarations. */
export function checkRule(source: string, node: RuleNode, declarations: Declarations): void {
  const type = new TypeChecker(source, declarations).typeOf(node);
  if (type !== 'BOOL') throw new RuleError(`a rule is BOOL, this is ${type}`, source, startOf(node));
}

class TypeChecker {
  constructor(private readonly source: string, private readonly declarations: Declarations) {}

  typeOf(node: RuleNode): AttributeType {
    switch (node.kind) {
      case 'boolean': return 'BOOL';
      case 'string': return 'STRING';
      case 'number': return numberType(node.text);
      case 'attribute': return this.declarationOf(node.name, node.at).type;
      case 'not': return this.demand(node.operand, 'BOOL', 'not');
      case 'negate': return this.demandNumber(node.operand, '-');
      case 'in': {
        for (const item of node.items) this.comparable(node.operand, item, '=', node.at);
        return 'BOOL';
      }
      default: return this.binary(node);
    }
  }

  private binary({ operator, left, right, at }: Extract<RuleNode, { kind: 'binary' }>): AttributeType {
    switch (operator) {
      case 'and': case 'or': case 'implies':
        this.demand(left, 'BOOL', operator);
        return this.demand(right, 'BOOL', operator);
      case '+': case '-': case '*': {
        const types = [this.demandNumber(left, operator), this.demandNumber(right, operator)];
        return types.includes('DECIMAL') ? 'DECIMAL' : 'INT';
      }
      default:
        this.comparable(left, right, operator, at);
        return 'BOOL';
    }
  }

  private comparable(left: RuleNode, right: RuleNode, operator: string, at: number): void {
    const [a, b] = [this.typeOf(left), this.typeOf(right)];
    if (isNumeric(a) && isNumeric(b)) return;
    if (a !== b) throw new RuleError(`${a} and ${b} cannot be compared`, this.source, at);
    if (operator !== '=' && operator !== '!=') throw new RuleError(`${a} has no order; ${operator} compares numbers`, this.source, at);
    if (a === 'STRING') {
      this.demandMember(left, right);
      this.demandMember(right, left);
    }
  }

  /** A text compared with an attribute must be one the attribute can have: anything else is a spelling mistake. */
  private demandMember(attribute: RuleNode, literal: RuleNode): void {
    if (attribute.kind !== 'attribute' || literal.kind !== 'string') return;
    const values = this.declarationOf(attribute.name, attribute.at).values ?? [];
    if (!values.includes(literal.value)) throw new RuleError(`${JSON.stringify(literal.value)} is not a value of ${attribute.name} (${values.join(', ')})`, this.source, literal.at);
  }

  private demand(node: RuleNode, wanted: AttributeType, operator: string): AttributeType {
    const type = this.typeOf(node);
    if (type !== wanted) throw new RuleError(`${operator} takes ${wanted}, not ${type}`, this.source, startOf(node));
    return type;
  }

  private demandNumber(node: RuleNode, operator: string): AttributeType {
    const type = this.typeOf(node);
    if (!isNumeric(type)) throw new RuleError(`${operator} takes numbers, not ${type}`, this.source, startOf(node));
    return type;
  }

  private declarationOf(name: string, at: number): AttributeDeclaration {
    const declaration = this.declarations.get(name);
    if (declaration === undefined) throw new RuleError(`the attribute ${name} is not declared`, this.source, at);
    return declaration;
  }
}

/** Type of a number as written: with a point DECIMAL, else INT. */
export function numberType(text: string): 'INT' | 'DECIMAL' {
  return text.includes('.') ? 'DECIMAL' : 'INT';
}

function startOf(node: RuleNode): number {
  if (node.kind === 'binary') return startOf(node.left);
  return node.kind === 'in' ? startOf(node.operand) : node.at;
}
