/** What may be shared: marks of the supergraph, renamed or not, against everything the fetches of a plan select. */
import { describe, expect, it } from '@jest/globals';
import type { FetchNode, PlanNode, SubscriptionNode } from '@apollo/query-planner';
import { OperationTypeNode, buildSchema } from 'graphql';
import type { PreparedOperation } from '../../gateway/execution/contracts.js';
import { impersonalMarksOf } from '../../gateway/subscriptions/impersonal-marks.js';
import { dependenceOf } from '../../gateway/subscriptions/principal-dependence.js';

const TYPES = `
  type Query { ok: Boolean }
  type Subscription { raised: Message! @MARK(subgraph: "alerts")  secret: Message! }
  type Message @MARK(subgraph: "alerts") { cursor: String! alert: Alert thing: Thing other: Other }
  type Alert @MARK(subgraph: "alerts") { id: ID! title: String owner: String runbook: String @MARK(subgraph: "services") checklist: String }
  interface Other @MARK(subgraph: "alerts") { label: String }
  interface Thing { id: ID! label: String }
  type Box implements Thing & Other @MARK(subgraph: "alerts") { id: ID! label: String }
  type Bag implements Thing & Other { id: ID! label: String @MARK(subgraph: "alerts") }
`;

function snapshotWith(link: string, mark: string): { sdl: string; supergraphSchema: ReturnType<typeof buildSchema> } {
  const types = TYPES.replaceAll('MARK', mark);
  return {
    sdl: `schema ${link} { query: Query subscription: Subscription }\n${types}`,
    supergraphSchema: buildSchema(`directive @${mark}(subgraph: String!) repeatable on OBJECT | INTERFACE | FIELD_DEFINITION\n${types}`),
  };
}

const LINK = '@link(url: "https://specs.acgs.internal/impersonal/v1.0", import: ["@impersonal"])';
const SNAPSHOT = snapshotWith(LINK, 'impersonal');

function fetchOf(serviceName: string, operation: string): FetchNode {
  const operationKind = operation.startsWith('subscription') ? OperationTypeNode.SUBSCRIPTION : OperationTypeNode.QUERY;
  return { kind: 'Fetch', serviceName, operation, operationName: undefined, operationKind, variableUsages: [] };
}

function dependence(primary: string, rest?: PlanNode, snapshot = SNAPSHOT): { stream: boolean; joins: boolean } {
  const node: SubscriptionNode = { kind: 'Subscription', primary: fetchOf('alerts', primary), ...(rest === undefined ? {} : { rest }) };
  return dependenceOf(snapshot, {} as PreparedOperation, node);
}

const entities = (service: string, selection: string): FetchNode => fetchOf(service, `query($r: [_Any!]!) { _entities(representations: $r) { ... on Alert { __typename ${selection} } } }`);

describe('a stream is impersonal', () => {
  it.each([
    'subscription { raised { cursor alert { id title } } }',
    'subscription { other: raised { c: cursor a: alert { __typename t: title } } }',
    'subscription { raised { ...M } } fragment M on Message { alert { ...A } } fragment A on Alert { title }',
    'subscription { raised { ... { ... on Message { cursor } } } }',
    'subscription { raised { thing { label ... on Box { id } } } }',
    'subscription { raised { other { label } } }',
  ])('where everything it selects is marked: %s', (operation) => {
    expect(dependence(operation).stream).toBe(false);
  });

  it.each([
    ['the field is not marked', 'subscription { secret { cursor } }'],
    ['an implementation of an interface is not marked', 'subscription { raised { thing { id } } }'],
    ['a fragment is missing', 'subscription { raised { ...Gone } }'],
  ])('unless %s', (_why, operation) => {
    expect(dependence(operation).stream).toBe(true);
  });

  it('unless nothing says so', () => {
    expect(dependence('subscription { raised { cursor } }', undefined, snapshotWith('', 'impersonal')).stream).toBe(true);
    expect(dependence('subscription { raised { cursor } }', undefined, snapshotWith('@link(url: "https://specs.example.org/impersonal/v1.0", import: ["@impersonal"])', 'impersonal')).stream).toBe(true);
  });
});

