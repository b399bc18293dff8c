/**
 * Measures the gateway's entity cache on the real control plane: hit rate and latency of a Zipf workload with writes, and
 * stale reads by an oracle. `npm run bench -- gateway-cache --rate 200 --seconds 30 --warmup 15` has the defaults.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { GraphClient } from '../client/graph-client.js';
import { projectPath } from '../runtime/package-root.js';
import { benchEnvironment } from './config.js';
import { StalenessOracle } from './gateway-cache-oracle.js';
import { startPlaneProcess, type PlaneProcess } from './plane-process.js';
import { summarise } from './statistics.js';

const HASH = 'cdd01ef066bc6cf2';
const THINGS = 1_000;
const ZIPF = 0.9;
const WRITE_SHARE = 0.02;
const PRINCIPALS = 20;
/** Staleness that others are promised not to see, milliseconds. */
const PROMISED_MS = 100;
const SEED = 7;
const INCIDENT = 'query($id: ID!) { incident(id: $id) { id version title status severity startedAt declaredAt acknowledgedAt escalationLevel deadlines { acknowledgeBy resolveBy } service { id name tier } } }';
const SERVICE = 'query($id: ID!) { service(id: $id) { id name aliases tier targets { availability rtoMinutes rpoMinutes } } }';
const TRIAGE = 'mutation($id: ID!, $severity: IncidentSeverity!) { triageIncident(id: $id, severity: $severity) { __typename ... on IncidentPayload { incident { version } } ... on Problem { code message } } }';

interface Thing {
  readonly kind: 'incident' | 'service';
  readonly id: string;
}

/** One measured run. */
interface Run {
  readonly cache: 'on' | 'off';
  readonly reads: number;
  readonly writes: number;
  readonly failures: readonly string[];
  readonly stale: number;
  readonly staleOwn: number;
  readonly readMs: ReturnType<typeof summarise>;
  readonly cpuMsARequest: number;
  readonly lookups: number;
  readonly hits: number;
  readonly bypassed: Readonly<Record<string, number>>;
}

