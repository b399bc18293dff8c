/** What a schema check makes of a change: a table of changes, weighed by usage, and of inputs that cannot be served. */
import { describe, expect, test } from '@jest/globals';
import '../../gateway/telemetry-config.js';
import { Supergraph } from '@apollo/federation-internals';
import fc from 'fast-check';
import { findBreakingChanges, parse, print, type DocumentNode } from 'graphql';
import { checkSchema } from '../../gateway/supergraph/checks/check-schema.js';
import type { Criticality, SchemaCheckReport, SchemaFinding, SubgraphSchema } from '../../ops/runtime/schema-check.js';
import { BASE, changed, HASH, recorded, request, UNUSED, USED, type Replacement } from './schema-changes-graph.js';

/** What a finding is when everything is used, and when nothing of it is. */
type Weighed = readonly [used: Criticality, unused: Criticality];
const BREAKING_BY_USE: Weighed = ['BREAKING', 'SAFE'];
const ALWAYS_BREAKING: Weighed = ['BREAKING', 'BREAKING'];
const DANGEROUS: Weighed = ['DANGEROUS', 'DANGEROUS'];
const SAFE: Weighed = ['SAFE', 'SAFE'];
const STRONGER: Weighed = ['BREAKING', 'DANGEROUS'];

interface Row {
  readonly change: string;
  readonly patch: readonly Replacement[];
  readonly code: string;
  readonly at: string | null;
  readonly is: Weighed;
  readonly subgraph?: string;
}
const row = (change: string, patch: readonly Replacement[], code: string, at: string | null, is: Weighed, subgraph = 'orders'): Row => ({ change, patch, code, at, is, subgraph });

