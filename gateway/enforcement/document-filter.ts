/** Takes refused selections out of a document. */
import { Kind, type FieldNode, type FragmentDefinitionNode, type GraphQLCompositeType, type GraphQLSchema, type OperationDefinitionNode, type SelectionNode, type SelectionSetNode } from 'graphql';
import type { Permissions } from '../execution/contracts.js';
import { compositeType, resultType } from './schema-lookup.js';

const TYPENAME: FieldNode = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } };

/**
 * Filters one operation. A field whose whole selection is refused is still asked for its `__typename`, so that the
 * response is null exactly at the refused fields; a fragment on a refused type goes with all it holds.
 */
export class DocumentFilter {
  private readonly kept = new Map<string, FragmentDefinitionNode | null>();

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>,
    private readonly permissions: Permissions,
  ) {}

  /** What is left of the operation's root selection; empty when there is nothing to fetch. */
  rootSelections(operation: OperationDefinitionNode): SelectionNode[] {
    const root = this.schema.getRootType(operation.operation) ?? undefined;
    return root === undefined || !this.permissions.mayEnter(root.name) ? [] : this.filterSet(operation.selectionSet, root);
  }

  /** The fragments that the filtered selections spread, after `rootSelections`. */
  keptFragments(): FragmentDefinitionNode[] {
    return [...this.kept.values()].filter((fragment) => fragment !== null);
  }

  private filterSet(set: SelectionSetNode, parent: GraphQLCompositeType | undefined): SelectionNode[] {
    return set.selections.flatMap((selection): SelectionNode[] => {
      if (selection.kind === Kind.FIELD) return this.filterField(selection, parent);
      if (selection.kind === Kind.FRAGMENT_SPREAD) return this.filterFragment(selection.name.value) === null ? [] : [selection];
      const condition = selection.typeCondition?.name.value;
      if (condition !== undefined && !this.permissions.mayEnter(condition)) return [];
      const selections = this.filterSet(selection.selectionSet, condition === undefined ? parent : compositeType(this.schema, condition));
      return selections.length === 0 ? [] : [{ ...selection, selectionSet: { ...selection.selectionSet, selections } }];
    });
  }

  private filterField(field: FieldNode, parent: GraphQLCompositeType | undefined): FieldNode[] {
    const name = field.name.value;
    if (parent !== undefined && !this.permissions.maySelect(parent.name, name)) return [];
    if (field.selectionSet === undefined || name.startsWith('__')) return [field];
    const selections = this.filterSet(field.selectionSet, resultType(this.schema, parent, name));
    return [{ ...field, selectionSet: { ...field.selectionSet, selections: selections.length === 0 ? [TYPENAME] : selections } }];
  }

  /** Filters a fragment once, wherever it is spread: what it selects depends on its own type condition only. */
  private filterFragment(name: string): FragmentDefinitionNode | null {
    const known = this.kept.get(name);
    if (known !== undefined) return known;
    this.kept.set(name, null);
    const fragment = this.fragments.get(name);
    const condition = fragment?.typeCondition.name.value;
    if (fragment === undefined || condition === undefined || !this.permissions.mayEnter(condition)) return null;
    const selections = this.filterSet(fragment.selectionSet, compositeType(this.schema, condition));
    const kept = selections.length === 0 ? null : { ...fragment, selectionSet: { ...fragment.selectionSet, selections } };
    this.kept.set(name, kept);
    return kept;
  }
}
