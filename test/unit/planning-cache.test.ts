/** Preparation and its caches: one planning for equal operations, nothing cached that failed, bounded, and warmed for the next supergraph. */
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import type { GatewayRequest, OperationSource, PreparedOperation } from '../../gateway/execution/contracts.js';
import { compiledOf, createCompileAhead } from '../../gateway/execution/execute.js';
import { createPlanCache, mostUsed, type PlanCacheLimits } from '../../gateway/execution/preparation/plan-cache.js';
import { createPreparation, type Preparation, type PrepareDeps } from '../../gateway/execution/preparation/prepare.js';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { PrincipalClaims } from '../../ops/runtime/hop-token.js';
import { MINI_GRAPH, MINI_AUTH, MINI_POLICY } from '../kit/mini-graph.js';
import { testSnapshot, type TestSnapshot } from '../kit/snapshot.js';

interface Setup extends Preparation {
  readonly cache: ReturnType<typeof createPlanCache>;
  readonly looked: string[];
}

function setup(limits: Partial<PlanCacheLimits> = {}, compileAhead?: PrepareDeps['compileAhead']): Setup {
  const looked: string[] = [];
  const cache = createPlanCache(limits);
  return {
    cache, looked,
    ...createPreparation({
      limits: { maxDepth: 12, maxAliases: 30, maxTokens: 2_000, maxCost: 5_000 }, introspection: true, gate: { active: () => 'hash' }, revocations: { age: () => 0 }, revocationMaxAgeMs: 1_000,
      metrics: { looked: (name, hit) => { looked.push(`${name} ${hit ? 'hit' : 'miss'}`); } }, cache, compileAhead,
    }),
  };
}

const principal = (scopes: readonly string[] = [], id = 'alice'): PrincipalClaims => ({ id, kind: 'HUMAN', roles: [], scopes, policies: [] });
const requestOf = (snapshot: TestSnapshot, overrides: Partial<GatewayRequest> = {}): GatewayRequest => ({
  requestId: 'r', principal: null, credentialId: null, tokenExpiresAt: null, revocationEpoch: 0, hashPresented: false, deadline: null, snapshot, ...overrides,
});
/** What is prepared without waiting. */
function atOnce(prepared: PreparedOperation | Promise<PreparedOperation>): PreparedOperation {
  if (prepared instanceof Promise) throw new Error('It had to be planned.');
  return prepared;
}
const codeOf = async (run: () => unknown): Promise<unknown> => {
  try {
    await run();
    return undefined;
  } catch (error) {
    return error instanceof AcgsError ? error.code : (error as { extensions?: { code?: unknown } }).extensions?.code;
  }
};

afterEach(() => { jest.useRealTimers(); });

