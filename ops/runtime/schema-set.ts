/** The digest of a whole set of subgraph schemas: what a check names, an approval binds and a version keeps. */
import { canonicalJson, sha256Hex } from './canonical-json.js';
import type { SubgraphSchema } from './schema-check.js';

/** SHA-256 over the canonical JSON (RFC 8785) of name, URL and SDL, sorted by name. */
export function schemaSetDigest(subgraphs: readonly SubgraphSchema[]): string {
  return sha256Hex(canonicalJson(inOrder(subgraphs).map(({ name, url, sdl }) => ({ name, url, sdl }))));
}

/** The subgraphs sorted by name, by code unit. */
export function inOrder<T extends Pick<SubgraphSchema, 'name'>>(subgraphs: readonly T[]): T[] {
  return [...subgraphs].sort((left, right) => (left.name < right.name ? -1 : Number(left.name > right.name)));
}
