/** The shape of a response: which fields an object of each type has, in order, for one set of condition values. */
import {
  getNamedType, GraphQLID, GraphQLInt, GraphQLFloat, GraphQLString, GraphQLBoolean, isAbstractType, isCompositeType, isEnumType, isInterfaceType, isListType, isNonNullType, isObjectType, Kind,
  type DirectiveNode, type FieldNode, type FragmentDefinitionNode, type GraphQLCompositeType, type GraphQLNamedType, type GraphQLOutputType, type GraphQLSchema, type OperationDefinitionNode, type SelectionSetNode,
} from 'graphql';
import type { Permissions } from '../contracts.js';
import { deferOf, labelOf } from '../deferral/defer-directive.js';

export type LeafKind = 'String' | 'ID' | 'Int' | 'Float' | 'Boolean' | 'enum' | 'custom';

/** A type as the response is checked against it. */
export type TypeShape =
  | { readonly kind: 'leaf'; readonly nonNull: boolean; readonly leaf: LeafKind; readonly typeName: string; readonly values: ReadonlySet<string> | undefined }
  | { readonly kind: 'list'; readonly nonNull: boolean; readonly of: TypeShape }
  | { readonly kind: 'object'; readonly nonNull: boolean; readonly site: SelectionSite };

/** One field of an object. */
export interface FieldShape {
  readonly responseName: string;
  readonly parentType: string;
  readonly fieldName: string;
  /** `typename`: the object's own type name; `introspection`: `__schema` or `__type`; `refused`: null whatever was fetched. */
  readonly source: 'data' | 'typename' | 'introspection' | 'refused';
  readonly type: TypeShape;
  /** Every selection of the client's document that the field stands for. */
  readonly nodes: readonly FieldNode[];
}

/** Fields of objects of one type at one site. */
export interface ObjectShape {
  readonly typeName: string;
  /** False for an interface's name, which an interface object of a subgraph may carry until its real type is known. */
  readonly isObject: boolean;
  readonly fields: readonly FieldShape[];
  /** Fragments that come later; undefined for none. Their fields are in no other list of this shape for their sake. */
  readonly deferred?: readonly DeferredSelection[];
}

/** A fragment of an object that is answered after the object. */
export interface DeferredSelection {
  readonly label: string;
  /** Its fields, for an object of a type; undefined when the fragment does not apply to that type. */
  readonly siteFor: (typeName: string) => SelectionSite | undefined;
}

/** What the whole shape is built from. */
export interface ShapeSource {
  /** The schema clients see. */
  readonly schema: GraphQLSchema;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly permissions: Permissions | undefined;
  /** Value of a Boolean variable that a condition names. */
  readonly conditionHolds: (variable: string) => boolean;
  /** True when fragments with a labelled `@defer` come later; default false, which answers them with everything else. */
  readonly defers?: boolean;
}

/** A selection set with what is already known about it. */
interface Selected {
  readonly set: SelectionSetNode;
  /** True inside a fragment on a type that is refused. */
  readonly hidden: boolean;
}

/** A field of the response that has fields of its own. Shapes are made when an object of a type first appears. */
export class SelectionSite {
  private readonly shapes = new Map<string, ObjectShape | undefined>();

  constructor(readonly type: GraphQLCompositeType, private readonly source: ShapeSource, private readonly selected: readonly Selected[]) {}

  /**
   * Shape of an object.
   * @param typeName from the data; undefined when the data has none: the site's own type then.
   * @returns undefined when the site can have no object of that type, or when an interface's name leaves open which fragments apply.
   */
  shapeFor(typeName: string | undefined): ObjectShape | undefined {
    const name = typeName ?? this.type.name;
    if (this.shapes.has(name)) return this.shapes.get(name);
    const type = this.source.schema.getType(name);
    const shape = isCompositeType(type) && this.mayHave(type) ? shapeOf(this.source, type, this.selected) : undefined;
    // Names come from subgraphs: only those of the schema are remembered.
    if (type !== undefined) this.shapes.set(name, shape);
    return shape;
  }

  private mayHave(type: GraphQLNamedType): boolean {
    if (type === this.type) return true;
    return isAbstractType(this.type) && (isObjectType(type) || isInterfaceType(type)) && this.source.schema.isSubType(this.type, type);
  }
}

