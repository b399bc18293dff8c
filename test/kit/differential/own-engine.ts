/** The gateway's own executor over a graph in process. */
import { getOperationAST, type DocumentNode } from 'graphql';
import { compileOperation, type CompiledOperation } from '../../../gateway/execution/compile-operation.js';
import { makeAnswer } from '../../../gateway/execution/gateway-answer.js';
import { errorsOf } from '../../../gateway/execution/response/response-errors.js';
import type { SubgraphAnswer, SubgraphCall } from '../../../gateway/execution/contracts.js';
import { AcgsError } from '../../../ops/runtime/errors.js';
import type { Logger } from '../../../ops/runtime/logger.js';
import type { Engine, EngineRequest, FederatedGraph } from './federated-graph.js';
import { planMended, type Plan } from './plans.js';
import { newRun, type RunState } from './world.js';

/** Makes the engine. A document is planned and compiled once for a graph, as in the gateway. */
export function ownEngine(plan: Plan = planMended): Engine {
  const compiled = new WeakMap<FederatedGraph, WeakMap<DocumentNode, CompiledOperation>>();
  const compile = (graph: FederatedGraph, request: EngineRequest): CompiledOperation => {
    const known = compiled.get(graph) ?? new WeakMap<DocumentNode, CompiledOperation>();
    compiled.set(graph, known);
    const { document, operationName } = request;
    let result = known.get(document);
    if (result !== undefined) return result;
    const operation = getOperationAST(document, operationName);
    if (operation === null || operation === undefined) throw new Error('The document has no such operation.');
    result = compileOperation({ apiSchema: graph.apiSchema, supergraphSchema: graph.supergraphSchema, document, operation, plan: plan(graph, request) });
    known.set(document, result);
    return result;
  };
  return async (graph, request, down) => {
    const run = newRun();
    const outcome = await compile(graph, request).run({ variables: request.variables, calls: { call: async (call) => await answerOfSubgraph(graph, call, run, down) } });
    const errors = errorsOf(outcome, [], { requestId: 'differential', logger: SILENT });
    const { data } = JSON.parse(makeAnswer(outcome, [], { hash: '', verified: false }).text) as { data: unknown };
    outcome.bytes?.release();
    return { data, errors: errors.map((error) => error.toJSON()), calls: run.log };
  };
}

/** Sends one call of a plan to its subgraph. @param down a subgraph whose calls fail. */
export async function answerOfSubgraph(graph: FederatedGraph, { service, body, kind }: SubgraphCall, run: RunState, down: string | undefined): Promise<SubgraphAnswer> {
  if (service === down) throw new AcgsError('SUBGRAPH_UNAVAILABLE', `${service} is down.`, { service });
  const subgraph = graph.subgraphs.get(service);
  if (subgraph === undefined) throw new Error(`The plan names a subgraph that does not exist: ${service}.`);
  const { query, variables = {} } = JSON.parse(body) as { query: string; variables?: Record<string, unknown> };
  if (kind !== 'mutation' && /^\s*mutation\b/.test(query)) throw new Error('A mutation was sent as a query.');
  const { data, errors: reported = [] } = await subgraph.answer({ query, variables }, run);
  // Under a registered code the message reaches the client, and so a failing test says what went wrong.
  const errors = reported.map((error) => ({ ...error, extensions: { code: 'INTERNAL' } }));
  const text = JSON.stringify({ data, errors });
  // eslint-disable-next-line no-control-regex
  return { data, errors, escapeFree: !text.includes('\\'), ascii: /^[\x00-\x7f]*$/.test(text) };
}

/** A logger that logs nothing. */
export const SILENT = Object.fromEntries(['trace', 'debug', 'info', 'warn', 'error', 'fatal'].map((level) => [level, () => {}])) as unknown as Logger;

