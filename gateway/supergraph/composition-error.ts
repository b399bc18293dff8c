/** What is wrong with schemas that may not be served. */

/** One thing that keeps a schema from being composed or loaded. */
export interface CompositionProblem {
  /** Subgraph it was found in; null for the supergraph as a whole. */
  readonly subgraph: string | null;
  readonly code: 'CONSTITUTION_NOT_LINKED' | 'CONSTITUTION_NOT_COMPOSED' | 'CONSTITUTION_HASH_MISSING' | 'CONSTITUTION_HASH_REFUSED' | 'MUTATION_LEVEL_MISSING' | 'IMPERSONAL_MARK_OF_ANOTHER' | 'INVALID_SDL' | 'COMPOSITION_FAILED';
  readonly message: string;
  /** Schema coordinate of what is wrong; absent where it is not one element. */
  readonly coordinate?: string;
  /** Code Apollo's composition gave it; absent for our own. */
  readonly rule?: string;
  /** Line of the subgraph's SDL, from 1; absent where none is known. */
  readonly line?: number;
}

/** Schemas that may not be served together; its message lists every problem. */
export class CompositionError extends Error {
  override readonly name = 'CompositionError';
  constructor(readonly problems: readonly CompositionProblem[]) {
    super(`The supergraph is refused:\n${problems.map(({ subgraph, code, message }) => `  - ${subgraph === null ? '' : `${subgraph}: `}${code}: ${message}`).join('\n')}`);
  }
}
