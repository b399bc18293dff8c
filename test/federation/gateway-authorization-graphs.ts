/** Small graphs whose protected values can be asked for in roundabout ways: what the authorization attacks run against. */
import { composeSupergraph } from '../../gateway/supergraph/compose.js';
import { contractOf, HASH, type GraphqlAnswer, type MiniDefinition, type MiniGraph } from '../kit/mini-subgraphs.js';

const HEAD = `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.11", import: ["@key", "@shareable", "@external", "@requires", "@provides", "@interfaceObject", "@context", "@fromContext", "@composeDirective", "@authenticated", "@requiresScopes", "@policy", "@tag"])
  @link(url: "https://specs.acgs.internal/constitutional/v1.0", import: ["@constitutional"])
  @composeDirective(name: "@constitutional")
  @constitutional(hash: "${HASH}")
`;

/** Every protected value begins with this, so that one look tells whether any got out. */
export const SECRET = 'SECRET';

const open = { __typename: 'OpenThing', id: 'o1', label: 'open label', badge: 'open badge' };
const closed = { __typename: 'ClosedThing', id: 'c1', label: `${SECRET} label`, badge: 'closed badge' };
const sealed = { __typename: 'Sealed', id: 'x1', label: `${SECRET} sealed label`, content: `${SECRET} content`, inner: { pin: `${SECRET} pin` } };

/** Interfaces, unions and types with protected members. */
export const ABSTRACT: MiniDefinition = {
  name: 'auth',
  sdl: `${HEAD}
type Query {
  things: [Thing]!  openThing: OpenThing  closedThing: ClosedThing  records: [Record]  openRecord: OpenRecord  found: [Found!]!  sealed: Sealed
  wrapper: Wrapper  grades: [Grade!]  code: Code  signedIn: String @authenticated
}
type Mutation {
  first(note: String): String @constitutional(level: STANDARD)
  second(note: String): String @constitutional(level: STANDARD) @requiresScopes(scopes: [["write"]])
  strict: Boolean! @constitutional(level: STANDARD) @authenticated
  third: Wrapper @constitutional(level: STANDARD)
}
type Subscription { ticks: Int  sealedTicks: String @authenticated }
interface Thing { id: ID!  label: String  badge: String }
type OpenThing implements Thing { id: ID!  label: String  badge: String }
type ClosedThing implements Thing { id: ID!  label: String @authenticated  badge: String @requiresScopes(scopes: [["badge:read"]]) }
interface Record { id: ID! }
type OpenRecord implements Record { id: ID!  text: String }
type ClosedRecord implements Record @authenticated { id: ID!  text: String }
union Found = OpenThing | Sealed
type Sealed @authenticated { id: ID!  label: String  content: String!  inner: Inner }
type Inner { pin: String! }
type Wrapper { id: ID!  inner: Depth }
type Depth { word: String  pin: String! @authenticated  list: [Depth!] }
enum Grade @requiresScopes(scopes: [["grade:read"]]) { A B }
scalar Code @policy(policies: [["auditor"]])
`,
  resolvers: {
    Query: {
      things: () => [open, closed], openThing: () => open, closedThing: () => closed, records: () => [{ __typename: 'OpenRecord', id: 'r1', text: 'open' }, { __typename: 'ClosedRecord', id: 'r2', text: `${SECRET} text` }],
      openRecord: () => ({ id: 'r1', text: 'open' }), found: () => [open, sealed], sealed: () => sealed,
      wrapper: () => ({ id: 'w1', inner: { word: 'word', pin: `${SECRET} pin`, list: [{ word: 'w', pin: `${SECRET} pin` }] } }), grades: () => ['A'], code: () => `${SECRET} code`, signedIn: () => `${SECRET} signed in`,
    },
    Mutation: { first: () => 'first done', second: () => `${SECRET} second`, strict: () => true, third: () => ({ id: 'w2', inner: { word: 'x', pin: `${SECRET} pin` } }) },
  },
};

