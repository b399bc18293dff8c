/** `@defer`: the first part does not wait for the others, and all parts together are the answer without it. `@stream` is unknown. */
import { describe, expect, test } from '@jest/globals';
import { buildSchema, parse, validate } from 'graphql';
import { withoutDefer } from '../../../gateway/execution/deferral/defer-directive.js';
import { FURTHER_RULES } from '../../../gateway/enforcement/validation-rules.js';
import { difference } from '../../kit/differential/compare.js';
import type { Answer } from '../../kit/differential/federated-graph.js';
import { runInParts, type PartsOptions } from '../../kit/differential/parts-engine.js';
import { ask, federation, ruleGraph } from '../../kit/differential/rule-graph.js';
import { stableJson, type WorldNode } from '../../kit/differential/world.js';
import type { Payload } from '../../kit/merge-parts.js';

interface Thing extends WorldNode { next: unknown }
const thing = (id: string): Thing => ({ __typename: 'Thing', id, name: `N${id}`, size: Number(id), color: `C${id}`, weight: Number(id) * 10, next: null, maker: { __typename: 'Maker', id: `m${id}`, city: `Y${id}` }, faulty: id === '2' ? new Error('no value') : `F${id}` });
const [one, two] = [thing('1'), thing('2')];
one.next = two;
const disc: WorldNode = { __typename: 'Disc', id: 'd', title: 'Blue', tracks: 9 };
const text: WorldNode = { __typename: 'Text', id: 't', title: 'Red', pages: 90 };
const graph = ruleGraph({
  things: `${federation('2.9', '@key')} type Query { thing: Thing  things: [Thing]  rows: [[Thing]]  none: [Thing!]!  plain: Plain  media: [Media!]! }  type Mutation { first: Thing  second: Thing }
    type Thing @key(fields: "id") { id: ID!  name: String  next: Thing  maker: Maker }  type Maker @key(fields: "id") { id: ID! }  type Plain { x: Int  y: Int  thing: Thing }
    interface Media { id: ID!  title: String }  type Disc implements Media @key(fields: "id") { id: ID!  title: String }  type Text implements Media @key(fields: "id") { id: ID!  title: String }`,
  sizes: `${federation('2.9', '@key', '@external', '@requires')} type Thing @key(fields: "id") { id: ID!  size: Int  color: String! @external  weight: Int @requires(fields: "color") }  type Maker @key(fields: "id") { id: ID!  city: String }`,
  colors: `${federation('2.9', '@key')} type Thing @key(fields: "id") { id: ID!  color: String!  faulty: String! }  type Disc @key(fields: "id") { id: ID!  tracks: Int }  type Text @key(fields: "id") { id: ID!  pages: Int }`,
}, {
  query: { thing: one, things: [one, null, two, one], rows: [[one], null, [two, null]], none: [], plain: { __typename: 'Plain', x: 1, y: 2, thing: two }, media: [disc, text, disc] },
  mutation: { first: one, second: two },
});

interface Asked {
  readonly payloads: readonly Payload[];
  readonly answer: Answer;
}

/** Runs an operation in parts and holds the merged answer against the single schema's answer without `@defer`, unless a subgraph is down. */
async function inParts(query: string, variables: Readonly<Record<string, unknown>> = {}, options: PartsOptions = {}): Promise<Asked> {
  const document = parse(query);
  expect(validate(graph.apiSchema, document)).toEqual([]);
  const { payloads, answer } = await runInParts(graph, { document, variables, operationName: undefined }, options);
  if (answer === undefined) throw new Error('The operation was not answered in parts.');
  if (options.down !== undefined) return { payloads, answer };
  const { data, errors = [], hiddenFailures } = await graph.reference(withoutDefer(document), variables, undefined);
  const sorted = (value: unknown): unknown => JSON.parse(stableJson(value));
  expect(difference({ data: sorted(data ?? null), errors: errors.map((error) => error.toJSON()), calls: [], hiddenFailures }, { ...answer, data: sorted(answer.data) })).toBeUndefined();
  return { payloads, answer };
}

