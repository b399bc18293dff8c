/** Reads `@defer` off the selections of a document. */
import { Kind, visit, type DirectiveNode, type DocumentNode, type FragmentDefinitionNode, type OperationDefinitionNode, type SelectionSetNode } from 'graphql';

/** The `@defer` among directives; undefined without one. */
export function deferOf(directives: readonly DirectiveNode[] | undefined): DirectiveNode | undefined {
  return directives?.find(({ name }) => name.value === 'defer');
}

/** The label a document gives; undefined without one. A label is a constant string where the document is valid. */
export function labelOf(defer: DirectiveNode): string | undefined {
  const value = defer.arguments?.find(({ name }) => name.value === 'label')?.value;
  return value?.kind === Kind.STRING ? value.value : undefined;
}

/** When a `@defer` holds: always, never, or as the Boolean variable of that name says. */
export function conditionOfDefer(defer: DirectiveNode): boolean | string {
  const value = defer.arguments?.find(({ name }) => name.value === 'if')?.value;
  if (value?.kind === Kind.VARIABLE) return value.name.value;
  return value?.kind !== Kind.BOOLEAN || value.value;
}

/** Names of the Boolean variables that decide about a `@defer` of the document, in order; undefined when it has none that can hold. */
export function deferVariables(document: DocumentNode): readonly string[] | undefined {
  const variables = new Set<string>();
  let certain = false;
  visit(document, {
    Directive(node) {
      if (node.name.value !== 'defer') return;
      const condition = conditionOfDefer(node);
      if (typeof condition === 'string') variables.add(condition);
      else certain ||= condition;
    },
  });
  return certain || variables.size > 0 ? [...variables].sort() : undefined;
}

/** The document without `@defer`; the same one when it has none. */
export function withoutDefer(document: DocumentNode): DocumentNode {
  return visit(document, { Directive: (node) => (node.name.value === 'defer' ? null : undefined) });
}

/** Named fragments by name. */
export function fragmentsIn(document: DocumentNode): ReadonlyMap<string, FragmentDefinitionNode> {
  return new Map(document.definitions.flatMap((node): [string, FragmentDefinitionNode][] => (node.kind === Kind.FRAGMENT_DEFINITION ? [[node.name.value, node]] : [])));
}

/**
 * The part of the response that brings each field: response names from the root as JSON, to the label of the innermost
 * `@defer` around it. A field that several parts bring belongs to the first part, which is the empty label, or else to
 * the first of the others.
 */
export function partsByPath(operation: OperationDefinitionNode, fragments: ReadonlyMap<string, FragmentDefinitionNode>): ReadonlyMap<string, string> {
  const parts = new Map<string, string>();
  const walk = (set: SelectionSetNode, path: readonly string[], part: string): void => {
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) {
        const at = [...path, selection.alias?.value ?? selection.name.value];
        const key = JSON.stringify(at);
        if (part === '' || !parts.has(key)) parts.set(key, part);
        if (selection.selectionSet !== undefined) walk(selection.selectionSet, at, part);
        continue;
      }
      const inside = selection.kind === Kind.INLINE_FRAGMENT ? selection.selectionSet : fragments.get(selection.name.value)?.selectionSet;
      const defer = deferOf(selection.directives);
      if (inside !== undefined) walk(inside, path, defer === undefined ? part : labelOf(defer) ?? part);
    }
  };
  walk(operation.selectionSet, [], '');
  return parts;
}
