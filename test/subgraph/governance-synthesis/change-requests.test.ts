/** Change requests over PostgreSQL: the three ways to approval, who may not take them, and what a retry or a race does. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AGENT, ChangeBench, CTO, IMPLEMENTER, LEAD, MANAGER, READER, REQUESTER, VP, type Result } from './change-kit.js';

/** A Friday: the weekly window of Sunday lies between 24 and 48 hours ahead. */
const FRIDAY = '2026-02-13T12:00:00.000Z';
const SUNDAY = '2026-02-15T02:30:00.000Z';
let bench: ChangeBench;

beforeAll(async () => { bench = await ChangeBench.open(FRIDAY); });
afterAll(async () => { await bench.subgraph.stop(); });

describe('an emergency change', () => {
  test('needs one approval, is implemented at once and reviewed within 24 hours', async () => {
    bench.setClock(FRIDAY);
    const submitted = await bench.create('EMERGENCY', { incidentId: 'INC-2026-001', implementationPlan: null, riskAssessment: null });
    expect(submitted).toMatchObject({ status: 'SUBMITTED', version: 1, revision: 1, expiresAt: '2026-02-13T16:00:00.000Z', plannedStart: null, grant: null, pendingSteps: [{ position: 1 }] });
    expect(submitted.id).toMatch(/^CHG-2026-\d{4}$/);
    const approved = await bench.approve(submitted, CTO);
    expect(approved).toMatchObject({ status: 'APPROVED', opensAt: FRIDAY, expiresAt: '2026-02-13T16:00:00.000Z', pendingSteps: [], approvals: [{ approver: { id: 'cto-1' }, step: 1, role: 'cto', voidedAt: null }] });
    expect((await bench.done('startImplementation', { id: approved.id, version: approved.version }, IMPLEMENTER)).status).toBe('IMPLEMENTING');
    const implemented = await bench.done('completeImplementation', { id: approved.id, outcome: 'SUCCEEDED', notes: 'Rolled out; the forged token is refused' }, IMPLEMENTER);
    expect(implemented).toMatchObject({ status: 'IMPLEMENTED', reviewDueAt: '2026-02-14T12:00:00.000Z', reviewOverdueAt: null });
    expect(await bench.refused('reviewChange', { id: approved.id, findings: 'Well done, me' }, IMPLEMENTER)).toBe('SEPARATION_OF_DUTIES');
    expect((await bench.done('reviewChange', { id: approved.id, findings: 'Documented and sound' }, VP)).status).toBe('REVIEWED');
  });

  test('takes no planned start, and every change needs a rollback plan', async () => {
    expect(await bench.run('createChangeRequest', { input: bench.content({ category: 'EMERGENCY', plannedStart: SUNDAY }) }, REQUESTER)).toMatchObject({ __typename: 'InvalidInput', field: 'input.plannedStart' });
    expect(await bench.run('createChangeRequest', { input: bench.content({ category: 'EMERGENCY', rollbackPlan: '  ' }) }, REQUESTER)).toMatchObject({ __typename: 'InvalidInput', field: 'input.rollbackPlan' });
    expect(await bench.run('createChangeRequest', { input: bench.content({ category: 'EMERGENCY', serviceId: 'nowhere' }) }, REQUESTER)).toMatchObject({ __typename: 'InvalidInput', field: 'input.serviceId' });
    expect(await bench.run('createChangeRequest', { input: bench.content({ category: 'STANDARD', implementationPlan: null }) }, REQUESTER)).toMatchObject({ __typename: 'InvalidInput', field: 'input.implementationPlan' });
    expect(await bench.run('createChangeRequest', { input: bench.content({ category: 'NORMAL', riskAssessment: null }) }, REQUESTER)).toMatchObject({ __typename: 'InvalidInput', field: 'input.riskAssessment' });
  });
});