/** The site of an operation's root. */
export function rootSite(source: ShapeSource, operation: OperationDefinitionNode): SelectionSite {
  const type = source.schema.getRootType(operation.operation);
  if (type === null || type === undefined) throw new Error(`The schema has no type for a ${operation.operation}.`);
  return new SelectionSite(type, source, [{ set: operation.selectionSet, hidden: source.permissions?.mayEnter(type.name) === false }]);
}

/** Names of the Boolean variables that decide which selections of an operation are there. */
export function conditionVariables(operation: OperationDefinitionNode, fragments: ReadonlyMap<string, FragmentDefinitionNode>): string[] {
  const names = new Set<string>();
  const read = (set: SelectionSetNode): void => {
    for (const selection of set.selections) {
      for (const directive of selection.directives ?? []) {
        const value = directive.name.value === 'skip' || directive.name.value === 'include' ? conditionOf(directive) : undefined;
        if (typeof value === 'string') names.add(value);
      }
      if (selection.kind !== Kind.FRAGMENT_SPREAD && selection.selectionSet !== undefined) read(selection.selectionSet);
    }
  };
  read(operation.selectionSet);
  for (const fragment of fragments.values()) read(fragment.selectionSet);
  return [...names].sort();
}

interface Collected {
  readonly nodes: FieldNode[];
  refused: boolean;
  readonly below: Selected[];
}

/**
 * GraphQL specification, CollectFields (section 6.3.2), for a known type and known condition values.
 * @returns undefined when the type is an interface and a fragment applies to some of its objects only.
 */
function shapeOf(source: ShapeSource, type: GraphQLCompositeType, selected: readonly Selected[]): ObjectShape | undefined {
  const found = new Map<string, Collected>();
  // A fragment is read once visible and once hidden, so that cycles and repetitions end.
  const read = new Set<string>();
  const deferred: DeferredSelection[] = [];
  let open = false;
  const collect = ({ set, hidden }: Selected): void => {
    for (const selection of set.selections) {
      if (!isIncluded(source, selection.directives)) continue;
      if (selection.kind === Kind.FIELD) {
        collectField(source, type, selection, hidden, found);
        continue;
      }
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        const key = `${hidden ? '-' : '+'}${selection.name.value}`;
        if (read.has(key)) continue;
        read.add(key);
      }
      const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : source.fragments.get(selection.name.value);
      if (fragment === undefined) continue;
      const condition = fragment.typeCondition?.name.value;
      const defer = source.defers === true ? deferOf(selection.directives) : undefined;
      if (defer !== undefined) {
        if (condition === undefined || applies(source.schema, condition, type) || appliesToSome(source.schema, condition, type)) deferred.push(deferredSelection(source, defer, condition, { set: fragment.selectionSet, hidden }));
        continue;
      }
      if (condition !== undefined && !applies(source.schema, condition, type)) {
        open ||= appliesToSome(source.schema, condition, type) && selectsAnything(source, fragment.selectionSet);
        continue;
      }
      collect({ set: fragment.selectionSet, hidden: hidden || (condition !== undefined && source.permissions?.mayEnter(condition) === false) });
    }
  };
  for (const one of selected) collect(one);
  if (open) return undefined;
  const fields = [...found].map(([responseName, field]) => fieldShape(source, type, responseName, field));
  return { typeName: type.name, isObject: isObjectType(type), fields, ...(deferred.length === 0 ? {} : { deferred }) };
}

function deferredSelection(source: ShapeSource, defer: DirectiveNode, condition: string | undefined, { set, hidden }: Selected): DeferredSelection {
  const selected = [{ set, hidden: hidden || (condition !== undefined && source.permissions?.mayEnter(condition) === false) }];
  const sites = new Map<string, SelectionSite | undefined>();
  return {
    label: labelOf(defer) ?? '',
    siteFor(typeName) {
      if (sites.has(typeName)) return sites.get(typeName);
      const type = source.schema.getType(typeName);
      if (!isCompositeType(type)) return undefined;
      const site = condition === undefined || applies(source.schema, condition, type) ? new SelectionSite(type, source, selected) : undefined;
      sites.set(typeName, site);
      return site;
    },
  };
}

