/** A plan made ready to run for one set of condition values: grouped calls, their texts, and who waits for whom. */
import type { FetchNode, PlanNode, QueryPlan } from '@apollo/query-planner';
import { isObjectType, type GraphQLSchema } from 'graphql';
import type { CacheRules, EntityRule, RootRule } from '../cache/cache-rules.js';
import { composeCall, headOf, type CallText } from './call-text.js';
import { compileEntityStep, type CompiledEntityStep, type MergeRules } from './entity-fetch.js';
import { groupSteps, type EntityPart, type FetchGroup } from './fetch-groups.js';
import { REPRESENTATIONS } from './fetch-template.js';
import { stepsOf, type FetchStep } from './plan-steps.js';

/** A fetch that is sent as the planner wrote it. */
export interface LoneFetch {
  readonly kind: 'lone';
  readonly step: FetchStep;
  readonly head: string;
  /** Names of the client's variables it uses. */
  readonly variables: readonly string[];
  /** Undefined for a fetch at a root. */
  readonly entities: CompiledEntityStep | undefined;
  /** How its answer may be kept; undefined when it may not. */
  readonly rule: EntityRule | RootRule | undefined;
}

/** Entity fetches that share a call; those that are ready together are composed on demand. */
export interface SharedFetch {
  readonly kind: 'shared';
  readonly parts: readonly EntityPart[];
  /** By step index. */
  readonly entities: ReadonlyMap<number, CompiledEntityStep>;
  /** The call for some of the parts, by their positions. */
  readonly callFor: (positions: readonly number[]) => CallText;
  /** How the entities of each part may be kept; undefined when none of a part may. */
  readonly rules: readonly (EntityRule | undefined)[];
}

export interface CompiledGroup {
  readonly service: string;
  readonly steps: readonly FetchStep[];
  /** True when other fetches wait for one of its steps, so that it must not be held up for long. */
  readonly awaited: boolean;
  readonly fetch: LoneFetch | SharedFetch;
}

export interface CompiledPlan {
  readonly steps: readonly FetchStep[];
  readonly groups: readonly CompiledGroup[];
  /** Group of each step. */
  readonly groupOf: readonly CompiledGroup[];
  /** Steps that wait for each step. */
  readonly dependants: readonly (readonly number[])[];
  readonly rules: MergeRules;
  /** The fetch whose answer a subscription's event stands in for; always the first step. */
  readonly primary: FetchNode | undefined;
}

/**
 * Compiles a plan.
 * @param supergraphSchema type conditions of representations and rewrites are decided by it.
 * @param conditionHolds values of the operation's condition variables.
 * @param rules what may be cached; nothing without it.
 */
export function compilePlan(plan: QueryPlan | undefined, supergraphSchema: GraphQLSchema, conditionHolds: (variable: string) => boolean, rules?: CacheRules): CompiledPlan {
  const node = plan?.node;
  const primary = node?.kind === 'Subscription' ? node.primary : undefined;
  const steps = stepsOf(node?.kind === 'Subscription' ? sequenceOf(node.primary, node.rest) : node, conditionHolds);
  const awaited = new Set(steps.flatMap(({ after }) => after));
  const groups = groupSteps(steps).map((group): CompiledGroup => ({
    service: group.service, steps: group.steps, awaited: group.steps.some(({ index }) => awaited.has(index)), fetch: compileFetch(group, supergraphSchema, rules),
  }));
  return {
    steps, groups, primary,
    groupOf: steps.map((step) => groups.find((group) => group.steps.includes(step)) as CompiledGroup),
    dependants: steps.map(({ index }) => steps.flatMap((later) => (later.after.includes(index) ? [later.index] : []))),
    rules: {
      schema: supergraphSchema,
      keepTypename: (name) => typeof name === 'string' && isObjectType(supergraphSchema.getType(name)),
      copies: steps.some(({ fetch }) => (fetch.contextRewrites ?? []).length > 0),
    },
  };
}

function sequenceOf(primary: FetchNode, rest: PlanNode | undefined): PlanNode {
  return { kind: 'Sequence', nodes: rest === undefined ? [primary] : [primary, rest] };
}

function compileFetch({ service, steps, parts }: FetchGroup, schema: GraphQLSchema, rules: CacheRules | undefined): LoneFetch | SharedFetch {
  const [step] = steps;
  if (parts === undefined || (steps.length === 1 && step !== undefined)) {
    if (step === undefined) throw new Error('A group of fetches is empty.');
    const { fetch } = step;
    const contextual = new Set((fetch.contextRewrites ?? []).map(({ renameKeyTo }) => renameKeyTo));
    return {
      kind: 'lone', step, head: headOf(fetch.operation),
      variables: (fetch.variableUsages ?? []).filter((name) => name !== REPRESENTATIONS && !contextual.has(name)),
      entities: fetch.requires === undefined ? undefined : compileEntityStep(schema, step),
      rule: parts?.[0] === undefined ? rules?.ofRoot(fetch) : rules?.ofEntities(service, parts[0].template),
    };
  }
  const composed = new Map<string, CallText>();
  return {
    kind: 'shared', parts, rules: parts.map(({ template }) => rules?.ofEntities(service, template)),
    entities: new Map(steps.map((one) => [one.index, compileEntityStep(schema, one)])),
    callFor: (positions) => {
      const key = positions.join();
      let call = composed.get(key);
      if (call === undefined) {
        call = composeCall(positions.map((position) => parts[position] as EntityPart));
        if (composed.size < MAX_COMPOSED) composed.set(key, call);
      }
      return call;
    },
  };
}

/** Compositions kept for one group; which parts are ready together varies little. */
const MAX_COMPOSED = 64;