/** Keys that are protected, values that others need, one more subgraph that needs them. */
export const ACCOUNTS: MiniDefinition = {
  name: 'auth',
  sdl: `${HEAD}
type Query { account: Account  accounts: [Account!]!  signedIn: String @authenticated  auditors: String @requiresScopes(scopes: [["audit:read"]])  shelf: Shelf }
type Account @key(fields: "iban org { id }") @key(fields: "iban") {
  iban: String @authenticated  org: Org  owner: String @shareable  score: Int @tag(name: "score")  profile: Profile
}
type Org { id: ID! @requiresScopes(scopes: [["audit:read"]])  name: String }
type Profile { income(currency: Currency = EUR): Int @tag(name: "income")  country: String @shareable }
enum Currency { EUR USD }
type Shelf @key(fields: "id") @context(name: "shelf") { id: ID!  room: String @tag(name: "room")  book: Book }
type Book @key(fields: "id") { id: ID!  place(room: String @fromContext(field: "$shelf { room }")): String  shadow: String }
`,
  resolvers: {
    Query: {
      account: () => ACCOUNT, accounts: () => [ACCOUNT], signedIn: () => 'yes', auditors: () => 'yes', shelf: () => ({ id: 's1', room: `${SECRET} room`, book: { id: 'b1' } }),
    },
    Account: { __resolveReference: () => ACCOUNT },
    Shelf: { __resolveReference: () => ({ id: 's1', room: `${SECRET} room`, book: { id: 'b1' } }) },
    Book: { __resolveReference: ({ id }: { id: string }) => ({ id }), place: (_: unknown, { room }: { room: string }) => `in ${room}`, shadow: () => 'shadow' },
  },
};
const ACCOUNT = { iban: `${SECRET} iban`, org: { id: `${SECRET} org`, name: 'Org' }, owner: 'owner', score: 77_001, profile: { income: 77_002, country: 'XK' } };

/** Needs what ACCOUNTS protects. */
export const BALANCES: MiniDefinition = {
  name: 'policy-governance',
  sdl: `${HEAD}
type Query { review: Review @provides(fields: "account { owner }")  nobody: String }
type Review { account: Account  stars: Int }
type Account @key(fields: "iban") @key(fields: "iban org { id }") {
  iban: String  org: Org @external  owner: String @external  score: Int @external  profile: Profile @external
  balance: Int  limit: Int @requires(fields: "score")  grade: String @requires(fields: "profile { income(currency: USD) country }")
}
type Org { id: ID! @external }
type Profile { income(currency: Currency = EUR): Int @external  country: String @shareable }
enum Currency { EUR USD }
type Book @key(fields: "id") { id: ID!  title: String }
`,
  resolvers: {
    Query: { review: () => ({ stars: 5, account: { iban: `${SECRET} iban`, owner: 'owner' } }), nobody: () => 'nobody' },
    Account: { __resolveReference: (reference: Record<string, unknown>) => reference, balance: () => 10, limit: () => 20, grade: () => 'A' },
    Book: { __resolveReference: ({ id }: { id: string }) => ({ id, title: 'title' }) },
  },
};

/** The supergraph text of some definitions, changed after composition: what composition itself would refuse. */
export function editedSupergraph(definitions: readonly MiniDefinition[], edits: readonly (readonly [from: string | RegExp, to: string])[]): string {
  const composed = composeSupergraph(definitions.map((definition) => ({ name: definition.name, url: 'http://127.0.0.1:1', sdl: contractOf(definition) })), [HASH]).supergraphSdl;
  return edits.reduce((sdl, [from, to]) => {
    const next = sdl.replace(from, to);
    if (next === sdl) throw new Error(`The supergraph has nothing that matches ${String(from)}:\n${sdl}`);
    return next;
  }, composed);
}

/** Everything asked of subgraphs since they were last cleared: texts and variables. */
export function travelled(graph: MiniGraph): string {
  return Object.values(graph.subgraphs).flatMap(({ calls }) => calls.map(({ query, variables }) => `${query} ${JSON.stringify(variables)}`)).join('\n');
}

export function forget(graph: MiniGraph): void {
  for (const mini of Object.values(graph.subgraphs)) mini.calls.length = 0;
}

/** Paths of refused fields, in order. */
export function refusedPaths(answer: Pick<GraphqlAnswer, 'errors'>): unknown[] {
  return answer.errors.filter(({ extensions }) => extensions['code'] === 'UNAUTHORIZED_FIELD_OR_TYPE').map(({ path }) => path);
}
