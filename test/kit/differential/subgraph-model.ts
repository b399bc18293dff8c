/** What federation's directives say in the SDL of a subgraph, read from its syntax alone. */
import { Kind, parse, type ConstDirectiveNode, type DefinitionNode, type DocumentNode, type FieldDefinitionNode, type SelectionSetNode } from 'graphql';

export interface KeyModel {
  readonly selection: SelectionSetNode;
  readonly resolvable: boolean;
}

/** An argument that @fromContext fills. */
export interface ContextArgument {
  readonly argument: string;
  readonly context: string;
  readonly selection: SelectionSetNode;
}

export interface FieldModel {
  readonly external: boolean;
  readonly requires: SelectionSetNode | undefined;
  readonly provides: SelectionSetNode | undefined;
  readonly override: { readonly from: string; readonly label: string | undefined } | undefined;
  readonly contextArguments: readonly ContextArgument[];
}

export interface TypeModel {
  readonly keys: readonly KeyModel[];
  readonly contexts: readonly string[];
  readonly interfaceObject: boolean;
  readonly fields: ReadonlyMap<string, FieldModel>;
}

export type SubgraphModel = ReadonlyMap<string, TypeModel>;

interface MutableType {
  keys: KeyModel[];
  contexts: string[];
  interfaceObject: boolean;
  fields: Map<string, FieldModel>;
}

/** Reads the SDL of one subgraph; directives may carry the prefix `federation__`. @throws GraphQLError on broken syntax. */
export function readSubgraph(sdl: string): SubgraphModel {
  const types = new Map<string, MutableType>();
  const document: DocumentNode = parse(sdl);
  for (const definition of document.definitions) readDefinition(types, definition);
  return types;
}

function readDefinition(types: Map<string, MutableType>, definition: DefinitionNode): void {
  switch (definition.kind) {
    case Kind.OBJECT_TYPE_DEFINITION:
    case Kind.OBJECT_TYPE_EXTENSION:
    case Kind.INTERFACE_TYPE_DEFINITION:
    case Kind.INTERFACE_TYPE_EXTENSION:
    case Kind.UNION_TYPE_DEFINITION: break;
    default: return;
  }
  const name = definition.name.value;
  let type = types.get(name);
  if (type === undefined) types.set(name, type = { keys: [], contexts: [], interfaceObject: false, fields: new Map() });
  const directives = definition.directives ?? [];
  for (const key of named(directives, 'key')) type.keys.push({ selection: fieldSet(text(key, 'fields') ?? ''), resolvable: flag(key, 'resolvable') ?? true });
  for (const context of named(directives, 'context')) type.contexts.push(text(context, 'name') ?? '');
  if (named(directives, 'interfaceObject').length > 0) type.interfaceObject = true;
  if (definition.kind === Kind.UNION_TYPE_DEFINITION) return;
  const external = named(directives, 'external').length > 0;
  for (const field of definition.fields ?? []) type.fields.set(field.name.value, readField(field, external));
}

function readField(field: FieldDefinitionNode, external: boolean): FieldModel {
  const directives = field.directives ?? [];
  const fieldSetOf = (directive: string): SelectionSetNode | undefined => {
    const [first] = named(directives, directive);
    return first === undefined ? undefined : fieldSet(text(first, 'fields') ?? '');
  };
  const [override] = named(directives, 'override');
  return {
    external: external || named(directives, 'external').length > 0,
    requires: fieldSetOf('requires'),
    provides: fieldSetOf('provides'),
    override: override === undefined ? undefined : { from: text(override, 'from') ?? '', label: text(override, 'label') },
    contextArguments: (field.arguments ?? []).flatMap((argument) => named(argument.directives ?? [], 'fromContext').map((directive): ContextArgument => {
      const [, context, selection] = /^\s*\$(\w+)\s*(.*)$/s.exec(text(directive, 'field') ?? '') ?? [];
      if (context === undefined || selection === undefined) throw new Error(`@fromContext on "${argument.name.value}" has no context.`);
      return { argument: argument.name.value, context, selection: fieldSet(selection.startsWith('{') ? selection.slice(1, selection.lastIndexOf('}')) : selection) };
    })),
  };
}

function named(directives: readonly ConstDirectiveNode[], name: string): ConstDirectiveNode[] {
  return directives.filter((directive) => directive.name.value.replace(/^federation__/, '') === name);
}

function text(directive: ConstDirectiveNode, argument: string): string | undefined {
  const value = directive.arguments?.find(({ name }) => name.value === argument)?.value;
  return value?.kind === Kind.STRING ? value.value : undefined;
}

function flag(directive: ConstDirectiveNode, argument: string): boolean | undefined {
  const value = directive.arguments?.find(({ name }) => name.value === argument)?.value;
  return value?.kind === Kind.BOOLEAN ? value.value : undefined;
}

/** Parses a field set such as `id org { id }`. */
export function fieldSet(fields: string): SelectionSetNode {
  const [definition] = parse(`{ ${fields} }`, { noLocation: true }).definitions;
  if (definition?.kind !== Kind.OPERATION_DEFINITION) throw new Error(`"${fields}" is not a field set.`);
  return definition.selectionSet;
}