const SHAPE: readonly Row[] = [
  row('a field is removed', [['"Total." total: Float', '']], 'FIELD_REMOVED', 'Order.total', BREAKING_BY_USE),
  row('a field is added', [['"Total." total: Float', '"Total." total: Float "Tax." tax: Float']], 'FIELD_ADDED', 'Order.tax', SAFE),
  row('a field becomes nullable', [['"State." state: OrderState!', '"State." state: OrderState']], 'FIELD_MADE_NULLABLE', 'Order.state', BREAKING_BY_USE),
  row('a field becomes non-null', [['"Total." total: Float', '"Total." total: Float!']], 'FIELD_TYPE_NARROWED', 'Order.total', SAFE),
  row('items of a list become nullable', [['[Order!]!', '[Order]!']], 'FIELD_MADE_NULLABLE', 'OrderPage.nodes', BREAKING_BY_USE),
  row('a field gets another type', [['"Price." price: Float', '"Price." price: String']], 'FIELD_TYPE_CHANGED', 'Line.price', BREAKING_BY_USE),
  row('a field becomes a list', [['"Price." price: Float', '"Price." price: [Float]']], 'FIELD_TYPE_CHANGED', 'Line.price', BREAKING_BY_USE),
  row('a field of another subgraph is removed', [['"Rating." rating: Int', '']], 'FIELD_REMOVED', 'Order.rating', BREAKING_BY_USE, 'people'),
  row('a type is removed with its field', [['"Lines." lines: [Line!]! @tag(name: "public")', ''], ['"A line." type Line { "What." item: String! "How many." count: Int! "Price." price: Float }', '']], 'TYPE_REMOVED', 'Line', BREAKING_BY_USE),
  row('a type is added', [['"A line."', '"New." type Extra { "A." a: Int } "A line."']], 'TYPE_ADDED', 'Extra', SAFE),
  row('a scalar becomes an enum', [['"Name." displayName: String!', '"Name." displayName: Handle!'], ['"A person."', '"H." enum Handle { "A." A } "A person."']], 'FIELD_TYPE_CHANGED', 'Person.displayName', BREAKING_BY_USE, 'people'),
  row('an object becomes a union', [['"A line." type Line { "What." item: String! "How many." count: Int! "Price." price: Float }', 'union Line = Memo']], 'TYPE_KIND_CHANGED', 'Line', BREAKING_BY_USE),
  row('an argument is removed', [['note("Longest, characters." limit: Int = 100): String', 'note: String']], 'ARGUMENT_REMOVED', 'Order.note(limit:)', BREAKING_BY_USE),
  row('an optional argument is added', [['note("Longest, characters." limit: Int = 100)', 'note("Longest, characters." limit: Int = 100 "L." language: String)']], 'ARGUMENT_ADDED', 'Order.note(language:)', SAFE),
  row('a required argument is added', [['note("Longest, characters." limit: Int = 100)', 'note("Longest, characters." limit: Int = 100 "L." language: String!)']], 'REQUIRED_ARGUMENT_ADDED', 'Order.note(language:)', BREAKING_BY_USE),
  row('an argument gets another type', [['order("Its identifier." id: ID!)', 'order("Its identifier." id: Int!)']], 'ARGUMENT_TYPE_CHANGED', 'Query.order(id:)', BREAKING_BY_USE),
  row('an argument becomes optional', [['order("Its identifier." id: ID!)', 'order("Its identifier." id: ID)']], 'ARGUMENT_TYPE_WIDENED', 'Query.order(id:)', SAFE),
  row('an argument that everyone gives becomes required', [['"How." mode: SearchMode', '"How." mode: SearchMode!']], 'ARGUMENT_MADE_REQUIRED', 'Query.search(mode:)', SAFE),
  row('an argument that someone leaves out becomes required', [['"For retries." idempotencyKey: String): PlaceOrderResult! @constitutional(level: CRITICAL)', '"For retries." idempotencyKey: String!): PlaceOrderResult! @constitutional(level: CRITICAL)']], 'ARGUMENT_MADE_REQUIRED', 'Mutation.placeOrder(idempotencyKey:)', BREAKING_BY_USE),
  row('the default of an argument changes', [['limit: Int = 100', 'limit: Int = 1000']], 'ARGUMENT_DEFAULT_CHANGED', 'Order.note(limit:)', DANGEROUS),
  row('an input field is removed', [['"Note." note: String "State."', '"State."']], 'INPUT_FIELD_REMOVED', 'OrderInput.note', BREAKING_BY_USE),
  row('an input field that nobody is recorded to send is removed', [['"Text." text: String }\n"An order." input', '}\n"An order." input']], 'INPUT_FIELD_REMOVED', 'OrderFilter.text', BREAKING_BY_USE),
  row('an optional input field is added', [['input OrderInput {', 'input OrderInput { "Gift." gift: Boolean']], 'INPUT_FIELD_ADDED', 'OrderInput.gift', SAFE),
  row('a required input field is added', [['input OrderInput {', 'input OrderInput { "Gift." gift: Boolean!']], 'REQUIRED_INPUT_FIELD_ADDED', 'OrderInput.gift', BREAKING_BY_USE),
  row('a required input field with a default is added', [['input OrderInput {', 'input OrderInput { "Gift." gift: Boolean! = false']], 'INPUT_FIELD_ADDED', 'OrderInput.gift', SAFE),
  row('an input field becomes required', [['"Note." note: String "State."', '"Note." note: String! "State."']], 'INPUT_FIELD_MADE_REQUIRED', 'OrderInput.note', BREAKING_BY_USE),
  row('an input field becomes optional', [['input OrderInput { "Name." name: String!', 'input OrderInput { "Name." name: String']], 'INPUT_FIELD_TYPE_WIDENED', 'OrderInput.name', SAFE),
  row('items of an input list become a list', [['lines: [String!] }', 'lines: [[String!]] }']], 'INPUT_FIELD_TYPE_CHANGED', 'OrderInput.lines', BREAKING_BY_USE),
  row('the default of an input field changes', [['state: OrderState = NEW', 'state: OrderState = PAID']], 'INPUT_FIELD_DEFAULT_CHANGED', 'OrderInput.state', DANGEROUS),
  row('a value that is sent is removed', [['"Gone." CANCELLED', '']], 'ENUM_VALUE_REMOVED', 'OrderState.CANCELLED', BREAKING_BY_USE),
  row('a value that is sent by nobody is removed', [['"Exact." EXACT', '']], 'ENUM_VALUE_REMOVED', 'SearchMode.EXACT', SAFE),
  row('a value that clients read is added', [['"Gone." CANCELLED', '"Gone." CANCELLED "Back." RETURNED']], 'ENUM_VALUE_ADDED', 'OrderState.RETURNED', DANGEROUS),
  row('a value that clients only send is added', [['"Loose." LOOSE', '"Loose." LOOSE "Fuzzy." FUZZY']], 'ENUM_VALUE_ADDED', 'SearchMode.FUZZY', SAFE),
  row('a member that clients ask for leaves a union', [['union Hit = Order | Memo', 'union Hit = Order']], 'UNION_MEMBER_REMOVED', 'Hit', BREAKING_BY_USE),
  row('a member joins a union', [['union Hit = Order | Memo', 'union Hit = Order | Memo | Line']], 'UNION_MEMBER_ADDED', 'Hit', DANGEROUS),
  row('a type no longer implements an interface that clients narrow', [['type Memo implements Named {', 'type Memo {']], 'INTERFACE_REMOVED', 'Memo', BREAKING_BY_USE),
  row('a type implements one more interface', [['"What." item: String!', '"Name." name: String! "What." item: String!'], ['"A line." type Line {', '"A line." type Line implements Named {']], 'INTERFACE_ADDED', 'Line', DANGEROUS),
  row('a field is deprecated', [['"Total." total: Float', '"Total." total: Float @deprecated(reason: "Use sum.")']], 'DEPRECATED', 'Order.total', SAFE),
];

