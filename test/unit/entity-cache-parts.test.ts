/** The parts of the entity cache alone: what is known of changes, how much is kept, and what a supergraph lets be kept. */
import { describe, expect, test } from '@jest/globals';
import { readCacheHints } from '../../gateway/execution/cache/cache-hints.js';
import { createCacheRules, type CacheRules } from '../../gateway/execution/cache/cache-rules.js';
import { entityItems } from '../../gateway/execution/cache/cache-items.js';
import { ChangeRecord } from '../../gateway/execution/cache/change-record.js';
import { createKeptAnswers, keptTextOf, type KeptAnswer } from '../../gateway/execution/cache/kept-answers.js';
import { OwnWrites } from '../../gateway/execution/cache/own-writes.js';
import { entityTemplateOf, type EntityTemplate } from '../../gateway/execution/plan/fetch-template.js';
import { indexDirectives } from '../../gateway/supergraph/directive-index.js';
import { composeSupergraph } from '../../gateway/supergraph/compose.js';
import { wholeContract } from '../../ops/runtime/contracts.js';
import type { ChangesAnswer } from '../../ops/runtime/change-feed.js';
import { Supergraph } from '@apollo/federation-internals';

const HASH = 'cdd01ef066bc6cf2';
const changes = (parts: Partial<ChangesAnswer>): ChangesAnswer => ({ epoch: 'e', from: 0, position: 0, complete: true, changed: [], unnumbered: [], unnumberedMark: '0:', waitedMs: 0, ...parts });

describe('what is known of changes', () => {
  test('before the feed has spoken nothing is current', () => {
    expect(new ChangeRecord().isCurrent([], Number.MAX_SAFE_INTEGER)).toBe(false);
  });

  test('an answer is stale from the change of one of its subjects on', () => {
    const record = new ChangeRecord();
    expect(record.apply(changes({ from: 5, position: 5 }))).toBe(false);
    expect(record.apply(changes({ from: 5, position: 7, changed: ['T:a'] }))).toBe(true);
    expect([[['T:a'], 6], [['T:a'], 7], [['T:b'], 5], [['T:b', 'T:a'], 6], [['T:b'], 4]].map(([subjects, asOf]) => record.isCurrent(subjects as string[], asOf as number))).toEqual([false, true, true, false, false]);
  });

  test('what is forgotten for room counts as changed', () => {
    const record = new ChangeRecord(2);
    record.apply(changes({ position: 1, changed: ['T:a'] }));
    record.apply(changes({ from: 1, position: 2, changed: ['T:b'] }));
    record.apply(changes({ from: 2, position: 3, changed: ['T:c'] }));
    expect(record.isCurrent(['T:z'], 0)).toBe(false);
    expect(record.isCurrent(['T:a'], 1)).toBe(true);
    expect(record.isCurrent(['T:b'], 1)).toBe(false);
  });

  test.each([['another epoch', { epoch: 'f', from: 3, position: 3 }], ['a gap', { from: 4, position: 4 }], ['going back', { from: 1, position: 1 }]])('%s makes everything before stale', (_, next) => {
    const record = new ChangeRecord();
    record.apply(changes({ position: 3, changed: ['T:a'] }));
    expect(record.isCurrent(['T:a'], 3)).toBe(true);
    expect(record.apply(changes(next))).toBe(false);
    expect(record.isCurrent(['T:a'], next.from - 1)).toBe(false);
    expect(record.isCurrent(['T:a'], next.from)).toBe(true);
  });

  test('an unnumbered change holds until the feed no longer names it', () => {
    const record = new ChangeRecord();
    record.apply(changes({ unnumbered: ['T:a'] }));
    expect([record.isCurrent(['T:a'], 9), record.isCurrent(['T:b'], 0)]).toEqual([false, true]);
    record.apply(changes({ position: 1, changed: ['T:a'] }));
    expect([record.isCurrent(['T:a'], 0), record.isCurrent(['T:a'], 1)]).toEqual([false, true]);
  });
});

