/** Ways round authorization through interfaces, unions, fragments, aliases and mutations: none gets a protected value, and none is asked of a subgraph. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { RawClient, until } from './subscriptions-kit.js';
import { ABSTRACT, editedSupergraph, forget, refusedPaths, SECRET, travelled } from './gateway-authorization-graphs.js';
import { startMiniGraph, type GraphqlAnswer, type MiniGraph } from '../kit/mini-subgraphs.js';

let graph: MiniGraph;
beforeAll(async () => { graph = await startMiniGraph([ABSTRACT]); });
afterAll(() => graph.stop());
beforeEach(() => forget(graph));

const as = async (claims: Parameters<MiniGraph['issuer']['issue']>[0]): Promise<{ headers: Record<string, string> }> => ({ headers: { authorization: `Bearer ${await graph.issuer.issue(claims)}` } });
const noSecretIn = (answer: GraphqlAnswer): void => expect(JSON.stringify([answer.data, answer.errors])).not.toContain(SECRET);

describe('a field that one implementation protects', () => {
  const ways: Record<string, string> = {
    'on the interface': '{ things { __typename id label } }',
    'in a fragment on the interface': '{ things { __typename id ... on Thing { label } } }',
    'in a named fragment on the interface': 'query { things { __typename id ...F } } fragment F on Thing { ...G } fragment G on Thing { label }',
    'in an unconditional fragment': '{ things { __typename id ... { label } } }',
    'with a directive': 'query ($yes: Boolean = true) { things { __typename id label @include(if: $yes) @skip(if: false) } }',
  };
  test.each(Object.entries(ways))('is refused %s', async (_, query) => {
    const answer = await graph.query(query);
    expect(answer.data).toEqual({ things: [{ __typename: 'OpenThing', id: 'o1', label: null }, { __typename: 'ClosedThing', id: 'c1', label: null }] });
    expect(refusedPaths(answer)).toEqual([['things', 'label']]);
    expect(travelled(graph)).not.toContain('label');
  });

  test('is refused on that implementation and open on its sibling', async () => {
    const answer = await graph.query('{ things { ... on OpenThing { label } ... on ClosedThing { label badge } } openThing { label badge } closedThing { id label } }');
    expect(answer.data).toEqual({ things: [{ label: 'open label' }, { label: null, badge: null }], openThing: { label: 'open label', badge: 'open badge' }, closedThing: { id: 'c1', label: null } });
    expect(refusedPaths(answer)).toEqual([['things', 'label'], ['things', 'badge'], ['closedThing', 'label']]);
    expect(travelled(graph)).not.toMatch(/ClosedThing\{[^}]*(label|badge)|closedThing\{[^}]*label/);
  });

  test('is shown where one of two selections of it is permitted, and only there', async () => {
    const answer = await graph.query('{ things { label ... on OpenThing { label } } }');
    expect(answer.data).toEqual({ things: [{ label: 'open label' }, { label: null }] });
    expect(travelled(graph)).not.toMatch(/ClosedThing\{[^}]*label/);
  });

  test('opens field by field with the grants of the principal', async () => {
    const query = '{ things { label badge } }';
    expect((await graph.query(query, await as({}))).data).toEqual({ things: [{ label: 'open label', badge: null }, { label: `${SECRET} label`, badge: null }] });
    expect((await graph.query(query, await as({ scopes: ['badge:read'] }))).errors).toEqual([]);
  });
});

describe('a field that only the interface protects, as no composition of today lets it', () => {
  let closed: MiniGraph;
  beforeAll(async () => {
    const sdl = editedSupergraph([ABSTRACT], [[/(interface Thing [^}]*?badge: String)[^\n]*/, '$1 @policy(policies: [["curator"]])'], [/(type ClosedThing [^}]*?badge: String)[^\n]*/, '$1']]);
    closed = await startMiniGraph([ABSTRACT], {}, { supergraphSdl: sdl });
  });
  afterAll(() => closed.stop());

  test.each([
    ['directly', '{ openThing { id badge } }', { openThing: { id: 'o1', badge: null } }],
    ['through the interface', '{ things { badge } }', { things: [{ badge: null }, { badge: null }] }],
    ['in a fragment on the implementation', '{ things { ... on OpenThing { b: badge } } }', { things: [{ b: null }, {}] }],
  ])('is refused on the implementation %s', async (_, query, data) => {
    forget(closed);
    const answer = await closed.query(query);
    expect(answer.data).toEqual(data);
    expect(travelled(closed)).not.toContain('badge');
  });
});

