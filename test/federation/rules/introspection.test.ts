/** Introspection is answered from the client schema, beside data and without a call. */
import { expect, test } from '@jest/globals';
import { getIntrospectionQuery } from 'graphql';
import { ask, federation, ruleGraph } from '../../kit/differential/rule-graph.js';

const graph = ruleGraph({
  one: `${federation('2.9', '@key')} type Query { thing(kind: Kind = RED): Thing } type Thing @key(fields: "id") { id: ID! } enum Kind { RED BLUE } type Mutation { do: Int }`,
  two: `${federation('2.9', '@key', '@shareable')} "A thing." type Thing @key(fields: "id") { id: ID!  "Its name." name: String @deprecated(reason: "old") }`,
}, { query: { thing: { __typename: 'Thing', id: '1', name: 'n' } } });

test('the whole schema, as graphql-js gives it', async () => {
  const { calls } = await ask(graph, getIntrospectionQuery());
  expect(calls).toEqual([]);
});

test('beside data, in the client’s order, under aliases, with variables and fragments', async () => {
  const query = 'query Q($name: String!, $old: Boolean) { t: __typename thing { name __typename } s: __schema { ...S } __type(name: $name) { fields(includeDeprecated: $old) { name isDeprecated } } } fragment S on __Schema { queryType { name } }';
  const { data } = await ask(graph, query, { variables: { name: 'Thing', old: true } });
  expect(Object.keys(data as object)).toEqual(['t', 'thing', 's', '__type']);
});

test('types of the federation itself are not shown', async () => {
  const { data } = await ask(graph, '{ a: __type(name: "_Any") { name } b: __type(name: "_Entity") { name } c: __type(name: "join__Graph") { name } }');
  expect(data).toEqual({ a: null, b: null, c: null });
});

test('`__typename` alone, at the root of a query and of a mutation', async () => {
  expect((await ask(graph, '{ __typename }')).data).toEqual({ __typename: 'Query' });
  expect((await ask(graph, 'mutation { a: __typename }')).data).toEqual({ a: 'Mutation' });
});
