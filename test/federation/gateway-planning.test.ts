/** Planning beside the event loop: the gateway answers while a large plan is made, and goes on when one has to be cut. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'graphql';
import { PlanningPool } from '../../gateway/supergraph/planning/planning-pool.js';
import { createLogger } from '../../ops/runtime/logger.js';
import { counter } from '../kit/graph.js';
import { MINI_GRAPH } from '../kit/mini-graph.js';
import { HASH, startMiniGraph, type GraphqlAnswer, type MiniGraph } from '../kit/mini-subgraphs.js';
import { sharedFieldsGraph, sharedFieldsQuery } from '../kit/shared-fields.js';

const LIMITS = { maxDepth: 12, maxAliases: 30, maxTokens: 20_000, maxCost: 100_000 };
const code = (answer: GraphqlAnswer): unknown => answer.errors[0]?.extensions['code'];

describe('a large plan', () => {
  let graph: MiniGraph;
  beforeAll(async () => { graph = await startMiniGraph(sharedFieldsGraph(100), { limits: LIMITS, deadlineMs: 30_000, planning: { threads: 1, timeLimitMs: 25_000 } }); });
  afterAll(() => graph.stop());

  test('is made while the event loop turns', async () => {
    let planned = false;
    let turns = 0;
    const turn = (): void => { turns += 1; if (!planned) setTimeout(turn, 1); };
    const plan = graph.gateway.snapshot().plan(parse(sharedFieldsQuery(100)), undefined).finally(() => { planned = true; });
    setTimeout(turn, 1);
    expect((await plan).node?.kind).toBe('Sequence');
    // Made on the event loop it would let no timer fire before it is there.
    expect(turns).toBeGreaterThan(5);
  });
  test('keeps no cached operation waiting, is made once for all, and gives the right answer', async () => {
    const warm = '{ word }';
    await graph.query(warm);
    let planned = false;
    const large = Promise.all(Array.from({ length: 3 }, () => graph.query(sharedFieldsQuery(90)))).finally(() => { planned = true; });
    let served = 0;
    while (!planned) {
      expect((await graph.query(warm)).data).toEqual({ word: 'yes' });
      served += 1;
    }
    expect(served).toBeGreaterThan(3);
    for (const { data } of await large) expect(data).toEqual(Object.fromEntries(Array.from({ length: 90 }, (_, index) => [`f${index}`, { value: index }])));
  });
});

describe('a plan that takes too long', () => {
  let graph: MiniGraph;
  beforeAll(async () => { graph = await startMiniGraph(sharedFieldsGraph(1_200), { limits: LIMITS, bodyLimit: 256 * 1024, deadlineMs: 60_000, planning: { threads: 1, timeLimitMs: 2_000 } }); });
  afterAll(() => graph.stop());

  test('is cut, is not begun again, and costs nobody else their answer', async () => {
    const endless = graph.query(sharedFieldsQuery(1_200));
    // Cold operations that wait behind it are planned by the worker's successor.
    const behind = await Promise.all(['{ f1 { value } }', '{ f2 { value } word }', 'query Named { f3 { value } }'].map((query) => graph.query(query)));
    expect(behind.map(({ data, errors }) => [data, errors])).toEqual([[{ f1: { value: 1 } }, []], [{ f2: { value: 2 }, word: 'yes' }, []], [{ f3: { value: 3 } }, []]]);
    expect(code(await endless)).toBe('QUERY_TOO_COSTLY');
    expect(code(await graph.query(sharedFieldsQuery(1_200)))).toBe('QUERY_TOO_COSTLY');
    expect((await graph.query('{ f4 { value } }')).data).toEqual({ f4: { value: 4 } });
  });
});

describe('operations', () => {
  let graph: MiniGraph;
  beforeAll(async () => { graph = await startMiniGraph(MINI_GRAPH); });
  afterAll(() => graph.stop());
  const lookups = async (): Promise<{ plan: number; hits: number }> => ({
    plan: await counter(graph.gateway.url, 'acgs_cache_requests_total', { cache: 'plan' }), hits: await counter(graph.gateway.url, 'acgs_cache_hits_total', { cache: 'plan' }),
  });

  test('that differ in layout only share a plan', async () => {
    const before = await lookups();
    for (const query of ['{ services { id model { version } } }', '{services{id,model{version}}}', '# services\nquery {\n services {\n id model { version } } }']) expect((await graph.query(query)).errors).toEqual([]);
    const after = await lookups();
    expect({ plan: after.plan - before.plan, hits: after.hits - before.hits }).toEqual({ plan: 3, hits: 2 });
  });
});

test('the planning worker opens no connection', async () => {
  const source = new URL('../../gateway/supergraph/planning/planner-worker-source.mjs', import.meta.url).href;
  // Dies at the first attempt, which would fail the load or the plan below. The pipe is that of the TypeScript loader.
  const entry = new URL(`data:text/javascript,${encodeURIComponent(`
    import net from 'node:net';
    import dns from 'node:dns';
    const { connect } = net.Socket.prototype;
    net.Socket.prototype.connect = function (...given) {
      const [options] = Array.isArray(given[0]) ? given[0] : given;
      return options.path === undefined ? process.exit(9) : connect.apply(this, given);
    };
    for (const target of [dns, dns.promises]) target.lookup = () => process.exit(9);
    await import(${JSON.stringify(source)});
  `)}`);
  const { gateway, stop } = await startMiniGraph(MINI_GRAPH);
  const pool = new PlanningPool({ logger: createLogger('test', 'silent'), entry });
  try {
    const { generation, outcome } = await pool.load(gateway.snapshot().sdl, [HASH]);
    expect(outcome.kind).toBe('loaded');
    expect(await pool.plan(generation, '{ services { id model { version } } }', undefined, 'request')).toMatchObject({ node: { kind: 'Sequence' } });
  } finally {
    await pool.stop();
    await stop();
  }
});
