/** The shared custom scalars of schema/common.graphql. */
import { GraphQLError, GraphQLScalarType, Kind, valueFromASTUntyped } from 'graphql';

const DateTime = new GraphQLScalarType<string, string>({
  name: 'DateTime',
  serialize(value) {
    const date = value instanceof Date ? value : new Date(String(value));
    return date.toISOString();
  },
  parseValue: parseDateTime,
  parseLiteral: (node) => parseDateTime(node.kind === Kind.STRING ? node.value : undefined),
});

function parseDateTime(value: unknown): string {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(value) || Number.isNaN(Date.parse(value))) {
    throw new GraphQLError('A DateTime is ISO 8601 with a zone, for example 2025-07-01T09:00:00Z.', { extensions: { code: 'BAD_USER_INPUT' } });
  }
  return new Date(value).toISOString();
}

const ConstitutionalHash = new GraphQLScalarType<string, string>({
  name: 'ConstitutionalHash',
  serialize: String,
  parseValue: parseLabel,
  parseLiteral: (node) => parseLabel(node.kind === Kind.STRING ? node.value : undefined),
});

function parseLabel(value: unknown): string {
  if (typeof value !== 'string' || !/^[0-9a-f]{16}$/.test(value)) {
    throw new GraphQLError('A constitutional hash is 16 lower-case hexadecimal characters.', { extensions: { code: 'BAD_USER_INPUT' } });
  }
  return value;
}

function text(name: string): GraphQLScalarType<string, string> {
  const parse = (value: unknown): string => {
    if (typeof value !== 'string') throw new GraphQLError(`A ${name} is a string.`, { extensions: { code: 'BAD_USER_INPUT' } });
    return value;
  };
  return new GraphQLScalarType<string, string>({ name, serialize: String, parseValue: parse, parseLiteral: (node) => parse(node.kind === Kind.STRING ? node.value : undefined) });
}

const JSONScalar = new GraphQLScalarType<unknown, unknown>({
  name: 'JSON',
  serialize: (value) => value,
  parseValue: (value) => value,
  parseLiteral: (node, variables) => valueFromASTUntyped(node, variables),
});

/** Resolvers of the shared scalars, part of every subgraph. */
export const scalarResolvers = { DateTime, ConstitutionalHash, Cursor: text('Cursor'), JSON: JSONScalar };