test('writers are remembered as long as a feed may lag, and no longer', () => {
  const writes = new OwnWrites(100);
  for (let at = 0; at < 1_000; at += 1) writes.wrote(`p${at}`, at);
  expect(writes.lastOf('p950')).toBe(950);
  expect(writes.lastOf('p1')).toBe(-Infinity);
  expect(writes.size()).toBeLessThanOrEqual(102);
  writes.wrote(null, 1_000);
  expect([writes.lastOf(null), writes.lastOf('anonymous')]).toEqual([1_000, -Infinity]);
});

describe('what is kept', () => {
  const answer = (size: number): KeptAnswer => ({ ...keptTextOf({ text: 'x'.repeat(size) }), changes: ['T:a'], asOf: 1, expiresAt: 1_000 });

  test('stays within its bytes, and what is used stays longest', () => {
    const kept = createKeptAnswers(100_000);
    for (let index = 0; index < 1_000; index += 1) {
      kept.set(`k${index}`, answer(500));
      expect(kept.get('k0', 0)).toBeDefined();
      expect(kept.bytes()).toBeLessThanOrEqual(100_000);
    }
    expect(kept.count()).toBeGreaterThan(50);
    expect(kept.get('k1', 0)).toBeUndefined();
  });

  test('no single answer takes it all, and none outlives its time', () => {
    const kept = createKeptAnswers(100_000);
    kept.set('small', answer(10));
    kept.set('large', answer(50_000));
    expect([kept.get('small', 999) === undefined, kept.get('large', 0)]).toEqual([false, undefined]);
    expect(kept.get('small', 1_000)).toBeUndefined();
    expect(kept.count()).toBe(0);
  });

  test.each([['plain', true, true], ['ä', true, false], ['a"b', false, true], ['\ud800', false, false]])('%j: says whether it needs escapes and is ASCII', (value, escapeFree, ascii) => {
    expect(keptTextOf({ value })).toMatchObject({ escapeFree, ascii });
  });
});

