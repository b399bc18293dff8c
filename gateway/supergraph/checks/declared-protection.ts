/** What one subgraph's own schema declares to protect its elements, read by the linked specifications and never by directive names. */
import { isEnumType, isInputObjectType, isInterfaceType, isObjectType, type Directive, type Schema } from '@apollo/federation-internals';
import type { ListSize, Requirement } from '../directive-data.js';
import { appliedTo, textArgument, valuesOf, type AnyElement } from '../directive-values.js';
import { CONSTITUTIONAL_IDENTITY, ENFORCED, FEDERATION_IDENTITY, IMPERSONAL_IDENTITY, nameInFeature } from '../link-names.js';
import type { Demand } from './requirement-logic.js';

/** Identity of the specification of `@cacheControl` (docs/caching.md). */
const CACHING_IDENTITY = 'https://specs.acgs.internal/caching';

/** Directives whose removal, weakening or renaming a check looks for, with the specifications that may provide them. */
const GUARDS = {
  constitutional: [CONSTITUTIONAL_IDENTITY],
  authenticated: [FEDERATION_IDENTITY, ENFORCED.authenticated.identity],
  requiresScopes: [FEDERATION_IDENTITY, ENFORCED.requiresScopes.identity],
  policy: [FEDERATION_IDENTITY, ENFORCED.policy.identity],
  cost: [FEDERATION_IDENTITY, ENFORCED.cost.identity],
  listSize: [FEDERATION_IDENTITY, ENFORCED.listSize.identity],
  impersonal: [IMPERSONAL_IDENTITY],
  cacheControl: [CACHING_IDENTITY],
  inaccessible: [FEDERATION_IDENTITY, 'https://specs.apollo.dev/inaccessible'],
} as const;
export type Guard = keyof typeof GUARDS;

/** Defined for every subgraph by schema/common.graphql, whether it links them or not. */
const SHARED_DEFINITIONS: ReadonlySet<Guard> = new Set(['impersonal', 'cacheControl']);

/** What is declared on one element. */
export interface Declared extends Demand {
  readonly weight: number | null;
  readonly listSize: ListSize | null;
  readonly isImpersonal: boolean;
  readonly cacheScope: 'PUBLIC' | 'PRIVATE' | null;
  readonly isInaccessible: boolean;
}

/** What a subgraph declares. */
export interface DeclaredProtection {
  /** By coordinate; elements about which nothing is declared are left out. */
  readonly elements: ReadonlyMap<string, Declared>;
  /** Names of the guarding directives in this subgraph; null where it does not have one. */
  readonly names: Readonly<Record<Guard, string | null>>;
  /** Guarding names that the subgraph gives to a directive of its own. */
  readonly taken: readonly Guard[];
  /** `@constitutional(hash:)`; null when there is none. */
  readonly hash: string | null;
}

export const NOTHING_DECLARED: Declared = { critical: false, requirements: [], weight: null, listSize: null, isImpersonal: false, cacheScope: null, isInaccessible: false };

/** Reads the declarations of one subgraph. */
export function readDeclaredProtection(schema: Schema): DeclaredProtection {
  const guards = Object.keys(GUARDS) as Guard[];
  const found = Object.fromEntries(guards.map((guard) => [guard, GUARDS[guard].map((identity) => nameInFeature(schema, identity, guard)).find((name) => name !== undefined)])) as Record<Guard, string | undefined>;
  const elements = new Map<string, Declared>();
  const note = (element: AnyElement & { readonly coordinate: string }): void => {
    const declared = declaredOn(element, found);
    if (declared !== null) elements.set(element.coordinate, declared);
  };
  for (const type of schema.types()) {
    note(type);
    if (isObjectType(type) || isInterfaceType(type)) {
      for (const field of type.fields()) {
        note(field);
        for (const argument of field.arguments()) note(argument);
      }
    } else if (isInputObjectType(type)) for (const field of type.fields()) note(field);
    else if (isEnumType(type)) for (const value of type.values) note(value);
  }
  return {
    elements, hash: appliedTo(schema.schemaDefinition, found.constitutional).map((applied) => textArgument(applied, 'hash'))[0] ?? null,
    names: Object.fromEntries(guards.map((guard) => [guard, found[guard] ?? null])) as Record<Guard, string | null>,
    taken: guards.filter((guard) => !SHARED_DEFINITIONS.has(guard) && found[guard] !== guard && schema.directive(guard) !== undefined),
  };
}

function declaredOn(element: AnyElement, names: Readonly<Record<Guard, string | undefined>>): Declared | null {
  if (hasNoDirectives(element)) return null;
  const requirements: Requirement[] = [
    ...appliedTo(element, names.authenticated).map((): Requirement => ({ kind: 'authenticated' })),
    ...appliedTo(element, names.requiresScopes).map((applied): Requirement => ({ kind: 'scopes', anyOf: lists(applied, 'scopes') })),
    ...appliedTo(element, names.policy).map((applied): Requirement => ({ kind: 'policies', anyOf: lists(applied, 'policies') })),
  ];
  const [cost] = appliedTo(element, names.cost);
  const [listSize] = appliedTo(element, names.listSize);
  const [cache] = appliedTo(element, names.cacheControl);
  const weight = cost === undefined ? null : valuesOf(cost)['weight'];
  return {
    requirements,
    critical: appliedTo(element, names.constitutional).some((applied) => textArgument(applied, 'level') === 'CRITICAL'),
    weight: typeof weight === 'number' ? weight : null,
    listSize: listSize === undefined ? null : listSizeOf(listSize),
    isImpersonal: appliedTo(element, names.impersonal).length > 0,
    cacheScope: cache === undefined ? null : textArgument(cache, 'scope') === 'PRIVATE' ? 'PRIVATE' : 'PUBLIC',
    isInaccessible: appliedTo(element, names.inaccessible).length > 0,
  };
}

/** Most elements have no directive, and asking for each of nine costs more than asking once. */
function hasNoDirectives(element: AnyElement & { readonly appliedDirectives?: readonly Directive[] }): boolean {
  return element.appliedDirectives?.length === 0;
}

function listSizeOf(applied: Directive): ListSize {
  const { assumedSize, slicingArguments, sizedFields, requireOneSlicingArgument } = valuesOf(applied);
  const slicing = texts(slicingArguments);
  return { assumedSize: typeof assumedSize === 'number' ? assumedSize : null, slicingArguments: slicing, sizedFields: texts(sizedFields), requireOneSlicingArgument: requireOneSlicingArgument !== false && slicing.length > 0 };
}

function lists(applied: Directive, name: string): readonly (readonly string[])[] {
  return (valuesOf(applied)[name] as readonly (readonly string[])[] | undefined) ?? [];
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((text): text is string => typeof text === 'string') : [];
}
