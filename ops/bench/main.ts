/** `npm run bench`: the promised numbers, measured on this machine, as a table and as JSON. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { GraphClient } from '../client/graph-client.js';
import { projectPath } from '../runtime/package-root.js';
import { measureAlertLatency } from './alert-latency.js';
import { benchArguments, benchEnvironment, NAMED_BENCHES } from './config.js';
import { gatewayBench, onStage } from './gateway/gateway-bench.js';
import { soak } from './gateway/soak.js';
import { openLoop } from './load.js';
import { startPlaneProcess, type PlaneProcess } from './plane-process.js';
import { runScriptBench } from './script-benches.js';
import { median, summarise, type Summary } from './statistics.js';

const HASH = 'cdd01ef066bc6cf2';
const ROUNDS = 3;

interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly limit: number;
  readonly detail: Readonly<Record<string, unknown>>;
}

async function main(): Promise<void> {
  const code = await runScriptBench();
  if (code !== undefined) {
    process.exitCode = code;
    return;
  }
  const { names: wanted, gateway } = benchArguments();
  const problems: string[] = [];
  if (wanted.includes('gateway-soak')) problems.push(...await onStage('benchmark', (stage) => soak(stage, gateway)));
  if (wanted.includes('gateway')) problems.push(...await gatewayBench(gateway));
  for (const problem of problems) process.stderr.write(`NOT VALID: ${problem}\n`);
  if (problems.length > 0) process.exitCode = 1;
  if (wanted.length > 0 && wanted.every((name) => NAMED_BENCHES.some((named) => named === name))) return;
  const runs = (name: string): boolean => wanted.length === 0 || wanted.includes(name);
  const folder = await mkdtemp(join(tmpdir(), 'acgs-bench-'));
  const rows: Row[] = [];
  try {
    const environment = benchEnvironment();
    const cold = await startPlaneProcess(folder, environment);
    await cold.stop();
    if (runs('start')) rows.push(row('cold start', cold.startSeconds, 's', 20, { rounds: 1 }));
    const warm: number[] = [];
    for (let round = 0; round < (runs('start') ? ROUNDS : 0); round += 1) {
      const plane = await startPlaneProcess(folder, environment);
      warm.push(plane.startSeconds);
      await plane.stop();
    }
    if (warm.length > 0) rows.push(row('warm start (median)', median(warm), 's', 5, { rounds: warm }));
    const plane = await startPlaneProcess(folder, environment);
    try {
      if (runs('dashboard')) rows.push(await dashboard(plane));
      if (runs('alerts')) rows.push(await alerts(plane));
      if (runs('memory')) rows.push(row('resident memory after load', plane.residentMiB(), 'MiB', 600, {}));
    } finally {
      await plane.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  print(rows);
}

async function login(plane: PlaneProcess): Promise<string> {
  const client = new GraphClient({ url: plane.url, constitutionalHash: HASH });
  const answer = await client.request<{ login: { accessToken?: string; message?: string } }>(await operation('login'), { username: 'admin', password: plane.adminPassword });
  if (answer.login.accessToken === undefined) throw new Error(`Login failed: ${answer.login.message ?? 'no token'}`);
  return answer.login.accessToken;
}

function operation(name: string): Promise<string> {
  return readFile(projectPath('schema', 'operations', `${name}.graphql`), 'utf8');
}

async function dashboard(plane: PlaneProcess): Promise<Row> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${await login(plane)}`, 'x-constitutional-hash': HASH };
  const body = JSON.stringify({ query: await operation('dashboard') });
  const rounds: Summary[] = [];
  let failures: readonly string[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const result = await openLoop({ url: plane.url, headers, body, rate: 100, seconds: 15, warmupSeconds: 5 });
    failures = [...failures, ...result.failures];
    rounds.push(summarise(result.times));
  }
  if (failures.length > 0) throw new Error(`${failures.length} dashboard requests failed, the first with ${failures[0]}`);
  return row('dashboard query over four subgraphs at 100/s, p99 (median of rounds)', median(rounds.map((one) => one.p99)), 'ms', 25, { rounds });
}

async function alerts(plane: PlaneProcess): Promise<Row> {
  const times = await measureAlertLatency(plane, { accessToken: await login(plane), hash: HASH, subscription: await operation('watch-alerts'), count: 300, perSecond: 20 });
  const summary = summarise(times);
  return row('alert webhook to subscriber, p99', summary.p99, 'ms', 250, { ...summary });
}

function row(name: string, value: number, unit: string, limit: number, detail: Readonly<Record<string, unknown>>): Row {
  return { name, value: Math.round(value * 100) / 100, unit, limit, detail };
}

function print(rows: readonly Row[]): void {
  const width = Math.max(...rows.map((one) => one.name.length));
  for (const { name, value, unit, limit } of rows) {
    process.stdout.write(`${name.padEnd(width)}  ${`${value} ${unit}`.padStart(12)}  limit ${limit} ${unit}  ${value <= limit ? 'met' : 'MISSED'}\n`);
  }
  process.stdout.write(`\n${JSON.stringify({ machine: { cpus: cpus().length, model: cpus()[0]?.model, memoryGiB: Math.round(totalmem() / 2 ** 30), node: process.version }, at: new Date().toISOString(), rows })}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack ?? error.message : String(error)}\n`);
  process.exit(1);
});
