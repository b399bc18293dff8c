/** What is @inaccessible is used between subgraphs and hidden from clients. */
import { expect, test } from '@jest/globals';
import { ask, federation, ruleGraph } from '../../kit/differential/rule-graph.js';

const told = ({ required }: { required: unknown }): string => JSON.stringify(required);
const item = { __typename: 'Item', secret: 's1', id: '1', cost: 4, name: 'n', price: told };
const graph = ruleGraph({
  items: `${federation('2.9', '@key', '@inaccessible')}
    type Query { item: Item  things: [Thing] }
    union Thing = Item | Hidden
    type Hidden @inaccessible { x: Int }
    type Item @key(fields: "secret") { secret: ID! @inaccessible  cost: Int @inaccessible  name: String  kind: Kind }
    enum Kind { SEEN UNSEEN @inaccessible }`,
  prices: `${federation('2.9', '@key', '@external', '@requires')}
    type Item @key(fields: "secret") { secret: ID!  cost: Int @external  price: String @requires(fields: "cost") }`,
}, { query: { item: { ...item, kind: 'SEEN' }, things: [item, null] } });

test('a hidden key and a hidden requirement work', async () => {
  const { data } = await ask(graph, '{ item { price kind } things { ... on Item { price name } } }');
  expect(data).toEqual({ item: { price: '{"cost":4}', kind: 'SEEN' }, things: [{ price: '{"cost":4}', name: 'n' }, null] });
});

test('clients cannot ask for them', async () => {
  await expect(ask(graph, '{ item { cost } }')).rejects.toThrow('Cannot query field "cost"');
  await expect(ask(graph, '{ things { ... on Hidden { x } } }')).rejects.toThrow('Unknown type "Hidden"');
});

test('introspection does not show them', async () => {
  const { data } = await ask(graph, '{ __type(name: "Item") { fields { name } } hidden: __type(name: "Hidden") { name } kinds: __type(name: "Kind") { enumValues { name } } }');
  expect(data).toEqual({ __type: { fields: ['name', 'kind', 'price'].map((name) => ({ name })) }, hidden: null, kinds: { enumValues: [{ name: 'SEEN' }] } });
});
