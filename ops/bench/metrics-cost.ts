/**
 * `npm run bench -- metrics-cost [--rounds N] [--seconds N]`: what metrics, the record of usage and traces cost the gateway, as CPU time
 * for each request of the public benchmark's graph: with none of them, with metrics, with usage beside them, and with traces of 1 %. Rounds
 * are interleaved and each is compared with the one without in the same turn, so that a busy machine disturbs all alike.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { projectPath } from '../runtime/package-root.js';
import { benchEnvironment } from './config.js';
import { CONTENDERS } from './gateway/contenders.js';
import { onStage } from './gateway/gateway-bench.js';
import { OTHER_CORE, type Stage } from './gateway/graphs.js';
import { measureRound } from './gateway/measure.js';
import { PinnedProcess } from './gateway/pinned-process.js';
import { askOnce, startContender } from './gateway/run-contenders.js';
import { median } from './statistics.js';

/** Share of throughput that metrics and the record of usage may cost together. */
const LIMIT = 0.03;

/** What a gateway does that nobody configured otherwise. */
const DEFAULT = 'metrics and usage';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '7' }, seconds: { type: 'string', default: '4' } } });
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];

async function main(stage: Stage): Promise<number> {
  const collector = createServer((request, response) => { request.resume().on('end', () => { response.end('{}'); }); });
  collector.listen(0, '127.0.0.1');
  await once(collector, 'listening');
  const environment = benchEnvironment();
  const variants: Readonly<Record<string, Record<string, string>>> = {
    'off': { ACGS_BENCH_METRICS: 'off', ACGS_SCHEMA_USAGE_INTERVAL_MS: '0' },
    'metrics': { ACGS_SCHEMA_USAGE_INTERVAL_MS: '0' },
    [DEFAULT]: {},
    'with traces of 1 % too': { ACGS_TRACING: 'on', OTEL_TRACES_SAMPLER_ARG: '0.01', OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}` },
  };
  const ours = CONTENDERS.find(({ name }) => name === 'ours');
  if (ours === undefined) throw new Error('Our gateway is not among the contenders.');
  const load = await PinnedProcess.start({ name: 'load generator', script: projectPath('dist', 'ops', 'bench', 'gateway', 'load-generator.js'), args: [], core: OTHER_CORE, environment });
  const running: [string, PinnedProcess][] = [];
  const micros = new Map<string, number[]>();
  try {
    for (const [name, own] of Object.entries(variants)) running.push([name, await startContender(ours, stage, { environment: { ...environment, ...own } })]);
    for (const [, gateway] of running) await askOnce(stage, gateway);
    await stage.recorded();
    for (let round = 0; round < rounds; round += 1) {
      for (const [name, gateway] of running) {
        const { cpuMicros, failures } = await measureRound({ stage, load }, gateway, { seconds, warmupSeconds: round === 0 ? 4 : 0.5 });
        if (failures > 0) throw new Error(`${failures} requests failed with ${name}.`);
        micros.set(name, [...micros.get(name) ?? [], cpuMicros]);
      }
      running.push(...running.splice(0, 1));
    }
  } finally {
    await Promise.all([load, ...running.map(([, gateway]) => gateway)].map((process) => process.stop()));
    collector.close();
  }
  const base = micros.get('off') ?? [];
  let missed = 0;
  for (const [name, own] of micros) {
    const cost = median(own.map((each, round) => each / (base[round] ?? Number.NaN) - 1));
    if (name === DEFAULT && cost > LIMIT) missed = 1;
    process.stdout.write(`${name.padEnd(26)} ${median(own).toFixed(0).padStart(6)} µs CPU a request  ${name === 'off' ? '' : `${(cost * 100).toFixed(1)} % more${name === DEFAULT ? `, limit ${LIMIT * 100} %: ${cost <= LIMIT ? 'met' : 'MISSED'}` : ''}`}  (${own.map((each) => each.toFixed(0)).join(' ')})\n`);
  }
  return missed;
}

process.exitCode = await onStage('benchmark', main);
