/** The two writers of a response: the compiled one writes what the careful one writes, or nothing; the careful one bubbles nulls. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { buildSchema, execute, getOperationAST, parse, type GraphQLSchema } from 'graphql';
import { compileWriter, quoteAny, quoteEscapeFree } from '../../gateway/execution/response/compiled-writer.js';
import { writeCarefully } from '../../gateway/execution/response/careful-writer.js';
import { rootSite, type SelectionSite } from '../../gateway/execution/response/response-shape.js';
import type { Permissions } from '../../gateway/execution/contracts.js';

const SCHEMA = buildSchema(`
  type Query { node: Node one: Thing any: [Any!] grid: [[Int!]!] id: ID! }
  interface Node { id: ID! name: String }
  union Any = Thing | Other
  enum Color { RED GREEN }
  scalar JSON
  type Thing implements Node { id: ID! name: String count: Int! ratio: Float open: Boolean color: Color extra: JSON children: [Thing!]! parent: Thing constructor: String }
  type Other implements Node { id: ID! name: String text: String! }
`);

function siteOf(query: string, options: { readonly schema?: GraphQLSchema; readonly permissions?: Permissions; readonly holds?: (name: string) => boolean } = {}): SelectionSite {
  const document = parse(query);
  const operation = getOperationAST(document);
  if (operation === null || operation === undefined) throw new Error('The test has no operation.');
  const fragments = new Map(document.definitions.flatMap((node) => (node.kind === 'FragmentDefinition' ? [[node.name.value, node] as const] : [])));
  return rootSite({ schema: options.schema ?? SCHEMA, fragments, permissions: options.permissions, conditionHolds: options.holds ?? (() => true) }, operation);
}
const careful = (query: string, data: Record<string, unknown>, options?: Parameters<typeof siteOf>[1]): { data: unknown; paths: string[] } => {
  const { text, misfits } = writeCarefully(siteOf(query, options), data, () => undefined);
  return { data: JSON.parse(text), paths: misfits.map(({ path }) => path.join('.')) };
};

describe('the careful writer', () => {
  test.each<[string, string, Record<string, unknown>, unknown, string[]]>([
    ['null that may be', '{one{name}}', { one: { name: null } }, { one: { name: null } }, []],
    ['absent counts as null', '{one{name}}', { one: {} }, { one: { name: null } }, []],
    ['non-null below nullable', '{one{count}}', { one: { count: null } }, { one: null }, ['one.count']],
    ['up through a list to the nearest nullable', '{one{name parent{children{count}}}}', { one: { name: 'n', parent: { children: [{ count: 1 }, { count: null }, {}] } } }, { one: { name: 'n', parent: null } }, ['one.parent.children.1.count', 'one.parent.children.2.count']],
    ['up to the root', '{id one{name}}', { one: { name: 'n' } }, null, ['id']],
    ['a wrong leaf', '{one{count name}}', { one: { count: '1', name: 3 } }, { one: null }, ['one.count']],
    ['a wrong nullable leaf', '{one{name ratio open color}}', { one: { name: 3, ratio: '1', open: 1, color: 'BLUE' } }, { one: { name: null, ratio: null, open: null, color: null } }, ['one.name', 'one.ratio', 'one.open', 'one.color']],
    ['an integer too large', '{one{count}}', { one: { count: 2_147_483_648 } }, { one: null }, ['one.count']],
    ['a number where an ID is due', '{id}', { id: 7 }, { id: '7' }, []],
    ['an object where a list is due', '{any{__typename}}', { any: {} }, { any: null }, ['any']],
    ['a list where an object is due', '{one{name}}', { one: [] }, { one: null }, ['one']],
    ['a type that is not there', '{any{__typename}}', { any: [{ __typename: 'Nothing' }] }, { any: null }, ['any.0']],
    ['a type that does not belong', '{one{__typename}}', { one: { __typename: 'Other' } }, { one: null }, ['one']],
    ['lists of lists', '{grid}', { grid: [[1, 2], [], [3]] }, { grid: [[1, 2], [], [3]] }, []],
    ['a null in a list of lists', '{grid}', { grid: [[1, null]] }, { grid: null }, ['grid.0.1']],
    ['names of the prototype', '{one{constructor toString:name}}', { one: {} }, { one: { constructor: null, toString: null } }, []],
  ])('%s', (_name, query, data, expected, paths) => {
    expect(careful(query, data)).toEqual({ data: expected, paths });
  });

  test('a custom scalar too deep to be written is a misfit of its field alone', () => {
    const extra = JSON.parse(`${'['.repeat(200_000)}${']'.repeat(200_000)}`) as unknown;
    expect(careful('{one{name extra}}', { one: { name: 'n', extra } })).toEqual({ data: { one: { name: 'n', extra: null } }, paths: ['one.extra'] });
    expect(compileWriter(siteOf('{one{name extra}}'))({ one: { name: 'n', extra } }, quoteAny)).toBeUndefined();
  });

  test('merges fields over fragments in order of first appearance, by runtime type', () => {
    const query = '{node{...on Thing{n:name count}id ...F ...on Other{n:text}}} fragment F on Node{name ...on Thing{parent{id}parent{name}}}';
    expect(JSON.stringify(careful(query, { node: { __typename: 'Thing', n: 'a', count: 1, id: 'i', name: 'b', parent: { id: 'p', name: 'q' } } }).data)).toBe('{"node":{"n":"a","count":1,"id":"i","name":"b","parent":{"id":"p","name":"q"}}}');
    expect(JSON.stringify(careful(query, { node: { __typename: 'Other', n: 'a', id: 'i', name: 'b' } }).data)).toBe('{"node":{"id":"i","name":"b","n":"a"}}');
  });

  test('leaves out what conditions exclude', () => {
    const query = 'query($a:Boolean!,$b:Boolean!){one{name @include(if:$a) count @skip(if:$b) ...on Thing @include(if:$b){count}id @skip(if:false)}}';
    const shown = (a: boolean, b: boolean): string[] => Object.keys((careful(query, { one: { name: 'n', count: 1, id: 'i' } }, { holds: (name) => (name === 'a' ? a : b) }).data as { one: object }).one);
    expect([shown(true, true), shown(true, false), shown(false, false)]).toEqual([['name', 'count', 'id'], ['name', 'count', 'id'], ['count', 'id']]);
  });

  test('shows a refused field as null although it was fetched, unless another selection may show it', () => {
    const permissions: Permissions = { mayEnter: (type) => type !== 'Node', maySelect: (_type, field) => field !== 'name' };
    expect(careful('{one{name other:name count ...on Node{name} ...on Thing{ratio}}}', { one: { name: 'secret', other: 'secret', count: 1, ratio: 2 } }, { permissions })).toEqual({ data: { one: { name: null, other: null, count: 1, ratio: 2 } }, paths: [] });
    expect(careful('{one{count ...on Node{id}}}', { one: { count: 1, id: 'secret' } }, { permissions })).toEqual({ data: { one: null }, paths: ['one.id'] });
    expect(careful('{one{...on Node{id}id}}', { one: { id: 'i' } }, { permissions })).toEqual({ data: { one: { id: 'i' } }, paths: [] });
  });
});

describe('the compiled writer', () => {
  const QUERY = `query($c:Boolean!){ id grid kind:__typename node{__typename ...N} one{...T parent{...T parent{id}}} any{__typename ...on Node{id} ...on Thing{count color extra} ...on Other{text}} }
    fragment N on Node{id name ...on Thing{ratio open}} fragment T on Thing{id name count ratio open color extra constructor children{id n:name @include(if:$c)}}`;
  const odd = fc.constantFrom<unknown>(null, undefined, 'x', 1, 1.5, true, {}, [], 'RED', 3e9, '"\\\n', 'Größe');
  const leaf = (good: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> => fc.oneof({ weight: 30, arbitrary: good }, { weight: 1, arbitrary: odd });
  const { thing } = fc.letrec<{ thing: unknown; child: unknown }>((tie) => {
    const fields = {
      __typename: fc.oneof({ weight: 30, arbitrary: fc.constant('Thing') }, { weight: 1, arbitrary: fc.constantFrom('Other', 'Nothing', 7) }),
      id: leaf(fc.oneof(fc.string(), fc.integer())), name: leaf(fc.option(fc.string())), n: leaf(fc.option(fc.string())), count: leaf(fc.integer({ min: -10, max: 1e9 })), ratio: leaf(fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }))),
      open: leaf(fc.option(fc.boolean())), color: leaf(fc.constantFrom('RED', 'GREEN', null)), extra: fc.option(fc.jsonValue()), constructor: leaf(fc.option(fc.string())),
    };
    return {
      child: fc.record({ ...fields, children: leaf(fc.constant([])) }),
      thing: fc.record({ ...fields, children: leaf(fc.array(tie('child'), { maxLength: 3 })), parent: fc.option(tie('thing'), { maxDepth: 3 }) }, { noNullPrototype: true }),
    };
  });
  const other = fc.record({ __typename: fc.constant('Other'), id: leaf(fc.string()), name: leaf(fc.option(fc.string())), text: leaf(fc.string()) });
  const world = fc.record({
    id: leaf(fc.string()), grid: leaf(fc.option(fc.array(fc.array(fc.integer({ min: 0, max: 9 }))))), node: fc.oneof(thing, other, fc.constant(null)), one: fc.option(thing), any: leaf(fc.option(fc.array(fc.oneof(thing, other), { maxLength: 4 }))),
  }, { noNullPrototype: true }) as fc.Arbitrary<Record<string, unknown>>;

  test('writes what the careful writer writes when nothing is wrong, and nothing otherwise', () => {
    let written = 0;
    let refused = 0;
    for (const included of [true, false]) {
      const site = siteOf(QUERY, { holds: () => included });
      const write = compileWriter(site);
      fc.assert(fc.property(world, (drawn) => {
        const data = JSON.parse(JSON.stringify(drawn)) as Record<string, unknown>;
        const { text, misfits } = writeCarefully(site, data, () => undefined);
        const fast = write(data, quoteAny);
        if (misfits.length === 0) written += 1;
        else refused += 1;
        expect(fast).toBe(misfits.length === 0 ? text : undefined);
      }), { seed: 20_261_121, numRuns: 1_500 });
    }
    expect(Math.min(written, refused)).toBeGreaterThan(200);
  });

  test('agrees with graphql-js over the same data', async () => {
    const document = parse('{one{id name count color children{id} parent{id name}} any{__typename ...on Thing{count} ...on Other{text}} grid id}');
    await fc.assert(fc.asyncProperty(world, async (drawn) => {
      const data = JSON.parse(JSON.stringify(drawn)) as Record<string, unknown>;
      const reference = await execute({ schema: SCHEMA, document, rootValue: data });
      const site = siteOf('{one{id name count color children{id} parent{id name}} any{__typename ...on Thing{count} ...on Other{text}} grid id}');
      const { text, misfits } = writeCarefully(site, data, () => undefined);
      if (reference.errors !== undefined || misfits.length > 0) return;
      expect(text).toBe(JSON.stringify(reference.data));
    }), { seed: 7, numRuns: 500 });
  });

  test('leaves texts as they are when none needs an escape', () => {
    const write = compileWriter(siteOf('{one{name id}}'));
    const data = { one: { name: 'plain – text', id: 'i' } };
    expect(write(data, quoteEscapeFree)).toBe(write(data, quoteAny));
  });
});