describe('what a supergraph lets be kept', () => {
  const head = (imported: string, composed: string): string => `extend schema
    @link(url: "https://specs.apollo.dev/federation/v2.11", import: ["@key", "@shareable", "@composeDirective", "@interfaceObject"])
    @link(url: "https://specs.acgs.internal/constitutional/v1.0", import: ["@constitutional"])
    @link(url: "https://specs.acgs.internal/caching/v1.0", import: [${imported}])
    @composeDirective(name: "@constitutional") @composeDirective(name: "${composed}") @constitutional(hash: "${HASH}")`;
  const rulesOf = (...contracts: readonly string[]): CacheRules | undefined => {
    const { supergraphSdl } = composeSupergraph(contracts.map((sdl, index) => ({ name: `s${index}`, url: `http://s${index}`, sdl: wholeContract(sdl) })), [HASH]);
    const { schema } = Supergraph.build(supergraphSdl, { supportedFeatures: null });
    const hints = readCacheHints({ sdl: supergraphSdl, directives: indexDirectives(schema) });
    return hints === undefined ? undefined : createCacheRules(hints, 'id');
  };
  const template = (selection: string): EntityTemplate => entityTemplateOf({ kind: 'Fetch', serviceName: 's0', requires: [], operation: `query($representations:[_Any!]!){_entities(representations:$representations)${selection}}`, operationKind: 'query', operationName: undefined, operationDocumentNode: undefined } as unknown as Parameters<typeof entityTemplateOf>[0])!;
  const FIRST = 'type Query { a: A } type A @key(fields: "id") { id: ID! own: Int @cacheControl(maxAge: 9, changedBy: "s") both: Int @shareable @cacheControl(maxAge: 9, changedBy: "s") pair: B @cacheControl(maxAge: 5, changedBy: "s") zero: Int @cacheControl(maxAge: 0, changedBy: "s") odd: Int @cacheControl(maxAge: 9, changedBy: "s", scope: "SECRET") } type B @key(fields: "x y") { x: ID! y: ID! z: Int @cacheControl(maxAge: 9, changedBy: "s") }';
  const SECOND = 'type A @key(fields: "id") { id: ID! both: Int @shareable @cacheControl(maxAge: 9, changedBy: "s") }';
  const standard = (): CacheRules => rulesOf(`${head('"@cacheControl"', '@cacheControl')} ${FIRST}`, `${head('"@cacheControl"', '@cacheControl')} ${SECOND}`)!;

  test.each([
    ['{...on A{own}}', 9], ['{__typename ...on A{__typename id own}}', 9], ['{...on A{x:own ...on A{y:own}}}', 9],
    ['{...on A{id}}', undefined], ['{...on A{both}}', undefined], ['{...on A{own both}}', undefined], ['{...on A{zero}}', undefined], ['{...on A{odd}}', undefined],
    ['{...on B{z}}', undefined], ['{...on A{pair{z}}}', undefined], ['{...on A{pair{x}}}', undefined],
  ])('%s for %p seconds', (selection, maxAge) => {
    expect(standard().ofEntities('s0', template(selection))?.types.get('A')?.maxAge).toBe(maxAge);
    expect(standard().ofEntities('s1', template(selection))).toBeUndefined();
  });

  test('nothing without the specification', () => {
    expect(rulesOf(`extend schema @link(url: "https://specs.apollo.dev/federation/v2.11", import: ["@key", "@shareable", "@composeDirective"]) @link(url: "https://specs.acgs.internal/constitutional/v1.0", import: ["@constitutional"]) @composeDirective(name: "@constitutional") @constitutional(hash: "${HASH}") type Query { a: Int @cacheControl(maxAge: 9, changedBy: "s") }`)).toBeUndefined();
  });

  test('the same under another name', () => {
    const renamed = `${head('{ name: "@cacheControl", as: "@keep" }', '@keep')} directive @keep(maxAge: Int!, changedBy: [String!]!, scope: String! = "PUBLIC", key: String) on FIELD_DEFINITION type Query { a: A } type A @key(fields: "id") { id: ID! own: Int @keep(maxAge: 9, changedBy: "s") other: Int @cacheControl(maxAge: 9, changedBy: "s") }`;
    const rules = rulesOf(renamed);
    expect(rules?.ofEntities('s0', template('{...on A{own}}'))?.types.get('A')?.maxAge).toBe(9);
    expect(rules?.ofEntities('s0', template('{...on A{other}}'))).toBeUndefined();
  });

  test('keys hold the hash, the values of variables and the representation, and nothing can stand for something else', () => {
    const rule = standard().ofEntities('s0', { ...template('{...on A{own}}'), variables: new Map([['v', '$v:String'], ['w', '$w:String']]) })!;
    const keyOf = (hash: string, variables: Record<string, unknown>, representation: unknown): string | undefined => entityItems(rule, [JSON.stringify(representation)], { hash, variables, principal: () => undefined })[0]?.key;
    const A = { __typename: 'A', id: '1' };
    const keys = [
      keyOf('h', {}, A), keyOf('i', {}, A), keyOf('h', { v: 'x' }, A), keyOf('h', { v: null }, A), keyOf('h', { w: 'x' }, A), keyOf('h', { v: '"\n"', w: 'x' }, A), keyOf('h', { v: 'x' }, { ...A, id: 1 }), keyOf('h', { v: 'x' }, { ...A, external: 2 }),
    ];
    expect(keys).not.toContain(undefined);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keyOf('h', { unused: 1 }, A)).toBe(keys[0]);
    expect(entityItems(rule, ['{"__typename":"B","x":1}', '{"__typename":"A"}', '{"__typename":"A","id":{}}'], { hash: 'h', variables: {}, principal: () => undefined })).toEqual([undefined, undefined, undefined]);
  });
});
