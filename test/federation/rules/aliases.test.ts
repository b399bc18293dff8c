/** Response names are the client's own, also where the planner would use the same name for itself. */
import { describe, expect, test } from '@jest/globals';
import { ask, federation, ruleGraph } from '../../kit/differential/rule-graph.js';

const old = { __typename: 'Account', id: 'new', legacyId: 'old', owner: 'Ada', note: ({ args }: { args: { n?: number } }) => `note ${args.n}`, other: null as unknown };
const graph = ruleGraph({
  accounts: `${federation('2.9', '@key')} type Query { account: Account  accounts: [Account!]! } type Account @key(fields: "id") { id: ID!  legacyId: ID  other: Account }`,
  owners: `${federation('2.9', '@key')} type Account @key(fields: "id") { id: ID!  owner: String  note(n: Int): String }`,
}, { query: { account: { ...old, other: old }, accounts: [old, { ...old, id: 'x', legacyId: 'new', owner: 'Bob' }] } });

describe('aliases', () => {
  test('with the name of the key', async () => {
    const { data } = await ask(graph, '{ account { id: legacyId  legacyId: id  owner } accounts { id: legacyId owner } }');
    expect(data).toEqual({ account: { id: 'old', legacyId: 'new', owner: 'Ada' }, accounts: [{ id: 'old', owner: 'Ada' }, { id: 'new', owner: 'Bob' }] });
  });

  test('of an object with the name of the key', async () => {
    const { data } = await ask(graph, '{ account { id: other { id: owner } owner } }');
    expect(data).toEqual({ account: { id: { id: 'Ada' }, owner: 'Ada' } });
  });

  test('in fragments that merge', async () => {
    await ask(graph, '{ account { ...A ... on Account { id: legacyId } owner } } fragment A on Account { id: legacyId  o: other { id: legacyId  ...B } } fragment B on Account { id: legacyId owner }');
  });

  test('names every JavaScript object has', async () => {
    const { data } = await ask(graph, '{ account { constructor: legacyId  toString: owner  hasOwnProperty: note(n: 1)  valueOf: other { constructor: owner } } }');
    expect(data).toEqual({ account: { constructor: 'old', toString: 'Ada', hasOwnProperty: 'note 1', valueOf: { constructor: 'Ada' } } });
  });

  test('of `__typename`, several times', async () => {
    const { data } = await ask(graph, '{ account { a: __typename  owner  __typename  id: __typename } }');
    expect(data).toEqual({ account: { a: 'Account', owner: 'Ada', __typename: 'Account', id: 'Account' } });
  });

  test('the same field with different arguments', async () => {
    const { data } = await ask(graph, 'query ($n: Int) { account { a: note(n: 1) b: note(n: $n) c: note note(n: 3) } }', { variables: { n: 2 } });
    expect(data).toEqual({ account: { a: 'note 1', b: 'note 2', c: 'note undefined', note: 'note 3' } });
  });
});
