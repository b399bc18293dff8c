/** Gate 4 and the fault behaviour of the hop: quarantine, unknown outcomes, retries, target switches. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { MINI_EVOLUTION, MINI_GRAPH } from '../kit/mini-graph.js';
import { eventually, HASH, MiniSubgraph, startMiniGraph, type MiniGraph } from '../kit/mini-subgraphs.js';

const WRONG = 'ffffffffffffffff';
const hashed = { headers: { 'x-constitutional-hash': HASH } };
let graph: MiniGraph;
const policy = (): MiniSubgraph => graph.subgraphs['policy-governance'] as MiniSubgraph;
const evolution = (): MiniSubgraph => graph.subgraphs['evolutionary-computation'] as MiniSubgraph;

beforeAll(async () => {
  graph = await startMiniGraph(MINI_GRAPH, { deadlineMs: 500 });
  await eventually(async () => (await graph.query('{ kill }', hashed)).errors.length === 0);
});
afterAll(() => graph.stop());
afterEach(async () => {
  policy().sabotage = undefined;
  policy().hash = HASH;
  await eventually(async () => (await graph.query('{ services { name } }')).errors.length === 0);
  policy().calls.length = 0;
});

describe('an instance that answers under another hash', () => {
  test.each([['another', WRONG], ['none', null]])('(%s) is quarantined, its answer discarded, and let back once it is sound', async (_, hash) => {
    policy().hash = hash;
    const answer = await graph.query('{ services { id } open { word } }');
    expect(answer.data).toBeNull();
    expect(answer.errors[0]?.extensions).toMatchObject({ code: 'CONSTITUTIONAL_VIOLATION', service: 'policy-governance', received: hash });
    expect(answer.extensions).toEqual({ constitutional: { hash: HASH, verified: false } });
    policy().calls.length = 0;
    expect((await graph.query('{ services { id } }')).errors[0]?.extensions).toMatchObject({ code: 'CONSTITUTIONAL_VIOLATION' });
    expect(policy().calls).toHaveLength(0);
    await eventually(() => graph.violations.some((violation) => violation['kind'] === 'INSTANCE_HASH_MISMATCH' && violation['received'] === hash && violation['instanceUrl'] === policy().url));
    policy().hash = HASH;
    await eventually(async () => (await graph.query('{ services { id } }')).errors.length === 0);
  });

  test('leaves a mutation indeterminate, with its idempotency key', async () => {
    policy().hash = WRONG;
    const answer = await graph.query('mutation ($k: String!) { decide(idempotencyKey: $k) { id } }', { ...hashed, variables: { k: 'key-7' } });
    expect(answer.errors[0]?.extensions).toMatchObject({ code: 'INDETERMINATE', reason: 'CONSTITUTIONAL_VIOLATION', idempotencyKeys: ['key-7'] });
    expect(answer.data).toBeNull();
  });
});

describe('a subgraph that fails', () => {
  test('mid-request: a query is tried once more, and then reported', async () => {
    policy().sabotage = (response) => { response.destroy(); return true; };
    const answer = await graph.query('{ services { id } open { word } }');
    expect(answer.errors[0]?.extensions).toMatchObject({ code: 'SUBGRAPH_UNAVAILABLE', service: 'policy-governance' });
    expect(policy().calls).toHaveLength(2);
  });
  test('once only: the query succeeds', async () => {
    policy().sabotage = (response) => { policy().sabotage = undefined; response.destroy(); return true; };
    expect((await graph.query('{ services { id } }')).errors).toEqual([]);
  });
  test('mid-mutation: the outcome is indeterminate and nothing is repeated', async () => {
    policy().sabotage = (response) => { response.destroy(); return true; };
    const answer = await graph.query('mutation ($input: DecideInput!) { decideWith(input: $input) { id } }', { ...hashed, variables: { input: { idempotencyKey: 'in-input' } } });
    expect(answer.errors[0]?.extensions).toMatchObject({ code: 'INDETERMINATE', reason: 'SUBGRAPH_UNAVAILABLE', idempotencyKeys: ['in-input'] });
    expect(policy().calls.filter(({ query }) => query.includes('decideWith'))).toHaveLength(1);
  });
  test('to answer in time: queries time out, mutations are indeterminate', async () => {
    policy().sabotage = () => true;
    expect((await graph.query('{ services { id } }')).errors[0]?.extensions).toMatchObject({ code: 'SUBGRAPH_TIMEOUT' });
    expect((await graph.query('mutation { decide(idempotencyKey: "lit") { id } }', hashed)).errors[0]?.extensions).toMatchObject({ code: 'INDETERMINATE', idempotencyKeys: ['lit'] });
  });
  test('by sending something else than JSON', async () => {
    policy().sabotage = (response) => { response.writeHead(200, { 'x-constitutional-hash': HASH }).end('<html>'); return true; };
    expect((await graph.query('{ services { id } }')).errors[0]?.extensions).toMatchObject({ code: 'SUBGRAPH_BAD_RESPONSE' });
    expect((await graph.query('mutation { decide(idempotencyKey: "lit") { id } }', hashed)).errors[0]?.extensions).toMatchObject({ code: 'INDETERMINATE' });
  });
  test('by being gone: the rest of the answer still comes, and a mutation surely did nothing', async () => {
    await policy().stop();
    try {
      const answer = await graph.query('{ outcome { __typename } open { word } }');
      expect(answer).toMatchObject({ status: 200, data: { outcome: null, open: { word: 'yes' } }, errors: [{ extensions: { code: 'SUBGRAPH_UNAVAILABLE' } }], extensions: { constitutional: { verified: false } } });
      // A kept-alive connection whose end has not arrived yet proves nothing; once all are gone, a refused connection does.
      await eventually(async () => (await graph.query('mutation { decide(idempotencyKey: "k") { id } }', hashed)).errors[0]?.extensions['code'] === 'SUBGRAPH_UNAVAILABLE');
      await eventually(async () => {
        const ready = await fetch(`${graph.gateway.url}/health/ready`);
        const body = (await ready.json()) as { degraded: string[] };
        return ready.status === 200 && body.degraded.includes('policy-governance');
      });
    } finally {
      await policy().listen();
    }
  });
  test('by draining: the call is sent again', async () => {
    policy().sabotage = (response) => { policy().sabotage = undefined; response.writeHead(503, { 'content-type': 'application/json' }).end('{"error":{"code":"SHUTTING_DOWN"}}'); return true; };
    expect((await graph.query('mutation { decide(idempotencyKey: "k") { id } }', hashed)).data).toEqual({ decide: { id: 'd1' } });
  });
  test('by leaving out what cannot be null: an error, not silence', async () => {
    policy().sabotage = (response) => { response.writeHead(200, { 'x-constitutional-hash': HASH }).end('{"data":{"services":[{"id":"s1"}]}}'); return true; };
    const answer = await graph.query('{ services { id name } }');
    expect(answer.data).toBeNull();
    expect(answer.errors).toEqual([expect.objectContaining({ path: ['services', 0, 'name'], extensions: expect.objectContaining({ code: 'SUBGRAPH_BAD_RESPONSE' }) })]);
  });
  test('with a fault of its own: masked unless registered', async () => {
    const masked = await graph.query('{ broken }', { headers: { 'x-request-id': 'find-me' } });
    expect(masked.errors[0]).toMatchObject({ path: ['broken'], extensions: { code: 'INTERNAL', requestId: 'find-me' } });
    expect(JSON.stringify(masked)).not.toContain('secret connection');
    expect((await graph.query('{ typed }')).errors[0]).toMatchObject({ message: 'Not in that state.', path: ['typed'], extensions: { code: 'BAD_USER_INPUT', service: 'policy-governance' } });
  });
});

describe('keys that reach for a prototype', () => {
  const polluted = (): unknown => ({} as Record<string, unknown>)['polluted'];
  test.each(['{"data":{"services":[{"id":"s1","__proto__":{"polluted":1}}]}}', '{"data":{"__pr\\u006fto__":{"polluted":1},"services":[]}}'])('in an answer are refused: %s', async (text) => {
    policy().sabotage = (response) => { response.writeHead(200, { 'x-constitutional-hash': HASH }).end(text); return true; };
    expect((await graph.query('{ services { id } }')).errors[0]?.extensions).toMatchObject({ code: 'SUBGRAPH_BAD_RESPONSE' });
    expect(polluted()).toBeUndefined();
  });
  test('as constructor.prototype in an answer change nothing', async () => {
    policy().sabotage = (response) => { response.writeHead(200, { 'x-constitutional-hash': HASH }).end('{"data":{"services":[{"id":"s1","constructor":{"prototype":{"polluted":1}}}]}}'); return true; };
    expect((await graph.query('{ services { id } }')).data).toEqual({ services: [{ id: 's1' }] });
    expect(polluted()).toBeUndefined();
  });
  test('as alias or variable: reserved names are refused, others are plain names', async () => {
    for (const query of ['{ __proto__: open { word } }', 'query ($__proto__: Int) { users(first: $__proto__) { id } }']) expect(await graph.query(query)).toMatchObject({ status: 400, errors: [{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }] });
    const answer = await graph.query('query ($constructor: ID!) { constructor: service(id: $constructor) { toString: name hasOwnProperty: id model { valueOf: version } } }', { variables: { constructor: 's1', ['__proto__']: { polluted: 1 } } });
    expect(answer).toMatchObject({ errors: [], data: { constructor: { toString: 'router', hasOwnProperty: 's1', model: { valueOf: 'v1' } } } });
    expect(polluted()).toBeUndefined();
  });
});

describe('the target feed', () => {
  test('moves a subgraph within a second, keeps the last table when the feed dies, and falls back from a quarantined instance', async () => {
    const second = await MiniSubgraph.start({ ...MINI_EVOLUTION, resolvers: { ...MINI_EVOLUTION.resolvers, Query: { where: () => 'second' } } }, graph.hopMaster);
    try {
      expect((await graph.query('{ where }')).data).toEqual({ where: 'first' });
      const target = { service: 'evolutionary-computation', instanceId: 'blue', url: second.url, constitutionalHash: HASH };
      for (const mini of [evolution(), second]) mini.internal.set('GET /internal/targets', () => ({ status: 200, body: { version: 2, targets: [target] } }));
      await eventually(async () => (await graph.query('{ where }')).data?.['where'] === 'second', 1_000);
      for (const mini of [evolution(), second]) mini.internal.delete('GET /internal/targets');
      await new Promise<void>((resolve) => { setTimeout(resolve, 100); });
      expect((await graph.query('{ where }')).data).toEqual({ where: 'second' });
      second.hash = WRONG;
      expect((await graph.query('{ where }')).errors[0]?.extensions).toMatchObject({ code: 'CONSTITUTIONAL_VIOLATION' });
      expect((await graph.query('{ where }')).data).toEqual({ where: 'first' });
    } finally {
      await second.stop();
    }
  });

  test('a dead instance of the feed\'s own subgraph does not take the way to roll it back with it', async () => {
    const doomed = await MiniSubgraph.start({ ...MINI_EVOLUTION, resolvers: { ...MINI_EVOLUTION.resolvers, Query: { where: () => 'doomed' } } }, graph.hopMaster);
    const target = { service: 'evolutionary-computation', instanceId: 'doomed', url: doomed.url, constitutionalHash: HASH };
    const feed = (): { status: number; body: unknown } => ({ status: 200, body: { version: 3, targets: [target] } });
    try {
      for (const mini of [evolution(), doomed]) mini.internal.set('GET /internal/targets', feed);
      await eventually(async () => (await graph.query('{ where }')).data?.['where'] === 'doomed', 2_000);
    } finally {
      await doomed.stop();
    }
    // The table still names the dead one; the configured instance answers, and is asked for the table too.
    expect(await graph.query('{ where }')).toMatchObject({ data: { where: 'first' }, errors: [] });
    evolution().internal.set('GET /internal/targets', () => ({ status: 200, body: { version: 4, targets: [] } }));
    await eventually(async () => (await graph.query('{ where }')).data?.['where'] === 'first', 2_000);
    evolution().internal.delete('GET /internal/targets');
  });
});
