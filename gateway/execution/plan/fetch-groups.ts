/** Decides which fetches of a plan travel in one call: same subgraph, same level, or a leaf that can wait for a later one. */
import type { FetchStep } from './plan-steps.js';
import { entityTemplateOf, type EntityTemplate } from './fetch-template.js';

/** One `_entities` field of a call. */
export interface EntityPart {
  readonly template: EntityTemplate;
  /** The places it serves: several when equal leaf selections are asked at different paths. */
  readonly steps: readonly FetchStep[];
}

/** Fetches that share a call. */
export interface FetchGroup {
  readonly service: string;
  /** Every step of the group. */
  readonly steps: readonly FetchStep[];
  /** The call's parts; undefined for a single fetch that is sent as the planner wrote it. */
  readonly parts: readonly EntityPart[] | undefined;
}

/**
 * Groups the fetches of a plan.
 *
 * Entity queries of one subgraph at one level become one call. An entity query that nothing waits for joins the last
 * level at which its subgraph is called anyway: the response waits for that call in any case. Mutations, root fetches
 * and fetches that pass context values stay alone. Nothing is shared between parts that are answered one after another.
 */
export function groupSteps(steps: readonly FetchStep[]): FetchGroup[] {
  const templates = new Map(steps.map((step) => [step, mergeable(step) ? entityTemplateOf(step.fetch) : undefined]));
  const awaited = new Set(steps.flatMap(({ after }) => after));
  const lastLevels = new Map<string, number>();
  for (const step of steps) if (templates.get(step) !== undefined) lastLevels.set(callerOf(step), Math.max(step.level, lastLevels.get(callerOf(step)) ?? 0));

  const together = new Map<string, FetchStep[]>();
  const groups: FetchGroup[] = [];
  for (const step of steps) {
    const service = step.fetch.serviceName;
    if (templates.get(step) === undefined) {
      groups.push({ service, steps: [step], parts: undefined });
      continue;
    }
    const level = awaited.has(step.index) ? step.level : (lastLevels.get(callerOf(step)) ?? step.level);
    const key = `${level} ${callerOf(step)}`;
    const known = together.get(key);
    if (known === undefined) together.set(key, [step]);
    else known.push(step);
  }
  for (const members of together.values()) {
    const [first] = members;
    if (first !== undefined) groups.push({ service: first.fetch.serviceName, steps: members, parts: partsOf(members, templates) });
  }
  return groups;
}

/** Part and subgraph of a step. */
function callerOf({ part, fetch }: FetchStep): string {
  return `${part} ${fetch.serviceName}`;
}

function mergeable({ fetch }: FetchStep): boolean {
  return fetch.requires !== undefined && fetch.operationKind === 'query' && (fetch.contextRewrites ?? []).length === 0;
}

/** Equal selections of leaves share a part; a selection with objects has a part for each place, so that no two places share an object. */
function partsOf(steps: readonly FetchStep[], templates: ReadonlyMap<FetchStep, EntityTemplate | undefined>): EntityPart[] {
  const parts = new Map<string, { template: EntityTemplate; steps: FetchStep[] }>();
  for (const step of steps) {
    const template = templates.get(step);
    if (template === undefined) continue;
    const { requires, inputRewrites, outputRewrites } = step.fetch;
    const key = template.leavesOnly
      ? JSON.stringify([template.selection, requires, inputRewrites ?? [], outputRewrites ?? []])
      : String(step.index);
    const known = parts.get(key);
    if (known === undefined) parts.set(key, { template, steps: [step] });
    else known.steps.push(step);
  }
  return [...parts.values()];
}
