/** Where in the response the fetches of a plan put which fields. */
import type { FetchNode, PlanNode } from '@apollo/query-planner';
import { Kind, parse, type DocumentNode, type FieldNode, type FragmentDefinitionNode, type SelectionSetNode } from 'graphql';

/** Response names from the root with spaces between, to the selections that bring the value. */
export type Places = ReadonlyMap<string, readonly FieldNode[]>;

/** @param path response names of the objects the node is for. */
export function placesOf(node: PlanNode | undefined, path: readonly string[]): Places {
  const found = new Map<string, FieldNode[]>();
  collectFetched(node, path, found);
  return found;
}

function collectFetched(node: PlanNode | undefined, path: readonly string[], found: Map<string, FieldNode[]>): void {
  switch (node?.kind) {
    case undefined: return;
    case 'Fetch': return collectFetch(node, path, found);
    case 'Flatten': return collectFetched(node.node, [...path, ...node.path.map(String).filter((part) => part !== '@')], found);
    case 'Condition':
      collectFetched(node.ifClause, path, found);
      return collectFetched(node.elseClause, path, found);
    case 'Defer':
      for (const one of [node.primary, ...node.deferred]) collectFetched(one.node, path, found);
      return;
    case 'Sequence':
    case 'Parallel': for (const one of node.nodes) collectFetched(one, path, found);
  }
}

function collectFetch(fetch: FetchNode, path: readonly string[], found: Map<string, FieldNode[]>): void {
  const document = parse(fetch.operation, { noLocation: true });
  const fragments = fragmentsOf(document);
  const renamed = new Map((fetch.outputRewrites ?? []).flatMap((rewrite): [string, string][] => (rewrite.kind === 'KeyRenamer' ? [[rewrite.path.at(-1) ?? '', rewrite.renameKeyTo]] : [])));
  const walk = (set: SelectionSetNode, at: readonly string[]): void => {
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) {
        const name = selection.alias?.value ?? selection.name.value;
        const place = [...at, renamed.get(name) ?? name];
        const key = place.join(' ');
        found.set(key, [...(found.get(key) ?? []), selection]);
        if (selection.selectionSet !== undefined) walk(selection.selectionSet, place);
        continue;
      }
      const inside = selection.kind === Kind.INLINE_FRAGMENT ? selection.selectionSet : fragments.get(selection.name.value)?.selectionSet;
      if (inside !== undefined) walk(inside, at);
    }
  };
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    const [entities] = definition.selectionSet.selections;
    if (fetch.requires === undefined) walk(definition.selectionSet, path);
    else if (entities?.kind === Kind.FIELD && entities.selectionSet !== undefined) walk(entities.selectionSet, path);
  }
}

/** Named fragments by name. */
export function fragmentsOf(document: DocumentNode): ReadonlyMap<string, FragmentDefinitionNode> {
  return new Map(document.definitions.flatMap((node): [string, FragmentDefinitionNode][] => (node.kind === Kind.FRAGMENT_DEFINITION ? [[node.name.value, node]] : [])));
}
