/** Reads what a supergraph says may be cached: `@cacheControl` of its fields, who owns them, and the keys of its entities. */
import { Kind, parse, type ConstDirectiveNode, type DefinitionNode, type FieldDefinitionNode, type ObjectTypeDefinitionNode, type TypeNode, type ValueNode } from 'graphql';
import type { SupergraphSnapshot } from '../contracts.js';

/** Identity of the caching specification. */
export const CACHING_IDENTITY = 'https://specs.acgs.internal/caching';
const DIRECTIVE = 'cacheControl';

/** What one subgraph promises of a field it owns alone. */
export interface FieldHint {
  /** Seconds; more than 0. */
  readonly maxAge: number;
  readonly isPrivate: boolean;
  /** Streams whose events tell of its changes; at least one. */
  readonly changedBy: readonly string[];
  /** On fields of Query: the argument that holds the key of what they return. */
  readonly key: string | undefined;
  /** Name of the object type it returns, never in a list; undefined for leaves and lists of leaves. */
  readonly composite: string | undefined;
}

export interface CacheHints {
  /** Name of the root type of queries. */
  readonly queryType: string;
  /** Undefined when the field must not be cached as an answer of that service. */
  field(service: string, typeName: string, fieldName: string): FieldHint | undefined;
  /** The one field a service finds entities of a type by; undefined when there is none, several, or a composite one. */
  keyOf(service: string, typeName: string): string | undefined;
  /** True when the type is an entity of any subgraph. */
  isEntity(typeName: string): boolean;
}

interface TypeKeys {
  /** Key of each service, as written. */
  readonly resolvable: Map<string, string[]>;
  readonly isEntity: boolean;
  readonly isInterfaceObject: boolean;
}

/**
 * Reads the hints of a supergraph.
 * @returns undefined when it links no caching specification, so that nothing of it is cached.
 */
export function readCacheHints({ sdl, directives }: Pick<SupergraphSnapshot, 'sdl' | 'directives'>): CacheHints | undefined {
  if (!sdl.includes(CACHING_IDENTITY)) return undefined;
  const { definitions } = parse(sdl, { noLocation: true });
  const directiveName = nameOfDirective(definitions);
  if (directiveName === undefined) return undefined;
  const services = servicesByGraph(definitions);
  const objects = new Map(definitions.flatMap((node): [string, ObjectTypeDefinitionNode][] => (node.kind === Kind.OBJECT_TYPE_DEFINITION ? [[node.name.value, node]] : [])));
  const leaves = new Set(['ID', 'String', 'Int', 'Float', 'Boolean', ...definitions.flatMap((node) => (node.kind === Kind.SCALAR_TYPE_DEFINITION || node.kind === Kind.ENUM_TYPE_DEFINITION ? [node.name.value] : []))]);
  const keys = new Map([...objects].map(([name, node]) => [name, keysOf(node, services)]));
  const hints = new Map<string, FieldHint>();
  for (const [typeName, node] of objects) {
    for (const field of node.fields ?? []) {
      const owner = soleOwner(node, field, services);
      const hint = owner === undefined || directives.field(typeName, field.name.value).critical ? undefined : hintOf(field, directiveName, leaves, objects);
      if (owner !== undefined && hint !== undefined) hints.set(`${owner} ${typeName}.${field.name.value}`, hint);
    }
  }
  return {
    queryType: queryTypeOf(definitions),
    field: (service, typeName, fieldName) => hints.get(`${service} ${typeName}.${fieldName}`),
    keyOf: (service, typeName) => {
      const known = keys.get(typeName);
      const [key, ...others] = known?.isInterfaceObject === true ? [] : (known?.resolvable.get(service) ?? []);
      return key !== undefined && others.length === 0 && /^\w+$/.test(key) ? key : undefined;
    },
    isEntity: (typeName) => keys.get(typeName)?.isEntity === true,
  };
}

function hintOf(field: FieldDefinitionNode, directiveName: string, leaves: ReadonlySet<string>, objects: ReadonlyMap<string, unknown>): FieldHint | undefined {
  const applied = field.directives?.find(({ name }) => name.value === directiveName);
  if (applied === undefined) return undefined;
  const { named, isList } = unwrapped(field.type);
  const isLeaf = leaves.has(named);
  // A list of objects has no version of its own: who comes or goes changes none of those that were in it.
  if (!isLeaf && (isList || !objects.has(named))) return undefined;
  const maxAge = Number(textOf(applied, 'maxAge'));
  const scope = textOf(applied, 'scope') ?? 'PUBLIC';
  const changedBy = textsOf(applied, 'changedBy');
  if (!(maxAge > 0) || changedBy.length === 0 || (scope !== 'PUBLIC' && scope !== 'PRIVATE')) return undefined;
  return { maxAge, changedBy, isPrivate: scope === 'PRIVATE', key: textOf(applied, 'key'), composite: isLeaf ? undefined : named };
}

