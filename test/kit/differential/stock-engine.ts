/** The stock executor of @apollo/gateway over a graph in process, to tell faults of plans from faults of our executor. */
import '../../../gateway/telemetry-config.js';
import { buildOperationContext, executeQueryPlan } from '@apollo/gateway';
import { getOperationAST, type GraphQLFormattedError } from 'graphql';
import type { Engine } from './federated-graph.js';
import { planMended, type Plan } from './plans.js';
import { newRun } from './world.js';

type ServiceMap = Parameters<typeof executeQueryPlan>[1];
type RequestContext = Parameters<typeof executeQueryPlan>[2];

/** Makes the stock engine. */
export function stockEngine(plan: Plan = planMended): Engine {
  return async (graph, request) => {
    const run = newRun();
    const services = Object.fromEntries([...graph.subgraphs.values()].map((subgraph) => [subgraph.name, {
      process: async ({ request: { query, variables } }: { request: { query: string; variables: Record<string, unknown> } }) => await subgraph.answer({ query, variables }, run),
    }])) as unknown as ServiceMap;
    const { document, operationName, variables } = request;
    const operation = getOperationAST(document, operationName);
    if (operation === null || operation === undefined) throw new Error('The document has no such operation.');
    const context = buildOperationContext({ schema: graph.apiSchema, operationDocument: document, ...(operationName === undefined ? {} : { operationName }) });
    const requestContext = { request: { variables: { ...variables } }, schema: graph.apiSchema, document, operation, metrics: {}, context: {}, logger: SILENT } as unknown as RequestContext;
    const result = await executeQueryPlan(plan(graph, request), services, requestContext, context, graph.supergraphSchema, graph.supergraph.apiSchema());
    const completion = (result.extensions?.['valueCompletion'] ?? []) as readonly GraphQLFormattedError[];
    return {
      data: JSON.parse(JSON.stringify(result.data ?? null)),
      errors: [...(result.errors ?? []), ...completion].map(({ message, path, extensions }) => ({ message, ...(path === undefined ? {} : { path }), extensions: extensions ?? {} })),
      calls: run.log,
    };
  };
}

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
