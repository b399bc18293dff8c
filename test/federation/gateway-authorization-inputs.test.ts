/** Protected values that a plan fetches or needs for something else: keys, @requires, @fromContext, @provides, @interfaceObject, renamed directives. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ACCOUNTS, BALANCES, editedSupergraph, forget, refusedPaths, SECRET, travelled } from './gateway-authorization-graphs.js';
import { HASH, startMiniGraph, type GraphqlAnswer, type MiniDefinition, type MiniGraph } from '../kit/mini-subgraphs.js';

let graph: MiniGraph;
beforeAll(async () => { graph = await startMiniGraph([ACCOUNTS, BALANCES]); });
afterAll(() => graph.stop());
beforeEach(() => forget(graph));

const as = async (from: MiniGraph, claims: Parameters<MiniGraph['issuer']['issue']>[0]): Promise<{ headers: Record<string, string> }> => ({ headers: { authorization: `Bearer ${await from.issuer.issue(claims)}` } });
const noSecretIn = (answer: GraphqlAnswer): void => expect(JSON.stringify([answer.data, answer.errors, answer.extensions])).not.toContain(SECRET);

describe('a protected key', () => {
  const ways: Record<string, readonly [query: string, data: unknown, refused: unknown]> = {
    'under its own name': ['{ account { iban owner balance } }', { account: { iban: null, owner: 'owner', balance: 10 } }, [['account', 'iban']]],
    'under an alias': ['{ account { key: iban balance } }', { account: { key: null, balance: 10 } }, [['account', 'key']]],
    'while another field has its name': ['{ account { iban: balance } }', { account: { iban: 10 } }, []],
    'next to another field of its name': ['{ account { iban: balance x: iban } }', { account: { iban: 10, x: null } }, [['account', 'x']]],
    'in fragments': ['query { accounts { ...A } } fragment A on Account { ...B balance } fragment B on Account { iban }', { accounts: [{ iban: null, balance: 10 }] }, [['accounts', 'iban']]],
    'beside a permitted part of the same object': ['{ account { balance org { id name } } }', { account: { balance: 10, org: null } }, [['account', 'org', 'id']]],
    'from the subgraph that was handed it': ['{ review { stars account { iban balance owner } } }', { review: { stars: 5, account: { iban: null, balance: 10, owner: 'owner' } } }, [['review', 'account', 'iban']]],
  };
  test.each(Object.entries(ways))('joins subgraphs and is not shown %s', async (_, [query, data, refused]) => {
    const answer = await graph.query(query);
    expect(answer.data).toEqual(data);
    expect(refusedPaths(answer)).toEqual(refused);
    noSecretIn(answer);
  });

  test('does not travel when nothing needs it', async () => {
    const answer = await graph.query('{ account { iban owner org { id name } } }');
    expect(answer.data).toEqual({ account: { iban: null, owner: 'owner', org: null } });
    expect(travelled(graph)).not.toMatch(/iban|org\{[^}]*id/);
  });

  test('is shown to who meets its demand', async () => {
    expect(await graph.query('{ account { iban balance } }', await as(graph, {}))).toMatchObject({ data: { account: { iban: `${SECRET} iban`, balance: 10 } }, errors: [] });
  });
});

test('@provides opens nothing: what it hands over has the demands of its own', async () => {
  const answer = await graph.query('{ review { account { owner iban } } }');
  expect(answer.data).toEqual({ review: { account: { owner: 'owner', iban: null } } });
  expect(refusedPaths(answer)).toEqual([['review', 'account', 'iban']]);
});

describe('what a field needs from other fields, where composition did not insist', () => {
  const edits = [
    ['@tag(name: "score")', '@requiresScopes(scopes: [["score:read"]])'],
    ['@tag(name: "income")', '@authenticated'],
    ['@tag(name: "room")', '@policy(policies: [["librarian"]])'],
  ] as const;
  let lax: MiniGraph;
  beforeAll(async () => {
    const [score, income, room] = edits;
    const sdl = editedSupergraph([{ ...ACCOUNTS, sdl: ACCOUNTS.sdl.replace('signedIn: String @authenticated', 'signedIn: String @authenticated @policy(policies: [["any"]])') }, BALANCES], [score, income, room]);
    lax = await startMiniGraph([ACCOUNTS, BALANCES], {}, { supergraphSdl: sdl });
  });
  afterAll(() => lax.stop());
  beforeEach(() => forget(lax));

  test('is demanded by the field that needs it', async () => {
    const answer = await lax.query('{ account { limit balance } }');
    expect(answer.data).toEqual({ account: { limit: null, balance: 10 } });
    expect(travelled(lax)).not.toMatch(/score|limit|77001/);
    expect((await lax.query('{ account { limit } }', await as(lax, { scopes: ['score:read'] }))).data).toEqual({ account: { limit: 20 } });
  });
  test('is demanded at any depth, arguments and all', async () => {
    const answer = await lax.query('{ account { grade owner } }');
    expect(answer.data).toEqual({ account: { grade: null, owner: 'owner' } });
    expect(travelled(lax)).not.toMatch(/income|grade|77002/);
    expect((await lax.query('{ account { grade } }', await as(lax, {}))).data).toEqual({ account: { grade: 'A' } });
  });
  test('is demanded for values that come from a context', async () => {
    for (const options of [{}, await as(lax, { policies: ['reader'] })]) {
      const answer = await lax.query('{ shelf { id book { id place title } } }', options);
      expect(answer.data).toEqual({ shelf: { id: 's1', book: { id: 'b1', place: null, title: 'title' } } });
      expect(refusedPaths(answer)).toEqual([['shelf', 'book', 'place']]);
      expect(travelled(lax)).not.toMatch(/room|place/);
    }
    expect((await lax.query('{ shelf { book { place } } }', await as(lax, { policies: ['librarian'] }))).data).toEqual({ shelf: { book: { place: `in ${SECRET} room` } } });
  });
});

describe('an @interfaceObject', () => {
  const head = `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.11", import: ["@key", "@shareable", "@external", "@requires", "@interfaceObject", "@composeDirective", "@authenticated", "@requiresScopes"])
  @link(url: "https://specs.acgs.internal/constitutional/v1.0", import: ["@constitutional"])
  @composeDirective(name: "@constitutional")
  @constitutional(hash: "${HASH}")
`;
  const MEDIA: MiniDefinition = {
    name: 'auth',
    sdl: `${head}
type Query { media: [Media!]!  film: Film  book: Print }
interface Media @key(fields: "id") { id: ID!  title: String }
type Film implements Media @key(fields: "id") { id: ID!  title: String @requiresScopes(scopes: [["film:read"]]) }
type Print implements Media @key(fields: "id") { id: ID!  title: String }
`,
    resolvers: {
      Query: { media: () => [{ __typename: 'Film', id: 'f1', title: `${SECRET} film` }, { __typename: 'Print', id: 'p1', title: 'print' }], film: () => ({ id: 'f1', title: `${SECRET} film` }), book: () => ({ id: 'p1', title: 'print' }) },
      Media: { __resolveReference: ({ id }: { id: string }) => ({ __typename: id === 'f1' ? 'Film' : 'Print', id, title: id === 'f1' ? `${SECRET} film` : 'print' }) },
      Film: { __resolveReference: () => ({ id: 'f1', title: `${SECRET} film` }) },
      Print: { __resolveReference: () => ({ id: 'p1', title: 'print' }) },
    },
  };
  const RATINGS: MiniDefinition = {
    name: 'policy-governance',
    sdl: `${head}
type Query { rated: Media }
type Media @key(fields: "id") @interfaceObject { id: ID!  stars: Int  votes: Int @authenticated  danger: String @constitutional(level: CRITICAL) }
`,
    resolvers: { Query: { rated: () => ({ id: 'f1' }) }, Media: { __resolveReference: ({ id }: { id: string }) => ({ id }), stars: () => 3, votes: () => 77_003, danger: () => 'low' } },
  };
  let media: MiniGraph;
  beforeAll(async () => { media = await startMiniGraph([MEDIA, RATINGS]); });
  afterAll(() => media.stop());
  beforeEach(() => forget(media));

  test.each([
    ['on the interface', '{ media { id votes } }', { media: [{ id: 'f1', votes: null }, { id: 'p1', votes: null }] }],
    ['on an implementation', '{ film { id votes } book { stars votes } }', { film: { id: 'f1', votes: null }, book: { stars: 3, votes: null } }],
    ['in a fragment on an implementation', '{ media { id ... on Film { n: votes } } }', { media: [{ id: 'f1', n: null }, { id: 'p1' }] }],
  ])('protects its field %s', async (_, query, data) => {
    const answer = await media.query(query);
    expect(answer.data).toEqual(data);
    expect(travelled(media)).not.toContain('votes');
  });
  test('is bound by what one implementation protects', async () => {
    const answer = await media.query('{ rated { id stars title } film { title } book { title } }');
    expect(answer.data).toEqual({ rated: { id: 'f1', stars: 3, title: null }, film: { title: null }, book: { title: 'print' } });
    noSecretIn(answer);
    expect(refusedPaths(answer)).toEqual([['rated', 'title'], ['film', 'title']]);
  });
  test.each(['{ media { danger } }', '{ film { danger } }', '{ rated { ... on Film { danger } } }'])('passes its level on: %s', async (query) => {
    expect(await media.query(query)).toMatchObject({ errors: [{ extensions: { code: 'CONSTITUTIONAL_HASH_REQUIRED' } }] });
    expect(travelled(media)).toBe('');
  });
});

describe('directives under other names', () => {
  const LINKED: Record<string, string> = {
    'renamed by the import': `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.11", import: ["@key", "@shareable", "@composeDirective", { name: "@authenticated", as: "@auth" }, { name: "@requiresScopes", as: "@needs" }, { name: "@policy", as: "@allow" }])
  @link(url: "https://specs.acgs.internal/constitutional/v1.0", import: [{ name: "@constitutional", as: "@bound" }])
  @composeDirective(name: "@bound")
  @bound(hash: "${HASH}")
directive @bound(hash: String, level: constitutional__Level! = STANDARD) on SCHEMA | FIELD_DEFINITION
type Query { a: String @auth  b: String @needs(scopes: [["s"]])  c: String @allow(policies: [["p"]])  free: String  kill: String @bound(level: CRITICAL) }`,
    'under the namespace of the specification': `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.11", import: ["@key", "@shareable"])
  @link(url: "https://specs.acgs.internal/constitutional/v1.0")
  @federation__composeDirective(name: "@constitutional")
  @constitutional(hash: "${HASH}")
type Query { a: String @federation__authenticated  b: String @federation__requiresScopes(scopes: [["s"]])  c: String @federation__policy(policies: [["p"]])  free: String  kill: String @constitutional(level: CRITICAL) }`,
    'under a namespace of their own': `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.11", as: "fed", import: ["@key", "@shareable"])
  @link(url: "https://specs.acgs.internal/constitutional/v1.0", as: "acgs")
  @fed__composeDirective(name: "@acgs")
  @acgs(hash: "${HASH}")
directive @acgs(hash: String, level: acgs__Level! = STANDARD) on SCHEMA | FIELD_DEFINITION
enum acgs__Level { STANDARD CRITICAL }
type Query { a: String @fed__authenticated  b: String @fed__requiresScopes(scopes: [["s"]])  c: String @fed__policy(policies: [["p"]])  free: String  kill: String @acgs(level: CRITICAL) }`,
  };
  test.each(Object.entries(LINKED))('%s are enforced all the same', async (_, sdl) => {
    const renamed = await startMiniGraph([{ name: 'auth', sdl, resolvers: { Query: { a: () => SECRET, b: () => SECRET, c: () => SECRET, free: () => 'free', kill: () => SECRET } } }]);
    try {
      const answer = await renamed.query('{ a b c free }');
      expect(answer.data).toEqual({ a: null, b: null, c: null, free: 'free' });
      expect(refusedPaths(answer)).toEqual([['a'], ['b'], ['c']]);
      expect(travelled(renamed)).toBe('{free} {}');
      expect(refusedPaths(await renamed.query('{ a b c }', await as(renamed, { scopes: ['s'] })))).toEqual([['c']]);
      expect(await renamed.query('{ kill }')).toMatchObject({ errors: [{ extensions: { code: 'CONSTITUTIONAL_HASH_REQUIRED' } }] });
    } finally {
      await renamed.stop();
    }
  });
});
