/** Reads the contracts of the seven subgraphs from schema/. */
import { existsSync } from 'node:fs';
import { shippedContract } from '../../ops/runtime/contracts.js';
import { projectPath } from '../../ops/runtime/package-root.js';
import { SUBGRAPH_NAMES } from '../../ops/runtime/subgraph-names.js';
import { CompositionError, type SubgraphSource } from './compose.js';

/**
 * Reads all seven contracts.
 * @param urls URL written into the supergraph for each subgraph; the gateway routes by its own table.
 * @throws CompositionError naming every contract that is missing.
 */
export function readSubgraphSources(urls: Readonly<Record<string, string>>): SubgraphSource[] {
  const path = (name: string): string => projectPath('schema', 'subgraphs', `${name}.graphql`);
  const missing = SUBGRAPH_NAMES.filter((name) => !existsSync(path(name)));
  if (missing.length > 0) throw new CompositionError(missing.map((name) => ({ subgraph: name, code: 'INVALID_SDL', message: `there is no schema/subgraphs/${name}.graphql.` })));
  return SUBGRAPH_NAMES.map((name) => ({ name, url: urls[name] ?? '', sdl: shippedContract(name) }));
}
