/** Keys of several fields, also nested ones, name an entity as a whole. */
import { expect, test } from '@jest/globals';
import { ask, federation, ruleGraph } from '../../kit/differential/rule-graph.js';

const berlin = { __typename: 'Desk', org: { __typename: 'Org', id: 'o1' }, number: 7, label: 'window', price: 10 };
const lisbon = { __typename: 'Desk', org: { __typename: 'Org', id: 'o2' }, number: 7, label: 'door', price: 20 };
const graph = ruleGraph({
  offices: `${federation('2.9', '@key', '@shareable')}
    type Query { desks: [Desk!]! }
    type Desk @key(fields: "org { id } number") { org: Org!  number: Int!  label: String }
    type Org @shareable { id: ID! }`,
  billing: `${federation('2.9', '@key', '@shareable')}
    type Desk @key(fields: "org { id } number") { org: Org!  number: Int!  price: Int }
    type Org @shareable { id: ID! }`,
}, { query: { desks: [berlin, lisbon] } });

test('entities that agree in one part of the key only are told apart', async () => {
  const { data, calls } = await ask(graph, '{ desks { label price } }');
  expect(data).toEqual({ desks: [{ label: 'window', price: 10 }, { label: 'door', price: 20 }] });
  expect(calls).toEqual(['offices', 'billing']);
});

test('the parts of the key may be selected under other names', async () => {
  const { data } = await ask(graph, '{ desks { org: label  number: price  o: org { id: __typename } } }');
  expect(data).toEqual({ desks: [{ org: 'window', number: 10, o: { id: 'Org' } }, { org: 'door', number: 20, o: { id: 'Org' } }] });
});
