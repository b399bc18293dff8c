/** A field gets what its @requires names: nested, null, from a third subgraph, or computed from further requirements. */
import { expect, test } from '@jest/globals';
import { ask, federation, ruleGraph } from '../../kit/differential/rule-graph.js';

const told = ({ required }: { required: unknown }): string => JSON.stringify(required);
const heavy = { __typename: 'Parcel', id: '1', weight: 9, size: { __typename: 'Size', width: 2, height: 3 }, zone: null, cost: told, quote: told, note: 'n' };
const light = { __typename: 'Parcel', id: '2', weight: null, size: null, zone: 'EU', cost: told, quote: told, note: null };
const graph = ruleGraph({
  parcels: `${federation('2.9', '@key', '@shareable')}
    type Query { parcels: [Parcel!]! }
    type Parcel @key(fields: "id") { id: ID!  weight: Int  size: Size }
    type Size @shareable { width: Int!  height: Int! }`,
  zones: `${federation('2.9', '@key')} type Parcel @key(fields: "id") { id: ID!  zone: String }`,
  costs: `${federation('2.9', '@key', '@external', '@requires', '@shareable')}
    type Parcel @key(fields: "id") { id: ID!  weight: Int @external  size: Size @external  zone: String @external
      cost: String @requires(fields: "weight size { width } zone")  note: String }
    type Size @shareable { width: Int!  height: Int! }`,
  quotes: `${federation('2.9', '@key', '@external', '@requires')}
    type Parcel @key(fields: "id") { id: ID!  cost: String @external  quote: String @requires(fields: "cost") }`,
}, { query: { parcels: [heavy, light] } });

test('values from several subgraphs arrive, null among them', async () => {
  const { data } = await ask(graph, '{ parcels { cost } }');
  expect(data).toEqual({ parcels: [{ cost: '{"weight":9,"size":{"width":2},"zone":null}' }, { cost: '{"weight":null,"size":null,"zone":"EU"}' }] });
});

test('a required field may require others', async () => {
  await ask(graph, '{ parcels { quote } }');
});

test('what is required is not in the answer unless it was asked for', async () => {
  const { data } = await ask(graph, '{ parcels { cost  size { height } } }');
  expect(data).toMatchObject({ parcels: [{ size: { height: 3 } }, { size: null }] });
});

test.each([true, false])('a field beside one that is under a condition (%s) keeps its value', async (with_) => {
  const { data } = await ask(graph, 'query ($with: Boolean!) { parcels { note  cost @include(if: $with)  quote @skip(if: $with) } }', { variables: { with: with_ } });
  expect(data).toMatchObject({ parcels: [{ note: 'n' }, { note: null }] });
});

test('names of required fields may be aliases of others', async () => {
  const { data } = await ask(graph, '{ parcels { weight: note  zone: id  size: __typename  cost  id: weight } }');
  expect(data).toEqual({
    parcels: [
      { weight: 'n', zone: '1', size: 'Parcel', cost: '{"weight":9,"size":{"width":2},"zone":null}', id: 9 },
      { weight: null, zone: '2', size: 'Parcel', cost: '{"weight":null,"size":null,"zone":"EU"}', id: null },
    ],
  });
});
