/**
 * Planning and swaps: how long they take, and for how long they hold the event loop, beside the stock gateway's.
 * `npm run bench -- gateway-planning [rounds]` prints one JSON line for each measurement: medians of the rounds
 * (default 3, with 0 swaps only) in milliseconds, and how many timers fired meanwhile.
 */
import '../../gateway/telemetry-config.js';
import { readdirSync, readFileSync } from 'node:fs';
import { DEFAULT_SUPPORTED_SUPERGRAPH_FEATURES, operationFromDocument, Supergraph } from '@apollo/federation-internals';
import { ApolloGateway } from '@apollo/gateway';
import { QueryPlanner } from '@apollo/query-planner';
import { parse } from 'graphql';
import type { GatewayRequest } from '../../gateway/execution/contracts.js';
import { createCompileAhead } from '../../gateway/execution/execute.js';
import { createPreparation } from '../../gateway/execution/preparation/prepare.js';
import { composeSupergraph } from '../../gateway/supergraph/compose.js';
import { ENFORCED_FEATURES } from '../../gateway/supergraph/link-names.js';
import { SupergraphStore } from '../../gateway/supergraph/load.js';
import { PlanningPool } from '../../gateway/supergraph/planning/planning-pool.js';
import { wholeContract } from '../runtime/contracts.js';
import { AcgsError } from '../runtime/errors.js';
import { createLogger } from '../runtime/logger.js';
import { projectPath } from '../runtime/package-root.js';
import { sharedFieldsContracts, sharedFieldsQuery } from './shared-fields.js';
import { median } from './statistics.js';

const HASH = 'cdd01ef066bc6cf2';
const SIZES = [10, 34, 75, 150];
const SWAPS = 5;
const HEAD = `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.11", import: ["@key", "@shareable", "@composeDirective"])
  @link(url: "https://specs.acgs.internal/constitutional/v1.0", import: ["@constitutional"])
  @composeDirective(name: "@constitutional")
  @constitutional(hash: "${HASH}")
`;
const logger = createLogger('bench', 'error');

interface Measured {
  readonly ms: number;
  /** Longest time between two timers that were due one after the other, milliseconds beyond their distance. */
  readonly pauseMs: number;
  /** Longest time the thread of the event loop was computing between two such timers, milliseconds: without what others take of the core. */
  readonly heldMs: number;
  readonly timers: number;
}

