/** Subgraphs that know an entity by different keys are joined through one that knows both. */
import { expect, test } from '@jest/globals';
import { ask, federation, ruleGraph } from '../../kit/differential/rule-graph.js';

const table = { __typename: 'Product', id: 'p1', sku: 'TABLE', name: 'Table', stock: 3, rating: 4.5 };
const graph = ruleGraph({
  catalogue: `${federation('2.9', '@key')}
    type Product @key(fields: "id") @key(fields: "sku") { id: ID!  sku: String!  name: String }`,
  stock: `${federation('2.9', '@key')}
    type Query { stocked: [Product!]! }
    type Product @key(fields: "sku") { sku: String!  stock: Int }`,
  reviews: `${federation('2.9', '@key')}
    type Query { rated: [Product!]! }
    type Product @key(fields: "id") { id: ID!  rating: Float }`,
}, { query: { stocked: [table], rated: [table, table] } });

test('one key is exchanged for the other', async () => {
  const { data, calls } = await ask(graph, '{ stocked { rating name stock } }');
  expect(data).toEqual({ stocked: [{ rating: 4.5, name: 'Table', stock: 3 }] });
  expect(calls).toEqual(['stock', 'catalogue', 'reviews']);
});

test('the other way round', async () => {
  const { data } = await ask(graph, '{ rated { stock rating } }');
  expect(data).toEqual({ rated: [{ stock: 3, rating: 4.5 }, { stock: 3, rating: 4.5 }] });
});
