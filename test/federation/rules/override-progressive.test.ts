/** A field moves for a share of requests: at 100 percent it has moved, at 0 percent it has not, other labels are decided by the caller. */
import { describe, expect, test } from '@jest/globals';
import { parse } from 'graphql';
import { planOperation } from '../../../gateway/supergraph/planning/planner-faults.js';
import type { FederatedGraph } from '../../kit/differential/federated-graph.js';
import { ask, federation, ruleGraph } from '../../kit/differential/rule-graph.js';

const bill = { __typename: 'Bill', id: '1', amount: 12 };
const graphWith = (label: string): FederatedGraph => ruleGraph({
  payments: `${federation('2.9', '@key')} type Query { bill: Bill } type Bill @key(fields: "id") { id: ID!  amount: Int }`,
  billing: `${federation('2.9', '@key', '@override')} type Bill @key(fields: "id") { id: ID!  amount: Int @override(from: "payments", label: "${label}") }`,
}, { query: { bill } });

describe('progressive override', () => {
  test.each([['percent(100)', ['payments', 'billing']], ['percent(0)', ['payments']]])('%s', async (label, expected) => {
    const { data, calls } = await ask(graphWith(label), '{ bill { amount } }');
    expect(data).toEqual({ bill: { amount: 12 } });
    expect(calls).toEqual(expected);
  });

  test.each([[true, ['payments', 'billing']], [false, ['payments']]])('a label the caller decides as %s', (on, expected) => {
    const { supergraph, planner } = graphWith('percent(25)');
    const plan = planOperation({ supergraph, planner, document: parse('{ bill { amount } }'), operationName: undefined, overrides: new Map([['percent(25)', on]]) });
    expect([...JSON.stringify(plan).matchAll(/"serviceName":"(\w+)"/g)].map(([, name]) => name)).toEqual(expected);
  });
});
