/** The graph of the public gateways benchmark: four small subgraphs, their data, and the one heavy operation. */
import { buildSubgraphSchema } from '@apollo/subgraph';
import type { GraphQLResolverMap } from '@apollo/subgraph/dist/schema-helper/resolverMap.js';
import { parse, type GraphQLSchema } from 'graphql';

const LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable", "@external", "@requires", "@provides"])\n';

interface Review { readonly id: string; readonly body: string; readonly product: string }

/** Lengths of the review bodies in characters; the public data set has bodies of 144 to 845. */
const BODY_LENGTHS = [400, 805, 144, 380, 505, 262, 618, 330, 845, 202, 720];
/** Product that each review is about. */
const REVIEWED = ['1', '2', '1', '1', '2', '3', '3', '4', '5', '7', '9'];
const WORDS = 'the table held its shape through two winters and a move across town while the finish kept most of its colour near the window so we would buy it again for a smaller room although one drawer sticks when the weather turns damp'.split(' ');

const NAMES = ['Ada Lovelace', 'Alan Turing', 'Grace Hopper', 'Edsger Dijkstra', 'Barbara Liskov', 'Donald Knuth'];
const USERS = NAMES.map((name, index) => ({ id: String(index + 1), name, username: `@${name.split(' ')[0]?.toLowerCase() ?? ''}`, birthday: 1_815 + index * 20 }));
const PRODUCTS = ['Table', 'Couch', 'Glass', 'Chair', 'TV', 'Lamp', 'Grill', 'Fridge', 'Sofa'].map((name, index) => ({ upc: String(index + 1), name, price: 899 + index * 137, weight: 100 + index * 250 }));
const REVIEWS: readonly Review[] = REVIEWED.map((product, index) => ({ id: String(index + 1), body: prose(index * 7, BODY_LENGTHS[index] ?? 144), product }));

/** Deterministic prose of an exact length. */
function prose(offset: number, length: number): string {
  let text = '';
  for (let index = offset; text.length < length; index += 1) text += `${text === '' ? '' : ' '}${WORDS[index % WORDS.length] ?? ''}`;
  return text.slice(0, length);
}

export interface BenchmarkSubgraph {
  readonly name: string;
  readonly sdl: string;
  readonly resolvers: GraphQLResolverMap<unknown>;
}

const byId = (id: string): unknown => USERS.find((user) => user.id === id);
const byUpc = (upc: string): unknown => PRODUCTS.find((product) => product.upc === upc);
const isInStock = (upc: string): boolean => Number(upc) % 3 !== 0;
const shippingEstimate = ({ price, weight }: { price: number; weight: number }): number => (price > 1_500 ? 0 : Math.round(weight / 2));
const reference = (typename: string, key: string, value: string): Record<string, string> => ({ __typename: typename, [key]: value });

export const BENCHMARK_SUBGRAPHS: readonly BenchmarkSubgraph[] = [
  {
    name: 'accounts',
    sdl: `${LINK}type Query { me: User user(id: ID!): User users: [User] }\ntype User @key(fields: "id") { id: ID! name: String username: String @shareable birthday: Int }`,
    resolvers: { Query: { me: () => USERS[0], user: (_: unknown, { id }: { id: string }) => byId(id), users: () => USERS }, User: { __resolveReference: ({ id }: { id: string }) => byId(id) } },
  },
  {
    name: 'inventory',
    sdl: `${LINK}type Product @key(fields: "upc") { upc: String! weight: Int @external price: Int @external inStock: Boolean shippingEstimate: Int @requires(fields: "price weight") }`,
    resolvers: {
      Product: {
        inStock: ({ upc }: { upc: string }) => isInStock(upc),
        shippingEstimate: (product: { price: number; weight: number }) => shippingEstimate(product),
      },
    },
  },
  {
    name: 'products',
    sdl: `${LINK}type Query { topProducts(first: Int = 5): [Product] }\ntype Product @key(fields: "upc") { upc: String! name: String price: Int weight: Int }`,
    resolvers: { Query: { topProducts: (_: unknown, { first }: { first: number }) => PRODUCTS.slice(0, first) }, Product: { __resolveReference: ({ upc }: { upc: string }) => byUpc(upc) } },
  },
  {
    name: 'reviews',
    sdl: `${LINK}type Review @key(fields: "id") { id: ID! body: String product: Product author: User @provides(fields: "username") }
type User @key(fields: "id") { id: ID! username: String @external reviews: [Review] }
type Product @key(fields: "upc") { upc: String! reviews: [Review] }`,
    resolvers: {
      Review: {
        product: ({ product }: Review) => reference('Product', 'upc', product),
        author: () => ({ ...reference('User', 'id', '1'), username: USERS[0]?.username }),
        __resolveReference: ({ id }: { id: string }) => REVIEWS.find((review) => review.id === id),
      },
      User: { reviews: () => REVIEWS.slice(0, 2) },
      Product: { reviews: ({ upc }: { upc: string }) => REVIEWS.filter(({ product }) => product === upc) },
    },
  },
];

/** The operation of the public benchmark. */
export const BENCHMARK_OPERATION = `fragment User on User { id username name }
fragment Review on Review { id body }
fragment Product on Product { inStock name price shippingEstimate upc weight }
query TestQuery {
  users { ...User reviews { ...Review product { ...Product reviews { ...Review author { ...User reviews { ...Review product { ...Product } } } } } } }
  topProducts { ...Product reviews { ...Review author { ...User reviews { ...Review product { ...Product } } } } }
}`;

/** The executable schema of each subgraph, by name. */
export function benchmarkSchemas(): Map<string, GraphQLSchema> {
  return new Map(BENCHMARK_SUBGRAPHS.map(({ name, sdl, resolvers }) => [name, buildSubgraphSchema([{ typeDefs: parse(sdl), resolvers }])]));
}

/** The whole data set behind one schema, without federation: what every contender must answer. */
export const MONOLITH = {
  sdl: `type Query { me: User user(id: ID!): User users: [User] topProducts(first: Int = 5): [Product] }
type User { id: ID! name: String username: String birthday: Int reviews: [Review] }
type Review { id: ID! body: String product: Product author: User }
type Product { upc: String! name: String price: Int weight: Int inStock: Boolean shippingEstimate: Int reviews: [Review] }`,
  resolvers: {
    Query: { me: () => USERS[0], user: (_: unknown, { id }: { id: string }) => byId(id), users: () => USERS, topProducts: (_: unknown, { first }: { first: number }) => PRODUCTS.slice(0, first) },
    User: { reviews: () => REVIEWS.slice(0, 2) },
    Review: { product: ({ product }: Review) => byUpc(product), author: () => USERS[0] },
    Product: {
      inStock: ({ upc }: { upc: string }) => isInStock(upc),
      shippingEstimate: (product: { price: number; weight: number }) => shippingEstimate(product),
      reviews: ({ upc }: { upc: string }) => REVIEWS.filter(({ product }) => product === upc),
    },
  },
};