describe('what is deferred comes after the rest, and together they are the whole', () => {
  test('a field of another subgraph', async () => {
    const { payloads } = await inParts('{ thing { id ... @defer { size } } }');
    expect(payloads).toEqual([
      { data: { thing: { id: '1' } }, extensions: expect.anything(), hasNext: true },
      { incremental: [{ path: ['thing'], data: { size: 1 }, extensions: expect.anything() }], hasNext: false },
    ]);
  });

  test('a field of the same subgraph, for an entity', async () => {
    const { payloads, answer } = await inParts('{ thing { id ... @defer { name } } }');
    expect(payloads[0]?.data).toEqual({ thing: { id: '1' } });
    expect(answer.calls).toEqual(['things', 'things']);
  });

  test('a field that cannot be fetched apart is a part all the same', async () => {
    const { payloads, answer } = await inParts('{ plain { x ... @defer { y } } }');
    expect(payloads.map(({ data, incremental }) => data ?? incremental?.map((entry) => entry.data))).toEqual([{ plain: { x: 1 } }, [{ y: 2 }]]);
    expect(answer.calls).toEqual(['things']);
  });

  test('one entry for each object of a list, none for null', async () => {
    const { payloads } = await inParts('{ things { id ...Size @defer(label: "size") } rows { ... @defer { size } } } fragment Size on Thing { size }');
    const entries = payloads.flatMap(({ incremental = [] }) => incremental);
    expect(entries.filter(({ label }) => label === 'size').map(({ path, data }) => [path, data])).toEqual([[['things', 0], { size: 1 }], [['things', 2], { size: 2 }], [['things', 3], { size: 1 }]]);
    expect(entries.filter(({ label }) => label === undefined).map(({ path }) => path)).toEqual([['rows', 0, 0], ['rows', 2, 0]]);
  });

  test('the root', async () => {
    const { payloads } = await inParts('{ ... @defer(label: "all") { thing { id size } } plain { x } }');
    expect(payloads[0]?.data).toEqual({ plain: { x: 1 } });
    expect(payloads[1]?.incremental).toEqual([{ path: [], label: 'all', data: { thing: { id: '1', size: 1 } }, extensions: expect.anything() }]);
  });

  test('parts inside parts come after them', async () => {
    const { payloads } = await inParts('{ thing { id ... @defer(label: "outer") { size next { id ... @defer(label: "inner") { color maker { ... @defer(label: "inmost") { city } } } } } } }');
    const entries = payloads.flatMap(({ incremental = [] }) => incremental);
    expect(entries.map(({ label, path }) => [label, path])).toEqual([['outer', ['thing']], ['inner', ['thing', 'next']], ['inmost', ['thing', 'next', 'maker']]]);
  });

  test('a named fragment with a part inside, spread at several places, once for each', async () => {
    const { payloads } = await inParts('{ thing { ...F next { ...F } } } fragment F on Thing { name ... @defer(label: "l") { color } }');
    expect(payloads.flatMap(({ incremental = [] }) => incremental).map(({ path, data, label }) => [path, data, label])).toEqual([[['thing'], { color: 'C1' }, 'l'], [['thing', 'next'], { color: 'C2' }, 'l']]);
  });

  test('fields that are in several parts', async () => {
    await inParts('{ thing { name next { id } ... @defer { name next { id size } } ... @defer { next { size color } } } }');
  });

  test('what a deferred field requires', async () => {
    const { answer } = await inParts('{ things { id ... @defer { weight } } }');
    expect(answer.calls).toEqual(['things', 'colors', 'sizes']);
  });

  test('fragments on types: objects of others have no entry', async () => {
    const { payloads } = await inParts('{ media { title ... on Disc @defer { tracks } ... @defer { ... on Text { pages } } } }');
    const entries = payloads.flatMap(({ incremental = [] }) => incremental);
    expect(entries.filter(({ data }) => Object.hasOwn(data as object, 'tracks')).map(({ path }) => path)).toEqual([['media', 0], ['media', 2]]);
  });

  test('below the fields of a mutation, whose order is kept', async () => {
    const { payloads, answer } = await inParts('mutation { first { id ... @defer { size } } second { id ... @defer { color } } }');
    expect(payloads[0]?.data).toEqual({ first: { id: '1' }, second: { id: '2' } });
    expect(answer.calls).toEqual(['things', 'sizes', 'colors']);
  });

  test('an empty list has nothing to come', async () => {
    const { payloads } = await inParts('{ none { ... @defer { size } } }');
    expect(payloads).toEqual([{ data: { none: [] }, extensions: expect.anything(), hasNext: false }]);
  });

  test('conditions inside and on deferred fragments', async () => {
    for (const on of [true, false]) {
      await inParts('query ($on: Boolean!) { thing { id ... @defer { size @skip(if: $on) color @include(if: $on) } ... @include(if: $on) @defer { name } } }', { on });
    }
  });
});

