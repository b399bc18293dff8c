/** The table for people and the JSON beside it. */
import { cpus, totalmem } from 'node:os';
import { median } from '../statistics.js';
import type { Round } from './measure.js';
import type { Result } from './run-contenders.js';

/** Medians over the rounds of each contender as a Markdown table. */
export function table(results: readonly Result[]): string {
  const taking = results.filter(({ rounds }) => rounds.length > 0);
  const cycles = taking.every(({ rounds }) => rounds.every(({ megacycles }) => megacycles !== null));
  const heads = ['contender', 'requests/s', 'p50 / p99 ms', 'p99 at half load, ms', cycles ? 'Mcycles/request' : 'CPU µs/request', 'core used', 'RSS MiB', 'upstream calls'];
  const rows = taking.map(({ title, rounds, half }) => [
    title, of(rounds, 'requestsPerSecond', 0), `${of(rounds, 'p50', 0)} / ${of(rounds, 'p99', 0)}`, half === null ? '' : half.p99.toFixed(1),
    cycles ? median(rounds.map(({ megacycles }) => megacycles ?? 0)).toFixed(2) : of(rounds, 'cpuMicros', 0), `${(median(rounds.map(({ coreShare }) => coreShare)) * 100).toFixed(0)} %`, of(rounds, 'residentMiB', 0), of(rounds, 'upstreamCalls', 1),
  ]);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const absent = results.filter(({ refused }) => refused !== null).map(({ title, refused }) => `\n${title} did not take part: ${refused?.split('\n', 1)[0]}\n`);
  return `${[line(heads), line(heads.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')}\n${absent.join('')}`;
}

/** Share of upstream calls with a body that no warm-up showed; the canned server computes those answers, which costs its own core a little. */
const MAX_UNKNOWN_SHARE = 0.001;

/** Faults that make a run worthless: failed requests, or many unknown upstream bodies while it was measured. */
export function troubles(results: readonly Result[]): string[] {
  return results.flatMap((result) => roundsOf(result).map((round) => ({ title: result.title, round }))).flatMap(({ title, round }) => [
    ...(round.failures > 0 ? [`${title}: ${round.failures} of ${round.completed} requests failed; the first: ${round.firstFailure}`] : []),
    ...(unknownShare(round) > MAX_UNKNOWN_SHARE ? [`${title}: ${round.unknownBodies} upstream bodies were unknown while it was measured; the first: ${round.unknownSamples[0]}`] : []),
    ...(round.completed === 0 ? [`${title}: nothing was answered in a round`] : []),
  ]);
}

/** What readers of the table must know of the run; empty when there is nothing. */
export function remarks(results: readonly Result[]): string {
  const rounds = results.flatMap((result) => roundsOf(result));
  const foreign = Math.max(0, ...rounds.map(({ foreignCores }) => foreignCores));
  const unknown = rounds.reduce((sum, { unknownBodies }) => sum + unknownBodies, 0);
  return [
    ...(foreign > 0.1 ? [`Other processes kept up to ${foreign.toFixed(1)} cores busy meanwhile: throughput and times are worse than on an idle machine, CPU time for each request a little.`] : []),
    ...results.flatMap((result) => (roundsOf(result).some(({ sceneryShare, coreShare }) => sceneryShare > 0.9 && coreShare < 0.9) ? [`${result.title} was held back: canned subgraphs and load generator had used up their core before it had used up its own.`] : [])),
    ...(unknown > 0 ? [`${unknown} upstream calls had a body that was not seen before the measured time.`] : []),
  ].map((line) => `\n${line}\n`).join('');
}

function roundsOf({ rounds, half }: Result): readonly Round[] {
  return half === null ? rounds : [...rounds, half];
}

function unknownShare({ unknownBodies, upstreamCalls, completed }: Round): number {
  return unknownBodies / Math.max(1, upstreamCalls * completed);
}

/** What the figures were measured on. */
export function machine(): Readonly<Record<string, unknown>> {
  return { cpus: cpus().length, model: cpus()[0]?.model, memoryGiB: Math.round(totalmem() / 2 ** 30), node: process.version, platform: process.platform };
}

function of(rounds: readonly Round[], key: 'requestsPerSecond' | 'p50' | 'p99' | 'cpuMicros' | 'residentMiB' | 'upstreamCalls', digits: number): string {
  return median(rounds.map((round) => round[key])).toFixed(digits);
}
