/** A subgraph may add fields to an interface as a whole, without knowing its implementations. */
import { expect, test } from '@jest/globals';
import { ask, federation, ruleGraph } from '../../kit/differential/rule-graph.js';

const book = { __typename: 'Book', id: '1', title: 'Emma', pages: 400, reviews: ['good'] };
const film = { __typename: 'Film', id: '2', title: 'Alien', minutes: 117, reviews: [] };
const graph = ruleGraph({
  media: `${federation('2.9', '@key')}
    type Query { media: [Media!]!  book: Book }
    interface Media @key(fields: "id") { id: ID!  title: String }
    type Book implements Media @key(fields: "id") { id: ID!  title: String  pages: Int }
    type Film implements Media @key(fields: "id") { id: ID!  title: String  minutes: Int }`,
  reviews: `${federation('2.9', '@key', '@interfaceObject')}
    type Query { reviewed: [Media!]! }
    type Media @interfaceObject @key(fields: "id") { id: ID!  reviews: [String!]! }`,
}, { query: { media: [book, film], book, reviewed: [film, book] } });

test('the added field is there on the interface', async () => {
  const { data } = await ask(graph, '{ media { title reviews } }');
  expect(data).toEqual({ media: [{ title: 'Emma', reviews: ['good'] }, { title: 'Alien', reviews: [] }] });
});

test('and on an implementation', async () => {
  const { data } = await ask(graph, '{ book { reviews pages } }');
  expect(data).toEqual({ book: { reviews: ['good'], pages: 400 } });
});

test('objects from the adding subgraph get their real type', async () => {
  const { data } = await ask(graph, '{ reviewed { __typename reviews ... on Book { pages } ... on Film { minutes } } }');
  expect(data).toEqual({ reviewed: [{ __typename: 'Film', reviews: [], minutes: 117 }, { __typename: 'Book', reviews: ['good'], pages: 400 }] });
});

test('the type alone may be asked for, under any name', async () => {
  const { data } = await ask(graph, '{ reviewed { kind: __typename } }');
  expect(data).toEqual({ reviewed: [{ kind: 'Film' }, { kind: 'Book' }] });
});

test('the added field may be asked for one implementation only', async () => {
  const { data } = await ask(graph, '{ media { ... on Film { reviews } } reviewed { ... on Book { id: title  reviews } } }');
  expect(data).toEqual({ media: [{}, { reviews: [] }], reviewed: [{}, { id: 'Emma', reviews: ['good'] }] });
});