describe('if', () => {
  const IF = 'query ($size: Boolean = true, $color: Boolean) { thing { id ... @defer(if: $size) { size } ... @defer(if: $color, label: "c") { color } } }';
  const later = (payloads: readonly Payload[]): string[] => payloads.flatMap(({ incremental = [] }) => incremental.flatMap(({ data }) => Object.keys(data as object)));

  test.each([
    [{ size: true, color: false }, ['size']],
    [{ size: false, color: true }, ['color']],
    [{ color: false }, ['size']],
    // The default of the argument holds where a variable without a default has no value.
    [{ size: false }, ['color']],
  ])('%j defers %j', async (variables, names) => {
    const { payloads } = await inParts(IF, variables);
    expect(later(payloads)).toEqual(names);
  });

  test('nothing is in parts when nothing is deferred', async () => {
    const document = parse(IF);
    expect(await runInParts(graph, { document, variables: { size: false, color: false }, operationName: undefined })).toEqual({ payloads: [], answer: undefined });
    expect(await runInParts(graph, { document: parse('{ thing { ... @defer(if: false) { size } } }'), variables: {}, operationName: undefined })).toEqual({ payloads: [], answer: undefined });
  });
});

describe('faults', () => {
  test('a field that fails is null in its part, with the error there', async () => {
    const { payloads, answer } = await inParts('{ things { id ... @defer { color maker { ... @defer { city } } } } }', {}, { down: 'sizes' });
    const errors = payloads.flatMap(({ incremental = [] }) => incremental).flatMap((entry) => (entry.errors ?? []).map(({ path, extensions }) => [entry.path, path, extensions?.['code']]));
    expect(payloads[0]).not.toHaveProperty('errors');
    expect(errors).toEqual([0, 2, 3].map((index) => [['things', index, 'maker'], ['things', index, 'maker', 'city'], 'SUBGRAPH_UNAVAILABLE']));
    expect(answer.data).toEqual({ things: [one, null, two, one].map((node) => node && { id: node['id'], color: node['color'], maker: { city: null } }) });
  });

  test('a null that may not be ends at the root of its part', async () => {
    const { payloads } = await inParts('{ things { id ... @defer { color name } } }', {}, { down: 'colors' });
    const [first, ...later] = payloads;
    expect(first).toMatchObject({ data: { things: [{ id: '1' }, null, { id: '2' }, { id: '1' }] }, hasNext: true });
    const entries = later.flatMap(({ incremental = [] }) => incremental);
    expect(entries.map(({ path, data, errors }) => [path, data, errors?.map((error) => error.path)])).toEqual([0, 2, 3].map((index) => [['things', index], null, [['things', index, 'color']]]));
  });

  test('at the root of the response as well', async () => {
    const { payloads } = await inParts('{ plain { x } ... @defer { none { id } things { color } } }', {}, { down: 'colors' });
    expect(payloads[0]?.data).toEqual({ plain: { x: 1 } });
    expect(payloads[1]?.incremental?.[0]).toMatchObject({ path: [], data: { none: [], things: [null, null, null, null] } });
    expect(payloads[1]?.incremental?.[0]?.errors?.map(({ path }) => path)).toEqual([0, 1, 2, 3].map((index) => ['things', index, 'color']));
  });

  test('one object of several', async () => {
    // Without @defer the null would go one object further.
    const document = parse('{ things { id ... @defer { faulty } } }');
    const { payloads } = await runInParts(graph, { document, variables: {}, operationName: undefined });
    const entries = payloads.flatMap(({ incremental = [] }) => incremental);
    expect(entries.find(({ path }) => path[1] === 2)).toMatchObject({ data: null, errors: [{ path: ['things', 2, 'faulty'] }] });
    expect(entries.filter(({ data }) => data !== null)).toHaveLength(2);
  });

  test('nothing of an object that the first part does not have', async () => {
    const { payloads } = await inParts('{ thing { ... @defer { size } } plain { x } }', {}, { down: 'things' });
    expect(payloads).toHaveLength(1);
    expect(payloads[0]).toMatchObject({ data: { thing: null, plain: null }, hasNext: false });
    expect(payloads[0]?.errors?.map(({ path }) => path)).toEqual([['thing'], ['plain']]);
  });
});

