/** Compiles a planned operation to what runs it: the plan's calls and the writers of its response. */
import type { QueryPlan } from '@apollo/query-planner';
import { executeSync, Kind, visit, type DocumentNode, type FragmentDefinitionNode, type GraphQLSchema, type OperationDefinitionNode } from 'graphql';
import { LRUCache } from 'lru-cache';
import type { CacheRules } from './cache/cache-rules.js';
import type { RequestCache } from './cache/request-cache.js';
import type { EventPayload, Permissions, SubgraphCalls } from './contracts.js';
import { compilePlan, type CompiledPlan } from './plan/compiled-plan.js';
import type { PlanFailure } from './plan/fetch-failures.js';
import { runPlan } from './plan/run-plan.js';
import type { AnswerBytes } from './response/answer-bytes.js';
import { compileByteWriter, type WriteBytes } from './response/byte-writer.js';
import { compileWriter, quoteAny, quoteEscapeFree, type WriteData } from './response/compiled-writer.js';
import { writeCarefully, type Misfit } from './response/careful-writer.js';
import { conditionVariables, rootSite, type FieldShape, type SelectionSite } from './response/response-shape.js';

/** What is compiled. */
export interface OperationInput {
  /** What clients see: the response is shaped and checked by it. */
  readonly apiSchema: GraphQLSchema;
  /** Type conditions of representations and rewrites are decided by it. */
  readonly supergraphSchema: GraphQLSchema;
  /** The client's document; what is refused in it comes out null. */
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  /** Undefined when nothing is to be fetched. */
  readonly plan: QueryPlan | undefined;
  /** Undefined permits everything. */
  readonly permissions?: Permissions | undefined;
  /** What of it may be cached; undefined for nothing. */
  readonly cacheRules?: CacheRules | undefined;
}

export interface RunInput {
  readonly calls: Pick<SubgraphCalls, 'call'>;
  readonly variables: Readonly<Record<string, unknown>>;
  /** For an event of a subscription: the answer of the plan's primary fetch. */
  readonly event?: EventPayload;
  /** Where answers that may be kept are looked for first. */
  readonly cache?: RequestCache | undefined;
}

/** What a run gives: the data as JSON in pieces, and what went wrong, not yet in the form clients see. */
export interface OperationOutcome {
  /** Empty where it was written as bytes. */
  readonly pieces: readonly string[];
  /** The data after the beginning of an answer; see `makeAnswer`, which completes it. */
  readonly bytes: AnswerBytes | undefined;
  /** True when they hold ASCII characters only. */
  readonly ascii: boolean;
  readonly failures: readonly PlanFailure[];
  readonly misfits: readonly Misfit[];
}

export interface CompiledOperation {
  /** Runs the operation. Never rejects for faults of subgraphs. */
  run(input: RunInput): Promise<OperationOutcome>;
  /** Compiles for the condition values of some variables now, instead of when it first runs with them. */
  compileFor(variables: Readonly<Record<string, unknown>>): void;
  /** Condition values it is compiled for, as variables; those used last come first. */
  compiledFor(): readonly Readonly<Record<string, boolean>>[];
}

/** The compiled form for one set of values of the operation's condition variables. */
interface Variant {
  readonly plan: CompiledPlan;
  readonly site: SelectionSite;
  readonly write: WriteData;
  readonly writeBytes: WriteBytes;
}

/** What every answer begins with. */
export const ANSWER_BEGINNING = '{"data":';

/** Variants kept of one operation; each costs about as much to make as the operation itself. */
const MAX_VARIANTS = 16;

/**
 * Compiles an operation. Code is generated when it first runs with some condition values, or is compiled for them ahead.
 * @throws Error when the document does not fit the schema: it must have been validated.
 */
