/** The gateway under the subscriber benchmark: the production composition root over a composed graph, asked for its memory. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readGatewayConfig } from '../../../gateway/config.js';
import { startGateway } from '../../../gateway/gateway.js';
import { composeSupergraph } from '../../../gateway/supergraph/compose.js';
import { ensureGenesisManifest } from '../../runtime/constitution-manifest.js';
import { createLogger } from '../../runtime/logger.js';
import { answerParent } from '../gateway/parent-channel.js';
import { contracts, HASH, OWNER } from './stream-contract.js';

const [port = '0', ownerUrl = ''] = process.argv.slice(2);
const dataDirectory = mkdtempSync(join(tmpdir(), 'acgs-bench-gateway-'));
process.on('exit', () => rmSync(dataDirectory, { recursive: true, force: true }));
ensureGenesisManifest(dataDirectory, HASH, { articles: ['Benchmark.'] }, new Date());
const supergraph = (wider: boolean): string => composeSupergraph(contracts(wider), [HASH]).supergraphSdl;
const config = readGatewayConfig({ ACGS_DATA_DIR: dataDirectory, ACGS_GATEWAY_PORT: port, ACGS_LOG_LEVEL: 'error', ACGS_SUBGRAPH_URLS: `auth=${ownerUrl},${OWNER}=${ownerUrl}` });
const gateway = await startGateway(config, { logger: createLogger('gateway', 'error'), supergraphSdl: supergraph(false) });

async function metric(name: string): Promise<number> {
  const found = await gateway.metrics.registry.getSingleMetric(name)?.get();
  return (found?.values ?? []).reduce((sum, { value }) => sum + value, 0);
}

answerParent({
  /** Bytes after a full collection. */
  memory: () => {
    globalThis.gc?.();
    globalThis.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    return { rss, heap: heapUsed + external };
  },
  swap: (wider: boolean) => gateway.swap(supergraph(wider)),
  counts: async () => ({ connections: await metric('acgs_subscription_connections'), subscriptions: await metric('acgs_subscriptions_active'), feeds: await metric('acgs_subscription_feeds'), executions: await metric('acgs_subscription_executions_total') }),
  stop: () => gateway.stop(),
}, { port: gateway.port });
process.on('SIGTERM', () => { void gateway.stop().finally(() => process.exit(0)); });
