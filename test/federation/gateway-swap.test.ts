/** Swaps of the supergraph: no request fails, those in flight finish on their own, and what may not be served is not. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'graphql';
import { composeSupergraph } from '../../gateway/supergraph/compose.js';
import { counter } from '../kit/graph.js';
import { MINI_AUTH, MINI_GRAPH } from '../kit/mini-graph.js';
import { contractOf, eventually, HASH, startMiniGraph, type GraphqlAnswer, type MiniGraph, type Sabotage } from '../kit/mini-subgraphs.js';

/** The mini graph with another contract of auth; its resolvers know nothing of it. */
const composed = (graph: MiniGraph, authSdl: string): string =>
  composeSupergraph(MINI_GRAPH.map(({ name, sdl }) => ({ name, url: graph.subgraphs[name]?.url ?? '', sdl: contractOf({ sdl: name === 'auth' ? authSdl : sdl }) })), [HASH]).supergraphSdl;
const withExtra = (graph: MiniGraph, name: string): string => composed(graph, `${MINI_AUTH.sdl}\ntype ${name} { id: ID }\nextend type Query { ${name.toLowerCase()}: ${name} }`);
const withoutOpen = (graph: MiniGraph): string => composed(graph, MINI_AUTH.sdl.replace('  open: Open', '').replace('type Open { word: String  deep: Open }', ''));
const critical = { headers: { 'x-constitutional-hash': HASH } };
const codes = ({ errors }: GraphqlAnswer): unknown[] => errors.map(({ extensions }) => extensions['code']);
const swaps = (graph: MiniGraph, outcome: string): Promise<number> => counter(graph.gateway.url, 'acgs_supergraph_swaps_total', { outcome });

/** Holds the answers of a subgraph back; `arrived` counts those that wait. */
function gate(): { readonly hold: Sabotage; arrived(): number; open(): void } {
  let open: () => void = () => undefined;
  let waiting = 0;
  const opened = new Promise<void>((resolve) => { open = resolve; });
  return { hold: async () => { waiting += 1; await opened; return false; }, arrived: () => waiting, open: () => open() };
}

describe('under load', () => {
  let graph: MiniGraph;
  beforeAll(async () => { graph = await startMiniGraph(MINI_GRAPH); });
  afterAll(() => graph.stop());

  test('four swaps fail no query, and every mutation runs exactly once', async () => {
    // Composed before, since that would hold the event loop they share.
    const next = Array.from({ length: 4 }, (_, round) => withExtra(graph, `Extra${round}`));
    const failures: unknown[] = [];
    const keys: string[] = [];
    let stopping = false;
    let answered = 0;
    const note = (answer: GraphqlAnswer): void => {
      answered += 1;
      if (answer.errors.length > 0 || answer.status !== 200) failures.push([answer.status, answer.errors]);
    };
    const query = async (lane: number): Promise<void> => {
      // Cached operations, and ones that are planned for the first time in the middle of it all.
      for (let count = 0; !stopping; count += 1) note(await graph.query(count % 5 === 0 ? `query Lane${lane}N${count} { services { id } }` : '{ services { id name model { version } } }'));
    };
    const mutate = async (lane: number): Promise<void> => {
      while (!stopping) {
        const key = `lane-${lane}-${keys.length}`;
        keys.push(key);
        note(await graph.query('mutation ($key: String!) { decide(idempotencyKey: $key) { id outcome { __typename } } }', { ...critical, variables: { key } }));
      }
    };
    const load = Promise.all([query(0), query(1), query(2), mutate(0), mutate(1)]);
    const before = await swaps(graph, 'installed');
    const ids = new Set<string>();
    for (const sdl of next) {
      const seen = answered;
      await graph.gateway.swap(sdl);
      ids.add(graph.gateway.snapshot().id);
      await eventually(() => answered > seen + 10, 20_000);
    }
    stopping = true;
    await load;
    expect(failures).toEqual([]);
    expect(ids.size).toBe(4);
    expect(await swaps(graph, 'installed') - before).toBe(4);
    const decided = graph.subgraphs['policy-governance']?.calls.filter(({ query: text }) => text.includes('decide')).map(({ variables }) => variables['key']) ?? [];
    expect(decided.toSorted()).toEqual(keys.toSorted());
    expect(keys.length).toBeGreaterThan(4);
    expect((await graph.query('{ extra3 { id } }')).status).toBe(200);
    expect(codes(await graph.query('{ extra0 { id } }'))).toEqual(['GRAPHQL_VALIDATION_FAILED']);
  });
});

