/** What the directives of a supergraph demand of each field, read once when the supergraph is loaded. */
import { isInterfaceType, isObjectType, isUnionType, type Directive, type Schema, type SchemaElement } from '@apollo/federation-internals';
import { directiveNameIn, type EnforcedDirective } from './link-names.js';

/** One demand; several on a field must all hold. `anyOf` is an OR of ANDs. */
export type Requirement =
  | { readonly kind: 'authenticated' }
  | { readonly kind: 'scopes' | 'policies'; readonly anyOf: readonly (readonly string[])[] };

/** `@listSize` of the cost specification v0.1. */
export interface ListSize {
  readonly assumedSize: number | null;
  readonly slicingArguments: readonly string[];
  readonly sizedFields: readonly string[];
}

/** What a selection of one field on one type demands, implementations and interfaces included. */
export interface FieldRule {
  readonly critical: boolean;
  /** Indexes into `DirectiveIndex.requirements`; all must hold. */
  readonly requirements: readonly number[];
  /** `@cost` weight of the field, or of its type; null for the default. */
  readonly weight: number | null;
  readonly listSize: ListSize | null;
}

export interface DirectiveIndex {
  /** Value of `@constitutional(hash:)` on the schema. */
  readonly hash: string | null;
  /** Every distinct demand of the supergraph. */
  readonly requirements: readonly Requirement[];
  /** Demands of a field; fields without any have an empty rule. */
  field(typeName: string, fieldName: string): FieldRule;
  /** Demands of entering a fragment on a type. */
  type(typeName: string): readonly number[];
}

const NO_RULE: FieldRule = { critical: false, requirements: [], weight: null, listSize: null };

type AnyElement = SchemaElement<never, never>;
interface Implemented { readonly name: string; field(name: string): AnyFieldLike | undefined }
interface AnyFieldLike { readonly name: string; readonly type?: { toString(): string; } | undefined }

/**
 * Reads every enforced directive of a supergraph schema.
 * A field selected on an interface demands what any implementation's field or type demands, and a field of an object
 * demands what its interfaces' fields demand: neither way round is a way past.
 */
export function indexDirectives(schema: Schema): DirectiveIndex {
  const reader = new Reader(schema);
  const rules = new Map<string, Map<string, FieldRule>>();
  const typeRequirements = new Map<string, readonly number[]>();
  for (const type of schema.types()) {
    if (isObjectType(type) || isInterfaceType(type)) {
      typeRequirements.set(type.name, reader.requirementsOf(type));
      rules.set(type.name, new Map(type.fields().map((field) => [field.name, reader.rule(type.name, field.name)])));
    } else if (isUnionType(type)) {
      typeRequirements.set(type.name, []);
    }
  }
  return {
    hash: reader.schemaHash(),
    requirements: reader.requirements,
    field: (typeName, fieldName) => rules.get(typeName)?.get(fieldName) ?? NO_RULE,
    type: (typeName) => typeRequirements.get(typeName) ?? [],
  };
}

/** `@constitutional` applications on the schema element: their hashes as written. */
export function declaredHashes(schema: Schema, directiveName: string): (string | null)[] {
  return schema.schemaDefinition.appliedDirectivesOf(directiveName).map((applied) => textArgument(applied, 'hash'));
}

class Reader {
  readonly requirements: Requirement[] = [];
  private readonly ids = new Map<string, number>();
  private readonly names = new Map<EnforcedDirective, string | undefined>();

  constructor(private readonly schema: Schema) {}

  schemaHash(): string | null {
    const name = this.name('constitutional');
    return name === undefined ? null : (declaredHashes(this.schema, name)[0] ?? null);
  }