describe('a plan', () => {
  test('is made once and then given at once', async () => {
    const snapshot = testSnapshot(MINI_GRAPH);
    const { prepare, looked } = setup();
    const first = await prepare(requestOf(snapshot), { query: '{ open { word } }' });
    expect(atOnce(prepare(requestOf(snapshot), { query: '{ open { word } }' }))).toBe(first);
    expect(first.plan?.node?.kind).toBe('Fetch');
    expect(looked).toEqual(['document miss', 'plan miss', 'document hit', 'plan hit']);
    expect(snapshot.planned).toHaveLength(1);
  });
  test('is shared by texts that differ in layout, in the order of fragments and in what is beside the operation', async () => {
    const snapshot = testSnapshot(MINI_GRAPH);
    const { prepare } = setup();
    const sources: OperationSource[] = [
      { query: 'query Q { services { ...A ...B } } fragment A on Service { id } fragment B on Service { name }' },
      { query: 'query   Q{services{...A,...B}}\n# words\nfragment B on Service{name}\nfragment A on Service{id}', operationName: 'Q' },
      { query: 'query Other { open { word } } query Q { services { ...A ...B } } fragment A on Service { id } fragment B on Service { name }', operationName: 'Q' },
    ];
    const prepared: PreparedOperation[] = [];
    for (const source of sources) prepared.push(await prepare(requestOf(snapshot), source));
    expect(new Set(prepared).size).toBe(1);
    expect(snapshot.planned).toHaveLength(1);
    expect(atOnce(prepare(requestOf(snapshot), sources[2] as OperationSource))).toBe(prepared[0]);
  });
  test('is not shared by operations that differ in name or in values', async () => {
    const snapshot = testSnapshot(MINI_GRAPH);
    const { prepare } = setup();
    const keys = new Set<string>();
    for (const query of ['{ services(first: 1) { id } }', '{ services(first: 2) { id } }', 'query A { services(first: 1) { id } }', 'query B { services(first: 1) { id } }']) keys.add((await prepare(requestOf(snapshot), { query })).key);
    expect(keys.size).toBe(4);
  });
  test('is planned once for everyone who asks meanwhile', async () => {
    const snapshot = testSnapshot(MINI_GRAPH);
    const { prepare } = setup();
    const all = await Promise.all(Array.from({ length: 50 }, async (_, index) => prepare(requestOf(snapshot), { query: `${' '.repeat(index)}{ open { word } }` })));
    expect(new Set(all).size).toBe(1);
    expect(snapshot.planned).toHaveLength(1);
  });
  test('belongs to its supergraph', async () => {
    const [one, two] = [testSnapshot(MINI_GRAPH), testSnapshot([...MINI_GRAPH.slice(1), { name: 'auth', sdl: `${MINI_AUTH.sdl} extend type Query { more: Int }` }])];
    const { prepare } = setup();
    const first = await prepare(requestOf(one), { query: '{ open { word } }' });
    const second = await prepare(requestOf(two), { query: '{ open { word } }' });
    expect(second.key).not.toBe(first.key);
    expect(atOnce(prepare(requestOf(one), { query: '{ open { word } }' }))).toBe(first);
  });
  test('depends on what the principal holds and on nothing else of it', async () => {
    const snapshot = testSnapshot(MINI_GRAPH);
    const { prepare } = setup();
    const ask = (who: PrincipalClaims | null): Promise<PreparedOperation> => Promise.resolve(prepare(requestOf(snapshot, { principal: who }), { query: '{ principles council open { word } }' }));
    const [anonymous, alice, bob, reader] = [await ask(null), await ask(principal()), await ask(principal(['hr:read'], 'bob')), await ask(principal(['principles:read']))];
    expect(alice).toBe(bob);
    expect(new Set([anonymous, alice, reader]).size).toBe(3);
    expect([anonymous, alice, reader].map(({ refusals }) => refusals.map(({ path }) => path?.join('.')))).toEqual([['principles', 'council'], ['principles'], []]);
    expect(await ask(principal(['principles:read', 'more'], 'carol'))).toBe(reader);
    expect(snapshot.planned).toHaveLength(3);
  });
  test('of a document someone else parsed is found by the document', async () => {
    const snapshot = testSnapshot(MINI_GRAPH);
    const { prepare, looked } = setup();
    const first = await prepare(requestOf(snapshot), { query: '{ open { word } }' });
    const { document } = first;
    expect(atOnce(prepare(requestOf(snapshot), { document }))).toBe(first);
    expect(looked.filter((entry) => entry.startsWith('document'))).toEqual(['document miss']);
  });
});