export function compileOperation(input: OperationInput): CompiledOperation {
  const fragments = new Map(input.document.definitions.flatMap((node): [string, FragmentDefinitionNode][] => (node.kind === Kind.FRAGMENT_DEFINITION ? [[node.name.value, node]] : [])));
  const names = conditionVariables(input.operation, fragments);
  const defaults = booleanDefaults(input.operation);
  const variants = new LRUCache<string, Variant>({ max: MAX_VARIANTS });
  const variantFor = (variables: Readonly<Record<string, unknown>>, ahead = false): Variant => {
    const holds = (name: string): boolean => (Object.hasOwn(variables, name) && variables[name] !== undefined ? variables[name] === true : defaults.get(name) === true);
    let key = '';
    for (const name of names) key += holds(name) ? '1' : '0';
    let variant = variants.get(key);
    if (variant === undefined) variants.set(key, variant = makeVariant(input, fragments, new Map(names.map((name) => [name, holds(name)])), ahead));
    return variant;
  };
  return {
    async run({ calls, variables, event, cache }) {
      const { plan, site, write, writeBytes } = variantFor(variables);
      const { data, failures, escapeFree, ascii } = await runPlan(plan, event === undefined ? { calls, variables, cache } : { calls, variables, event });
      if (failures.length === 0) {
        const bytes = ascii && escapeFree ? writeBytes(data, ANSWER_BEGINNING) : undefined;
        if (bytes !== undefined) return { pieces: [], bytes, ascii, failures: [], misfits: [] };
        const pieces = write(data, escapeFree ? quoteEscapeFree : quoteAny);
        if (pieces !== undefined) return { pieces, bytes: undefined, ascii, failures: [], misfits: [] };
      }
      const careful = writeCarefully(site, data, (field) => introspect(input, field, variables));
      return { pieces: [careful.text], bytes: undefined, ascii: false, failures, misfits: careful.misfits };
    },
    compileFor: (variables) => { variantFor(variables, true); },
    compiledFor: () => Array.from(variants.keys(), (key) => Object.fromEntries(names.map((name, index) => [name, key[index] === '1']))),
  };
}

function makeVariant({ apiSchema, supergraphSchema, operation, plan, permissions, cacheRules }: OperationInput, fragments: ReadonlyMap<string, FragmentDefinitionNode>, conditions: ReadonlyMap<string, boolean>, ahead: boolean): Variant {
  const conditionHolds = (name: string): boolean => conditions.get(name) === true;
  const site = rootSite({ schema: apiSchema, fragments, permissions, conditionHolds }, operation);
  return { plan: compilePlan(plan, supergraphSchema, conditionHolds, cacheRules), site, write: compileWriter(site, { ahead }), writeBytes: compileByteWriter(site, { ahead }) };
}

/** Defaults of an operation's Boolean variables. */
export function booleanDefaults(operation: OperationDefinitionNode): Map<string, boolean> {
  return new Map((operation.variableDefinitions ?? []).flatMap(({ variable, defaultValue }): [string, boolean][] => (defaultValue?.kind === Kind.BOOLEAN ? [[variable.name.value, defaultValue.value]] : [])));
}

/** Introspection is the one thing graphql-js executes: it reads the schema, not data. */
export function introspect({ apiSchema, document, operation }: Pick<OperationInput, 'apiSchema' | 'document' | 'operation'>, field: FieldShape, variables: Readonly<Record<string, unknown>>): string | undefined {
  const used = new Set<string>();
  const collect = { Variable: (node: { name: { value: string } }): void => { used.add(node.name.value); } };
  for (const node of field.nodes) visit(node, collect);
  const fragments = document.definitions.filter((node) => node.kind === Kind.FRAGMENT_DEFINITION);
  for (const fragment of fragments) visit(fragment, collect);
  const { data, errors } = executeSync({
    schema: apiSchema, rootValue: {}, variableValues: variables,
    document: {
      kind: Kind.DOCUMENT,
      definitions: [
        { kind: Kind.OPERATION_DEFINITION, operation: operation.operation, variableDefinitions: (operation.variableDefinitions ?? []).filter(({ variable }) => used.has(variable.name.value)), selectionSet: { kind: Kind.SELECTION_SET, selections: field.nodes } },
        ...fragments,
      ],
    },
  });
  const [error] = errors ?? [];
  if (error !== undefined) throw error;
  const value = data?.[field.responseName];
  return value === null || value === undefined ? undefined : JSON.stringify(value);
}
