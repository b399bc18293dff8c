/** One subgraph in process: resolves from the world only what a real subgraph could know, and refuses what it must never be asked. */
import { buildSubgraphSchema } from '@apollo/subgraph';
import {
  execute, isAbstractType, isObjectType, Kind, parse, validate,
  type DocumentNode, type GraphQLFormattedError, type GraphQLSchema, type SelectionSetNode,
} from 'graphql';
import { readSubgraph, type SubgraphModel } from './subgraph-model.js';
import { fieldValue, mapNodes, stableJson, type RunState, type World, type WorldNode } from './world.js';

export interface SubgraphRequest {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

export interface SubgraphResponse {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly GraphQLFormattedError[];
}

export interface SubgraphServer {
  readonly name: string;
  readonly model: SubgraphModel;
  readonly schema: GraphQLSchema;
  /** Runs a request. @throws InvalidSubgraphRequest when the request does not fit the subgraph's schema. */
  answer(request: SubgraphRequest, run: RunState): Promise<SubgraphResponse>;
}

/** A request no correct plan makes; the differential tests count it as a failure. */
export class InvalidSubgraphRequest extends Error {}

/** An object inside a subgraph, with what the request said about it. */
class Reference {
  constructor(
    readonly node: WorldNode,
    /** What the gateway sent for it; undefined when the subgraph found it by itself. */
    readonly representation: Readonly<Record<string, unknown>> | undefined,
    /** External fields that a @provides above makes resolvable. */
    readonly provided: readonly SelectionSetNode[],
  ) {}
}

/** Type names that a name stands for: itself, and for an interface its implementations. */
export type Implementations = (typeName: string) => ReadonlySet<string>;

/** @param overridden `Type.field` coordinates that another subgraph took over: asking for one is a fault. */
export function createSubgraphServer(name: string, sdl: string, world: World, implementations: Implementations, overridden: ReadonlySet<string>): SubgraphServer {
  const model = readSubgraph(sdl);
  const resolve = new Resolution(name, model, world, implementations, overridden);
  const entities = [...model].filter(([type, { keys }]) => keys.length > 0 && type !== 'Query' && type !== 'Mutation');
  const schema = buildSubgraphSchema({
    typeDefs: parse(sdl),
    resolvers: Object.fromEntries(entities.map(([type]) => [type, { __resolveReference: (representation: Record<string, unknown>) => resolve.reference(type, representation) }])),
  });
  for (const type of Object.values(schema.getTypeMap())) {
    if (isAbstractType(type) && type.name !== '_Entity') type.resolveType = (value: unknown) => (value as Reference).node.__typename;
    if (!isObjectType(type) || type.name.startsWith('_')) continue;
    for (const field of Object.values(type.getFields())) {
      if (field.name.startsWith('_')) continue;
      field.resolve = (source: unknown, args: Record<string, unknown>, run: RunState) => resolve.field(type.name, field.name, source, args, run);
    }
  }
  const documents = new Map<string, DocumentNode>();
  const read = (query: string): DocumentNode => {
    let document = documents.get(query);
    if (document !== undefined) return document;
    document = parse(query);
    const [problem] = validate(schema, document);
    if (problem !== undefined) throw new InvalidSubgraphRequest(`${name} was sent an invalid request: ${problem.message}\n${query}`);
    documents.set(query, document);
    return document;
  };
  return {
    name, model, schema,
    answer: async ({ query, variables }, run) => {
      run.log.push(name);
      const result = await execute({ schema, document: read(query), variableValues: structuredClone(variables), contextValue: run, rootValue: undefined });
      const errors = result.errors?.map((error) => error.toJSON());
      const broken = result.errors?.find(({ originalError }) => originalError instanceof InvalidSubgraphRequest) ?? result.errors?.find(({ path }) => path === undefined);
      if (broken !== undefined) throw new InvalidSubgraphRequest(`${name}: ${broken.message}\n${query}\n${stableJson(variables)}`);
      return JSON.parse(JSON.stringify({ data: result.data ?? null, ...(errors === undefined ? {} : { errors }) })) as SubgraphResponse;
    },
  };
}

class Resolution {
  constructor(
    private readonly subgraph: string,
    private readonly model: SubgraphModel,
    private readonly world: World,
    private readonly implementations: Implementations,
    private readonly overridden: ReadonlySet<string>,
  ) {}

  /** Finds the object a representation names by a resolvable key; null when this subgraph does not know it. */
  reference(typeName: string, representation: Readonly<Record<string, unknown>>): Reference | null {
    const keys = this.model.get(typeName)?.keys.filter(({ resolvable }) => resolvable) ?? [];
    const fitting = keys.filter(({ selection }) => matches(selection, representation, undefined));
    if (fitting.length === 0) throw new InvalidSubgraphRequest(`No resolvable key of ${typeName} in ${this.subgraph} fits ${stableJson(representation)}`);
    const types = this.implementations(typeName);
    const node = this.world.nodes.find((candidate) => types.has(candidate.__typename) && fitting.some(({ selection }) => matches(selection, representation, candidate)));
    if (node === undefined || this.isMissing(node)) return null;
    return new Reference(node, representation, []);
  }

