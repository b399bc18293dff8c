/** Composes subgraph schemas into the supergraph the gateway serves, refusing what Apollo's composition lets pass. */
import { compose, type CompositionResult } from '@apollo/composition';
import { buildSubgraph, errorCauses, errorCode, Subgraphs, type Schema, type Subgraph } from '@apollo/federation-internals';
import { GraphQLError, Kind, parse, print, type ASTNode, type ConstDirectiveNode, type DocumentNode } from 'graphql';
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

/** A composition with what it was read into, for those who look closer. */
export interface ComposedSchema extends Composition {
  /** The supergraph before the constitution is marked; everything of it, inaccessible elements too. */
  readonly schema: Schema;
}

/**
 * Composes (gate 1 first: every subgraph links the constitution, composes it, carries an accepted hash, and gives every mutation a level).
 * The link of the constitution is marked `for: SECURITY`, so that a gateway which does not know it refuses to load.
 * @param accepted labels the manifest accepts now.
 * @throws CompositionError listing every problem found.
 */
export function composeSupergraph(files: readonly SubgraphSource[], accepted: readonly string[]): Composition {
  const problems: CompositionProblem[] = [];
  const subgraphs: Subgraph[] = [];
  for (const file of files) {
    try {
      const subgraph = readSubgraph(file);
      problems.push(...checkSubgraph(subgraph, accepted));
      subgraphs.push(subgraph);
    } catch (error) {
      if (!(error instanceof CompositionError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (files.length === 0) problems.push({ subgraph: null, code: 'COMPOSITION_FAILED', message: 'there is no subgraph to compose.' });
  if (problems.length > 0) throw new CompositionError(problems);
  const { supergraphSdl, hints } = composeSubgraphs(subgraphs);
  return { supergraphSdl, hints };
}

/**
 * Reads one subgraph.
 * @throws CompositionError INVALID_SDL, with the line where the parser or the validation has one.
 */
export function readSubgraph({ name, url, sdl }: SubgraphSource): Subgraph {
  try {
    return buildSubgraph(name, url, parse(sdl));
  } catch (error) {
    const causes = error instanceof Error ? (errorCauses(error) ?? [error]) : [new Error(String(error))];
    throw new CompositionError(causes.map((cause): CompositionProblem => ({ subgraph: name, code: 'INVALID_SDL', message: cause.message, ...placeOf(cause, name) })));
  }
}

/**
 * Composes subgraphs that passed gate 1.
 * @param satisfiability whether to prove that every field can be reached from every place; it may be left out for what was composed before. Default true.
 * @throws CompositionError listing every problem found.
 */
export function composeSubgraphs(subgraphs: readonly Subgraph[], satisfiability = true): ComposedSchema {
  const result = runComposition(subgraphs, satisfiability);
  if (result.errors !== undefined) {
    throw new CompositionError(result.errors.map((error): CompositionProblem => ({ subgraph: null, code: 'COMPOSITION_FAILED', message: error.message, ...placeOf(error) })));
  }
  const dropped = result.hints.filter((hint) => hint.definition.code === REFUSED_HINT);
  if (dropped.length > 0) {
    throw new CompositionError(dropped.map((hint): CompositionProblem => ({ subgraph: null, code: 'COMPOSITION_FAILED', message: hint.message })));
  }
  return {
    schema: result.schema,
    supergraphSdl: `${print(markSecurity(parse(result.supergraphSdl)))}\n`,
    hints: result.hints.map((hint) => `${hint.definition.code}: ${hint.message}`),
  };
}

function runComposition(subgraphs: readonly Subgraph[], runSatisfiability: boolean): CompositionResult {
  try {
    const all = new Subgraphs();
    for (const subgraph of subgraphs) all.add(subgraph);
    return compose(all, { runSatisfiability });
  } catch (cause) {
    // Some mismatches of composed directives trip an assertion of the library instead of becoming an error.
    throw new CompositionError([{ subgraph: null, code: 'COMPOSITION_FAILED', message: cause instanceof Error ? cause.message : String(cause) }]);
  }
}

/** What an error says of its place; the subgraph only where it is not known already. */
function placeOf(error: Error, known?: string): Partial<CompositionProblem> {
  if (!(error instanceof GraphQLError)) return {};
  // Composition marks the nodes of an error with the subgraph they stand in.
  const node: (ASTNode & { readonly subgraph?: string }) | undefined = error.nodes?.find((at) => at.loc !== undefined);
  const line = error.locations?.[0]?.line;
  const code = errorCode(error);
  return {
    ...(code === undefined ? {} : { rule: code }),
    // A line without its subgraph leads nowhere.
    ...(line === undefined || (known === undefined && node?.subgraph === undefined) ? {} : { line }),
    ...(known === undefined && node?.subgraph !== undefined ? { subgraph: node.subgraph } : {}),
  };
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
