/** Validation rules of `@defer` (GraphQL incremental delivery, sections on validation). */
import { GraphQLError, isAbstractType, Kind, OperationTypeNode, visit, type ASTNode, type ASTVisitor, type DirectiveNode, type ValidationContext } from 'graphql';

/** A part is named by its label: it is a constant, and no two directives have the same. */
export function deferLabelsRule(context: ValidationContext): ASTVisitor {
  const labels = new Map<string, DirectiveNode>();
  return {
    Directive(node) {
      if (node.name.value !== 'defer') return;
      const value = node.arguments?.find(({ name }) => name.value === 'label')?.value;
      if (value === undefined || value.kind === Kind.NULL) return;
      if (value.kind === Kind.VARIABLE) context.reportError(new GraphQLError('The label of "@defer" must be a constant string.', { nodes: node }));
      if (value.kind !== Kind.STRING) return;
      const first = labels.get(value.value);
      if (first === undefined) labels.set(value.value, node);
      else context.reportError(new GraphQLError(`The label "${value.value}" of "@defer" is used more than once.`, { nodes: [first, node] }));
    },
  };
}

/** Fields of a mutation run one after another, and an event of a subscription is one answer: neither comes in parts. */
export function deferPlacesRule(context: ValidationContext): ASTVisitor {
  const schema = context.getSchema();
  return {
    OperationDefinition(operation) {
      if (operation.operation !== OperationTypeNode.SUBSCRIPTION) return;
      const found = [operation, ...context.getRecursivelyReferencedFragments(operation)].map(firstDefer).find((node) => node !== undefined);
      if (found !== undefined) context.reportError(new GraphQLError('The directive "@defer" cannot be used in a subscription.', { nodes: found }));
    },
    Directive(node) {
      const parent = context.getParentType();
      const mutation = schema.getMutationType();
      if (node.name.value !== 'defer' || parent === undefined || parent === null || mutation === undefined || mutation === null) return;
      // The root may also be reached by an interface it implements.
      if (parent !== mutation && !(isAbstractType(parent) && schema.isSubType(parent, mutation))) return;
      context.reportError(new GraphQLError('The directive "@defer" cannot be used on fields of a mutation; it can be used below them.', { nodes: node }));
    },
  };
}

function firstDefer(root: ASTNode): DirectiveNode | undefined {
  let found: DirectiveNode | undefined;
  visit(root, { Directive(node) { if (node.name.value === 'defer') found ??= node; } });
  return found;
}
