/** Flattens the planner's tree of sequences and parallels into fetches that know which fetches they wait for. */
import type { FetchNode, PlanNode } from '@apollo/query-planner';

/** One fetch of the plan at its place in the response. */
export interface FetchStep {
  /** Position in the list of steps; later steps never come before those they wait for. */
  readonly index: number;
  readonly fetch: FetchNode;
  /** Where the objects are that the fetch completes: response names, and `@` for every element of a list. */
  readonly path: readonly string[];
  /** The path as one text. */
  readonly place: string;
  /** Indexes of the steps that must be over before this one starts. */
  readonly after: readonly number[];
  /** 0 for what can start at once, otherwise one more than the highest level it waits for. */
  readonly level: number;
}

/**
 * Lists the fetches of a plan for one set of condition values.
 * @param node undefined for a plan without fetches.
 * @param conditionHolds value of the Boolean variable a `@skip` or `@include` of the operation names.
 * @returns steps in an order in which each comes after those it waits for.
 * @throws Error for `@defer`, which the planner is not asked for.
 */
export function stepsOf(node: PlanNode | undefined, conditionHolds: (variable: string) => boolean): FetchStep[] {
  const steps: FetchStep[] = [];
  /** Returns the steps that whatever follows must wait for; `after` itself when the branch has none. */
  const visit = (at: PlanNode, path: readonly string[], after: readonly number[]): readonly number[] => {
    switch (at.kind) {
      case 'Fetch': {
        const index = steps.length;
        steps.push({ index, fetch: at, path, place: path.join('.'), after, level: 1 + Math.max(-1, ...after.map((earlier) => steps[earlier]?.level ?? -1)) });
        return [index];
      }
      case 'Flatten':
        return visit(at.node, [...path, ...at.path.map(String)], after);
      case 'Sequence':
        return at.nodes.reduce((waiting, child) => visit(child, path, waiting), after);
      case 'Parallel': {
        const exits = at.nodes.flatMap((child) => {
          const before = steps.length;
          const ends = visit(child, path, after);
          return steps.length === before ? [] : ends;
        });
        return exits.length === 0 ? after : [...new Set(exits)];
      }
      case 'Condition': {
        const branch = conditionHolds(at.condition) ? at.ifClause : at.elseClause;
        return branch === undefined ? after : visit(branch, path, after);
      }
      default:
        throw new Error('The plan defers a part of the operation, which was not asked for.');
    }
  };
  if (node !== undefined) visit(node, [], []);
  return steps;
}
