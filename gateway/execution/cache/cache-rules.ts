/** Decides, when a plan is compiled, which fetches may be answered from the cache, for how long, and what makes their answers stale. */
import type { FetchNode } from '@apollo/query-planner';
import { Kind, parse, type FieldNode, type OperationDefinitionNode, type SelectionNode, type SelectionSetNode } from 'graphql';
import { sha256Hex } from '../../../ops/runtime/canonical-json.js';
import { REPRESENTATIONS, type EntityTemplate } from '../plan/fetch-template.js';
import type { CacheHints } from './cache-hints.js';

/** An entity inside an answer whose changes make the answer stale too. */
export interface InnerEntity {
  /** Response names from the kept object to the entity. */
  readonly path: readonly string[];
  readonly typeName: string;
  /** Response name of its key. */
  readonly key: string;
  /** Streams whose events tell of what is selected of it. */
  readonly changedBy: readonly string[];
}

interface Terms {
  /** Seconds: the shortest of the selected fields. */
  readonly maxAge: number;
  /** True when any selected field is private. */
  readonly isPrivate: boolean;
  readonly inner: readonly InnerEntity[];
  /** Streams whose events tell of what is selected, the entities inside aside. */
  readonly changedBy: readonly string[];
}

/** What is common to everything one fetch asks. */
interface FetchIdentity {
  /** Digest of service, supergraph and selection. */
  readonly id: string;
  readonly service: string;
  /** Names of the client's variables it uses, in a fixed order; their values belong to the key. */
  readonly variables: readonly string[];
}

/** An `_entities` selection that may be cached for some types. */
export interface EntityRule extends FetchIdentity {
  readonly kind: 'entities';
  /** By type name of the representation. */
  readonly types: ReadonlyMap<string, Terms & { readonly key: string }>;
}

/** A root fetch that may be cached: every field of it finds one entity by its key. */
export interface RootRule extends FetchIdentity, Omit<Terms, 'changedBy'> {
  readonly kind: 'root';
  readonly roots: readonly RootEntity[];
}

/** An entity that a root field finds. */
export interface RootEntity {
  readonly typeName: string;
  /** The key, or the variable that holds it. */
  readonly key: { readonly literal: string } | { readonly variable: string };
  /** Streams whose events tell of what is selected of it, and whether there is one. */
  readonly changedBy: readonly string[];
}

/** Makes the rules of one supergraph. */
export interface CacheRules {
  ofEntities(service: string, template: EntityTemplate): EntityRule | undefined;
  ofRoot(fetch: FetchNode): RootRule | undefined;
}

/** @param supergraphId of the supergraph the hints are from. */
export function createCacheRules(hints: CacheHints, supergraphId: string): CacheRules {
  const identity = (service: string, text: string): string => sha256Hex(JSON.stringify([service, supergraphId, text]));
  return {
    ofEntities(service, template) {
      const types = entityTerms(hints, service, selectionOf(template.selection));
      if (types === undefined || types.size === 0) return undefined;
      const definitions = [...template.variables].sort(([left], [right]) => (left < right ? -1 : 1));
      return {
        kind: 'entities', service, types, variables: definitions.map(([name]) => name),
        id: identity(service, JSON.stringify([definitions.map(([, text]) => text), template.selection])),
      };
    },
    ofRoot(fetch) {
      if (fetch.requires !== undefined || fetch.operationKind !== 'query') return undefined;
      const operation = soleOperation(fetch);
      const found = operation === undefined ? undefined : rootTerms(hints, fetch.serviceName, operation);
      return found === undefined ? undefined : {
        ...found, kind: 'root', service: fetch.serviceName, id: identity(fetch.serviceName, fetch.operation),
        variables: (fetch.variableUsages ?? []).filter((name) => name !== REPRESENTATIONS).sort(),
      };
    },
  };
}

function selectionOf(selection: string): SelectionSetNode {
  const [operation] = parse(selection, { noLocation: true }).definitions;
  if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error('An entity selection cannot be read.');
  return operation.selectionSet;
}

function entityTerms(hints: CacheHints, service: string, set: SelectionSetNode): Map<string, Terms & { key: string }> | undefined {
  const byType = new Map<string, SelectionNode[]>();
  for (const selection of set.selections) {
    if (selection.kind === Kind.FIELD && selection.name.value === '__typename') continue;
    if (selection.kind !== Kind.INLINE_FRAGMENT || selection.typeCondition === undefined) return undefined;
    const typeName = selection.typeCondition.name.value;
    byType.set(typeName, [...(byType.get(typeName) ?? []), ...selection.selectionSet.selections]);
  }
  const types = new Map<string, Terms & { key: string }>();
  for (const [typeName, selections] of byType) {
    const key = hints.keyOf(service, typeName);
    // A fragment on an interface would apply to types that are not looked at here.
    if (!hints.isEntity(typeName)) return undefined;
    const terms = key === undefined ? undefined : termsOf(hints, service, typeName, selections, []);
    // Where nothing but the key is asked, the question is whether the entity exists, of which no field says anything.
    if (key !== undefined && terms !== undefined && Number.isFinite(terms.maxAge)) types.set(typeName, { ...terms, key });
  }
  return types;
}

