/** The store of supergraphs: swaps in order, in one step, old ones plannable for a while, refused ones without a trace. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'graphql';
import type { PlanOperation } from '../../gateway/execution/contracts.js';
import { CompositionError } from '../../gateway/supergraph/composition-error.js';
import { PLANNABLE_SNAPSHOTS, SupergraphStore, type RefusedSupergraph, type SupergraphStoreOptions } from '../../gateway/supergraph/load.js';
import { followSupergraphFile } from '../../gateway/supergraph/supergraph-file.js';
import { AcgsError } from '../../ops/runtime/errors.js';
import { createLogger } from '../../ops/runtime/logger.js';
import { until } from '../kit/until.js';

const logger = createLogger('test', 'silent');

/** Workers that take any word as a supergraph with a field of that name; "refused…" and "broken…" are what they say. */
function fakePlanning(): SupergraphStoreOptions['planning'] & { readonly live: Set<number> } {
  const live = new Set<number>();
  let last = 0;
  return {
    live,
    async load(sdl) {
      const generation = (last += 1);
      if (sdl.startsWith('broken')) throw new AcgsError('PLANNING_UNAVAILABLE');
      if (sdl.startsWith('refused')) return { generation, outcome: { kind: 'refused', problems: [{ subgraph: null, code: 'CONSTITUTION_HASH_REFUSED', message: 'no' }], hash: 'foreign' } };
      live.add(generation);
      return { generation, outcome: { kind: 'loaded', description: { apiSdl: `type Query { ${sdl}: Int }`, supergraphSdl: `type Query { ${sdl}: Int }`, directives: { hash: null, requirements: [], types: new Map() }, services: [{ name: sdl, url: '' }] } } };
    },
    async plan(generation) {
      if (!live.has(generation)) throw new AcgsError('PLANNING_UNAVAILABLE');
      return { kind: 'QueryPlan' };
    },
    release: (generation) => { live.delete(generation); },
  };
}

async function startStore(options: Partial<SupergraphStoreOptions> = {}): Promise<{ store: SupergraphStore; planning: ReturnType<typeof fakePlanning>; refused: RefusedSupergraph[] }> {
  const planning = fakePlanning();
  const refused: RefusedSupergraph[] = [];
  const store = new SupergraphStore({ supergraphSdl: 'first', accepted: () => ['hash'], planning, executor: () => Promise.reject(new Error('unused')), logger, onRefused: (one) => { refused.push(one); }, ...options });
  await store.load();
  return { store, planning, refused };
}
const fieldsOf = (store: SupergraphStore): string[] => Object.keys(store.current().apiSchema.getQueryType()?.getFields() ?? {});
const planOf = (plan: PlanOperation): Promise<unknown> => plan(parse('{ __typename }'), undefined);

