/** The graph that gateway tests run against: four mini subgraphs with critical, protected, abstract and slow fields. */
import { GraphQLError } from 'graphql';
import type { MiniDefinition } from './mini-subgraphs.js';

const services = [{ id: 's1', name: 'router' }, { id: 's2', name: 'ledger' }];

export const MINI_AUTH: MiniDefinition = {
  name: 'auth',
  sdl: `
type Query { me: User @authenticated  users(first: Int = 2): [User!]!  nodes: [Node!]!  found: [Found!]!  open: Open  kinds: [Kind] @authenticated }
type Mutation { login(name: String!): String @constitutional(level: STANDARD)  grant(idempotencyKey: String!): Boolean! @constitutional(level: CRITICAL) }
interface Node { id: ID!  label: String }
type User implements Node @key(fields: "id") { id: ID!  label: String  name: String  email: String @authenticated  salary: Int! @requiresScopes(scopes: [["hr:read", "hr:pay"], ["admin"]])  diary: String @policy(policies: [["owner"]])  both: String @authenticated @requiresScopes(scopes: [["secrets:read"]]) @policy(policies: [["owner"], ["auditor"]]) }
type Vault implements Node { id: ID!  label: String @requiresScopes(scopes: [["secrets:read"]])  door: String }
type Sealed @authenticated { id: ID!  content: String! }
union Found = User | Sealed
enum Kind @requiresScopes(scopes: [["secrets:read"]]) { A B }
type Open { word: String  deep: Open }
type Subscription { ticks: Int }
`,
  resolvers: {
    Query: {
      me: (_: unknown, __: unknown, context: { principal: { id: string } | null }) => ({ id: context.principal?.id ?? 'nobody' }),
      users: () => [{ id: 'u1' }, { id: 'u2' }],
      nodes: () => [{ __typename: 'User', id: 'u1' }, { __typename: 'Vault', id: 'v1' }],
      found: () => [{ __typename: 'User', id: 'u1' }, { __typename: 'Sealed', id: 'x1', content: 'hidden' }],
      open: () => ({ word: 'yes' }),
      kinds: () => ['A'],
    },
    Mutation: { login: () => 'token', grant: () => true },
    User: { label: () => 'user', name: ({ id }: { id: string }) => `name of ${id}`, email: () => 'a@b.c', salary: () => 7, diary: () => 'dear', both: () => 'both', __resolveReference: ({ id }: { id: string }) => ({ id }) },
    Vault: { label: () => 'vault', door: () => 'shut' },
  },
};

export const MINI_POLICY: MiniDefinition = {
  name: 'policy-governance',
  sdl: `
type Query { service(id: ID!): Service  services(first: Int): [Service!]!  kill: String @constitutional(level: CRITICAL)  actors: [Actor!]!  broken: String  typed: String }
type Mutation { decide(idempotencyKey: String!, note: String): Decision! @constitutional(level: CRITICAL)  decideWith(input: DecideInput!): Decision! @constitutional(level: CRITICAL) }
type Service @key(fields: "id") { id: ID!  name: String!  slow: String }
input DecideInput { idempotencyKey: String!  note: String }
interface Actor { id: ID!  act: String }
type Person implements Actor { id: ID!  act: String }
type Machine implements Actor { id: ID!  act: String @constitutional(level: CRITICAL) }
union Outcome = Done | Failed
type Done { id: ID!  proof: String @constitutional(level: CRITICAL) }
type Failed { why: String }
type Decision { id: ID!  outcome: Outcome }
extend type Query { outcome: Outcome }
`,
  resolvers: {
    Query: {
      service: (_: unknown, { id }: { id: string }) => services.find((service) => service.id === id),
      services: () => services,
      kill: () => 'killed',
      actors: () => [{ __typename: 'Person', id: 'p' }, { __typename: 'Machine', id: 'm' }],
      broken: () => { throw new Error('secret connection string'); },
      typed: () => { throw new GraphQLError('Not in that state.', { extensions: { code: 'BAD_USER_INPUT' } }); },
      outcome: () => ({ __typename: 'Done', id: 'd' }),
    },
    Mutation: { decide: () => ({ id: 'd1' }), decideWith: () => ({ id: 'd2' }) },
    Service: { __resolveReference: ({ id }: { id: string }) => services.find((service) => service.id === id) },
  },
};

export const MINI_EVOLUTION: MiniDefinition = {
  name: 'evolutionary-computation',
  sdl: `
type Query { where: String! }
type Service @key(fields: "id") { id: ID!  model: Model!  replicas: Int }
type Model { version: String! }
`,
  resolvers: {
    Query: { where: () => 'first' },
    Service: { __resolveReference: ({ id }: { id: string }) => ({ id }), model: () => ({ version: 'v1' }), replicas: () => 3 },
  },
};

export const MINI_CONSTITUTION: MiniDefinition = {
  name: 'constitutional-ai',
  sdl: `
type Query { principles: [String!] @requiresScopes(scopes: [["principles:read"]])  council: String @authenticated }
`,
  resolvers: { Query: { principles: () => ['first'], council: () => 'sits' } },
};

export const MINI_GRAPH = [MINI_AUTH, MINI_CONSTITUTION, MINI_POLICY, MINI_EVOLUTION] as const;

/** Every directive under another name: composition wants one name in all subgraphs, enforcement must not notice. */
export const RENAMED: MiniDefinition = {
  name: 'auth',
  sdl: `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.11", import: ["@key", "@shareable", "@composeDirective", { name: "@authenticated", as: "@signedIn" }, { name: "@requiresScopes", as: "@needs" }])
  @link(url: "https://specs.acgs.internal/constitutional/v1.0", import: [{ name: "@constitutional", as: "@bound" }])
  @composeDirective(name: "@bound")
  @bound(hash: "cdd01ef066bc6cf2")
directive @bound(hash: String, level: constitutional__Level! = STANDARD) on SCHEMA | FIELD_DEFINITION
type Query { principles: [String!] @needs(scopes: [["principles:read"]])  council: String @signedIn  kill: String @bound(level: CRITICAL)  free: String }
type Mutation { act(idempotencyKey: String!): Boolean @bound(level: CRITICAL) }
`,
  resolvers: { Query: { principles: () => ['first'], council: () => 'sits', kill: () => 'killed', free: () => 'free' }, Mutation: { act: () => true } },
};
