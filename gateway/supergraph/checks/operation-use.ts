/** What an operation uses of a client schema, as keys that findings are looked up by. */
import { getNamedType, isEnumType, isInputObjectType, parse, TypeInfo, typeFromAST, visit, visitWithTypeInfo, type DocumentNode, type GraphQLNamedType, type GraphQLSchema } from 'graphql';

/** An operation that stands for clients. */
export interface ClientOperation {
  readonly name: string | null;
  /** SHA-256 of the text, lower-case hexadecimal. */
  readonly hash: string;
  readonly text: string;
  readonly origin: 'shipped' | 'recorded';
  /** Who sends it, and how often; null where that is not counted. */
  readonly clients: readonly { readonly client: string; readonly count: number | null }[];
  /** Coordinates recorded with it; none for shipped ones. */
  readonly recorded: readonly string[];
}

export interface OperationUse {
  /** Null when the text cannot be read. */
  readonly document: DocumentNode | null;
  /** Coordinates, types by name, `in:Input`, `out:Type` and `@directive`. */
  readonly keys: ReadonlySet<string>;
}

/**
 * Reads what an operation uses: what its text selects, gives and narrows to, with what was recorded of it. Values in
 * variables are not in the text: unless something of the variable's type was recorded, all of the type counts as used.
 */
export function operationUse(schema: GraphQLSchema, operation: ClientOperation): OperationUse {
  const keys = new Set<string>();
  for (const coordinate of operation.recorded) addRecorded(schema, keys, coordinate);
  let document: DocumentNode;
  try {
    document = parse(operation.text, { noLocation: true });
  } catch {
    // Shipped documents are validated before a check; of a recorded one its coordinates remain.
    return { document: null, keys };
  }
  const types = new TypeInfo(schema);
  visit(document, visitWithTypeInfo(types, {
    Field: () => {
      const [parent, field] = [types.getParentType(), types.getFieldDef()];
      if (parent == null || field == null) return;
      keys.add(parent.name).add(`${parent.name}.${field.name}`);
      const result = getNamedType(field.type);
      keys.add(result.name).add(`out:${result.name}`);
    },
    Argument: () => {
      const [argument, parent, field, directive] = [types.getArgument(), types.getParentType(), types.getFieldDef(), types.getDirective()];
      if (argument == null) return;
      if (directive != null) keys.add(`@${directive.name}(${argument.name}:)`);
      else if (parent != null && field != null) keys.add(`${parent.name}.${field.name}(${argument.name}:)`);
      addGiven(keys, getNamedType(argument.type));
    },
    ObjectField: (node) => {
      const parent = getNamedType(types.getParentInputType());
      const type = getNamedType(types.getInputType());
      if (parent != null) keys.add(`${parent.name}.${node.name.value}`);
      if (type != null) addGiven(keys, type);
    },
    EnumValue: (node) => {
      const type = getNamedType(types.getInputType());
      if (type != null) keys.add(`${type.name}.${node.value}`);
    },
    Directive: (node) => { keys.add(`@${node.name.value}`); },
    InlineFragment: (node) => { if (node.typeCondition !== undefined) keys.add(node.typeCondition.name.value); },
    FragmentDefinition: (node) => { keys.add(node.typeCondition.name.value); },
    VariableDefinition: (node) => {
      const type = getNamedType(typeFromAST(schema, node.type));
      if (type != null) addVariable(keys, type, operation.recorded, new Set());
    },
  }));
  return { document, keys };
}

function addGiven(keys: Set<string>, type: GraphQLNamedType): void {
  keys.add(type.name);
  if (isInputObjectType(type)) keys.add(`in:${type.name}`);
}

/** Everything that may be in a variable of the type. */
function addVariable(keys: Set<string>, type: GraphQLNamedType, recorded: readonly string[], seen: Set<string>): void {
  if (seen.has(type.name)) return;
  seen.add(type.name);
  addGiven(keys, type);
  const isRecorded = recorded.some((coordinate) => coordinate.startsWith(`${type.name}.`));
  if (isEnumType(type) && !isRecorded) for (const { name } of type.getValues()) keys.add(`${type.name}.${name}`);
  if (!isInputObjectType(type)) return;
  for (const field of Object.values(type.getFields())) {
    const coordinate = `${type.name}.${field.name}`;
    if (isRecorded && !recorded.includes(coordinate)) continue;
    keys.add(coordinate);
    addVariable(keys, getNamedType(field.type), recorded, seen);
  }
}

function addRecorded(schema: GraphQLSchema, keys: Set<string>, coordinate: string): void {
  keys.add(coordinate);
  const [, typeName = '', fieldName = ''] = /^(\w+)(?:\.(\w+))?/.exec(coordinate) ?? [];
  const type = schema.getType(typeName);
  keys.add(typeName);
  if (type === undefined) return;
  if (isInputObjectType(type)) {
    keys.add(`in:${typeName}`);
    const field = type.getFields()[fieldName];
    if (field !== undefined) addGiven(keys, getNamedType(field.type));
  } else if ('getFields' in type) {
    const field = type.getFields()[fieldName];
    if (field === undefined) return;
    const result = getNamedType(field.type);
    keys.add(result.name).add(`out:${result.name}`);
  }
}
