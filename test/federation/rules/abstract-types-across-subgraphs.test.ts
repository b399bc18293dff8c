/** Interfaces and unions whose members differ between subgraphs; fragments with selections of their own for each type. */
import { describe, expect, test } from '@jest/globals';
import { ask, federation, ruleGraph } from '../../kit/differential/rule-graph.js';

const book = { __typename: 'Book', id: 'b', title: 'Emma', price: 5, count: 400, stock: { __typename: 'Stock', left: 2 } };
const film = { __typename: 'Film', id: 'f', title: 'Alien', price: null, count: 'two hours', stock: 3 };
const song = { __typename: 'Song', title: 'Song 2', plays: 9 };
const graph = ruleGraph({
  shop: `${federation('2.9', '@key')}
    type Query { items: [Item]!  found(text: String): [Found!]!  grid: [[Found]] }
    interface Item { id: ID!  title: String }
    union Found = Book | Film | Song
    type Book implements Item @key(fields: "id") { id: ID!  title: String  count: Int }
    type Film implements Item @key(fields: "id") { id: ID!  title: String  count: String }
    type Song { title: String  plays: Int }`,
  prices: `${federation('2.9', '@key')}
    type Query { priced: [Priced!]! }
    interface Priced { id: ID!  price: Int }
    type Stock { left: Int }
    type Book implements Priced @key(fields: "id") { id: ID!  price: Int  stock: Stock }
    type Film implements Priced @key(fields: "id") { id: ID!  price: Int  stock: Int }`,
}, { query: { items: [book, null, film], found: [song, film, book], grid: [[book, null], null, [], [song, film]], priced: [film, book] } });

describe('abstract types', () => {
  test('each object answers the fragments of its own type', async () => {
    const { data } = await ask(graph, '{ items { __typename id ... on Book { price } ... on Film { title cost: price } } }');
    expect(data).toEqual({ items: [{ __typename: 'Book', id: 'b', price: 5 }, null, { __typename: 'Film', id: 'f', title: 'Alien', cost: null }] });
  });

  test('one response name may be different fields of different types', async () => {
    const { data } = await ask(graph, '{ items { ... on Book { v: count  s: price } ... on Film { w: count  s: stock } } }');
    expect(data).toEqual({ items: [{ v: 400, s: 5 }, null, { w: 'two hours', s: 3 }] });
  });

  test('an interface of one subgraph is a condition on objects of another', async () => {
    const { data } = await ask(graph, '{ priced { price ... on Item { title } } found(text: "x") { ... on Priced { price } ... on Song { plays } } }');
    expect(data).toEqual({ priced: [{ price: null, title: 'Alien' }, { price: 5, title: 'Emma' }], found: [{ plays: 9 }, { price: null }, { price: 5 }] });
  });

  test('lists of lists, null in any place', async () => {
    const { data } = await ask(graph, '{ grid { ... on Song { title } ...B ... on Item { id } } } fragment B on Book { stock { left } }');
    expect(data).toEqual({ grid: [[{ stock: { left: 2 }, id: 'b' }, null], null, [], [{ title: 'Song 2' }, { id: 'f' }]] });
  });

  test('a fragment that no object of the field can match gives an empty object', async () => {
    const { data } = await ask(graph, '{ found { ... on Book { id } } }');
    expect(data).toEqual({ found: [{}, {}, { id: 'b' }] });
  });
});