const PROTECTION: readonly Row[] = [
  row('the constitutional level is weakened', [['@constitutional(level: CRITICAL)', '@constitutional(level: STANDARD)']], 'PROTECTION_REMOVED', 'Mutation.placeOrder', ALWAYS_BREAKING),
  row('the constitutional level is raised', [['@constitutional(level: STANDARD)', '@constitutional(level: CRITICAL)']], 'PROTECTION_STRENGTHENED', 'Mutation.markRead', STRONGER),
  row('@authenticated is removed', [['ping: String! @authenticated', 'ping: String!']], 'PROTECTION_REMOVED', 'Query.ping', ALWAYS_BREAKING),
  row('@authenticated gives way to a scope', [['me: Person @authenticated', 'me: Person @requiresScopes(scopes: [["person:read"]])']], 'PROTECTION_STRENGTHENED', 'Query.me', STRONGER, 'people'),
  row('@requiresScopes is removed', [['order("Its identifier." id: ID!): Order @requiresScopes(scopes: [["order:read"]])', 'order("Its identifier." id: ID!): Order']], 'PROTECTION_REMOVED', 'Query.order', ALWAYS_BREAKING),
  row('@requiresScopes gives way to @authenticated', [['email: String @requiresScopes(scopes: [["person:email"]])', 'email: String @authenticated']], 'PROTECTION_REMOVED', 'Person.email', ALWAYS_BREAKING, 'people'),
  row('an alternative is added to the scopes', [['[["person:read"]]', '[["person:read"], ["guest"]]']], 'PROTECTION_WEAKENED', 'Order.owner', ALWAYS_BREAKING, 'people'),
  row('one of two scopes is dropped', [['[["book:read", "book:list"], ["admin"]]', '[["book:read"], ["admin"]]']], 'PROTECTION_WEAKENED', 'Query.book', ALWAYS_BREAKING),
  row('an alternative is taken from the scopes', [['[["book:read", "book:list"], ["admin"]]', '[["book:read", "book:list"]]']], 'PROTECTION_STRENGTHENED', 'Query.book', STRONGER),
  row('a scope is replaced by another', [['[["person:email"]]', '[["person:mail"]]']], 'PROTECTION_WEAKENED', 'Person.email', ALWAYS_BREAKING, 'people'),
  row('@policy is removed', [['margin: Float @policy(policies: [["finance"]])', 'margin: Float']], 'PROTECTION_REMOVED', 'Order.margin', ALWAYS_BREAKING),
  row('@requiresScopes is added', [['"Rating." rating: Int', '"Rating." rating: Int @requiresScopes(scopes: [["rating"]])']], 'PROTECTION_STRENGTHENED', 'Order.rating', STRONGER, 'people'),
  row('a type is no longer protected', [['type Book @authenticated', 'type Book']], 'PROTECTION_REMOVED', 'Book', ALWAYS_BREAKING),
  row('a demand moves from a type to each of its fields', [['type Vault @requiresScopes(scopes: [["vault"]]) { "Gold." gold: Int "Silver." silver: Int }', 'type Vault { "Gold." gold: Int @requiresScopes(scopes: [["vault"]]) "Silver." silver: Int @requiresScopes(scopes: [["vault"]]) }']], 'PROTECTION_WEAKENED', 'Vault', ALWAYS_BREAKING),
  row('a demand moves from a type to some of its fields', [['type Vault @requiresScopes(scopes: [["vault"]]) { "Gold."', 'type Vault { "Gold."'], ['silver: Int', 'silver: Int @requiresScopes(scopes: [["vault"]])']], 'PROTECTION_REMOVED', 'Vault', ALWAYS_BREAKING),
  row('a field moves to another subgraph and loses its protection', [['"What it cost us." margin: Float @policy(policies: [["finance"]])', ''], ['"Rating." rating: Int', '"Rating." rating: Int "What it cost us." margin: Float']], 'PROTECTION_REMOVED', 'Order.margin', ALWAYS_BREAKING, 'people'),
  row('a field moves to another subgraph and keeps its protection', [['"What it cost us." margin: Float @policy(policies: [["finance"]])', ''], ['"Rating." rating: Int', '"Rating." rating: Int "What it cost us." margin: Float @policy(policies: [["finance"]])']], 'PROTECTION_MOVED', 'Order.margin', DANGEROUS),
  row('a type with a demand of its own joins an interface', [['"A line." type', '"S." type Secret implements Named @requiresScopes(scopes: [["secret"]]) { "N." name: String! } "A line." type']], 'PROTECTION_STRENGTHENED', 'Query.named', STRONGER),
  row('a field returns an open type where it returned a protected one', [['"The vault." vault: Vault', '"The vault." vault: Line']], 'PROTECTION_WEAKENED', 'Query.vault', ALWAYS_BREAKING),
  row('a directive is imported under another name', [['extend schema # of people\n  @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@policy"', 'extend schema\n  @link(url: "https://specs.apollo.dev/federation/v2.9", import: [{ name: "@policy", as: "@rule" }']], 'PROTECTION_RENAMED', '@rule', DANGEROUS, 'people'),
  row('the name of a directive is given to one that protects nothing', [['extend schema # of people\n  @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@policy"', 'directive @policy on FIELD_DEFINITION\nextend schema\n  @link(url: "https://specs.apollo.dev/federation/v2.9", import: [{ name: "@policy", as: "@rule" }']], 'PROTECTION_NAME_TAKEN', '@policy', ALWAYS_BREAKING, 'people'),
  row('the weight of a mutation is lowered', [['@cost(weight: 20)', '@cost(weight: 2)']], 'COST_LOWERED', 'Mutation.placeOrder', ALWAYS_BREAKING),
  row('the weight of a mutation is raised', [['@cost(weight: 20)', '@cost(weight: 40)']], 'COST_RAISED', 'Mutation.placeOrder', DANGEROUS),
  row('@listSize is removed', [['@listSize(assumedSize: 50)', '']], 'LIST_SIZE_REMOVED', 'Query.search', ALWAYS_BREAKING),
  row('the assumed size is lowered', [['@listSize(assumedSize: 50)', '@listSize(assumedSize: 5)']], 'LIST_SIZE_WEAKENED', 'Query.search', ALWAYS_BREAKING),
  row('a slicing argument is no longer required', [['sizedFields: ["nodes"])', 'sizedFields: ["nodes"], requireOneSlicingArgument: false)']], 'LIST_SIZE_WEAKENED', 'Query.orders', ALWAYS_BREAKING),
  row('a slicing argument is dropped', [['slicingArguments: ["first"]', 'assumedSize: 20']], 'LIST_SIZE_WEAKENED', 'Query.orders', ALWAYS_BREAKING),
  row('the assumed size is raised', [['@listSize(assumedSize: 50)', '@listSize(assumedSize: 500)']], 'LIST_SIZE_STRENGTHENED', 'Query.search', DANGEROUS),
  row('a private value may be shared', [['changedBy: ["orders"], scope: "PRIVATE"', 'changedBy: ["orders"]']], 'CACHE_MADE_PUBLIC', 'Order.place', ALWAYS_BREAKING),
  row('a field is said to be the same for everyone', [['"Joined." joined: String', '"Joined." joined: String @impersonal(subgraph: "people")']], 'IMPERSONAL_ADDED', 'Person.joined', ALWAYS_BREAKING, 'people'),
  row('a hidden field becomes visible', [['rowId: Int @inaccessible', 'rowId: Int']], 'NEWLY_VISIBLE', 'Order.rowId', ALWAYS_BREAKING),
  row('a visible field is hidden', [['"Total." total: Float', '"Total." total: Float @inaccessible']], 'FIELD_REMOVED', 'Order.total', BREAKING_BY_USE),
  row('a protected field is taken over', [['"Rating." rating: Int', '"Rating." rating: Int "Weight." grams: Int @override(from: "orders")']], 'OWNERSHIP_MOVED', 'Order.grams', ALWAYS_BREAKING, 'people'),
  row('an open field is taken over', [['"Rating." rating: Int', '"Rating." rating: Int "Total." total: Float @override(from: "orders")']], 'OWNERSHIP_MOVED', 'Order.total', DANGEROUS, 'people'),
  row('a root field comes without any demand', [['me: Person @authenticated', 'me: Person @authenticated "Open." everyone: Int']], 'ROOT_FIELD_OPEN', 'Query.everyone', DANGEROUS, 'people'),
];

