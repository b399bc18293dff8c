/** A field that moved is asked of its new subgraph only. */
import { expect, test } from '@jest/globals';
import { ask, federation, ruleGraph } from '../../kit/differential/rule-graph.js';

const bill = { __typename: 'Bill', id: '1', amount: 12, note: 'n' };
const graph = ruleGraph({
  payments: `${federation('2.9', '@key')} type Query { bill: Bill } type Bill @key(fields: "id") { id: ID!  amount: Int  note: String }`,
  billing: `${federation('2.9', '@key', '@override')} type Bill @key(fields: "id") { id: ID!  amount: Int @override(from: "payments") }`,
}, { query: { bill } });

test('the value comes from where the field moved to', async () => {
  const { data, calls } = await ask(graph, '{ bill { amount note } }');
  expect(data).toEqual({ bill: { amount: 12, note: 'n' } });
  expect(calls).toEqual(['payments', 'billing']);
});

test('a field that stayed needs no second call', async () => {
  const { calls } = await ask(graph, '{ bill { note } }');
  expect(calls).toEqual(['payments']);
});