interface Settings {
  readonly rate: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { rate: { type: 'string', default: '200' }, seconds: { type: 'string', default: '30' }, warmup: { type: 'string', default: '15' } } });
  const settings: Settings = { rate: Number(values.rate), seconds: Number(values.seconds), warmupSeconds: Number(values.warmup) };
  const folder = await mkdtemp(join(tmpdir(), 'acgs-bench-cache-'));
  try {
    const [tokens, things] = await withPlane(folder, 'off', prepare);
    const runs: Run[] = [];
    for (const cache of ['off', 'on', 'off', 'on'] as const) runs.push(await withPlane(folder, cache, (plane) => measure(plane, cache, tokens(plane), things, settings)));
    report(runs, settings);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function withPlane<T>(folder: string, cache: 'on' | 'off', work: (plane: PlaneProcess) => Promise<T>): Promise<T> {
  const plane = await startPlaneProcess(folder, { ...benchEnvironment(), ACGS_ENTITY_CACHE: cache });
  try {
    return await work(plane);
  } finally {
    await plane.stop();
  }
}

/** Makes the people and the incidents. @returns how to log the people in again, and the things that are asked for. */
async function prepare(plane: PlaneProcess): Promise<readonly [(later: PlaneProcess) => Promise<GraphClient[]>, readonly Thing[]]> {
  const admin = await login(plane, 'admin', plane.adminPassword);
  const passwords = new Map<string, string>();
  for (let index = 0; index < PRINCIPALS; index += 1) {
    const username = `reader-${index}`;
    const { createPrincipal } = await admin.request<{ createPrincipal: { generatedPassword: string; principal: { id: string } } }>(operation('create-person'), { username, displayName: username });
    await admin.request(operation('grant-role'), { principalId: createPrincipal.principal.id, role: 'operator', expiresAt: new Date(Date.now() + 3_600_000).toISOString() });
    passwords.set(username, createPrincipal.generatedPassword);
  }
  const { services } = await admin.request<{ services: { id: string }[] }>('{ services { id } }');
  const things: Thing[] = services.map(({ id }) => ({ kind: 'service', id }));
  const declare = async (): Promise<void> => {
    while (things.length < THINGS) {
      const place = things.push({ kind: 'incident', id: '' }) - 1;
      const { declareIncident } = await admin.request<{ declareIncident: { incident: { id: string } } }>('mutation($title: String!) { declareIncident(input: { title: $title, severity: P3, serviceId: "auth" }) { ... on IncidentPayload { incident { id } } } }', { title: `Incident ${place}` });
      things[place] = { kind: 'incident', id: declareIncident.incident.id };
    }
  };
  await Promise.all(Array.from({ length: 4 }, declare));
  const random = generator(SEED);
  const shuffled = things.map((thing) => ({ thing, order: random() })).sort((left, right) => left.order - right.order).map(({ thing }) => thing);
  return [(later) => Promise.all([...passwords].map(([username, password]) => login(later, username, password))), shuffled];
}

/** An open loop: requests leave on schedule, whether or not earlier ones came back. */
async function measure(plane: PlaneProcess, cache: 'on' | 'off', clientsPromise: Promise<GraphClient[]>, things: readonly Thing[], { rate, seconds, warmupSeconds }: Settings): Promise<Run> {
  const clients = await clientsPromise;
  const random = generator(SEED);
  const pick = zipf(things.length, ZIPF, random);
  const oracle = new StalenessOracle(PROMISED_MS);
  const times: number[] = [];
  const failures: string[] = [];
  let counting = false;
  let reads = 0;
  let writes = 0;
  const read = async (who: number, { kind, id }: Thing): Promise<void> => {
    const started = performance.now();
    const expected = oracle.expect(who, id, started);
    const data = await (clients[who] as GraphClient).request<{ incident?: { version: number } }>(kind === 'incident' ? INCIDENT : SERVICE, { id });
    if (kind === 'incident') expected(data.incident?.version ?? 0);
    if (!counting) return;
    times.push(performance.now() - started);
    reads += 1;
  };
  const write = async (who: number, { id }: Thing): Promise<void> => {
    const { triageIncident } = await (clients[who] as GraphClient).request<{ triageIncident: { incident?: { version: number }; message?: string } }>(TRIAGE, { id, severity: random() < 0.5 ? 'P2' : 'P3' });
    if (triageIncident.incident === undefined) throw new Error(triageIncident.message ?? 'A write was refused.');
    oracle.wrote(who, id, triageIncident.incident.version, performance.now());
    if (counting) writes += 1;
  };
  const pending = new Set<Promise<void>>();
  const total = Math.round(rate * (seconds + warmupSeconds));
  const start = performance.now();
  let before = { cpu: 0, metrics: '' };
  for (let index = 0; index < total; index += 1) {
    const wait = start + (index * 1_000) / rate - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    if (index === Math.round(rate * warmupSeconds)) {
      before = { cpu: cpuMs(plane.pid), metrics: await metricsOf(plane) };
      counting = true;
    }
    const thing = things[pick()] as Thing;
    const who = Math.floor(random() * clients.length);
    const work: Promise<void> = (thing.kind === 'incident' && random() < WRITE_SHARE ? write(who, thing) : read(who, thing)).catch((error: unknown) => { failures.push(String(error)); }).finally(() => pending.delete(work));
    pending.add(work);
  }
  await Promise.all(pending);
  const after = await metricsOf(plane);
  const difference = (name: string, labels: string): number => valueOf(after, name, labels) - valueOf(before.metrics, name, labels);
  return {
    cache, reads, writes, failures, stale: oracle.stale, staleOwn: oracle.staleOwn, readMs: summarise(times), cpuMsARequest: (cpuMs(plane.pid) - before.cpu) / (reads + writes),
    lookups: difference('acgs_cache_requests_total', 'cache="entity"'), hits: difference('acgs_cache_hits_total', 'cache="entity"'),
    bypassed: Object.fromEntries(['feed', 'own-write'].map((reason) => [reason, difference('acgs_entity_cache_bypasses_total', `reason="${reason}"`)])),
  };
}

function report(runs: readonly Run[], settings: Settings): void {
  for (const run of runs) {
    const bypassed = Object.values(run.bypassed).reduce((sum, count) => sum + count, 0);
    const share = (part: number, whole: number): string => (whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`);
    console.log(`cache ${run.cache.padEnd(3)}  ${run.reads} reads  ${run.writes} writes  p50 ${run.readMs.p50.toFixed(2)} ms  p99 ${run.readMs.p99.toFixed(2)} ms  CPU ${run.cpuMsARequest.toFixed(2)} ms/request`
      + `  hit rate ${share(run.hits, run.lookups)}, of everything ${share(run.hits, run.lookups + bypassed)} (bypassed: ${JSON.stringify(run.bypassed)})  stale ${run.stale}, own ${run.staleOwn}  failures ${run.failures.length}`);
    if (run.failures.length > 0) console.log(`  first failure: ${run.failures[0]}`);
  }
  console.log(JSON.stringify({ workload: { things: THINGS, zipf: ZIPF, writeShare: WRITE_SHARE, principals: PRINCIPALS, ...settings }, at: new Date().toISOString(), node: process.version, runs: runs.map(({ failures, ...run }) => ({ ...run, failures: failures.length })) }));
  const wrong = runs.some(({ stale, staleOwn, failures }) => stale + staleOwn + failures.length > 0) || runs.some(({ cache, hits, lookups }) => cache === 'on' && hits < 0.85 * lookups);
  if (wrong) process.exitCode = 1;
}

async function login(plane: PlaneProcess, username: string, password: string): Promise<GraphClient> {
  const client = new GraphClient({ url: plane.url, constitutionalHash: HASH });
  const { login: answer } = await client.request<{ login: { accessToken?: string; message?: string } }>(operation('login'), { username, password });
  if (answer.accessToken === undefined) throw new Error(`Login of ${username} failed: ${answer.message ?? 'no token'}`);
  return client.as(answer.accessToken);
}

function operation(name: string): string {
  return readFileSync(projectPath('schema', 'operations', `${name}.graphql`), 'utf8');
}

async function metricsOf(plane: PlaneProcess): Promise<string> {
  return (await fetch(`${plane.url}/metrics`)).text();
}

function valueOf(metrics: string, name: string, labels: string): number {
  return metrics.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(labels)).reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** User and system time of a process and its threads, milliseconds; the clock ticks 100 times a second on Linux. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Ranks from 0, the n-th with a weight of 1/n^s. */
function zipf(count: number, s: number, random: () => number): () => number {
  const sums: number[] = [];
  for (let rank = 1; rank <= count; rank += 1) sums.push((sums[rank - 2] ?? 0) + 1 / rank ** s);
  return () => {
    const wanted = random() * (sums[count - 1] as number);
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] as number) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** Pseudo-random numbers from 0 to 1, the same for one seed (Marsaglia's xorshift, 32 bits). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
