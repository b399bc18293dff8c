/** What subscribers see of changes, and what time does to them: expiry, overdue reviews, the next board meeting. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ChangeBench, CTO, IMPLEMENTER, MANAGER, READER, REQUESTER } from './change-kit.js';
import { nextOf } from '../../kit/subgraph.js';
import { until } from '../../kit/until.js';

const START = '2026-04-01T09:00:00.000Z';
let bench: ChangeBench;

beforeAll(async () => { bench = await ChangeBench.open(START, { ACGS_CHANGE_SWEEP_MS: '50' }); });
afterAll(async () => { await bench.subgraph.stop(); });

interface Message { changeUpdated: { cursor: string; kind: string; change: { id: string; status: string; version: number; approvals: Array<{ approver: { id: string } }>; grant: { nonce: string } | null } | null } }
const DOCUMENT = `subscription($id: ID, $category: ChangeCategory, $status: ChangeStatus, $after: Cursor) {
  changeUpdated(changeId: $id, category: $category, status: $status, after: $after) { cursor kind change { id status version approvals { approver { id } } grant { nonce } } } }`;

function watch(variables: Record<string, unknown>, who = READER) {
  const stream = bench.subgraph.subscribe<Message>(DOCUMENT, variables, { principal: who });
  return {
    async next(): Promise<Message['changeUpdated']> {
      const { data, errors } = await nextOf(stream);
      expect(errors).toBeUndefined();
      if (data == null) throw new Error('no data');
      return data.changeUpdated;
    },
    async close(): Promise<void> { await stream.return?.(); },
  };
}

async function statusOf(id: string, wanted: string): Promise<void> {
  await until(async () => ((await bench.read(id)).status === wanted ? true : undefined));
}

describe('changeUpdated', () => {
  test('shows each step as it left the change, resumes after a cursor and keeps to its filter', async () => {
    bench.setClock(START);
    const all = watch({ category: 'EMERGENCY' });
    const opened = await all.next();
    expect(opened).toMatchObject({ kind: 'OPENED', change: null });
    const change = await bench.create('EMERGENCY');
    await bench.create('STANDARD');
    const submitted = await all.next();
    expect(submitted).toMatchObject({ kind: 'EVENT', change: { id: change.id, status: 'SUBMITTED', version: 1, approvals: [] } });
    await bench.approve(change, CTO);
    await bench.done('startImplementation', { id: change.id }, IMPLEMENTER);
    expect(await all.next()).toMatchObject({ change: { id: change.id, status: 'APPROVED', version: 2, approvals: [{ approver: { id: 'cto-1' } }], grant: null } });
    expect(await all.next()).toMatchObject({ change: { status: 'IMPLEMENTING', version: 3 } });
    await all.close();

    await bench.subgraph.restart();
    const resumed = watch({ category: 'EMERGENCY', after: submitted.cursor });
    expect((await resumed.next()).kind).toBe('OPENED');
    expect([(await resumed.next()).change?.version, (await resumed.next()).change?.version]).toEqual([2, 3]);
    await resumed.close();

    const narrow = watch({ id: change.id, status: 'IMPLEMENTED' });
    const start = await narrow.next();
    await bench.done('completeImplementation', { id: change.id, outcome: 'SUCCEEDED', notes: 'Done' }, IMPLEMENTER);
    const done = await narrow.next();
    expect(done).toMatchObject({ change: { id: change.id, status: 'IMPLEMENTED' } });
    expect(done.cursor).not.toBe(start.cursor);
    await narrow.close();

    const foreign = bench.subgraph.subscribe<Message>(DOCUMENT, { category: 'STANDARD', after: submitted.cursor }, { principal: READER });
    expect((await nextOf(foreign)).errors?.[0]?.extensions?.['code']).toBe('CURSOR_INVALID');
    await foreign.return?.();
  });

  test('shows the grant to those who may hold it, current and not as it was', async () => {
    bench.setClock(START);
    const mine = watch({ category: 'EMERGENCY', status: 'APPROVED' }, REQUESTER);
    await mine.next();
    const change = await bench.approve(await bench.create('EMERGENCY'), CTO);
    const { grant } = await bench.read(change.id, REQUESTER);
    expect(await mine.next()).toMatchObject({ change: { id: change.id, grant: { nonce: grant?.nonce } } });
    await mine.close();
  });

  test('needs change:read', async () => {
    const stream = bench.subgraph.subscribe<Message>(DOCUMENT, {}, { principal: { ...READER, scopes: [] } });
    expect((await nextOf(stream)).errors?.[0]?.extensions?.['code']).toBe('FORBIDDEN');
    await stream.return?.();
  });
});

describe('the clock', () => {
  test('expires what was not decided or not begun in time, and tells subscribers once', async () => {
    bench.setClock('2026-04-01T08:59:59.999Z');
    const marker = await bench.create('EMERGENCY');
    bench.setClock(START);
    const undecided = await bench.create('EMERGENCY');
    const expired = watch({ id: undecided.id, status: 'EXPIRED' });
    await expired.next();
    const unused = await bench.approve(await bench.create('STANDARD'), MANAGER);
    bench.setClock('2026-04-01T12:59:59.999Z');
    await statusOf(marker.id, 'EXPIRED');
    expect((await bench.read(undecided.id)).status).toBe('SUBMITTED');
    bench.setClock('2026-04-01T13:00:00.000Z');
    await statusOf(undecided.id, 'EXPIRED');
    expect((await expired.next()).change?.id).toBe(undecided.id);
    bench.setClock(unused.expiresAt);
    await statusOf(unused.id, 'EXPIRED');
    expect(await bench.refused('startImplementation', { id: unused.id }, IMPLEMENTER)).toBe('STATE_CONFLICT');
    await expired.close();
    const { rows } = await bench.subgraph.admin.query(`SELECT principal_id, count(*)::int AS count FROM governance_synthesis.outbox WHERE kind = 'ChangeExpired' AND entity_id = ANY($1) GROUP BY 1`, [[undecided.id, unused.id]]);
    expect(rows).toEqual([{ principal_id: 'system:change-clock', count: 2 }]);
  });

  test('flags a review that is overdue, which can still be done', async () => {
    bench.setClock('2026-04-10T09:00:00.000Z');
    const change = await bench.approve(await bench.create('EMERGENCY'), CTO);
    await bench.done('startImplementation', { id: change.id }, IMPLEMENTER);
    await bench.done('completeImplementation', { id: change.id, outcome: 'SUCCEEDED', notes: 'Patched' }, IMPLEMENTER);
    const watched = watch({ id: change.id });
    await watched.next();
    bench.setClock('2026-04-11T09:00:00.000Z');
    expect(await watched.next()).toMatchObject({ change: { id: change.id, status: 'IMPLEMENTED', version: 5 } });
    expect((await bench.read(change.id)).reviewOverdueAt).toBe('2026-04-11T09:00:00.000Z');
    await bench.done('reviewChange', { id: change.id, findings: 'Late, and sound' }, CTO);
    await watched.close();
    const { rows } = await bench.subgraph.admin.query(`SELECT kind FROM governance_synthesis.outbox WHERE entity_id = $1 ORDER BY id DESC LIMIT 2`, [change.id]);
    expect(rows).toEqual([{ kind: 'ChangeReviewed' }, { kind: 'ChangeReviewOverdue' }]);
  });

  test('passes over a change somebody holds, and takes it up afterwards', async () => {
    bench.setClock('2026-04-20T09:00:00.000Z');
    const [held, free] = [await bench.create('EMERGENCY'), await bench.create('EMERGENCY')];
    const client = await bench.subgraph.admin.connect();
    await client.query('BEGIN');
    await client.query('SELECT 1 FROM governance_synthesis.change_request WHERE id = $1 FOR UPDATE', [held.id]);
    bench.setClock('2026-04-20T13:00:00.000Z');
    await statusOf(free.id, 'EXPIRED');
    expect((await bench.read(held.id)).status).toBe('SUBMITTED');
    await client.query('ROLLBACK');
    client.release();
    await statusOf(held.id, 'EXPIRED');
  });

  test('calls the next weekly meeting when the last has passed', async () => {
    bench.setClock('2026-05-01T09:00:00.000Z');
    await until(async () => {
      const { cabMeetings } = await bench.ask<{ cabMeetings: { nodes: Array<{ scheduledAt: string }> } }>('{ cabMeetings(first: 1) { nodes { scheduledAt } } }');
      return cabMeetings.nodes[0]?.scheduledAt === '2026-05-07T15:00:00.000Z' ? true : undefined;
    });
  });
});
