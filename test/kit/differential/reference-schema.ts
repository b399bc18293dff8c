/** The single schema equivalent to a federated graph: the API schema over the same world, run by graphql-js alone. */
import {
  execute, getArgumentValues, getNullableType, isAbstractType, isListType, isNonNullType, isObjectType, Kind,
  type DocumentNode, type ExecutionResult, type FieldNode, type GraphQLField, type GraphQLObjectType, type GraphQLOutputType, type GraphQLSchema, type SelectionSetNode,
} from 'graphql';
import type { ContextArgument, SubgraphModel } from './subgraph-model.js';
import { fieldValue, mapNodes, newRun, type RunState, type World, type WorldNode } from './world.js';

export interface ReferenceOptions {
  /** Own copy of the API schema; resolvers are put into it. */
  readonly schema: GraphQLSchema;
  /** Everything, inaccessible elements too: what field sets of the subgraphs speak of. */
  readonly supergraphSchema: GraphQLSchema;
  readonly world: World;
  readonly subgraphs: ReadonlyMap<string, SubgraphModel>;
}

/** The answer of the single schema. */
export interface ReferenceResult extends ExecutionResult {
  /** True when fields failed that the client did not ask for and others require. */
  readonly hiddenFailures: boolean;
}

export type RunReference = (document: DocumentNode, variables: Readonly<Record<string, unknown>>, operationName: string | undefined) => Promise<ReferenceResult>;

/** An object with the way it was reached, for @fromContext. */
class Placed {
  constructor(readonly node: WorldNode, readonly parent: Placed | undefined) {}
}

/** A required value that cannot be had because a field that is never null failed. */
class Unavailable extends Error {}

/** A required value that was never sent, since the subgraph that owns it does not know the object: what requires it is then null, and no error. */
class Absent extends Error {}

/** Makes the single schema and returns how to run a document against it. */
export function createReference(options: ReferenceOptions): RunReference {
  const { schema, world } = options;
  const resolution = new ReferenceResolution(options);
  for (const type of Object.values(schema.getTypeMap())) {
    if (isAbstractType(type)) type.resolveType = (value: unknown) => (value as Placed).node.__typename;
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields())) {
      field.resolve = (source: unknown, args: Record<string, unknown>, run: RunState) => resolution.field(type.name, field.name, source as Placed, args, run);
    }
  }
  return async (document, variables, operationName) => {
    const mutates = document.definitions.some((node) => node.kind === Kind.OPERATION_DEFINITION && node.operation === 'mutation' && (operationName === undefined || node.name?.value === operationName));
    const run = newRun();
    const result = await execute({
      schema, document, variableValues: variables, operationName: operationName ?? null, contextValue: run,
      rootValue: new Placed(mutates && world.mutation !== undefined ? world.mutation : world.query, undefined),
    });
    return { ...result, hiddenFailures: run.hidden > 0 };
  };
}

class ReferenceResolution {
  constructor(private readonly options: ReferenceOptions) {}

  field(typeName: string, fieldName: string, source: Placed, args: Readonly<Record<string, unknown>>, run: RunState): unknown {
    const value = this.value(source, typeName, fieldName, { ...args, ...this.contextArguments(typeName, fieldName, source, run) }, run);
    return mapNodes(value, (node) => new Placed(node, source));
  }

  private value(source: Placed, typeName: string, fieldName: string, args: Readonly<Record<string, unknown>>, run: RunState): unknown {
    const { node } = source;
    if (this.isAbsent(node, typeName, fieldName)) return null;
    const requires = this.owners(typeName, fieldName).find((owner) => owner.requires !== undefined)?.requires;
    try {
      const required = requires === undefined ? undefined : this.project(source, requires, run);
      return fieldValue(node, fieldName, { args, required, run });
    } catch (error) {
      if (error instanceof Absent) return null;
      throw error;
    }
  }

  private isAbsent(node: WorldNode, typeName: string, fieldName: string): boolean {
    const missing = this.options.world.missing?.get(node);
    const owners = this.owners(typeName, fieldName);
    return missing !== undefined && owners.length > 0 && owners.every(({ subgraph, isKey }) => !isKey && missing.has(subgraph));
  }

  /** Subgraphs that resolve a field themselves. */
  private owners(typeName: string, fieldName: string): Array<{ subgraph: string; requires: SelectionSetNode | undefined; isKey: boolean }> {
    const names = this.namesOf(typeName);
    return [...this.options.subgraphs].flatMap(([subgraph, model]) => names.flatMap((name) => {
      const type = model.get(name);
      const field = type?.fields.get(fieldName);
      if (type === undefined || field === undefined || (name !== typeName && !type.interfaceObject)) return [];
      const isKey = type.keys.some(({ selection }) => selection.selections.some((part) => part.kind === Kind.FIELD && part.name.value === fieldName));
      return field.external && !isKey ? [] : [{ subgraph, requires: field.requires, isKey }];
    }));
  }

