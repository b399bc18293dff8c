/** Gate 1: what composition refuses, and the marks it leaves in the supergraph. */
import { describe, expect, test } from '@jest/globals';
import '../../gateway/telemetry-config.js';
import { Supergraph } from '@apollo/federation-internals';
import { CompositionError, composeSupergraph } from '../../gateway/supergraph/compose.js';
import { checkSupergraph } from '../../gateway/supergraph/constitution-check.js';
import { unifiedDiff } from '../../gateway/supergraph/text-diff.js';
import { MINI_GRAPH, RENAMED } from '../kit/mini-graph.js';
import { contractOf, HASH } from '../kit/mini-subgraphs.js';

const FEDERATION = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.11", import: ["@key", "@shareable", "@composeDirective"])';
const LINK = '@link(url: "https://specs.acgs.internal/constitutional/v1.0", import: ["@constitutional"])';
const COMPOSE = '@composeDirective(name: "@constitutional")';
const hash = (label: string): string => `@constitutional(hash: "${label}")`;
const compose = (...sdls: string[]): string => composeSupergraph(sdls.map((sdl, index) => ({ name: `s${index}`, url: `http://127.0.0.1:${8000 + index}`, sdl: contractOf({ sdl }) })), [HASH]).supergraphSdl;
const codes = (run: () => unknown): string[] => {
  try {
    run();
  } catch (error) {
    if (error instanceof CompositionError) return error.problems.map(({ code }) => code);
    throw error;
  }
  return [];
};
const sound = `${FEDERATION} ${LINK} ${COMPOSE} ${hash(HASH)}`;

