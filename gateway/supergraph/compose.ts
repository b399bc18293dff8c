/** Composes subgraph schemas into the supergraph the gateway serves, refusing what Apollo's composition lets pass. */
import { composeServices } from '@apollo/composition';
import { Kind, parse, print, type ConstDirectiveNode, type DocumentNode } from 'graphql';
import { CompositionError, type CompositionProblem } from './composition-error.js';
import { checkSubgraph } from './constitution-check.js';
import { CONSTITUTIONAL_URL } from './link-names.js';

export { CompositionError } from './composition-error.js';

/** One subgraph: its full SDL with the constitutional and common definitions in it. */
export interface SubgraphSource {
  readonly name: string;
  readonly url: string;
  readonly sdl: string;
}

export interface Composition {
  readonly supergraphSdl: string;
  /** What composition remarks, as `CODE: message`; never a reason to refuse. */
  readonly hints: readonly string[];
}

/** A hint that means that one of several differing values was silently dropped. */
const REFUSED_HINT = 'INCONSISTENT_NON_REPEATABLE_DIRECTIVE_ARGUMENTS';

/**
 * Composes (gate 1 first: every subgraph links the constitution, composes it, carries an accepted hash, and gives every mutation a level).
 * The link of the constitution is marked `for: SECURITY`, so that a gateway which does not know it refuses to load.
 * @param accepted labels the manifest accepts now.
 * @throws CompositionError listing every problem found.
 */
export function composeSupergraph(files: readonly SubgraphSource[], accepted: readonly string[]): Composition {
  const refused = files.flatMap(({ name, url, sdl }) => checkSubgraph(name, url, sdl, accepted));
  if (files.length === 0) refused.push({ subgraph: null, code: 'COMPOSITION_FAILED', message: 'there is no subgraph to compose.' });
  if (refused.length > 0) throw new CompositionError(refused);
  const result = runComposition(files);
  if (result.errors !== undefined) {
    throw new CompositionError(result.errors.map((error): CompositionProblem => ({ subgraph: null, code: 'COMPOSITION_FAILED', message: error.message })));
  }
  const dropped = result.hints.filter((hint) => hint.definition.code === REFUSED_HINT);
  if (dropped.length > 0) {
    throw new CompositionError(dropped.map((hint): CompositionProblem => ({ subgraph: null, code: 'COMPOSITION_FAILED', message: hint.message })));
  }
  return {
    supergraphSdl: `${print(markSecurity(parse(result.supergraphSdl)))}\n`,
    hints: result.hints.map((hint) => `${hint.definition.code}: ${hint.message}`),
  };
}

function runComposition(files: readonly SubgraphSource[]): ReturnType<typeof composeServices> {
  try {
    return composeServices(files.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) })));
  } catch (cause) {
    // Some mismatches of composed directives trip an assertion of the library instead of becoming an error.
    throw new CompositionError([{ subgraph: null, code: 'COMPOSITION_FAILED', message: cause instanceof Error ? cause.message : String(cause) }]);
  }
}

function markSecurity(supergraph: DocumentNode): DocumentNode {
  return {
    ...supergraph,
    definitions: supergraph.definitions.map((definition) =>
      definition.kind === Kind.SCHEMA_DEFINITION ? { ...definition, directives: (definition.directives ?? []).map(withPurpose) } : definition),
  };
}

function withPurpose(directive: ConstDirectiveNode): ConstDirectiveNode {
  const given = directive.arguments ?? [];
  const links = given.some(({ name, value }) => name.value === 'url' && value.kind === Kind.STRING && value.value === CONSTITUTIONAL_URL);
  if (!links || given.some(({ name }) => name.value === 'for')) return directive;
  const [url, ...others] = given;
  const purpose = { kind: Kind.ARGUMENT, name: { kind: Kind.NAME, value: 'for' }, value: { kind: Kind.ENUM, value: 'SECURITY' } } as const;
  return { ...directive, arguments: url === undefined ? [purpose] : [url, purpose, ...others] };
}
