/** An argument filled from an object above: each entity gets the value of its own place. */
import { describe, expect, test } from '@jest/globals';
import { isObjectType } from 'graphql';
import { ask, federation, ruleGraph } from '../../kit/differential/rule-graph.js';
import { stableJson } from '../../kit/differential/world.js';

const IMPORTS = ['@key', '@context', '@fromContext', '@shareable', '@external'] as const;
const said = ({ args }: { args: Record<string, unknown> }): string => `in ${stableJson(args)}`;
const price = { __typename: 'Price', id: 'x', inCurrency: said, amount: 3 };
const other = { __typename: 'Price', id: 'y', inCurrency: said, amount: 4 };
const german = { __typename: 'Shop', id: 'de', currency: 'EUR', name: 'Laden', prices: [price, other], best: price };
const swiss = { __typename: 'Shop', id: 'ch', currency: 'CHF', name: 'Lade', prices: [price], best: other };
const nowhere = { __typename: 'Shop', id: 'no', currency: null, name: null, prices: [], best: price };

describe('from the object above', () => {
  const graph = ruleGraph({
    shops: `${federation('2.9', ...IMPORTS)}
      type Query { shop: Shop  shops: [Shop!]! }
      type Shop @key(fields: "id") @context(name: "shop") { id: ID!  currency: String  name: String  prices: [Price!]!  best: Price }
      type Price @key(fields: "id") { id: ID!  inCurrency(currency: String @fromContext(field: "$shop { currency }"), digits: Int = 2): String }`,
    amounts: `${federation('2.9', '@key')} type Price @key(fields: "id") { id: ID!  amount: Int }`,
  }, { query: { shop: german, shops: [german, swiss, nowhere] } });

  test('one entity in two places has two values', async () => {
    const { data } = await ask(graph, '{ shops { prices { inCurrency } best { inCurrency amount } } }');
    expect(data).toEqual({ shops: [
      { prices: [{ inCurrency: 'in {"currency":"EUR","digits":2}' }, { inCurrency: 'in {"currency":"EUR","digits":2}' }], best: { inCurrency: 'in {"currency":"EUR","digits":2}', amount: 3 } },
      { prices: [{ inCurrency: 'in {"currency":"CHF","digits":2}' }], best: { inCurrency: 'in {"currency":"CHF","digits":2}', amount: 4 } },
      { prices: [], best: { inCurrency: 'in {"currency":null,"digits":2}', amount: 3 } },
    ] });
  });

  test('the client gives the other arguments, and sees no such argument', async () => {
    const { data } = await ask(graph, 'query ($n: Int) { shop { best { inCurrency(digits: $n) } } }', { variables: { n: 5 } });
    expect(data).toEqual({ shop: { best: { inCurrency: 'in {"currency":"EUR","digits":5}' } } });
    const type = graph.apiSchema.getType('Price');
    expect(isObjectType(type) ? type.getFields()['inCurrency']?.args.map(({ name }) => name) : []).toEqual(['digits']);
  });

  test('an alias may have the name of the context field', async () => {
    const { data } = await ask(graph, '{ shop { currency: name  b: best { id: inCurrency } } }');
    expect(data).toEqual({ shop: { currency: 'Laden', b: { id: 'in {"currency":"EUR","digits":2}' } } });
  });

  test('the same field under several names in one place', async () => {
    await ask(graph, '{ shops { a: prices { x: inCurrency(digits: 1) } b: prices { x: inCurrency(digits: 2) } } }');
  });
});

test('from an object two levels up, fetched from another subgraph', async () => {
  const shelf = { __typename: 'Shelf', prices: [price, other] };
  const graph = ruleGraph({
    shops: `${federation('2.9', ...IMPORTS)}
      type Query { shops: [Shop!]! }
      type Shop @key(fields: "id") @context(name: "shop") { id: ID!  currency: String @external  shelves: [Shelf!]! }
      type Shelf { prices: [Price!]! }
      type Price @key(fields: "id") { id: ID!  inCurrency(currency: String @fromContext(field: "$shop { currency }")): String }`,
    money: `${federation('2.9', '@key')} type Shop @key(fields: "id") { id: ID!  currency: String }`,
  }, { query: { shops: [{ ...german, shelves: [shelf, shelf] }, { ...swiss, shelves: [shelf] }] } });
  const { data } = await ask(graph, '{ shops { id shelves { prices { inCurrency } } } }');
  expect(data).toMatchObject({ shops: [{ id: 'de', shelves: [{ prices: [{ inCurrency: 'in {"currency":"EUR"}' }, {}] }, {}] }, { id: 'ch', shelves: [{ prices: [{ inCurrency: 'in {"currency":"CHF"}' }, {}] }] }] });
});

describe('from objects of several types', () => {
  const book = { __typename: 'Book', id: 'b', language: 'en', price };
  const film = { __typename: 'Film', id: 'f', origin: { __typename: 'Origin', language: 'fr' }, price };
  const graph = ruleGraph({
    shop: `${federation('2.9', ...IMPORTS)}
      type Query { items: [Item!]!  goods: [Goods!]! }
      interface Item { id: ID!  price: Price }
      union Goods = Book | Film
      type Book implements Item @key(fields: "id") @context(name: "item") { id: ID!  language: String  price: Price }
      type Film implements Item @key(fields: "id") @context(name: "item") { id: ID!  origin: Origin  price: Price }
      type Origin { language: String }
      type Price @key(fields: "id") { id: ID!  inCurrency(language: String @fromContext(field: "$item ... on Book { language } ... on Film { origin { language } }")): String }`,
  }, { query: { items: [book, film], goods: [film, book] } });

  test('each type has its own way to the value', async () => {
    const { data } = await ask(graph, '{ goods { ... on Book { price { inCurrency } } ... on Film { price { inCurrency } } } }');
    expect(data).toEqual({ goods: [{ price: { inCurrency: 'in {"language":"fr"}' } }, { price: { inCurrency: 'in {"language":"en"}' } }] });
  });

  test('also where the client asks through an interface that does not set the context itself', async () => {
    const { data } = await ask(graph, '{ items { price { inCurrency } } }');
    expect(data).toEqual({ items: [{ price: { inCurrency: 'in {"language":"en"}' } }, { price: { inCurrency: 'in {"language":"fr"}' } }] });
  });
});

test('from a field that requires others itself', async () => {
  const shop = { ...german, points: 5, rank: ({ required }: { required: unknown }) => `rank ${JSON.stringify(required)}`, best: { __typename: 'Price', id: 'p', label: said } };
  const graph = ruleGraph({
    front: `${federation('2.9', '@key')} type Query { shop: Shop } type Shop @key(fields: "id") { id: ID! }`,
    shops: `${federation('2.9', ...IMPORTS)}
      type Query { own: Shop }
      type Shop @key(fields: "id") @context(name: "shop") { id: ID!  rank: String @external  best: Price }
      type Price @key(fields: "id") { id: ID!  label(rank: String @fromContext(field: "$shop { rank }")): String }`,
    ranks: `${federation('2.9', '@key', '@external', '@requires')} type Shop @key(fields: "id") { id: ID!  points: Int @external  rank: String @requires(fields: "points") }`,
    points: `${federation('2.9', '@key')} type Shop @key(fields: "id") { id: ID!  points: Int }`,
  }, { query: { shop, own: shop } });
  const { data } = await ask(graph, '{ shop { best { label } } own { rank best { label } } }');
  expect(data).toMatchObject({ shop: { best: { label: 'in {"rank":"rank {\\"points\\":5}"}' } } });
});
