/** What is read from a supergraph's directives, as values that may cross threads, and how it is looked up. */

/** One demand; several on a field must all hold. `anyOf` is an OR of ANDs. */
export type Requirement =
  | { readonly kind: 'authenticated' }
  | { readonly kind: 'scopes' | 'policies'; readonly anyOf: readonly (readonly string[])[] };

/** `@listSize` of the cost specification v0.1. */
export interface ListSize {
  readonly assumedSize: number | null;
  /** Names of arguments, or paths into their input objects as `input.page.first`. */
  readonly slicingArguments: readonly string[];
  readonly sizedFields: readonly string[];
  readonly requireOneSlicingArgument: boolean;
}

/** What a selection of one field on one type demands, implementations and interfaces included. */
export interface FieldRule {
  readonly critical: boolean;
  /** Indexes into `DirectiveIndex.requirements`, ascending; all must hold. */
  readonly requirements: readonly number[];
  /** `@cost` weight of the field itself; null for the default. */
  readonly weight: number | null;
  readonly listSize: ListSize | null;
  /** `@cost` weights of its arguments by name; null when none has one. */
  readonly argumentWeights: ReadonlyMap<string, number> | null;
}

/** What is known of one named type; fields without a rule are left out. */
export interface TypeDirectives {
  /** Demands of entering a fragment on the type. */
  readonly requirements: readonly number[];
  /** `@cost` weight of a value of the type, of the dearest possible one for interfaces and unions; null for the default. */
  readonly weight: number | null;
  readonly fields: ReadonlyMap<string, FieldRule>;
  /** `@cost` weights of the fields of an input object. */
  readonly inputWeights: ReadonlyMap<string, number>;
}

/** Everything read from a supergraph; holds nothing but structured-cloneable values, so it may cross threads. */
export interface DirectiveData {
  readonly hash: string | null;
  readonly requirements: readonly Requirement[];
  /** By type name; types about which nothing is said are left out. */
  readonly types: ReadonlyMap<string, TypeDirectives>;
}

/** Lookups of what was read. */
export interface DirectiveIndex {
  /** Value of `@constitutional(hash:)` on the schema. */
  readonly hash: string | null;
  /** Every distinct demand of the supergraph. */
  readonly requirements: readonly Requirement[];
  /** Demands of a field; fields without any have an empty rule. */
  field(typeName: string, fieldName: string): FieldRule;
  /** Demands of entering a fragment on a type. */
  type(typeName: string): readonly number[];
  /** `@cost` weight of a value of a type; null for the default. */
  typeWeight(typeName: string): number | null;
  /** `@cost` weight of a field of an input object; null for the default. */
  inputWeight(typeName: string, fieldName: string): number | null;
}

const NO_RULE: FieldRule = { critical: false, requirements: [], weight: null, listSize: null, argumentWeights: null };

/** Makes the lookups of what was read. */
export function indexFromData({ hash, requirements, types }: DirectiveData): DirectiveIndex {
  return {
    hash, requirements,
    field: (typeName, fieldName) => types.get(typeName)?.fields.get(fieldName) ?? NO_RULE,
    type: (typeName) => types.get(typeName)?.requirements ?? [],
    typeWeight: (typeName) => types.get(typeName)?.weight ?? null,
    inputWeight: (typeName, fieldName) => types.get(typeName)?.inputWeights.get(fieldName) ?? null,
  };
}
