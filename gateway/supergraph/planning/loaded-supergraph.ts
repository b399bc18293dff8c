/** A supergraph with its planner, owned by Apollo's gateway; lives in the planning worker. */
import '../../telemetry-config.js';
import { ApolloGateway, type GatewayConfig } from '@apollo/gateway';
import { DEFAULT_SUPPORTED_SUPERGRAPH_FEATURES, type Supergraph } from '@apollo/federation-internals';
import type { QueryPlanner } from '@apollo/query-planner';
import { printSchema, validateSchema, type GraphQLSchema } from 'graphql';
import { CompositionError, type CompositionProblem } from '../composition-error.js';
import { readDirectives } from '../directive-index.js';
import { ENFORCED_FEATURES } from '../link-names.js';
import type { SupergraphDescription } from './messages.js';

/** Most plans the planner weighs for one operation; more cost seconds and rarely find a better one. */
export const MAX_EVALUATED_PLANS = 100;

export interface LoadedSupergraph {
  readonly supergraph: Supergraph;
  readonly planner: QueryPlanner;
  /** What clients see; `@defer` is in it. */
  readonly apiSchema: GraphQLSchema;
}

/**
 * Loads a supergraph into a stock gateway, which validates it and makes the planner. It executes nothing.
 * The specifications this gateway enforces are marked as supported: their enforcement is in `gateway/enforcement`.
 * @throws Error when the text is no supergraph, or demands what this gateway does not support.
 */
export async function loadSupergraph(supergraphSdl: string, logger: NonNullable<GatewayConfig['logger']>): Promise<LoadedSupergraph> {
  for (const feature of ENFORCED_FEATURES) DEFAULT_SUPPORTED_SUPERGRAPH_FEATURES.add(feature);
  const gateway = new ApolloGateway({
    supergraphSdl, logger,
    buildService: ({ name }) => ({ process: () => Promise.reject(new Error(`${name} is called by the gateway's own executor only.`)) }),
    queryPlannerConfig: { debug: { maxEvaluatedPlans: MAX_EVALUATED_PLANS }, incrementalDelivery: { enableDefer: true } },
    validateSupergraph: true,
    __exposeQueryPlanExperimental: false,
  });
  await gateway.load();
  const planner = gateway.__testing().queryPlanner;
  if (planner === undefined) throw new Error('The gateway loaded a supergraph without a planner.');
  const { supergraph } = planner;
  return { supergraph, planner, apiSchema: supergraph.apiSchema().toGraphQLJSSchema({ includeDefer: true }) };
}

/** Reads what the event loop needs of it. @throws CompositionError when the client schema is not valid. */
export function describeSupergraph({ supergraph, apiSchema }: LoadedSupergraph): SupergraphDescription {
  const problems = validateSchema(apiSchema).map(({ message }): CompositionProblem => ({ subgraph: null, code: 'INVALID_SDL', message }));
  if (problems.length > 0) throw new CompositionError(problems);
  return {
    apiSdl: printSchema(apiSchema),
    supergraphSdl: printSchema(supergraph.schema.toGraphQLJSSchema()),
    directives: readDirectives(supergraph),
    services: supergraph.subgraphsMetadata().map(({ name, url }) => ({ name, url })),
  };
}
