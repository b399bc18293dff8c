/** Fields several subgraphs resolve are asked where the operation is already; value types may overlap in part. */
import { expect, test } from '@jest/globals';
import { ask, federation, ruleGraph } from '../../kit/differential/rule-graph.js';

const place = { __typename: 'Place', latitude: 1, longitude: 2, height: 3 };
const stop = { __typename: 'Stop', id: '1', name: 'Main', place, lines: 4 };
const graph = ruleGraph({
  maps: `${federation('2.9', '@key', '@shareable')}
    type Query { stop: Stop @shareable  here: Place @shareable }
    type Stop @key(fields: "id") { id: ID!  name: String @shareable  place: Place @shareable }
    type Place { latitude: Int @shareable  longitude: Int }`,
  transit: `${federation('2.9', '@key', '@shareable')}
    type Query { stop: Stop @shareable  stops: [Stop!]!  here: Place @shareable }
    type Stop @key(fields: "id") { id: ID!  name: String @shareable  lines: Int  place: Place @shareable }
    type Place { latitude: Int @shareable  height: Int }`,
}, { query: { stop, stops: [stop, stop], here: place } });

test('a shared field costs no further call', async () => {
  const { data, calls } = await ask(graph, '{ stops { name lines } }');
  expect(data).toEqual({ stops: [{ name: 'Main', lines: 4 }, { name: 'Main', lines: 4 }] });
  expect(calls).toEqual(['transit']);
});

test('parts of a value type come from different subgraphs', async () => {
  const { data } = await ask(graph, '{ here { latitude longitude height } stop { place { height longitude } } }');
  expect(data).toEqual({ here: { latitude: 1, longitude: 2, height: 3 }, stop: { place: { height: 3, longitude: 2 } } });
});