describe('what fails', () => {
  test('is tried again by the next request', async () => {
    const snapshot = testSnapshot(MINI_GRAPH);
    const { prepare } = setup();
    snapshot.planning = () => Promise.reject(new AcgsError('PLANNING_UNAVAILABLE'));
    expect(await Promise.all([1, 2].map(() => codeOf(() => prepare(requestOf(snapshot), { query: '{ open { word } }' }))))).toEqual(['PLANNING_UNAVAILABLE', 'PLANNING_UNAVAILABLE']);
    snapshot.planning = undefined;
    expect((await prepare(requestOf(snapshot), { query: '{ open { word } }' })).plan?.node?.kind).toBe('Fetch');
    expect(snapshot.planned).toHaveLength(2);
  });
  test('for taking too long is refused for a minute and then tried again', async () => {
    jest.useFakeTimers();
    const snapshot = testSnapshot(MINI_GRAPH);
    const { prepare } = setup();
    snapshot.planning = () => Promise.reject(new AcgsError('QUERY_TOO_COSTLY'));
    for (let round = 0; round < 3; round += 1) expect(await codeOf(() => prepare(requestOf(snapshot), { query: '{ open { word } }' }))).toBe('QUERY_TOO_COSTLY');
    expect(snapshot.planned).toHaveLength(1);
    jest.advanceTimersByTime(60_001);
    snapshot.planning = undefined;
    expect((await prepare(requestOf(snapshot), { query: '{ open { word } }' })).plan).toBeDefined();
  });
  test('to come before the deadline is refused, and there for the next request', async () => {
    jest.useFakeTimers();
    const snapshot = testSnapshot(MINI_GRAPH);
    const { prepare } = setup();
    let finish: () => void = () => undefined;
    snapshot.planning = () => new Promise((resolve) => { finish = () => resolve({ kind: 'QueryPlan' }); });
    const late = codeOf(() => prepare(requestOf(snapshot, { deadline: Date.now() + 100 }), { query: '{ open { word } }' }));
    await jest.advanceTimersByTimeAsync(100);
    expect(await late).toBe('PLANNING_UNAVAILABLE');
    finish();
    await jest.advanceTimersByTimeAsync(0);
    expect(atOnce(prepare(requestOf(snapshot), { query: '{ open { word } }' })).plan).toEqual({ kind: 'QueryPlan' });
  });
  test('to be a valid request says why, each time', async () => {
    const snapshot = testSnapshot(MINI_GRAPH);
    const { prepare } = setup();
    const several = 'query A { open { word } } query B { where }';
    const cases: [OperationSource, string][] = [
      [{}, 'BAD_REQUEST'], [{ query: '' }, 'BAD_REQUEST'], [{ query: '{' }, 'GRAPHQL_PARSE_FAILED'], [{ query: '{ nothing }' }, 'GRAPHQL_VALIDATION_FAILED'],
      [{ query: several }, 'BAD_REQUEST'], [{ query: several, operationName: 'C' }, 'BAD_REQUEST'], [{ query: '{ where }', operationName: 'C' }, 'BAD_REQUEST'], [{ query: 'fragment F on Query { where }' }, 'GRAPHQL_VALIDATION_FAILED'],
      [{ query: 'query ($n: Int!) { services(first: $n) { id } }' }, 'BAD_USER_INPUT'], [{ query: 'query ($n: Int!) { services(first: $n) { id } }', variables: { n: 'x' } }, 'BAD_USER_INPUT'],
      [{ query: 'query ($n: Int!) { services(first: $n) { id model { version } } }', variables: { n: 100_000 } }, 'QUERY_TOO_COSTLY'], [{ query: '{ services(first: 100000) { id model { version } } }' }, 'QUERY_TOO_COSTLY'],
      [{ query: '{ kill }' }, 'CONSTITUTIONAL_HASH_REQUIRED'],
    ];
    for (const round of [1, 2]) for (const [source, code] of cases) expect([round, source, await codeOf(() => prepare(requestOf(snapshot), source))]).toEqual([round, source, code]);
    expect(snapshot.planned).toHaveLength(0);
    expect((await prepare(requestOf(snapshot), { query: 'query ($n: Int!) { services(first: $n) { id model { version } } }', variables: { n: 3 } })).plan).toBeDefined();
    expect((await prepare(requestOf(snapshot), { query: several, operationName: 'B' })).operation.name?.value).toBe('B');
  });
});

