/** A subgraph is never asked for an entity by a key it cannot resolve. */
import { describe, expect, test } from '@jest/globals';
import { ask, federation, ruleGraph } from '../../kit/differential/rule-graph.js';

const table = { __typename: 'Product', upc: 'u1', id: 'p1', weight: 30, name: 'Table', shipping: ({ required }: { required: unknown }) => `ships ${JSON.stringify(required)}` };

describe('a key that cannot be resolved', () => {
  test('is only a name for the entity in the subgraph that refers to it', async () => {
    const graph = ruleGraph({
      orders: `${federation('2.9', '@key')} type Query { ordered: Product } type Product @key(fields: "id", resolvable: false) { id: ID! }`,
      catalogue: `${federation('2.9', '@key')} type Query { best: Product } type Product @key(fields: "id") { id: ID!  name: String }`,
    }, { query: { ordered: table, best: table } });
    const { data, calls } = await ask(graph, '{ ordered { id name } best { name } }');
    expect(data).toEqual({ ordered: { id: 'p1', name: 'Table' }, best: { name: 'Table' } });
    expect(calls.filter((name) => name === 'orders')).toHaveLength(1);
  });

  test('does not stand in the way of the key beside it that can', async () => {
    const graph = ruleGraph({
      shipping: `${federation('2.9', '@key', '@external', '@requires')}
        type Query { parcel: Product }
        type Product @key(fields: "upc", resolvable: false) @key(fields: "id") { upc: String!  id: ID!  weight: Int @external  shipping: String @requires(fields: "weight") }`,
      catalogue: `${federation('2.9', '@key')} type Product @key(fields: "id") { id: ID!  weight: Int }`,
    }, { query: { parcel: table } });
    const { data } = await ask(graph, '{ parcel { shipping } }');
    expect(data).toEqual({ parcel: { shipping: 'ships {"weight":30}' } });
  });
});