describe('a field that an implementation protects and composition left open on the interface', () => {
  let older: MiniGraph;
  beforeAll(async () => {
    const sdl = editedSupergraph([ABSTRACT], [[/(interface Thing [^}]*?label: String)[^\n]*/, '$1'], [/(interface Thing [^}]*?badge: String)[^\n]*/, '$1'], [/interface Record [^\n]*/, 'interface Record @join__type(graph: AUTH) {']]);
    older = await startMiniGraph([ABSTRACT], {}, { supergraphSdl: sdl });
  });
  afterAll(() => older.stop());

  test('is refused on the interface all the same', async () => {
    const answer = await older.query('{ things { label badge } }');
    expect(answer.data).toEqual({ things: [{ label: null, badge: null }, { label: null, badge: null }] });
    expect(travelled(older)).not.toMatch(/label|badge/);
  });
  test('so is every field that returns an interface with a protected implementation', async () => {
    forget(older);
    const answer = await older.query('{ records { __typename id } openRecord { text } }');
    expect(answer.data).toEqual({ records: null, openRecord: { text: 'open' } });
    expect(travelled(older)).not.toContain('records');
  });
});

describe('a protected type', () => {
  test('closes every field that returns it, its interfaces included, and not its siblings', async () => {
    const answer = await graph.query('{ sealed { __typename id } records { id ... on OpenRecord { text } } openRecord { id text } }');
    expect(answer.data).toEqual({ sealed: null, records: null, openRecord: { id: 'r1', text: 'open' } });
    expect(refusedPaths(answer)).toEqual([['sealed'], ['records']]);
    expect(travelled(graph)).not.toMatch(/sealed|records/);
  });

  const ways: Record<string, string> = {
    'in an inline fragment': '{ found { ... on Sealed { content } } }',
    'in a named fragment': 'query { found { ...F } } fragment F on Sealed { content }',
    'in fragments in fragments': 'query { found { ...F } } fragment F on Found { ...G } fragment G on Found { ... on Sealed { ... { ...H } } } fragment H on Sealed { content }',
    'under the alias of an open field': '{ found { ... on OpenThing { text: label } ... on Sealed { text: label inner { text: pin } } } }',
    'below another type of its own': '{ found { ... on Sealed { inner { content: pin } } } }',
  };
  test.each(Object.entries(ways))('as a member of a union is closed where its fragment is entered: %s', async (_, query) => {
    const answer = await graph.query(query);
    noSecretIn(answer);
    expect(answer.status).toBe(200);
    expect(refusedPaths(answer).length).toBeGreaterThan(0);
    expect(travelled(graph)).not.toMatch(/content\b(?!:)|pin/);
  });

  test('lets the other members of its union through', async () => {
    const answer = await graph.query('{ found { ... on OpenThing { label } ... on Sealed { label } } }');
    expect(answer.data).toEqual({ found: [{ label: 'open label' }, { label: null }] });
    expect(travelled(graph)).not.toContain('Sealed');
  });

  test('says its name to whoever may read the field, in whatever fragment it is asked', async () => {
    const answer = await graph.query('{ found { __typename kind: __typename ... on Sealed { also: __typename content } } }');
    expect((answer.data as { found: unknown[] } | null)?.found).toBeUndefined();
    // The refused non-null content takes its list with it; without it the names stand.
    const names = await graph.query('{ found { __typename ... on Sealed { also: __typename label } } }');
    expect(names.data).toEqual({ found: [{ __typename: 'OpenThing' }, { __typename: 'Sealed', also: 'Sealed', label: null }] });
    expect(refusedPaths(names)).toEqual([['found', 'label']]);
  });

  test('opens for who meets its demand', async () => {
    expect((await graph.query('{ sealed { content } found { ... on Sealed { content inner { pin } } } records { id } }', await as({}))).errors).toEqual([]);
  });
});

describe('an alias', () => {
  test('hides no refused field behind an open name, and no open field behind a refused one', async () => {
    const answer = await graph.query('{ closedThing { id: label label: id x: label } }');
    expect(answer.data).toEqual({ closedThing: { id: null, label: 'c1', x: null } });
    expect(refusedPaths(answer)).toEqual([['closedThing', 'id'], ['closedThing', 'x']]);
    expect(travelled(graph)).not.toMatch(/: ?label|label(?!:)/);
  });
  test('on the field around it changes nothing', async () => {
    const answer = await graph.query('{ a: openThing { label } b: closedThing { label } c: things { label } }');
    expect(answer.data).toEqual({ a: { label: 'open label' }, b: { label: null }, c: [{ label: null }, { label: null }] });
    expect(refusedPaths(answer)).toEqual([['b', 'label'], ['c', 'label']]);
  });
});

describe('leaf types', () => {
  test.each([
    ['an enum', '{ grades }', { scopes: ['grade:read'] }, { grades: ['A'] }],
    ['a scalar', '{ code }', { policies: ['auditor'] }, { code: `${SECRET} code` }],
  ])('%s that is protected closes every field that returns it', async (_, query, claims, data) => {
    for (const options of [{}, await as({ scopes: ['other'] })]) {
      forget(graph);
      const answer = await graph.query(query, options);
      expect(Object.values(answer.data ?? {})).toEqual([null]);
      expect(travelled(graph)).toBe('');
    }
    expect((await graph.query(query, await as(claims))).data).toEqual(data);
  });
});

