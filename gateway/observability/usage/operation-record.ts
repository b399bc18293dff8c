/** What is kept of an operation for schema checks: its text without values, and the schema coordinates it uses. */
import {
  getNamedType, isEnumType, isInputObjectType, Kind, print, TypeInfo, typeFromAST, visit, visitWithTypeInfo,
  type ArgumentNode, type ASTNode, type DocumentNode, type FieldNode, type GraphQLInputType, type GraphQLSchema, type ObjectFieldNode, type SelectionNode, type ValueNode,
} from 'graphql';
import { sha256Hex } from '../../../ops/runtime/canonical-json.js';

/** Longest name that is kept. */
const MAX_NAME = 200;

export interface OperationRecord {
  /** SHA-256 of the text. */
  readonly hash: string;
  readonly name: string | null;
  readonly text: string;
  /** In order. */
  readonly coordinates: readonly string[];
}

/**
 * Makes the record of a document with one operation.
 * Values are replaced by ones that say nothing (0, "", false), whatever a custom scalar holds by "", aliases by numbers;
 * enum values and the names of input fields stay, since they belong to the schema. Selections and arguments are sorted, so
 * that documents which differ in such things only have one record.
 * @param schema the schema that clients see; the document is valid for it.
 */
export function recordOf(schema: GraphQLSchema, document: DocumentNode): OperationRecord {
  const coordinates = coordinatesOf(schema, document);
  const text = normalised(schema, document);
  const operation = document.definitions.find((node) => node.kind === Kind.OPERATION_DEFINITION);
  return { hash: sha256Hex(text), name: operation?.name?.value.slice(0, MAX_NAME) ?? null, text, coordinates };
}

/**
 * Coordinates (GraphQL specification, section 3.13) of a document: fields, arguments, input fields and enum values it writes,
 * and every type it names or passes through. A variable may carry anything its type has, so all of that counts as used.
 */
function coordinatesOf(schema: GraphQLSchema, document: DocumentNode): string[] {
  const found = new Set<string>();
  const info = new TypeInfo(schema);
  const inputs = new Set<string>();
  const wholeInput = (type: GraphQLInputType): void => {
    const named = getNamedType(type);
    if (inputs.has(named.name)) return;
    inputs.add(named.name);
    found.add(named.name);
    if (isEnumType(named)) for (const { name } of named.getValues()) found.add(`${named.name}.${name}`);
    if (!isInputObjectType(named)) return;
    for (const field of Object.values(named.getFields())) {
      found.add(`${named.name}.${field.name}`);
      wholeInput(field.type);
    }
  };
  visit(document, visitWithTypeInfo(info, {
    Field(node) {
      const parent = info.getParentType();
      const field = info.getFieldDef();
      if (parent === null || parent === undefined || field === null || field === undefined || node.name.value.startsWith('__')) return;
      found.add(parent.name).add(`${parent.name}.${field.name}`).add(getNamedType(field.type).name);
      for (const argument of node.arguments ?? []) found.add(`${parent.name}.${field.name}(${argument.name.value}:)`);
    },
    ObjectField(node) {
      const parent = info.getParentInputType();
      const named = parent === null || parent === undefined ? undefined : getNamedType(parent);
      if (isInputObjectType(named)) found.add(named.name).add(`${named.name}.${node.name.value}`);
    },
    EnumValue(node) {
      const named = getNamedType(info.getInputType() ?? undefined);
      if (isEnumType(named)) found.add(named.name).add(`${named.name}.${node.value}`);
    },
    NamedType(node) { found.add(node.name.value); },
    VariableDefinition(node) {
      const type = typeFromAST(schema, node.type) as GraphQLInputType | undefined;
      if (type !== undefined) wholeInput(type);
    },
  }));
  return [...found].sort();
}

function normalised(schema: GraphQLSchema, document: DocumentNode): string {
  const bare = sorted(withoutValues(schema, document));
  let aliases = 0;
  const numbered = visit(bare, {
    Field(node) {
      if (node.alias === undefined) return undefined;
      aliases += 1;
      return { ...node, alias: { kind: Kind.NAME as const, value: `a${aliases}` } };
    },
  });
  return print(numbered);
}

function withoutValues(schema: GraphQLSchema, document: DocumentNode): DocumentNode {
  const info = new TypeInfo(schema);
  const plain = (node: ValueNode): ValueNode | undefined => {
    const named = getNamedType(info.getInputType() ?? undefined);
    if (node.kind === Kind.VARIABLE || node.kind === Kind.NULL) return undefined;
    if (node.kind === Kind.LIST) return undefined;
    if (node.kind === Kind.OBJECT) return named !== undefined && isInputObjectType(named) ? undefined : { kind: Kind.STRING, value: '' };
    if (node.kind === Kind.ENUM) return named !== undefined && isEnumType(named) ? undefined : { kind: Kind.STRING, value: '' };
    // By the type and not by how it is written: `1` and `"1"` are one ID.
    if (named?.name === 'Int' || named?.name === 'Float') return { kind: Kind.INT, value: '0' };
    if (named?.name === 'Boolean') return { kind: Kind.BOOLEAN, value: false };
    return { kind: Kind.STRING, value: '' };
  };
  const values = { IntValue: plain, FloatValue: plain, StringValue: plain, BooleanValue: plain, EnumValue: plain, ObjectValue: plain };
  return visit(document, visitWithTypeInfo(info, values));
}

/** Sorts what has no order in what it means; fields of an answer come in another order, which breaks nobody. */
function sorted(document: DocumentNode): DocumentNode {
  const byText = <T extends ASTNode>(nodes: readonly T[] | undefined, keyOf: (node: T) => string): readonly T[] => {
    const seen = new Map((nodes ?? []).map((node) => [node, keyOf(node)]));
    return [...seen.keys()].sort((left, right) => compare(seen.get(left) ?? '', seen.get(right) ?? ''));
  };
  const nameOf = (node: ArgumentNode | ObjectFieldNode): string => node.name.value;
  return visit(document, {
    Document: { leave: (node) => ({ ...node, definitions: byText(node.definitions, print) }) },
    SelectionSet: { leave: (node) => ({ ...node, selections: distinct(byText(node.selections, selectionKey)) }) },
    Field: { leave: (node) => ({ ...node, arguments: byText(node.arguments, nameOf) }) },
    Directive: { leave: (node) => ({ ...node, arguments: byText(node.arguments, nameOf) }) },
    ObjectValue: { leave: (node) => ({ ...node, fields: byText(node.fields, nameOf) }) },
    ListValue: { leave: (node) => ({ ...node, values: [...new Map(node.values.map((value) => [print(value), value])).values()] }) },
  });
}

/** Aliases are numbered afterwards, so they say nothing about the order. */
function selectionKey(node: SelectionNode): string {
  return node.kind === Kind.FIELD ? print(withoutAlias(node)) : print(node);
}

function withoutAlias({ alias: _alias, ...node }: FieldNode): FieldNode {
  return node;
}

/** Selections without an alias that are written twice are one. */
function distinct(nodes: readonly SelectionNode[]): SelectionNode[] {
  return [...new Map(nodes.map((node, index) => [node.kind === Kind.FIELD && node.alias !== undefined ? String(index) : print(node), node])).values()];
}

function compare(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