describe('the cache', () => {
  test('forgets what was not used for longest', async () => {
    const snapshot = testSnapshot(MINI_GRAPH);
    const { prepare, cache } = setup({ maxPlans: 20 });
    const ask = (name: string): PreparedOperation | Promise<PreparedOperation> => prepare(requestOf(snapshot), { query: `query ${name} { open { word } }` });
    await ask('Kept');
    for (let index = 0; index < 100; index += 1) {
      await ask(`Q${index}`);
      atOnce(ask('Kept'));
      expect(cache.of(snapshot).operations.size).toBeLessThanOrEqual(20);
    }
    expect(atOnce(ask('Q99')).operation.name?.value).toBe('Q99');
    const before = snapshot.planned.length;
    await ask('Q0');
    expect(snapshot.planned).toHaveLength(before + 1);
  });
  test('bounds the texts it knows', async () => {
    const snapshot = testSnapshot(MINI_GRAPH);
    const { prepare, cache } = setup({ maxCharacters: 200 });
    for (let index = 0; index < 50; index += 1) await prepare(requestOf(snapshot), { query: `{ open { word } } #${index}` });
    expect(cache.of(snapshot).texts.calculatedSize).toBeLessThanOrEqual(200);
    expect(snapshot.planned).toHaveLength(1);
  });
  test('knows what is used most', async () => {
    const snapshot = testSnapshot(MINI_GRAPH);
    const { prepare, cache } = setup();
    for (const [query, times] of [['{ where }', 2], ['{ open { word } }', 5], ['{ council }', 3]] as const) for (let count = 0; count < times; count += 1) await prepare(requestOf(snapshot), { query });
    expect(mostUsed(cache.of(snapshot), 2).map(({ entry, slot }) => [entry.operation.selectionSet.selections.length, slot.uses, entry.text.includes('open') || entry.text.includes('council')])).toEqual([[1, 5, true], [1, 3, true]]);
  });
});