describe('a standard change', () => {
  test('may be approved early and is implemented inside the first window after its review period', async () => {
    bench.setClock(FRIDAY);
    const submitted = await bench.create('STANDARD');
    expect(submitted).toMatchObject({ plannedStart: '2026-02-15T02:00:00.000Z', expiresAt: '2026-02-15T12:00:00.000Z' });
    const approved = await bench.approve(submitted, MANAGER);
    expect(approved).toMatchObject({ status: 'APPROVED', opensAt: '2026-02-15T02:00:00.000Z', expiresAt: '2026-02-17T02:00:00.000Z', grant: null });
    bench.setClock('2026-02-14T13:00:00.000Z');
    expect(await bench.refused('startImplementation', { id: approved.id }, IMPLEMENTER)).toBe('STATE_CONFLICT');
    bench.setClock('2026-02-15T04:00:00.000Z');
    expect(await bench.refused('startImplementation', { id: approved.id }, IMPLEMENTER)).toBe('STATE_CONFLICT');
    bench.setClock(SUNDAY);
    expect(await bench.refused('startImplementation', { id: approved.id }, MANAGER)).toBe('FORBIDDEN');
    expect((await bench.done('startImplementation', { id: approved.id }, IMPLEMENTER)).status).toBe('IMPLEMENTING');
    expect((await bench.done('completeImplementation', { id: approved.id, outcome: 'FAILED', notes: 'Errors rose; shifted back' }, IMPLEMENTER)).reviewDueAt).toBe('2026-02-18T02:30:00.000Z');
  });

  test('is not planned before its review period ends or outside a window', async () => {
    bench.setClock(FRIDAY);
    const plan = async (plannedStart: string): Promise<Result> => bench.run('createChangeRequest', { input: bench.content({ category: 'STANDARD', plannedStart }) }, REQUESTER);
    bench.setClock('2026-02-14T12:00:00.000Z');
    expect(await plan('2026-02-15T03:00:00.000Z')).toMatchObject({ __typename: 'InvalidInput', message: expect.stringContaining('review period') });
    expect(await plan('2026-02-18T03:00:00.000Z')).toMatchObject({ __typename: 'InvalidInput', message: expect.stringContaining('2026-02-22T02:00:00.000Z') });
    expect((await plan('2026-02-22T03:00:00.000Z')).change.plannedStart).toBe('2026-02-22T03:00:00.000Z');
  });
});

