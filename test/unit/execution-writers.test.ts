/** The writers of a response: the compiled ones write what the careful one writes, or nothing; the careful one bubbles nulls. */
import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { buildSchema, execute, getOperationAST, parse, type GraphQLSchema } from 'graphql';
import { compileByteWriter } from '../../gateway/execution/response/byte-writer.js';
import { compileWriter, quoteAny, quoteEscapeFree } from '../../gateway/execution/response/compiled-writer.js';
import { writeCarefully } from '../../gateway/execution/response/careful-writer.js';
import { rootSite, type SelectionSite } from '../../gateway/execution/response/response-shape.js';
import type { Permissions } from '../../gateway/execution/contracts.js';

const SCHEMA = buildSchema(`
  type Query { things: [Thing] names: [String] lists: [[Thing]] node: Node one: Thing any: [Any!] grid: [[Int!]!] id: ID! }
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
/** The same value with texts that need no escape and are ASCII. */
function plain(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/[^ -~]|["\\]/g, '_');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [plain(key), plain(inner)]));
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
      const ahead = compileWriter(site, { ahead: true });
      fc.assert(fc.property(world, (drawn) => {
        const data = JSON.parse(JSON.stringify(drawn)) as Record<string, unknown>;
        const { text, misfits } = writeCarefully(site, data, () => undefined);
        const fast = write(data, quoteAny);
        if (misfits.length === 0) written += 1;
        else refused += 1;
        expect(fast?.join('')).toBe(misfits.length === 0 ? text : undefined);
        expect(ahead(data, quoteAny)).toEqual(fast);
      }), { seed: 20_261_121, numRuns: 1_500 });
    }
    expect(Math.min(written, refused)).toBeGreaterThan(200);
  });

  test('as bytes, writes the same where no text needs more than its own letters', () => {
    let written = 0;
    let refused = 0;
    for (const included of [true, false]) {
      const site = siteOf(QUERY, { holds: () => included });
      const write = compileByteWriter(site);
      fc.assert(fc.property(world, (drawn) => {
        const data = plain(JSON.parse(JSON.stringify(drawn))) as Record<string, unknown>;
        const { text, misfits } = writeCarefully(site, data, () => undefined);
        const bytes = write(data, '>');
        if (misfits.length === 0) written += 1;
        else refused += 1;
        expect(bytes?.view().toString()).toBe(misfits.length === 0 ? `>${text}` : undefined);
        bytes?.release();
      }), { seed: 20_261_122, numRuns: 1_500 });
    }
    expect(Math.min(written, refused)).toBeGreaterThan(200);
  });

  test('as bytes, runs of nulls stay within the memory, also where it was used before', () => {
    const site = siteOf('{things{id} names lists{id}}');
    const write = compileByteWriter(site);
    const secret = compileByteWriter(siteOf('{names}'))({ names: Array.from({ length: 4_000 }, (_, index) => `secret-${index}`) }, '');
    secret?.release();
    fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 0, max: 2 })), { maxLength: 4 }), (runs) => {
      const of = (one: unknown): unknown[] => runs.flatMap(([nulls, values]) => [...Array.from({ length: nulls }, () => null), ...Array.from({ length: values }, () => one)]);
      const data = { things: of({ id: 'i' }), names: of('n'), lists: [of({ id: 'i' }), ...of([null])] };
      const bytes = write(data, '');
      const text = bytes?.view().toString();
      bytes?.release();
      expect(text).toBe(writeCarefully(site, data, () => undefined).text);
    }), { seed: 20_261_121, numRuns: 150 });
  });

  test('as bytes, outgrows any first guess', () => {
    const query = '{id grid any{...on Thing{id name extra color open ratio count} ...on Other{text}}}';
    const site = siteOf(query);
    const write = compileByteWriter(site);
    fc.assert(fc.property(fc.integer({ min: 0, max: 40_000 }), fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 300 }), fc.nat(100_000), (letters, numbers, things, extra) => {
      const thing = { __typename: 'Thing', id: 1, name: 'n'.repeat(letters % 97), extra: { list: ['e'.repeat(extra)] }, color: 'GREEN', open: false, ratio: -1.7976931348623157e308, count: -2_147_483_648 };
      const data = { id: 'x'.repeat(letters), grid: [Array.from({ length: numbers }, (_, index) => -index), [], [1]], any: Array.from({ length: things }, () => ({ ...thing, extra: null })).concat([thing as never]) };
      const bytes = write(data, '');
      const text = bytes?.view().toString();
      bytes?.release();
      expect(text).toBe(writeCarefully(site, data, () => undefined).text);
    }), { seed: 20_261_121, numRuns: 60 });
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

  test('generates the code of object types ahead when asked to', () => {
    const compiling = jest.spyOn(globalThis, 'Function');
    const data = { one: { name: 'n', parent: { id: 'i' }, children: [{ id: 'j' }] } };
    const generatedBy = (work: () => unknown): number => {
      const before = compiling.mock.calls.length;
      work();
      return compiling.mock.calls.length - before;
    };
    try {
      const [late, ahead] = [compileWriter(siteOf('{one{name parent{id} children{id}}}')), compileWriter(siteOf('{one{name parent{id} children{id}}}'), { ahead: true })];
      expect(generatedBy(() => late(data, quoteAny))).toBe(4);
      expect(generatedBy(() => ahead(data, quoteAny))).toBe(0);
      const [lateBytes, aheadBytes] = [compileByteWriter(siteOf('{one{name parent{id} children{id}}}')), compileByteWriter(siteOf('{one{name parent{id} children{id}}}'), { ahead: true })];
      expect(generatedBy(() => lateBytes(data, ''))).toBe(4);
      expect(generatedBy(() => aheadBytes(data, ''))).toBe(0);
    } finally {
      compiling.mockRestore();
    }
  });

  test('leaves texts as they are when none needs an escape', () => {
    const write = compileWriter(siteOf('{one{name id}}'));
    const data = { one: { name: 'plain – text', id: 'i' } };
    expect(write(data, quoteEscapeFree)).toEqual(write(data, quoteAny));
  });
});
