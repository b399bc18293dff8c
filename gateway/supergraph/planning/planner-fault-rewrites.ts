/** Turns a fetch planned with twins (`planner-fault-twins.ts`) into one that speaks of the real fields. */
import type { DeferNode, FetchDataRewrite, FetchNode, PlanNode, QueryPlan, QueryPlanSelectionNode } from '@apollo/query-planner';
import { Kind, parse, print, stripIgnoredCharacters, visit, type FieldNode } from 'graphql';
import type { Twins } from './planner-fault-twins.js';

/** Replaces each fetch of a plan by others that run side by side. */
export function mapFetches(plan: QueryPlan, change: (fetch: FetchNode) => readonly FetchNode[]): QueryPlan {
  const { node } = plan;
  if (node === undefined) return plan;
  if (node.kind !== 'Subscription') return { ...plan, node: mapNode(node, change) };
  const [primary = node.primary] = change(node.primary);
  return { ...plan, node: { ...node, primary, ...(node.rest === undefined ? {} : { rest: mapNode(node.rest, change) }) } };
}

function mapNode(node: PlanNode, change: (fetch: FetchNode) => readonly FetchNode[]): PlanNode {
  switch (node.kind) {
    case 'Fetch': {
      const [first, ...others] = change(node);
      return first === undefined || others.length > 0 ? { kind: 'Parallel', nodes: [...(first === undefined ? [] : [first]), ...others] } : first;
    }
    case 'Flatten': {
      const inside = mapNode(node.node, change);
      return inside.kind === 'Parallel' ? { kind: 'Parallel', nodes: inside.nodes.map((one) => ({ ...node, node: one })) } : { ...node, node: inside };
    }
    case 'Sequence':
    case 'Parallel':
      return { ...node, nodes: node.nodes.map((one) => mapNode(one, change)) };
    case 'Condition':
      return {
        ...node,
        ...(node.ifClause === undefined ? {} : { ifClause: mapNode(node.ifClause, change) }),
        ...(node.elseClause === undefined ? {} : { elseClause: mapNode(node.elseClause, change) }),
      };
    default:
      return mapDeferred(node, (one) => mapNode(one, change));
  }
}

/** Changes what a plan fetches first, and what it fetches for each deferred part. */
export function mapDeferred(node: DeferNode, change: (node: PlanNode) => PlanNode): DeferNode {
  const changed = <T extends { node?: PlanNode }>(one: T): T => (one.node === undefined ? one : { ...one, node: change(one.node) });
  return { ...node, primary: changed(node.primary), deferred: node.deferred.map(changed) };
}

/** A twin is fetched as its field under the twin's name, and sent to the subgraph as the field. */
export function withRealFields(fetch: FetchNode, twins: Twins): FetchNode {
  if (twins.size === 0) return fetch;
  const renames = twinsIn(fetch.requires ?? [], twins, []);
  const inputRewrites = [...renames, ...(fetch.inputRewrites ?? [])];
  return {
    ...fetch,
    operation: namesTwin(fetch.operation, twins) ? stripIgnoredCharacters(print(visit(parse(fetch.operation, { noLocation: true }), { Field: { leave: (node) => realField(node, twins) } }))) : fetch.operation,
    // The type name may be rewritten too: that must come after what depends on it.
    ...(inputRewrites.length === 0 ? {} : { inputRewrites }),
  };
}

function realField(node: FieldNode, twins: Twins): FieldNode | undefined {
  const twin = twins.get(node.name.value);
  if (twin === undefined) return undefined;
  return { ...node, alias: node.alias ?? { kind: Kind.NAME, value: twin.name }, name: { kind: Kind.NAME, value: twin.field }, arguments: twin.arguments };
}

function namesTwin(operation: string, twins: Twins): boolean {
  for (const match of operation.matchAll(/\w+__set\d+/g)) if (twins.has(match[0])) return true;
  return false;
}

/** Renames from twins to fields in what a fetch sends; twins stand at the top of field sets only. */
function twinsIn(selections: readonly QueryPlanSelectionNode[], twins: Twins, path: readonly string[]): FetchDataRewrite[] {
  return selections.flatMap((selection): FetchDataRewrite[] => {
    if (selection.kind === 'InlineFragment') return twinsIn(selection.selections, twins, selection.typeCondition === undefined ? path : [...path, `... on ${selection.typeCondition}`]);
    const twin = twins.get(selection.name);
    return twin === undefined ? [] : [{ kind: 'KeyRenamer', path: [...path, twin.name], renameKeyTo: twin.field }];
  });
}
