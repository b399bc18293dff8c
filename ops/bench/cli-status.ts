/** `npm run bench -- cli-status`: how long `acgs status` takes from start to end of the process, warm, against a running control plane. Options: --runs N (default 20). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectPath } from '../runtime/package-root.js';
import { benchEnvironment } from './config.js';
import { startPlaneProcess } from './plane-process.js';
import { summarise } from './statistics.js';

/** Promised median, milliseconds. */
const LIMIT_MS = 300;
const WARM_UPS = 3;

/** Runs one command to its end. @returns its time, milliseconds. @throws Error when it does not end with 0. */
async function timed(argv: readonly string[], environment: Readonly<Record<string, string | undefined>>): Promise<number> {
  const started = performance.now();
  const child = spawn(process.execPath, [projectPath('dist', 'ops', 'cli', 'main.js'), ...argv], { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.resume();
  const [code] = await once(child, 'close') as [number | null];
  if (code !== 0) throw new Error(`acgs ${argv.join(' ')} ended with ${code}.`);
  return performance.now() - started;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { runs: { type: 'string', default: '20' } } });
  const runs = Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1) throw new RangeError(`--runs is a whole number above 0, not "${values.runs}".`);
  const folder = await mkdtemp(join(tmpdir(), 'acgs-bench-cli-'));
  const plane = await startPlaneProcess(join(folder, 'data'), benchEnvironment());
  try {
    const environment = { ...benchEnvironment(), ACGS_CONFIG: join(folder, 'sessions.json') };
    await timed(['login', 'admin', '--server', plane.url, '--password', `@${join(folder, 'data', 'secrets', 'admin.password')}`], environment);
    for (let run = 0; run < WARM_UPS; run += 1) await timed(['status'], environment);
    const times: number[] = [];
    for (let run = 0; run < runs; run += 1) times.push(await timed(['status'], environment));
    const summary = summarise(times);
    process.stdout.write(`acgs status, whole process, ${runs} runs: median ${summary.p50.toFixed(0)} ms, p99 ${summary.p99.toFixed(0)} ms, limit ${LIMIT_MS} ms ${summary.p50 <= LIMIT_MS ? 'met' : 'MISSED'}\n`);
    process.stdout.write(`version alone, for comparison: ${(await timed(['--version'], environment)).toFixed(0)} ms\n`);
    if (summary.p50 > LIMIT_MS) process.exitCode = 1;
  } finally {
    await plane.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
