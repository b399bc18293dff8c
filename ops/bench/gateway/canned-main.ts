/** The process of the canned subgraphs. */
import { localSource, planeSource, type PlaneSource } from './answer-sources.js';
import { benchmarkSchemas } from './benchmark-graph.js';
import { CannedServer, type CannedOptions } from './canned-server.js';
import { answerParent } from './parent-channel.js';

/** First argument, as JSON: what to serve. `plane` records from a running control plane instead of the benchmark's subgraphs. */
export interface CannedArguments extends Omit<CannedOptions, 'source'> {
  readonly plane?: PlaneSource;
}

const { plane, ...options } = JSON.parse(process.argv[2] ?? '{}') as CannedArguments;
const server = new CannedServer({ ...options, source: plane === undefined ? localSource(benchmarkSchemas()) : planeSource(plane) });
const urls = await server.listen();
answerParent({
  counts: () => server.counts(),
  reset: () => server.reset(),
  record: () => server.record(),
  recorded: () => server.recorded(),
}, { urls });
process.once('SIGTERM', () => { server.close(); process.exit(0); });