describe('separation of duties', () => {
  test('requester, implementer, agents and the wrong roles cannot approve or reject', async () => {
    bench.setClock(FRIDAY);
    const { id, digest } = await bench.create('EMERGENCY');
    const approve = { id, digest };
    expect(await bench.refused('approveChange', approve, REQUESTER)).toBe('SEPARATION_OF_DUTIES');
    expect(await bench.refused('approveChange', approve, IMPLEMENTER)).toBe('SEPARATION_OF_DUTIES');
    expect(await bench.refused('approveChange', approve, MANAGER)).toBe('ROLE_REQUIRED');
    expect(await bench.refused('rejectChange', { id, reason: 'mine' }, REQUESTER)).toBe('SEPARATION_OF_DUTIES');
    expect(await bench.refused('rejectChange', { id, reason: 'not my business' }, LEAD)).toBe('ROLE_REQUIRED');
    // The field's policy stops an agent; one that got hold of the policy claim is stopped by the rules.
    const document = 'mutation($id: ID!, $digest: String!) { approveChange(changeId: $id, digest: $digest) { __typename ... on Problem { code } } }';
    expect((await bench.subgraph.query(document, approve, { principal: AGENT })).errors?.[0]?.extensions?.['code']).toBe('FORBIDDEN');
    expect((await bench.subgraph.query(document, approve, { principal: { ...AGENT, policies: ['human'] } })).data).toMatchObject({ approveChange: { code: 'HUMAN_REQUIRED' } });
    expect((await bench.subgraph.query(document, approve, { principal: READER })).errors?.[0]?.extensions?.['code']).toBe('FORBIDDEN');
    expect((await bench.subgraph.query(document, approve, { principal: CTO, hashPresented: false })).errors?.[0]?.extensions?.['code']).toBe('CONSTITUTIONAL_HASH_REQUIRED');
    expect(await bench.read(id)).toMatchObject({ status: 'SUBMITTED', version: 1, approvals: [] });
  });

  test('the database refuses what the rules refuse', async () => {
    const { id, digest } = await bench.create('EMERGENCY');
    const insert = (approver: string, bound: string) => bench.subgraph.admin.query(
      `INSERT INTO governance_synthesis.approval (id, change_id, revision, digest, step, approver_id, role, approved_at, constitutional_hash) VALUES (gen_random_uuid(), $1, 1, $2, 1, $3, 'cto', now(), 'cdd01ef066bc6cf2')`, [id, bound, approver]);
    await expect(insert('requester', digest)).rejects.toMatchObject({ code: '23514' });
    await expect(insert('implementer', digest)).rejects.toMatchObject({ code: '23514' });
    await expect(insert('cto-1', '0'.repeat(64))).rejects.toMatchObject({ code: '23514' });
    await expect(insert('cto-1', digest)).rejects.toMatchObject({ code: 'AC002' });
    await bench.approve(await bench.read(id), CTO);
    await expect(bench.subgraph.admin.query(`UPDATE governance_synthesis.approval SET approver_id = 'vp-1' WHERE change_id = $1`, [id])).rejects.toMatchObject({ code: '23514' });
    await expect(bench.subgraph.admin.query('DELETE FROM governance_synthesis.approval')).rejects.toMatchObject({ code: 'AC003' });
  });
});

describe('an approval', () => {
  test('binds what was read: an edit voids it, and an old digest approves nothing', async () => {
    bench.setClock(FRIDAY);
    const first = await bench.create('NORMAL');
    const half = await bench.approve(first, LEAD);
    expect(half).toMatchObject({ status: 'SUBMITTED', version: 2, pendingSteps: [{ position: 2 }] });
    expect(await bench.refused('approveChange', { id: first.id, digest: first.digest }, LEAD)).toBe('SEPARATION_OF_DUTIES');
    expect(await bench.refused('reviseChangeRequest', { input: bench.content({ changeId: first.id }) }, IMPLEMENTER)).toBe('FORBIDDEN');
    const edited = await bench.done('reviseChangeRequest', { input: bench.content({ changeId: first.id, implementerId: 'implementer', action: { kind: 'DEPLOY_INSTANCE', parameters: { serviceId: 'auth', version: '6.6.6' } } }), version: half.version }, REQUESTER);
    expect(edited).toMatchObject({ status: 'SUBMITTED', revision: 2, version: 3, approvals: [{ voidedAt: FRIDAY }], pendingSteps: [{ position: 1 }, { position: 2 }] });
    expect(edited.digest).not.toBe(first.digest);
    expect(await bench.refused('approveChange', { id: first.id, digest: first.digest }, LEAD)).toBe('STATE_CONFLICT');
    expect((await bench.approve(edited, LEAD)).approvals.filter(({ voidedAt }) => voidedAt === null)).toHaveLength(1);
  });

  test('cannot be given once the request has expired, even before the sweep says so', async () => {
    bench.setClock(FRIDAY);
    const change = await bench.create('EMERGENCY');
    bench.setClock('2026-02-13T16:00:00.000Z');
    expect(await bench.refused('approveChange', { id: change.id, digest: change.digest }, CTO)).toBe('STATE_CONFLICT');
    bench.setClock(FRIDAY);
    await bench.approve(change, CTO);
    bench.setClock('2026-02-13T16:00:00.000Z');
    expect(await bench.refused('startImplementation', { id: change.id }, IMPLEMENTER)).toBe('STATE_CONFLICT');
  });

  test('of two that race, one completes the change and the other is told', async () => {
    bench.setClock(FRIDAY);
    const { id, digest } = await bench.create('EMERGENCY');
    const results = await Promise.all([CTO, VP].map((who) => bench.run('approveChange', { id, digest }, who)));
    expect(results.map(({ __typename }) => __typename).sort()).toEqual(['ApproveChangePayload', 'Conflict']);
    const change = await bench.read(id);
    expect(change).toMatchObject({ status: 'APPROVED', version: 2 });
    expect(change.approvals).toHaveLength(1);
  });

  test('racing an edit never lets the edited content pass', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { id, digest } = await bench.create('EMERGENCY');
      const [approval] = await Promise.all([
        bench.run('approveChange', { id, digest }, CTO),
        bench.run('reviseChangeRequest', { input: bench.content({ changeId: id, title: `Edited ${round}` }) }, REQUESTER),
      ]);
      const change = await bench.read(id);
      if (change.status === 'APPROVED') expect(change.digest).toBe(digest);
      else expect(change).toMatchObject({ revision: 2, pendingSteps: [{ position: 1 }] });
      expect(['ApproveChangePayload', 'Conflict']).toContain(approval.__typename);
    }
  });
});