/** The only service that resolves a field; undefined when several do, for then each would have to promise the same. */
function soleOwner(type: ObjectTypeDefinitionNode, field: FieldDefinitionNode, services: ReadonlyMap<string, string>): string | undefined {
  const joins = (field.directives ?? []).filter(({ name }) => name.value === 'join__field');
  const own = joins.filter((join) => textOf(join, 'external') !== 'true');
  const placed = own.length > 0 || joins.length > 0 ? own : (type.directives ?? []).filter(({ name }) => name.value === 'join__type');
  const graphs = new Set(placed.map((join) => textOf(join, 'graph')));
  const [graph] = graphs;
  return graphs.size === 1 && graph !== undefined ? services.get(graph) : undefined;
}

function keysOf(type: ObjectTypeDefinitionNode, services: ReadonlyMap<string, string>): TypeKeys {
  const resolvable = new Map<string, string[]>();
  const joins = (type.directives ?? []).filter(({ name }) => name.value === 'join__type');
  for (const join of joins) {
    const key = textOf(join, 'key');
    const service = services.get(textOf(join, 'graph') ?? '');
    if (key !== undefined && service !== undefined) resolvable.set(service, [...(resolvable.get(service) ?? []), key]);
  }
  return { resolvable, isEntity: joins.some((join) => textOf(join, 'key') !== undefined), isInterfaceObject: joins.some((join) => textOf(join, 'isInterfaceObject') === 'true') };
}

function servicesByGraph(definitions: readonly DefinitionNode[]): ReadonlyMap<string, string> {
  const graphs = definitions.find((node) => node.kind === Kind.ENUM_TYPE_DEFINITION && node.name.value === 'join__Graph');
  return new Map((graphs?.kind === Kind.ENUM_TYPE_DEFINITION ? (graphs.values ?? []) : []).flatMap((value): [string, string][] => {
    const join = value.directives?.find(({ name }) => name.value === 'join__graph');
    const name = join === undefined ? undefined : textOf(join, 'name');
    return name === undefined ? [] : [[value.name.value, name]];
  }));
}

/** Link specification v1.0, section 3: an import may rename it, and without an import it has the specification's prefix. */
function nameOfDirective(definitions: readonly DefinitionNode[]): string | undefined {
  const schema = definitions.find((node) => node.kind === Kind.SCHEMA_DEFINITION);
  const link = schema?.directives?.find((directive) => directive.name.value === 'link' && textOf(directive, 'url')?.startsWith(`${CACHING_IDENTITY}/`) === true);
  if (link === undefined) return undefined;
  const imports = link.arguments?.find(({ name }) => name.value === 'import')?.value;
  for (const item of imports?.kind === Kind.LIST ? imports.values : []) {
    if (item.kind === Kind.STRING && item.value === `@${DIRECTIVE}`) return DIRECTIVE;
    if (item.kind !== Kind.OBJECT) continue;
    const member = (wanted: string): string | undefined => literal(item.fields.find(({ name }) => name.value === wanted)?.value);
    if (member('name') === `@${DIRECTIVE}`) return (member('as') ?? member('name'))?.slice(1);
  }
  return `${textOf(link, 'as') ?? 'caching'}__${DIRECTIVE}`;
}

function queryTypeOf(definitions: readonly DefinitionNode[]): string {
  const schema = definitions.find((node) => node.kind === Kind.SCHEMA_DEFINITION);
  return schema?.operationTypes.find(({ operation }) => operation === 'query')?.type.name.value ?? 'Query';
}

function unwrapped(type: TypeNode): { readonly named: string; readonly isList: boolean } {
  if (type.kind === Kind.NAMED_TYPE) return { named: type.name.value, isList: false };
  const inner = unwrapped(type.type);
  return { named: inner.named, isList: inner.isList || type.kind === Kind.LIST_TYPE };
}

/** The texts of a list argument; a single one stands for a list of one (GraphQL specification, section 3.11). */
function textsOf(directive: ConstDirectiveNode, argument: string): readonly string[] {
  const value = directive.arguments?.find(({ name }) => name.value === argument)?.value;
  return (value?.kind === Kind.LIST ? value.values : value === undefined ? [] : [value]).flatMap((item) => literal(item) ?? []);
}

/** A literal argument as text; undefined when it is absent or no literal. */
function textOf(directive: ConstDirectiveNode, argument: string): string | undefined {
  return literal(directive.arguments?.find(({ name }) => name.value === argument)?.value);
}

function literal(value: ValueNode | undefined): string | undefined {
  switch (value?.kind) {
    case Kind.STRING:
    case Kind.ENUM:
    case Kind.INT:
      return value.value;
    case Kind.BOOLEAN:
      return String(value.value);
    default:
      return undefined;
  }
}
