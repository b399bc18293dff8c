/** Short ways to write a federated graph for one rule and to hold its answers against the single schema's. */
import { parse, validate } from 'graphql';
import { compareOnce } from './run-differential.js';
import { federate, type Answer, type Engine, type FederatedGraph } from './federated-graph.js';
import { ownEngine } from './own-engine.js';
import { isWorldNode, type World, type WorldNode } from './world.js';

/** The line that makes an SDL one of Federation 2. @param version of the specification, for example `2.9`. */
export function federation(version: `2.${number}`, ...imports: readonly string[]): string {
  return `extend schema @link(url: "https://specs.apollo.dev/federation/v${version}", import: [${imports.map((name) => `"${name}"`).join(', ')}])\n`;
}

export interface RuleWorld {
  readonly query: Readonly<Record<string, unknown>>;
  readonly mutation?: Readonly<Record<string, unknown>>;
  readonly missing?: World['missing'];
}

/** Composes subgraphs over the objects that can be reached from the roots. */
export function ruleGraph(sdls: Readonly<Record<string, string>>, { query, mutation, missing }: RuleWorld): FederatedGraph {
  const nodes = new Set<WorldNode>();
  const collect = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(collect);
    else if (isWorldNode(value) && !nodes.has(value)) {
      nodes.add(value);
      Object.values(value).forEach(collect);
    }
  };
  [query, mutation ?? {}].forEach((root) => Object.values(root).forEach(collect));
  return federate(sdls, {
    nodes: [...nodes],
    query: { __typename: 'Query', ...query },
    ...(mutation === undefined ? {} : { mutation: { __typename: 'Mutation', ...mutation } }),
    ...(missing === undefined ? {} : { missing }),
  });
}

export interface AskOptions {
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly operationName?: string;
  /** Default: the gateway's own executor. */
  readonly engine?: Engine;
}

/**
 * Runs an operation and holds the answer against the single schema's.
 * @returns the federated answer.
 * @throws Error when the operation is not valid or the answers differ.
 */
export async function ask(graph: FederatedGraph, query: string, { variables = {}, operationName, engine = ownEngine() }: AskOptions = {}): Promise<Answer> {
  const document = parse(query);
  const [invalid] = validate(graph.apiSchema, document);
  if (invalid !== undefined) throw invalid;
  const { expected, actual, problem, refused } = await compareOnce(engine, graph, { document, variables, operationName });
  if (problem !== undefined || actual === undefined) throw new Error(`${refused ? 'the plan was refused' : (problem ?? '')}\nexpected ${JSON.stringify(expected)}\nactual   ${JSON.stringify(actual)}`);
  return actual;
}
