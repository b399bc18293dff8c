/** Gives every `@defer` of an operation a label of its own, so that plan and response speak of the same parts. */
import { Kind, type DirectiveNode, type DocumentNode, type FragmentDefinitionNode, type OperationDefinitionNode, type SelectionNode, type SelectionSetNode } from 'graphql';
import { conditionOfDefer, deferOf, fragmentsIn, labelOf } from './defer-directive.js';

/** Parts of one operation, each of which has calls of its own; what more is deferred comes with the part around it. */
export const MAX_PARTS = 32;

/** An operation whose parts have names. */
export interface LabelledOperation {
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** The client's own label for each of ours; undefined where it gave none. */
  readonly labels: ReadonlyMap<string, string | undefined>;
}

/**
 * Labels an operation for one set of variables. What they do not defer loses its directive. Fragments with deferred parts
 * are written out where they are spread: one directive of the document may stand for parts at several places.
 * @param holds value of the Boolean variable that a `@defer` names.
 * @returns undefined when nothing is deferred.
 */
export function labelDefers(document: DocumentNode, operation: OperationDefinitionNode, holds: (variable: string) => boolean): LabelledOperation | undefined {
  const labeller = new Labeller(fragmentsIn(document), holds);
  const labelled: OperationDefinitionNode = { ...operation, selectionSet: labeller.set(operation.selectionSet) };
  if (labeller.labels.size === 0) return undefined;
  const kept = document.definitions.filter((node) => node.kind === Kind.FRAGMENT_DEFINITION && !labeller.defersIn(node.selectionSet));
  const result: DocumentNode = { kind: Kind.DOCUMENT, definitions: [labelled, ...kept] };
  return { document: result, operation: labelled, fragments: fragmentsIn(result), labels: labeller.labels };
}

class Labeller {
  readonly labels = new Map<string, string | undefined>();
  /** Whether each named fragment has a `@defer` inside, at any depth. */
  private readonly defers = new Map<string, boolean>();

  constructor(private readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>, private readonly holds: (variable: string) => boolean) {}

  set(set: SelectionSetNode): SelectionSetNode {
    return this.defersIn(set) ? { ...set, selections: set.selections.map((selection) => this.selection(selection)) } : set;
  }

  defersIn(set: SelectionSetNode): boolean {
    return set.selections.some((selection) => {
      if (deferOf(selection.directives) !== undefined) return true;
      if (selection.kind === Kind.FRAGMENT_SPREAD) return this.fragmentDefers(selection.name.value);
      return selection.selectionSet !== undefined && this.defersIn(selection.selectionSet);
    });
  }

  private fragmentDefers(name: string): boolean {
    let result = this.defers.get(name);
    if (result === undefined) {
      const fragment = this.fragments.get(name);
      this.defers.set(name, result = fragment !== undefined && this.defersIn(fragment.selectionSet));
    }
    return result;
  }

  private selection(selection: SelectionNode): SelectionNode {
    if (selection.kind === Kind.FIELD) return selection.selectionSet === undefined ? selection : { ...selection, selectionSet: this.set(selection.selectionSet) };
    const defer = deferOf(selection.directives);
    if (selection.kind === Kind.INLINE_FRAGMENT) return { ...selection, directives: this.directives(selection.directives), selectionSet: this.set(selection.selectionSet) };
    const fragment = this.fragments.get(selection.name.value);
    if (fragment === undefined || (defer === undefined && !this.fragmentDefers(selection.name.value))) return selection;
    return { kind: Kind.INLINE_FRAGMENT, typeCondition: fragment.typeCondition, directives: this.directives(selection.directives), selectionSet: this.set(fragment.selectionSet) };
  }

  private directives(directives: readonly DirectiveNode[] | undefined): readonly DirectiveNode[] {
    return (directives ?? []).flatMap((directive) => {
      if (directive.name.value !== 'defer') return [directive];
      const condition = conditionOfDefer(directive);
      if (!(typeof condition === 'string' ? this.holds(condition) : condition) || this.labels.size === MAX_PARTS) return [];
      const label = `part${this.labels.size}`;
      this.labels.set(label, labelOf(directive));
      return [{ ...directive, arguments: [{ kind: Kind.ARGUMENT, name: { kind: Kind.NAME, value: 'label' }, value: { kind: Kind.STRING, value: label } }] }];
    });
  }
}
