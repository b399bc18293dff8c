/** Costs: what is estimated before execution, what it depends on, and what is counted from the response. */
import '../../gateway/telemetry-config.js';
import { describe, expect, test } from '@jest/globals';
import { Supergraph } from '@apollo/federation-internals';
import { Kind, parse, validate, specifiedRules, type GraphQLSchema } from 'graphql';
import { Registry } from 'prom-client';
import { actualCost } from '../../gateway/enforcement/actual-cost.js';
import { costReader, type CostReader } from '../../gateway/enforcement/cost.js';
import { createCostMetrics } from '../../gateway/enforcement/cost-metrics.js';
import { analyseDocument, type DocumentAnalysis } from '../../gateway/enforcement/document-analysis.js';
import type { Execute, GatewayAnswer, GatewayRequest, PreparedOperation } from '../../gateway/execution/contracts.js';
import { indexDirectives } from '../../gateway/supergraph/directive-index.js';
import { AcgsError } from '../../ops/runtime/errors.js';
import { editedSupergraph } from '../federation/gateway-authorization-graphs.js';
import { HASH } from '../kit/mini-subgraphs.js';

const SDL = editedSupergraph([{
  name: 'auth', resolvers: {},
  sdl: `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.11", import: ["@key", "@shareable", "@composeDirective", "@cost", "@listSize"])
  @link(url: "https://specs.acgs.internal/constitutional/v1.0", import: ["@constitutional"])
  @composeDirective(name: "@constitutional")
  @constitutional(hash: "${HASH}")
type Query {
  one: Item  many: [Item!]!  names: [String!]
  sliced(first: Int, last: Int = 3): [Item!] @listSize(slicingArguments: ["first", "last"], requireOneSlicingArgument: false)
  strict(first: Int, last: Int): [Item!] @listSize(slicingArguments: ["first", "last"])
  withDefault(first: Int = 7): [Item!] @listSize(slicingArguments: ["first"])
  byIds(ids: [ID!], y: Int): [Item!] @listSize(slicingArguments: ["y"])
  paged(page: Page, x: Int): [Item!] @listSize(slicingArguments: ["x"], requireOneSlicingArgument: false)
  assumed: [Item!] @listSize(assumedSize: 40)
  connection(first: Int): Connection @listSize(slicingArguments: ["first"], sizedFields: ["nodes"], assumedSize: 25, requireOneSlicingArgument: false)
  plainConnection(first: Int): Connection
  dear: Item @cost(weight: 100)  dearList: [Item!] @cost(weight: 50)  dearLeaf: String @cost(weight: 8)
  giants: [Giant!]  giant: Giant  blobs: [Blob!]  search(filter: Filter, exact: Boolean @cost(weight: 7), big: Long): [Item!]
  any: [Any!]  free: Item @cost(weight: -5)  long(first: Long, z: Int): [Item!] @listSize(slicingArguments: ["z"])
}
type Mutation { act(filter: Filter): Item @constitutional(level: STANDARD)  ping: Boolean @constitutional(level: STANDARD)  dearAct: Item @cost(weight: 33) @constitutional(level: STANDARD) }
type Item { id: ID!  name: String  below: [Item!]  friend: Item }
type Connection { nodes: [Item!]  others: [Item!]  assumed: [Item!] @listSize(assumedSize: 60) }
type Giant @cost(weight: 20) { id: ID!  item: Item }
type Dwarf { id: ID! }
union Any = Giant | Dwarf
scalar Blob @cost(weight: 3)
scalar Long
input Filter { text: String @cost(weight: 11)  inner: Filter  all: [Filter!] }
input Page { size: Int = 6  deep: Page }
`,
  // Composition of today wants arguments of type Int; the specification does not.
}], [['slicingArguments: ["x"]', 'slicingArguments: ["page.size", "page.deep.size"]'], ['slicingArguments: ["y"]', 'slicingArguments: ["ids"]'], ['slicingArguments: ["z"]', 'slicingArguments: ["first"]']]);
const supergraph = Supergraph.build(SDL, { supportedFeatures: null, validateSupergraph: false });
const schema: GraphQLSchema = supergraph.apiSchema().toGraphQLJSSchema();
const directives = indexDirectives(supergraph.schema);

