/** `npm run bench -- gateway`: our gateway among its peers, all in one run, on the public benchmark and on our dashboard. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectPath } from '../../runtime/package-root.js';
import { benchEnvironment, type GatewayBenchArguments } from '../config.js';
import { chosenContenders, CONTENDERS, type GraphName } from './contenders.js';
import { dashboardStage } from './dashboard-stage.js';
import { benchmarkStage, OTHER_CORE, setStage, type Stage } from './graphs.js';
import { installPeers } from './install-peers.js';
import { measureRound } from './measure.js';
import { PinnedProcess } from './pinned-process.js';
import { summariseProfile } from './profile-summary.js';
import { machine, remarks, table, troubles } from './report.js';
import { askOnce, runContenders, startContender, type Result } from './run-contenders.js';

const say = (line: string): void => { process.stderr.write(`${line}\n`); };

/** Runs it. @returns what makes the figures worthless; empty when they hold. */
export async function gatewayBench(args: GatewayBenchArguments): Promise<string[]> {
  const results: Record<string, readonly Result[]> = {};
  const problems: string[] = [];
  for (const graph of args.graph === 'both' ? ['benchmark', 'dashboard'] as const : [args.graph]) {
    try {
      const measured = await onStage(graph, (stage) => (args.profile ? profile(stage, args) : compare(stage, graph, args)));
      if (args.profile) continue;
      results[graph] = measured;
      problems.push(...troubles(measured));
      process.stdout.write(`\n${graph}\n\n${table(measured)}${remarks(measured)}`);
    } catch (error) {
      // What was measured on the other graph is worth keeping.
      problems.push(`${graph}: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
    }
  }
  if (!args.profile) writeRaw({ machine: machine(), at: new Date().toISOString(), options: args, results }, args.out);
  return problems;
}

function writeRaw(raw: object, out: string | undefined): void {
  if (out === undefined) process.stdout.write(`\n${JSON.stringify(raw)}\n`);
  else writeFileSync(out, `${JSON.stringify(raw, null, 2)}\n`);
}

/** Sets the stage of a graph, works on it, and takes everything down again. */
export async function onStage<T>(graph: GraphName, work: (stage: Stage) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'acgs-gateway-bench-'));
  try {
    const environment = benchEnvironment();
    const scene = graph === 'dashboard' ? await dashboardStage(folder, environment) : benchmarkStage();
    const stage = await setStage(folder, scene, environment).catch(async (error: unknown) => {
      await scene.recorded?.();
      throw error;
    });
    try {
      return await work(stage);
    } finally {
      await Promise.all([stage.canned.stop(), stage.recorded()]);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function compare(stage: Stage, graph: GraphName, { only, rounds, seconds, warmupSeconds, quick }: GatewayBenchArguments): Promise<readonly Result[]> {
  const contenders = chosenContenders(only, graph);
  if (contenders.some(({ peer }) => peer)) await installPeers(say);
  return runContenders(stage, contenders, { rounds, seconds, warmupSeconds, openLoop: !quick, environment: benchEnvironment(), say });
}

/** Profiles our gateway under a closed loop and prints the busiest functions. */
async function profile(stage: Stage, { only, seconds, warmupSeconds, out }: GatewayBenchArguments): Promise<readonly Result[]> {
  const contender = CONTENDERS.find(({ name }) => name === (only[0] ?? 'ours'));
  if (contender === undefined) throw new Error(`There is no contender "${only[0]}".`);
  const folder = projectPath('.acgs', 'bench-profiles');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const environment = benchEnvironment();
  const load = await PinnedProcess.start({ name: 'load generator', script: projectPath('dist', 'ops', 'bench', 'gateway', 'load-generator.js'), args: [], core: OTHER_CORE, environment });
  const gateway = await startContender(contender, stage, { environment }, ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=500']);
  try {
    // The gateway may still be learning where its subgraphs are; and the control plane behind the canned ones ends here.
    await askOnce(stage, gateway);
    await stage.recorded();
    const round = await measureRound({ stage, load }, gateway, { seconds, warmupSeconds });
    say(`${round.requestsPerSecond.toFixed(0)}/s while profiled, ${round.failures} failures`);
  } finally {
    await gateway.stop();
    await load.stop();
  }
  // One file a thread; the main thread is thread 0.
  const file = readdirSync(folder).find((name) => /^CPU\.\d+\.\d+\.\d+\.0\./.test(name));
  if (file === undefined) throw new Error('Node wrote no profile.');
  const summary = summariseProfile(readFileSync(join(folder, file), 'utf8'), seconds);
  process.stdout.write(`${summary}\nThe profile, for the developer tools: ${join(folder, file)}\n`);
  if (out !== undefined) writeFileSync(out, summary);
  return [];
}
