/** Sets of subgraph schemas: their digest, and which of them a change touches. */
import { canonicalJson, sha256Hex } from '../../../ops/runtime/canonical-json.js';
import type { SubgraphSchema } from '../../../ops/runtime/schema-check.js';

/** What became of the subgraphs between two sets, each list in order of name. */
export interface SchemaSetChange {
  /** All that differ: added, removed, moved to another URL, or with another SDL. */
  readonly names: readonly string[];
  /** Those of them whose SDL is to be looked at: added ones, and ones with another SDL. */
  readonly rewritten: readonly string[];
}

/** SHA-256 over the canonical JSON of name, URL and SDL, sorted by name. */
export function schemaSetDigest(subgraphs: readonly SubgraphSchema[]): string {
  return sha256Hex(canonicalJson(inOrder(subgraphs).map(({ name, url, sdl }) => ({ name, url, sdl }))));
}

/** The subgraphs sorted by name, by code unit. */
export function inOrder(subgraphs: readonly SubgraphSchema[]): SubgraphSchema[] {
  return [...subgraphs].sort((left, right) => (left.name < right.name ? -1 : Number(left.name > right.name)));
}

/** Compares two sets. */
export function schemaSetChange(base: readonly SubgraphSchema[], proposed: readonly SubgraphSchema[]): SchemaSetChange {
  const before = new Map(base.map((subgraph) => [subgraph.name, subgraph]));
  const after = new Map(proposed.map((subgraph) => [subgraph.name, subgraph]));
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  // Two of one name are never what is published; composing refuses them.
  const repeated = new Set(proposed.flatMap(({ name }, index) => (proposed.findIndex((other) => other.name === name) === index ? [] : [name])));
  const differs = (name: string, part: 'url' | 'sdl'): boolean => repeated.has(name) || before.get(name)?.[part] !== after.get(name)?.[part];
  return {
    names: names.filter((name) => differs(name, 'url') || differs(name, 'sdl')),
    rewritten: names.filter((name) => after.has(name) && differs(name, 'sdl')),
  };
}
