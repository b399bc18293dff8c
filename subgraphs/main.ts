/** Runs one subgraph as a process of its own: `main <name> [--port <n>]`. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../ops/runtime/config.js';
import { deriveHopKey } from '../ops/runtime/hop-token.js';
import { Lifecycle } from '../ops/runtime/lifecycle.js';
import { createLogger, type Logger } from '../ops/runtime/logger.js';
import { SECRET, secretKey } from '../ops/runtime/secret-files.js';
import { readSubgraphConfig, type SubgraphProcessConfig } from './config.js';
import type { EventBus } from './kernel/event-bus.js';
import { NotifyBus } from './kernel/notify-bus.js';
import { RedisBus } from './kernel/redis-bus.js';
import { runSubgraph } from './kernel/run-subgraph.js';
import { loadSubgraph } from './registry.js';

async function main(): Promise<void> {
  const config = readSubgraphConfig(process.argv.slice(2));
  const logger = createLogger(config.name, config.logLevel);
  const lifecycle = new Lifecycle(logger);
  const subgraph = lifecycle.add(config.name, await runSubgraph(await loadSubgraph(config.name), {
    ...config, hopKey: hopKeyOf(config), bus: busOf(config, logger), ownsBus: true, processMetrics: true, logger,
  }));
  await subgraph.seed();
  lifecycle.stopOnSignals();
}

/** A production subgraph is given its own key only; on one machine it is derived from the gateway's. */
function hopKeyOf({ name, dataDirectory }: SubgraphProcessConfig): Buffer {
  const own = SECRET.hopOf(name);
  if (existsSync(join(dataDirectory, 'secrets', own))) return secretKey(dataDirectory, own);
  return deriveHopKey(secretKey(dataDirectory, SECRET.hopMaster), name);
}

function busOf(config: SubgraphProcessConfig, logger: Logger): EventBus {
  return config.redisUrl === undefined ? new NotifyBus(config.databaseUrl, logger) : new RedisBus(config.redisUrl, logger, config.redisPrefix);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof ConfigError || error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