  field(typeName: string, fieldName: string, source: unknown, args: Readonly<Record<string, unknown>>, run: RunState): unknown {
    const parent = source instanceof Reference ? source : new Reference(this.root(typeName), undefined, []);
    const model = this.model.get(typeName)?.fields.get(fieldName);
    if (model === undefined) throw new InvalidSubgraphRequest(`${this.subgraph} was asked for ${typeName}.${fieldName}, which it does not have.`);
    const provided = parent.provided.flatMap((set) => subSelections(set, fieldName));
    const isKey = this.isKeyField(typeName, fieldName);
    if (model.external && !isKey && provided.length === 0) {
      throw new InvalidSubgraphRequest(`${this.subgraph} was asked for the external field ${typeName}.${fieldName}.`);
    }
    if (!isKey && this.overridden.has(`${typeName}.${fieldName}`)) throw new InvalidSubgraphRequest(`${this.subgraph} was asked for ${typeName}.${fieldName}, which is overridden.`);
    if (!isKey && provided.length === 0 && this.isMissing(parent.node)) return null;
    const required = model.requires === undefined ? undefined : this.required(typeName, fieldName, model.requires, parent);
    const value = fieldValue(parent.node, fieldName, { args, required, run });
    const below = [...provided.flatMap(({ selectionSet }) => (selectionSet === undefined ? [] : [selectionSet])), ...(model.provides === undefined ? [] : [model.provides])];
    return mapNodes(value, (node) => new Reference(node, undefined, below));
  }

  private required(typeName: string, fieldName: string, requires: SelectionSetNode, { representation }: Reference): Record<string, unknown> {
    if (representation === undefined) throw new InvalidSubgraphRequest(`${typeName}.${fieldName} was asked of ${this.subgraph} without what it requires.`);
    const picked = pick(requires, representation);
    if (picked === undefined) throw new InvalidSubgraphRequest(`What ${typeName}.${fieldName} requires is not in ${stableJson(representation)}`);
    return picked;
  }

  private root(typeName: string): WorldNode {
    const root = typeName === 'Mutation' ? this.world.mutation : this.world.query;
    if (root === undefined) throw new Error('The world has no mutation.');
    return root;
  }

  private isMissing(node: WorldNode): boolean {
    return this.world.missing?.get(node)?.has(this.subgraph) ?? false;
  }

  private isKeyField(typeName: string, fieldName: string): boolean {
    return this.model.get(typeName)?.keys.some(({ selection }) => subSelections(selection, fieldName).length > 0) ?? false;
  }
}

/** The selections of one field in a set, through inline fragments. */
function subSelections(set: SelectionSetNode, fieldName: string): Array<{ readonly selectionSet: SelectionSetNode | undefined }> {
  return set.selections.flatMap((selection) => {
    if (selection.kind === Kind.FIELD) return selection.name.value === fieldName ? [{ selectionSet: selection.selectionSet }] : [];
    return selection.kind === Kind.INLINE_FRAGMENT ? subSelections(selection.selectionSet, fieldName) : [];
  });
}

/** True when every field of the key is in the representation and, where a candidate is given, equal to its value. */
function matches(set: SelectionSetNode, representation: unknown, candidate: WorldNode | undefined): boolean {
  if (typeof representation !== 'object' || representation === null) return false;
  return set.selections.every((selection) => {
    if (selection.kind !== Kind.FIELD) return selection.kind === Kind.INLINE_FRAGMENT && matches(selection.selectionSet, representation, candidate);
    const name = selection.name.value;
    const given = (representation as Record<string, unknown>)[name];
    if (given === undefined) return false;
    const held = candidate?.[name];
    const below = selection.selectionSet;
    if (below === undefined) return candidate === undefined || stableJson(held) === stableJson(given);
    if (Array.isArray(given)) {
      return candidate === undefined || (Array.isArray(held) && held.length === given.length && given.every((element, index) => matches(below, element, held[index] as WorldNode)));
    }
    return matches(below, given, held as WorldNode | undefined);
  });
}

/** The required values in a representation; undefined when one is absent. */
function pick(set: SelectionSetNode, from: unknown): Record<string, unknown> | undefined {
  const result: Record<string, unknown> = {};
  for (const selection of set.selections) {
    if (selection.kind === Kind.INLINE_FRAGMENT) {
      const condition = selection.typeCondition?.name.value;
      const typeName = (from as { __typename?: unknown }).__typename;
      const picked = pick(selection.selectionSet, from);
      if (picked === undefined && (condition === undefined || typeName === condition)) return undefined;
      if (condition === undefined || typeName === undefined || typeName === condition) Object.assign(result, picked);
      continue;
    }
    if (selection.kind !== Kind.FIELD) throw new Error('A field set has no named fragments.');
    const value = (from as Record<string, unknown>)[selection.name.value];
    if (value === undefined) return undefined;
    const below = selection.selectionSet;
    result[selection.name.value] = below === undefined ? value : pickDeep(below, value);
  }
  return result;
}

function pickDeep(set: SelectionSetNode, value: unknown): unknown {
  if (value === null) return null;
  if (Array.isArray(value)) return value.map((element) => pickDeep(set, element));
  const picked = pick(set, value);
  if (picked === undefined) throw new InvalidSubgraphRequest(`A required value is absent in ${stableJson(value)}`);
  return picked;
}
