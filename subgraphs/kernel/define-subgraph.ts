/** What a subgraph is made of: its name, how its service is built, its resolvers, routes and background work. */
import type { GraphQLResolverMap } from '@apollo/subgraph/dist/schema-helper/resolverMap.js';
import type { ConstitutionManifest } from '../../ops/runtime/constitution-manifest.js';
import type { HopClaims } from '../../ops/runtime/hop-token.js';
import type { HttpHandler, HttpReply, HttpRequest } from '../../ops/runtime/http-server.js';
import type { Stoppable } from '../../ops/runtime/lifecycle.js';
import type { Logger } from '../../ops/runtime/logger.js';
import type { ServiceMetrics } from '../../ops/runtime/metrics.js';
import type { SubgraphName, SubgraphSchema } from '../../ops/runtime/subgraph-names.js';
import type { Commands } from './commands.js';
import type { SubgraphContext } from './context.js';
import type { Database } from './database.js';
import type { EventLog } from './event-log.js';
import type { SequencedEvent } from './outbox.js';
import type { KeyedRead } from './remembered-reads.js';
import type { StreamMessage } from './stream-subscription.js';

/** What the kernel hands a subgraph to build its service from. */
export interface SubgraphDeps {
  readonly name: SubgraphName;
  readonly logger: Logger;
  readonly metrics: ServiceMetrics;
  readonly database: Database;
  readonly commands: Commands;
  /** The subgraph's own events, live. */
  readonly events: EventLog;
  /** The manifest in force. */
  readonly manifest: ConstitutionManifest;
  /** Folder for keys and files of this installation. */
  readonly dataDirectory: string;
  readonly clock: () => Date;
  /** Environment for the subgraph's own config.ts; read nowhere else. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /**
   * Opens a subscription over one of the subgraph's streams.
   * @param options.filter the field's arguments without `after`; cursors are bound to them.
   */
  subscribe<P>(options: SubscribeOptions<P>): Promise<AsyncIterableIterator<StreamMessage<P>>>;
  /**
   * Wraps a keyed read so that its results are kept until an event of the streams makes them stale (remembered-reads.ts).
   * For reference data and display; never for what decides a change.
   */
  remember<K extends string, V>(streams: readonly string[], read: KeyedRead<K, V>): KeyedRead<K, V>;
  /** Another subgraph's events; only the role of integrity may read them. */
  follow(schema: SubgraphSchema): Promise<EventLog>;
}

export interface SubscribeOptions<P> {
  readonly field: string;
  readonly stream: string;
  readonly filter: unknown;
  readonly after: string | null | undefined;
  readonly matches: (event: SequencedEvent) => boolean;
  readonly present: (event: SequencedEvent) => P;
}

/** A route only the gateway may call; the hop token was verified. */
export type HopRoute = (request: HttpRequest, claims: HopClaims) => Promise<HttpReply> | HttpReply;

export interface SubgraphDefinition<S> {
  readonly name: SubgraphName;
  readonly build: (deps: SubgraphDeps) => S | Promise<S>;
  readonly resolvers: (service: S) => SubgraphResolvers;
  /** Public routes by `METHOD /path`; they authenticate their callers themselves. */
  readonly routes?: (service: S) => Readonly<Record<string, HttpHandler>>;
  /** Routes for the gateway by `METHOD /path`. */
  readonly hopRoutes?: (service: S) => Readonly<Record<string, HopRoute>>;
  /** Largest request body in bytes; default 1 MiB. */
  readonly bodyLimit?: number;
  /** Background work, started after the server listens. */
  readonly start?: (service: S) => Promise<Stoppable> | Stoppable;
  /** Seeds what a new installation needs; must be safe to run again. */
  readonly seed?: (service: S) => Promise<void>;
}

/** A definition whose service type is hidden, as the registry holds it. */
export interface AnySubgraphDefinition {
  readonly name: SubgraphName;
  readonly assemble: (deps: SubgraphDeps) => Promise<AssembledSubgraph>;
}

export interface AssembledSubgraph {
  readonly resolvers: SubgraphResolvers;
  readonly routes: Readonly<Record<string, HttpHandler>>;
  readonly hopRoutes: Readonly<Record<string, HopRoute>>;
  readonly bodyLimit?: number;
  readonly start: () => Promise<Stoppable | undefined>;
  readonly seed: () => Promise<void>;
}

/** The resolver map @apollo/subgraph takes; generated `Resolvers` types are assignable to it. */
export type SubgraphResolvers = GraphQLResolverMap<SubgraphContext> | object;

/** Declares a subgraph. */
export function defineSubgraph<S>(definition: SubgraphDefinition<S>): AnySubgraphDefinition {
  return {
    name: definition.name,
    assemble: async (deps) => {
      const service = await definition.build(deps);
      return {
        resolvers: definition.resolvers(service),
        routes: definition.routes?.(service) ?? {},
        hopRoutes: definition.hopRoutes?.(service) ?? {},
        ...(definition.bodyLimit === undefined ? {} : { bodyLimit: definition.bodyLimit }),
        start: async () => definition.start?.(service),
        seed: async () => { await definition.seed?.(service); },
      };
    },
  };
}