const ROWS = [...SHAPE, ...PROTECTION];
const check = (patch: readonly Replacement[], over = {}): SchemaCheckReport => checkSchema(request(changed(...patch), over));
const found = (report: SchemaCheckReport, code: string, coordinate: string | null): SchemaFinding | undefined => report.findings.find((finding) => finding.code === code && finding.coordinate === coordinate);
const RANK: readonly Criticality[] = ['SAFE', 'DANGEROUS', 'BREAKING'];

test('the table has at least forty changes', () => expect(ROWS.length).toBeGreaterThanOrEqual(40));

const usedReports = new Map<Row, SchemaCheckReport>();
const whenUsed = (of: Row): SchemaCheckReport => {
  const report = usedReports.get(of) ?? check(of.patch);
  usedReports.set(of, report);
  return report;
};

describe.each(ROWS.map((of) => ({ ...of, of })))('$change: $code', ({ of, patch, code, at, is: [used, unused], subgraph }) => {
  test(`is ${used} where it is used and ${unused} where it is not`, () => {
    for (const [report, criticality] of [[whenUsed(of), used], [check(patch, { usage: UNUSED }), unused]] as const) {
      const finding = found(report, code, at);
      expect({ subgraph: finding?.subgraph, criticality: finding?.criticality, findings: report.findings.map((one) => `${one.code} ${one.coordinate ?? ''}`) }).toMatchObject({ subgraph, criticality });
      expect(report.verdict).toBe([...report.findings].sort((left, right) => RANK.indexOf(right.criticality) - RANK.indexOf(left.criticality))[0]?.criticality);
      expect(report.approval).toBe(report.verdict === 'BREAKING' ? 'NEEDED' : 'NOT_NEEDED');
      expect(report.supergraphDigest).toMatch(/^[0-9a-f]{64}$/);
      const fingerprints = report.findings.flatMap((one) => (one.kind === 'PROTECTION' ? [one.fingerprint] : []));
      expect(fingerprints).toEqual(fingerprints.map(() => expect.stringMatching(/^[0-9a-f]{64}$/)));
      expect(new Set(fingerprints).size).toBe(fingerprints.length);
    }
  });
});

