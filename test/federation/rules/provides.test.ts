/** A field that @provides part of an entity spares the call to the subgraph that owns it, on that path alone. */
import { expect, test } from '@jest/globals';
import { ask, federation, ruleGraph } from '../../kit/differential/rule-graph.js';

const ada = { __typename: 'User', id: '1', name: 'Ada', email: 'ada@example.org' };
const graph = ruleGraph({
  users: `${federation('2.9', '@key', '@shareable')} type Query { users: [User!]! } type User @key(fields: "id") { id: ID!  name: String @shareable  email: String }`,
  reviews: `${federation('2.9', '@key', '@external', '@provides')}
    type Query { reviews: [Review!]! }
    type Review { author: User @provides(fields: "name")  editor: User }
    type User @key(fields: "id") { id: ID!  name: String @external }`,
}, { query: { users: [ada], reviews: [{ __typename: 'Review', author: ada, editor: ada }] } });

test('what is provided comes from the subgraph at hand', async () => {
  const { data, calls } = await ask(graph, '{ reviews { author { name } } }');
  expect(data).toEqual({ reviews: [{ author: { name: 'Ada' } }] });
  expect(calls).toEqual(['reviews']);
});

test('on another path the owner is asked', async () => {
  const { calls } = await ask(graph, '{ reviews { editor { name } author { name email } } }');
  expect(calls).toContain('users');
});

test('an alias may have the name of the key', async () => {
  const { data } = await ask(graph, '{ reviews { author { id: name  name: email } } }');
  expect(data).toEqual({ reviews: [{ author: { id: 'Ada', name: 'ada@example.org' } }] });
});
