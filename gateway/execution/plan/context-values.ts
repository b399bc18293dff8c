/** Reads the values that `@fromContext` arguments take from the objects above an entity. */
import type { FetchDataKeyRenamer, FetchNode } from '@apollo/query-planner';
import { Kind, parse, type GraphQLSchema } from 'graphql';
import { isDataObject, ownValue, type DataObject } from './response-data.js';
import { isOfType } from './rewrites.js';

const ON_TYPE = '... on ';

/** An object with the objects it lies in, nearest first. */
export interface ObjectInContext {
  readonly object: DataObject;
  readonly above: readonly DataObject[];
}

/** Reads the contextual arguments of one fetch. */
export interface ContextReader {
  /** Names of the variables that carry context values. */
  readonly names: readonly string[];
  /** Their values for one entity, in the order of `names`; undefined when a value that must not be null is null. */
  read(entity: ObjectInContext): readonly unknown[] | undefined;
}

/** Makes the reader of a fetch with context rewrites. */
export function contextReaderOf(schema: GraphQLSchema, fetch: FetchNode): ContextReader {
  const rewrites = fetch.contextRewrites ?? [];
  const names = [...new Set(rewrites.map(({ renameKeyTo }) => renameKeyTo))];
  const demanded = nonNullVariables(fetch);
  return {
    names,
    read: (entity) => {
      const values = names.map((name) => contextValue(schema, rewrites.filter(({ renameKeyTo }) => renameKeyTo === name), entity));
      return values.every((value, index) => value !== null || !demanded.has(names[index] ?? '')) ? values : undefined;
    },
  };
}

/** Every object at a path, in document order, with the chain of objects above each. */
export function objectsInContext(root: DataObject, path: readonly string[]): ObjectInContext[] {
  let values: { value: unknown; above: readonly DataObject[] }[] = [{ value: root, above: [] }];
  const intoLists = (): void => {
    values = values.flatMap(({ value, above }) => (Array.isArray(value) ? value.map((element: unknown) => ({ value: element, above })) : [{ value, above }]));
  };
  for (const part of path) {
    if (part === '@') intoLists();
    else values = values.flatMap(({ value, above }) => (isDataObject(value) ? [{ value: ownValue(value, part), above: [value, ...above] }] : []));
  }
  while (values.some(({ value }) => Array.isArray(value))) intoLists();
  return values.flatMap(({ value, above }) => (isDataObject(value) ? [{ object: value, above }] : []));
}

/** The first rewrite whose type conditions hold tells the value; null when none does. */
function contextValue(schema: GraphQLSchema, rewrites: readonly FetchDataKeyRenamer[], { object, above }: ObjectInContext): unknown {
  for (const { path } of rewrites) {
    const ups = path.filter((part) => part === '..').length;
    const value = follow(schema, ups === 0 ? object : above[ups - 1], path.slice(ups));
    if (value !== undefined) return value;
  }
  return null;
}

/** Undefined when a type condition does not hold or the field is not there. */
function follow(schema: GraphQLSchema, from: unknown, path: readonly string[]): unknown {
  const [first, ...rest] = path;
  if (first === undefined || from === null) return from;
  if (Array.isArray(from)) return from.map((element) => follow(schema, element, path) ?? null);
  if (!isDataObject(from)) return undefined;
  if (!first.startsWith(ON_TYPE)) return follow(schema, ownValue(from, first), rest);
  return isOfType(schema, from['__typename'], first.slice(ON_TYPE.length)) ? follow(schema, from, rest) : undefined;
}

function nonNullVariables(fetch: FetchNode): Set<string> {
  const names = new Set<string>();
  for (const definition of (fetch.operationDocumentNode ?? parse(fetch.operation, { noLocation: true })).definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    for (const { variable, type } of definition.variableDefinitions ?? []) if (type.kind === Kind.NON_NULL_TYPE) names.add(variable.name.value);
  }
  return names;
}
