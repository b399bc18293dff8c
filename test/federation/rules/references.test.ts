/** Entities that repeat, point to each other, are not found, or fail. */
import { describe, expect, test } from '@jest/globals';
import { ask, federation, ruleGraph } from '../../kit/differential/rule-graph.js';
import type { World, WorldNode } from '../../kit/differential/world.js';

interface Person extends WorldNode { friends: unknown[]; city?: unknown }
const person = (id: string): Person => ({ __typename: 'Person', id, name: `N${id}`, friends: [], age: Number(id), address: id === '2' ? new Error('no address') : `A${id}`, pets: [] });
const [ada, bob, eve] = [person('1'), person('2'), person('3')];
ada.friends.push(bob, ada, null, eve);
bob.friends.push(ada, ada);
const missing: World['missing'] = new Map([[eve, new Set(['details'])]]);
const graph = ruleGraph({
  people: `${federation('2.9', '@key')} type Query { people: [Person]!  ada: Person!  maybe: Person } type Person @key(fields: "id") { id: ID!  name: String  friends: [Person]! }`,
  details: `${federation('2.9', '@key')} type Person @key(fields: "id") { id: ID!  age: Int  address: String }`,
  strict: `${federation('2.9', '@key')} type Person @key(fields: "id") { id: ID!  pets: [String!]! }`,
}, { query: { people: [ada, null, bob, ada], ada, maybe: null }, missing });

describe('references', () => {
  test('each entity is asked for once', async () => {
    const { data, calls } = await ask(graph, '{ people { age } ada { friends { age } } }');
    expect(data).toMatchObject({ people: [{ age: 1 }, null, { age: 2 }, { age: 1 }] });
    expect(calls.filter((name) => name === 'details')).toHaveLength(1);
  });

  test('cycles may be followed as deep as the client likes', async () => {
    await ask(graph, '{ ada { friends { age friends { age friends { name age pets } } } } }');
  });

  test('one entity under two names may have two different selections below', async () => {
    await ask(graph, '{ a: ada { friends { x: age } } b: ada { friends { x: name } } people { friends { x: pets } } }');
  });

  test('an entity its subgraph does not know has null there, and no error', async () => {
    const { data, errors } = await ask(graph, '{ ada { friends { id age } } }');
    expect(data).toEqual({ ada: { friends: [{ id: '2', age: 2 }, { id: '1', age: 1 }, null, { id: '3', age: null }] } });
    expect(errors).toEqual([]);
  });

  test('an error names every place of the entity', async () => {
    const { data, errors } = await ask(graph, '{ people { address } b: ada { friends { a: address } } }');
    expect(data).toMatchObject({ people: [{ address: 'A1' }, null, { address: null }, { address: 'A1' }] });
    expect(errors.map(({ path }) => path)).toEqual([['people', 2, 'address'], ['b', 'friends', 0, 'a']]);
  });

  test('nothing is asked about nothing', async () => {
    const { calls } = await ask(graph, '{ maybe { age } }');
    expect(calls).toEqual(['people']);
  });
});