describe('what is in flight', () => {
  let graph: MiniGraph;
  beforeAll(async () => { graph = await startMiniGraph(MINI_GRAPH); });
  afterAll(() => graph.stop());
  afterEach(() => { for (const subgraph of Object.values(graph.subgraphs)) subgraph.sabotage = undefined; });

  test('finishes on the supergraph it began with, also when its fields are gone', async () => {
    const held = gate();
    const { auth } = graph.subgraphs;
    if (auth !== undefined) auth.sabotage = held.hold;
    const old = graph.query('{ open { word } services { id model { version } } }');
    await eventually(() => held.arrived() > 0);
    await graph.gateway.swap(withoutOpen(graph));
    held.open();
    expect((await old).data).toEqual({ open: { word: 'yes' }, services: [{ id: 's1', model: { version: 'v1' } }, { id: 's2', model: { version: 'v1' } }] });
    expect(codes(await graph.query('{ open { word } }'))).toEqual(['GRAPHQL_VALIDATION_FAILED']);
  });
  test('is a mutation and is not cut', async () => {
    const held = gate();
    const policy = graph.subgraphs['policy-governance'];
    if (policy !== undefined) policy.sabotage = held.hold;
    const mutation = graph.query('mutation { decide(idempotencyKey: "once") { id } }', critical);
    await eventually(() => held.arrived() > 0);
    await graph.gateway.swap(withExtra(graph, 'Later'));
    held.open();
    expect((await mutation).data).toEqual({ decide: { id: 'd1' } });
  });
  test('and asks for a field that comes and goes gets the field or a validation error, never a fault', async () => {
    const [present, absent] = [withExtra(graph, 'Present'), withoutOpen(graph)];
    await graph.gateway.swap(present);
    const seen = new Set<string>();
    let stopping = false;
    const load = Promise.all(Array.from({ length: 3 }, async (_, lane) => {
      for (let count = 0; !stopping; count += 1) {
        // Cold each time: it is read by one supergraph and planned while the next one comes.
        const answer = await graph.query(`query Q${lane}N${count} { open { word } where }`);
        seen.add(answer.errors.length === 0 ? JSON.stringify(answer.data) : codes(answer).join());
      }
    }));
    for (let round = 0; round < 3; round += 1) for (const sdl of [absent, present]) await graph.gateway.swap(sdl);
    stopping = true;
    await load;
    const lawful = new Set(['{"open":{"word":"yes"},"where":"first"}', 'GRAPHQL_VALIDATION_FAILED']);
    expect(seen).toEqual(lawful);
  });
  test('may plan on its supergraph for a while, and is told when that is over', async () => {
    const old = graph.gateway.snapshot();
    const plan = (name: string): Promise<unknown> => old.plan(parse(`query ${name} { where }`), name);
    for (const name of ['One', 'Two']) await graph.gateway.swap(withExtra(graph, name));
    expect(await plan('Still')).toMatchObject({ kind: 'QueryPlan' });
    await graph.gateway.swap(withExtra(graph, 'Three'));
    await expect(plan('NoMore')).rejects.toMatchObject({ code: 'PLANNING_UNAVAILABLE' });
  });
});

