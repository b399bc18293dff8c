/** Faults of Apollo's planner: each is shown with the planner alone and shown to be mended. A test of the first kind that fails says that a new version needs a mend no more. */
import { describe, expect, test } from '@jest/globals';
import { parse } from 'graphql';
import { UnusablePlan } from '../../gateway/supergraph/planning/planner-fault-checks.js';
import { planOperation } from '../../gateway/supergraph/planning/planner-faults.js';
import type { FederatedGraph } from '../kit/differential/federated-graph.js';
import { ownEngine } from '../kit/differential/own-engine.js';
import { planMended, planStock } from '../kit/differential/plans.js';
import { ask, federation, ruleGraph, type AskOptions } from '../kit/differential/rule-graph.js';
import { stockEngine } from '../kit/differential/stock-engine.js';
import type { FieldInput } from '../kit/differential/world.js';

const stock = ownEngine(planStock);
const told = ({ required }: FieldInput): string => JSON.stringify(required);

interface Fault {
  readonly name: string;
  readonly graph: () => FederatedGraph;
  readonly query: string;
  readonly variables?: AskOptions['variables'];
  /** What the planner alone brings about. */
  readonly symptom: RegExp;
  /** True where the stock executor has a fault of its own: it ignores contexts, and changes the order of keys. */
  readonly beyondStockExecutor?: boolean;
}

const product = { __typename: 'Product', id: '1', upc: 'u', sizes: ({ args }: FieldInput) => `size ${String(args['unit'])}`, inches: told, metres: told, legacy: 'old', weight: 3, cost: told, note: 'n' };
const products = (enrichment: string, first = ''): FederatedGraph => ruleGraph({
  first: `${federation('2.9', '@key', '@external', '@requires')} ${first === '' ? 'type Query { product: Product } type Product @key(fields: "id") { id: ID!  sizes(unit: Unit): String  legacy: String  weight: Int } enum Unit { IN M }' : first}`,
  second: `${federation('2.9', '@key', '@external', '@requires')} type Product @key(fields: "id") { id: ID!  ${enrichment} } enum Unit { IN M }`,
}, { query: { product } });
const media = (): FederatedGraph => ruleGraph({
  media: `${federation('2.9', '@key')}
    interface Media @key(fields: "id") { id: ID! } union Found = Book | Song
    type Book implements Media @key(fields: "id") { id: ID!  pages: Int } type Film implements Media @key(fields: "id") { id: ID! } type Song { plays: Int }
    type Query { found: Found }`,
  reviews: `${federation('2.9', '@key', '@interfaceObject')} type Query { media: [Media] } type Media @interfaceObject @key(fields: "id") { id: ID!  stars: Int }`,
}, { query: { found: null, media: [{ __typename: 'Film', id: 'f', stars: 1 }, { __typename: 'Book', id: 'b', pages: 9, stars: 2 }] } });
const inOrder = ({ args, run }: FieldInput): number => (run.count = run.count * 10 + Number(args['digit']));
const counters = (): FederatedGraph => ruleGraph({
  left: `${federation('2.9', '@key')} type Query { a: Int } type Mutation { left(digit: Int!): Int! }`,
  right: `${federation('2.9', '@key')} type Mutation { right(digit: Int!): Int! }`,
}, { query: { a: 1 }, mutation: { left: inOrder, right: inOrder } });