  /** A type and the interfaces it implements. */
  private namesOf(typeName: string): string[] {
    const type = this.options.supergraphSchema.getType(typeName);
    return isObjectType(type) ? [typeName, ...type.getInterfaces().map(({ name }) => name)] : [typeName];
  }

  /** The plain values of a field set. @throws Unavailable when a field that is never null has no value. */
  private project(source: Placed, set: SelectionSetNode, run: RunState): Record<string, unknown> {
    const { supergraphSchema } = this.options;
    const type = supergraphSchema.getType(source.node.__typename) as GraphQLObjectType;
    const result: Record<string, unknown> = {};
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) result[selection.name.value] = this.projectField(source, type, selection, run);
      if (selection.kind === Kind.INLINE_FRAGMENT && (selection.typeCondition === undefined || this.namesOf(type.name).includes(selection.typeCondition.name.value))) {
        Object.assign(result, this.project(source, selection.selectionSet, run));
      }
    }
    return result;
  }

  private projectField(source: Placed, type: GraphQLObjectType, selection: FieldNode, run: RunState): unknown {
    const field = type.getFields()[selection.name.value];
    if (field === undefined) throw new Error(`${type.name} has no field ${selection.name.value}.`);
    if (this.isAbsent(source.node, type.name, field.name)) {
      // A subgraph that reached the object itself has no value for the field, and says so where it must have one.
      if (isNonNullType(field.type)) run.hidden += 1;
      throw new Absent(`${type.name}.${field.name} is not known.`);
    }
    let value: unknown;
    try {
      value = this.value(source, type.name, field.name, { ...argumentValues(field, selection), ...this.contextArguments(type.name, field.name, source, run) }, run);
    } catch {
      // What a failed field is worth to a @requires is null; the error itself is the gateway's to report.
      run.hidden += 1;
      value = null;
    }
    return this.complete(source, field.type, value, selection.selectionSet, run);
  }

  private complete(source: Placed, type: GraphQLOutputType, value: unknown, set: SelectionSetNode | undefined, run: RunState): unknown {
    if (isNonNullType(type)) {
      const completed = this.complete(source, type.ofType, value, set, run);
      if (completed === null) throw new Unavailable('A required value is null where it must not be.');
      return completed;
    }
    try {
      if (value === null || value === undefined || value instanceof Error) return null;
      if (isListType(type)) return (value as readonly unknown[]).map((element) => this.complete(source, type.ofType, element, set, run));
      return set === undefined ? value : this.project(new Placed(value as WorldNode, source), set, run);
    } catch (error) {
      // An object below the first level that lacks a field is sent as null.
      if (error instanceof Unavailable || error instanceof Absent) return null;
      throw error;
    }
  }

  /** Values of arguments the client cannot give: taken from the nearest object above that sets the context. */
  private contextArguments(typeName: string, fieldName: string, source: Placed, run: RunState): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    for (const model of this.options.subgraphs.values()) {
      for (const argument of model.get(typeName)?.fields.get(fieldName)?.contextArguments ?? []) result[argument.argument] = this.contextValue(model, argument, source, run);
    }
    return result;
  }

  private contextValue(model: SubgraphModel, { context, selection }: ContextArgument, source: Placed, run: RunState): unknown {
    for (let above = source.parent; above !== undefined; above = above.parent) {
      const { node } = above;
      if (!this.setsContext(model, node.__typename, context)) continue;
      try {
        return leafOf(this.project(above, selection, run));
      } catch (error) {
        if (!(error instanceof Unavailable || error instanceof Absent)) throw error;
        // A value that cannot be had is null; if it failed, the gateway says so.
        if (error instanceof Unavailable) run.hidden += 1;
        return null;
      }
    }
    throw new Error(`Nothing above sets the context ${context}.`);
  }

  private setsContext(model: SubgraphModel, typeName: string, context: string): boolean {
    const unions = [...model.keys()].filter((name) => {
      const type = this.options.supergraphSchema.getType(name);
      return isAbstractType(type) && this.options.supergraphSchema.getPossibleTypes(type).some((possible) => possible.name === typeName);
    });
    return [typeName, ...unions].some((name) => model.get(name)?.contexts.includes(context));
  }
}

/** The one value at the end of a @fromContext selection; null where the way to it ends early. */
function leafOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value ?? null;
  return leafOf(Object.values(value)[0]);
}

function argumentValues(field: GraphQLField<unknown, unknown>, node: FieldNode): Record<string, unknown> {
  return getArgumentValues(field, node);
}

/** True when a value of this type may be null. */
export function isNullable(type: GraphQLOutputType): boolean {
  return getNullableType(type) === type;
}
