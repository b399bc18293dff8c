/** Puts fetches that bring a value for a @fromContext before those that use it: the planner lets them run side by side. */
import type { FetchNode, PlanNode, QueryPlan } from '@apollo/query-planner';
import { placesOf } from './planner-fault-places.js';
import { mapDeferred } from './planner-fault-rewrites.js';

/** Orders the parts of each Parallel node by the context values they bring and use. */
export function contextsInOrder(plan: QueryPlan): QueryPlan {
  const { node } = plan;
  if (node === undefined) return plan;
  if (node.kind !== 'Subscription') return { ...plan, node: ordered(node, []) };
  return { ...plan, node: { ...node, ...(node.rest === undefined ? {} : { rest: ordered(node.rest, []) }) } };
}

function ordered(node: PlanNode, path: readonly string[]): PlanNode {
  switch (node.kind) {
    case 'Flatten':
      return { ...node, node: ordered(node.node, [...path, ...namesIn(node.path)]) };
    case 'Sequence':
      return { ...node, nodes: node.nodes.map((one) => ordered(one, path)) };
    case 'Condition':
      return {
        ...node,
        ...(node.ifClause === undefined ? {} : { ifClause: ordered(node.ifClause, path) }),
        ...(node.elseClause === undefined ? {} : { elseClause: ordered(node.elseClause, path) }),
      };
    case 'Parallel':
      return parallel(node.nodes.map((one) => ordered(one, path)), path);
    case 'Defer':
      return mapDeferred(node, (one) => ordered(one, path));
    default:
      return node;
  }
}

function parallel(nodes: readonly PlanNode[], path: readonly string[]): PlanNode {
  let waiting = nodes.map((node) => ({ node, uses: usedPlaces(node, path), brings: new Set(placesOf(node, path).keys()) }));
  const stages: PlanNode[] = [];
  while (waiting.length > 0) {
    const ready = waiting.filter((one) => !waiting.some((other) => other !== one && [...one.uses].some((place) => other.brings.has(place) && !one.brings.has(place))));
    // Parts that wait for each other are left side by side, as the planner had them.
    const stage = ready.length === 0 ? waiting : ready;
    stages.push(stage.length === 1 && stage[0] !== undefined ? stage[0].node : { kind: 'Parallel', nodes: stage.map(({ node }) => node) });
    waiting = waiting.filter((one) => !stage.includes(one));
  }
  return stages.length === 1 && stages[0] !== undefined ? stages[0] : { kind: 'Sequence', nodes: stages };
}

/** Places in the response from which context values are taken. */
function usedPlaces(node: PlanNode, path: readonly string[]): Set<string> {
  switch (node.kind) {
    case 'Fetch': return new Set(usedBy(node, path));
    case 'Flatten': return usedPlaces(node.node, [...path, ...namesIn(node.path)]);
    case 'Sequence':
    case 'Parallel': return new Set(node.nodes.flatMap((one) => [...usedPlaces(one, path)]));
    case 'Condition': return new Set([node.ifClause, node.elseClause].flatMap((one) => (one === undefined ? [] : [...usedPlaces(one, path)])));
    default: return new Set();
  }
}

function usedBy({ contextRewrites = [] }: FetchNode, path: readonly string[]): string[] {
  return contextRewrites.map((rewrite) => {
    const up = rewrite.path.filter((part) => part === '..').length;
    return [...path.slice(0, path.length - up), ...rewrite.path.filter((part) => part !== '..' && !part.startsWith('... on '))].join(' ');
  });
}

function namesIn(path: readonly (string | number)[]): string[] {
  return path.map(String).filter((part) => part !== '@');
}
