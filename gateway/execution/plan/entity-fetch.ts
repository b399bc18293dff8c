/** One entity fetch while it runs: which objects it completes, what represents them, and how the answer finds its way back. */
import type { GraphQLFormattedError, GraphQLSchema } from 'graphql';
import { AcgsError } from '../../../ops/runtime/errors.js';
import { compileMerge, type MergeEntity } from './compiled-access.js';
import { contextReaderOf, objectsInContext, type ContextReader } from './context-values.js';
import { MAX_ERRORS_AN_ANSWER, type PlanFailure } from './fetch-failures.js';
import { fieldsAskedBy } from './fetch-template.js';
import type { FetchStep } from './plan-steps.js';
import { compileRepresentation, Representations, type Representer } from './representations.js';
import { isDataObject, mergeInto, placesAt, type DataObject, type ResponsePath } from './response-data.js';
import { applyRewrites, renamedKey } from './rewrites.js';

/** What is known of an entity fetch before it runs. */
export interface CompiledEntityStep {
  readonly step: FetchStep;
  readonly representer: Representer;
  readonly context: ContextReader | undefined;
  readonly merge: MergeEntity;
}

/** Compiles a step that requires representations. */
export function compileEntityStep(schema: GraphQLSchema, step: FetchStep): CompiledEntityStep {
  const { requires = [], inputRewrites = [], contextRewrites = [], outputRewrites = [] } = step.fetch;
  return {
    step, representer: compileRepresentation(schema, requires, inputRewrites),
    context: contextRewrites.length === 0 ? undefined : contextReaderOf(schema, step.fetch),
    // Rewrites change names before the merge.
    merge: outputRewrites.length > 0 ? mergeInto : compileMerge(['__typename', ...fieldsAskedBy(step.fetch).map(({ name }) => name)]),
  };
}

/** The objects one step completes in one run, each with the index of its representation; -1 for those that have none. */
export interface EntityTargets {
  readonly compiled: CompiledEntityStep;
  readonly objects: readonly DataObject[];
  readonly indexes: readonly number[];
}

/**
 * Adds the representations of a step's objects.
 * @param objects at the step's path.
 */
export function targetsOf(compiled: CompiledEntityStep, objects: readonly DataObject[], representations: Representations): EntityTargets {
  return { compiled, objects, indexes: objects.map((object) => representations.indexOf(object)) };
}

/** Objects of a step that takes values from context, grouped by those values: each group needs a call of its own. */
export interface ContextGroup {
  readonly values: readonly unknown[];
  readonly representations: Representations;
  readonly targets: EntityTargets;
}

/** As `targetsOf`, for a step with context values. */
export function contextGroupsOf(compiled: CompiledEntityStep, context: ContextReader, root: DataObject): ContextGroup[] {
  const groups = new Map<string, { values: readonly unknown[]; representations: Representations; objects: DataObject[]; indexes: number[] }>();
  for (const entity of objectsInContext(root, compiled.step.path)) {
    const values = context.read(entity);
    if (values === undefined) continue;
    const key = JSON.stringify(values);
    let group = groups.get(key);
    if (group === undefined) groups.set(key, group = { values, representations: new Representations(compiled.representer), objects: [], indexes: [] });
    group.objects.push(entity.object);
    group.indexes.push(group.representations.indexOf(entity.object));
  }
  return [...groups.values()].filter((group) => group.representations.texts.length > 0).map(({ values, representations, objects, indexes }) => ({ values, representations, targets: { compiled, objects, indexes } }));
}

/** How an answer is merged. */
export interface MergeRules {
  readonly schema: GraphQLSchema;
  readonly keepTypename: (name: unknown) => boolean;
  /** True when objects at two places must not be the same object: context values may tell them apart. */
  readonly copies: boolean;
}

/**
 * Merges the entities of an answer into the objects they belong to.
 * @param entities value of the `_entities` field.
 * @throws AcgsError SUBGRAPH_BAD_RESPONSE when it does not fit the representations that were sent.
 */
export function mergeEntities(targets: EntityTargets, entities: unknown, sent: number, rules: MergeRules): void {
  const { step, merge } = targets.compiled;
  if (!Array.isArray(entities) || entities.length !== sent) {
    throw new AcgsError('SUBGRAPH_BAD_RESPONSE', `${step.fetch.serviceName} did not answer each representation with one entity.`, { service: step.fetch.serviceName });
  }
  const rewrites = step.fetch.outputRewrites ?? [];
  if (rewrites.length > 0) rewriteOnce(targets, entities, rules.schema);
  const used = rules.copies ? new Set<number>() : undefined;
  const { objects, indexes } = targets;
  for (let at = 0; at < objects.length; at += 1) {
    const index = indexes[at] as number;
    if (index < 0) continue;
    const entity: unknown = entities[index];
    if (!isDataObject(entity)) continue;
    const again = used?.has(index) === true;
    used?.add(index);
    merge(objects[at] as DataObject, again ? structuredClone(entity) : entity, rules.keepTypename);
  }
}

/** An entity that came without its type name has its object's, so that the rewrites' type conditions can be decided. */
function rewriteOnce({ compiled, objects, indexes }: EntityTargets, entities: readonly unknown[], schema: GraphQLSchema): void {
  entities.forEach((entity, index) => {
    if (!isDataObject(entity)) return;
    const object = objects[indexes.indexOf(index)];
    if (entity['__typename'] === undefined && object !== undefined) entity['__typename'] = object['__typename'];
    applyRewrites(schema, compiled.step.fetch.outputRewrites ?? [], entity);
  });
}

/**
 * Gives the errors of an entity answer their places in the client's response: one for every object the entity completes.
 * @param responseName of the `_entities` field in the call.
 */
export function placeEntityErrors(targets: EntityTargets, errors: readonly GraphQLFormattedError[], responseName: string, root: DataObject): PlanFailure[] {
  const { step } = targets.compiled;
  const rewrites = step.fetch.outputRewrites ?? [];
  const placesOf = placesByIndex(targets, root);
  const failures: PlanFailure[] = [];
  for (const error of errors) {
    const [field, index, ...rest] = pathOf(error);
    if (field !== undefined && field !== responseName) continue;
    const below = rest.map((part) => renamedKey(rewrites, part));
    const found = typeof index === 'number' ? placesOf(index) : [];
    if (found.length === 0) failures.push({ kind: 'reported', step, error, path: undefined });
    for (const path of found) failures.push({ kind: 'reported', step, error, path: [...path, ...below] });
    if (failures.length >= MAX_ERRORS_AN_ANSWER) return failures.slice(0, MAX_ERRORS_AN_ANSWER);
  }
  return failures;
}

/** Every place in the response of the objects that one representation stands for. */
function placesByIndex({ compiled, objects, indexes }: EntityTargets, root: DataObject): (index: number) => readonly ResponsePath[] {
  const indexOf = new Map(objects.map((object, at) => [object, indexes[at]]));
  const places = placesAt(root, compiled.step.path);
  return (index) => places.flatMap(({ object, path }) => (indexOf.get(object) === index ? [path] : []));
}

/** The path of an error as far as it is one. */
export function pathOf(error: GraphQLFormattedError): readonly (string | number)[] {
  const path: unknown = error.path;
  return Array.isArray(path) && path.every((part) => typeof part === 'string' || typeof part === 'number') ? path : [];
}