describe('a weakening cannot be hidden', () => {
  /** One subgraph whose constitutional directive goes by `name`, with an own directive beside it. */
  const alone = (name: string, own: string, fields: string): SubgraphSchema[] => [{
    name: 'orders', url: 'http://orders.internal/graphql', sdl: `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@composeDirective", "@authenticated"])
  @link(url: "https://specs.acgs.internal/constitutional/v1.0", import: [${name === 'constitutional' ? '"@constitutional"' : `{ name: "@constitutional", as: "@${name}" }`}])
  @composeDirective(name: "@${name}") @${name}(hash: "${HASH}")
directive @${name}(hash: String, level: constitutional__Level! = STANDARD) on SCHEMA | FIELD_DEFINITION
enum constitutional__Level { STANDARD CRITICAL }
${own}
type Query { ok: Int @authenticated }
type Mutation { act: Int @authenticated ${fields} }` }];
  const base = alone('constitutional', '', '@constitutional(level: CRITICAL)');

  test('behind a renamed import whose old name an own directive takes', () => {
    const proposed = base.map((subgraph) => ({ ...subgraph, sdl: `directive @authenticated on FIELD_DEFINITION\n${subgraph.sdl.replace('"@authenticated"', '{ name: "@authenticated", as: "@signedIn" }')}` }));
    const report = checkSchema(request(proposed, { base, usage: UNUSED }));
    expect(report.verdict).toBe('BREAKING');
    expect(report.findings.map(({ code, coordinate, criticality }) => `${criticality} ${code} ${coordinate}`)).toEqual([
      'BREAKING PROTECTION_NAME_TAKEN @authenticated', 'BREAKING PROTECTION_REMOVED Mutation.act', 'BREAKING PROTECTION_REMOVED Query.ok', 'DANGEROUS PROTECTION_RENAMED @signedIn',
    ]);
  });
  test('nor the level of the constitution, whose own name nothing else may use', () => {
    const report = checkSchema(request(alone('interlock', 'directive @constitutional(hash: String, level: constitutional__Level!) on FIELD_DEFINITION', '@constitutional(level: CRITICAL) @interlock(level: STANDARD)'), { base, usage: UNUSED }));
    expect([report.verdict, report.findings[0]?.code]).toEqual(['INVALID', 'INVALID_SDL']);
    const weaker = checkSchema(request(alone('interlock', '', '@interlock(level: STANDARD)'), { base, usage: UNUSED }));
    expect(weaker.findings.map(({ code, coordinate }) => `${code} ${coordinate}`)).toContain('PROTECTION_REMOVED Mutation.act');
  });
  test('and a renaming that weakens nothing is told of and lets pass', () => {
    const report = checkSchema(request(alone('interlock', '', '@interlock(level: CRITICAL)'), { base, usage: UNUSED }));
    expect([report.verdict, report.findings.map(({ code }) => code)]).toEqual(['DANGEROUS', ['PROTECTION_RENAMED']]);
  });
});

test('a field that another subgraph took over keeps its guards until the old one is removed, which is found then', () => {
  const taken: Replacement = ['"Rating." rating: Int', '"Rating." rating: Int "Weight." grams: Int @override(from: "orders")'];
  const codes = ({ findings }: SchemaCheckReport): string[] => findings.map(({ criticality, code, coordinate }) => `${criticality} ${code} ${coordinate}`);
  expect(codes(check([taken]))).toEqual(['BREAKING OWNERSHIP_MOVED Order.grams']);
  expect(codes(checkSchema(request(changed(taken, ['"Weight." grams: Int @cost(weight: 5) @authenticated', '']), { base: changed(taken), usage: UNUSED })))).toEqual(['BREAKING COST_LOWERED Order.grams', 'BREAKING PROTECTION_REMOVED Order.grams']);
});

