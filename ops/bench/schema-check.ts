/**
 * Schema checks: one changed subgraph of our own graph, and one of a graph of 200 subgraphs and 20,000 fields, in the
 * worker thread in which the registry runs them, cold each time.
 * `npm run bench -- schema-check [rounds]` prints one JSON line for each measurement: medians of the rounds (default 3)
 * in milliseconds, beside them the CPU time and the steps of the median round, and the highest resident memory of the
 * whole process in MB. It exits with 1 when a promised number is missed.
 */
import '../../gateway/telemetry-config.js';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { composeSupergraph } from '../../gateway/supergraph/compose.js';
import { shippedContract, shippedOperations } from '../runtime/contracts.js';
import { sha256Hex } from '../runtime/canonical-json.js';
import { projectPath } from '../runtime/package-root.js';
import type { RecordedOperation, SchemaCheckAnswer, SchemaCheckReport, SchemaCheckRequest, SubgraphSchema } from '../runtime/schema-check.js';
import { SUBGRAPH_NAMES } from '../runtime/subgraph-names.js';
import { largeGraph } from './large-graph.js';
import { median } from './statistics.js';

const HASH = 'cdd01ef066bc6cf2';
const WORKER = projectPath('dist', 'gateway', 'supergraph', 'checks', 'check-worker.js');
/** Promised: our own graph, the large graph (milliseconds), and memory with the large graph (MB). */
const LIMITS = { own: 3_000, large: 60_000, memory: 2_000 };
const LARGE = { subgraphs: 200, fields: 20_000 };
/** Operations the large graph is weighed by. */
const OPERATIONS = 2_000;

interface Round {
  readonly milliseconds: number;
  /** CPU time of the whole process, collector and compiler included: what does not depend on what else the machine does. */
  readonly cpuMilliseconds: number;
  readonly report: SchemaCheckReport;
}

async function checkInWorker(request: SchemaCheckRequest): Promise<Round> {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  const worker = new Worker(WORKER, { workerData: request, resourceLimits: { maxOldGenerationSizeMb: 1_536 } });
  const exit = once(worker, 'exit');
  const [answer] = await once(worker, 'message') as [SchemaCheckAnswer];
  const milliseconds = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  await exit;
  if ('error' in answer) throw new Error(answer.error.message);
  return { milliseconds, cpuMilliseconds: (user + system) / 1_000, report: answer.report };
}

async function measure(name: string, request: SchemaCheckRequest, rounds: number, limit: number): Promise<boolean> {
  const taken: Round[] = [];
  for (let round = 0; round < rounds; round += 1) taken.push(await checkInWorker(request));
  const middle = median(taken.map(({ milliseconds }) => milliseconds));
  const report = taken.find(({ milliseconds }) => milliseconds === middle)?.report;
  print({ name, rounds, milliseconds: Math.round(middle), cpuMilliseconds: Math.round(median(taken.map(({ cpuMilliseconds }) => cpuMilliseconds))), limit, met: middle <= limit, verdict: report?.verdict, findings: report?.findings.length, steps: Object.fromEntries((report?.steps ?? []).filter(({ ran }) => ran).map(({ step, milliseconds }) => [step, Math.round(milliseconds)])) });
  return middle <= limit;
}

function ownRequest(): SchemaCheckRequest {
  const base = SUBGRAPH_NAMES.map((name): SubgraphSchema => ({ name, url: `http://127.0.0.1/${name}`, sdl: shippedContract(name) }));
  const operations = shippedOperations().map((document) => ({ ...document, client: 'acgs' }));
  return requestFor(base, 'policy-governance', 'summary: String!', 'summary: String', operations, []);
}

function largeRequest(): SchemaCheckRequest {
  const base = largeGraph({ ...LARGE, hash: HASH, constitutional: readFileSync(projectPath('schema', 'constitutional.graphql'), 'utf8') });
  const operations = Array.from({ length: OPERATIONS }, (_, index): RecordedOperation => {
    const at = index % LARGE.subgraphs;
    const text = `query Read${index} { thing${at}(id: "") { id part1 { value0 value1 } figure${(at + LARGE.subgraphs - 1) % LARGE.subgraphs} } things${at}(first: 0) { nodes { id } hasMore } }`;
    return { hash: sha256Hex(text), name: `Read${index}`, text, coordinates: [`Query.thing${at}`, `Part${at}x1.value1`], clients: [{ client: `client-${index % 20}`, count: index + 1 }] };
  });
  return requestFor(base, 's0007', 'value1: Int!', 'value1: Int', [], operations);
}

/** A field of one subgraph becomes nullable, which has to be compared and weighed. */
function requestFor(base: readonly SubgraphSchema[], subgraph: string, from: string, to: string, operations: SchemaCheckRequest['operations'], recorded: readonly RecordedOperation[]): SchemaCheckRequest {
  const proposed = base.map((one) => (one.name === subgraph ? { ...one, sdl: one.sdl.replace(from, to) } : one));
  const now = new Date().toISOString();
  return { base, proposed, accepted: [HASH], operations, usage: recorded.length === 0 ? null : { from: now, to: now, operations: recorded, dropped: 0 }, approved: [], now };
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function main(): Promise<void> {
  const rounds = Number(process.argv[2] ?? 3);
  if (!Number.isInteger(rounds) || rounds < 1) throw new RangeError('The rounds are a whole number of 1 or more.');
  const met = [await measure('one changed subgraph of our own seven', ownRequest(), rounds, LIMITS.own)];
  const large = largeRequest();
  met.push(await measure(`one changed subgraph of ${LARGE.subgraphs} with ${LARGE.fields} fields, ${OPERATIONS} recorded operations`, large, rounds, LIMITS.large));
  const start = performance.now();
  const { supergraphSdl } = composeSupergraph(large.proposed, [HASH]);
  const composed = performance.now() - start;
  const memory = Math.round(process.resourceUsage().maxRSS / 1024);
  met.push(composed <= LIMITS.large, memory <= LIMITS.memory);
  print({ name: 'composing the large graph alone', milliseconds: Math.round(composed), limit: LIMITS.large, met: composed <= LIMITS.large, characters: supergraphSdl.length });
  print({ name: 'highest resident memory', megabytes: memory, limit: LIMITS.memory, met: memory <= LIMITS.memory, node: process.version });
  if (met.includes(false)) process.exitCode = 1;
}

await main();
