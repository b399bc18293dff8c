/**
 * Fan-out to many subscribers: the gateway, the subscribers and the owning subgraph in a process each. Delivery times and
 * memory while nothing is wrong, then a supergraph swap, a subgraph kill and a gateway restart, each under events.
 * `npm run bench -- gateway-subscribers --subscribers 1000 --events 40 --rate 4`; `--steady` leaves the disturbances out.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { benchEnvironment } from './config.js';
import { PinnedProcess } from './gateway/pinned-process.js';
import type { Summary } from './statistics.js';

/** What was promised for 10,000 subscribers. */
const LIMITS = { p99Ms: 500, kilobytes: 40 };
const GATEWAY_CORE = 0;
const OTHER_CORE = 1;
const CATCH_UP_MS = 90_000;
const BURST = 200;

interface Counts {
  readonly live: number;
  readonly lost: number;
  readonly doubled: number;
  readonly disordered: number;
  readonly reconnects: number;
  /** Last event of the subscriber that is furthest behind. */
  readonly slowest: number;
}

/** Bytes of the gateway after a full collection. */
interface Memory {
  readonly rss: number;
  readonly heap: number;
}

interface Bench {
  readonly subscribers: number;
  /** Events of a phase, and milliseconds between them. */
  readonly events: number;
  readonly intervalMs: number;
  readonly steadyOnly: boolean;
  readonly readers: PinnedProcess;
  readonly jwks: string;
  owner: PinnedProcess;
  gateway: PinnedProcess;
  /** Times the events were sent at: what the owning subgraph has to know after a restart. */
  readonly log: number[];
}

const environment = benchEnvironment();
const script = (name: string): string => fileURLToPath(new URL(`./subscribers/${name}.js`, import.meta.url));
const pause = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });
const say = (text: string): void => { process.stdout.write(`${text}\n`); };
const portOf = ({ ready }: PinnedProcess): number => Number(ready['port']);

function startReaders(subscribers: number): Promise<PinnedProcess> {
  return PinnedProcess.start({ name: 'readers', script: script('readers-main'), args: [String(subscribers)], nodeArgs: ['--max-semi-space-size=64'], core: OTHER_CORE, environment, readyMs: 120_000 });
}

function startOwner(jwks: string, port: number): Promise<PinnedProcess> {
  return PinnedProcess.start({ name: 'owner', script: script('owner-main'), args: [String(port), jwks], core: OTHER_CORE, environment });
}

function startGateway(port: number, ownerPort: number): Promise<PinnedProcess> {
  return PinnedProcess.start({ name: 'gateway', script: script('gateway-main'), args: [String(port), `http://127.0.0.1:${ownerPort}`], nodeArgs: ['--expose-gc'], core: GATEWAY_CORE, environment });
}

async function emit({ owner, log }: Bench, count: number): Promise<void> {
  log.push(...await owner.ask<number[]>('emit', count));
}

async function emitSteadily(bench: Bench): Promise<void> {
  for (let sent = 0; sent < bench.events; sent += 1) {
    await emit(bench, 1);
    await pause(bench.intervalMs);
  }
}

/** Waits until every subscriber has every event. @throws Error that says who is missing what. */
async function caughtUp({ readers, gateway, subscribers, log }: Bench, what: string): Promise<void> {
  const end = Date.now() + CATCH_UP_MS;
  for (;;) {
    const now = await readers.ask<Counts>('counts');
    if (now.live === subscribers && now.slowest === log.length) return;
    if (Date.now() > end) throw new Error(`${what}: not every subscriber has event ${log.length}: ${JSON.stringify(now)}; the gateway has ${JSON.stringify(await gateway.ask('counts'))}`);
    await pause(100);
  }
}

/** Runs a phase, waits for the last subscriber, and prints what was delivered how fast, and all faults so far. */
async function phase(bench: Bench, name: string, run: () => Promise<void>): Promise<void> {
  await bench.readers.ask('phase');
  await run();
  await emit(bench, 1);
  await caughtUp(bench, name);
  const { p50, p99, max, count } = await bench.readers.ask<Summary>('phase');
  const { lost, doubled, disordered, reconnects } = await bench.readers.ask<Counts>('counts');
  say(`${name.padEnd(16)} delivered ${String(count).padStart(8)}  p50 ${p50.toFixed(1)} ms  p99 ${p99.toFixed(1)} ms  max ${max.toFixed(1)} ms  lost ${lost}  doubled ${doubled}  out of order ${disordered}  reconnects ${reconnects}`);
}

