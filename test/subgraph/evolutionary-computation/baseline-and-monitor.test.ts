/** The installation's own instances are known from the start, followed when they move, and watched; the gateway is told. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { projectPath } from '../../../ops/runtime/package-root.js';
import { SUBGRAPHS } from '../../../ops/runtime/subgraph-names.js';
import { readEvolutionConfig } from '../../../subgraphs/evolutionary-computation/config.js';
import { until } from '../../kit/until.js';
import { Deployments, FakeInstance } from './deployment-kit.js';

let plane: Deployments;
let auth: FakeInstance;
const opened: FakeInstance[] = [];

beforeAll(async () => {
  plane = await Deployments.start(['auth', 'integrity'], { ACGS_PROBE_INTERVAL_MS: '40' });
  auth = plane.baselines.get('auth') as FakeInstance;
});
afterAll(async () => {
  await plane.stop();
  await Promise.all(opened.map((instance) => instance.stop()));
});

async function instance(id: string): Promise<{ url: string; state: string; active: boolean; baseline: boolean; lastProbeOutcome: string | null; registeredBy: unknown } | undefined> {
  const { _entities } = await plane.ask<{ _entities: Array<{ url: string; state: string; active: boolean; baseline: boolean; lastProbeOutcome: string | null; registeredBy: unknown }> }>(
    'query($r: [_Any!]!) { _entities(representations: $r) { ... on ServiceInstance { url state active baseline lastProbeOutcome registeredBy { id } } } }', { r: [{ __typename: 'ServiceInstance', id }] });
  return _entities[0];
}

/** The subgraph's own events about an entity, oldest first. */
async function events(entityId: string): Promise<string[]> {
  const { rows } = await plane.subgraph.admin.query('SELECT kind FROM evolutionary_computation.outbox WHERE entity_id = $1 ORDER BY id', [entityId]);
  return rows.map((row) => row.kind);
}

const inState = (id: string, state: string) => until(async () => ((await instance(id))?.state === state ? true : undefined));

describe('the seed', () => {
  test('makes a baseline deployment of each subgraph, once', async () => {
    const before = await plane.feed();
    expect(before.targets.map(({ service }) => service)).toEqual(SUBGRAPHS.map(({ name }) => name as string).sort());
    await plane.subgraph.subgraph.seed();
    expect((await plane.feed()).version).toBe(before.version);
    const { _entities } = await plane.ask<{ _entities: unknown }>(
      'query($r: [_Any!]!) { _entities(representations: $r) { ... on Service { activeDeployment { status version requestedBy { id } changeRequest { id } steps { kind } instance { baseline } } instances { id } deployments { status } } } }',
      { r: [{ __typename: 'Service', id: 'auth' }, { __typename: 'Service', id: 'gateway' }] });
    const { version } = JSON.parse(readFileSync(projectPath('package.json'), 'utf8')) as { version: string };
    expect(_entities).toEqual([
      { activeDeployment: { status: 'ACTIVE', version, requestedBy: null, changeRequest: null, steps: [{ kind: 'SEEDED' }], instance: { baseline: true } }, instances: [{ id: 'auth-baseline' }], deployments: [{ status: 'ACTIVE' }] },
      { activeDeployment: null, instances: [], deployments: [] },
    ]);
    expect((await instance('auth-baseline'))?.registeredBy).toBeNull();
  });

  test('moves the baseline, and the traffic that goes there, when the installation starts elsewhere', async () => {
    const moved = new Map(await Promise.all(['auth', 'integrity'].map(async (service): Promise<[string, FakeInstance]> => {
      const fake = await FakeInstance.start(service);
      opened.push(fake);
      return [service, fake];
    })));
    const elsewhere = await plane.deployNew('integrity', '3.0.0');
    opened.push(elsewhere.fake);
    const before = await plane.feed();
    await plane.restart(moved);

    const after = await plane.feed();
    expect(after.version).toBe(before.version + 1);
    const urlOf = (service: string) => after.targets.find((target) => target.service === service)?.url;
    expect([urlOf('auth'), urlOf('integrity')]).toEqual([moved.get('auth')?.url, elsewhere.fake.url]);
    expect((await instance('integrity-baseline'))?.url).toBe(moved.get('integrity')?.url);
    expect(await events('auth-baseline')).toContain('BaselineRelocated');
    expect((await plane.rollBack(elsewhere.deployment.id)).report).toMatchObject({ to: { id: 'integrity-baseline' } });
    await plane.restart(plane.baselines);
  });

  test('may come to stand where an instance stood that was forgotten', async () => {
    const { fake } = await plane.add('auth', '3.1.0');
    opened.push(fake);
    await plane.restart(new Map([...plane.baselines, ['auth', fake]]));
    expect((await instance('auth-baseline'))?.url).toBe(fake.url);
    expect(await plane.register('auth', fake.url)).toMatchObject({ __typename: 'Conflict', code: 'ALREADY_EXISTS' });
    await plane.restart(plane.baselines);
  });
});