describe('input that cannot be served', () => {
  const refused: readonly [string, Replacement, string, string][] = [
    ['does not parse', ['"A line." type Line {', '"A line." type Line {{'], 'INVALID_SDL', 'COMPOSITION'],
    ['names a type that does not exist', ['"Total." total: Float', '"Total." total: Money'], 'INVALID_SDL', 'COMPOSITION'],
    ['does not compose', ['"Rating." rating: Int', '"Rating." rating: Int "Name." name: Int'], 'FIELD_TYPE_MISMATCH', 'COMPOSITION'],
    ['cannot be planned', ['"Rating." rating: Int', '"Rating." rating: Int "M." memo: Stray'], 'INVALID_SDL', 'COMPOSITION'],
    ['leaves a mutation without a level', [' @constitutional(level: STANDARD)', ''], 'MUTATION_LEVEL_MISSING', 'CONSTITUTION'],
  ];
  test.each(refused)('%s: INVALID, whatever was approved', (_, patch, code, kind) => {
    const report = check([patch]);
    const [first] = report.findings.filter((finding) => finding.kind === kind);
    expect(first).toMatchObject({ code, kind });
    const again = check([patch], { approved: report.findings.map(({ fingerprint }) => fingerprint) });
    expect(again).toMatchObject({ verdict: 'INVALID', approval: 'NOT_NEEDED', supergraphSdl: null, supergraphDigest: null });
    expect(again.steps.filter(({ ran }) => ran).map(({ step }) => step)).not.toContain('protection');
  });
  test('the line is the one the parser stopped at', () => {
    const sdl = 'type Query {\n  a: Int\n  b: !\n}';
    const report = checkSchema(request([{ name: 'orders', url: 'http://o', sdl }], { base: [] }));
    expect(report.findings[0]).toMatchObject({ code: 'INVALID_SDL', subgraph: 'orders', line: 3 });
  });
  test('a graph without subgraphs, or with two of one name, is refused', () => {
    expect(checkSchema(request([])).findings.map(({ code }) => code)).toEqual(['COMPOSITION_FAILED']);
    expect(checkSchema(request([...BASE, ...BASE.slice(0, 1)])).verdict).toBe('INVALID');
    expect(checkSchema(request([...changed(['"Total." total: Float', '']), ...BASE.slice(0, 1)])).findings[0]?.message).toBe('there are two subgraphs named orders.');
  });
  test('a hash that is not accepted is refused, also when no text changed', () => {
    const accepted = ['0123456789abcdef'];
    expect(check([['"Total." total: Float', '']], { accepted }).findings.map(({ code }) => code)).toContain('CONSTITUTION_HASH_REFUSED');
    const moved = BASE.map((subgraph) => ({ ...subgraph, url: 'http://elsewhere/graphql' }));
    expect(checkSchema(request(moved, { accepted }))).toMatchObject({ verdict: 'INVALID', supergraphSdl: null, findings: [{ code: 'CONSTITUTION_HASH_REFUSED', kind: 'CONSTITUTION' }] });
  });
  test('where what is published cannot be composed, nothing can be compared and each proposal needs an approval of its own', () => {
    const base = changed(['"Rating." rating: Int', '"Rating." rating: Int "Name." name: Int']);
    const report = checkSchema(request(BASE, { base }));
    const approved = report.findings.map(({ fingerprint }) => fingerprint);
    expect(checkSchema(request([...BASE].reverse(), { base, approved })).approval).toBe('GIVEN');
    expect(checkSchema(request(changed(['ping: String! @authenticated', 'ping: String!']), { base, approved })).approval).toBe('NEEDED');
    expect(report).toMatchObject({ verdict: 'BREAKING', approval: 'NEEDED' });
    expect(report.findings[0]?.code).toBe('BASE_NOT_COMPOSABLE');
    expect(report.supergraphSdl).not.toBeNull();
  });
});

describe('usage', () => {
  const patch: readonly Replacement[] = [['"Total." total: Float', '']];
  const removed = (over: object): SchemaFinding | undefined => found(check(patch, over), 'FIELD_REMOVED', 'Order.total');

  test.each([
    ['ABSENT', null],
    ['EMPTY', { from: null, to: null, operations: [], dropped: 0 }],
    ['STALE', { ...UNUSED, to: '2026-02-28T11:59:00.000Z' }],
    ['STALE', { ...UNUSED, to: 'no time' }],
    ['INCOMPLETE', { ...UNUSED, dropped: 1 }],
  ])('that is %s is said to be, and everything counts as used', (state, usage) => {
    const report = check(patch, { usage });
    expect(report.usage.state).toBe(state);
    expect(found(report, 'FIELD_REMOVED', 'Order.total')).toMatchObject({ criticality: 'BREAKING', weight: 'ASSUMED', affected: [] });
  });
  test('names who would break, most used first, at most ten', () => {
    const others = Array.from({ length: 12 }, (_, index) => recorded(`query Q${index} { order(id: "") { total } }`, [], `client-${index}`, index + 1));
    const finding = removed({ usage: { ...USED, operations: [...USED.operations, ...others] } });
    expect(finding).toMatchObject({ weight: 'USED', affectedCount: 13 });
    expect(finding?.affected.map(({ client, count }) => [client, count])).toEqual([['web', 120], ...Array.from({ length: 9 }, (_, index) => [`client-${11 - index}`, 12 - index])]);
  });
  test('counts a client from the minimum count, and a shipped document always', () => {
    expect(removed({ minimumCount: 121 })).toMatchObject({ criticality: 'SAFE', weight: 'UNUSED' });
    expect(removed({ minimumCount: 120 })).toMatchObject({ criticality: 'BREAKING' });
    expect(removed({ usage: UNUSED, operations: [{ name: 'order', text: '{ order(id: "1") { total } }', client: 'acgs' }] })).toMatchObject({ weight: 'USED', affected: [{ operation: 'order', client: 'acgs', count: null, origin: 'shipped' }] });
  });
  test('stands on recorded coordinates where the text cannot be read', () => {
    const broken = recorded('query {', ['Order.total']);
    expect(removed({ usage: { ...UNUSED, operations: [broken] } })).toMatchObject({ weight: 'USED', affectedCount: 1 });
  });
  test('knows which fields of a variable are sent only where some were recorded', () => {
    const place = (coordinates: readonly string[]): SchemaFinding | undefined => {
      const operation = recorded('mutation Place($input: OrderInput!) { placeOrder(input: $input) { __typename } }', coordinates);
      return found(check([['"Note." note: String "State."', '"State."']], { usage: { ...UNUSED, operations: [operation] } }), 'INPUT_FIELD_REMOVED', 'OrderInput.note');
    };
    expect(place([])).toMatchObject({ weight: 'USED' });
    expect(place(['OrderInput.name'])).toMatchObject({ weight: 'UNUSED', criticality: 'SAFE' });
  });
  test('a value that is only read may go: DANGEROUS for who reads it', () => {
    const reads = recorded('{ order(id: "") { state } }', []);
    expect(found(check([['"Gone." CANCELLED', '']], { usage: { ...UNUSED, operations: [reads] } }), 'ENUM_VALUE_REMOVED', 'OrderState.CANCELLED')).toMatchObject({ criticality: 'DANGEROUS', weight: 'USED', affectedCount: 1 });
  });
  test('a shipped document that would be refused is found though no finding says why', () => {
    const text = '{ search(text: "") { ... on Order { x: note } ... on Memo { x: text } } }';
    const report = check([['"A note." type Memo implements Named { "Name." name: String! "Text." text: String }', '"A note." type Memo implements Named { "Name." name: String! "Text." text: String! }']], { usage: UNUSED, operations: [{ name: 'search', text, client: 'acgs' }] });
    expect(report.findings[0]).toMatchObject({ code: 'OPERATION_BROKEN', criticality: 'BREAKING', affected: [{ operation: 'search', client: 'acgs', origin: 'shipped' }] });
    expect(report.findings[0]?.message).toContain('conflict');
  });
  test('an operation that was not valid before is broken only by what it is recorded to use', () => {
    const old = recorded('{ order(id: "") { gone } search(text: "") { ... on Memo { name } } }', []);
    expect(found(check([['union Hit = Order | Memo', 'union Hit = Order']], { usage: { ...UNUSED, operations: [old] } }), 'UNION_MEMBER_REMOVED', 'Hit')).toMatchObject({ criticality: 'BREAKING', affectedCount: 1 });
  });
});