describe('nulls', () => {
  test('a refused non-null field takes the nearest nullable place with it and nothing else', async () => {
    const answer = await graph.query('{ wrapper { id inner { word pin } } openThing { id } }');
    expect(answer.data).toEqual({ wrapper: { id: 'w1', inner: null }, openThing: { id: 'o1' } });
    expect(refusedPaths(answer)).toEqual([['wrapper', 'inner', 'pin']]);
    expect(answer.errors).toHaveLength(1);
    expect(travelled(graph)).not.toContain('pin');
  });
  test('in a list of non-null elements takes the list', async () => {
    const answer = await graph.query('{ wrapper { inner { word list { word pin } } } }');
    expect(answer.data).toEqual({ wrapper: { inner: { word: 'word', list: null } } });
    expect(answer.errors.map(({ path }) => path)).toEqual([['wrapper', 'inner', 'list', 'pin']]);
  });
  test('a selection that @skip or @include leaves out is neither shown nor refused', async () => {
    const query = 'query ($show: Boolean!) { closedThing { id label @include(if: $show) } wrapper { id ... @skip(if: true) { inner { pin } } } }';
    const left = await graph.query(query, { variables: { show: false } });
    expect([left.data, left.errors]).toEqual([{ closedThing: { id: 'c1' }, wrapper: { id: 'w1' } }, []]);
    const asked = await graph.query(query, { variables: { show: true } });
    expect([asked.data, refusedPaths(asked)]).toEqual([{ closedThing: { id: 'c1', label: null }, wrapper: { id: 'w1' } }, [['closedThing', 'label']]]);
  });
});

describe('mutations', () => {
  test('a refused root field is not run; the others are, in order', async () => {
    const answer = await graph.query('mutation { first a: second(note: "x") third { id inner { word } } }');
    expect(answer.data).toEqual({ first: 'first done', a: null, third: { id: 'w2', inner: { word: 'x' } } });
    expect(refusedPaths(answer)).toEqual([['a']]);
    expect(travelled(graph)).not.toContain('second');
    expect(travelled(graph)).toMatch(/first[\s\S]*third/);
  });
  test('a refused root field that is non-null leaves no data, and the others have run', async () => {
    const answer = await graph.query('mutation { first strict }');
    expect(answer.data).toBeNull();
    expect(refusedPaths(answer)).toEqual([['strict']]);
    expect(travelled(graph)).toContain('first');
    expect(travelled(graph)).not.toContain('strict');
  });
  test('what was to be handed to a refused field stays here', async () => {
    const answer = await graph.query('mutation ($note: String) { first(note: "plain") second(note: $note) }', { variables: { note: 'for the refused field only' } });
    expect(answer.data).toEqual({ first: 'first done', second: null });
    expect(travelled(graph)).toContain('plain');
    expect(travelled(graph)).not.toContain('for the refused field only');
  });
  test('one whose root fields are all refused calls nobody', async () => {
    const answer = await graph.query('mutation { second x: second(note: "y") }');
    expect(answer.data).toEqual({ second: null, x: null });
    expect(travelled(graph)).toBe('');
  });
  test('what a mutation returns is filtered like any other selection', async () => {
    const answer = await graph.query('mutation { third { id inner { word pin } } }');
    expect(answer.data).toEqual({ third: { id: 'w2', inner: null } });
    expect(travelled(graph)).not.toContain('pin');
  });
});

describe('over other ways in', () => {
  let client: RawClient | undefined;
  afterEach(() => client?.socket.terminate());

  test('GET is filtered as POST is', async () => {
    const response = await fetch(`${graph.gateway.url}/graphql?query=${encodeURIComponent('{ closedThing { id label } }')}`, { headers: { 'apollo-require-preflight': '1' } });
    expect(await response.json()).toMatchObject({ data: { closedThing: { id: 'c1', label: null } }, errors: [{ path: ['closedThing', 'label'] }] });
  });
  test('a query over WebSocket is filtered, and a refused subscription never reaches a subgraph', async () => {
    client = await RawClient.ready(`${graph.gateway.url.replace('http', 'ws')}/graphql`);
    client.subscribe('1', '{ closedThing { id label } found { ... on Sealed { label } } }');
    await until('the answer', () => (client?.nexts('1').length ?? 0) > 0);
    expect(client.nexts('1')[0]).toMatchObject({ data: { closedThing: { id: 'c1', label: null }, found: [{}, { label: null }] } });
    client.subscribe('2', 'subscription { sealedTicks }');
    expect(await client.errorCodes('2')).toEqual(['UNAUTHORIZED_FIELD_OR_TYPE']);
    expect(travelled(graph)).not.toMatch(/sealedTicks|label/);
  });
  test('the entities of the subgraphs are not the client\'s to ask for', async () => {
    const answer = await graph.query('{ _entities(representations: [{ __typename: "Sealed", id: "x1" }]) { ... on Sealed { content } } }');
    expect(answer).toMatchObject({ errors: [{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }] });
    expect(travelled(graph)).toBe('');
  });
});
