/** Flattens the planner's tree of sequences and parallels into fetches that know which fetches they wait for. */
import type { DeferNode, FetchNode, PlanNode } from '@apollo/query-planner';
import { compileFind, type FindObjects } from './compiled-access.js';

/** One fetch of the plan at its place in the response. */
export interface FetchStep {
  /** Position in the list of steps; later steps never come before those they wait for. */
  readonly index: number;
  readonly fetch: FetchNode;
  /** Where the objects are that the fetch completes: response names, and `@` for every element of a list. */
  readonly path: readonly string[];
  /** The path as one text. */
  readonly place: string;
  /** Finds the objects at the path. */
  readonly find: FindObjects;
  /** Indexes of the steps that must be over before this one starts. */
  readonly after: readonly number[];
  /** 0 for what can start at once, otherwise one more than the highest level it waits for. */
  readonly level: number;
  /** Label of the deferred part the fetch is for; empty for the response's first part. */
  readonly part: string;
}

/**
 * Lists the fetches of a plan for one set of condition values.
 * @param node undefined for a plan without fetches.
 * @param conditionHolds value of the Boolean variable a `@skip` or `@include` of the operation names.
 * @returns steps in an order in which each comes after those it waits for.
 */
export function stepsOf(node: PlanNode | undefined, conditionHolds: (variable: string) => boolean): FetchStep[] {
  const walk = new StepWalk(conditionHolds);
  if (node !== undefined) walk.visit(node, [], []);
  return walk.steps;
}

/** Steps by the id under which deferred parts depend on them. */
type FetchIds = Map<string, number[]>;

class StepWalk {
  readonly steps: FetchStep[] = [];
  private readonly finds = new Map<string, FindObjects>();
  private part = '';
  private ids: FetchIds = new Map();
  /** What a fetch of the present part that takes values from elsewhere in the response must wait for. */
  private earlierParts: readonly number[] = [];

  constructor(private readonly conditionHolds: (variable: string) => boolean) {}

  /** Returns the steps that whatever follows must wait for; `after` itself when the branch has none. */
  visit(at: PlanNode, path: readonly string[], after: readonly number[]): readonly number[] {
    switch (at.kind) {
      case 'Fetch':
        return this.fetch(at, path, after);
      case 'Flatten':
        return this.visit(at.node, [...path, ...at.path.map(String)], after);
      case 'Sequence':
        return at.nodes.reduce((waiting, child) => this.visit(child, path, waiting), after);
      case 'Parallel': {
        const exits = at.nodes.flatMap((child) => {
          const before = this.steps.length;
          const ends = this.visit(child, path, after);
          return this.steps.length === before ? [] : ends;
        });
        return exits.length === 0 ? after : [...new Set(exits)];
      }
      case 'Condition': {
        const branch = this.conditionHolds(at.condition) ? at.ifClause : at.elseClause;
        return branch === undefined ? after : this.visit(branch, path, after);
      }
      default:
        return this.defer(at, path, after);
    }
  }

  private fetch(fetch: FetchNode, path: readonly string[], before: readonly number[]): readonly number[] {
    const { steps, finds } = this;
    const index = steps.length;
    const place = path.join('.');
    let find = finds.get(place);
    if (find === undefined) finds.set(place, find = compileFind(path));
    const after = (fetch.contextRewrites ?? []).length === 0 ? before : [...new Set([...before, ...this.earlierParts])];
    steps.push({ index, fetch, path, place, find, after, level: 1 + Math.max(-1, ...after.map((earlier) => steps[earlier]?.level ?? -1)), part: this.part });
    if (fetch.id !== undefined) this.ids.set(fetch.id, [...(this.ids.get(fetch.id) ?? []), index]);
    return [index];
  }

  /** Nothing outside a deferred part waits for it. Ids are those of one plan; a mutation is several plans after each other. */
  private defer({ primary, deferred }: DeferNode, path: readonly string[], after: readonly number[]): readonly number[] {
    const { part, ids, earlierParts } = this;
    if (part === '') this.ids = new Map();
    const first = this.steps.length;
    const exits = primary.node === undefined ? after : this.visit(primary.node, path, after);
    const before = [...earlierParts, ...this.steps.slice(first).map(({ index }) => index)];
    let waiting = deferred;
    while (waiting.length > 0) {
      const known = waiting.filter(({ depends }) => depends.every(({ id }) => this.ids.has(id)));
      const ready = known.length === 0 ? waiting : known;
      for (const { label, depends, node } of ready) {
        const found = depends.map(({ id }) => this.ids.get(id));
        this.part = label ?? part;
        this.earlierParts = before;
        // Where the plan does not say for what a part waits, it waits for the whole part around it.
        const start = found.includes(undefined) ? exits : found.flatMap((steps) => steps ?? []);
        if (node !== undefined) this.visit(node, path, depends.length === 0 ? after : [...new Set(start)]);
      }
      waiting = waiting.filter((one) => !ready.includes(one));
    }
    this.part = part;
    this.earlierParts = earlierParts;
    if (part === '') this.ids = ids;
    return exits;
  }
}