  rule(typeName: string, fieldName: string): FieldRule {
    const sources = this.related(typeName).filter((type) => type.field(fieldName) !== undefined);
    const requirements = new Set<number>();
    let critical = false;
    let weight: number | null = null;
    let listSize: ListSize | null = null;
    for (const source of sources) {
      const field = source.field(fieldName) as unknown as AnyElement & { type?: { toString(): string } };
      critical ||= this.applied(field, 'constitutional').some((applied) => textArgument(applied, 'level') === 'CRITICAL');
      for (const id of [...this.requirementsOf(field), ...this.requirementsOf(source)]) requirements.add(id);
      const result = this.namedType(field);
      if (result !== undefined) for (const id of this.requirementsOf(result)) requirements.add(id);
      const own = this.weightOf(field) ?? (result === undefined ? null : this.weightOf(result));
      if (own !== null) weight = Math.max(weight ?? 0, own);
      listSize = larger(listSize, this.listSizeOf(field));
    }
    return { critical, requirements: [...requirements].sort((left, right) => left - right), weight, listSize };
  }

  requirementsOf(element: SchemaElement<never, never> | object): number[] {
    const on = element as AnyElement;
    return [
      ...this.applied(on, 'authenticated').map((): Requirement => ({ kind: 'authenticated' })),
      ...this.applied(on, 'requiresScopes').map((applied): Requirement => ({ kind: 'scopes', anyOf: lists(applied, 'scopes') })),
      ...this.applied(on, 'policy').map((applied): Requirement => ({ kind: 'policies', anyOf: lists(applied, 'policies') })),
    ].map((requirement) => this.idOf(requirement));
  }

  /** The type itself; for an interface its implementations too, for an object its interfaces too. */
  private related(typeName: string): Implemented[] {
    const type = this.schema.type(typeName);
    if (type === undefined) return [];
    if (isInterfaceType(type)) return [type, ...type.allImplementations(), ...type.interfaces()];
    if (isObjectType(type)) return [type, ...type.interfaces()];
    return [];
  }

  private namedType(field: object): AnyElement | undefined {
    let type = (field as { type?: { ofType?: unknown; name?: string } }).type;
    while (type?.ofType !== undefined) type = type.ofType as typeof type;
    return type as unknown as AnyElement | undefined;
  }

  private weightOf(element: AnyElement): number | null {
    const weight = this.applied(element, 'cost')[0]?.arguments(true)['weight'] as unknown;
    return typeof weight === 'number' ? weight : null;
  }

  private listSizeOf(element: AnyElement): ListSize | null {
    const applied = this.applied(element, 'listSize')[0];
    if (applied === undefined) return null;
    const values = applied.arguments(true) as Record<string, unknown>;
    return {
      assumedSize: typeof values['assumedSize'] === 'number' ? values['assumedSize'] : null,
      slicingArguments: (values['slicingArguments'] as string[] | null | undefined) ?? [],
      sizedFields: (values['sizedFields'] as string[] | null | undefined) ?? [],
    };
  }

  private applied(element: AnyElement, directive: EnforcedDirective): Directive[] {
    const name = this.name(directive);
    return name === undefined ? [] : (element.appliedDirectivesOf(name));
  }

  private name(directive: EnforcedDirective): string | undefined {
    if (!this.names.has(directive)) this.names.set(directive, directiveNameIn(this.schema, directive));
    return this.names.get(directive);
  }

  private idOf(requirement: Requirement): number {
    const key = JSON.stringify(requirement);
    const known = this.ids.get(key);
    if (known !== undefined) return known;
    const id = this.requirements.push(requirement) - 1;
    this.ids.set(key, id);
    return id;
  }
}

function textArgument(applied: { arguments(includeDefaults?: boolean): object }, name: string): string | null {
  const value = (applied.arguments(true) as Record<string, unknown>)[name];
  return typeof value === 'string' ? value : null;
}

function lists(applied: Directive, name: string): string[][] {
  return (applied.arguments() as Record<string, string[][]>)[name] ?? [];
}

function larger(left: ListSize | null, right: ListSize | null): ListSize | null {
  if (left === null || right === null) return left ?? right;
  return (right.assumedSize ?? 0) > (left.assumedSize ?? 0) ? right : left;
}
