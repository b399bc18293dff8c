/** A rollback goes back to the last earlier instance that is healthy now, whatever else is away, and to nothing else. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { principal } from '../../kit/subgraph.js';
import { until } from '../../kit/until.js';
import { Deployments, type FakeInstance } from './deployment-kit.js';

let plane: Deployments;
const opened: FakeInstance[] = [];

beforeAll(async () => { plane = await Deployments.start(['auth', 'integrity', 'constitutional-ai', 'formal-verification', 'policy-governance', 'governance-synthesis']); });
afterAll(async () => {
  await plane.stop();
  await Promise.all(opened.map((instance) => instance.stop()));
});

async function deployed(serviceId: string, version: string) {
  const result = await plane.deployNew(serviceId, version);
  opened.push(result.fake);
  return result;
}

describe('a rollback', () => {
  test('restores the deployment before, again and again, down to the baseline', async () => {
    const baseline = await plane.active('auth');
    const first = await deployed('auth', '1.1.0');
    const second = await deployed('auth', '1.2.0');
    const version = (await plane.feed()).version;

    const answer = await plane.rollBack(second.deployment.id, { incidentId: 'INC-2026-001', reason: '  Logins fail  ' });
    expect(answer).toMatchObject({ __typename: 'RollbackDeploymentPayload', deployment: { status: 'ROLLED_BACK' } });
    expect(answer.report).toMatchObject({ reason: 'Logins fail', to: { id: first.action.instanceId }, restored: { id: first.deployment.id, status: 'ACTIVE' }, incident: { id: 'INC-2026-001' } });
    expect(answer.deployment?.steps.map(({ kind }) => kind)).toEqual(['REQUESTED', 'PROBING', 'ACTIVATED', 'ROLLED_BACK']);
    expect((await plane.deployment(first.deployment.id)).steps.map(({ kind }) => kind)).toEqual(['REQUESTED', 'PROBING', 'ACTIVATED', 'SUPERSEDED', 'RESTORED']);
    const feed = await plane.feed();
    expect(feed.version).toBeGreaterThan(version);
    expect(feed.targets.find(({ service }) => service === 'auth')).toMatchObject({ instanceId: first.action.instanceId, url: first.fake.url });

    expect((await plane.rollBack(first.deployment.id)).report).toMatchObject({ restored: { id: baseline.deployment, status: 'ACTIVE' } });
    expect(await plane.active('auth')).toEqual(baseline);
    expect(await plane.rollBack(baseline.deployment)).toMatchObject({ __typename: 'Conflict', message: expect.stringContaining('no earlier instance') });
    expect(await plane.rollBack(second.deployment.id)).toMatchObject({ __typename: 'Conflict', message: expect.stringContaining('ROLLED_BACK') });

    const { _entities } = await plane.ask<{ _entities: unknown }>('query($r: [_Any!]!) { _entities(representations: $r) { ... on Incident { rollbacks { id rollback { reason incident { id } requestedBy { id } from { id } durationMs probeDurationMs } } } } }', { r: [{ __typename: 'Incident', id: 'INC-2026-001' }] });
    expect(_entities).toEqual([{ rollbacks: [{ id: second.deployment.id, rollback: { reason: 'Logins fail', incident: { id: 'INC-2026-001' }, requestedBy: { id: 'deployer-1' }, from: { id: second.action.instanceId }, durationMs: expect.any(Number), probeDurationMs: expect.any(Number) } }] }]);
  });

  test('passes over instances that are dead, ill, slow or retired, in their order', async () => {
    const healthy = await deployed('integrity', '1.1.0');
    const dead = await deployed('integrity', '1.2.0');
    const foreign = await deployed('integrity', '1.3.0');
    const slow = await deployed('integrity', '1.4.0');
    const retired = await deployed('integrity', '1.5.0');
    const last = await deployed('integrity', '1.6.0');
    await dead.fake.stop();
    foreign.fake.hash = 'ffffffffffffffff';
    const release = slow.fake.hold();
    await plane.retire(retired.action.instanceId);

    const { report } = await plane.rollBack(last.deployment.id);
    expect(report).toMatchObject({ to: { id: healthy.action.instanceId } });
    expect(report?.attempts.map(({ outcome, instance }) => [instance.id, outcome])).toEqual([
      [slow.action.instanceId, 'TIMED_OUT'], [foreign.action.instanceId, 'WRONG_HASH'], [dead.action.instanceId, 'UNREACHABLE'], [healthy.action.instanceId, 'HEALTHY'], ['integrity-baseline', 'HEALTHY'],
    ]);
    expect(await plane.active('integrity')).toEqual({ deployment: healthy.deployment.id, instance: healthy.action.instanceId });
    release();
  });

  test('changes nothing and says what it tried when no earlier instance is healthy', async () => {
    const first = await deployed('formal-verification', '1.1.0');
    const second = await deployed('formal-verification', '1.2.0');
    await first.fake.stop();
    const baseline = plane.baselines.get('formal-verification');
    if (baseline !== undefined) baseline.status = 503;
    const before = { feed: await plane.feed(), deployment: await plane.deployment(second.deployment.id) };

    const answer = await plane.rollBack(second.deployment.id, { idempotencyKey: 'fv-1' });
    expect(answer).toMatchObject({ __typename: 'Conflict', code: 'STATE_CONFLICT' });
    for (const part of [first.action.instanceId, 'UNREACHABLE', 'formal-verification-baseline', 'NOT_READY']) expect(answer.message).toContain(part);
    expect({ feed: await plane.feed(), deployment: await plane.deployment(second.deployment.id) }).toEqual(before);

    if (baseline !== undefined) baseline.status = 200;
    expect(await plane.rollBack(second.deployment.id, { idempotencyKey: 'fv-1' })).toMatchObject({ report: { to: { id: 'formal-verification-baseline' } } });
  });

  test('needs neither approvers nor the published key, and a retry repeats nothing', async () => {
    const { deployment } = await deployed('constitutional-ai', '1.1.0');
    await rm(join(plane.subgraph.dataDirectory, 'grants'), { recursive: true });
    expect(await plane.rollBack(deployment.id, { expectedVersion: deployment.revision + 1 })).toMatchObject({ __typename: 'Conflict', code: 'VERSION_CONFLICT' });
    const first = await plane.rollBack(deployment.id, { idempotencyKey: 'once', expectedVersion: deployment.revision });
    expect(first).toMatchObject({ __typename: 'RollbackDeploymentPayload' });
    const { version } = await plane.feed();
    expect(await plane.rollBack(deployment.id, { idempotencyKey: 'once', expectedVersion: deployment.revision })).toEqual(first);
    expect((await plane.feed()).version).toBe(version);
    await plane.republish();
  });

  test('is refused without its scope, without a reason, and for what does not exist', async () => {
    const mutation = 'mutation { rollbackDeployment(deploymentId: "DEP-2026-0001", reason: "x") { __typename } }';
    const writer = principal('writer', { scopes: ['deployment:read', 'deployment:write'] });
    expect((await plane.subgraph.query(mutation, {}, { principal: writer })).errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' });
    const { deployment } = await plane.active('auth');
    expect(await plane.rollBack(deployment, { reason: '  ' })).toMatchObject({ __typename: 'InvalidInput', field: 'reason' });
    expect(await plane.rollBack('DEP-1999-0001')).toMatchObject({ __typename: 'NotFound' });
  });
});

describe('deployments and rollbacks of one service', () => {
  test('a rollback wins over a deployment that is under way', async () => {
    const active = await deployed('policy-governance', '1.1.0');
    const { fake, action } = await plane.add('policy-governance', '1.2.0');
    opened.push(fake);
    const release = fake.hold();
    const seen = fake.probes;
    const deploying = plane.deploy(action, await plane.signer.grant(action));
    await until(async () => (fake.probes > seen ? true : undefined));
    const { fake: third, action: other } = await plane.add('policy-governance', '1.3.0');
    opened.push(third);
    expect(await plane.deploy(other, await plane.signer.grant(other))).toMatchObject({ __typename: 'Conflict', message: expect.stringContaining('under way') });
    expect(await plane.retire(action.instanceId)).toMatchObject({ __typename: 'Conflict', message: expect.stringContaining('deploying') });

    expect(await plane.rollBack(active.deployment.id)).toMatchObject({ report: { to: { id: 'policy-governance-baseline' } } });
    release();
    expect((await deploying).deployment).toMatchObject({ status: 'FAILED', failure: expect.stringContaining('rolled back') });
    expect(await plane.active('policy-governance')).toMatchObject({ instance: 'policy-governance-baseline' });
  });

  test('wait for each other at the lock of the service, and nowhere else', async () => {
    const active = await deployed('policy-governance', '1.4.0');
    const { fake, action } = await plane.add('policy-governance', '1.5.0');
    opened.push(fake);
    const release = fake.hold();
    const seen = fake.probes;
    const deploying = plane.deploy(action, await plane.signer.grant(action));
    await until(async () => (fake.probes > seen ? true : undefined));
    const waiting = async (): Promise<number> => {
      const { rows } = await plane.subgraph.admin.query(`SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'advisory'`);
      return rows[0].n;
    };
    const holder = await plane.subgraph.admin.connect();
    await holder.query('BEGIN');
    await holder.query(`SELECT pg_advisory_xact_lock(hashtextextended('acgs.service-target.policy-governance', 0))`);
    release();
    await until(async () => ((await waiting()) === 1 ? true : undefined));
    const rollingBack = plane.rollBack(active.deployment.id);
    await until(async () => ((await waiting()) === 2 ? true : undefined));
    expect((await deployed('auth', '1.9.0')).deployment.status).toBe('ACTIVE');
    await holder.query('COMMIT');
    holder.release();

    // The activation queued first: the rollback then finds another deployment active and changes nothing.
    expect((await deploying).deployment).toMatchObject({ status: 'ACTIVE' });
    expect(await rollingBack).toMatchObject({ __typename: 'Conflict', message: expect.stringContaining('SUPERSEDED') });
    expect(await plane.active('policy-governance')).toMatchObject({ instance: action.instanceId });
  });

  test('take turns: whatever the order, one deployment is active, the table agrees, and versions only grow', async () => {
    const serviceId = 'governance-synthesis';
    const added = await Promise.all(['2.1.0', '2.2.0', '2.3.0', '2.4.0'].map((version) => plane.add(serviceId, version)));
    opened.push(...added.map(({ fake }) => fake));
    const versions: number[] = [];
    let over = false;
    const watching = (async () => { while (!over) versions.push((await plane.feed()).version); })();
    const work = added.flatMap(({ action }) => [
      plane.signer.grant(action).then((grant) => plane.deploy(action, grant)),
      plane.active(serviceId).then(({ deployment }) => plane.rollBack(deployment)),
    ]);
    const answers = await Promise.all(work);
    over = true;
    await watching;

    expect(answers.map((answer) => answer.__typename).filter((type) => !['StartDeploymentPayload', 'RollbackDeploymentPayload', 'Conflict'].includes(type))).toEqual([]);
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
    const { rows } = await plane.subgraph.admin.query(
      `SELECT d.id, d.status, t.deployment_id, t.instance_id, d.instance_id AS own FROM evolutionary_computation.deployment d JOIN evolutionary_computation.service_target t USING (service_id)
       WHERE d.service_id = $1 AND d.status NOT IN ('SUPERSEDED', 'ROLLED_BACK', 'FAILED')`, [serviceId]);
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ status: 'ACTIVE', deployment_id: rows[0].id, instance_id: rows[0].own });
  });
});

test('the events tell the whole story: one for each step, in order', async () => {
  const { rows } = await plane.subgraph.admin.query(`SELECT entity_id, kind, payload FROM evolutionary_computation.outbox WHERE stream = 'deployment' ORDER BY id`);
  const told = new Map<string, string[]>();
  for (const row of rows) told.set(row.entity_id, [...(told.get(row.entity_id) ?? []), row.payload.steps.at(-1).kind]);
  const { rows: steps } = await plane.subgraph.admin.query(`SELECT deployment_id, array_agg(kind ORDER BY position) AS kinds FROM evolutionary_computation.deployment_step GROUP BY deployment_id`);
  expect(new Map(steps.map((row) => [row.deployment_id, row.kinds]))).toEqual(told);
  const reports = await plane.subgraph.admin.query(`SELECT count(*)::int AS n FROM evolutionary_computation.outbox WHERE kind = 'RollbackCompleted'`);
  expect(reports.rows[0].n).toBe((await plane.subgraph.admin.query('SELECT count(*)::int AS n FROM evolutionary_computation.rollback_report')).rows[0].n);
});