const analyse = (text: string): DocumentAnalysis => {
  const document = parse(text);
  expect(validate(schema, document, specifiedRules)).toEqual([]);
  const operation = document.definitions.find((node) => node.kind === Kind.OPERATION_DEFINITION);
  if (operation === undefined) throw new Error('The document has an operation.');
  return analyseDocument(schema, directives, document, operation);
};
const readerOf = (text: string): CostReader => costReader(schema, directives, analyse(text));
const estimate = (text: string, variables?: Record<string, unknown>): number => {
  const reader = readerOf(text);
  if (variables === undefined) return 'static' in reader ? reader.static : NaN;
  return 'of' in reader ? reader.of(variables) : NaN;
};
const codeOf = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    if (error instanceof AcgsError) return error.code;
    throw error;
  }
};

describe('an estimate without variables is one number', () => {
  test.each<[string, number]>([
    ['{ one { id name } }', 1],
    ['{ one { friend { friend { id } } } }', 3],
    ['{ many { id } }', 1 + 10],
    ['{ many { below { id } } }', 1 + 10 * (1 + 1 + 10)],
    ['{ names }', 0],
    ['{ assumed { id } }', 1 + 40],
    ['{ sliced(first: 5) { id } }', 1 + 5],
    ['{ sliced(first: 2) { id } }', 1 + 3],
    ['{ sliced { id } }', 1 + 3],
    ['{ sliced(first: 0, last: -1) { id } }', 1 + 10],
    ['{ withDefault { id } }', 1 + 7],
    ['{ byIds(ids: ["a", "b", "c"]) { id } }', 1 + 3],
    ['{ byIds(ids: "a") { id } }', 1 + 1],
    ['{ paged(page: { size: 4 }) { id } }', 1 + 4],
    ['{ paged(page: {}) { id } }', 1 + 6],
    ['{ paged(page: { size: 4, deep: { size: 9 } }) { id } }', 1 + 9],
    ['{ paged { id } }', 1 + 10],
    ['{ connection(first: 30) { nodes { id } others { id } } }', 1 + (1 + 30) + (1 + 10)],
    ['{ connection { nodes { id } } }', 1 + (1 + 25)],
    ['{ plainConnection(first: 30) { nodes { id } assumed { id } } }', 1 + (1 + 30) + (1 + 60)],
    ['{ dear { friend { id } } }', 100 + 1],
    ['{ dearList { id } }', 50 + 10],
    ['{ dearLeaf }', 8],
    ['{ giant { item { id } } }', 20 + 1],
    ['{ giants { id } }', 1 + 10 * 20],
    ['{ blobs }', 10 * 3],
    ['{ any { ... on Dwarf { id } } }', 1 + 10 * 20],
    ['{ free { friend { id } } }', 0 + 1],
    ['{ search(exact: true) { id } }', 7 + 1 + 10],
    ['{ search(filter: { text: "x", inner: { text: "y" }, all: [{ text: "z" }, {}] }) { id } }', 33 + 1 + 10],
    ['{ search(filter: { text: null }, exact: null) { id } }', 1 + 10],
    ['mutation { act { friend { id } } ping }', 10 + 1 + 10],
    ['mutation { dearAct { id } }', 33],
    ['mutation { act(filter: { text: "x" }) { id } }', 10 + 11],
    ['query { many { ...F ...F } one { ...F } } fragment F on Item { friend { id } }', 1 + 10 * (1 + 1 + 1) + 1 + 1],
    ['{ __typename __schema { types { name } } }', 0],
    ['{ long(first: 20) { id } }', 1 + 20],
    ['{ long(first: "20") { id } }', 1 + 20],
    ['{ a: one { id } b: one @skip(if: true) { id } }', 2],
  ])('%s', (text, expected) => {
    expect(estimate(text)).toBe(expected);
  });
});