describe('the warm-up', () => {
  /** The same graph with its requirements in another order, one field gone and one changed. */
  const changed = (): TestSnapshot => testSnapshot([
    { name: 'auth', sdl: `type Sooner @key(fields: "id") { id: ID!  first: String @requiresScopes(scopes: [["aaa"]]) @policy(policies: [["bbb"]]) }\n${MINI_AUTH.sdl.replace('  kinds: [Kind] @authenticated', '')}` },
    ...MINI_GRAPH.slice(1).map(({ name, sdl }) => ({ name, sdl: name === MINI_POLICY.name ? sdl.replace('services(first: Int)', 'services(first: Int!)') : sdl })),
  ]);

  test('plans the operations used most, under the grants they were used with, and skips those no longer valid', async () => {
    const [current, next] = [testSnapshot(MINI_GRAPH), changed()];
    const { prepare, warmUp, looked } = setup();
    const reader = principal(['principles:read']);
    const asked: [string, PrincipalClaims | null, number][] = [['{ principles council }', reader, 5], ['{ principles council }', principal(), 3], ['{ open { word } }', null, 4], ['query ($n: Int = 1) { services(first: $n) { id } }', null, 4], ['{ services { id } }', null, 4], ['{ kinds }', null, 4], ['{ where }', null, 1]];
    for (const [query, who, times] of asked) for (let count = 0; count < times; count += 1) await prepare(requestOf(current, { principal: who }), { query });
    expect(await warmUp(next, current, { limit: 6 })).toEqual({ planned: 4, skipped: 2, late: 0 });
    expect(new Set(next.planned.map(({ urgency }) => urgency))).toEqual(new Set(['warm-up']));

    looked.length = 0;
    const refused = (query: string, who: PrincipalClaims | null): unknown => atOnce(prepare(requestOf(next, { principal: who }), { query })).refusals.map(({ path }) => path?.join('.'));
    expect(refused('{ principles council }', principal(['principles:read'], 'someone else'))).toEqual([]);
    expect(refused('{ principles council }', principal())).toEqual(['principles']);
    expect(refused('{ open { word } }', null)).toEqual([]);
    expect(new Set(looked)).toEqual(new Set(['document hit', 'plan hit']));
    expect(prepare(requestOf(next), { query: '{ where }' })).toBeInstanceOf(Promise);
  });
  test('compiles what it planned, with the cache rules of a query, for the conditions each ran with', async () => {
    const [current, next] = [testSnapshot(MINI_GRAPH), changed()];
    const ruled: unknown[] = [];
    const { prepare, warmUp } = setup({}, createCompileAhead({ rulesOf: (snapshot) => { ruled.push(snapshot); return undefined; } }));
    const asked = ['query ($in: Boolean! = true, $out: Boolean! = false) { where @include(if: $in) @skip(if: $out) open { word } }', 'query ($in: Boolean! = true) { where @include(if: $in) }', 'mutation { login(name: "a") }'];
    const before = await Promise.all(asked.map(async (query) => prepare(requestOf(current), { query })));
    const [varied] = before;
    if (varied === undefined) throw new Error('Nothing was prepared.');
    for (const variables of [{ in: true }, { in: false, out: true }]) compiledOf(current, varied).compileFor(variables);
    expect(await warmUp(next, current)).toEqual({ planned: 3, skipped: 0, late: 0 });
    expect(ruled).toEqual([next, next]);

    const warmed = asked.map((query) => compiledOf(next, atOnce(prepare(requestOf(next), { query })), () => { throw new Error('It was not compiled.'); }));
    const [first, ...others] = warmed.map((compiled) => compiled.compiledFor());
    expect(first).toHaveLength(2);
    expect(first).toEqual(expect.arrayContaining([{ in: true, out: false }, { in: false, out: true }]));
    expect(others).toEqual([[{ in: true }], [{}]]);
  });
  test('compiles nothing once its time is over', async () => {
    const [current, next] = [testSnapshot(MINI_GRAPH), changed()];
    let release: () => void = () => undefined;
    const compiled: unknown[] = [];
    const { prepare, warmUp } = setup({}, (snapshot) => { compiled.push(snapshot); return Promise.resolve(); });
    await prepare(requestOf(current), { query: '{ where }' });
    next.planning = async (document, name, urgency) => {
      await new Promise<void>((resolve) => { release = resolve; });
      return testSnapshot(MINI_GRAPH).plan(document, name, urgency);
    };
    expect(await warmUp(next, current, { budgetMs: 20 })).toEqual({ planned: 0, skipped: 0, late: 1 });
    release();
    expect(await prepare(requestOf(next), { query: '{ where }' })).toMatchObject({ plan: expect.anything() });
    await new Promise((resolve) => { setImmediate(resolve); });
    expect(compiled).toEqual([]);
  });
  test('lets the event loop turn between operations', async () => {
    const [current, next] = [testSnapshot(MINI_GRAPH), changed()];
    const { prepare, warmUp } = setup();
    for (let index = 0; index < 20; index += 1) await prepare(requestOf(current), { query: `query Q${index} { open { word } }` });
    let turns = 0;
    let done = false;
    const turn = (): void => { turns += 1; if (!done) setImmediate(turn); };
    setImmediate(turn);
    await warmUp(next, current);
    done = true;
    expect(turns).toBeGreaterThanOrEqual(10);
  });
  test('stops when its time is over, and goes on after a plan that fails', async () => {
    const current = testSnapshot(MINI_GRAPH);
    let next = changed();
    const { prepare, warmUp } = setup();
    for (const query of ['{ where }', '{ open { word } }', '{ users { id } }']) await prepare(requestOf(current), { query });
    next.planning = () => new Promise(() => undefined);
    expect(await warmUp(next, current, { budgetMs: 20 })).toEqual({ planned: 0, skipped: 0, late: 3 });
    next = changed();
    next.planning = (_, name) => Promise.reject(new AcgsError('QUERY_TOO_COSTLY', name));
    expect(await warmUp(next, current)).toEqual({ planned: 0, skipped: 3, late: 0 });
    next.planning = () => Promise.reject(new AcgsError('SHUTTING_DOWN'));
    await expect(warmUp(changedAgain(next), current)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
  const changedAgain = ({ planning }: TestSnapshot): TestSnapshot => Object.assign(changed(), { planning });

  test('remembers uses across swaps, halved', async () => {
    const [one, two, three] = [testSnapshot(MINI_GRAPH), changed(), testSnapshot(MINI_GRAPH)];
    const { prepare, warmUp, cache } = setup();
    for (let count = 0; count < 9; count += 1) await prepare(requestOf(one), { query: '{ open { word } }' });
    await warmUp(two, one);
    await warmUp(three, two);
    expect(mostUsed(cache.of(three), 1).map(({ slot }) => slot.uses)).toEqual([3]);
  });
});