describe('a slow subgraph', () => {
  test('holds up its own part only', async () => {
    let release = (): void => undefined;
    const slow = new Promise<void>((resolve) => { release = resolve; });
    const seen: Payload[] = [];
    await inParts('{ thing { id ... @defer(label: "size") { size } ... @defer(label: "color") { color } } }', {}, {
      before: (service) => (service === 'sizes' ? slow : Promise.resolve()),
      onPayload: (payload) => {
        seen.push(payload);
        if (payload.incremental?.[0]?.label === 'color') release();
      },
    });
    expect(seen.map(({ data, incremental, hasNext }) => [data, incremental?.map(({ label }) => label), hasNext])).toEqual([[{ thing: { id: '1' } }, undefined, true], [undefined, ['color'], true], [undefined, ['size'], false]]);
  });

  test('is not called any more for a client that left', async () => {
    let left = false;
    const called: string[] = [];
    const { payloads } = await runInParts(graph, { document: parse('{ thing { id ... @defer { weight } } }'), variables: {}, operationName: undefined }, {
      before: async (service) => { called.push(service); },
      onPayload: () => { left = true; },
      gone: () => left,
    });
    expect(payloads).toHaveLength(1);
    expect(called).not.toContain('sizes');
  });
});

describe('validation', () => {
  const problems = (query: string): string[] => validate(graph.apiSchema, parse(query), [...FURTHER_RULES]).map(({ message }) => message);

  test('labels are constants and differ', () => {
    expect(problems('query ($l: String) { thing { ... @defer(label: $l) { size } } }')).toEqual([expect.stringContaining('must be a constant')]);
    expect(problems('{ thing { ... @defer(label: "l") { size } ... @defer(label: "l") { color } } }')).toEqual([expect.stringContaining('more than once')]);
    expect(problems('{ thing { ... @defer(label: null) { size } ... @defer(label: "l") { color } ... @defer { name } } }')).toEqual([]);
  });

  test('the fields of a mutation themselves are not deferred', () => {
    expect(problems('mutation { ... @defer { first { id } } }')).toEqual([expect.stringContaining('cannot be used on fields of a mutation')]);
    expect(problems('mutation { ...M } fragment M on Mutation { ...N @defer } fragment N on Mutation { first { id } }')).toHaveLength(1);
    expect(problems('mutation { first { ... @defer { size } } }')).toEqual([]);
    const schema = buildSchema('directive @defer on FRAGMENT_SPREAD | INLINE_FRAGMENT interface Acts { act: Int } type Mutation implements Acts { act: Int } type Query { act: Int }');
    expect(validate(schema, parse('mutation { ... on Acts { ... @defer { act } } }'), FURTHER_RULES).map(({ message }) => message)).toEqual([expect.stringContaining('cannot be used on fields of a mutation')]);
  });
});

describe('without parts', () => {
  test('the executor answers everything at once', async () => {
    const { data } = await ask(graph, '{ thing { id ... @defer { size next { ... @defer { color } } } } }');
    expect(data).toEqual({ thing: { id: '1', size: 1, next: { color: 'C2' } } });
  });

  test('@stream is unknown', async () => {
    await expect(ask(graph, '{ things @stream { id } }')).rejects.toThrow('Unknown directive "@stream"');
  });

  test('introspection offers @defer and not @stream', async () => {
    const { data } = await ask(graph, '{ __schema { directives { name locations args { name type { kind } defaultValue } } } }');
    const { directives } = (data as { __schema: { directives: { name: string }[] } }).__schema;
    expect(directives.find(({ name }) => name === 'defer')).toEqual({
      name: 'defer', locations: ['FRAGMENT_SPREAD', 'INLINE_FRAGMENT'],
      args: [{ name: 'label', type: { kind: 'SCALAR' }, defaultValue: null }, { name: 'if', type: { kind: 'NON_NULL' }, defaultValue: 'true' }],
    });
    expect(directives.map(({ name }) => name)).not.toContain('stream');
  });
});
