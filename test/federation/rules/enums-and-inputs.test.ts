/** Enums for output are merged as a union, enums and input objects for input as an intersection; defaults and variables reach the subgraph. */
import { expect, test } from '@jest/globals';
import { ask, federation, ruleGraph } from '../../kit/differential/rule-graph.js';

const told = ({ args }: { args: unknown }): string => JSON.stringify(args);
const job = { __typename: 'Job', id: '1', state: 'DONE', earlier: 'NEW', find: told };
const graph = ruleGraph({
  jobs: `${federation('2.9', '@key')}
    type Query { job: Job  one(filter: Filter = { text: "all", tags: ["a"] }, order: Order! = UP, ids: [[ID!]]): String }
    type Job @key(fields: "id") { id: ID!  state: State }
    enum State { NEW DONE }  enum Order { UP DOWN }
    input Filter { text: String = "none"  tags: [String!]  inner: Filter  order: Order  extra: Int }`,
  past: `${federation('2.9', '@key')}
    type Query { two(filter: Filter, order: Order): String }
    type Job @key(fields: "id") { id: ID!  earlier: Before  find(filter: Filter!, date: Date): String }
    enum Before { NEW OLD }  enum Order { UP DOWN SIDEWAYS }  scalar Date
    input Filter { text: String = "none"  tags: [String!]  inner: Filter  order: Order }`,
}, { query: { job, one: told, two: told } });

test('literals, defaults and nesting', async () => {
  await ask(graph, '{ one  a: one(filter: { inner: { tags: [] } }, order: DOWN, ids: [["1"], null, 2])  two(filter: null)  b: two  job { find(filter: {}) state earlier } }');
});

test('variables: given, left out, null, with defaults, inside objects', async () => {
  const query = 'query ($f: Filter, $o: Order! = DOWN, $t: String, $d: Date, $g: Filter! = { order: UP }) { one(filter: $f, order: $o)  two(filter: { text: $t, inner: $f })  job { find(filter: $g, date: $d) } }';
  for (const variables of [{}, { f: null, t: null, d: '2026-01-01' }, { f: { text: 'x' }, o: 'UP', t: 'quo"te', d: { year: [2026] }, g: { tags: 'one' } }]) await ask(graph, query, { variables });
});

test('what only one subgraph accepts is not offered', async () => {
  await expect(ask(graph, '{ two(order: SIDEWAYS) }')).rejects.toThrow('SIDEWAYS');
  await expect(ask(graph, '{ one(filter: { extra: 1 }) }')).rejects.toThrow('extra');
});