describe('the store', () => {
  test('has nothing before it is loaded', () => {
    const store = new SupergraphStore({ supergraphSdl: 'first', accepted: () => [], planning: fakePlanning(), executor: () => Promise.reject(new Error('unused')), logger });
    expect(store.loaded()).toBe(false);
    expect(() => store.current()).toThrow('not loaded');
  });
  test('swaps one after another, and tells Apollo Server and listeners of each', async () => {
    const { store } = await startStore();
    const told: string[] = [];
    const forget = store.onSchemaLoadOrUpdate(({ coreSupergraphSdl }) => { told.push(`schema ${coreSupergraphSdl}`); });
    store.onSwap(() => { throw new Error('a listener of someone else'); });
    const stop = store.onSwap((next, previous) => { told.push(`${previous.sdl} to ${next.sdl}, current ${store.current().sdl}`); });
    await Promise.all([store.swap('second'), store.swap('third')]);
    expect(told).toEqual(['schema first', 'schema second', 'first to second, current second', 'schema third', 'second to third, current third']);
    expect(fieldsOf(store)).toEqual(['third']);
    forget();
    stop();
    await store.swap('fourth');
    expect(told).toHaveLength(5);
  });
  test('does nothing for the text it serves', async () => {
    const { store, planning } = await startStore();
    const before = store.current();
    await store.swap('first');
    expect(store.current()).toBe(before);
    expect(planning.live.size).toBe(1);
  });
  test('warms the next supergraph before anyone is given it', async () => {
    let finish: () => void = () => undefined;
    const warming = new Promise<void>((resolve) => { finish = resolve; });
    let asked: string[] | undefined;
    const { store } = await startStore({ warmUp: (next, current) => { asked = [next.sdl, current.sdl]; return warming; } });
    expect(asked).toBeUndefined();
    const swapped = store.swap('second');
    await until(async () => asked);
    expect(asked).toEqual(['second', 'first']);
    expect(store.current().sdl).toBe('first');
    finish();
    await swapped;
    expect(store.current().sdl).toBe('second');
  });
  test('installs a supergraph cold when its warm-up fails', async () => {
    const { store } = await startStore({ warmUp: () => Promise.reject(new Error('cold')) });
    await store.swap('second');
    expect(store.current().sdl).toBe('second');
  });
  test('keeps what it has when the next is refused or cannot be loaded, and says which', async () => {
    const { store, refused } = await startStore();
    const before = store.current();
    await expect(store.swap('refused')).rejects.toThrow(CompositionError);
    await expect(store.swap('broken')).rejects.toMatchObject({ code: 'PLANNING_UNAVAILABLE' });
    expect(store.current()).toBe(before);
    expect(refused.map(({ outcome, foreignHash }) => [outcome, foreignHash])).toEqual([['refused', 'foreign'], ['failed', undefined]]);
    await store.swap('second');
    expect(store.current().sdl).toBe('second');
  });
  test('plans for the last few snapshots and lets older ones go', async () => {
    const { store, planning } = await startStore();
    const snapshots = [store.current()];
    for (const sdl of ['second', 'third', 'fourth', 'fifth']) {
      await store.swap(sdl);
      snapshots.push(store.current());
    }
    const plannable = await Promise.all(snapshots.map((snapshot) => planOf(snapshot.plan).then(() => true, () => false)));
    expect(plannable).toEqual([false, false, ...Array.from({ length: PLANNABLE_SNAPSHOTS }, () => true)]);
    expect(planning.live.size).toBe(PLANNABLE_SNAPSHOTS);
    expect(snapshots.map((snapshot) => store.snapshotOf(snapshot.apiSchema))).toEqual(snapshots);
  });
  test('does not start with a supergraph that is refused', async () => {
    await expect(startStore({ supergraphSdl: 'refused' })).rejects.toThrow(CompositionError);
  });
});

describe('the supergraph file', () => {
  let folder: string;
  beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'acgs-supergraph-')); });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('is handed on when it has changed, and not again', async () => {
    const path = join(folder, 'supergraph.graphql');
    writeFileSync(path, 'first');
    const taken: string[] = [];
    const file = followSupergraphFile({ path, logger, intervalMs: 10, onChange: (text) => { taken.push(text); return text === 'bad' ? Promise.reject(new Error('refused')) : Promise.resolve(); } });
    try {
      for (const text of ['second', 'bad', 'third, longer']) {
        const replacement = join(folder, 'next');
        writeFileSync(replacement, text);
        renameSync(replacement, path);
        await until(async () => (taken.at(-1) === text ? true : undefined));
      }
      rmSync(path);
      writeFileSync(path, 'back again');
      await until(async () => (taken.at(-1) === 'back again' ? true : undefined));
      expect(taken).toEqual(['second', 'bad', 'third, longer', 'back again']);
      await file.reload();
      expect(taken.at(-1)).toBe('back again');
      expect(taken).toHaveLength(5);
    } finally {
      file.stop();
    }
  });
  test('that is being written is not taken before it rests', async () => {
    const path = join(folder, 'growing.graphql');
    writeFileSync(path, 'first');
    const taken: string[] = [];
    const file = followSupergraphFile({ path, logger, intervalMs: 80, onChange: async (text) => { taken.push(text); } });
    try {
      // Written more often than it is looked at, for as long as several looks take.
      let text = '';
      const end = Date.now() + 400;
      await until(async () => {
        text += 'x';
        writeFileSync(path, text);
        return Date.now() > end ? true : undefined;
      });
      const before = taken.length;
      writeFileSync(path, 'whole');
      await until(async () => (taken.at(-1) === 'whole' ? true : undefined));
      expect(before).toBe(0);
    } finally {
      file.stop();
    }
  });
});