const FAULTS: readonly Fault[] = [
  {
    name: 'it represents an entity by its first key even where that one cannot be resolved',
    graph: () => ruleGraph({
      shipping: `${federation('2.9', '@key', '@external', '@requires')} type Query { product: Product } type Product @key(fields: "upc", resolvable: false) @key(fields: "id") { upc: ID!  id: ID!  weight: Int @external  cost: String @requires(fields: "weight") }`,
      catalogue: `${federation('2.9', '@key')} type Product @key(fields: "id") { id: ID!  weight: Int }`,
    }, { query: { product } }),
    query: '{ product { cost } }',
    symptom: /No resolvable key of Product in shipping fits/,
  },
  {
    name: 'it takes a required field with arguments for the client’s own field (apollographql/federation#2996, #2276)',
    graph: () => products('sizes(unit: Unit): String @external  inches: String @requires(fields: "sizes(unit: IN)")'),
    query: '{ product { inches  sizes(unit: M) } }',
    symptom: /product\.\w+ is .* and should be/,
  },
  {
    name: 'it sends one value where two fields require one field with different arguments',
    graph: () => products('sizes(unit: Unit): String @external  inches: String @requires(fields: "sizes(unit: IN)")  metres: String @requires(fields: "sizes(unit: M)")'),
    query: '{ product { inches metres } }',
    symptom: /product\.\w+ is .* and should be/,
  },
  {
    name: 'it takes a field under the alias `id` for the key (apollographql/federation#3036)',
    graph: () => products('note: String'),
    query: '{ product { id: legacy  note } }',
    symptom: /product\.(?:id|note) is /,
  },
  {
    name: 'it loses a field beside one that requires something under a condition',
    graph: () => products('weight: Int @external  cost: String @requires(fields: "weight")  note: String'),
    query: 'query ($no: Boolean!) { product { cost @skip(if: $no)  note } }', variables: { no: true },
    symptom: /product\.note is null/,
  },
  {
    name: 'it loses a field beside one that a constant excludes',
    graph: () => products('weight: Int @external  cost: String @requires(fields: "weight")  note: String'),
    query: '{ product { cost @skip(if: true)  note } }',
    symptom: /product\.note is null/,
  },
  {
    name: 'it takes the condition of what is below a field for a condition of the field',
    graph: () => products('note: String'),
    query: 'query ($yes: Boolean!, $no: Boolean!) { product @include(if: $yes) { legacy @skip(if: $no) } }', variables: { yes: true, no: true },
    symptom: /product is null and should be \{\}/,
  },
  {
    name: 'it changes the order of mutations in fragments of one condition',
    graph: counters,
    query: 'mutation ($no: Boolean!) { a: left(digit: 1) ... @skip(if: $no) { b: left(digit: 2) } c: right(digit: 3) ... @skip(if: $no) { d: left(digit: 4) } }', variables: { no: false },
    symptom: /is \d+ and should be/, beyondStockExecutor: true,
  },
  {
    name: 'it does a mutation twice that is selected once more under a condition',
    graph: counters,
    query: 'mutation ($no: Boolean!) { a: left(digit: 1) b: right(digit: 2) a: left(digit: 1) @skip(if: $no) }', variables: { no: false },
    symptom: /is \d+ and should be/,
  },
  {
    name: 'it fails on a union below an interface that is an interface object somewhere',
    graph: media,
    query: '{ media { ... on Found { __typename } } }',
    symptom: /We should have an edge/,
  },
  {
    name: 'it fails there also when the condition has a condition',
    graph: media,
    query: 'query ($yes: Boolean!) { media { ... on Found @include(if: $yes) { ... on Song { plays } ... on Media { ... on Found @skip(if: $yes) { __typename } stars } } } }', variables: { yes: true },
    symptom: /We should have an edge/,
  },
  {
    name: 'it does not find the context of an implementation when the client asks through the interface',
    graph: () => ruleGraph({
      shop: `${federation('2.9', '@key', '@context', '@fromContext')}
        type Query { items: [Item!]! } interface Item { price: Price }
        type Book implements Item @key(fields: "id") @context(name: "item") { id: ID!  language: String  price: Price }
        type Price @key(fields: "id") { id: ID!  label(language: String @fromContext(field: "$item { language }")): String }`,
    }, { query: { items: [{ __typename: 'Book', id: 'b', language: 'en', price: { __typename: 'Price', id: 'p', label: ({ args }: FieldInput) => String(args['language']) } }] } }),
    query: '{ items { price { label } } }',
    symptom: /Was not able to find any options/, beyondStockExecutor: true,
  },
  {
    name: 'it fetches the value of a context beside the field that uses it',
    graph: () => ruleGraph({
      front: `${federation('2.9', '@key')} type Query { shop: Shop } type Shop @key(fields: "id") { id: ID! }`,
      shops: `${federation('2.9', '@key', '@context', '@fromContext', '@external')}
        type Shop @key(fields: "id") @context(name: "shop") { id: ID!  currency: String @external  best: Price }
        type Price @key(fields: "id") { id: ID!  label(currency: String @fromContext(field: "$shop { currency }")): String }`,
      money: `${federation('2.9', '@key')} type Shop @key(fields: "id") { id: ID!  currency: String }`,
    }, { query: { shop: { __typename: 'Shop', id: 's', currency: 'EUR', best: { __typename: 'Price', id: 'p', label: ({ args }: FieldInput) => String(args['currency']) } } } }),
    query: '{ shop { best { label } } }',
    symptom: /label is "null" and should be "EUR"/, beyondStockExecutor: true,
  },
  {
    name: 'it takes percent(100) of a progressive override for none',
    graph: () => ruleGraph({
      old: `${federation('2.9', '@key')} type Query { product: Product } type Product @key(fields: "id") { id: ID!  note: String }`,
      new: `${federation('2.9', '@key', '@override')} type Product @key(fields: "id") { id: ID!  note: String @override(from: "old", label: "percent(100)") }`,
    }, { query: { product } }),
    query: '{ product { note } }',
    symptom: /which is overridden/,
  },
];