describe('a supergraph that may not be served', () => {
  let graph: MiniGraph;
  beforeAll(async () => { graph = await startMiniGraph(MINI_GRAPH); });
  afterAll(() => graph.stop());

  test.each([
    ['is no GraphQL', () => '}{', /INVALID_SDL/],
    ['is a subgraph', () => contractOf(MINI_AUTH), /INVALID_SDL/],
    ['carries no hash', () => graph.gateway.snapshot().sdl.replace(`@constitutional(hash: "${HASH}")`, ''), /CONSTITUTION_HASH_MISSING/],
    ['does not link the constitution', () => 'schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) { query: Query } directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA directive @join__graph(name: String!, url: String!) on ENUM_VALUE scalar link__Import enum link__Purpose { SECURITY EXECUTION } enum join__Graph { A @join__graph(name: "a", url: "") } type Query { x: Int }', /INVALID_SDL|CONSTITUTION_NOT_LINKED/],
    ['carries a foreign hash', () => graph.gateway.snapshot().sdl.replaceAll(HASH, '0123456789abcdef'), /CONSTITUTION_HASH_REFUSED/],
  ])('because it %s leaves the old one serving, and is counted', async (_, sdl, message) => {
    const [before, counted] = [graph.gateway.snapshot(), await swaps(graph, 'refused')];
    await expect(graph.gateway.swap(sdl())).rejects.toThrow(message);
    expect(graph.gateway.snapshot()).toBe(before);
    expect(await swaps(graph, 'refused') - counted).toBe(1);
    expect((await graph.query('{ open { word } }')).data).toEqual({ open: { word: 'yes' } });
    expect((await graph.query(`query After${counted} { where }`)).data).toEqual({ where: 'first' });
  });
  test('because of a foreign hash is reported as a violation, the same text under the same request id', async () => {
    const foreign = graph.gateway.snapshot().sdl.replaceAll(HASH, 'fedcba9876543210');
    for (let round = 0; round < 2; round += 1) await expect(graph.gateway.swap(foreign)).rejects.toThrow(/CONSTITUTION_HASH_REFUSED/);
    const reported = (): Record<string, unknown>[] => graph.violations.filter(({ received }) => received === 'fedcba9876543210');
    await eventually(() => reported().length >= 2);
    expect(reported()[0]).toMatchObject({ kind: 'INSTANCE_HASH_MISMATCH', expected: HASH, subgraph: null, instanceUrl: null });
    expect(new Set(reported().map(({ requestId }) => requestId)).size).toBe(1);
  });
});

describe('the first request after a swap', () => {
  let graph: MiniGraph;
  beforeAll(async () => { graph = await startMiniGraph(MINI_GRAPH); });
  afterAll(() => graph.stop());
  const misses = async (cache: string): Promise<number> =>
    (await counter(graph.gateway.url, 'acgs_cache_requests_total', { cache })) - (await counter(graph.gateway.url, 'acgs_cache_hits_total', { cache }));

  test('is planned already, under the grants it was used with', async () => {
    const token = { headers: { authorization: `Bearer ${await graph.issuer.issue({ scopes: ['hr:read', 'hr:pay'] })}` } };
    const used: [string, Parameters<MiniGraph['query']>[1]][] = [
      ['{ services { id model { version } } }', {}], ['{ me { id salary } }', token], ['{ me { id salary } }', {}], ['query ($n: Int = 1) { services(first: $n) { name } }', { variables: { n: 2 } }],
      ['mutation { decide(idempotencyKey: "warm") { id } }', critical],
    ];
    const answers = async (): Promise<unknown[]> => Promise.all(used.map(async ([query, options]) => { const { data, errors } = await graph.query(query, options); return [data, errors]; }));
    const before = await answers();
    const missed = await misses('plan');
    await graph.gateway.swap(withExtra(graph, 'Warm'));
    expect(await answers()).toEqual(before);
    expect(await misses('plan')).toBe(missed);
    expect((await graph.query('query Cold { where }')).errors).toEqual([]);
    expect(await misses('plan')).toBe(missed + 1);
  });
});

describe('the supergraph file', () => {
  let folder: string;
  beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'acgs-swap-')); });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('is followed: a good text is served, a bad one is not and does not end it', async () => {
    const path = join(folder, 'supergraph.graphql');
    const put = (text: string): void => {
      writeFileSync(join(folder, 'next'), text);
      renameSync(join(folder, 'next'), path);
    };
    put(composeSupergraph(MINI_GRAPH.map((definition) => ({ name: definition.name, url: '', sdl: contractOf(definition) })), [HASH]).supergraphSdl);
    const overrides: Record<string, unknown> = { supergraphSdl: undefined, supergraphFileIntervalMs: 20 };
    const graph = await startMiniGraph(MINI_GRAPH, { supergraphFile: path }, overrides);
    try {
      const first = graph.gateway.snapshot().id;
      put(withExtra(graph, 'Filed'));
      await eventually(() => graph.gateway.snapshot().id !== first, 20_000);
      const second = graph.gateway.snapshot().id;
      put('half a supergr');
      await eventually(async () => (await swaps(graph, 'refused')) === 1, 20_000);
      expect(graph.gateway.snapshot().id).toBe(second);
      put(withExtra(graph, 'Again'));
      await eventually(() => graph.gateway.snapshot().id !== second, 20_000);
      expect((await graph.query('{ again { id } }')).data).toEqual({ again: null });
    } finally {
      await graph.stop();
    }
  });
});
