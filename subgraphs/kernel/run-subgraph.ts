/** Runs one subgraph: manifest, database, sequencer, event log, GraphQL over HTTP and WebSocket, health and metrics. */
import { buildSubgraphSchema } from '@apollo/subgraph';
import type { GraphQLResolverMap } from '@apollo/subgraph/dist/schema-helper/resolverMap.js';
import { parse, type GraphQLSchema } from 'graphql';
import { CHANGES_PATH } from '../../ops/runtime/change-feed.js';
import { loadManifest, ManifestError, type ConstitutionManifest } from '../../ops/runtime/constitution-manifest.js';
import { AcgsError } from '../../ops/runtime/errors.js';
import { HASH_HEADER } from '../../ops/runtime/hop-token.js';
import { faultReply, startHttpServer, type HttpHandler, type RunningHttpServer } from '../../ops/runtime/http-server.js';
import { Lifecycle, type Stoppable } from '../../ops/runtime/lifecycle.js';
import { createLogger, type Logger } from '../../ops/runtime/logger.js';
import { createMetrics } from '../../ops/runtime/metrics.js';
import { shippedContract } from '../../ops/runtime/contracts.js';
import { SECRET, secretKey } from '../../ops/runtime/secret-files.js';
import { openServerTls, type ServerTlsConfig } from '../../ops/runtime/tls-config.js';
import { schemaOf, type SubgraphName } from '../../ops/runtime/subgraph-names.js';
import { loadTracing } from '../../ops/runtime/load-tracing.js';
import type { TracingConfig } from '../../ops/runtime/tracing-config.js';
import { changesRoute, Wakeups } from './change-feed.js';
import { Commands } from './commands.js';
import { Cursors } from './cursor.js';
import { Database } from './database.js';
import type { AnySubgraphDefinition, HopRoute, SubgraphDeps, SubgraphResolvers } from './define-subgraph.js';
import type { EventBus } from './event-bus.js';
import { EventLog } from './event-log.js';
import { guardFields } from './field-guards.js';
import { checkHop, graphqlHandler, type GraphqlHandlerOptions } from './graphql-handler.js';
import { hidePrincipalFromMarked } from './impersonal-fields.js';
import { RememberedReads } from './remembered-reads.js';
import { scalarResolvers } from './scalars.js';
import { Sequencer } from './sequencer.js';
import { openStreamSubscription } from './stream-subscription.js';
import { createSubscriptionServer } from './subscription-server.js';
import { traceRootFields } from './trace-root-fields.js';

export interface RunOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly databaseUrl: string;
  readonly dataDirectory: string;
  readonly genesisLabel: string;
  /** Key of this subgraph's hop tokens. */
  readonly hopKey: Uint8Array;
  /** Made for this subgraph; stopped with it when `ownsBus`. */
  readonly bus: EventBus;
  readonly ownsBus: boolean;
  readonly logLevel: string;
  /** Export Node's process metrics too; true when the process runs this subgraph alone. */
  readonly processMetrics: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where traces go; undefined, the default, records none. */
  readonly tracing?: TracingConfig | undefined;
  readonly clock?: () => Date;
  readonly logger?: Logger;
  /** Serves HTTPS, and asks for client certificates where it names authorities; plain HTTP without it. */
  readonly tls?: ServerTlsConfig | undefined;
  /** Milliseconds between two looks at the TLS files; default 5,000. */
  readonly tlsIntervalMs?: number;
}

export interface RunningSubgraph extends Stoppable {
  readonly name: SubgraphName;
  readonly url: string;
  readonly port: number;
  /** Seeds what a new installation needs; safe to run again. */
  seed(): Promise<void>;
}

/** Builds the executable schema of a subgraph, with the shared scalars and the field guards. */
export function buildSchemaOf(name: SubgraphName, resolvers: SubgraphResolvers): GraphQLSchema {
  return buildGuardedSchema(shippedContract(name), resolvers);
}

/** Builds an executable schema of a contract, with the shared scalars and the field guards. @param sdl all of it. */
export function buildGuardedSchema(sdl: string, resolvers: SubgraphResolvers): GraphQLSchema {
  const schema = buildSubgraphSchema([{ typeDefs: parse(sdl), resolvers: { ...scalarResolvers, ...resolvers } as GraphQLResolverMap<unknown> }]);
  hidePrincipalFromMarked(schema);
  guardFields(schema);
  return schema;
}

/**
 * Starts a subgraph and everything it needs.
 * @throws ManifestError, PortInUseError, TlsFileError, ConfigError or AcgsError DATABASE_UNAVAILABLE; nothing is left running then.
 */
export async function runSubgraph(definition: AnySubgraphDefinition, options: RunOptions): Promise<RunningSubgraph> {
  const { name } = definition;
  const logger = options.logger ?? createLogger(name, options.logLevel);
  const lifecycle = new Lifecycle(logger);
  try {
    return await start(definition, options, logger, lifecycle);
  } catch (error) {
    await lifecycle.stop();
    throw error;
  }
}

