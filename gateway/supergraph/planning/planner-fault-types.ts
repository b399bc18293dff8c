/**
 * Spells out abstract types where the planner loses its way through them.
 *
 * It does not find the context that an implementation sets when the client asks through the interface, and it fails on
 * a condition on another abstract type below an interface that some subgraph has as an @interfaceObject.
 */
import type { Supergraph } from '@apollo/federation-internals';
import {
  getNamedType, isAbstractType, isCompositeType, isInterfaceType, isObjectType, Kind,
  type DirectiveNode, type DocumentNode, type FieldNode, type FragmentDefinitionNode, type GraphQLSchema, type InlineFragmentNode, type SelectionNode, type SelectionSetNode,
} from 'graphql';
import { TYPENAME } from './planner-fault-conditions.js';

/** The interfaces of a supergraph below which conditions and fields must name object types. */
export interface TroubledTypes {
  /** Interfaces that are an interface object somewhere. */
  readonly interfaceObjects: ReadonlySet<string>;
  /** Interfaces some of whose implementations set a context. */
  readonly contexts: ReadonlySet<string>;
}

/** Finds the interfaces; undefined when there are none. */
export function troubledTypes({ schema }: Supergraph): TroubledTypes | undefined {
  const setting = new Set([...(schema.directive('context')?.applications() ?? [])].flatMap(({ parent }) => ('name' in parent && typeof parent.name === 'string' ? [parent.name] : [])));
  const interfaceObjects = new Set(schema.interfaceTypes().filter((type) => type.appliedDirectives.some((directive) => directive.name === 'join__type' && directive.arguments()['isInterfaceObject'] === true)).map(({ name }) => name));
  const contexts = new Set(schema.interfaceTypes().filter((type) => type.allImplementations().some(({ name }) => setting.has(name))).map(({ name }) => name));
  return interfaceObjects.size === 0 && contexts.size === 0 ? undefined : { interfaceObjects, contexts };
}

/**
 * Writes object types where the planner needs them. What the operation means stays the same.
 * @param schema what clients see.
 */
export function spellOutTypes(document: DocumentNode, schema: GraphQLSchema, types: TroubledTypes): DocumentNode {
  const fragments = new Map(document.definitions.flatMap((node): [string, FragmentDefinitionNode][] => (node.kind === Kind.FRAGMENT_DEFINITION ? [[node.name.value, node]] : [])));
  const speller = new TypeSpeller(schema, types, fragments);
  return {
    ...document,
    definitions: document.definitions.map((node) => {
      if (node.kind === Kind.FRAGMENT_DEFINITION) return { ...node, selectionSet: speller.set(node.selectionSet, schema.getType(node.typeCondition.name.value), false) };
      return node.kind === Kind.OPERATION_DEFINITION ? { ...node, selectionSet: speller.set(node.selectionSet, schema.getRootType(node.operation) ?? undefined, false) } : node;
    }),
  };
}

class TypeSpeller {
  constructor(private readonly schema: GraphQLSchema, private readonly types: TroubledTypes, private readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>) {}

  /** @param narrowed true below an object type written here: conditions that the client wrote on other types are decided then. */
  set(set: SelectionSetNode, parent: unknown, narrowed: boolean): SelectionSetNode {
    const selections = set.selections.flatMap((selection) => this.selection(selection, parent, narrowed));
    return { ...set, selections: selections.length === 0 ? [TYPENAME] : selections };
  }

  private selection(selection: SelectionNode, parent: unknown, narrowed: boolean): SelectionNode[] {
    if (selection.kind === Kind.FIELD) return this.field(selection, parent);
    const name = selection.kind === Kind.INLINE_FRAGMENT ? selection.typeCondition?.name.value : this.fragments.get(selection.name.value)?.typeCondition.name.value;
    const condition = name === undefined ? parent : this.schema.getType(name);
    const inner = selection.kind === Kind.INLINE_FRAGMENT ? selection.selectionSet : this.fragments.get(selection.name.value)?.selectionSet;
    if (inner === undefined) return [selection];
    if (isInterfaceType(parent) && this.types.interfaceObjects.has(parent.name) && condition !== parent) {
      return this.schema.getPossibleTypes(parent).filter((type) => type === condition || (isAbstractType(condition) && this.schema.isSubType(condition, type))).map((type) => onType(type.name, this.set(inner, type, true), selection.directives));
    }
    if (narrowed) {
      const applies = condition === parent || (isAbstractType(condition) && isObjectType(parent) && this.schema.isSubType(condition, parent));
      return applies ? [onType(undefined, this.set(inner, parent, true), selection.directives)] : [];
    }
    return [selection.kind === Kind.INLINE_FRAGMENT ? { ...selection, selectionSet: this.set(inner, condition, false) } : selection];
  }

  private field(field: FieldNode, parent: unknown): SelectionNode[] {
    const type = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[field.name.value]?.type : undefined;
    const named = type === undefined ? undefined : getNamedType(type);
    if (field.selectionSet === undefined || !isCompositeType(named)) return [field];
    const spelled = { ...field, selectionSet: this.set(field.selectionSet, named, false) };
    if (!isInterfaceType(parent) || !this.types.contexts.has(parent.name)) return [spelled];
    return this.schema.getPossibleTypes(parent).map((object) => onType(object.name, { kind: Kind.SELECTION_SET, selections: [spelled] }));
  }
}

function onType(name: string | undefined, selectionSet: SelectionSetNode, directives?: readonly DirectiveNode[]): InlineFragmentNode {
  return {
    kind: Kind.INLINE_FRAGMENT, selectionSet,
    ...(name === undefined ? {} : { typeCondition: { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: name } } }),
    ...(directives === undefined ? {} : { directives }),
  };
}
