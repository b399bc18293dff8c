/** A federated graph in process, without sockets: composed, planned, its subgraphs and the equivalent single schema over one world. */
import '../../../gateway/telemetry-config.js';
import { composeServices } from '@apollo/composition';
import { Supergraph } from '@apollo/federation-internals';
import { QueryPlanner } from '@apollo/query-planner';
import { isAbstractType, parse, type DocumentNode, type GraphQLFormattedError, type GraphQLSchema } from 'graphql';
import { createReference, type RunReference } from './reference-schema.js';
import { readSubgraph, type SubgraphModel } from './subgraph-model.js';
import { createSubgraphServer, type SubgraphServer } from './subgraph-server.js';
import type { World } from './world.js';

export interface FederatedGraph {
  readonly sdls: Readonly<Record<string, string>>;
  readonly supergraph: Supergraph;
  readonly supergraphSdl: string;
  readonly supergraphSchema: GraphQLSchema;
  readonly apiSchema: GraphQLSchema;
  readonly planner: QueryPlanner;
  readonly subgraphs: ReadonlyMap<string, SubgraphServer>;
  readonly reference: RunReference;
}

export interface EngineRequest {
  readonly document: DocumentNode;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly operationName: string | undefined;
}

/** What a client is answered. */
export interface Answer {
  readonly data: unknown;
  readonly errors: readonly GraphQLFormattedError[];
  /** Subgraphs in the order they were called; empty for the single schema. */
  readonly calls: readonly string[];
  /** Of the single schema: fields failed that the client did not ask for and others require. */
  readonly hiddenFailures?: boolean;
}

/** Something that plans and executes a validated document over a graph's subgraphs. @param down a subgraph whose calls fail. */
export type Engine = (graph: FederatedGraph, request: EngineRequest, down?: string) => Promise<Answer>;

/** Composition refused the subgraphs. */
export class NotComposable extends Error {}

/** Planner settings of the gateway. */
const MAX_EVALUATED_PLANS = 100;

/**
 * Composes and builds everything.
 * @param sdls SDL by subgraph name, Federation 1 or 2.
 * @throws NotComposable with what composition says.
 */
export function federate(sdls: Readonly<Record<string, string>>, world: World): FederatedGraph {
  const result = composeServices(Object.entries(sdls).map(([name, sdl]) => ({ name, url: `http://${name}.invalid`, typeDefs: parse(sdl) })));
  if (result.errors !== undefined) throw new NotComposable(result.errors.map(({ message }) => message).join('\n'));
  const supergraph = Supergraph.build(result.supergraphSdl, { supportedFeatures: null, validateSupergraph: false });
  const supergraphSchema = supergraph.schema.toGraphQLJSSchema();
  const models = new Map(Object.entries(sdls).map(([name, sdl]) => [name, readSubgraph(sdl)]));
  const implementations = (typeName: string): ReadonlySet<string> => {
    const type = supergraphSchema.getType(typeName);
    return new Set([typeName, ...(isAbstractType(type) ? supergraphSchema.getPossibleTypes(type).map(({ name }) => name) : [])]);
  };
  const apiSchema = supergraph.apiSchema();
  return {
    sdls, supergraph, supergraphSchema,
    supergraphSdl: result.supergraphSdl,
    apiSchema: apiSchema.toGraphQLJSSchema({ includeDefer: true }),
    planner: new QueryPlanner(supergraph, { debug: { maxEvaluatedPlans: MAX_EVALUATED_PLANS }, incrementalDelivery: { enableDefer: true } }),
    subgraphs: new Map(Object.entries(sdls).map(([name, sdl]) => [name, createSubgraphServer(name, sdl, world, implementations, overriddenIn(name, models))])),
    reference: createReference({ schema: apiSchema.toGraphQLJSSchema({ includeDefer: true }), supergraphSchema, world, subgraphs: models }),
  };
}

/** Coordinates that must not be asked of a subgraph because of @override; labels count as the gateway decides them. */
function overriddenIn(subgraph: string, models: ReadonlyMap<string, SubgraphModel>): Set<string> {
  const result = new Set<string>();
  for (const [name, model] of models) {
    for (const [typeName, { fields }] of model) {
      for (const [fieldName, { override }] of fields) {
        if (override === undefined) continue;
        const moved = override.label === undefined || override.label === 'percent(100)';
        const kept = override.label === 'percent(0)';
        if ((moved && override.from === subgraph) || (kept && name === subgraph)) result.add(`${typeName}.${fieldName}`);
      }
    }
  }
  return result;
}