describe('approvals', () => {
  const patch: readonly Replacement[] = [['"Total." total: Float', ''], ['ping: String! @authenticated', 'ping: String!']];
  test('cover findings by fingerprint, and a report whose breaking findings are all covered needs no more', () => {
    const report = check(patch);
    const breaking = report.findings.filter(({ criticality }) => criticality === 'BREAKING').map(({ fingerprint }) => fingerprint);
    expect(breaking).toHaveLength(2);
    expect(check(patch, { approved: breaking.slice(1) })).toMatchObject({ verdict: 'BREAKING', approval: 'NEEDED' });
    expect(check(patch, { approved: breaking })).toMatchObject({ verdict: 'BREAKING', approval: 'GIVEN' });
  });
  test('do not cover another change of the same element', () => {
    const scopes = (text: string): SchemaCheckReport => check([['[["person:read"]]', text]]);
    const approved = scopes('[["person:read"], ["guest"]]').findings.map(({ fingerprint }) => fingerprint);
    expect(checkSchema(request(changed(['[["person:read"]]', '[["person:read"], ["anyone"]]']), { approved })).approval).toBe('NEEDED');
    expect(checkSchema(request(changed(['[["person:read"]]', '[["guest"], ["person:read"]]']), { approved })).approval).toBe('GIVEN');
  });
});

describe('only what the change touches is run', () => {
  const ran = ({ steps }: SchemaCheckReport): string[] => steps.filter((step) => step.ran).map(({ step }) => step);
  test('nothing composes when nothing changed', () => {
    const report = checkSchema(request([...BASE].reverse()));
    expect(ran(report)).toEqual(['digest']);
    expect(report).toMatchObject({ verdict: 'SAFE', approval: 'NOT_NEEDED', changed: [], supergraphSdl: null });
    expect(report.baseDigest).toBe(report.proposedDigest);
  });
  test('a new description is composed and linted, and compared with nothing', () => {
    const report = check([['"Total." total', '"The sum." total']]);
    expect(ran(report)).toEqual(['digest', 'constitution', 'compose', 'lint']);
    expect(report.verdict).toBe('SAFE');
  });
  test('a new address is composed and not linted', () => {
    const report = checkSchema(request(BASE.map((subgraph) => (subgraph.name === 'people' ? { ...subgraph, url: 'http://elsewhere/graphql' } : subgraph))));
    expect(ran(report)).toEqual(['digest', 'constitution', 'compose']);
    expect(report.findings.map(({ code, criticality }) => `${criticality} ${code}`)).toEqual(['DANGEROUS SUBGRAPH_URL_CHANGED']);
  });
  test('a first version is compared with nothing, a removed subgraph with what it had', () => {
    expect(checkSchema(request(BASE, { base: [] }))).toMatchObject({ verdict: 'SAFE', changed: ['orders', 'people'] });
    const report = checkSchema(request(BASE.slice(0, 1), { usage: UNUSED }));
    expect(report.changed).toEqual(['people']);
    expect(found(report, 'FIELD_REMOVED', 'Order.owner')).toMatchObject({ subgraph: 'people', criticality: 'SAFE' });
    expect(report.findings.map(({ code }) => code)).toContain('SUBGRAPH_REMOVED');
  });
  test('lint tells of what the change brought in, of the changed subgraph alone, and never breaks', () => {
    const report = check([['"Rating." rating: Int', 'rating: Int list_of_all: [Int]'], ['"Who asks." me: Person @authenticated', '"Who asks." me: Person @authenticated "All." all: [Person] @authenticated']]);
    expect(report.findings.filter(({ kind }) => kind === 'LINT').map(({ code, coordinate, subgraph, criticality }) => `${criticality} ${subgraph} ${code} ${coordinate}`)).toEqual([
      'SAFE people DESCRIPTION_MISSING Order.list_of_all', 'SAFE people NAME_FORM Order.list_of_all', 'SAFE people DESCRIPTION_MISSING Order.rating', 'SAFE people LIST_UNBOUNDED Query.all',
    ]);
    expect(report.verdict).toBe('SAFE');
  });
  test('lint knows every convention', () => {
    const report = check([['type Mutation {', 'type Mutation { "C." orderCreate("A." Order: ID!): Line @constitutional(level: CRITICAL) @authenticated @deprecated(reason: "")'], ['type Query {\n', 'type Subscription { "S." moved: Order @authenticated }\n"E." enum low { one }\ntype Query {\n "P." page("How many." first: Int): [Line] @authenticated\n']]);
    expect(new Set(report.findings.filter(({ kind }) => kind === 'LINT').map(({ code }) => code))).toEqual(new Set(['MUTATION_NAME', 'IDEMPOTENCY_KEY_MISSING', 'MUTATION_RESULT', 'DEPRECATION_REASON_MISSING', 'NAME_FORM', 'DESCRIPTION_MISSING', 'SUBSCRIPTION_CURSOR_MISSING', 'LIST_SIZE_MISSING']));
  });
});

