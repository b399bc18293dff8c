/** The hop under load and failure, through a whole gateway: sharing, circuits, balancing, the target feed. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MINI_GRAPH, MINI_POLICY } from '../kit/mini-graph.js';
import { eventually, HASH, MiniSubgraph, startMiniGraph, type MiniGraph } from '../kit/mini-subgraphs.js';

const hashed = { headers: { 'x-constitutional-hash': HASH } };
let graph: MiniGraph;
const policy = (): MiniSubgraph => graph.subgraphs['policy-governance'] as MiniSubgraph;
const evolution = (): MiniSubgraph => graph.subgraphs['evolutionary-computation'] as MiniSubgraph;

beforeAll(async () => {
  graph = await startMiniGraph(MINI_GRAPH, { deadlineMs: 3_000 });
  await eventually(async () => (await graph.query('{ kill where }', hashed)).errors.length === 0);
});
afterAll(() => graph.stop());

async function series(name: string, labels: Readonly<Record<string, string>>): Promise<number> {
  const values = (await graph.gateway.metrics.registry.getSingleMetric(name)?.get())?.values ?? [];
  return values.filter((one) => Object.entries(labels).every(([label, value]) => (one.labels as Record<string, unknown>)[label] === value)).reduce((sum, { value }) => sum + value, 0);
}

describe('equal requests at the same moment', () => {
  test('of one principal cost a subgraph one call, those of two principals two', async () => {
    const [alice, bob] = await Promise.all([graph.issuer.issue({ sub: 'alice' }), graph.issuer.issue({ sub: 'bob', sid: 'session-2' })]);
    const ask = (token: string) => graph.query('{ services { id name replicas } }', { headers: { authorization: `Bearer ${token}` } });
    await Promise.all([ask(alice), ask(bob)]);
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => { open = resolve; });
    policy().calls.length = 0;
    policy().sabotage = async () => { await opened; return false; };
    try {
      const asked = [...Array.from({ length: 8 }, () => ask(alice)), ...Array.from({ length: 3 }, () => ask(bob))];
      const joined = await series('acgs_subgraph_joined_calls_total', { service: 'policy-governance' });
      await eventually(async () => policy().calls.length + (await series('acgs_subgraph_joined_calls_total', { service: 'policy-governance' })) - joined >= 2 && policy().calls.some(({ hop }) => hop.principal?.id === 'bob'));
      open();
      const answers = await Promise.all(asked);
      for (const answer of answers) {
        expect(answer.data).toEqual({ services: [{ id: 's1', name: 'router', replicas: 3 }, { id: 's2', name: 'ledger', replicas: 3 }] });
        expect(answer.extensions).toEqual({ constitutional: { hash: HASH, verified: true } });
      }
      // Those that came in more than the window later made calls of their own; on a busy machine there may be a few.
      const calls = policy().calls.map(({ hop }) => hop.principal?.id);
      expect(new Set(calls)).toEqual(new Set(['alice', 'bob']));
      expect(calls.length).toBeLessThan(11);
    } finally {
      policy().sabotage = undefined;
    }
  });

  test('that are mutations are each made', async () => {
    policy().calls.length = 0;
    await Promise.all([1, 2, 3].map(() => graph.query('mutation { decide(idempotencyKey: "same") { id } }', hashed)));
    expect(policy().calls).toHaveLength(3);
  });
});

describe('a subgraph that is gone', () => {
  test('is left alone after a few failures, the refusals say when to come back, and service resumes within a second of its return', async () => {
    await policy().stop();
    const refused = { code: 'SUBGRAPH_UNAVAILABLE', service: 'policy-governance', retryAfter: 1 };
    try {
      await eventually(async () => (await graph.query('{ outcome { __typename } open { word } }')).errors[0]?.extensions['retryAfter'] === 1);
      const started = performance.now();
      const answers = await Promise.all(Array.from({ length: 20 }, () => graph.query('{ outcome { __typename } open { word } }')));
      // One probe may go through meanwhile.
      expect(answers.filter(({ errors }) => errors[0]?.extensions['retryAfter'] === 1).length).toBeGreaterThanOrEqual(15);
      for (const { data, errors } of answers) {
        expect(data).toEqual({ outcome: null, open: { word: 'yes' } });
        expect(errors).toEqual([expect.objectContaining({ path: ['outcome'], extensions: expect.objectContaining({ code: refused.code, service: refused.service }) })]);
      }
      expect(performance.now() - started).toBeLessThan(2_500);
      // A mutation that is refused was not sent.
      expect((await graph.query('mutation { decide(idempotencyKey: "k") { id } }', hashed)).errors[0]?.extensions).toMatchObject({ code: 'SUBGRAPH_UNAVAILABLE' });
      expect(await series('acgs_subgraph_open_circuits', { service: 'policy-governance' })).toBe(1);
    } finally {
      await policy().listen();
    }
    const back = performance.now();
    await eventually(async () => (await graph.query('{ outcome { __typename } }')).errors.length === 0, 2_000);
    expect(performance.now() - back).toBeLessThan(1_200);
    expect(await series('acgs_subgraph_open_circuits', { service: 'policy-governance' })).toBe(0);
    expect(await series('acgs_subgraph_requests_total', { service: 'policy-governance', outcome: 'unavailable' })).toBeGreaterThan(5);
    expect(await graph.gateway.metrics.registry.getSingleMetricAsString('acgs_subgraph_request_duration_seconds')).toContain('service="policy-governance"');
  });
});

describe('a subgraph with two instances', () => {
  const namedLike = (name: string) => ({ ...MINI_POLICY, resolvers: { ...MINI_POLICY.resolvers, Query: { services: () => [{ id: 's1', name }] } } });
  const ask = (alias: string) => graph.query(`{ ${alias}: services { name } }`);
  /** Name of the instance that answered; undefined when none did. */
  const placeOf = async (alias: string): Promise<string | undefined> => ((await ask(alias)).data?.[alias] as { name: string }[] | undefined)?.[0]?.name;
  const placesOf = (count: number): Promise<(string | undefined)[]> => Promise.all(Array.from({ length: count }, (_, index) => placeOf(`w${index}`)));
  let blue: MiniSubgraph;
  let green: MiniSubgraph;
  let sinces: (string | null)[] = [];
  let version = 7;

  beforeAll(async () => {
    [blue, green] = await Promise.all([MiniSubgraph.start(namedLike('blue'), graph.hopMaster), MiniSubgraph.start(namedLike('green'), graph.hopMaster)]);
    const targets = [blue, green].map(({ url }, index) => ({ service: 'policy-governance', instanceId: String(index), url, constitutionalHash: HASH }));
    evolution().internal.set('GET /internal/targets', (_body, query) => {
      sinces.push(query.get('since'));
      return query.get('since') === String(version) ? { status: 304 } : { status: 200, body: { version, targets } };
    });
    await eventually(async () => ['blue', 'green'].includes(String(await placeOf('w'))));
  });
  afterAll(() => Promise.all([blue.stop(), green.stop()]));

  test('uses both', async () => {
    expect(new Set(await placesOf(40))).toEqual(new Set(['blue', 'green']));
  });

  test('uses the one that is less busy', async () => {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => { open = resolve; });
    blue.sabotage = async () => { await opened; return false; };
    try {
      blue.calls.length = 0;
      const asked = placesOf(30);
      await eventually(() => blue.calls.length > 0);
      // While calls are stuck at blue, green is the less busy of the two whenever it has fewer.
      const seen = new Set<unknown>();
      for (let round = 0; round < 20; round += 1) seen.add(await placeOf(`again${round}`));
      expect([...seen]).toEqual(['green']);
      open();
      expect(await asked).not.toContain(undefined);
    } finally {
      blue.sabotage = undefined;
      open();
    }
  });

  test('goes on with one when the other breaks off, and no request fails', async () => {
    await blue.stop();
    try {
      expect(new Set(await placesOf(40))).toEqual(new Set(['green']));
    } finally {
      await blue.listen();
    }
    // A probe finds out that it is back.
    await eventually(async () => (await placesOf(10)).includes('blue'), 3_000);
  });

  test('loses no request when one drains', async () => {
    blue.sabotage = (response) => { response.writeHead(503, { 'content-type': 'application/json' }).end('{"error":{"code":"SHUTTING_DOWN"}}'); return true; };
    try {
      expect(new Set(await placesOf(40))).toEqual(new Set(['green']));
      blue.calls.length = 0;
      // It answers faster than the other, and is not asked all the time for that.
      for (let round = 0; round < 20; round += 1) expect(await placeOf(`again${round}`)).toBe('green');
      expect(blue.calls.length).toBeLessThan(10);
    } finally {
      blue.sabotage = undefined;
    }
  });

  test('is read about only when something changed', async () => {
    sinces = [];
    await eventually(() => sinces.length > 3);
    expect(new Set(sinces)).toEqual(new Set(['7']));
    version = 8;
    await eventually(() => sinces.includes('8'));
    expect(await placeOf('w')).toBeDefined();
  });
});
