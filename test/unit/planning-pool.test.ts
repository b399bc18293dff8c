/** Planning in worker threads: plans come back whole, a planner that does not end is cut, and nobody else pays for it. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Supergraph } from '@apollo/federation-internals';
import { QueryPlanner, type QueryPlan } from '@apollo/query-planner';
import { parse } from 'graphql';
import { composeSupergraph } from '../../gateway/supergraph/compose.js';
import { readDirectives } from '../../gateway/supergraph/directive-index.js';
import { planOperation } from '../../gateway/supergraph/planning/planner-faults.js';
import { PlanningPool, type PlanningPoolOptions } from '../../gateway/supergraph/planning/planning-pool.js';
import { createLogger } from '../../ops/runtime/logger.js';
import { MINI_GRAPH } from '../kit/mini-graph.js';
import { contractOf, HASH } from '../kit/mini-subgraphs.js';

const logger = createLogger('test', 'silent');
const MINI_SDL = composeSupergraph(MINI_GRAPH.map((definition) => ({ name: definition.name, url: `http://127.0.0.1/${definition.name}`, sdl: contractOf(definition) })), [HASH]).supergraphSdl;

describe('the planning worker', () => {
  const pool = new PlanningPool({ logger });
  afterAll(() => pool.stop());
  const refusalOf = async (sdl: string, accepted: readonly string[] = [HASH]): Promise<{ codes: readonly string[]; hash: string | null } | undefined> => {
    const { outcome } = await pool.load(sdl, accepted);
    return outcome.kind === 'refused' ? { codes: outcome.problems.map(({ code }) => code), hash: outcome.hash } : undefined;
  };

  test('plans what the planner plans on the event loop, and describes the supergraph', async () => {
    const { generation, outcome } = await pool.load(MINI_SDL, [HASH]);
    if (outcome.kind !== 'loaded') throw new Error(outcome.problems.map(({ message }) => message).join());
    const supergraph = Supergraph.build(MINI_SDL, { supportedFeatures: null });
    const planner = new QueryPlanner(supergraph);
    for (const document of ['{ services(first: 2) { id name model { version } } me { id } }', 'subscription { ticks }', 'query ($yes: Boolean!) { open { word @include(if: $yes) } found { __typename ... on User { name } } }', '{ __typename }']) {
      expect(await pool.plan(generation, document, undefined, 'request')).toEqual(JSON.parse(JSON.stringify(planOperation({ supergraph, planner, document: parse(document), operationName: undefined }))));
    }
    expect(outcome.description.services).toEqual(MINI_GRAPH.map(({ name }) => ({ name, url: `http://127.0.0.1/${name}` })).sort((a, b) => a.name.localeCompare(b.name)));
    expect(outcome.description.directives).toEqual(readDirectives(supergraph));
    expect(outcome.description.apiSdl).toContain('type Service {');
    expect(outcome.description.apiSdl).not.toContain('join__');
    expect(outcome.description.supergraphSdl).toContain('type Service {');
  });

  test.each([
    ['text that is not GraphQL', '}{', [HASH], { codes: ['INVALID_SDL'], hash: null }],
    ['a subgraph instead of a supergraph', contractOf(MINI_GRAPH[0]), [HASH], { codes: ['INVALID_SDL'], hash: null }],
    ['a plain schema', 'type Query { x: Int }', [HASH], { codes: ['INVALID_SDL'], hash: null }],
    ['a foreign hash', MINI_SDL.replaceAll(HASH, '0123456789abcdef'), [HASH], { codes: ['CONSTITUTION_HASH_REFUSED'], hash: '0123456789abcdef' }],
    ['a hash that is no longer accepted', MINI_SDL, ['0123456789abcdef'], { codes: ['CONSTITUTION_HASH_REFUSED'], hash: HASH }],
    ['no hash', MINI_SDL.replace(`@constitutional(hash: "${HASH}")`, ''), [HASH], { codes: ['CONSTITUTION_HASH_MISSING'], hash: null }],
    ['a security specification it does not know', MINI_SDL.replace('schema', 'schema @link(url: "https://specs.example.com/seal/v1.0", for: SECURITY)'), [HASH], { codes: ['INVALID_SDL'], hash: null }],
  ])('refuses %s', async (_, sdl, accepted, expected) => {
    expect(await refusalOf(sdl, accepted)).toEqual(expected);
  });

  test('a released supergraph is planned for no more', async () => {
    const { generation } = await pool.load(MINI_SDL, [HASH]);
    pool.release(generation);
    await expect(pool.plan(generation, '{ open { word } }', undefined, 'request')).rejects.toMatchObject({ code: 'PLANNING_UNAVAILABLE' });
  });

  test('a fault of the planner is a fault, with its own words', async () => {
    const { generation } = await pool.load(MINI_SDL, [HASH]);
    await expect(pool.plan(generation, '{ nothing }', undefined, 'request')).rejects.toThrow(/The planner failed: .*nothing/);
  });
});

/** A worker that does as the operation's text says. */
const ACTOR = new URL(`data:text/javascript,${encodeURIComponent(`
  import { parentPort } from 'node:worker_threads';
  import { existsSync, writeFileSync } from 'node:fs';
  const done = (outcome) => parentPort.postMessage({ kind: 'done', outcome });
  const hoard = [];
  parentPort.on('message', ({ kind, document }) => {
    if (kind === 'load') return done({ kind: 'loaded', description: {} });
    if (kind === 'restore') return done({ kind: 'restored' });
    if (kind !== 'plan') return;
    const [act, marker] = document.split(' ');
    if (act === 'endless') for (;;);
    if (act === 'hoard') for (;;) hoard.push(new Array(1e5).fill(Math.random()));
    if (act === 'die') process.exit(3);
    if (act === 'die-once' && !existsSync(marker)) { writeFileSync(marker, ''); process.exit(3); }
    if (act === 'too-costly' || act === 'unplannable') return done({ kind: act, message: 'said why' });
    if (act === 'slow') setTimeout(() => done({ kind: 'planned', plan: { kind: 'QueryPlan', said: document } }), 50);
    else done({ kind: 'planned', plan: { kind: 'QueryPlan', said: document } });
  });
  parentPort.postMessage({ kind: 'ready' });
`)}`);

