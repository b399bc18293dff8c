/** Starts the contenders, compares their answers, and measures them in interleaved rounds. */
import { existsSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { median } from '../statistics.js';
import { projectPath } from '../../runtime/package-root.js';
import { canonical } from './canonical-answer.js';
import type { RecordedCall } from './canned-server.js';
import { CONTENDERS, NODE_FLAGS, type Contender } from './contenders.js';
import type { Recording } from './contenders/proxy.js';
import { GATEWAY_CORE, OTHER_CORE, type Stage } from './graphs.js';
import { measureRound, type Round } from './measure.js';
import { PinnedProcess } from './pinned-process.js';

export interface RunOptions {
  readonly rounds: number;
  readonly seconds: number;
  /** Before the first round of each contender; later rounds warm up for a second. */
  readonly warmupSeconds: number;
  /** Also measure the 99th percentile at half of each contender's saturation. */
  readonly openLoop: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly say: (line: string) => void;
}

export interface Result {
  readonly name: string;
  readonly title: string;
  readonly rounds: readonly Round[];
  /** At half of the median requests per second; null when not measured. */
  readonly half: Round | null;
  /** Why it did not take part; null when it did. */
  readonly refused: string | null;
}

/** Runs them all. The order within a round rotates, so that nobody always runs first. */
export async function runContenders(stage: Stage, contenders: readonly Contender[], options: RunOptions): Promise<Result[]> {
  const { say, environment } = options;
  const load = await PinnedProcess.start({ name: 'load generator', script: projectPath('dist', 'ops', 'bench', 'gateway', 'load-generator.js'), args: [], core: OTHER_CORE, environment });
  const running = new Map<Contender, PinnedProcess>();
  const refused = new Map<Contender, string>();
  try {
    if (contenders.some(({ name }) => name === 'proxy')) await recordOurs(stage, options);
    let truth = stage.truth;
    for (const contender of contenders) {
      try {
        const gateway = await startContender(contender, stage, options);
        running.set(contender, gateway);
        const answer = canonical(JSON.parse(await askOnce(stage, gateway)));
        truth ??= answer;
        if (answer !== truth) throw new Error(`Its answer differs from the true one ${firstDifference(answer, truth)}`);
        say(`${contender.title}: ready, its answer is the true one`);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        refused.set(contender, reason);
        say(`${contender.title}: does not take part: ${reason}`);
        await running.get(contender)?.stop();
        running.delete(contender);
      }
    }
    await stage.recorded();
    const rounds = await interleave({ stage, load }, running, options);
    return contenders.map((contender) => {
      const measured = rounds.get(contender) ?? { closed: [], half: null };
      return { name: contender.name, title: contender.title, rounds: measured.closed, half: measured.half, refused: refused.get(contender) ?? null };
    });
  } finally {
    await Promise.all([load, ...running.values()].map((process) => process.stop()));
  }
}

interface Measured { readonly closed: Round[]; half: Round | null }

async function interleave(runner: { stage: Stage; load: PinnedProcess }, running: ReadonlyMap<Contender, PinnedProcess>, { rounds, seconds, warmupSeconds, openLoop, say }: RunOptions): Promise<Map<Contender, Measured>> {
  const measured = new Map<Contender, Measured>([...running.keys()].map((contender) => [contender, { closed: [], half: null }]));
  const order = [...running];
  for (let round = 0; round < rounds; round += 1) {
    for (const [contender, gateway] of order) {
      const result = await measureRound(runner, gateway, { seconds, warmupSeconds: round === 0 ? warmupSeconds : 1 });
      measured.get(contender)?.closed.push(result);
      say(`round ${round + 1}  ${contender.name.padEnd(12)} ${describe(result)}`);
    }
    order.push(...order.splice(0, 1));
  }
  if (!openLoop) return measured;
  for (const [contender, gateway] of running) {
    const own = measured.get(contender);
    if (own === undefined) continue;
    own.half = await measureRound(runner, gateway, { seconds, warmupSeconds: 1, rate: Math.max(1, median(own.closed.map((one) => one.requestsPerSecond)) / 2) });
    say(`half     ${contender.name.padEnd(12)} ${describe(own.half)}`);
  }
  return measured;
}

function describe(round: Round): string {
  const cycles = round.megacycles === null ? '' : ` ${round.megacycles.toFixed(2)} Mcycles`;
  const trouble = `${round.failures > 0 ? `  ${round.failures} FAILED: ${round.firstFailure}` : ''}${round.unknownBodies > 0 ? `  ${round.unknownBodies} unknown upstream bodies` : ''}${round.foreignCores > 0.1 ? `  (others kept ${round.foreignCores.toFixed(1)} cores busy)` : ''}`;
  return `${round.requestsPerSecond.toFixed(0).padStart(6)}/s  p50 ${round.p50.toFixed(1)} ms  p99 ${round.p99.toFixed(1)} ms  ${round.cpuMicros.toFixed(0)} µs CPU${cycles}  ${round.residentMiB.toFixed(0)} MiB  ${round.upstreamCalls.toFixed(1)} calls  core ${(round.coreShare * 100).toFixed(0)} %${trouble}`;
}

/** Starts one contender on the gateway's core. */
export function startContender(contender: Contender, stage: Stage, { environment }: Pick<RunOptions, 'environment'>, nodeArgs: readonly string[] = []): Promise<PinnedProcess> {
  if (!existsSync(contender.script)) throw new Error(`there is no ${contender.script}`);
  return PinnedProcess.start({
    name: contender.title, script: contender.script, args: [JSON.stringify(stage.contender)], nodeArgs: [...NODE_FLAGS, ...nodeArgs], core: GATEWAY_CORE,
    environment: { ...environment, NODE_ENV: 'production', APOLLO_TELEMETRY_DISABLED: 'true' },
  });
}

/** One request of the first principal; repeated while the gateway is still finding its subgraphs. */
export async function askOnce(stage: Stage, gateway: PinnedProcess): Promise<string> {
  let text = '';
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const response = await fetch(`http://127.0.0.1:${String(gateway.ready['port'])}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json', ...stage.connections[0] }, body: JSON.stringify({ query: stage.operation }) });
    text = await response.text();
    if (response.status < 500) return text;
    await delay(250);
  }
  return text;
}

/** Records what our gateway asks of its subgraphs for one request, for the proxy to repeat. */
async function recordOurs(stage: Stage, options: RunOptions): Promise<void> {
  const ours = CONTENDERS.find(({ name }) => name === 'ours');
  if (ours === undefined) throw new Error('Our gateway is not among the contenders.');
  const gateway = await startContender(ours, stage, options);
  try {
    await askOnce(stage, gateway);
    await stage.canned.ask('record');
    const answer = await askOnce(stage, gateway);
    const calls = await stage.canned.ask<RecordedCall[]>('recorded');
    canonical(JSON.parse(answer));
    writeFileSync(stage.contender.recordingFile, JSON.stringify({ calls, answer } satisfies Recording));
    options.say(describePlan(calls));
  } finally {
    await gateway.stop();
  }
}

function describePlan(calls: readonly RecordedCall[]): string {
  const levels = [...new Set(calls.map(({ level }) => level))].map((wanted) => calls.filter(({ level }) => level === wanted));
  const shown = levels.map((level) => level.map(({ service, body, answerBytes }) => `${service} ${body.length}→${answerBytes} B`).join(' + '));
  return `our plan: ${calls.length} calls in ${levels.length} levels: ${shown.join('  |  ')}`;
}

function firstDifference(given: string, truth: string): string {
  let at = 0;
  while (given[at] === truth[at] && at < truth.length) at += 1;
  return `at character ${at}: …${given.slice(Math.max(0, at - 60), at + 60)}… instead of …${truth.slice(Math.max(0, at - 60), at + 60)}…`;
}