async function start(definition: AnySubgraphDefinition, options: RunOptions, logger: Logger, lifecycle: Lifecycle): Promise<RunningSubgraph> {
  const { name } = definition;
  const schemaName = schemaOf(name);
  const clock = options.clock ?? (() => new Date());
  const metrics = createMetrics(name, options.processMetrics);
  const tracing = await loadTracing(options.tracing, name, logger, true);
  if (tracing !== undefined) lifecycle.add('tracing', tracing);
  if (options.ownsBus) lifecycle.add('bus', options.bus);
  const database = lifecycle.add('database', new Database({ url: options.databaseUrl, schema: schemaName, logger, registry: metrics.registry }));
  if (!(await database.reachable())) throw new AcgsError('DATABASE_UNAVAILABLE', `${name} cannot reach its database at start.`);
  // Loads Prisma's query compiler now: the first request, or background work, need not wait for it.
  await database.prisma.$connect();
  const manifest = await bootManifest(database, options);
  metrics.checked('boot', true);
  metrics.constitution(manifest.active, manifest.epoch);

  const sequencer = lifecycle.add('sequencer', new Sequencer(database, options.bus, logger));
  const events = lifecycle.add('event log', new EventLog(database.pool, schemaName, options.bus, logger));
  await events.start();
  sequencer.start();
  const epoch = await events.epoch();
  const cursors = new Cursors(secretKey(options.dataDirectory, SECRET.cursorOf(name)), epoch);
  const memory = new RememberedReads();
  const wakeups = new Wakeups();
  events.listen((news) => {
    memory.forgetBy(news);
    wakeups.wake();
  });
  const commands = new Commands(database, () => manifest.active, (streams) => {
    memory.forget(streams);
    sequencer.poke();
    wakeups.wake();
  }, clock, tracing);

  const deps: SubgraphDeps = {
    name, logger, metrics, database, commands, events, manifest, clock,
    dataDirectory: options.dataDirectory,
    environment: options.environment,
    remember: (streams, read) => memory.remember(streams, read),
    subscribe: ({ field, stream, filter, after, matches, present }) => openStreamSubscription({ log: events, cursors, binding: { field, stream, filter }, after, matches, present }),
    follow: async (schema) => {
      const log = lifecycle.add(`event log of ${schema}`, new EventLog(database.pool, schema, options.bus, logger));
      await log.start();
      return log;
    },
  };
  const parts = await definition.assemble(deps);
  const schema = buildSchemaOf(name, parts.resolvers);
  if (tracing !== undefined) traceRootFields(schema);
  const hop: GraphqlHandlerOptions = {
    name, logger, metrics, tracing, schema, hopKey: options.hopKey,
    activeHash: () => manifest.active, acceptedHashes: () => manifest.accepted, position: () => events.position(),
  };
  const subscriptions = createSubscriptionServer(hop);
  const hopRoutes: Readonly<Record<string, HopRoute>> = { ...parts.hopRoutes, [`GET ${CHANGES_PATH}`]: changesRoute({ pool: database.pool, schema: schemaName, epoch, wakeups }) };
  const tls = options.tls === undefined ? undefined : lifecycle.add('tls', openServerTls(options.tls, logger, metrics.registry, options.tlsIntervalMs));
  const server = await startHttpServer({
    name, tls, host: options.host, port: options.port, logger, registry: metrics.registry,
    routes: { 'POST /graphql': graphqlHandler(hop), ...parts.routes, ...hopGuarded(hop, hopRoutes) },
    upgrades: { '/graphql': (request, socket, head) => subscriptions.upgrade(request, socket, head) },
    readiness: async () => readiness(name, database, manifest),
    ...(parts.bodyLimit === undefined ? {} : { bodyLimit: parts.bodyLimit }),
  });
  lifecycle.add('server', server);
  lifecycle.add('subscriptions', subscriptions);
  const pruner = setInterval(() => {
    commands.pruneIdempotency().catch((error: unknown) => logger.warn({ err: error }, 'Pruning idempotency records failed'));
  }, 3_600_000);
  pruner.unref();
  lifecycle.add('idempotency pruner', { stop: async () => clearInterval(pruner) });
  const background = await parts.start();
  if (background !== undefined) lifecycle.add('background work', background);
  logger.info({ url: server.url, constitutionalHash: manifest.active }, 'Listening');
  return running(name, server, lifecycle, parts.seed);
}

function running(name: SubgraphName, server: RunningHttpServer, lifecycle: Lifecycle, seed: () => Promise<void>): RunningSubgraph {
  return { name, url: server.url, port: server.port, seed, stop: () => lifecycle.stop() };
}

/** Gate 2: the manifest must hold, and its labels must be those the database enforces on rows. */
async function bootManifest(database: Database, options: RunOptions): Promise<ConstitutionManifest> {
  const { rows } = await database.pool.query<{ label: string; epoch: number; digest: string; state: string }>(`SELECT label, epoch, digest, state FROM ${database.schema}.constitutional_epoch`);
  const highestEpochSeen = Math.max(0, ...rows.map((row) => row.epoch));
  const manifest = loadManifest(options.dataDirectory, { genesisLabel: options.genesisLabel, highestEpochSeen });
  const row = rows.find((candidate) => candidate.label === manifest.active);
  if (row === undefined || row.state !== 'ACCEPTED') throw new ManifestError(`The database does not accept the label ${manifest.active}; run the migration step with this manifest.`);
  if (row.digest !== manifest.digest) throw new ManifestError(`The database binds the label ${manifest.active} to another constitution.`);
  return manifest;
}

async function readiness(name: SubgraphName, database: Database, manifest: ConstitutionManifest): Promise<{ ready: boolean; detail: Record<string, unknown> }> {
  const databaseUp = await database.reachable();
  return { ready: databaseUp, detail: { service: name, constitutionalHash: manifest.active, epoch: manifest.epoch, database: databaseUp ? 'up' : 'down' } };
}

function hopGuarded(hop: GraphqlHandlerOptions, routes: Readonly<Record<string, HopRoute>>): Record<string, HttpHandler> {
  const stamp = { [HASH_HEADER]: hop.activeHash() };
  return Object.fromEntries(Object.entries(routes).map(([route, handle]) => [route, async (request) => {
    try {
      const reply = await handle(request, checkHop(hop, request));
      return { ...reply, headers: { ...reply.headers, ...stamp } };
    } catch (error) {
      if (error instanceof AcgsError) return faultReply(error);
      throw error;
    }
  }] satisfies [string, HttpHandler]));
}
