/** Finds the types that selections are made on. */
import { getNamedType, isCompositeType, isInterfaceType, isObjectType, type GraphQLCompositeType, type GraphQLField, type GraphQLSchema } from 'graphql';

/** The composite type of that name, if the schema has one. */
export function compositeType(schema: GraphQLSchema, name: string): GraphQLCompositeType | undefined {
  const type = schema.getType(name);
  return isCompositeType(type) ? type : undefined;
}

/** Definition of a field on a type; undefined for `__typename` and for what the schema does not have. */
export function fieldOf(parent: GraphQLCompositeType | undefined, name: string): GraphQLField<unknown, unknown> | undefined {
  if (!isObjectType(parent) && !isInterfaceType(parent)) return undefined;
  const fields = parent.getFields();
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

/** Composite type a field leads to; introspection types included. */
export function resultType(schema: GraphQLSchema, parent: GraphQLCompositeType | undefined, name: string): GraphQLCompositeType | undefined {
  if (name === '__schema') return compositeType(schema, '__Schema');
  if (name === '__type') return compositeType(schema, '__Type');
  const field = fieldOf(parent, name);
  const type = field === undefined ? undefined : getNamedType(field.type);
  return isCompositeType(type) ? type : undefined;
}