describe('retries and stale versions', () => {
  test('a replay gives the first result and writes nothing; another input under the key is a conflict', async () => {
    bench.setClock(FRIDAY);
    const input = bench.content({ category: 'EMERGENCY' });
    const first = await bench.run('createChangeRequest', { input, key: 'create-once' }, REQUESTER);
    const again = await bench.run('createChangeRequest', { input, key: 'create-once' }, REQUESTER);
    expect(again.change.id).toBe(first.change.id);
    expect(await bench.refused('createChangeRequest', { input: { ...input, title: 'Something else' }, key: 'create-once' }, REQUESTER)).toBe('IDEMPOTENCY_KEY_REUSED');
    const approval = { id: first.change.id, digest: first.change.digest, version: 1, key: 'approve-once' };
    await bench.done('approveChange', approval, CTO);
    const replayed = await bench.done('approveChange', approval, CTO);
    expect(replayed).toMatchObject({ status: 'APPROVED', version: 2 });
    const { rows } = await bench.subgraph.admin.query(`SELECT kind FROM governance_synthesis.outbox WHERE entity_id = $1 ORDER BY id`, [first.change.id]);
    expect(rows.map(({ kind }) => kind)).toEqual(['ChangeSubmitted', 'ChangeApproved']);
  });

  test('a stale version is refused', async () => {
    const { id, digest } = await bench.create('EMERGENCY');
    await bench.done('reviseChangeRequest', { input: bench.content({ changeId: id, implementerId: 'implementer' }), version: 1 }, REQUESTER);
    expect(await bench.refused('approveChange', { id, digest, version: 1 }, CTO)).toBe('VERSION_CONFLICT');
    expect(await bench.refused('withdrawChange', { id, reason: 'stale', version: 1 }, REQUESTER)).toBe('VERSION_CONFLICT');
    expect((await bench.done('withdrawChange', { id, reason: 'no longer needed', version: 2 }, REQUESTER)).status).toBe('WITHDRAWN');
    expect(await bench.refused('approveChange', { id: 'CHG-1999-0001', digest }, CTO)).toBe('NOT_FOUND');
  });

  test('a rejected change is revised and submitted anew', async () => {
    const { id } = await bench.create('STANDARD');
    expect((await bench.done('rejectChange', { id, reason: 'Say how sessions survive' }, MANAGER)).status).toBe('REJECTED');
    expect(await bench.refused('withdrawChange', { id, reason: 'too late' }, REQUESTER)).toBe('STATE_CONFLICT');
    const revised = await bench.done('reviseChangeRequest', { input: bench.content({ changeId: id, implementerId: 'implementer', summary: 'Sessions are kept' }) }, REQUESTER);
    expect((await bench.approve(revised, MANAGER)).status).toBe('APPROVED');
  });
});