function collectField(source: ShapeSource, type: GraphQLCompositeType, node: FieldNode, hidden: boolean, found: Map<string, Collected>): void {
  const name = node.name.value;
  const refused = !name.startsWith('__') && (hidden || source.permissions?.maySelect(type.name, name) === false);
  const responseName = node.alias?.value ?? name;
  let field = found.get(responseName);
  if (field === undefined) found.set(responseName, field = { nodes: [], refused, below: [] });
  field.nodes.push(node);
  // Seen through one permitted selection, a field is not refused.
  field.refused &&= refused;
  if (node.selectionSet !== undefined && !refused) field.below.push({ set: node.selectionSet, hidden: false });
}

function fieldShape(source: ShapeSource, type: GraphQLCompositeType, responseName: string, { nodes, refused, below }: Collected): FieldShape {
  const fieldName = nodes[0]?.name.value ?? responseName;
  const common = { responseName, parentType: type.name, fieldName, nodes };
  if (fieldName === '__typename') return { ...common, source: 'typename', type: { kind: 'leaf', nonNull: true, leaf: 'String', typeName: 'String', values: undefined } };
  if (fieldName === '__schema' || fieldName === '__type') return { ...common, source: 'introspection', type: { kind: 'leaf', nonNull: fieldName === '__schema', leaf: 'custom', typeName: fieldName, values: undefined } };
  const definition = isObjectType(type) || isInterfaceType(type) ? type.getFields()[fieldName] : undefined;
  if (definition === undefined) throw new Error(`The schema has no field ${type.name}.${fieldName}; the operation was not validated.`);
  return { ...common, source: refused ? 'refused' : 'data', type: typeShape(source, definition.type, below) };
}

function typeShape(source: ShapeSource, type: GraphQLOutputType, below: readonly Selected[]): TypeShape {
  const nonNull = isNonNullType(type);
  const nullable = isNonNullType(type) ? type.ofType : type;
  if (isListType(nullable)) return { kind: 'list', nonNull, of: typeShape(source, nullable.ofType, below) };
  const named = getNamedType(nullable);
  if (isCompositeType(named)) return { kind: 'object', nonNull, site: new SelectionSite(named, source, below) };
  return { kind: 'leaf', nonNull, leaf: leafKind(named), typeName: named.name, values: isEnumType(named) ? new Set(named.getValues().map(({ name }) => name)) : undefined };
}

function leafKind(type: GraphQLNamedType): LeafKind {
  if (isEnumType(type)) return 'enum';
  for (const standard of [GraphQLString, GraphQLID, GraphQLInt, GraphQLFloat, GraphQLBoolean]) if (standard.name === type.name) return type.name as LeafKind;
  return 'custom';
}

function applies(schema: GraphQLSchema, condition: string, type: GraphQLCompositeType): boolean {
  if (condition === type.name) return true;
  const wanted = schema.getType(condition);
  return isAbstractType(wanted) && (isObjectType(type) || isInterfaceType(type)) && schema.isSubType(wanted, type);
}

function appliesToSome(schema: GraphQLSchema, condition: string, type: GraphQLCompositeType): boolean {
  return isAbstractType(type) && schema.getPossibleTypes(type).some(({ name }) => applies(schema, condition, schema.getType(name) as GraphQLCompositeType));
}

/** True when a field is left after conditions; fragments inside are read whatever their type. */
function selectsAnything(source: ShapeSource, set: SelectionSetNode): boolean {
  return set.selections.some((selection) => {
    if (!isIncluded(source, selection.directives)) return false;
    if (selection.kind === Kind.FIELD) return true;
    const inside = selection.kind === Kind.INLINE_FRAGMENT ? selection.selectionSet : source.fragments.get(selection.name.value)?.selectionSet;
    return inside !== undefined && selectsAnything(source, inside);
  });
}

function isIncluded(source: ShapeSource, directives: readonly DirectiveNode[] | undefined): boolean {
  if (directives === undefined || directives.length === 0) return true;
  return directives.every((directive) => {
    const name = directive.name.value;
    if (name !== 'skip' && name !== 'include') return true;
    const value = conditionOf(directive);
    const holds = typeof value === 'string' ? source.conditionHolds(value) : value;
    return holds === (name === 'include');
  });
}

/** The condition of `@skip` or `@include`: a constant, or the name of a variable. */
function conditionOf(directive: DirectiveNode): boolean | string {
  const value = directive.arguments?.find((argument) => argument.name.value === 'if')?.value;
  if (value?.kind === Kind.VARIABLE) return value.name.value;
  return value?.kind === Kind.BOOLEAN ? value.value : false;
}