describe('an estimate that depends on variables', () => {
  test.each<[string, Record<string, unknown>, number]>([
    ['query ($n: Int) { withDefault(first: $n) { id } }', { n: 70 }, 1 + 70],
    ['query ($n: Int) { withDefault(first: $n) { id } }', {}, 1 + 7],
    ['query ($n: Int = 12) { withDefault(first: $n) { id } }', {}, 1 + 12],
    ['query ($n: Int = 12, $m: Int) { a: withDefault(first: $n) { id } many { below { id } friend { below { id } } } b: withDefault(first: $m) { friend { id } } }', { n: 1, m: 2 }, 1 + 1 + 1 + 10 * (1 + 11 + 1 + 11) + 1 + 2 * 2],
    ['query ($p: Page) { paged(page: $p) { id } }', { p: { size: 5, deep: { size: 50 } } }, 1 + 50],
    ['query ($p: Page) { paged(page: $p) { id } }', { p: {} }, 1 + 6],
    ['query ($n: Int) { paged(page: { deep: { size: $n } }) { id } }', { n: 5 }, 1 + 6],
    ['query ($n: Int) { paged(page: { size: $n }) { id } }', { n: 5 }, 1 + 5],
    ['query ($ids: [ID!]) { byIds(ids: $ids) { id } }', { ids: ['a', 'b'] }, 1 + 2],
    ['query ($i: ID!) { byIds(ids: [$i, "b"]) { id } }', { i: 'a' }, 1 + 2],
    ['query ($n: Int) { connection(first: $n) { nodes { below { id } } } }', { n: 4 }, 1 + 1 + 4 * (1 + 11)],
    ['query ($n: Int) { connection(first: $n) { nodes { id } } }', {}, 1 + 1 + 25],
    ['query ($f: Filter) { search(filter: $f) { id } }', { f: { text: 'x', all: [{ text: 'y' }, { inner: { text: 'z' } }] } }, 33 + 11],
    ['query ($f: Filter) { search(filter: $f) { id } }', { f: null }, 11],
    ['query ($e: Boolean) { search(exact: $e) { id } }', { e: false }, 7 + 11],
    ['query ($e: Boolean) { search(exact: $e) { id } }', {}, 11],
    ['query ($n: Long) { long(first: $n) { id } }', { n: '900' }, 1 + 900],
    ['query ($n: Int) { many { ...F } } fragment F on Item { below { ...G } } fragment G on Item { friend { id } } ', { n: 1 }, NaN],
  ])('%s with %j', (text, variables, expected) => {
    const declared = text.includes('$n: Int) { many { ...F }') ? text.replace('($n: Int) ', '') : text;
    expect(estimate(declared, variables)).toBe(expected);
  });

  test('is never less than nothing and never not a number', () => {
    const reader = readerOf('query ($n: Long) { long(first: $n) { id } }');
    if (!('of' in reader)) throw new Error('It depends on a variable.');
    for (const n of [1e308, Infinity, -1e308, NaN, '9'.repeat(30), '-1', 'x', {}, [], true, null]) {
      const cost = codeOf(() => reader.of({ n }));
      expect(cost === 'BAD_USER_INPUT' || (typeof cost === 'number' && cost >= 1)).toBe(true);
    }
    // Infinitely many elements that cost nothing.
    expect(estimate('{ __typename }')).toBe(0);
  });
});

describe('slicing arguments of which exactly one is needed', () => {
  test.each([
    ['none', '{ strict { id } }'], ['several', '{ strict(first: 1, last: 1) { id } }'], ['null', '{ strict(first: null) { id } }'], ['null over a default', '{ withDefault(first: null) { id } }'],
  ])('are refused when there are %s', (_, text) => {
    expect(codeOf(() => readerOf(text))).toBe('BAD_USER_INPUT');
  });
  test('are looked for in the variables', () => {
    const reader = readerOf('query ($a: Int, $b: Int) { strict(first: $a, last: $b) { id } }');
    if (!('of' in reader)) throw new Error('It depends on variables.');
    expect(reader.of({ b: 4 })).toBe(5);
    expect(codeOf(() => reader.of({}))).toBe('BAD_USER_INPUT');
    expect(codeOf(() => reader.of({ a: 1, b: 1 }))).toBe('BAD_USER_INPUT');
    expect(reader.of({ a: null, b: 9 })).toBe(10);
  });
});

