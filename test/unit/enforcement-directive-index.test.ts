/** What is read from a supergraph's directives: demands closed over everything a field needs, costs, and nothing that cannot cross a thread. */
import '../../gateway/telemetry-config.js';
import { describe, expect, test } from '@jest/globals';
import { Supergraph } from '@apollo/federation-internals';
import { indexFromData, readDirectives, type DirectiveIndex } from '../../gateway/supergraph/directive-index.js';
import { ABSTRACT, ACCOUNTS, BALANCES, editedSupergraph } from '../federation/gateway-authorization-graphs.js';
import { HASH, type MiniDefinition } from '../kit/mini-subgraphs.js';

const read = (sdl: string): ReturnType<typeof readDirectives> => readDirectives(Supergraph.build(sdl, { supportedFeatures: null, validateSupergraph: false }));
const indexOf = (sdl: string): DirectiveIndex => indexFromData(read(sdl));
/** Demands of a field or a type as text, sorted. */
const demands = (index: DirectiveIndex, coordinate: string): string[] => {
  const [type = '', field] = coordinate.split('.');
  const ids = field === undefined ? index.type(type) : index.field(type, field).requirements;
  return ids.map((id) => index.requirements[id]).map((one) => (one === undefined ? 'nothing' : one.kind === 'authenticated' ? 'authenticated' : `${one.kind} ${JSON.stringify(one.anyOf)}`)).sort();
};

const accounts = (...edits: readonly (readonly [string | RegExp, string])[]): DirectiveIndex => indexOf(editedSupergraph([ACCOUNTS, BALANCES], edits));
const SCORE = ['@tag(name: "score")', '@requiresScopes(scopes: [["score:read"]])'] as const;

describe('what a field demands', () => {
  test('is its own, its type\'s and its result\'s', () => {
    const index = indexOf(editedSupergraph([ABSTRACT], []));
    expect(demands(index, 'Sealed.content')).toEqual(['authenticated']);
    expect(demands(index, 'Query.sealed')).toEqual(['authenticated']);
    expect(demands(index, 'Query.grades')).toEqual(['scopes [["grade:read"]]']);
    expect(demands(index, 'Query.code')).toEqual(['policies [["auditor"]]']);
    expect(demands(index, 'Query.found')).toEqual([]);
    expect(demands(index, 'Found')).toEqual([]);
    expect(demands(index, 'Query.records')).toEqual(['authenticated']);
    expect(demands(index, 'Thing.label')).toEqual(['authenticated']);
    expect(demands(index, 'OpenThing.label')).toEqual([]);
    expect(demands(index, 'Depth.pin')).toEqual(['authenticated']);
    expect(demands(index, 'Query.__typename')).toEqual([]);
    expect(demands(index, 'Nothing.constructor')).toEqual([]);
  });

  test('includes what its inputs demand, through any number of fields', () => {
    const index = accounts(SCORE, ['limit: Int @join__field(graph: POLICY_GOVERNANCE, requires: "score")', 'limit: Int @join__field(graph: POLICY_GOVERNANCE, requires: "score")\n  verdict: Int @join__field(graph: POLICY_GOVERNANCE, requires: "limit org { id }")']);
    expect(demands(index, 'Account.limit')).toEqual(['scopes [["score:read"]]']);
    expect(demands(index, 'Account.verdict')).toEqual(['scopes [["audit:read"]]', 'scopes [["score:read"]]']);
    expect(demands(index, 'Account.balance')).toEqual([]);
    expect(demands(index, 'Account.grade')).toEqual([]);
  });

  test('ends where fields need each other', () => {
    const index = accounts(SCORE, ['balance: Int @join__field(graph: POLICY_GOVERNANCE)', 'balance: Int @join__field(graph: POLICY_GOVERNANCE, requires: "limit")'], ['requires: "score")', 'requires: "score balance")']);
    expect(demands(index, 'Account.balance')).toEqual(['scopes [["score:read"]]']);
    expect(demands(index, 'Account.limit')).toEqual(['scopes [["score:read"]]']);
  });

  test('includes the types its inputs pass through, and the level of its inputs', () => {
    const index = accounts(
      ['type Profile @join__type', 'type Profile @requiresScopes(scopes: [["profile:read"]]) @join__type'],
      ['country: String', 'country: String @constitutional(level: CRITICAL)'],
    );
    expect(demands(index, 'Account.grade')).toEqual(['scopes [["profile:read"]]']);
    expect(index.field('Account', 'grade').critical).toBe(true);
    expect(index.field('Account', 'balance').critical).toBe(false);
  });

  test('includes inputs in fragments of a field set and from contexts', () => {
    const index = accounts(SCORE, ['@tag(name: "room")', '@authenticated'], ['requires: "score")', 'requires: "... on Account { score }")']);
    expect(demands(index, 'Account.limit')).toEqual(['scopes [["score:read"]]']);
    expect(demands(index, 'Book.place')).toEqual(['authenticated']);
    expect(demands(index, 'Book.title')).toEqual([]);
  });

  test.each([
    ['a field that is not there', 'requires: "nowhere")', /selects Account\.nowhere/],
    ['a type that is not there', 'requires: "... on Nowhere { x }")', /names Nowhere/],
    ['no selection', 'requires: "}")', /Syntax Error/],
  ])('cannot be read from %s, so the supergraph is not', (_, set, message) => {
    expect(() => accounts(['requires: "score")', set])).toThrow(message);
  });
});

