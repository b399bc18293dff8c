/** Subgraphs without @link are of Federation 1: extensions, @external keys, and value types shared without saying so. */
import { expect, test } from '@jest/globals';
import { ask, federation, ruleGraph } from '../../kit/differential/rule-graph.js';

const told = ({ required }: { required: unknown }): string => JSON.stringify(required);
const ada = { __typename: 'User', id: '1', name: 'Ada', country: { __typename: 'Country', code: 'GB' }, tax: told };
const review = { __typename: 'Review', id: 'r1', text: 'good', author: ada, score: 5 };
const user = { ...ada, reviews: [review, null] };
const graph = ruleGraph({
  users: 'type Query { user: User } type User @key(fields: "id") { id: ID!  name: String  country: Country } type Country { code: String }',
  reviews: `extend type Query { reviews: [Review!] }
    extend type User @key(fields: "id") { id: ID! @external  name: String @external  reviews: [Review] }
    type Review @key(fields: "id") { id: ID!  text: String  author: User @provides(fields: "name") }`,
  tax: `extend type User @key(fields: "id") { id: ID! @external  country: Country @external  tax: String @requires(fields: "country { code }") } type Country { code: String }`,
  scores: `${federation('2.9', '@key')} type Review @key(fields: "id") { id: ID!  score: Int }`,
}, { query: { user, reviews: [review] } });

test('extensions add fields to a type of another subgraph', async () => {
  const { data } = await ask(graph, '{ user { name tax reviews { text score } } }');
  expect(data).toEqual({ user: { name: 'Ada', tax: '{"country":{"code":"GB"}}', reviews: [{ text: 'good', score: 5 }, null] } });
});

test('@provides works as in Federation 2', async () => {
  const { calls } = await ask(graph, '{ reviews { author { name } } }');
  expect(calls).toEqual(['reviews']);
});

test('both versions live in one graph', async () => {
  await ask(graph, '{ reviews { score author { country { code } tax } } }');
});
