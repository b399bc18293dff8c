/** Ways to plan: with the mended planner, and with Apollo's as it is. */
import { operationFromDocument } from '@apollo/federation-internals';
import type { QueryPlan } from '@apollo/query-planner';
import { planOperation } from '../../../gateway/supergraph/planning/planner-faults.js';
import type { EngineRequest, FederatedGraph } from './federated-graph.js';

export type Plan = (graph: FederatedGraph, request: EngineRequest) => QueryPlan;

/** As the gateway plans. */
export const planMended: Plan = ({ supergraph, planner }, { document, operationName }) => planOperation({ supergraph, planner, document, operationName });

/** The planner alone, to show the faults that are mended. */
export const planStock: Plan = ({ supergraph, planner }, { document, operationName }) =>
  planner.buildQueryPlan(operationFromDocument(supergraph.apiSchema(), document, { ...(operationName === undefined ? {} : { operationName }), validate: false }));
