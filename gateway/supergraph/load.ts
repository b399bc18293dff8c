/** Turns supergraph text into the snapshot requests are pinned to, and keeps the current one. */
import '../telemetry-config.js';
import { ApolloGateway, type GatewayConfig } from '@apollo/gateway';
import { DEFAULT_SUPPORTED_SUPERGRAPH_FEATURES, Supergraph } from '@apollo/federation-internals';
import type { GatewayExecutor } from '@apollo/server-gateway-interface';
import type { GraphQLSchema } from 'graphql';
import { sha256Hex } from '../../ops/runtime/canonical-json.js';
import type { Logger } from '../../ops/runtime/logger.js';
import type { SupergraphSnapshot } from '../execution/contracts.js';
import { checkSupergraph, CompositionError } from './constitution-check.js';
import { indexDirectives } from './directive-index.js';
import { ENFORCED_FEATURES } from './link-names.js';

/** Most plans the planner weighs for one operation; more cost seconds and rarely find a better one. */
const MAX_EVALUATED_PLANS = 100;

export interface SupergraphStoreOptions {
  readonly supergraphSdl: string;
  /** Labels the manifest accepts now. */
  readonly accepted: () => readonly string[];
  readonly buildService: NonNullable<GatewayConfig['buildService']>;
  readonly executor: GatewayExecutor;
  readonly logger: Logger;
}

/**
 * The stock gateway as owner of schema and planner, with our executor in place of its own.
 * It marks the specifications this gateway enforces as supported: their enforcement is in `../enforcement`.
 */
export class SupergraphStore extends ApolloGateway {
  private snapshot: SupergraphSnapshot | undefined;
  private update: ((supergraphSdl: string) => void) | undefined;
  private readonly bySchema = new WeakMap<GraphQLSchema, SupergraphSnapshot>();
  private readonly accepted: () => readonly string[];

  constructor(options: SupergraphStoreOptions) {
    for (const feature of ENFORCED_FEATURES) DEFAULT_SUPPORTED_SUPERGRAPH_FEATURES.add(feature);
    super({
      supergraphSdl: async ({ update }) => {
        this.update = update;
        return { supergraphSdl: options.supergraphSdl };
      },
      buildService: options.buildService,
      queryPlannerConfig: { debug: { maxEvaluatedPlans: MAX_EVALUATED_PLANS } },
      validateSupergraph: true,
      logger: options.logger,
      __exposeQueryPlanExperimental: false,
    });
    this.accepted = options.accepted;
    this.executor = options.executor;
    verifySupergraph(options.supergraphSdl, options.accepted());
    this.onSchemaLoadOrUpdate(({ apiSchema, coreSupergraphSdl }) => this.install(apiSchema, coreSupergraphSdl));
  }

  /** The snapshot new requests are pinned to. @throws Error before the gateway was loaded. */
  current(): SupergraphSnapshot {
    if (this.snapshot === undefined) throw new Error('The supergraph is not loaded yet.');
    return this.snapshot;
  }

  loaded(): boolean {
    return this.snapshot !== undefined;
  }

  /** The snapshot a client schema belongs to; a request that began before a swap keeps its own. */
  snapshotOf(apiSchema: GraphQLSchema): SupergraphSnapshot {
    return this.bySchema.get(apiSchema) ?? this.current();
  }

  /**
   * Replaces the supergraph at once; requests in flight keep the one they started with.
   * @throws CompositionError when gate 1 refuses it, GraphQLError when it is not a supergraph; the old one stays then.
   */
  swap(supergraphSdl: string): void {
    verifySupergraph(supergraphSdl, this.accepted());
    if (this.update === undefined) throw new Error('The supergraph is not loaded yet.');
    this.update(supergraphSdl);
    if (this.current().sdl !== supergraphSdl) throw new Error('The supergraph was not installed; the log says why.');
  }

  private install(apiSchema: GraphQLSchema, sdl: string): void {
    const planner = this.__testing().queryPlanner;
    if (planner === undefined) throw new Error('The gateway loaded a supergraph without a planner.');
    const { supergraph } = planner;
    const snapshot: SupergraphSnapshot = {
      id: sha256Hex(sdl), sdl, supergraph, apiSchema, planner,
      supergraphSchema: supergraph.schema.toGraphQLJSSchema(),
      federationApiSchema: supergraph.apiSchema(),
      directives: indexDirectives(supergraph.schema),
    };
    this.bySchema.set(apiSchema, snapshot);
    this.snapshot = snapshot;
  }
}

/**
 * Gate 1 on a composed supergraph.
 * @throws CompositionError when it is not bound to an accepted constitution.
 */
export function verifySupergraph(supergraphSdl: string, accepted: readonly string[]): void {
  const { schema } = Supergraph.build(supergraphSdl, { supportedFeatures: null, validateSupergraph: false });
  const problems = checkSupergraph(schema, accepted);
  if (problems.length > 0) throw new CompositionError(problems);
}
