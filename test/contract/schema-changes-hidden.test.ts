/** Weakenings that hide behind another change, behind a default, or behind who resolves a field: each is found whatever usage says. */
import { describe, expect, test } from '@jest/globals';
import '../../gateway/telemetry-config.js';
import { checkSchema } from '../../gateway/supergraph/checks/check-schema.js';
import type { SchemaCheckReport } from '../../ops/runtime/schema-check.js';
import { changedFrom, head, request, UNUSED, type Replacement } from './schema-changes-graph.js';

const VAULT = '@requiresScopes(scopes: [["vault"]])';
const PERSON = '@requiresScopes(scopes: [["person"]])';
const ORDERS = `${head('orders')}
type Query {
  ping: String! @authenticated
  book: Book @authenticated
  books: [Book] @authenticated
  list(first: Int tiny: Int last: Int): [Item!]! @authenticated
  bare: [Item!]! @authenticated
  sized(first: Int tiny: Int): [Item!]! @authenticated @listSize(slicingArguments: ["first"], assumedSize: 100)
  page(first: Int): Page @authenticated
  paged(first: Int): Sized @authenticated @listSize(slicingArguments: ["first"], sizedFields: ["nodes"])
  find(by: Filter text: String): Hit @authenticated
}
type Mutation {
  make: Item @constitutional(level: STANDARD) @authenticated
  wipe: Int @constitutional(level: CRITICAL)
}
type Book @cost(weight: 50) { title: String }
type Item { name: String }
type Page { nodes: [Item!] edges: [Item!] }
type Sized { nodes: [Item!] edges: [Item!] }
union Hit = Vault | Item
type Vault ${VAULT} { gold: Int }
type Open { gold: Int title: String }
type Person @key(fields: "id") ${PERSON} { id: ID! vault: Vault name: String }
type Thing @key(fields: "id") { id: ID! label: String }
input Filter @tag(name: "public") { name: String @cost(weight: 3) }
`;
const PEOPLE = `${head('people')}
type Person @key(fields: "id") ${PERSON} { id: ID! age: Int }
type Query { who: Person @authenticated }
`;
const TEXTS = [ORDERS, PEOPLE] as const;
const BASE = changedFrom(TEXTS);

const check = (patch: readonly Replacement[], over = {}): SchemaCheckReport => checkSchema(request(changedFrom(TEXTS, ...patch), { base: BASE, usage: UNUSED, ...over }));
const guards = ({ findings }: SchemaCheckReport): string[] => findings.filter(({ kind }) => kind === 'PROTECTION').map(({ criticality, code, coordinate }) => `${criticality} ${code} ${coordinate}`);

const RETARGETED: Replacement = ['vault: Vault', 'vault: Open'];
const ORDERS_PERSON = `type Person @key(fields: "id") ${PERSON} { id: ID! vault`;
const PEOPLE_PERSON = `type Person @key(fields: "id") ${PERSON} { id: ID! age`;
const THING = 'type Query { who:';
const without = (text: string, demand: string): string => text.replace(demand, '');
/** A subgraph that refers to a type that was another's. */
const joining = (declaration: string): Replacement => [THING, `${declaration} ${THING}`];

const DEMANDS: readonly (readonly [string, readonly Replacement[], readonly string[]])[] = [
  ['a type that is exchanged for an open one', [RETARGETED], ['BREAKING PROTECTION_WEAKENED Person.vault']],
  ['the same beside a duplicate demand that goes', [RETARGETED, [PEOPLE_PERSON, without(PEOPLE_PERSON, PERSON)]], ['BREAKING PROTECTION_WEAKENED Person.vault', 'DANGEROUS PROTECTION_MOVED Person']],
  ['the same beside a demand that moves to the fields', [['vault: Vault name: String', `vault: Open ${PERSON} name: String ${PERSON}`], [ORDERS_PERSON, without(ORDERS_PERSON, PERSON).replace('id: ID! vault', `id: ID! ${PERSON} vault`)], [PEOPLE_PERSON, without(PEOPLE_PERSON, PERSON).replace('id: ID! age', `id: ID! ${PERSON} age: Int ${PERSON} years`)]], ['BREAKING PROTECTION_WEAKENED Person', 'BREAKING PROTECTION_WEAKENED Person.vault']],
  ['the same beside a demand that is weakened', [RETARGETED, [ORDERS_PERSON, ORDERS_PERSON.replace('["person"]', '["person"], ["guest"]')], [PEOPLE_PERSON, PEOPLE_PERSON.replace('["person"]', '["person"], ["guest"]')]], ['BREAKING PROTECTION_WEAKENED Person', 'BREAKING PROTECTION_WEAKENED Person.vault']],
  ['the same where the type itself asks for less', [RETARGETED, [`type Vault ${VAULT}`, 'type Vault @requiresScopes(scopes: [["vault"], ["guest"]])']], ['BREAKING PROTECTION_WEAKENED Person.vault', 'BREAKING PROTECTION_WEAKENED Vault']],
  ['a type that is opened, told of once and not at each reader', [[`type Vault ${VAULT}`, 'type Vault']], ['BREAKING PROTECTION_REMOVED Vault']],
  ['a member of a union whose demand moves to its fields', [[`type Vault ${VAULT} { gold: Int }`, `type Vault { gold: Int ${VAULT} }`]], ['BREAKING PROTECTION_WEAKENED Vault']],
];

