/** The answer of the benchmark without any gateway: graphql-js over the whole data set. */
import { buildSchema, graphqlSync, isObjectType, type GraphQLFieldResolver } from 'graphql';
import { MONOLITH } from './benchmark-graph.js';

/** @returns the GraphQL response. */
export function benchmarkTruth(operation: string): unknown {
  const schema = buildSchema(MONOLITH.sdl);
  for (const [typeName, fields] of Object.entries(MONOLITH.resolvers)) {
    const type = schema.getType(typeName);
    if (!isObjectType(type)) throw new Error(`The monolith has no type ${typeName}.`);
    for (const [name, resolve] of Object.entries(fields)) {
      const field = type.getFields()[name];
      if (field === undefined) throw new Error(`The monolith has no field ${typeName}.${name}.`);
      field.resolve = resolve as GraphQLFieldResolver<unknown, unknown>;
    }
  }
  return graphqlSync({ schema, source: operation });
}
