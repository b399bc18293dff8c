/** Reads and composes the two sets of subgraphs of a check; what is in both is read once. */
import type { Subgraph } from '@apollo/federation-internals';
import { parse, print, visit, type DocumentNode } from 'graphql';
import type { SubgraphSchema } from '../../../ops/runtime/schema-check.js';
import { composeSubgraphs, CompositionError, readSubgraph, type ComposedSchema } from '../compose.js';
import type { CompositionProblem } from '../composition-error.js';
import { checkSubgraph, checkSupergraph } from '../constitution-check.js';
import type { CompositionRule, FindingDraft } from './finding-draft.js';
import { inOrder } from '../../../ops/runtime/schema-set.js';

/** Subgraphs as they were read: those that cannot be are left out, with what is wrong in `problems`. */
export interface ReadSet {
  readonly subgraphs: ReadonlyMap<string, Subgraph>;
  readonly problems: readonly CompositionProblem[];
}

/** Reads subgraphs, each text once however often it is asked for. */
export class SubgraphReader {
  private readonly known = new Map<string, Subgraph>();

  /** @param set in any order; it is read in order of name. */
  readAll(set: readonly SubgraphSchema[]): ReadSet {
    const subgraphs = new Map<string, Subgraph>();
    const problems: CompositionProblem[] = [];
    for (const source of inOrder(set)) {
      try {
        if (subgraphs.has(source.name)) throw new CompositionError([{ subgraph: source.name, code: 'COMPOSITION_FAILED', message: `there are two subgraphs named ${source.name}.` }]);
        subgraphs.set(source.name, this.read(source));
      } catch (error) {
        problems.push(...problemsOf(error));
      }
    }
    return { subgraphs, problems };
  }

  private read(source: SubgraphSchema): Subgraph {
    const key = JSON.stringify([source.name, source.url, source.sdl]);
    const subgraph = this.known.get(key) ?? readSubgraph(source);
    this.known.set(key, subgraph);
    return subgraph;
  }
}

/** Gate 1 for the named subgraphs. */
export function gateProblems({ subgraphs }: ReadSet, names: readonly string[], accepted: readonly string[]): CompositionProblem[] {
  return names.flatMap((name) => {
    const subgraph = subgraphs.get(name);
    return subgraph === undefined ? [] : checkSubgraph(subgraph, accepted);
  });
}

/**
 * Composes; a refusal is an answer here.
 * @param accepted labels the result must be bound to one of, which subgraphs that did not change were not asked; null to prove nothing of what was proved before, that every field can be reached included.
 */
export function tryComposing({ subgraphs, problems }: ReadSet, accepted: readonly string[] | null): ComposedSchema | readonly CompositionProblem[] {
  if (problems.length > 0) return problems;
  if (subgraphs.size === 0) return [{ subgraph: null, code: 'COMPOSITION_FAILED', message: 'there is no subgraph to compose.' }];
  try {
    const composed = composeSubgraphs([...subgraphs.values()], accepted !== null);
    const refused = accepted === null ? [] : checkSupergraph(composed.schema, accepted);
    return refused.length > 0 ? refused : composed;
  } catch (error) {
    return problemsOf(error);
  }
}

/** What is wrong as findings; no usage and no approval excuses them. */
export function problemDrafts(problems: readonly CompositionProblem[]): FindingDraft[] {
  return problems.map(({ subgraph, code, message, rule, line, coordinate = null }) => ({
    code: code === 'COMPOSITION_FAILED' ? ((rule as CompositionRule | undefined) ?? code) : code, kind: code === 'COMPOSITION_FAILED' || code === 'INVALID_SDL' ? 'COMPOSITION' : 'CONSTITUTION',
    criticality: 'BREAKING', subgraph, coordinate, message: `${message}${line === undefined ? '' : ` (line ${line})`}`, remedy: 'Correct the schema; no approval helps here.', before: null, after: message, weighing: null, ...(line === undefined ? {} : { line }),
  }));
}

/** True when two documents differ in nothing but descriptions, comments and layout. */
export function sameBesidesDescriptions(before: string, after: string): boolean {
  return withoutDescriptions(before) === withoutDescriptions(after);
}

function withoutDescriptions(sdl: string): string {
  const bare: DocumentNode = visit(parse(sdl, { noLocation: true }), { enter: (node) => ('description' in node && node.description !== undefined ? { ...node, description: undefined } : undefined) });
  return print(bare);
}

function problemsOf(error: unknown): readonly CompositionProblem[] {
  if (error instanceof CompositionError) return error.problems;
  throw error;
}