function rootTerms(hints: CacheHints, service: string, operation: OperationDefinitionNode): (Omit<Terms, 'changedBy'> & { roots: RootEntity[] }) | undefined {
  if ((operation.directives ?? []).length > 0) return undefined;
  const roots: RootEntity[] = [];
  let maxAge = Infinity;
  let isPrivate = false;
  const inner: InnerEntity[] = [];
  for (const field of operation.selectionSet.selections) {
    if (field.kind !== Kind.FIELD) return undefined;
    const hint = hints.field(service, hints.queryType, field.name.value);
    if (hint?.key === undefined || hint.composite === undefined || !hints.isEntity(hint.composite)) return undefined;
    const key = keyArgument(field, hint.key, operation);
    const terms = termsOf(hints, service, hint.composite, field.selectionSet?.selections ?? [], [responseName(field)]);
    if (key === undefined || terms === undefined) return undefined;
    roots.push({ typeName: hint.composite, key, changedBy: [...new Set([...hint.changedBy, ...terms.changedBy])] });
    maxAge = Math.min(maxAge, hint.maxAge, terms.maxAge);
    isPrivate ||= hint.isPrivate || terms.isPrivate;
    inner.push(...terms.inner);
  }
  return roots.length === 0 ? undefined : { roots, maxAge, isPrivate, inner };
}

/** Terms under which fields of one object may be kept; undefined when one of them may not. An object's key never changes. */
function termsOf(hints: CacheHints, service: string, typeName: string, selections: readonly SelectionNode[], path: readonly string[]): Terms | undefined {
  let maxAge = Infinity;
  let isPrivate = false;
  const inner: InnerEntity[] = [];
  const changedBy = new Set<string>();
  const include = (terms: Terms): void => {
    for (const stream of terms.changedBy) changedBy.add(stream);
    maxAge = Math.min(maxAge, terms.maxAge);
    isPrivate ||= terms.isPrivate;
    inner.push(...terms.inner);
  };
  for (const selection of selections) {
    if (selection.kind === Kind.FRAGMENT_SPREAD) return undefined;
    if (selection.kind === Kind.INLINE_FRAGMENT) {
      if (selection.typeCondition !== undefined && selection.typeCondition.name.value !== typeName) return undefined;
      const terms = termsOf(hints, service, typeName, selection.selectionSet.selections, path);
      if (terms === undefined) return undefined;
      include(terms);
      continue;
    }
    if (isFixed(hints, service, typeName, selection)) continue;
    const hint = hints.field(service, typeName, selection.name.value);
    if (hint === undefined) return undefined;
    maxAge = Math.min(maxAge, hint.maxAge);
    isPrivate ||= hint.isPrivate;
    for (const stream of hint.changedBy) changedBy.add(stream);
    if (hint.composite === undefined) continue;
    const terms = objectTerms(hints, service, hint.composite, selection, [...path, responseName(selection)]);
    if (terms === undefined) return undefined;
    include(terms);
  }
  return { maxAge, isPrivate, inner, changedBy: [...changedBy] };
}

/** As `termsOf`, for an object inside another one. An entity there has changes of its own: it must say which one it is, unless nothing but that is asked. */
function objectTerms(hints: CacheHints, service: string, typeName: string, field: FieldNode, path: readonly string[]): Terms | undefined {
  const selections = field.selectionSet?.selections ?? [];
  const terms = termsOf(hints, service, typeName, selections, path);
  if (terms === undefined || !hints.isEntity(typeName)) return terms;
  const fields = selections.filter((selection): selection is FieldNode => selection.kind === Kind.FIELD);
  if (fields.length === selections.length && fields.every((selection) => isFixed(hints, service, typeName, selection))) return terms;
  const key = fields.find((selection) => selection.name.value === hints.keyOf(service, typeName) && (selection.directives ?? []).length === 0);
  return key === undefined ? undefined : { ...terms, inner: [...terms.inner, { path, typeName, key: responseName(key), changedBy: terms.changedBy }], changedBy: [] };
}

function isFixed(hints: CacheHints, service: string, typeName: string, { name }: FieldNode): boolean {
  return name.value === '__typename' || name.value === hints.keyOf(service, typeName);
}

function keyArgument(field: FieldNode, argument: string, operation: OperationDefinitionNode): RootEntity['key'] | undefined {
  const value = field.arguments?.find(({ name }) => name.value === argument)?.value;
  switch (value?.kind) {
    case Kind.STRING:
    case Kind.INT:
    case Kind.ENUM:
      return { literal: value.value };
    case Kind.VARIABLE: {
      // A default would stand in for a value that is not there to be seen.
      const definition = operation.variableDefinitions?.find(({ variable }) => variable.name.value === value.name.value);
      return definition?.defaultValue === undefined ? { variable: value.name.value } : undefined;
    }
    default:
      return undefined;
  }
}

function soleOperation(fetch: FetchNode): OperationDefinitionNode | undefined {
  const { definitions } = fetch.operationDocumentNode ?? parse(fetch.operation, { noLocation: true });
  const [operation] = definitions;
  return definitions.length === 1 && operation?.kind === Kind.OPERATION_DEFINITION ? operation : undefined;
}

function responseName({ alias, name }: FieldNode): string {
  return alias?.value ?? name.value;
}
