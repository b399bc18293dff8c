/** The whole control plane in one process: PostgreSQL, seven subgraphs and the gateway, started and stopped together. */
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../database/embedded-postgres.js';
import { freePort } from '../runtime/free-port.js';
import { deriveHopKey } from '../runtime/hop-token.js';
import { Lifecycle } from '../runtime/lifecycle.js';
import { createLogger } from '../runtime/logger.js';
import { SECRET, secretKey } from '../runtime/secret-files.js';
import { schemaOf, SUBGRAPH_NAMES, type SubgraphName } from '../runtime/subgraph-names.js';
import { InProcessBus, type EventBus } from '../../subgraphs/kernel/event-bus.js';
import { RedisBus } from '../../subgraphs/kernel/redis-bus.js';
import { runSubgraph, type RunningSubgraph } from '../../subgraphs/kernel/run-subgraph.js';
import { loadSubgraph } from '../../subgraphs/registry.js';
import { readGatewayConfig } from '../../gateway/config.js';
import { startGateway } from '../../gateway/gateway.js';
import type { EmbeddedConfig } from './config.js';
import { install, type Installation } from './install.js';

export interface ControlPlane {
  /** Base URL of the gateway. */
  readonly gatewayUrl: string;
  readonly subgraphUrls: Readonly<Record<SubgraphName, string>>;
  readonly installation: Installation;
  /** True when this start applied the first migration. */
  readonly firstStart: boolean;
  /** Owner's connection string. */
  readonly adminUrl: string;
  readonly lifecycle: Lifecycle;
  stop(): Promise<void>;
}

/**
 * Starts everything and seeds a new installation.
 * @throws DatabaseStartError, MigrationError, ManifestError, PortInUseError; nothing is left running then.
 */
export async function startControlPlane(config: EmbeddedConfig): Promise<ControlPlane> {
  const logger = createLogger('acgs', config.logLevel);
  const lifecycle = new Lifecycle(logger);
  try {
    return await start(config, lifecycle);
  } catch (error) {
    await lifecycle.stop();
    throw error;
  }
}

async function start(config: EmbeddedConfig, lifecycle: Lifecycle): Promise<ControlPlane> {
  const { dataDirectory, logLevel, host } = config;
  const logger = createLogger('postgres', logLevel);
  const adminUrl = config.databaseUrl ?? lifecycle.add('postgres', await startEmbeddedPostgres({ directory: join(dataDirectory, 'postgres'), logger })).connectionString;
  const installation = await install({ adminUrl, dataDirectory, genesisLabel: config.genesisLabel, rolePrefix: config.rolePrefix, now: new Date() });

  const bus: EventBus = lifecycle.add('bus', config.redisUrl === undefined ? new InProcessBus() : new RedisBus(config.redisUrl, logger, config.redisPrefix));
  const hopMaster = secretKey(dataDirectory, SECRET.hopMaster);
  const ports = await assignPorts(config.subgraphPorts, host);
  const subgraphUrls = Object.fromEntries(SUBGRAPH_NAMES.map((name) => [name, `http://${host}:${ports[name]}`])) as Record<SubgraphName, string>;
  // One process runs everything, so a release comes as a whole.
  const environment = { ACGS_SCHEMA_INSTALL: 'release', ...config.environment, ACGS_SUBGRAPH_URLS: SUBGRAPH_NAMES.map((name) => `${name}=${subgraphUrls[name]}`).join(',') };
  const running: RunningSubgraph[] = [];
  await settleAll(SUBGRAPH_NAMES.map(async (name) => {
    running.push(lifecycle.add(name, await runSubgraph(await loadSubgraph(name), {
      host, port: ports[name], databaseUrl: installation.databaseUrls[schemaOf(name)], dataDirectory, genesisLabel: config.genesisLabel,
      hopKey: deriveHopKey(hopMaster, name), bus, ownsBus: false, logLevel, processMetrics: false, tracing: config.tracing, environment,
    })));
  }));
  await settleAll(running.map((subgraph) => subgraph.seed()));
  const gateway = lifecycle.add('gateway', await startGateway({ ...readGatewayConfig({ ...environment, ACGS_LOG_LEVEL: logLevel }), port: config.gatewayPort }));
  return { gatewayUrl: gateway.url, subgraphUrls, installation, firstStart: installation.applied.length > 0, adminUrl, lifecycle, stop: () => lifecycle.stop() };
}

/** Replaces port 0 by a free one: every part must know every URL before it starts. */
async function assignPorts(wanted: Readonly<Record<SubgraphName, number>>, host: string): Promise<Record<SubgraphName, number>> {
  const assigned = { ...wanted };
  for (const name of SUBGRAPH_NAMES) {
    while (assigned[name] === 0) {
      const port = await freePort(host);
      if (!Object.values(assigned).includes(port)) assigned[name] = port;
    }
  }
  return assigned;
}

/** Waits for all of them, so that what did start is registered for stopping, then throws the first fault. */
async function settleAll(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