const COSTS: readonly (readonly [string, readonly Replacement[], readonly string[]])[] = [
  ['a weight below that of the type that is returned', [['book: Book', 'book: Book @cost(weight: 1)']], ['BREAKING COST_LOWERED Query.book']],
  ['a weight above it', [['book: Book', 'book: Book @cost(weight: 51)']], ['DANGEROUS COST_RAISED Query.book']],
  ['a weight that is the one of the type', [['book: Book', 'book: Book @cost(weight: 50)']], []],
  ['a weight below what a mutation costs', [['make: Item', 'make: Item @cost(weight: 1)']], ['BREAKING COST_LOWERED Mutation.make']],
  ['a weight of a type that goes, told of once', [['type Book @cost(weight: 50)', 'type Book']], ['BREAKING COST_LOWERED Book']],
  ['a dear type that is exchanged', [['book: Book', 'book: Open'], ['books: [Book]', 'books: [Open]']], ['BREAKING COST_LOWERED Query.book', 'BREAKING COST_LOWERED Query.books']],
  ['one value instead of a list of them', [['books: [Book]', 'books: Book']], []],
  ['a weight below nothing', [['type Item {', 'type Item @cost(weight: -5) {']], ['BREAKING COST_LOWERED Hit', 'BREAKING COST_LOWERED Item']],
  ['a weight of an input field', [['name: String @cost(weight: 3)', 'name: String']], ['BREAKING COST_LOWERED Filter.name']],
  ['a weight of an argument', [['text: String)', 'text: String @cost(weight: 2))']], ['DANGEROUS COST_RAISED Query.find(text:)']],
  ['a size in place of the slicing arguments that count by their names', [['last: Int): [Item!]! @authenticated', 'last: Int): [Item!]! @authenticated @listSize(assumedSize: 1)']], ['BREAKING LIST_SIZE_WEAKENED Query.list']],
  ['one of two slicing arguments', [['last: Int): [Item!]! @authenticated', 'last: Int): [Item!]! @authenticated @listSize(slicingArguments: ["first"])']], ['BREAKING LIST_SIZE_WEAKENED Query.list']],
  ['both of them, one of which must now be given', [['last: Int): [Item!]! @authenticated', 'last: Int): [Item!]! @authenticated @listSize(slicingArguments: ["first", "last"])']], ['DANGEROUS LIST_SIZE_STRENGTHENED Query.list']],
  ['a size below ten where nothing was said', [['bare: [Item!]! @authenticated', 'bare: [Item!]! @authenticated @listSize(assumedSize: 9)']], ['BREAKING LIST_SIZE_WEAKENED Query.bare']],
  ['a size above it', [['bare: [Item!]! @authenticated', 'bare: [Item!]! @authenticated @listSize(assumedSize: 11)']], ['DANGEROUS LIST_SIZE_STRENGTHENED Query.bare']],
  ['a new argument of the usual name with its directive', [['bare: [Item!]! @authenticated', 'bare(first: Int): [Item!]! @authenticated @listSize(slicingArguments: ["first"])']], ['DANGEROUS LIST_SIZE_STRENGTHENED Query.bare']],
  ['a second slicing argument', [['slicingArguments: ["first"], assumedSize', 'slicingArguments: ["first", "tiny"], assumedSize']], ['BREAKING LIST_SIZE_WEAKENED Query.sized']],
  ['an assumed size that goes', [['slicingArguments: ["first"], assumedSize: 100', 'slicingArguments: ["first"]']], ['BREAKING LIST_SIZE_WEAKENED Query.sized']],
  ['a page that sizes one of its lists', [['page(first: Int): Page @authenticated', 'page(first: Int): Page @authenticated @listSize(slicingArguments: ["first"], sizedFields: ["nodes"])']], ['BREAKING LIST_SIZE_WEAKENED Query.page']],
  ['a page that sizes all of them', [['page(first: Int): Page @authenticated', 'page(first: Int): Page @authenticated @listSize(slicingArguments: ["first"], sizedFields: ["nodes", "edges"])']], ['DANGEROUS LIST_SIZE_STRENGTHENED Query.page']],
  ['a list that no longer takes the size of its page', [['type Page { nodes: [Item!]', 'type Page { nodes: [Item!] @listSize(assumedSize: 10)']], ['BREAKING LIST_SIZE_WEAKENED Page.nodes']],
  ['a list that takes the size of its page instead of its own', [['sizedFields: ["nodes"]', 'sizedFields: ["nodes", "edges"]']], ['BREAKING LIST_SIZE_WEAKENED Query.paged']],
];