describe('what an interface demands', () => {
  const sdl = (...edits: readonly (readonly [string | RegExp, string])[]): DirectiveIndex => indexOf(editedSupergraph([ABSTRACT], edits));
  test('closes an implementation only where it says more than the implementations do', () => {
    const thing = /(interface Thing [^}]*?badge: String)[^\n]*/;
    // What composition copies up from ClosedThing.
    expect(demands(sdl(), 'Thing.badge')).toEqual(['scopes [["badge:read"]]']);
    expect(demands(sdl(), 'OpenThing.badge')).toEqual([]);
    // Another scope, another kind, and a stricter one.
    expect(demands(sdl([thing, '$1 @requiresScopes(scopes: [["other"]])']), 'OpenThing.badge')).toEqual(['scopes [["other"]]']);
    expect(demands(sdl([thing, '$1 @authenticated']), 'OpenThing.badge')).toEqual(['authenticated']);
    expect(demands(sdl([thing, '$1 @requiresScopes(scopes: [["badge:read", "more"]])']), 'OpenThing.badge')).toEqual(['scopes [["badge:read","more"]]']);
    // A laxer one follows from what ClosedThing demands.
    expect(demands(sdl([thing, '$1 @requiresScopes(scopes: [["badge:read"], ["more"]])']), 'OpenThing.badge')).toEqual([]);
  });
  test('closes implementations by its own type directive', () => {
    const index = sdl([/interface Thing /, 'interface Thing @policy(policies: [["curator"]]) ']);
    for (const coordinate of ['Thing', 'OpenThing', 'Query.openThing', 'Query.things', 'OpenThing.id']) expect(demands(index, coordinate)).toEqual(['policies [["curator"]]']);
  });
  test('passes its level on, and takes on the level of any implementation', () => {
    const critical = sdl([/(interface Thing [^}]*?id: ID!)/, '$1 @constitutional(level: CRITICAL)'], [/(type OpenThing [^}]*?badge: String)/, '$1 @constitutional(level: CRITICAL)']);
    const levels = ['Thing.id', 'OpenThing.id', 'ClosedThing.id', 'Thing.badge', 'OpenThing.badge', 'ClosedThing.badge'].map((coordinate) => critical.field(coordinate.split('.')[0] ?? '', coordinate.split('.')[1] ?? '').critical);
    expect(levels).toEqual([true, true, true, true, true, false]);
  });
});

describe('what things cost', () => {
  const COSTS: MiniDefinition = {
    name: 'auth', resolvers: {},
    sdl: `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.11", import: ["@key", "@shareable", "@composeDirective", { name: "@cost", as: "@price" }, { name: "@listSize", as: "@length" }])
  @link(url: "https://specs.acgs.internal/constitutional/v1.0", import: ["@constitutional"])
  @composeDirective(name: "@constitutional")
  @constitutional(hash: "${HASH}")
type Query { heavy(filter: Filter, deep: Boolean @price(weight: 7)): Heavy @price(weight: 5)  list(first: Int, page: Page): [Heavy!] @length(slicingArguments: ["first"], requireOneSlicingArgument: false)  sized: Heavies @length(assumedSize: 50, sizedFields: ["items"])  shape: Shape }
type Heavy @price(weight: 4) { id: ID!  kind: Kind  blob: Blob }
type Heavies { items: [Heavy!] }
interface Shape { area: Int }
type Disc implements Shape { area: Int @price(weight: 9) }
type Square implements Shape @price(weight: 6) { area: Int }
union Any = Disc | Square
enum Kind @price(weight: 2) { A }
scalar Blob @price(weight: 3)
input Filter { text: String @price(weight: 11)  kind: Kind  inner: Filter }
input Page { size: Int }
`,
  };
  test('is read under whatever name, of fields, types, arguments and input fields', () => {
    // Composition of today refuses paths; the specification has them.
    const index = indexOf(editedSupergraph([COSTS], [['slicingArguments: ["first"]', 'slicingArguments: ["first", "page.size"]']]));
    expect(index.field('Query', 'heavy')).toMatchObject({ weight: 5, argumentWeights: new Map([['deep', 7]]) });
    expect(index.field('Query', 'list').listSize).toEqual({ assumedSize: null, slicingArguments: ['first', 'page.size'], sizedFields: [], requireOneSlicingArgument: false });
    expect(index.field('Query', 'sized').listSize).toMatchObject({ assumedSize: 50, sizedFields: ['items'], requireOneSlicingArgument: false });
    expect([index.typeWeight('Heavy'), index.typeWeight('Kind'), index.typeWeight('Blob'), index.typeWeight('Shape'), index.typeWeight('Heavies')]).toEqual([4, 2, 3, 6, null]);
    expect(index.field('Shape', 'area').weight).toBe(9);
    expect([index.inputWeight('Filter', 'text'), index.inputWeight('Filter', 'kind'), index.inputWeight('Filter', 'inner'), index.inputWeight('Page', 'size')]).toEqual([11, 2, null, null]);
  });
});

test('what is read is plain: its copy from another thread says the same', () => {
  const data = read(editedSupergraph([ACCOUNTS, BALANCES], [SCORE]));
  const copy = structuredClone(data);
  expect(copy).toEqual(data);
  expect(demands(indexFromData(copy), 'Account.limit')).toEqual(['scopes [["score:read"]]']);
  expect(data.hash).toBe(HASH);
});