describe('the health monitor', () => {
  test('needs three failures in a row, tells once, and sees the recovery', async () => {
    await inState('auth-baseline', 'HEALTHY');
    expect(await instance('auth-baseline')).toMatchObject({ active: true, baseline: true, lastProbeOutcome: 'HEALTHY' });
    const told = await events('auth-baseline');
    const [before, active] = [auth.probes, await plane.active('auth')];
    auth.status = 503;
    await inState('auth-baseline', 'UNHEALTHY');
    expect(auth.probes - before).toBeGreaterThanOrEqual(3);
    expect(await plane.active('auth')).toEqual(active);
    const later = auth.probes + 3;
    await until(async () => (auth.probes > later ? true : undefined));
    auth.status = 200;
    await inState('auth-baseline', 'HEALTHY');
    expect((await events('auth-baseline')).slice(told.length)).toEqual(['InstanceFoundUnhealthy', 'InstanceFoundHealthy']);
  });

  test('pauses while another process holds its lease', async () => {
    await plane.subgraph.admin.query(`UPDATE evolutionary_computation.lease SET holder = 'another', expires_at = now() + interval '1 hour'`);
    await until(async () => {
      const { rows: [{ at }] } = await plane.subgraph.admin.query(`SELECT max(probed_at) < now() - interval '400 milliseconds' AS at FROM evolutionary_computation.instance_probe`);
      return at === true ? true : undefined;
    });
    const probes = auth.probes;
    await plane.subgraph.admin.query(`UPDATE evolutionary_computation.lease SET expires_at = now() - interval '1 second'`);
    await until(async () => (auth.probes > probes ? true : undefined));
  });

  test('finishes a deployment whose process went away, unless its grant has expired', async () => {
    for (const [expiry, status, step] of [['1 hour', 'ACTIVE', 'ACTIVATED'], ['-1 second', 'FAILED', 'FAILED']] as const) {
      const { fake, action } = await plane.add('integrity', '4.0.0');
      opened.push(fake);
      const active = await plane.active('integrity');
      const id = `DEP-2020-${randomUUID().slice(0, 4)}`;
      // As after a crash between the two transactions: recorded, consumed, nothing else.
      const client = await plane.subgraph.admin.connect();
      await client.query('SET session_replication_role = replica');
      await client.query(
        `INSERT INTO evolutionary_computation.deployment (id, service_id, instance_id, previous_deployment_id, previous_instance_id, version, status, revision, change_id, grant_expires_at, requested_by_id, started_at, constitutional_hash)
         VALUES ($1, 'integrity', $2, $3, $4, '4.0.0', 'PENDING', 1, 'CHG-2026-0001', now() + $5::interval, 'deployer-1', now() - interval '1 minute', 'cdd01ef066bc6cf2')`, [id, action.instanceId, active.deployment, active.instance, expiry]);
      client.release(true);
      const settled = await until(async () => {
        const deployment = await plane.deployment(id);
        return deployment.status === status ? deployment : undefined;
      });
      expect(settled.steps.at(-1)?.kind).toBe(step);
      expect(await plane.active('integrity')).toEqual(status === 'ACTIVE' ? { deployment: id, instance: action.instanceId } : active);
    }
    const { rows } = await plane.subgraph.admin.query(`SELECT DISTINCT principal_id FROM evolutionary_computation.outbox WHERE entity_id LIKE 'DEP-2020-%'`);
    expect(rows).toEqual([{ principal_id: 'system:deployer' }]);
  });
});

describe('the target feed', () => {
  test('answers 304 to who is up to date and the whole table to who is not', async () => {
    const { version, targets } = await plane.feed();
    expect(await plane.feed(version)).toMatchObject({ status: 304 });
    expect(await plane.feed(version - 1)).toMatchObject({ status: 200, version, targets });
    expect((await plane.subgraph.hop('GET', '/internal/targets?since=x')).status).toBe(400);
    expect((await fetch(`${plane.subgraph.url}/internal/targets`)).status).toBe(401);
  });

  test('has a version that cannot go back', async () => {
    await expect(plane.subgraph.admin.query(`UPDATE evolutionary_computation.counter SET last = last - 1 WHERE key = 'targets'`)).rejects.toMatchObject({ code: '23514' });
  });
});

describe('settings', () => {
  test('are read from the environment, with the seven default ports', () => {
    const { baselineUrls, instanceHosts, probeIntervalMs } = readEvolutionConfig({ ACGS_SUBGRAPH_URLS: 'auth=http://auth:8000/', ACGS_INSTANCE_HOSTS: 'Auth-2, ::1' });
    expect(baselineUrls).toMatchObject({ 'auth': 'http://auth:8000', 'evolutionary-computation': 'http://127.0.0.1:8006' });
    expect([instanceHosts, probeIntervalMs]).toEqual([['auth-2', '::1'], 5_000]);
  });

  test.each([['ACGS_SUBGRAPH_URLS', 'nobody=http://x:1'], ['ACGS_SUBGRAPH_URLS', 'auth=ftp://x:1'], ['ACGS_SUBGRAPH_URLS', 'auth'], ['ACGS_INSTANCE_HOSTS', 'http://x'], ['ACGS_PROBE_INTERVAL_MS', '0']])('name the key of a mistake: %s=%s', (key, value) => {
    expect(() => readEvolutionConfig({ [key]: value })).toThrow(key);
  });
});
