/** The small graph that the table of schema changes works on: two subgraphs, operations that use all of it, and how to change it. */
import { readFileSync } from 'node:fs';
import { sha256Hex } from '../../ops/runtime/canonical-json.js';
import { projectPath } from '../../ops/runtime/package-root.js';
import type { RecordedOperation, SchemaCheckRequest, SubgraphSchema, UsageRecord } from '../../ops/runtime/schema-check.js';

export const HASH = 'cdd01ef066bc6cf2';
export const NOW = '2026-03-01T12:00:00.000Z';

/** The comment sets the heads of the two apart, so that one can be replaced. */
export const head = (name: string): string => `extend schema # of ${name}
  @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@policy", "@key", "@shareable", "@external", "@requires", "@provides", "@inaccessible", "@tag", "@override", "@composeDirective", "@authenticated", "@requiresScopes", "@cost", "@listSize"])
  @link(url: "https://specs.acgs.internal/constitutional/v1.0", import: ["@constitutional"])
  @link(url: "https://specs.acgs.internal/impersonal/v1.0", import: ["@impersonal"])
  @link(url: "https://specs.acgs.internal/caching/v1.0", import: ["@cacheControl"])
  @composeDirective(name: "@constitutional")
  @composeDirective(name: "@impersonal")
  @composeDirective(name: "@cacheControl")
  @constitutional(hash: "${HASH}")
`;

const ORDERS = `${head('orders')}
type Query {
  "Answers." ping: String! @authenticated
  "One order." order("Its identifier." id: ID!): Order @requiresScopes(scopes: [["order:read"]])
  "Orders." orders("Which." filter: OrderFilter "How many." first: Int = 20): OrderPage! @requiresScopes(scopes: [["order:read"]]) @listSize(slicingArguments: ["first"], sizedFields: ["nodes"])
  "Finds." search("For what." text: String!, "How." mode: SearchMode): [Hit!] @authenticated @cost(weight: 10) @listSize(assumedSize: 50)
  "The book." book: Book @requiresScopes(scopes: [["book:read", "book:list"], ["admin"]])
  "What has a name." named: Named @authenticated
  "The vault." vault: Vault @authenticated
}
type Mutation {
  "Places an order." placeOrder("What." input: OrderInput! "For retries." idempotencyKey: String): PlaceOrderResult! @constitutional(level: CRITICAL) @requiresScopes(scopes: [["order:write"]]) @cost(weight: 20)
  "Marks as read." markRead("Which." id: ID! "For retries." idempotencyKey: String): PlaceOrderResult! @constitutional(level: STANDARD) @authenticated
}
"An order." type Order implements Named @key(fields: "id") {
  "Identifier." id: ID!
  "Name." name: String!
  "State." state: OrderState!
  "Note." note("Longest, characters." limit: Int = 100): String
  "Total." total: Float
  "Weight." grams: Int @cost(weight: 5) @authenticated
  "What it cost us." margin: Float @policy(policies: [["finance"]])
  "Internal number." rowId: Int @inaccessible
  "Lines." lines: [Line!]! @tag(name: "public")
  "Place in the queue." place: Int @cacheControl(maxAge: 5, changedBy: ["orders"], scope: "PRIVATE")
}
"A line." type Line { "What." item: String! "How many." count: Int! "Price." price: Float }
"A page." type OrderPage { "Orders." nodes: [Order!]! "More." hasMore: Boolean! }
"What has a name." interface Named { "Name." name: String! }
"A note." type Memo implements Named { "Name." name: String! "Text." text: String }
union Hit = Order | Memo
union PlaceOrderResult = Order | Refusal
"A refusal." type Refusal { "Code." code: String! }
"The book." type Book @authenticated { "Pages." pages: Int "Title." title: String }
"The vault." type Vault @requiresScopes(scopes: [["vault"]]) { "Gold." gold: Int "Silver." silver: Int }
"States." enum OrderState { "New." NEW "Paid." PAID "Gone." CANCELLED }
"Modes." enum SearchMode { "Exact." EXACT "Loose." LOOSE }
"Conditions." input OrderFilter { "State." state: OrderState "Text." text: String }
"An order." input OrderInput { "Name." name: String! "Note." note: String "State." state: OrderState = NEW "Lines." lines: [String!] }
`;

