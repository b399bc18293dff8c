/** Runs generated operations over generated graphs through an engine and through the equivalent single schema, and reports where they differ. */
import { print, type DocumentNode } from 'graphql';
import { UnusablePlan } from '../../../gateway/supergraph/planning/planner-fault-checks.js';
import { difference } from './compare.js';
import type { DifferentialSettings } from './config.js';
import { federate, NotComposable, type Answer, type Engine, type EngineRequest, type FederatedGraph } from './federated-graph.js';
import { generateOperation, type GeneratedOperation } from './generate-operation.js';
import { generateSchema } from './generate-schema.js';
import { generateWorld } from './generate-world.js';
import { Random } from './random.js';
import { shrinkOperation } from './shrink.js';

export interface DifferentialReport {
  readonly graphs: number;
  /** Generated schemas that composition refused. */
  readonly refused: number;
  /** Different documents. */
  readonly documents: number;
  /** Documents run with one set of variables. */
  readonly executions: number;
  /** Executions in which the single schema had an error. */
  readonly withErrors: number;
  readonly subgraphCalls: number;
  /** Operations the gateway knows it cannot plan and refuses with an error. */
  readonly unplannable: number;
  /** Executions during which one subgraph failed every call. */
  readonly withDown: number;
  /** Smallest repro of each difference found. */
  readonly failures: readonly string[];
}

/** Differences after which a run stops. */
const MAX_FAILURES = 3;

/** How often one subgraph is down when a document is run again. */
const DOWN_SHARE = 0.3;

/** Runs everything the settings ask for; stops early after a few differences. */
export async function runDifferential(engine: Engine, { seed, graphs, operations }: DifferentialSettings, maxFailures = MAX_FAILURES): Promise<DifferentialReport> {
  const report = { graphs: 0, refused: 0, documents: 0, executions: 0, withErrors: 0, subgraphCalls: 0, unplannable: 0, withDown: 0, failures: [] as string[] };
  for (let index = 0; index < graphs && report.failures.length < maxFailures; index += 1) {
    const random = new Random(seed + index);
    const graph = generateGraph(random, seed + index);
    if (graph === undefined) {
      report.refused += 1;
      continue;
    }
    report.graphs += 1;
    // A context value that could not be fetched is null, as the argument allows: the field then has another value, not none.
    const usesContext = Object.values(graph.sdls).some((sdl) => sdl.includes('@fromContext(field'));
    for (let count = 0; count < operations && report.failures.length < maxFailures; count += 1) {
      const operation = generateOperation(random, graph.apiSchema);
      if (operation === undefined) continue;
      report.documents += 1;
      for (const [turn, variables] of operation.variables.entries()) {
        const request = { document: operation.document, operationName: operation.operationName, variables };
        const down = turn > 0 && !usesContext && random.chance(DOWN_SHARE) ? random.pick([...graph.subgraphs.keys()]) : undefined;
        const { expected, actual, problem, refused } = await compareOnce(engine, graph, request, down);
        report.withDown += down === undefined ? 0 : 1;
        report.executions += 1;
        report.withErrors += expected.errors.length > 0 ? 1 : 0;
        report.subgraphCalls += actual?.calls.length ?? 0;
        report.unplannable += refused ? 1 : 0;
        if (problem === undefined) continue;
        report.failures.push(await describeFailure(engine, graph, operation, request, seed + index, down));
        break;
      }
    }
  }
  return report;
}

/**
 * The graph of one seed; every third has a sound world, every third one with missing objects, every third one with failing fields too.
 * @returns undefined when composition refuses it.
 */
export function generateGraph(random: Random, seed: number): FederatedGraph | undefined {
  const plan = generateSchema(random);
  const world = generateWorld(random, plan, { missing: seed % 3 > 0, faults: seed % 3 > 1 });
  try {
    return federate(Object.fromEntries(plan.drafts.map((draft) => [draft.name, draft.print()])), world);
  } catch (error) {
    if (error instanceof NotComposable) return undefined;
    throw error;
  }
}

export interface Comparison {
  readonly expected: Answer;
  /** Undefined when the engine threw. */
  readonly actual: Answer | undefined;
  readonly problem: string | undefined;
  /** True when the gateway said that it cannot plan the operation; that is no problem. */
  readonly refused: boolean;
}

/** Runs one request both ways. @param down a subgraph whose calls fail: what it would have brought may be null, with an error that explains it. */
export async function compareOnce(engine: Engine, graph: FederatedGraph, request: EngineRequest, down?: string): Promise<Comparison> {
  const result = await graph.reference(request.document, request.variables, request.operationName);
  const expected: Answer = { data: result.data ?? null, errors: (result.errors ?? []).map((error) => error.toJSON()), calls: [], hiddenFailures: result.hiddenFailures || down !== undefined };
  try {
    const actual = await engine(graph, request, down);
    return { expected, actual, problem: difference(expected, actual), refused: false };
  } catch (error) {
    if (error instanceof UnusablePlan) return { expected, actual: undefined, problem: undefined, refused: true };
    return { expected, actual: undefined, refused: false, problem: error instanceof Error ? `the engine threw ${error.name}: ${error.message}` : String(error) };
  }
}

async function describeFailure(engine: Engine, graph: FederatedGraph, { operationName }: GeneratedOperation, request: EngineRequest, seed: number, down: string | undefined): Promise<string> {
  const fails = async (document: DocumentNode): Promise<boolean> => (await compareOnce(engine, graph, { ...request, document }, down)).problem !== undefined;
  const document = await shrinkOperation(graph.apiSchema, request.document, fails);
  const { expected, actual, problem } = await compareOnce(engine, graph, { ...request, document }, down);
  return [
    `seed ${seed}${down === undefined ? '' : ` with ${down} down`}: ${problem ?? 'the difference does not show twice'}`,
    print(document),
    `variables ${JSON.stringify(request.variables)}${operationName === undefined ? '' : `, operation ${operationName}`}`,
    `expected ${JSON.stringify(expected)}`,
    `actual   ${JSON.stringify(actual)}`,
    ...Object.entries(graph.sdls).map(([name, sdl]) => `--- ${name}\n${sdl}`),
  ].join('\n');
}
