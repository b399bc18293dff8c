/** Contender: the Mercurius gateway. It plans by itself from the subgraphs' contracts, which it reads in the form of Federation 1. */
import mercuriusGateway from '@mercuriusjs/gateway';
import fastify from 'fastify';
import { contender, listening } from './peer-channel.mjs';

/** The benchmark's contracts in Federation 1: the same types, with `extend` and `@external` where a subgraph only refers. */
const CONTRACTS = {
  accounts: 'extend type Query { me: User user(id: ID!): User users: [User] } type User @key(fields: "id") { id: ID! name: String username: String birthday: Int }',
  inventory: 'extend type Product @key(fields: "upc") { upc: String! @external weight: Int @external price: Int @external inStock: Boolean shippingEstimate: Int @requires(fields: "price weight") }',
  products: 'extend type Query { topProducts(first: Int = 5): [Product] } type Product @key(fields: "upc") { upc: String! name: String price: Int weight: Int }',
  reviews: `type Review @key(fields: "id") { id: ID! body: String product: Product author: User @provides(fields: "username") }
extend type User @key(fields: "id") { id: ID! @external username: String @external reviews: [Review] }
extend type Product @key(fields: "upc") { upc: String! @external reviews: [Review] }`,
};

const app = fastify({ logger: false });
await app.register(mercuriusGateway, {
  jit: 1,
  gateway: { services: Object.entries(CONTRACTS).map(([name, schema]) => ({ name, schema, url: `${contender.subgraphs[name]}/graphql`, mandatory: true, connections: 128, keepAlive: 30_000 })) },
});
await app.listen({ host: '127.0.0.1', port: 0 });
listening(app.server.address().port);
