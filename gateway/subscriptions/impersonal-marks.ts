/** Reads from a supergraph what each subgraph says is the same for everyone who may read it: `@impersonal`, and public `@cacheControl`. */
import { Kind, isAbstractType, isObjectType, parse, valueFromASTUntyped, type ConstDirectiveNode, type DocumentNode, type FieldDefinitionNode, type GraphQLSchema, type InterfaceTypeDefinitionNode, type ObjectTypeDefinitionNode } from 'graphql';
import type { SupergraphSnapshot } from '../execution/contracts.js';
import { IMPERSONAL_IDENTITY } from '../supergraph/link-names.js';

/** Identity of the caching specification; any version of either is read. */
const CACHING_IDENTITY = 'https://specs.acgs.internal/caching';

/** What a supergraph says is impersonal. */
export interface ImpersonalMarks {
  /** True when the subgraph says that the field, on that type, does not depend on who asks. */
  covers(subgraph: string, typeName: string, fieldName: string): boolean;
}

type Snapshot = Pick<SupergraphSnapshot, 'sdl' | 'supergraphSchema'>;

const NONE: ImpersonalMarks = { covers: () => false };
const marksBySnapshot = new WeakMap<Snapshot, ImpersonalMarks>();

/** The marks of a supergraph; read once. */
export function impersonalMarksOf(snapshot: Snapshot): ImpersonalMarks {
  let marks = marksBySnapshot.get(snapshot);
  if (marks === undefined) marksBySnapshot.set(snapshot, marks = readMarks(snapshot));
  return marks;
}

/**
 * A mark on a type stands for all its fields, one on a field for that field. A field of an interface is covered by a
 * mark on the interface or when every implementation is covered; without any mark nothing is. A public hint of the cache
 * promises as much for its field (docs/caching.md), and says it for the one subgraph that resolves the field.
 */
function readMarks({ sdl, supergraphSchema }: Snapshot): ImpersonalMarks {
  if (!sdl.includes(IMPERSONAL_IDENTITY)) return NONE;
  const document = parse(sdl, { noLocation: true });
  const impersonal = directiveNameIn(document, IMPERSONAL_IDENTITY, 'impersonal');
  const cacheControl = directiveNameIn(document, CACHING_IDENTITY, 'cacheControl');
  const graphs = subgraphNames(document);
  const marked = new Set<string>();
  const note = (coordinate: string, directives: readonly ConstDirectiveNode[] | undefined): void => {
    for (const subgraph of namesIn(impersonal, 'subgraph', directives)) marked.add(`${subgraph} ${coordinate}`);
  };
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION && definition.kind !== Kind.INTERFACE_TYPE_DEFINITION) continue;
    const typeName = definition.name.value;
    note(typeName, definition.directives);
    for (const field of definition.fields ?? []) {
      const coordinate = `${typeName}.${field.name.value}`;
      note(coordinate, field.directives);
      const [owner, ...others] = resolversOf(definition, field);
      if (owner !== undefined && others.length === 0 && isPublic(cacheControl, field)) marked.add(`${graphs.get(owner) ?? owner} ${coordinate}`);
    }
  }
  const covers = (subgraph: string, typeName: string, fieldName: string): boolean => {
    if (marked.has(`${subgraph} ${typeName}`) || marked.has(`${subgraph} ${typeName}.${fieldName}`)) return true;
    const possible = implementationsOf(supergraphSchema, typeName);
    return possible.length > 0 && possible.every((name) => covers(subgraph, name, fieldName));
  };
  return { covers };
}

function implementationsOf(schema: GraphQLSchema, typeName: string): string[] {
  const type = schema.getType(typeName);
  return type === undefined || isObjectType(type) || !isAbstractType(type) ? [] : schema.getPossibleTypes(type).map(({ name }) => name);
}

/** Values of a text argument in every application of a directive. */
function namesIn(directive: string | undefined, argument: string, directives: readonly ConstDirectiveNode[] | undefined): string[] {
  return (directives ?? []).filter(({ name }) => name.value === directive).flatMap((applied) => {
    const value = argumentsOf(applied)[argument];
    return typeof value === 'string' ? [value] : [];
  });
}

/** Names of subgraphs by their name in `join__Graph`. */
function subgraphNames(document: DocumentNode): ReadonlyMap<string, string> {
  const values = document.definitions.flatMap((node) => (node.kind === Kind.ENUM_TYPE_DEFINITION && node.name.value === 'join__Graph' ? node.values ?? [] : []));
  return new Map(values.flatMap(({ name, directives }) => namesIn('join__graph', 'name', directives).map((subgraph): [string, string] => [name.value, subgraph])));
}

/** The subgraphs, by their name in `join__Graph`, that resolve a field (join specification v0.5). */
function resolversOf(type: ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode, field: FieldDefinitionNode): string[] {
  const joined = (field.directives ?? []).filter(({ name }) => name.value === 'join__field').map(argumentsOf);
  const graphs = joined.flatMap(({ graph, external }) => (typeof graph === 'string' && external !== true ? [graph] : []));
  // A field that says nothing is resolved by every subgraph that has the type.
  return joined.length > 0 ? graphs : namesIn('join__type', 'graph', type.directives);
}

function isPublic(cacheControl: string | undefined, field: FieldDefinitionNode): boolean {
  const applied = field.directives?.find(({ name }) => name.value === cacheControl);
  return applied !== undefined && (argumentsOf(applied)['scope'] ?? 'PUBLIC') === 'PUBLIC';
}

/** Name of a specification's directive in this supergraph, whatever its link renames (link specification v1.0, section 3). */
function directiveNameIn(document: DocumentNode, identity: string, directive: string): string | undefined {
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.SCHEMA_DEFINITION && definition.kind !== Kind.SCHEMA_EXTENSION) continue;
    for (const link of definition.directives ?? []) {
      const { url, as, import: imports } = argumentsOf(link);
      if (typeof url !== 'string' || !url.startsWith(`${identity}/`)) continue;
      const imported = (Array.isArray(imports) ? imports : []).map((entry: unknown) => importedAs(entry, directive)).find((name) => name !== undefined);
      if (imported !== undefined) return imported;
      const prefix = typeof as === 'string' ? as : identity.slice(identity.lastIndexOf('/') + 1);
      // A directive named like its specification needs no prefix.
      return identity.endsWith(`/${directive}`) ? prefix : `${prefix}__${directive}`;
    }
  }
  return undefined;
}

function importedAs(entry: unknown, directive: string): string | undefined {
  if (entry === `@${directive}`) return directive;
  if (typeof entry !== 'object' || entry === null) return undefined;
  const { name, as } = entry as { name?: unknown; as?: unknown };
  return name === `@${directive}` ? (typeof as === 'string' ? as.replace('@', '') : directive) : undefined;
}

function argumentsOf(directive: ConstDirectiveNode): Record<string, unknown> {
  return Object.fromEntries((directive.arguments ?? []).map(({ name, value }) => [name.value, valueFromASTUntyped(value)]));
}