/** Time the main thread has been on a core, milliseconds; 0 where the system does not say (Linux does). */
function computed(): number {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

/** Runs some work while a timer is due every millisecond. */
async function measure(work: () => unknown): Promise<Measured> {
  let [last, lastComputed, pause, held, timers, done] = [performance.now(), computed(), 0, 0, 0, false];
  const tick = (): void => {
    const [now, nowComputed] = [performance.now(), computed()];
    pause = Math.max(pause, now - last - 1);
    held = Math.max(held, nowComputed - lastComputed);
    last = now;
    lastComputed = nowComputed;
    timers += 1;
    if (!done) setTimeout(tick, 1);
  };
  setTimeout(tick, 1);
  const started = performance.now();
  await work();
  const ms = performance.now() - started;
  done = true;
  // The timer that was due while the work held the event loop comes now.
  await new Promise((resolve) => { setTimeout(resolve, 2); });
  return { ms, pauseMs: Math.max(0, pause), heldMs: held, timers };
}

function report(name: string, detail: Readonly<Record<string, unknown>>, rounds: readonly Measured[]): void {
  const middle = (of: (one: Measured) => number): number => Math.round(median(rounds.map(of)) * 10) / 10;
  process.stdout.write(`${JSON.stringify({ name, ...detail, ms: middle(({ ms }) => ms), pauseMs: middle(({ pauseMs }) => pauseMs), heldMs: middle(({ heldMs }) => heldMs), timers: middle(({ timers }) => timers), rounds: rounds.length })}\n`);
}

async function repeat(times: number, run: (round: number) => Promise<Measured>): Promise<Measured[]> {
  const results: Measured[] = [];
  for (let round = 0; round < times; round += 1) results.push(await run(round));
  return results;
}

async function coldPlans(rounds: number): Promise<void> {
  for (const size of SIZES) {
    const sources = sharedFieldsContracts(size, ['root', 'left', 'right']).map(({ name, sdl }) => ({ name, url: `http://127.0.0.1/${name}`, sdl: wholeContract(`${HEAD}${sdl}`) }));
    const { supergraphSdl } = composeSupergraph(sources, [HASH]);
    const query = sharedFieldsQuery(size);
    const supergraph = Supergraph.build(supergraphSdl, { supportedFeatures: null });
    const stock = new QueryPlanner(supergraph);
    report('cold plan, stock planner on the event loop', { fields: size }, await repeat(rounds, () => measure(() => stock.buildQueryPlan(operationFromDocument(supergraph.apiSchema(), parse(query))))));
    const pool = new PlanningPool({ logger, timeLimitMs: 60_000 });
    try {
      const { generation, outcome } = await pool.load(supergraphSdl, [HASH]);
      if (outcome.kind !== 'loaded') throw new Error(`The supergraph was refused: ${outcome.problems.map(({ message }) => message).join('; ')}`);
      report('cold plan, in the worker', { fields: size }, await repeat(rounds, () => measure(() => pool.plan(generation, query, undefined, 'request'))));
    } finally {
      await pool.stop();
    }
  }
}

/** The product's own supergraph, with one field more in every other round. */
function supergraphs(): readonly [string, string] {
  const sdl = readFileSync(projectPath('schema', 'supergraph.graphql'), 'utf8');
  const graph = /@join__type\(graph: (\w+)\)/.exec(sdl)?.[1] ?? 'AUTH';
  return [sdl, `${sdl}\ntype BenchExtra @join__type(graph: ${graph}) { x: Int }\n`];
}

async function stockSwaps(): Promise<void> {
  for (const feature of ENFORCED_FEATURES) DEFAULT_SUPPORTED_SUPERGRAPH_FEATURES.add(feature);
  const [first, second] = supergraphs();
  let update: (sdl: string) => void = () => undefined;
  const gateway = new ApolloGateway({ supergraphSdl: async (options) => { update = (sdl) => options.update(sdl); return { supergraphSdl: first }; }, logger, buildService: () => ({ process: () => Promise.reject(new Error('unused')) }) });
  await gateway.load();
  report('swap, stock gateway', {}, await repeat(SWAPS, (round) => measure(() => update(round % 2 === 0 ? second : first))));
  await gateway.stop();
}

async function ownSwaps(): Promise<void> {
  const [first, second] = supergraphs();
  const pool = new PlanningPool({ logger });
  const { prepare, warmUp } = createPreparation({
    limits: { maxDepth: 100, maxAliases: 100, maxTokens: 20_000, maxCost: 1_000_000 }, introspection: true, gate: { active: () => HASH }, revocations: { age: () => 0 }, revocationMaxAgeMs: 1_000, metrics: { looked: () => undefined }, compileAhead: createCompileAhead(),
  });
  let warms = true;
  const store = new SupergraphStore({
    supergraphSdl: first, accepted: () => [HASH], planning: pool, executor: () => Promise.reject(new Error('unused')), logger,
    warmUp: async (next, current) => { if (warms) await warmUp(next, current); },
  });
  try {
    await store.load();
    const operations = readdirSync(projectPath('schema', 'operations')).filter((file) => file.endsWith('.graphql')).map((file) => readFileSync(projectPath('schema', 'operations', file), 'utf8'));
    const request: GatewayRequest = { requestId: 'bench', principal: null, credentialId: null, tokenExpiresAt: null, revocationEpoch: 0, hashPresented: true, deadline: null, snapshot: store.current() };
    // Variables that are required are not given: such an operation is left out. Each of the others is known under 20 names.
    let known = 0;
    for (const query of operations) {
      for (let copy = 0; copy < 20; copy += 1) {
        try {
          await prepare(request, { query: query.replace(/(query|mutation|subscription)\s+(\w+)/, `$1 $2${copy}`) });
          known += 1;
        } catch (error) {
          if (!(error instanceof AcgsError) || error.code !== 'BAD_USER_INPUT') throw error;
          break;
        }
      }
    }
    report('swap, ours, warmed', { operations: known }, await repeat(SWAPS, (round) => measure(() => store.swap(round % 2 === 0 ? second : first))));
    warms = false;
    await store.swap(first);
    report('swap, ours, cold', {}, await repeat(SWAPS, (round) => measure(() => store.swap(round % 2 === 0 ? second : first))));
  } finally {
    await pool.stop();
  }
}

await ownSwaps();
await stockSwaps();
const rounds = Number(process.argv[2] ?? 3);
if (rounds > 0) await coldPlans(rounds);