describe('the actual cost', () => {
  const actual = (text: string, data: unknown, variables: Record<string, unknown> = {}): number => actualCost(schema, directives, analyse(text)).of(data, variables);
  test.each<[string, unknown, number]>([
    ['{ one { id name } }', { one: { id: 'a', name: null } }, 1],
    ['{ one { id } }', { one: null }, 0],
    ['{ many { id } }', { many: [{ id: 'a' }, { id: 'b' }] }, 1 + 2],
    ['{ many { below { id } friend { id } } }', { many: [{ below: [{ id: 'x' }], friend: null }, { below: null, friend: { id: 'y' } }] }, 1 + 2 + (1 + 1) + 1],
    ['{ giants { id item { id } } }', { giants: [{ id: 'a', item: { id: 'i' } }] }, 1 + 20 + 1],
    ['{ blobs }', { blobs: ['x', 'y', null] }, 6],
    ['{ dearLeaf }', { dearLeaf: null }, 8],
    ['{ any { ... on Giant { id item { id } } ... on Dwarf { id } } }', { any: [{ id: 'a', item: { id: 'b' } }, { id: 'c' }] }, 1 + 20 + 1 + 20],
    ['{ a: one { ...F friend { name } } } fragment F on Item { friend { id } }', { a: { friend: { id: 'x', name: 'y' } } }, 2],
    ['{ search(exact: true) { id } }', { search: [] }, 7 + 1],
    ['mutation { act { id } ping }', { act: { id: 'a' }, ping: true }, 20],
    ['{ one { id } }', null, 0],
    ['{ constructor: one { toString: id } }', { constructor: { toString: 'a' } }, 1],
  ])('of %s for %j', (text, data, expected) => {
    expect(actual(text, data)).toBe(expected);
  });
  test('counts arguments by the variables', () => {
    expect(actual('query ($f: Filter) { search(filter: $f) { id } }', { search: [{ id: 'a' }] }, { f: { text: 'x' } })).toBe(11 + 1 + 1);
  });
  test('is at most the estimate where the lists are no longer than was promised', () => {
    const text = 'query ($n: Int) { connection(first: $n) { nodes { id friend { id } } } }';
    const data = { connection: { nodes: Array.from({ length: 3 }, () => ({ id: 'a', friend: { id: 'b' } })) } };
    expect(actual(text, data, { n: 3 })).toBe(estimate(text, { n: 3 }));
  });
});

describe('metrics', () => {
  const analysis = analyse('{ many { id } }');
  const [document] = [parse('{ many { id } }')];
  const prepared: PreparedOperation = { document, operation: analysis.operation, plan: undefined, refusals: [], criticalFields: [], key: 'k' };
  const request = { snapshot: { apiSchema: schema, directives } } as unknown as GatewayRequest;
  const text = '{"data":{"many":[{"id":"a"},{"id":"b"}]}}';
  const answer: GatewayAnswer = { text, pieces: [text], ascii: true, errors: [], stamp: { hash: HASH, verified: true } };

  test('measure the estimate beside the real cost of one in so many requests', async () => {
    const registry = new Registry();
    const execute: Execute = createCostMetrics(registry, 4).measuring(() => Promise.resolve(answer));
    for (let index = 0; index < 9; index += 1) expect(await execute(request, prepared, {})).toBe(answer);
    const text = await registry.metrics();
    expect(text).toContain('acgs_operation_cost_estimated_count 2');
    expect(text).toContain('acgs_operation_cost_estimated_sum 22');
    expect(text).toContain('acgs_operation_cost_actual_sum 6');
  });
  test('count what is refused, at once or later, and nothing else', async () => {
    const registry = new Registry();
    const metrics = createCostMetrics(registry);
    const refusing = (error: Error, later: boolean): Promise<unknown> => Promise.resolve().then(() => metrics.countingRefusals(() => { if (later) return Promise.reject(error); throw error; })(request, {})).catch((caught: unknown) => caught);
    for (const later of [false, true]) for (const error of [new AcgsError('QUERY_TOO_COSTLY'), new AcgsError('BAD_REQUEST'), new Error('x')]) expect(await refusing(error, later)).toBe(error);
    expect(metrics.countingRefusals(() => prepared)(request, {})).toBe(prepared);
    const text = await registry.metrics();
    expect(text).toContain('acgs_operations_refused_total{code="QUERY_TOO_COSTLY"} 2');
    expect(text).toContain('acgs_operations_refused_total{code="QUERY_TOO_DEEP"} 0');
    expect(text).not.toContain('BAD_REQUEST');
  });
});