describe.each(FAULTS)('$name', ({ graph, query, variables = {}, symptom }) => {
  test('with the planner alone', async () => {
    await expect(ask(graph(), query, { variables, engine: stock })).rejects.toThrow(symptom);
  });

  test('mended', async () => {
    await ask(graph(), query, { variables });
  });
});

test.each(FAULTS.filter(({ beyondStockExecutor }) => beyondStockExecutor !== true))('$name: the mended plan is one that any executor runs', async ({ graph, query, variables = {} }) => {
  await ask(graph(), query, { variables, engine: stockEngine(planMended) });
});

describe('a plan that would not answer the operation', () => {
  const graph = products('note: String');
  const planning = (plan: string, query: string) => () => planOperation({
    supergraph: graph.supergraph, operationName: undefined, document: parse(query),
    planner: Object.assign(Object.create(graph.planner) as typeof graph.planner, { buildQueryPlan: () => JSON.parse(plan) as ReturnType<typeof graph.planner.buildQueryPlan> }),
  });

  test('an empty plan is an error when something must be fetched', () => {
    const empty = '{ "kind": "QueryPlan" }';
    expect(planning(empty, '{ product { note } }')).toThrow(UnusablePlan);
    expect(planning(empty, '{ __typename __schema { queryType { name } } product @skip(if: true) { note } }')()).toEqual({ kind: 'QueryPlan' });
  });

  test('so is one that leaves a field out, or fetches another under its name', () => {
    const fetch = (operation: string): string => JSON.stringify({ kind: 'QueryPlan', node: { kind: 'Fetch', serviceName: 'first', operation, operationKind: 'query', variableUsages: [] } });
    expect(planning(fetch('{product{legacy}}'), '{ product { legacy } }')()).toMatchObject({ kind: 'QueryPlan' });
    expect(planning(fetch('{product{legacy}}'), '{ product { legacy weight } }')).toThrow(/does not fetch product\.weight/);
    expect(planning(fetch('{product{a:legacy}}'), '{ product { a: weight } }')).toThrow(/does not fetch product\.a/);
    expect(planning(fetch('{product{sizes}}'), '{ product { sizes(unit: M) } }')).toThrow(/does not fetch product\.sizes/);
  });

  test('a variable of the client does not take the place of the representations', () => {
    const { supergraph, planner } = products('sized(unit: Unit): String');
    const document = parse('query ($representations: Unit) { product { sized(unit: $representations) } }');
    expect(() => planOperation({ supergraph, planner, document, operationName: undefined })).toThrow(/\$representations/);
  });

  test('an alias does not take the place of a twin', () => {
    const { supergraph, planner } = products('sizes(unit: Unit): String @external  inches: String @requires(fields: "sizes(unit: IN)")');
    const document = parse('{ product { sizes__set0: legacy  inches } }');
    expect(() => planOperation({ supergraph, planner, document, operationName: undefined })).toThrow(/sizes__set0/);
  });

  test('a subgraph that has no key to be asked by is not asked', () => {
    const { supergraph, planner } = ruleGraph({
      shipping: `${federation('2.9', '@key', '@external', '@requires')} type Query { product: Product } type Product @key(fields: "id", resolvable: false) { id: ID!  weight: Int @external  cost: String @requires(fields: "weight") }`,
      catalogue: `${federation('2.9', '@key')} type Product @key(fields: "id") { id: ID!  weight: Int }`,
    }, { query: { product } });
    expect(() => planOperation({ supergraph, planner, document: parse('{ product { cost } }'), operationName: undefined })).toThrow(/shipping cannot resolve Product/);
    expect(() => planOperation({ supergraph, planner, document: parse('{ product { weight } }'), operationName: undefined })).not.toThrow();
  });
});

test('what needs no mending is planned as the planner does it', () => {
  const graph = products('note: String');
  for (const query of ['{ product { note legacy } }', 'query ($a: Boolean!) { product { note @include(if: $a) ...F } } fragment F on Product { weight sizes(unit: M) }']) {
    const request = { document: parse(query), variables: {}, operationName: undefined };
    expect(planOperation({ ...graph, ...request })).toEqual(planStock(graph, request));
  }
});