describe('joins are impersonal', () => {
  const STREAM = 'subscription { raised { alert { id } } }';
  const flatten = (node: PlanNode): PlanNode => ({ kind: 'Flatten', path: ['raised', 'alert'], node });

  it('where the subgraph that is asked marked every field', () => {
    expect(dependence(STREAM, flatten(entities('services', 'runbook')))).toEqual({ stream: false, joins: false });
    expect(dependence(STREAM, { kind: 'Sequence', nodes: [flatten(entities('services', 'runbook')), { kind: 'Parallel', nodes: [flatten(entities('alerts', 'title'))] }] }).joins).toBe(false);
  });

  it.each<[string, PlanNode]>([
    ['a field is not marked', entities('services', 'checklist')],
    ['one of several is not', entities('services', 'runbook checklist')],
    ['another subgraph marked it', entities('services', 'title')],
    ['nothing is read but the type', entities('services', '')],
    ['it is deep in the plan', { kind: 'Condition', condition: 'x', elseClause: { kind: 'Parallel', nodes: [flatten(entities('services', 'checklist'))] } }],
    ['it is deferred', { kind: 'Defer', primary: {}, deferred: [{ depends: [], queryPath: [], node: entities('services', 'checklist') }] }],
    ['a root field is joined', fetchOf('services', '{ ok }')],
  ])('unless %s', (_why, rest) => {
    expect(dependence(STREAM, rest)).toEqual({ stream: false, joins: true });
  });
});

describe('marks', () => {
  it.each([
    ['@link(url: "https://specs.acgs.internal/impersonal/v1.0", import: [{ name: "@impersonal", as: "@sameForAll" }])', 'sameForAll'],
    ['@link(url: "https://specs.acgs.internal/impersonal/v1.3", as: "same")', 'same'],
    ['@link(url: "https://specs.acgs.internal/impersonal/v1.0")', 'impersonal'],
    ['@link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.acgs.internal/impersonal/v1.0", import: ["@other", "@impersonal"])', 'impersonal'],
  ])('are found by their specification: %s', (link, name) => {
    const marks = impersonalMarksOf(snapshotWith(link, name));
    expect(marks.covers('alerts', 'Subscription', 'raised')).toBe(true);
    expect(marks.covers('alerts', 'Subscription', 'secret')).toBe(false);
    expect(marks.covers('services', 'Alert', 'runbook')).toBe(true);
    expect(marks.covers('services', 'Alert', 'title')).toBe(false);
  });

  it('of the cache count where they are public and one subgraph resolves the field', () => {
    const sdl = `schema ${LINK} @link(url: "https://specs.acgs.internal/caching/v1.0", import: ["@cacheControl"]) { query: Query }
      enum join__Graph { ALERTS @join__graph(name: "alerts", url: "") STAFF @join__graph(name: "staff-and-shifts", url: "") }
      type Query { ok: Boolean }
      type Person @join__type(graph: STAFF, key: "id") {
        id: ID!
        name: String @cacheControl(maxAge: 1, changedBy: [])
        pay: Int @cacheControl(maxAge: 1, changedBy: [], scope: "PRIVATE")
        mood: String
      }
      type Post @join__type(graph: STAFF, key: "id") @join__type(graph: ALERTS, key: "id") {
        mine: String @join__field(graph: STAFF) @join__field(graph: ALERTS, external: true) @cacheControl(maxAge: 1, changedBy: [], scope: "PUBLIC")
        both: String @cacheControl(maxAge: 1, changedBy: [])
      }`;
    const marks = impersonalMarksOf({ sdl, supergraphSchema: buildSchema('type Query { ok: Boolean }') });
    expect(['name', 'pay', 'mood', 'id'].map((field) => marks.covers('staff-and-shifts', 'Person', field))).toEqual([true, false, false, false]);
    expect(marks.covers('alerts', 'Person', 'name')).toBe(false);
    expect([marks.covers('staff-and-shifts', 'Post', 'mine'), marks.covers('alerts', 'Post', 'mine')]).toEqual([true, false]);
    expect([marks.covers('staff-and-shifts', 'Post', 'both'), marks.covers('alerts', 'Post', 'both')]).toEqual([false, false]);
  });

  it('under another name than the linked one mean nothing', () => {
    expect(impersonalMarksOf(snapshotWith('@link(url: "https://specs.acgs.internal/impersonal/v1.0", import: [{ name: "@impersonal", as: "@renamed" }])', 'impersonal')).covers('alerts', 'Subscription', 'raised')).toBe(false);
  });
});
