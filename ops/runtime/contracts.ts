/** The contracts that ship with this release: what each subgraph promises, and the supergraph they compose to. */
import { readdirSync, readFileSync } from 'node:fs';
import { projectPath } from './package-root.js';

const read = (...segments: string[]): string => readFileSync(projectPath('schema', ...segments), 'utf8');

/**
 * The whole schema of a subgraph: its contract, the constitutional directive and the shared types.
 * @param contract the subgraph's own SDL.
 */
export function wholeContract(contract: string): string {
  return [contract, read('constitutional.graphql'), read('common.graphql')].join('\n');
}

/** The whole schema of a subgraph as it ships. @throws Error ENOENT when there is none of that name. */
export function shippedContract(subgraph: string): string {
  return wholeContract(read('subgraphs', `${subgraph}.graphql`));
}

/** The committed supergraph. */
export function shippedSupergraph(): string {
  return read('supergraph.graphql');
}

/** One of the documents that our own tools send. @param name its file name without the extension. @throws Error ENOENT when there is none. */
export function shippedOperation(name: string): string {
  return read('operations', `${name}.graphql`);
}

/** Documents that our own tools send, by file name without its extension, in order of name. */
export function shippedOperations(): { readonly name: string; readonly text: string }[] {
  return readdirSync(projectPath('schema', 'operations')).filter((file) => file.endsWith('.graphql')).sort()
    .map((file) => ({ name: file.slice(0, -'.graphql'.length), text: read('operations', file) }));
}