describe('a worker that fails', () => {
  let folder: string;
  const pools: PlanningPool[] = [];
  beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'acgs-planning-')); });
  afterEach(() => Promise.all(pools.splice(0).map((pool) => pool.stop())));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const start = async (options: Partial<PlanningPoolOptions> = {}): Promise<{ pool: PlanningPool; plan: (text: string, urgency?: 'request' | 'warm-up') => Promise<QueryPlan> }> => {
    const pool = new PlanningPool({ logger, entry: ACTOR, timeLimitMs: 1_000, ...options });
    pools.push(pool);
    const { generation } = await pool.load('', [HASH]);
    return { pool, plan: (text, urgency = 'request') => pool.plan(generation, text, undefined, urgency) };
  };
  const said = (text: string): object => ({ kind: 'QueryPlan', said: text });

  test('to plan an operation, because of the operation, says so to its author', async () => {
    const { plan } = await start();
    await expect(plan('too-costly')).rejects.toMatchObject({ code: 'QUERY_TOO_COSTLY' });
    await expect(plan('unplannable')).rejects.toMatchObject({ code: 'GRAPHQL_VALIDATION_FAILED', message: 'said why' });
  });
  test('by never ending is ended: that plan is refused, those behind it are made by its successor', async () => {
    const { plan } = await start({ timeLimitMs: 300 });
    const endless = plan('endless');
    const behind = [plan('one'), plan('two')];
    await expect(endless).rejects.toMatchObject({ code: 'QUERY_TOO_COSTLY' });
    expect(await Promise.all(behind)).toEqual([said('one'), said('two')]);
    expect(await plan('three')).toEqual(said('three'));
  });
  test('by taking all memory is ended by itself alone', async () => {
    const { plan } = await start({ memoryMb: 32, timeLimitMs: 60_000 });
    await expect(plan('hoard')).rejects.toMatchObject({ code: 'QUERY_TOO_COSTLY' });
    expect(await plan('one')).toEqual(said('one'));
  });
  test('by dying is replaced and the plan is tried once more', async () => {
    const { plan } = await start();
    expect(await plan(`die-once ${join(folder, 'marker')}`)).toEqual(said(`die-once ${join(folder, 'marker')}`));
  });
  test('by dying again and again is not tried for ever', async () => {
    const { plan } = await start();
    await expect(plan('die')).rejects.toMatchObject({ code: 'PLANNING_UNAVAILABLE' });
    expect(await plan('one')).toEqual(said('one'));
  });
  test('before it starts is said to whoever waits', async () => {
    const pool = new PlanningPool({ logger, entry: new URL('data:text/javascript,throw%20new%20Error("no")') });
    pools.push(pool);
    await expect(pool.load('', [HASH])).rejects.toMatchObject({ code: 'PLANNING_UNAVAILABLE' });
  });

  test('plans of requests go before those of a warm-up', async () => {
    const { plan } = await start();
    const order: string[] = [];
    const note = (text: string, urgency: 'request' | 'warm-up'): Promise<unknown> => plan(text, urgency).then(() => order.push(text));
    await Promise.all([note('slow', 'request'), note('warm-1', 'warm-up'), note('warm-2', 'warm-up'), note('asked-1', 'request'), note('asked-2', 'request')]);
    expect(order).toEqual(['slow', 'asked-1', 'asked-2', 'warm-1', 'warm-2']);
  });
  test('plans that wait when their supergraph is released are made all the same, also by a new thread', async () => {
    const { pool, plan } = await start();
    const { generation } = await pool.load('', [HASH]);
    const waiting = ['slow', `die-once ${join(folder, 'released')}`, 'one'].map((text) => pool.plan(generation, text, undefined, 'request'));
    pool.release(generation);
    expect(await Promise.all(waiting)).toEqual([said('slow'), said(`die-once ${join(folder, 'released')}`), said('one')]);
    await expect(pool.plan(generation, 'two', undefined, 'request')).rejects.toMatchObject({ code: 'PLANNING_UNAVAILABLE' });
    expect(await plan('three')).toEqual(said('three'));
  });
  test('more plans than may wait are refused at once', async () => {
    const { plan } = await start({ maxWaiting: 2 });
    const taken = [plan('slow'), plan('one'), plan('two')];
    await expect(plan('three')).rejects.toMatchObject({ code: 'PLANNING_UNAVAILABLE' });
    expect(await Promise.all(taken)).toHaveLength(3);
  });
  test('two threads plan side by side', async () => {
    const { plan } = await start({ threads: 2, timeLimitMs: 2_000 });
    await plan('one');
    const endless = plan('endless');
    const refused = expect(endless).rejects.toMatchObject({ code: 'QUERY_TOO_COSTLY' });
    let ended = false;
    void refused.finally(() => { ended = true; });
    expect(await plan('two')).toEqual(said('two'));
    expect(ended).toBe(false);
    await refused;
  });
  test('whoever waits when it is stopped is told so', async () => {
    const { pool, plan } = await start({ timeLimitMs: 60_000 });
    const outcomes = Promise.allSettled([plan('endless'), plan('one')]);
    await pool.stop();
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'SHUTTING_DOWN' } });
    await expect(plan('two')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});

test('the thread of the event loop loads no planner', async () => {
  const root = new URL('../../', import.meta.url).href;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(`
    import { createRequire } from 'node:module';
    import { parentPort } from 'node:worker_threads';
    const { register } = await import(${JSON.stringify(new URL('node_modules/tsx/dist/esm/api/index.mjs', root).href)});
    register();
    const { cache } = createRequire(${JSON.stringify(root)});
    const loaded = () => ['federation-internals', 'gateway', 'query-planner'].filter((name) => Object.keys(cache).some((file) => file.includes('/@apollo/' + name + '/')));
    await import(${JSON.stringify(new URL('gateway/gateway.ts', root).href)});
    const byGateway = loaded();
    await import(${JSON.stringify(new URL('gateway/supergraph/planning/loaded-supergraph.ts', root).href)});
    parentPort.postMessage({ byGateway, byWorker: loaded() });
  `)}`));
  try {
    const [loaded] = await once(worker, 'message') as [unknown];
    expect(loaded).toEqual({ byGateway: [], byWorker: ['federation-internals', 'gateway', 'query-planner'] });
  } finally {
    await worker.terminate();
  }
});
