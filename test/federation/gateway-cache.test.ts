/** The entity cache in a running gateway: what it keeps, for whom, and that nothing stale is served beyond its promises. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { counter } from '../kit/graph.js';
import { ChangingWorld, changingSubgraph, REFERRING } from '../kit/changing-world.js';
import { startMiniGraph, type GraphqlAnswer, type MiniGraph, type MiniSubgraph } from '../kit/mini-subgraphs.js';
import { until } from '../kit/until.js';

const CACHE = { entityCache: { maxBytes: 8 * 1024 * 1024, redisUrl: undefined, redisPrefix: 'acgs:' } };
const BY_ROOT = 'query($id: ID!) { incident(id: $id) { id version title } }';
const BY_REFERENCE = 'query($id: ID!) { ticket(id: $id) { incident { version title } } }';
const TOUCH = 'mutation($id: ID!) { touch(id: $id, idempotencyKey: "k") { version } }';

const world = new ChangingWorld();
let running: MiniGraph;
let last = 0;
/** A name no other test has used. */
const fresh = (start = 'i'): string => `${start}-${(last += 1)}`;

beforeAll(async () => {
  running = await startMiniGraph([REFERRING, changingSubgraph(world)], CACHE);
  world.attach(policy());
});
afterAll(async () => {
  restore();
  await running.stop();
});
afterEach(restore);

function policy(): MiniSubgraph {
  return running.subgraphs['policy-governance']!;
}

/** Ends every trouble. */
function restore(): void {
  world.feedUp = true;
  world.numbering = true;
  world.number();
  world.claimedPosition = undefined;
  world.afterRead = undefined;
  world.wake();
  if (policy().position === undefined) world.attach(policy());
}