describe('composition', () => {
  test.each([
    ['no link', `${FEDERATION} type Query { x: Int }`, ['CONSTITUTION_NOT_LINKED']],
    ['another version', `${sound.replace('/v1.0', '/v2.0')} type Query { x: Int }`, ['CONSTITUTION_NOT_LINKED']],
    ['no @composeDirective', `${FEDERATION} ${LINK} ${hash(HASH)} type Query { x: Int }`, ['CONSTITUTION_NOT_COMPOSED']],
    ['no hash', `${FEDERATION} ${LINK} ${COMPOSE} type Query { x: Int }`, ['CONSTITUTION_HASH_MISSING']],
    ['a hash that is not accepted', `${FEDERATION} ${LINK} ${COMPOSE} ${hash('0123456789abcdef')} type Query { x: Int }`, ['CONSTITUTION_HASH_REFUSED']],
    ['a mutation without a level', `${sound} type Query { x: Int } type Mutation { a: Int  b: Int @constitutional(level: CRITICAL)  c: Int @constitutional(level: STANDARD) }`, ['MUTATION_LEVEL_MISSING']],
    ['a mutation whose level is only the default', `${sound} type Query { x: Int } type Mutation { a: Int @constitutional }`, ['MUTATION_LEVEL_MISSING']],
    ['a mutation in an extension', `${sound} type Query { x: Int } extend type Mutation { a: Int }`, ['MUTATION_LEVEL_MISSING']],
    ['a renamed mutation root', `${sound} { mutation: Change } type Query { x: Int } type Change { a: Int }`, ['MUTATION_LEVEL_MISSING']],
    ['broken SDL', `${sound} type Query {`, ['INVALID_SDL']],
  ])('refuses %s', (_, sdl, expected) => {
    expect(codes(() => compose(sdl))).toEqual(expected);
  });

  test('refuses one unbound subgraph among bound ones, which Apollo composes in silence', () => {
    expect(codes(() => compose(`${sound} type Query { x: Int }`, `${FEDERATION} type Query { y: Int }`))).toEqual(['CONSTITUTION_NOT_LINKED']);
  });
  test('refuses levels that differ between subgraphs, which Apollo drops with a hint', () => {
    const shared = (level: string): string => `${sound} type Query { x: Int @shareable @constitutional(level: ${level}) }`;
    expect(codes(() => compose(shared('CRITICAL'), shared('STANDARD')))).toEqual(['COMPOSITION_FAILED']);
  });
  test('refuses marks that speak for another subgraph, on types, interfaces and fields, however they are linked', () => {
    const marked = (link: string, sdl: string): string => `${sound} @link(url: "https://specs.acgs.internal/impersonal/v1.0"${link}) ${sdl}`;
    const foreign = marked(', import: ["@impersonal"]) @composeDirective(name: "@impersonal"', `
      type Query { x: Int @impersonal(subgraph: "s0")  y: A @impersonal(subgraph: "s1")  z: Int @impersonal(subgraph: "s0") @impersonal(subgraph: "s2") }
      interface I @impersonal(subgraph: "s1") { a: Int }
      type A implements I @impersonal(subgraph: "s0") { a: Int }`);
    expect(codes(() => compose(foreign))).toEqual(['IMPERSONAL_MARK_OF_ANOTHER', 'IMPERSONAL_MARK_OF_ANOTHER', 'IMPERSONAL_MARK_OF_ANOTHER']);
    expect(() => compose(foreign)).toThrow('s0: IMPERSONAL_MARK_OF_ANOTHER: Query.y must say @impersonal(subgraph: "s0"), not "s1"');
    expect(codes(() => compose(foreign.replaceAll(/"s[12]"/g, '"s0"').replace(' @impersonal(subgraph: "s0") @impersonal(subgraph: "s0")', ' @impersonal(subgraph: "s0")')))).toEqual([]);
    const definition = 'directive @same(subgraph: String!) repeatable on OBJECT';
    expect(codes(() => compose(marked(', import: [{ name: "@impersonal", as: "@same" }]', `${definition} type Query @same(subgraph: "s1") { x: Int }`)))).toEqual(['IMPERSONAL_MARK_OF_ANOTHER']);
  });
  test('refuses nothing at all', () => expect(codes(() => compose())).toEqual(['COMPOSITION_FAILED']));

  test('marks the constitution for: SECURITY, so that a gateway that does not know it refuses to load', () => {
    const sdl = compose(`${sound} type Query { x: Int }`);
    expect(sdl).toMatch(/@link\(url: "https:\/\/specs\.acgs\.internal\/constitutional\/v1\.0", for: SECURITY/);
    expect(() => Supergraph.build(sdl, { supportedFeatures: new Set(['https://specs.apollo.dev/join/v0.5']) })).toThrow(/constitutional\/v1\.0 is for: SECURITY but is unsupported/);
  });
  test('carries renamed imports and is the same every time', () => {
    expect(compose(RENAMED.sdl)).toContain('@bound(level: CRITICAL)');
    const once = (): string => composeSupergraph(MINI_GRAPH.map((definition) => ({ name: definition.name, url: 'http://127.0.0.1:1', sdl: contractOf(definition) })), [HASH]).supergraphSdl;
    expect(once()).toBe(once());
  });
});

test('a loaded supergraph is checked again', () => {
  const sdl = compose(`${sound} type Query { x: Int }`);
  const check = (text: string, accepted: readonly string[]): string[] => checkSupergraph(Supergraph.build(text, { supportedFeatures: null }).schema, accepted).map(({ code }) => code);
  expect(check(sdl, [HASH])).toEqual([]);
  expect(check(sdl, ['0123456789abcdef'])).toEqual(['CONSTITUTION_HASH_REFUSED']);
  expect(check(sdl.replace(`@constitutional(hash: "${HASH}")`, ''), [HASH])).toEqual(['CONSTITUTION_HASH_MISSING']);
});

test('a diff shows the change with a little around it', () => {
  const lines = Array.from({ length: 20 }, (_, index) => `line ${index}`);
  const diff = unifiedDiff(lines.join('\n'), lines.with(10, 'changed').join('\n'), 'a', 'b');
  expect(diff.split('\n')).toEqual(['--- a', '+++ b', '@@ -8 +8 @@', ' line 7', ' line 8', ' line 9', '-line 10', '+changed', ' line 11', ' line 12', ' line 13', '']);
  expect(unifiedDiff('x', 'x', 'a', 'b')).toBe('');
});
