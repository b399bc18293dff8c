/** One round of one contender: load on, warm up, measure, load off. */
import { setTimeout as delay } from 'node:timers/promises';
import type { CannedCounts } from './canned-server.js';
import { countCpu, machineCpuSeconds } from './cpu-counters.js';
import type { LoadCounts, LoadTarget } from './load-generator.js';
import type { PinnedProcess } from './pinned-process.js';
import type { Stage } from './graphs.js';

export interface Round {
  readonly requestsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** CPU time of the gateway for each request, microseconds. */
  readonly cpuMicros: number;
  readonly megacycles: number | null;
  readonly megainstructions: number | null;
  /** Share of one core that the gateway used, 0 to 1. */
  readonly coreShare: number;
  /** Share of one core that canned subgraphs and load generator used together; near 1 they hold the gateway back. */
  readonly sceneryShare: number;
  readonly residentMiB: number;
  readonly upstreamCalls: number;
  readonly completed: number;
  readonly failures: number;
  readonly firstFailure: string | null;
  /** Upstream bodies that were not known when they came, during the measured time. */
  readonly unknownBodies: number;
  /** Beginnings of some of them. */
  readonly unknownSamples: readonly string[];
  /** Cores that processes which are not part of the benchmark kept busy; above a tenth, times and throughput are worse than they should be. */
  readonly foreignCores: number;
  readonly answerBytes: number;
  /** Requests per second asked for; null for the closed loop. */
  readonly rate: number | null;
}

export interface Runner {
  readonly stage: Stage;
  readonly load: PinnedProcess;
}

/** Requests that a warm-up before a closed loop lasts for at least, unless that takes six times as long as it should. */
const WARM_REQUESTS = 300;

/** @param rate requests per second of an open loop; absent for a closed loop. */
export async function measureRound({ stage, load }: Runner, gateway: PinnedProcess, { seconds, warmupSeconds, rate }: { seconds: number; warmupSeconds: number; rate?: number }): Promise<Round> {
  const { canned } = stage;
  const target: LoadTarget = { host: '127.0.0.1', port: Number(gateway.ready['port']), path: '/graphql', body: JSON.stringify({ query: stage.operation }), connections: stage.connections, ...(rate === undefined ? {} : { rate }) };
  await load.ask('start', target);
  await warmUp(load, warmupSeconds, rate === undefined ? WARM_REQUESTS : 0);
  await Promise.all([canned.ask('reset'), load.ask('mark')]);
  const ended = countCpu(gateway);
  const scenery = (): number => canned.cpuSeconds() + load.cpuSeconds();
  const sceneryBefore = scenery();
  const foreign = countForeign([gateway, canned, load]);
  await delay(seconds * 1_000);
  const [counts, upstream, spent] = await Promise.all([load.ask<LoadCounts>('mark'), canned.ask<CannedCounts>('counts'), ended()]);
  const foreignCores = foreign() / counts.seconds;
  const sceneryShare = (scenery() - sceneryBefore) / counts.seconds;
  const residentMiB = gateway.residentMiB();
  await load.ask('stop');
  const { completed, latency, failures, firstFailure, answerBytes } = counts;
  const each = (total: number | null, unit: number): number | null => (total === null ? null : total / unit / Math.max(1, completed));
  return {
    requestsPerSecond: completed / counts.seconds, p50: latency?.p50 ?? Number.NaN, p99: latency?.p99 ?? Number.NaN,
    cpuMicros: (spent.cpuSeconds * 1e6) / Math.max(1, completed), megacycles: each(spent.cycles, 1e6), megainstructions: each(spent.instructions, 1e6),
    coreShare: spent.cpuSeconds / counts.seconds, sceneryShare, residentMiB,
    upstreamCalls: Object.values(upstream.calls).reduce((sum, calls) => sum + calls, 0) / Math.max(1, completed),
    completed, failures, firstFailure, unknownBodies: upstream.unknown, unknownSamples: upstream.unknownSamples, foreignCores, answerBytes, rate: rate ?? null,
  };
}

/** Compilers work by calls, not by seconds: a slow contender, or a busy machine, gets more time. */
async function warmUp(load: PinnedProcess, seconds: number, requests: number): Promise<void> {
  await delay(seconds * 1_000);
  const patience = performance.now() + seconds * 5_000;
  while (performance.now() < patience && await load.ask<number>('completed') < requests) await delay(100);
}

/** Starts to count what others spend; the returned function says it, in seconds. This process only waits and counts as one of them. */
function countForeign(own: readonly PinnedProcess[]): () => number {
  const spent = (): number => machineCpuSeconds() - own.reduce((sum, process) => sum + process.cpuSeconds(), 0);
  const before = spent();
  return () => Math.max(0, spent() - before);
}
