/** The digest of a whole set of subgraphs, as the schema check computes it too: what an approval binds. */
import { canonicalJson, sha256Hex } from '../../ops/runtime/canonical-json.js';
import type { ProposedSubgraph } from './domain-schema.js';

/** SHA-256 over canonical JSON (RFC 8785) of name, URL and SDL, by name. */
export function setDigestOf(subgraphs: readonly ProposedSubgraph[]): string {
  const listed = subgraphs.map(({ name, url, sdl }) => ({ name, url, sdl })).sort((left, right) => (left.name < right.name ? -1 : 1));
  return sha256Hex(canonicalJson(listed));
}