const OWNERS: readonly (readonly [string, readonly Replacement[], readonly string[]])[] = [
  ['a protected field that another takes over', [[PEOPLE_PERSON, PEOPLE_PERSON.replace(' age', ' name: String @override(from: "orders") age')]], ['BREAKING OWNERSHIP_MOVED Person.name']],
  ['a protected field that another takes over in part', [[PEOPLE_PERSON, PEOPLE_PERSON.replace(' age', ' name: String @override(from: "orders", label: "percent(5)") age')]], ['BREAKING OWNERSHIP_MOVED Person.name']],
  ['a protected field that another shares', [['vault: Vault name: String', 'vault: Vault name: String @shareable'], [PEOPLE_PERSON, PEOPLE_PERSON.replace(' age', ' name: String @shareable age')]], ['BREAKING OWNERSHIP_MOVED Person.name']],
  ['a protected field that another provides', [['vault: Vault name: String', 'vault: Vault name: String @shareable'], [PEOPLE_PERSON, PEOPLE_PERSON.replace(' age', ' name: String @external age')], ['who: Person @authenticated', 'who: Person @authenticated @provides(fields: "name")']], ['BREAKING OWNERSHIP_MOVED Person.name']],
  ['a CRITICAL mutation', [joining('type Mutation { wipe: Int @constitutional(level: CRITICAL) @override(from: "orders") }')], ['BREAKING OWNERSHIP_MOVED Mutation.wipe']],
  ['an open field that another takes over', [joining('type Thing @key(fields: "id") { id: ID! label: String @override(from: "orders") }')], ['DANGEROUS OWNERSHIP_MOVED Thing.label']],
  ['a value type that another has as well', [['type Item {', 'type Item @shareable {'], joining('type Item @shareable { name: String }')], []],
  ['an entity that another refers to, with a new field that is the same for everyone', [joining('type Thing @key(fields: "id") @impersonal(subgraph: "people") { id: ID! rating: Int @cacheControl(maxAge: 5, changedBy: ["people"]) rank: Int @impersonal(subgraph: "people") }')], []],
  ['the same where it takes an old field over', [joining('type Thing @key(fields: "id") @impersonal(subgraph: "people") { id: ID! label: String @override(from: "orders") }')], ['BREAKING IMPERSONAL_ADDED Thing', 'DANGEROUS OWNERSHIP_MOVED Thing.label']],
];

describe.each([['demands', DEMANDS], ['costs', COSTS], ['owners', OWNERS]] as const)('%s', (_, rows) => {
  test.each(rows)('%s', (_change, patch, expected) => {
    const report = check(patch);
    expect({ composes: report.verdict !== 'INVALID', found: guards(report) }).toEqual({ composes: true, found: expected });
    expect(report.verdict === 'BREAKING').toBe(report.findings.some(({ criticality }) => criticality === 'BREAKING'));
    expect(report.findings.filter(({ kind }) => kind === 'PROTECTION').map(({ weight }) => weight)).toEqual(expected.map(() => null));
  });
});

test('a mark of one subgraph is not covered by the approval of the same mark of another', () => {
  const shared: readonly Replacement[] = [['type Thing @key(fields: "id") { id: ID! label: String }', 'type Thing @key(fields: "id") { id: ID! label: String @shareable }'], joining('type Thing @key(fields: "id") { id: ID! label: String @shareable }')];
  const base = changedFrom(TEXTS, ...shared);
  const marked = (subgraph: 'orders' | 'people', approved: readonly string[]): SchemaCheckReport => checkSchema(request(base.map((one) => (one.name === subgraph ? { ...one, sdl: one.sdl.replace('label: String @shareable', `label: String @shareable @impersonal(subgraph: "${subgraph}")`) } : one)), { base, usage: UNUSED, approved }));
  const approved = marked('orders', []).findings.map(({ fingerprint }) => fingerprint);
  expect([marked('orders', approved).approval, marked('people', approved).approval]).toEqual(['GIVEN', 'NEEDED']);
});

test('a field that comes under the mark a type already had is told of', () => {
  const thing = (more: string): Replacement => joining(`type Thing @key(fields: "id") @impersonal(subgraph: "people") { id: ID! rating: Int ${more} }`);
  const report = checkSchema(request(changedFrom(TEXTS, thing('label: String @override(from: "orders")')), { base: changedFrom(TEXTS, thing('')), usage: UNUSED }));
  expect(guards(report)).toEqual(['BREAKING IMPERSONAL_ADDED Thing.label', 'DANGEROUS OWNERSHIP_MOVED Thing.label']);
});

test('marks of a first version change nothing', () => {
  const proposed = changedFrom(TEXTS, ['label: String', 'label: String @impersonal(subgraph: "orders") @cacheControl(maxAge: 5, changedBy: ["orders"])']);
  expect(checkSchema(request(proposed, { base: [] })).verdict).toBe('SAFE');
});
