/** Our gateway as it runs in production: the real composition root with hop tokens, limits and all gates. */
import { readFileSync } from 'node:fs';
import { readGatewayConfig } from '../../../../gateway/config.js';
import { startGateway } from '../../../../gateway/gateway.js';
import { contenderArguments } from '../contender-arguments.js';
import { noMetrics } from '../no-metrics.js';
import { answerParent } from '../parent-channel.js';

/** The public operation nests lists four deep, which the estimate counts at ten elements each; the limit stays on, above it. */
const MAX_COST = '1000000';

const { boundSupergraph, subgraphs, dataDirectory } = contenderArguments();
const config = readGatewayConfig({ ...process.env, NODE_ENV: 'production', ACGS_DATA_DIR: dataDirectory, ACGS_GATEWAY_PORT: '0', ACGS_MAX_COST: MAX_COST, ACGS_LOG_LEVEL: process.env['ACGS_LOG_LEVEL'] ?? 'warn' });
const gateway = await startGateway({ ...config, subgraphUrls: subgraphs }, {
  supergraphSdl: readFileSync(boundSupergraph, 'utf8'), ...(process.env['ACGS_BENCH_METRICS'] === 'off' ? { metrics: noMetrics() } : {}),
});
gateway.stopOnSignals();

/** Collects twice: the first frees what finalisers hold. */
function heapAfterCollection(): number {
  if (globalThis.gc === undefined) throw new Error('The gateway was started without --expose-gc.');
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

answerParent({
  heap: heapAfterCollection,
  swap: async (sdl: string) => { await gateway.swap(sdl); return gateway.snapshot().id; },
}, { port: gateway.port });