async function killOwner(bench: Bench): Promise<void> {
  await emit(bench, bench.events);
  const port = portOf(bench.owner);
  process.kill(bench.owner.pid, 'SIGKILL');
  await bench.owner.stop();
  bench.owner = await startOwner(bench.jwks, port);
  await bench.owner.ask('load', bench.log);
  await emit(bench, bench.events);
}

async function restartGateway(bench: Bench): Promise<void> {
  const port = portOf(bench.gateway);
  const stopped = bench.gateway.ask('stop');
  await emit(bench, bench.events);
  await stopped;
  await bench.gateway.stop();
  await emit(bench, bench.events);
  bench.gateway = await startGateway(port, portOf(bench.owner));
}

async function measure(bench: Bench): Promise<void> {
  const { readers, subscribers, events } = bench;
  const before = await bench.gateway.ask<Memory>('memory');
  const connecting = performance.now();
  await readers.ask('connect', `ws://127.0.0.1:${portOf(bench.gateway)}/graphql`);
  await caughtUp(bench, 'connecting');
  say(`${subscribers} subscribers connected in ${((performance.now() - connecting) / 1_000).toFixed(1)} s: ${JSON.stringify(await bench.gateway.ask('counts'))}`);
  const kilobytes = (now: Memory, what: keyof Memory): string => ((now[what] - before[what]) / subscribers / 1_024).toFixed(1);
  const idle = await bench.gateway.ask<Memory>('memory');
  say(`memory a subscriber, idle: ${kilobytes(idle, 'rss')} KB resident, of it ${kilobytes(idle, 'heap')} KB heap and buffers; limit ${LIMITS.kilobytes} KB`);

  const used = [bench.gateway.cpuSeconds(), readers.cpuSeconds()] as const;
  await phase(bench, 'steady', () => emitSteadily(bench));
  const microseconds = (process: PinnedProcess, before: number): string => (((process.cpuSeconds() - before) * 1e6) / ((events + 1) * subscribers)).toFixed(1);
  say(`CPU a delivered message: gateway ${microseconds(bench.gateway, used[0])} µs, readers ${microseconds(readers, used[1])} µs; p99 limit ${LIMITS.p99Ms} ms`);
  if (bench.steadyOnly) return;
  await phase(bench, 'burst', () => emit(bench, BURST));
  const busy = await bench.gateway.ask<Memory>('memory');
  say(`memory a subscriber, after events: ${kilobytes(busy, 'rss')} KB resident, of it ${kilobytes(busy, 'heap')} KB heap and buffers`);
  await phase(bench, 'dropped clients', async () => {
    await Promise.all([emit(bench, BURST), readers.ask('drop', Math.ceil(subscribers / 10))]);
    await emitSteadily(bench);
  });
  await phase(bench, 'supergraph swap', async () => {
    await Promise.all([bench.gateway.ask('swap', true), emitSteadily(bench)]);
  });
  await phase(bench, 'subgraph kill', () => killOwner(bench));
  await phase(bench, 'gateway restart', () => restartGateway(bench));
  await phase(bench, 'steady again', () => emitSteadily(bench));
  say(JSON.stringify({ readers: await readers.ask('counts'), streamsUpstream: await bench.owner.ask('streams'), gateway: await bench.gateway.ask('counts') }));
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { subscribers: { type: 'string', default: '1000' }, events: { type: 'string', default: '40' }, rate: { type: 'string', default: '4' }, steady: { type: 'boolean', default: false } } });
  const subscribers = Number(values.subscribers);
  const readers = await startReaders(subscribers);
  const jwks = await readers.ask<string>('jwks');
  const owner = await startOwner(jwks, 0);
  const gateway = await startGateway(0, portOf(owner));
  const bench: Bench = { subscribers, events: Number(values.events), intervalMs: 1_000 / Number(values.rate), steadyOnly: values.steady, readers, jwks, owner, gateway, log: [] };
  try {
    await measure(bench);
  } finally {
    await Promise.all([bench.readers.stop(), bench.owner.stop(), bench.gateway.stop()]);
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack ?? error.message : String(error)}\n`);
  process.exit(1);
});
