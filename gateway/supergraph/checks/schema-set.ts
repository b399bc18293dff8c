/** Sets of subgraph schemas: which of them a change touches. */
import type { SubgraphSchema } from '../../../ops/runtime/schema-check.js';

/** What became of the subgraphs between two sets, each list in order of name. */
export interface SchemaSetChange {
  /** All that differ: added, removed, moved to another URL, or with another SDL. */
  readonly names: readonly string[];
  /** Those of them whose SDL is to be looked at: added ones, and ones with another SDL. */
  readonly rewritten: readonly string[];
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
