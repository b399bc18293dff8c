/** Reads the operation of a fetch into pieces from which one call for several fetches is composed. */
import type { FetchNode } from '@apollo/query-planner';
import { Kind, parse, print, stripIgnoredCharacters, type DocumentNode, type OperationDefinitionNode, type SelectionNode, type SelectionSetNode } from 'graphql';

/** Name of the variable under which the planner passes representations. */
export const REPRESENTATIONS = 'representations';

/** An entity fetch in pieces. */
export interface EntityTemplate {
  /** What is asked of each entity, with braces; named fragments are written out. */
  readonly selection: string;
  /** Definitions of the variables it uses, representations aside: name to `$name: Type = default`. */
  readonly variables: ReadonlyMap<string, string>;
  /** True when every field asked for is a leaf, so that an answer holds no object two places could share. */
  readonly leavesOnly: boolean;
}

/** Longest selection that is written into a shared call, characters: fragments written out can be far longer than spread. */
const MAX_SELECTION = 20_000;

/**
 * Takes an entity fetch apart.
 * @returns undefined when the fetch is not exactly one `_entities` field over the representations, or too long to be shared.
 */
export function entityTemplateOf(fetch: FetchNode): EntityTemplate | undefined {
  if (fetch.requires === undefined) return undefined;
  const document = documentOf(fetch);
  const operation = operationOf(document);
  const [field, ...others] = operation.selectionSet.selections;
  if (field?.kind !== Kind.FIELD || field.name.value !== '_entities' || field.selectionSet === undefined || others.length > 0 || (operation.directives ?? []).length > 0) return undefined;
  const written = writeOut(field.selectionSet, document);
  const selection = written === undefined ? '' : compact(written);
  if (written === undefined || selection.length > MAX_SELECTION) return undefined;
  const definitions = (operation.variableDefinitions ?? []).filter(({ variable }) => variable.name.value !== REPRESENTATIONS);
  return {
    selection,
    variables: new Map(definitions.map((definition) => [definition.variable.name.value, compact(definition)])),
    leavesOnly: hasLeavesOnly(written),
  };
}

/** A response name a fetch asks for, with what it asks below it. */
export interface AskedField {
  readonly name: string;
  readonly below: readonly AskedField[];
}

/** What a fetch asks of the objects it completes: below `_entities`, or at its root. Type names are left out. */
export function fieldsAskedBy(fetch: FetchNode): readonly AskedField[] {
  const document = documentOf(fetch);
  const operation = operationOf(document);
  const [first] = operation.selectionSet.selections;
  const below = fetch.requires !== undefined && first?.kind === Kind.FIELD ? first.selectionSet : undefined;
  const fieldsIn = (sets: readonly SelectionSetNode[]): AskedField[] => {
    const found = new Map<string, SelectionSetNode[]>();
    const read = (set: SelectionSetNode): void => {
      for (const selection of set.selections) {
        if (selection.kind === Kind.FIELD) {
          const name = selection.alias?.value ?? selection.name.value;
          found.set(name, [...(found.get(name) ?? []), ...(selection.selectionSet === undefined ? [] : [selection.selectionSet])]);
          continue;
        }
        const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : document.definitions.find((node) => node.kind === Kind.FRAGMENT_DEFINITION && node.name.value === selection.name.value);
        if (fragment !== undefined && 'selectionSet' in fragment && fragment.selectionSet !== undefined) read(fragment.selectionSet);
      }
    };
    for (const set of sets) read(set);
    found.delete('__typename');
    return [...found].map(([name, inner]) => ({ name, below: fieldsIn(inner) }));
  };
  return fieldsIn([below ?? operation.selectionSet]);
}

function documentOf(fetch: FetchNode): DocumentNode {
  return fetch.operationDocumentNode ?? parse(fetch.operation, { noLocation: true });
}

function operationOf(document: DocumentNode): OperationDefinitionNode {
  const operation = document.definitions.find((node) => node.kind === Kind.OPERATION_DEFINITION);
  if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error('A fetch of the plan has no operation.');
  return operation;
}

/** The selection with every spread fragment in its place; undefined when that would grow past any use. */
function writeOut(set: SelectionSetNode, document: DocumentNode): SelectionSetNode | undefined {
  const fragments = new Map(document.definitions.flatMap((node) => (node.kind === Kind.FRAGMENT_DEFINITION ? [[node.name.value, node] as const] : [])));
  if (fragments.size === 0) return set;
  let budget = MAX_SELECTION / 4;
  const write = (from: SelectionSetNode): SelectionSetNode => {
    const selections: SelectionNode[] = [];
    for (const selection of from.selections) {
      budget -= 1;
      if (budget < 0) break;
      if (selection.kind === Kind.FIELD) {
        selections.push(selection.selectionSet === undefined ? selection : { ...selection, selectionSet: write(selection.selectionSet) });
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        selections.push({ ...selection, selectionSet: write(selection.selectionSet) });
      } else {
        const fragment = fragments.get(selection.name.value);
        if (fragment === undefined) throw new Error(`A fetch of the plan spreads the fragment ${selection.name.value} and does not define it.`);
        selections.push({ kind: Kind.INLINE_FRAGMENT, typeCondition: fragment.typeCondition, directives: selection.directives ?? [], selectionSet: write(fragment.selectionSet) });
      }
    }
    return { kind: Kind.SELECTION_SET, selections };
  };
  const written = write(set);
  return budget < 0 ? undefined : written;
}

function hasLeavesOnly(set: SelectionSetNode): boolean {
  return set.selections.every((selection) => (selection.kind === Kind.FIELD ? selection.selectionSet === undefined : selection.kind === Kind.INLINE_FRAGMENT && hasLeavesOnly(selection.selectionSet)));
}

function compact(node: Parameters<typeof print>[0]): string {
  return stripIgnoredCharacters(print(node));
}
