/** A @requires gets the value for its own arguments, whatever arguments the client or another @requires gives. */
import { expect, test } from '@jest/globals';
import { ask, federation, ruleGraph } from '../../kit/differential/rule-graph.js';

const told = ({ required }: { required: unknown }): string => JSON.stringify(required);
const product = {
  __typename: 'Product', id: '1',
  attributes: ({ args }: { args: Record<string, unknown> }) => [`keys ${JSON.stringify(args['keys'] ?? 'all')}`],
  price: ({ args }: { args: Record<string, unknown> }) => `9 ${String(args['currency'])}`,
  explicit: told, rough: told, dutiable: told, dear: told, parts: [{ __typename: 'Part', size: ({ args }: { args: Record<string, unknown> }) => `1${String(args['unit'])}` }], fit: told,
};
const graph = ruleGraph({
  products: `${federation('2.9', '@key', '@shareable')}
    type Query { product: Product  products: [Product!]! }
    type Product @key(fields: "id") { id: ID!  attributes(keys: [String!]): [String!]  price(currency: Currency = EUR): String  parts: [Part!] }
    type Part @shareable { size(unit: Unit): String }
    enum Currency { EUR USD } enum Unit { CM IN }`,
  enrichment: `${federation('2.9', '@key', '@external', '@requires', '@shareable')}
    type Product @key(fields: "id") {
      id: ID!  attributes(keys: [String!]): [String!] @external  price(currency: Currency = EUR): String @external  parts: [Part!] @external
      explicit: String @requires(fields: "attributes(keys: [\\"content\\"])")
      rough: String @requires(fields: "attributes(keys: [\\"shape\\"])")
      dutiable: String @requires(fields: "price(currency: USD)")
      dear: String @requires(fields: "price")
      fit: String @requires(fields: "parts { size(unit: IN) }")
    }
    type Part @shareable { size(unit: Unit): String }
    enum Currency { EUR USD } enum Unit { CM IN }`,
}, { query: { product, products: [product, product] } });

test('the client may ask the same field with other arguments', async () => {
  const { data } = await ask(graph, '{ product { explicit  attributes(keys: ["size"]) } }');
  expect(data).toEqual({ product: { explicit: '{"attributes":["keys [\\"content\\"]"]}', attributes: ['keys ["size"]'] } });
});

test('or without any', async () => {
  await ask(graph, '{ products { attributes  explicit  price  dutiable } }');
});

test('or with a variable, under an alias, in a fragment', async () => {
  await ask(graph, 'query ($keys: [String!]) { product { ...P  rough  attributes: price(currency: USD) } } fragment P on Product { explicit  a: attributes(keys: $keys) }', { variables: { keys: ['x'] } });
});

test('two fields may require one field with different arguments', async () => {
  const { data } = await ask(graph, '{ product { explicit rough dutiable dear } }');
  expect(data).toEqual({ product: {
    explicit: '{"attributes":["keys [\\"content\\"]"]}', rough: '{"attributes":["keys [\\"shape\\"]"]}', dutiable: '{"price":"9 USD"}', dear: '{"price":"9 EUR"}',
  } });
});

test('arguments below the first level of a @requires count too', async () => {
  const { data } = await ask(graph, '{ product { fit  parts { size(unit: CM) } } }');
  expect(data).toEqual({ product: { fit: '{"parts":[{"size":"1IN"}]}', parts: [{ size: '1CM' }] } });
});

test('under conditions each keeps its own value', async () => {
  const query = 'query ($a: Boolean!, $b: Boolean!) { products { explicit @include(if: $a)  rough @skip(if: $b)  dear } }';
  for (const a of [true, false]) for (const b of [true, false]) await ask(graph, query, { variables: { a, b } });
});
