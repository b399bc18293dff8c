/** @skip and @include decide field by field what is fetched and answered. */
import { describe, expect, test } from '@jest/globals';
import { ask, federation, ruleGraph } from '../../kit/differential/rule-graph.js';

const thing = { __typename: 'Thing', id: '1', name: 'n', size: 2, color: 'red', next: null };
const graph = ruleGraph({
  one: `${federation('2.9', '@key')} type Query { thing: Thing  things: [Thing!]! } type Thing @key(fields: "id") { id: ID!  name: String }`,
  two: `${federation('2.9', '@key')} type Thing @key(fields: "id") { id: ID!  size: Int  color: String  next: Thing }`,
}, { query: { thing, things: [thing, thing] } });

describe('conditions', () => {
  test.each([[true, true], [true, false], [false, true], [false, false]])('variables %s and %s', async (a, b) => {
    const variables = { a, b };
    await ask(graph, 'query ($a: Boolean!, $b: Boolean!) { thing { name @skip(if: $a) size @include(if: $b) ... @include(if: $a) { color id @skip(if: $b) } } }', { variables });
    await ask(graph, 'query ($a: Boolean!, $b: Boolean!) { thing @include(if: $a) { size } thing @skip(if: $b) { name } things @include(if: $a) @skip(if: $b) { color } }', { variables });
    await ask(graph, 'query ($a: Boolean!, $b: Boolean!) { ...F @skip(if: $a) ...F @include(if: $b) things { ...T @include(if: $b) } } fragment F on Query { thing { ...T } } fragment T on Thing { size @skip(if: $a) color }', { variables });
  });

  test('nothing is fetched for what is not included', async () => {
    const { calls } = await ask(graph, 'query ($a: Boolean!) { thing { name size @include(if: $a) } }', { variables: { a: false } });
    expect(calls).toEqual(['one']);
  });

  test('constants', async () => {
    expect((await ask(graph, '{ thing { size @skip(if: true) } }')).data).toEqual({ thing: {} });
    expect((await ask(graph, '{ thing @include(if: false) { size } }')).data).toEqual({});
    expect((await ask(graph, '{ thing { ... @include(if: false) { name } size @include(if: true) color @skip(if: false) @include(if: false) } }')).data).toEqual({ thing: { size: 2 } });
  });

  test('defaults of variables', async () => {
    expect((await ask(graph, 'query ($a: Boolean = false) { thing { size @include(if: $a) name @skip(if: $a) } }')).data).toEqual({ thing: { name: 'n' } });
  });
});
