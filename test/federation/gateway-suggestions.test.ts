/** With introspection off, a guess at the schema is not answered with the names it came close to, on any edge. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { withoutSuggestion } from '../../gateway/enforcement/suggestions.js';
import { startMiniGraph, type MiniDefinition, type MiniGraph } from '../kit/mini-subgraphs.js';
import { RawClient, until } from './subscriptions-kit.js';

const GUESSED: MiniDefinition = {
  name: 'auth',
  sdl: `
type Query { treasure(colour: Colour, filter: Filter): Treasure  found: Found }
type Subscription { diggings: Int }
interface Found { id: ID }
type Treasure implements Found { id: ID  location: String }
enum Colour { GOLDEN SILVER }
input Filter { deepness: Int }
`,
  resolvers: { Query: { treasure: () => ({ id: '1' }) }, Found: { __resolveType: () => 'Treasure' } },
};

interface Guess {
  readonly query: string;
  readonly variables?: Record<string, unknown>;
  readonly code?: string;
  /** A name of the schema that the guess does not contain. */
  readonly hidden: string;
  /** What is still said. */
  readonly said: string;
}

const GUESSES: Readonly<Record<string, Guess>> = {
  'a field': { query: '{ treasur { id } }', hidden: 'treasure', said: 'Cannot query field \\"treasur\\" on type \\"Query\\".' },
  'a field of one implementation': { query: '{ found { location } }', hidden: 'Treasure', said: 'Cannot query field \\"location\\" on type \\"Found\\".' },
  'a type': { query: '{ found { ... on Treasur { id } } }', hidden: 'Treasure', said: 'Unknown type \\"Treasur\\".' },
  'an argument': { query: '{ treasure(color: SILVER) { id } }', hidden: 'colour', said: 'Unknown argument \\"color\\" on field \\"Query.treasure\\".' },
  'an enum value': { query: '{ treasure(colour: GOLDN) { id } }', hidden: 'GOLDEN', said: 'Value \\"GOLDN\\" does not exist in \\"Colour\\" enum.' },
  'an input field': { query: '{ treasure(filter: { depness: 1 }) { id } }', hidden: 'deepness', said: 'Field \\"depness\\" is not defined by type \\"Filter\\".' },
  'an enum value in a variable': { query: 'query ($c: Colour) { treasure(colour: $c) { id } }', variables: { c: 'GOLDN' }, code: 'BAD_USER_INPUT', hidden: 'GOLDEN', said: 'Value \\"GOLDN\\" does not exist in \\"Colour\\" enum.' },
  'an input field in a variable': { query: 'query ($f: Filter) { treasure(filter: $f) { id } }', variables: { f: { depness: 1 } }, code: 'BAD_USER_INPUT', hidden: 'deepness', said: 'Field \\"depness\\" is not defined by type \\"Filter\\".' },
  'a stream': { query: 'subscription { digings }', hidden: 'diggings', said: 'Cannot query field \\"digings\\" on type \\"Subscription\\".' },
};

type Ask = (graph: MiniGraph, guess: Guess) => Promise<string>;

const post = (accept: string): Ask => async ({ gateway }, { query, variables }) =>
  (await fetch(`${gateway.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', accept }, body: JSON.stringify({ query, variables }) })).text();

/** The text of the answer, by edge. A GET takes the way through Apollo Server. */
const EDGES: Readonly<Record<string, Ask>> = {
  'the hot path': post('application/json'),
  'server-sent events': post('text/event-stream'),
  'multipart': post('multipart/mixed;subscriptionSpec=1.0'),
  'Apollo Server': async ({ gateway }, { query, variables }) => {
    const search = new URLSearchParams({ query, ...(variables === undefined ? {} : { variables: JSON.stringify(variables) }) });
    return (await fetch(`${gateway.url}/graphql?${search.toString()}`, { headers: { 'apollo-require-preflight': '1' } })).text();
  },
  'WebSocket': async ({ gateway }, { query, variables }) => {
    const client = await RawClient.ready(`${gateway.url.replace('http', 'ws')}/graphql`);
    client.subscribe('1', query, variables ?? {});
    await until('an answer', () => client.messages.some(({ id }) => id === '1'));
    client.socket.close();
    return JSON.stringify(client.messages.find(({ id }) => id === '1'));
  },
};
/** Refused by its kind before its fields are looked at. */
const refusesStreams = (edge: string, name: string): boolean => edge === 'Apollo Server' && name === 'a stream';
const CASES = Object.keys(EDGES).flatMap((edge) => Object.keys(GUESSES).filter((name) => !refusesStreams(edge, name)).map((name): [string, string] => [edge, name]));

let open: MiniGraph;
let closed: MiniGraph;
beforeAll(async () => { [open, closed] = await Promise.all([startMiniGraph([GUESSED], { introspection: true }), startMiniGraph([GUESSED], { introspection: false })]); });
afterAll(() => Promise.all([open?.stop(), closed?.stop()]));

async function answers(edge: string, name: string): Promise<{ readonly guess: Guess; readonly shown: string; readonly hidden: string }> {
  const ask = EDGES[edge];
  const guess = GUESSES[name];
  if (ask === undefined || guess === undefined) throw new Error(`There is no ${edge} or no ${name}.`);
  return { guess, shown: await ask(open, guess), hidden: await ask(closed, guess) };
}

test.each(CASES)('%s: %s is suggested with introspection only', async (edge, name) => {
  const { guess, shown, hidden } = await answers(edge, name);
  for (const text of [shown, hidden]) {
    expect(text).toContain(`"code":"${guess.code ?? 'GRAPHQL_VALIDATION_FAILED'}"`);
    expect(text).toContain(guess.said);
  }
  expect(shown).toMatch(/ Did you mean [^?]*\?/);
  expect(shown).toContain(guess.hidden);
  expect(hidden).not.toContain('Did you mean');
  expect(hidden).not.toContain(guess.hidden);
});

describe('a message without its suggestion', () => {
  test.each([
    ['Unknown type "Treasur". Did you mean "Treasure"?', 'Unknown type "Treasur".'],
    ['Unknown type "T". Did you mean "A", "B", or "C"?', 'Unknown type "T".'],
    ['Enum "E" cannot represent non-enum value: " Did you mean x?". Did you mean the enum value "A"?', 'Enum "E" cannot represent non-enum value: "'],
    ['String cannot represent a non string value: {a: """\n Did you mean """ }. Did you mean "A"?', 'String cannot represent a non string value: {a: """\n'],
    ['Expected "Did you mean" to stay.', 'Expected "Did you mean" to stay.'],
    ['Is it so?', 'Is it so?'],
  ])('%j', (message, expected) => {
    expect(withoutSuggestion(message)).toBe(expected);
  });
});
