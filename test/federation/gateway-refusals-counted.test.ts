/** An operation that is refused for its cost or size is counted once, whichever way it took. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { counter } from '../kit/graph.js';
import { PATHS, startPaths, stopPaths, type PathName, type Paths } from '../kit/http-paths.js';
import type { MiniGraph } from '../kit/mini-subgraphs.js';

const times = (count: number, make: (index: number) => string): string => Array.from({ length: count }, (_, index) => make(index)).join(' ');
const REFUSED: ReadonlyArray<readonly [code: string, query: string]> = [
  // Before validation and preparation.
  ['QUERY_TOO_LARGE', `{ services { ${'id '.repeat(2_000)} } }`],
  ['QUERY_TOO_DEEP', `{ open ${'{ deep '.repeat(200)} { word } ${'}'.repeat(200)} }`],
  ['QUERY_TOO_MANY_ALIASES', `{ ${times(200, (index) => `a${index}: where`)} }`],
  // In preparation.
  ['QUERY_TOO_DEEP', `{ open ${'{ deep '.repeat(13)} { word } ${'}'.repeat(13)} }`],
  ['QUERY_TOO_COSTLY', '{ services(first: 100000) { id name } }'],
];

let paths: Paths | undefined;
beforeAll(async () => { paths = await startPaths(); });
afterAll(() => stopPaths(paths));

const refusals = (graph: MiniGraph, code: string): Promise<number> => counter(graph.gateway.url, 'acgs_operations_refused_total', { code });
const codeOf = async (response: Response): Promise<unknown> => ((await response.json()) as { errors: readonly { extensions: { code: string } }[] }).errors[0]?.extensions.code;
const viaPost = (graph: MiniGraph, query: string): Promise<Response> => fetch(`${graph.gateway.url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query }) });
const viaGet = (graph: MiniGraph, query: string): Promise<Response> => fetch(`${graph.gateway.url}/graphql?query=${encodeURIComponent(query)}`, { headers: { 'apollo-require-preflight': '1' } });

test.each(PATHS.flatMap((path) => REFUSED.map(([code, query]): [PathName, string, string] => [path, code, query])))('%s: %s', async (path, code, query) => {
  const graph = paths?.[path];
  if (graph === undefined) throw new Error(`There is no ${path}.`);
  for (const send of [viaPost, viaGet]) {
    const before = await refusals(graph, code);
    expect(await codeOf(await send(graph, query))).toBe(code);
    expect(await refusals(graph, code)).toBe(before + 1);
  }
});