describe('the comparison itself', () => {
  test('finds everything that graphql-js finds to break', () => {
    const api = (report: SchemaCheckReport) => Supergraph.build(report.supergraphSdl!, { supportedFeatures: null }).apiSchema().toGraphQLJSSchema();
    const before = api(checkSchema(request(BASE, { base: [] })));
    let breaking = 0;
    for (const of of SHAPE) {
      const report = whenUsed(of);
      const theirs = findBreakingChanges(before, api(report));
      breaking += theirs.length;
      // Ours are weighed; without usage each of them would break.
      const ours = report.findings.filter(({ weight }) => weight !== null);
      expect({ change: of.change, breaks: ours.length > 0 }).toEqual({ change: of.change, breaks: theirs.length > 0 });
      expect(ours.length).toBeGreaterThanOrEqual(theirs.length);
    }
    expect(breaking).toBeGreaterThan(20);
  });

  test('does not depend on the order of subgraphs, definitions, fields, arguments, values or scopes', () => {
    const patch: readonly Replacement[] = [['"Total." total: Float', ''], ['[["book:read", "book:list"], ["admin"]]', '[["book:list"], ["admin"]]'], ['"Gone." CANCELLED', ''], ['union Hit = Order | Memo', 'union Hit = Order'], ['"Rating." rating: Int', '"Rating." rating: String @authenticated'], ['@cost(weight: 20)', '']];
    const essence = ({ verdict, findings, supergraphDigest: _, ...rest }: SchemaCheckReport): unknown => ({ verdict, changed: rest.changed, findings });
    const plain = checkSchema(request(changed(...patch)));
    expect(plain.findings.filter(({ criticality }) => criticality === 'BREAKING').length).toBeGreaterThanOrEqual(6);
    fc.assert(fc.property(fc.infiniteStream(fc.nat(1_000)), (numbers) => {
      const shuffle = <Item>(items: readonly Item[] | undefined): Item[] => (items ?? []).map((item) => ({ item, at: numbers.next().value as number })).sort((left, right) => left.at - right.at).map(({ item }) => item);
      const mixed = (set: readonly SubgraphSchema[]): SubgraphSchema[] => shuffle(set.map((subgraph) => ({ ...subgraph, sdl: print(mix(parse(subgraph.sdl), shuffle)) })));
      const report = checkSchema(request(mixed(changed(...patch)), { base: mixed(BASE) }));
      expect(essence(report)).toEqual(essence(plain));
    }), { numRuns: 8 });
  });
});

/** A document with everything in another order that may be in any. */
function mix(document: DocumentNode, shuffle: <Item>(items: readonly Item[] | undefined) => Item[]): DocumentNode {
  return {
    ...document,
    definitions: shuffle(document.definitions).map((definition) => {
      if (definition.kind === 'ObjectTypeDefinition' || definition.kind === 'InterfaceTypeDefinition') return { ...definition, fields: shuffle(definition.fields).map((field) => ({ ...field, arguments: shuffle(field.arguments), directives: shuffle(field.directives) })) };
      if (definition.kind === 'InputObjectTypeDefinition') return { ...definition, fields: shuffle(definition.fields) };
      if (definition.kind === 'EnumTypeDefinition') return { ...definition, values: shuffle(definition.values) };
      return definition.kind === 'UnionTypeDefinition' ? { ...definition, types: shuffle(definition.types) } : definition;
    }),
  };
}
