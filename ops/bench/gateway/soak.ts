/** `npm run bench -- gateway-soak`: the gateway's heap over a million requests and a hundred supergraph swaps. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { projectPath } from '../../runtime/package-root.js';
import { median } from '../statistics.js';
import { benchEnvironment, type GatewayBenchArguments } from '../config.js';
import { CONTENDERS } from './contenders.js';
import { OTHER_CORE, type Stage } from './graphs.js';
import type { LoadCounts, LoadTarget } from './load-generator.js';
import { PinnedProcess } from './pinned-process.js';
import { askOnce, startContender } from './run-contenders.js';

/** Lines are printed this often, requests; ten times in a shorter run. */
const REPORT_EVERY = 50_000;
/** Heap may differ this much between the first and the last third of the samples: share, and MiB that never count. */
const ALLOWED_GROWTH = 0.1;
const ALLOWED_MIB = 8;

interface Sample { readonly requests: number; readonly heapMiB: number; readonly residentMiB: number }

/** Runs it over the benchmark's graph. @returns what is wrong; empty when the heap is flat and nothing failed. */
export async function soak(stage: Stage, { requests, swaps }: GatewayBenchArguments): Promise<string[]> {
  const environment = benchEnvironment();
  const contender = CONTENDERS.find(({ name }) => name === 'ours');
  if (contender === undefined) throw new Error('Our gateway is not among the contenders.');
  const load = await PinnedProcess.start({ name: 'load generator', script: projectPath('dist', 'ops', 'bench', 'gateway', 'load-generator.js'), args: [], core: OTHER_CORE, environment });
  const gateway = await startContender(contender, stage, { environment }, ['--expose-gc']);
  try {
    await askOnce(stage, gateway);
    return await new Soak(stage, load, gateway, requests, swaps).run();
  } finally {
    await Promise.all([gateway.stop(), load.stop()]);
  }
}

class Soak {
  private readonly samples: Sample[] = [];
  private readonly ids = new Set<string>();
  private readonly supergraph: string;
  private done = 0;
  private failures = 0;
  private firstFailure: string | null = null;
  private swapped = 0;

  constructor(private readonly stage: Stage, private readonly load: PinnedProcess, private readonly gateway: PinnedProcess, private readonly requests: number, private readonly swaps: number) {
    this.supergraph = readFileSync(stage.contender.boundSupergraph, 'utf8');
  }

  async run(): Promise<string[]> {
    const started = performance.now();
    const between = Math.max(1, Math.floor(this.requests / this.swaps));
    await this.sample();
    while (this.done < this.requests) {
      const leg = Math.min(REPORT_EVERY, Math.ceil(this.requests / 10), this.requests - this.done);
      await this.answer(leg, between);
      await this.sample();
    }
    const { heapMiB } = this.samples.at(-1) as Sample;
    process.stdout.write(`\n${this.done} requests, ${this.swapped} swaps (${this.ids.size} supergraphs), ${this.failures} failures, ${((performance.now() - started) / 1_000).toFixed(0)} s; heap ${heapMiB.toFixed(1)} MiB at the end\n`);
    process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), requests: this.done, swaps: this.swapped, failures: this.failures, samples: this.samples })}\n`);
    return this.problems();
  }

  /** Runs one leg under load, with the swaps that fall into it. */
  private async answer(leg: number, between: number): Promise<void> {
    const target: LoadTarget = { host: '127.0.0.1', port: Number(this.gateway.ready['port']), path: '/graphql', body: JSON.stringify({ query: this.stage.operation }), connections: this.stage.connections };
    await this.load.ask('start', target);
    const before = this.done;
    while (this.done - before < leg) {
      await delay(20);
      this.done = before + await this.load.ask<number>('completed');
      while (this.swapped < this.swaps && this.done >= (this.swapped + 1) * between) await this.swap();
    }
    const { completed, failures, firstFailure } = await this.load.ask<LoadCounts>('mark');
    await this.load.ask('stop');
    this.done = before + completed;
    this.failures += failures;
    this.firstFailure ??= firstFailure;
  }

  private async swap(): Promise<void> {
    this.swapped += 1;
    this.ids.add(await this.gateway.ask<string>('swap', `${this.supergraph}\n# Swap ${this.swapped}\n`));
  }

  /** Heap after a forced collection, without load: what stays. */
  private async sample(): Promise<void> {
    const heapMiB = await this.gateway.ask<number>('heap') / 2 ** 20;
    const sample = { requests: this.done, heapMiB, residentMiB: this.gateway.residentMiB() };
    this.samples.push(sample);
    process.stdout.write(`${String(sample.requests).padStart(9)} requests  ${String(this.swapped).padStart(4)} swaps  heap ${heapMiB.toFixed(1).padStart(7)} MiB  RSS ${sample.residentMiB.toFixed(0).padStart(5)} MiB  ${this.failures} failures\n`);
  }

  private problems(): string[] {
    // The first sample is taken before caches have filled.
    const heaps = this.samples.slice(1).map(({ heapMiB }) => heapMiB);
    const third = Math.max(1, Math.floor(heaps.length / 3));
    const [first, last] = [median(heaps.slice(0, third)), median(heaps.slice(-third))];
    return [
      ...(last - first > Math.max(ALLOWED_MIB, first * ALLOWED_GROWTH) ? [`The heap grew from ${first.toFixed(1)} to ${last.toFixed(1)} MiB.`] : []),
      ...(this.failures > 0 ? [`${this.failures} requests failed, the first with ${this.firstFailure}`] : []),
      ...(this.ids.size === this.swaps ? [] : [`${this.ids.size} supergraphs were installed instead of ${this.swaps}.`]),
    ];
  }
}
