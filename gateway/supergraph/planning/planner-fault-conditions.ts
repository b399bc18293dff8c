/**
 * Writes the conditions of an operation so that the planner loses nothing over them.
 *
 * It loses needed fetches beside what a constant excludes. Where a field is under a condition, it adds the conditions of
 * everything below to those of the field, so that an object without fields becomes null; a fragment that cannot apply to
 * the object counts there as excluded.
 */
import { Kind, type DefinitionNode, type DirectiveNode, type DocumentNode, type FieldNode, type FragmentDefinitionNode, type SelectionNode, type SelectionSetNode } from 'graphql';

/** Stands where nothing else is selected for certain: the object itself is asked for all the same. */
export const TYPENAME: FieldNode = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } };

/**
 * Removes what constants decide, and selects `__typename` below a field with a condition where nothing else is certain.
 * @returns the same document when it has no condition.
 */
export function withSafeConditions(document: DocumentNode): DocumentNode {
  const writer = new ConditionWriter(document);
  return writer.hasConditions() ? writer.run() : document;
}

class ConditionWriter {
  private readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** Written fragments; null for those that select nothing any more. */
  private readonly written = new Map<string, FragmentDefinitionNode | null>();

  constructor(private readonly document: DocumentNode) {
    this.fragments = new Map(document.definitions.flatMap((node): [string, FragmentDefinitionNode][] => (node.kind === Kind.FRAGMENT_DEFINITION ? [[node.name.value, node]] : [])));
  }

  hasConditions(): boolean {
    const inSet = (set: SelectionSetNode): boolean => set.selections.some((selection) => (selection.directives ?? []).some(isCondition)
      || (selection.kind !== Kind.FRAGMENT_SPREAD && selection.selectionSet !== undefined && inSet(selection.selectionSet)));
    return this.document.definitions.some((node) => 'selectionSet' in node && inSet(node.selectionSet));
  }

  run(): DocumentNode {
    const definitions = this.document.definitions.flatMap((node): DefinitionNode[] => {
      if (node.kind === Kind.OPERATION_DEFINITION) {
        const selections = this.selections(node.selectionSet);
        return [{ ...node, selectionSet: { ...node.selectionSet, selections: selections.length === 0 ? [TYPENAME] : selections } }];
      }
      if (node.kind !== Kind.FRAGMENT_DEFINITION) return [node];
      const fragment = this.fragment(node.name.value);
      return fragment === null ? [] : [fragment];
    });
    return { ...this.document, definitions };
  }

  private below(field: FieldNode, set: SelectionSetNode): SelectionSetNode {
    const selections = this.selections(set);
    const suffices = (field.directives ?? []).some(isCondition) ? this.hasCertain(selections) : selections.length > 0;
    return { ...set, selections: suffices ? selections : [...selections, TYPENAME] };
  }

  private selections(set: SelectionSetNode): SelectionNode[] {
    return set.selections.flatMap((selection): SelectionNode[] => {
      const directives = selection.directives ?? [];
      if (directives.some((directive) => constantOf(directive) === false)) return [];
      const kept = { directives: directives.filter((directive) => constantOf(directive) === undefined) };
      switch (selection.kind) {
        case Kind.FIELD:
          return [{ ...selection, ...kept, ...(selection.selectionSet === undefined ? {} : { selectionSet: this.below(selection, selection.selectionSet) }) }];
        case Kind.FRAGMENT_SPREAD:
          return this.fragment(selection.name.value) === null ? [] : [{ ...selection, ...kept }];
        default: {
          const selections = this.selections(selection.selectionSet);
          return selections.length === 0 ? [] : [{ ...selection, ...kept, selectionSet: { ...selection.selectionSet, selections } }];
        }
      }
    });
  }

  /** True when something is selected whatever the variables and the type of the object are. */
  private hasCertain(selections: readonly SelectionNode[]): boolean {
    return selections.some((selection) => {
      if ((selection.directives ?? []).some(isCondition)) return false;
      return selection.kind === Kind.FIELD || (selection.kind === Kind.INLINE_FRAGMENT && selection.typeCondition === undefined && this.hasCertain(selection.selectionSet.selections));
    });
  }

  private fragment(name: string): FragmentDefinitionNode | null {
    const known = this.written.get(name);
    if (known !== undefined) return known;
    const fragment = this.fragments.get(name);
    if (fragment === undefined) return null;
    const selections = this.selections(fragment.selectionSet);
    const result = selections.length === 0 ? null : { ...fragment, selectionSet: { ...fragment.selectionSet, selections } };
    this.written.set(name, result);
    return result;
  }
}

function isCondition({ name }: DirectiveNode): boolean {
  return name.value === 'skip' || name.value === 'include';
}

/** Whether a condition lets its selection through, when a constant decides it; undefined for variables and other directives. */
function constantOf(directive: DirectiveNode): boolean | undefined {
  const value = isCondition(directive) ? directive.arguments?.find((argument) => argument.name.value === 'if')?.value : undefined;
  return value?.kind === Kind.BOOLEAN ? value.value === (directive.name.value === 'include') : undefined;
}