type Row = { readonly version: number; readonly title: string };
const rootRow = ({ data }: GraphqlAnswer): Row => data?.['incident'] as Row;
const referredRow = ({ data }: GraphqlAnswer): Row => (data?.['ticket'] as { incident: Row }).incident;
const callsOf = (): number => policy().calls.length;
const counted = (name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> => counter(running.gateway.url, name, labels);

/** Asks until an equal question causes no call: the feed is followed by then and the answer kept. */
async function warm(query: string, options: Parameters<MiniGraph['query']>[1]): Promise<void> {
  await until(async () => {
    const before = callsOf();
    await running.query(query, options);
    return callsOf() === before ? true : undefined;
  });
}

describe('what is kept', () => {
  test('entities and entities found by their key, whatever the way to them', async () => {
    const id = fresh();
    for (const query of [BY_ROOT, BY_REFERENCE]) await warm(query, { variables: { id } });
    const { kept, hits } = await undisturbed(async () => {
      const before = await counted('acgs_cache_hits_total', { cache: 'entity' });
      return { kept: await running.query(BY_REFERENCE, { variables: { id } }), hits: (await counted('acgs_cache_hits_total', { cache: 'entity' })) - before };
    });
    expect(referredRow(kept)).toEqual({ version: 1, title: `${id} in no "language" ä` });
    expect(kept.extensions['constitutional']).toEqual({ hash: 'cdd01ef066bc6cf2', verified: true });
    expect(hits).toBe(1);
    expect(await counted('acgs_entity_cache_bytes')).toBeGreaterThan(0);
  });

  test('each entity for itself: only those that are not kept are fetched', async () => {
    const query = 'query($ids: [ID!]!) { tickets(ids: $ids) { incident { version } other { version title } } }';
    const { a, b, c, answer, sent } = await undisturbed(async () => {
      const [a, b, c] = [fresh(), fresh(), fresh()];
      await warm(query, { variables: { ids: [a, b] } });
      const before = callsOf();
      const answer = await running.query(query, { variables: { ids: [b, c, a] } });
      return { a, b, c, answer, sent: policy().calls.slice(before) };
    });
    expect(answer.errors).toEqual([]);
    expect(answer.data).toEqual({ tickets: [b, c, a].map((id) => ({ incident: { version: 1 }, other: { version: 1, title: `${id}-other in no "language" ä` } })) });
    expect(sent.flatMap(({ variables }) => Object.values(variables).flat().map((one) => (one as { id: string }).id)).sort()).toEqual([c, `${c}-other`]);
  });

  test('values of variables, aliases and arguments are told apart', async () => {
    const id = fresh();
    const query = 'query($id: ID!, $language: String) { ticket(id: $id) { incident { one: title(language: $language) two: title(language: "fixed") } } }';
    for (const language of ['de', 'fr', undefined]) await warm(query, { variables: { id, language } });
    for (const language of ['de', 'fr', undefined]) {
      const { data } = await running.query(query, { variables: { id, language } });
      expect(data).toEqual({ ticket: { incident: { one: `${id} in ${language ?? 'no'} "language" ä`, two: `${id} in fixed "language" ä` } } });
    }
  });

  test.each([
    ['a field without a hint', '{ incident(id: "i1") { version plain } }'],
    ['a value without a hint inside a hinted one', '{ incident(id: "i1") { details { note loose } } }'],
    ['a root field without a hint', '{ unhinted(id: "i1") { version } }'],
    ['a list, hinted or not', '{ incidents { version } }'],
    ['an entity with a list of others', '{ incident(id: "i1") { related { version } } }'],
    ['an entity in another that does not say which it is', '{ incident(id: "child1") { parent { version } } }'],
    ['what reports an error', '{ incident(id: "i1") { version broken } }'],
    ['what is not there', '{ incident(id: "missing") { version } }'],
    ['a reference to what is not there', '{ ticket(id: "missing") { incident { version } } }'],
    ['a critical field', '{ incident(id: "i1") { critical } }'],
  ])('not: %s', async (_, query) => {
    await warm(BY_ROOT, { variables: { id: 'i1' } });
    const headers = { 'x-constitutional-hash': 'cdd01ef066bc6cf2' };
    for (let round = 0; round < 3; round += 1) {
      const before = callsOf();
      await running.query(query, { headers });
      expect(callsOf()).toBe(before + 1);
    }
  });

  test.each(['tags', 'details { note }', 'parent { id version }', 'parent { id }'])('%s, which belongs to the entity or says which it is', async (fields) => {
    await warm(`{ incident(id: "child1") { ${fields} } }`, {});
  });

  test('not from a subgraph that does not say how new its answers are', async () => {
    await warm(BY_ROOT, { variables: { id: 'i1' } });
    policy().position = undefined;
    const id = fresh();
    for (let round = 0; round < 3; round += 1) {
      const before = callsOf();
      await running.query(BY_ROOT, { variables: { id } });
      expect(callsOf()).toBe(before + 1);
    }
    expect(await counted('acgs_entity_cache_unkept_total', { reason: 'unknown-age' })).toBeGreaterThan(0);
  });

  test('no longer than the shortest hint of what is selected', async () => {
    const id = fresh();
    const query = `{ incident(id: "${id}") { version brief } }`;
    await warm(query, {});
    const before = callsOf();
    await until(async () => ((await running.query(query)), callsOf() > before ? true : undefined), 2_000);
  });

  test('not answers to mutations', async () => {
    const id = fresh();
    for (let version = 2; version < 5; version += 1) expect((await running.query(TOUCH, { variables: { id } })).data).toEqual({ touch: { version } });
  });
});

describe('for whom', () => {
  const as = async (sub: string, sid = sub): Promise<Record<string, string>> => ({ authorization: `Bearer ${await running.issuer.issue({ sub, sid })}` });

  test('private answers never cross principals, and anonymous ones are not kept', async () => {
    const id = fresh();
    const query = `{ incident(id: "${id}") { id mine } }`;
    const [alice, bob] = [await as('alice'), await as('bob')];
    await warm(query, { headers: alice });
    expect((await running.query(query, { headers: bob })).data).toEqual({ incident: { id, mine: 'bob' } });
    expect((await running.query(query, { headers: alice })).data).toEqual({ incident: { id, mine: 'alice' } });
    const before = callsOf();
    for (let round = 0; round < 2; round += 1) expect((await running.query(query)).data).toEqual({ incident: { id, mine: 'nobody' } });
    expect(callsOf()).toBe(before + 2);
    // The same person in another session: whatever the subgraph can see is part of the key.
    await running.query(query, { headers: await as('alice', 'another') });
    expect(callsOf()).toBe(before + 3);
  });

  test('a field that was kept for one who may see it stays refused to one who may not', async () => {
    const query = `{ incident(id: "${fresh()}") { version guarded } }`;
    const allowed = { authorization: `Bearer ${await running.issuer.issue({ scopes: ['secrets:read'] })}` };
    await warm(query, { headers: allowed });
    expect((await running.query(query, { headers: allowed })).data).toEqual({ incident: { version: 1, guarded: 'guarded' } });
    const others: Record<string, string>[] = [{}, await as('bob')];
    for (const headers of others) {
      await warm(query, { headers });
      const refused = await running.query(query, { headers });
      expect(refused.data).toEqual({ incident: { version: 1, guarded: null } });
      expect(refused.errors.map(({ extensions }) => extensions['code'])).toEqual(['UNAUTHORIZED_FIELD_OR_TYPE']);
    }
  });

  test('who wants nothing from a cache gets nothing from it', async () => {
    const id = fresh();
    await warm(BY_ROOT, { variables: { id } });
    const before = callsOf();
    for (const value of ['no-cache', 'max-age=0, no-store']) await running.query(BY_ROOT, { variables: { id }, headers: { 'cache-control': value } });
    expect(callsOf()).toBe(before + 2);
    await warm(BY_ROOT, { variables: { id }, headers: { 'cache-control': 'max-age=0' } });
  });
});

describe('changes', () => {
  test('show to everyone within 100 ms', async () => {
    const id = fresh();
    for (let round = 0; round < 10; round += 1) {
      await warm(BY_ROOT, { variables: { id } });
      const version = world.touch(id);
      await passed(100);
      expect(rootRow(await running.query(BY_ROOT, { variables: { id } })).version).toBe(version);
    }
  });

  test('of an entity inside another make the outer one stale', async () => {
    const query = '{ incident(id: "child1") { parent { id version } } }';
    await warm(query, {});
    const version = world.touch('p1');
    await passed(100);
    expect(((await running.query(query)).data?.['incident'] as { parent: Row }).parent.version).toBe(version);
  });

  test('of other streams leave what is kept as it is', async () => {
    const id = fresh();
    const calls = await undisturbed(async () => {
      await warm(BY_ROOT, { variables: { id } });
      const told = await counted('acgs_entity_cache_changes_total');
      world.touch('other', [`alert Incident:${id}`, 'incident Service:s']);
      await until(async () => ((await counted('acgs_entity_cache_changes_total')) >= told + 2 ? true : undefined));
      const before = callsOf();
      await running.query(BY_ROOT, { variables: { id } });
      return callsOf() - before;
    });
    expect(calls).toBe(0);
  });

  test('show at once to whoever made them, while others are answered from the cache', async () => {
    const id = fresh();
    const headers = { authorization: `Bearer ${await running.issuer.issue()}` };
    const bypassed = await counted('acgs_entity_cache_bypasses_total', { reason: 'own-write' });
    for (let round = 0; round < 30; round += 1) {
      await running.query(BY_ROOT, { variables: { id } });
      const { data } = await running.query(TOUCH, { variables: { id }, headers });
      const { version } = data?.['touch'] as Row;
      expect(rootRow(await running.query(BY_ROOT, { variables: { id }, headers })).version).toBe(version);
      expect(referredRow(await running.query(BY_REFERENCE, { variables: { id }, headers })).version).toBe(version);
    }
    expect(await counted('acgs_entity_cache_bypasses_total', { reason: 'own-write' })).toBeGreaterThan(bypassed);
  });

  test('without a number yet count as well, and nothing of them is kept until they have one', async () => {
    const id = fresh();
    await warm(BY_ROOT, { variables: { id } });
    world.numbering = false;
    const version = world.touch(id);
    await passed(100);
    for (let round = 0; round < 3; round += 1) {
      const before = callsOf();
      expect(rootRow(await running.query(BY_ROOT, { variables: { id } })).version).toBe(version);
      expect(callsOf()).toBe(before + 1);
    }
    world.numbering = true;
    world.number();
    await warm(BY_ROOT, { variables: { id } });
  });

  test('are not lost to an answer that was under way, whether they are told of before it comes or after', async () => {
    for (const toldFirst of [true, false]) {
      const id = fresh();
      const query = `{ incident(id: "${id}") { version } }`;
      await warm(BY_ROOT, { variables: { id: 'i1' } });
      const { reading, release } = holdReads();
      const slow = running.query(query);
      await reading;
      world.afterRead = undefined;
      const told = await counted('acgs_entity_cache_changes_total');
      const version = world.touch(id);
      if (toldFirst) await until(async () => ((await counted('acgs_entity_cache_changes_total')) > told ? true : undefined));
      release();
      expect(rootRow(await slow).version).toBe(version - 1);
      await passed(100);
      expect(rootRow(await running.query(query)).version).toBe(version);
    }
  });

  test('an answer of a process that lags behind the feed is not kept', async () => {
    const id = fresh();
    await warm(BY_ROOT, { variables: { id } });
    world.claimedPosition = world.position();
    world.touch(id);
    await passed(100);
    const stale = await counted('acgs_entity_cache_unkept_total', { reason: 'stale' });
    for (let round = 1; round < 4; round += 1) {
      await running.query(BY_ROOT, { variables: { id } });
      expect(await counted('acgs_entity_cache_unkept_total', { reason: 'stale' })).toBe(stale + round);
    }
  });
});

describe('the feed', () => {
  test('once it is silent nothing is served from the cache, and afterwards it is again', async () => {
    const id = fresh();
    await warm(BY_ROOT, { variables: { id } });
    const bypassed = await counted('acgs_entity_cache_bypasses_total', { reason: 'feed' });
    world.feedUp = false;
    const version = world.touch(id);
    const cut = performance.now();
    // From 100 ms after the change on, not one answer may be stale, however often it is asked.
    let asked = 0;
    while (performance.now() - cut < 400) {
      const started = performance.now();
      const seen = rootRow(await running.query(BY_ROOT, { variables: { id } })).version;
      if (started - cut <= 100) continue;
      asked += 1;
      expect(seen).toBe(version);
    }
    expect(asked).toBeGreaterThan(5);
    expect(await counted('acgs_entity_cache_bypasses_total', { reason: 'feed' })).toBeGreaterThanOrEqual(bypassed + asked);
    world.feedUp = true;
    world.wake();
    await warm(BY_ROOT, { variables: { id } });
    expect(rootRow(await running.query(BY_ROOT, { variables: { id } })).version).toBe(version);
  });

  test('numbered anew, it makes everything kept so far unusable', async () => {
    const id = fresh();
    await warm(BY_ROOT, { variables: { id } });
    world.restore(id);
    await passed(100);
    expect(rootRow(await running.query(BY_ROOT, { variables: { id } })).version).toBe(world.version(id));
    expect(world.version(id)).toBe(2);
  });
});

describe('many who miss the same thing at once', () => {
  const query = 'query($id: ID!) { incident(id: $id) { version } }';
  const lookedOrBypassed = async (): Promise<number> => (await counted('acgs_cache_requests_total', { cache: 'entity' })) + (await counted('acgs_entity_cache_bypasses_total'));
  const askedBy = async (index: number, id: string): Promise<GraphqlAnswer> => running.query(query, { variables: { id }, headers: { authorization: `Bearer ${await running.issuer.issue({ sub: `p${index}`, sid: `s${index}` })}` } });

  test('cause one call', async () => {
    const calls = await undisturbed(async () => {
      const id = fresh();
      await warm(BY_ROOT, { variables: { id: 'i1' } });
      const before = { looked: await lookedOrBypassed(), calls: callsOf() };
      const { reading, release } = holdReads();
      const answers = Array.from({ length: 20 }, (_, index) => askedBy(index, id));
      await reading;
      // Everyone's look-up is counted before the one call may end.
      await until(async () => ((await lookedOrBypassed()) >= before.looked + 20 ? true : undefined));
      restore();
      release();
      expect((await Promise.all(answers)).map((answer) => rootRow(answer).version)).toEqual(Array.from({ length: 20 }, () => 1));
      return callsOf() - before.calls;
    });
    expect(calls).toBe(1);
  });

  test('fetch for themselves when that call fails', async () => {
    const id = fresh();
    await warm(BY_ROOT, { variables: { id: 'i1' } });
    const looked = await lookedOrBypassed();
    let failing: (() => void) | undefined;
    let reached = (): void => undefined;
    const held = new Promise<void>((resolve) => { reached = resolve; });
    policy().sabotage = async (response) => {
      if (failing !== undefined) return false;
      await new Promise<void>((resolve) => { failing = resolve; reached(); });
      response.writeHead(500, { 'content-type': 'text/plain' }).end('no');
      return true;
    };
    const answers = Array.from({ length: 5 }, (_, index) => askedBy(index, id));
    await held;
    await until(async () => ((await lookedOrBypassed()) >= looked + 5 ? true : undefined));
    failing?.();
    const seen = await Promise.all(answers);
    policy().sabotage = undefined;
    expect(seen.filter(({ errors }) => errors.length > 0)).toHaveLength(1);
    expect(seen.filter(({ errors }) => errors.length === 0).map((answer) => rootRow(answer).version)).toEqual([1, 1, 1, 1]);
  });
});

describe('a gateway of its own', () => {
  let own: ChangingWorld;
  let graph: MiniGraph;
  beforeEach(async () => {
    own = new ChangingWorld();
    graph = await startMiniGraph([REFERRING, changingSubgraph(own)], CACHE);
  });
  afterEach(() => graph.stop());
  const calls = (): number => graph.subgraphs['policy-governance']!.calls.length;
  const ask = (): Promise<GraphqlAnswer> => graph.query(BY_ROOT, { variables: { id: 'i1' } });

  test('does not follow a feed before anyone needs it, and shares nothing between supergraphs', async () => {
    own.attach(graph.subgraphs['policy-governance']);
    await graph.query('{ ticket(id: "t") { id } }');
    expect(own.asked).toBe(0);
    await until(async () => {
      const before = calls();
      await ask();
      return calls() === before ? true : undefined;
    });
    await graph.gateway.swap(`${graph.gateway.snapshot().sdl}\n`);
    const before = calls();
    await ask();
    expect(calls()).toBe(before + 1);
  });

  test('calls a subgraph without a feed as if there were no cache', async () => {
    for (let round = 0; round < 5; round += 1) {
      const before = calls();
      expect((await ask()).errors).toEqual([]);
      expect(calls()).toBe(before + 1);
    }
  });
});

/** Does something until nothing was fetched past the cache meanwhile: a busy machine can silence the feed for 100 ms. */
async function undisturbed<T>(work: () => Promise<T>): Promise<T> {
  return until(async () => {
    const before = await counted('acgs_entity_cache_bypasses_total', { reason: 'feed' });
    const value = await work();
    return (await counted('acgs_entity_cache_bypasses_total', { reason: 'feed' })) === before ? value : undefined;
  });
}

/** Waits for real time to pass: the promises are about it. */
async function passed(ms: number): Promise<void> {
  const end = performance.now() + ms;
  await until(async () => (performance.now() >= end ? true : undefined));
}

/** Holds every read of a version or title back. @returns when the first one is held, and how to let all go on. */
function holdReads(): { readonly reading: Promise<void>; release(): void } {
  const held: (() => void)[] = [];
  let reached = (): void => undefined;
  const reading = new Promise<void>((resolve) => { reached = resolve; });
  world.afterRead = () => {
    reached();
    return new Promise((resolve) => { held.push(resolve); });
  };
  return { reading, release: () => { for (const go of held) go(); } };
}