const PEOPLE = `${head('people')}
type Query { "Who asks." me: Person @authenticated }
"A person." type Person @key(fields: "id") { "Identifier." id: ID! "Name." displayName: String! "Address." email: String @requiresScopes(scopes: [["person:email"]]) "Joined." joined: String }
type Order @key(fields: "id") { "Identifier." id: ID! "Whose." owner: Person @requiresScopes(scopes: [["person:read"]]) "Rating." rating: Int }
`;

const SHARED = ['constitutional.graphql', 'common.graphql'].map((file) => readFileSync(projectPath('schema', file), 'utf8')).join('\n');
/** Two subgraphs of these texts, with the definitions all subgraphs share. */
export const graph = (orders: string, people: string): SubgraphSchema[] => [
  { name: 'orders', url: 'http://orders.internal/graphql', sdl: orders + SHARED }, { name: 'people', url: 'http://people.internal/graphql', sdl: people + SHARED },
];
export const BASE: readonly SubgraphSchema[] = graph(ORDERS, PEOPLE);

/** A text and what takes its place; the text must occur exactly once in one subgraph. */
export type Replacement = readonly [string, string];

/** The graph with some texts replaced. @throws Error when one does not occur exactly once. */
export function changed(...replacements: readonly Replacement[]): SubgraphSchema[] {
  return changedFrom([ORDERS, PEOPLE], ...replacements);
}

/** The same with a graph of two other texts. @throws Error when one does not occur exactly once. */
export function changedFrom(base: readonly [string, string], ...replacements: readonly Replacement[]): SubgraphSchema[] {
  let texts: [string, string] = [...base];
  for (const [from, to] of replacements) {
    const count = texts.reduce((sum, text) => sum + text.split(from).length - 1, 0);
    if (count !== 1) throw new Error(`"${from}" occurs ${count} times.`);
    texts = [texts[0].replace(from, () => to), texts[1].replace(from, () => to)];
  }
  return graph(...texts);
}

/** Recorded as the gateway does it: name, text, coordinates, and who sent it how often. */
export function recorded(text: string, coordinates: readonly string[], client = 'web', count = 120): RecordedOperation {
  return { hash: sha256Hex(text), name: /(?:query|mutation) (\w+)/.exec(text)?.[1] ?? null, text, coordinates, clients: [{ client, count }] };
}

const EVERYTHING = [
  recorded('query Orders($first: Int, $state: OrderState) { orders(first: $first, filter: { state: $state, text: "" }) { nodes { ...O } hasMore } order(id: "") { ...O note(limit: 0) } } fragment O on Order { id name state note total grams margin lines { item count price } place owner { displayName email joined } rating }', ['OrderState.NEW', 'OrderState.PAID', 'OrderState.CANCELLED']),
  recorded('query Search { search(text: "", mode: LOOSE) { __typename ... on Order { name } ... on Memo { text } } book { pages title } vault { gold silver } named { name ... on Memo { text } } me { displayName email joined } ping }', []),
  recorded('mutation Place($input: OrderInput!) { placeOrder(input: $input) { ... on Order { id } ... on Refusal { code } } markRead(id: "") { __typename } }', ['OrderInput.name', 'OrderInput.note', 'OrderInput.state', 'OrderInput.lines', 'OrderState.NEW', 'OrderState.CANCELLED'], 'mobile', 7),
];
const PING = recorded('query Ping { ping }', ['Query.ping'], 'probe', 5_000);

const usage = (operations: readonly RecordedOperation[]): UsageRecord => ({ from: '2026-02-01T00:00:00.000Z', to: '2026-03-01T11:59:00.000Z', operations, dropped: 0 });
/** Everything of the graph is used. */
export const USED = usage(EVERYTHING);
/** Something is used, and nothing of what the table changes. */
export const UNUSED = usage([PING]);

/** A request that checks a change of the graph. */
export function request(proposed: readonly SubgraphSchema[], over: Partial<SchemaCheckRequest> = {}): SchemaCheckRequest {
  return { base: BASE, proposed, accepted: [HASH], operations: [], usage: USED, approved: [], now: NOW, ...over };
}
