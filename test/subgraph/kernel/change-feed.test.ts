/** The change feed tells of every commit at once, numbered or not, to the gateway alone, and says how much it knows. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { POSITION_HEADER, type ChangesAnswer } from '../../../ops/runtime/change-feed.js';
import { policyGovernance } from '../../../subgraphs/policy-governance/index.js';
import { startTestSubgraph, type TestSubgraph } from '../../kit/subgraph.js';
import { until } from '../../kit/until.js';
import { change } from '../policy-governance/kit.js';

let subgraph: TestSubgraph;
beforeAll(async () => { subgraph = await startTestSubgraph(policyGovernance); });
afterAll(async () => { await subgraph.stop(); });

async function ask(query: Readonly<Record<string, string | number>>): Promise<ChangesAnswer> {
  const response = await subgraph.hop('GET', `/internal/changes?${new URLSearchParams(Object.entries(query).map(([name, value]): [string, string] => [name, String(value)])).toString()}`);
  expect(response.status).toBe(200);
  return await response.json() as ChangesAnswer;
}

/** The feed once everything committed so far has its number. */
const head = (): Promise<ChangesAnswer> => until(async () => {
  const answer = await ask({});
  return answer.unnumbered.length === 0 ? answer : undefined;
});

async function declare(): Promise<string> {
  const { incident } = await change(subgraph, 'declareIncident(input: { title: "Something broke", severity: P2, serviceId: "auth" })');
  return incident!.id;
}

describe('the change feed', () => {
  test('names what changed after a number', async () => {
    const before = await head();
    const id = await declare();
    const after = await until(async () => {
      const answer = await ask({ after: before.position, wait: 200, mark: before.unnumberedMark });
      return answer.unnumbered.length === 0 && answer.changed.length > 0 ? answer : undefined;
    });
    expect(after).toMatchObject({ epoch: before.epoch, from: before.position, complete: true });
    expect(after.position).toBeGreaterThan(before.position);
    expect([...after.changed].sort()).toEqual([`incident Incident:${id}`, 'incident Service:auth']);
  });

  test('waits for news, answers at once when there is some, and says when it looked', async () => {
    const { position, unnumberedMark } = await head();
    const started = performance.now();
    const quiet = await ask({ after: position, wait: 60, mark: unnumberedMark });
    expect(quiet).toMatchObject({ position, changed: [], unnumbered: [] });
    expect(quiet.waitedMs).toBeGreaterThanOrEqual(50);
    expect(quiet.waitedMs).toBeLessThanOrEqual(performance.now() - started);
    const asked = ask({ after: position, wait: 1_000, mark: unnumberedMark });
    const id = await declare();
    const news = await asked;
    expect([...news.changed, ...news.unnumbered]).toContain(`incident Incident:${id}`);
    expect(news.waitedMs).toBeLessThan(950);
  });

  test('names what has no number yet, for as long as that is so', async () => {
    const { position } = await head();
    const blocker = await subgraph.admin.connect();
    try {
      // A transaction that began earlier keeps everything later from being numbered.
      await blocker.query('BEGIN');
      await blocker.query('SELECT pg_current_xact_id()');
      const id = await declare();
      const early = await ask({ after: position });
      expect(early).toMatchObject({ position, changed: [], complete: true });
      expect(early.unnumbered).toContain(`incident Incident:${id}`);
      // The same state is no news.
      const same = await ask({ after: position, wait: 50, mark: early.unnumberedMark });
      expect(same.waitedMs).toBeGreaterThanOrEqual(40);
      await blocker.query('COMMIT');
      const late = await until(async () => {
        const answer = await ask({ after: position, wait: 200, mark: early.unnumberedMark });
        return answer.unnumbered.length === 0 ? answer : undefined;
      });
      expect(late.changed).toContain(`incident Incident:${id}`);
    } finally {
      blocker.release();
    }
  });

  test('does not tell of what is not committed', async () => {
    const before = await head();
    const writer = await subgraph.admin.connect();
    try {
      await writer.query('BEGIN');
      await writer.query(`INSERT INTO policy_governance.outbox (stream, entity_id, kind, principal_id, request_id, constitutional_hash, occurred_at, leaf, leaf_hash, payload)
        SELECT stream, entity_id, kind, principal_id, request_id, constitutional_hash, occurred_at, leaf, leaf_hash, payload FROM policy_governance.outbox ORDER BY id LIMIT 1`);
      expect(await ask({ after: before.position })).toMatchObject({ changed: [], unnumbered: [] });
    } finally {
      await writer.query('ROLLBACK');
      writer.release();
    }
  });

  test('begins as far back as it is asked to, and at the head for numbers that do not exist', async () => {
    const { position } = await head();
    expect(await ask({ history: 3 })).toMatchObject({ from: position - 3, position });
    expect(await ask({ history: 1_000 })).toMatchObject({ from: Math.max(0, position - 1_000), position });
    expect(await ask({ after: position + 1_000 })).toMatchObject({ from: position, position, changed: [] });
  });

  test('is closed to everyone without a hop token, and refuses what is no number', async () => {
    expect((await fetch(`${subgraph.url}/internal/changes`)).status).toBe(401);
    for (const query of ['after=x', 'after=-1', 'wait=5000', 'history=1e3']) expect((await subgraph.hop('GET', `/internal/changes?${query}`)).status).toBe(400);
  });

  test('answers to operations carry a number that they are at least as new as', async () => {
    const { position } = await head();
    await until(async () => {
      const response = await subgraph.hop('POST', '/graphql', { query: '{ __typename }' });
      return Number(response.headers.get(POSITION_HEADER)) >= position ? true : undefined;
    });
    const id = await declare();
    const response = await subgraph.hop('POST', '/graphql', { query: `{ incident(id: "${id}") { id } }` });
    expect(Number(response.headers.get(POSITION_HEADER))).toBeLessThanOrEqual((await head()).position);
  });
});
