/** Instances are probed before they are registered and again before they take traffic; the target table follows. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { nextOf, principal, TEST_HASH } from '../../kit/subgraph.js';
import { DEPLOYER, DEPLOYMENT, Deployments, FakeInstance, type DeploymentView } from './deployment-kit.js';

let plane: Deployments;
const opened: FakeInstance[] = [];

beforeAll(async () => { plane = await Deployments.start(['auth', 'integrity', 'constitutional-ai']); });
afterAll(async () => { await plane.stop(); });
afterEach(async () => { await Promise.all(opened.splice(0).map((instance) => instance.stop())); });

async function fakeOf(service: string): Promise<FakeInstance> {
  const instance = await FakeInstance.start(service);
  opened.push(instance);
  return instance;
}

/** Ways an instance can be unfit, and what a probe makes of each. */
const UNFIT: ReadonlyArray<[string, (instance: FakeInstance) => unknown, string]> = [
  ['is dead', (instance) => instance.stop(), 'UNREACHABLE'],
  ['is not ready', (instance) => { instance.status = 503; }, 'NOT_READY'],
  ['redirects to a healthy one', (instance) => { instance.status = 302; instance.headers = { location: 'http://127.0.0.1/health/ready' }; }, 'NOT_READY'],
  ['serves another service', (instance) => { instance.service = 'gateway'; }, 'WRONG_SERVICE'],
  ['runs under another hash', (instance) => { instance.hash = 'ffffffffffffffff'; }, 'WRONG_HASH'],
  ['answers no JSON', (instance) => { instance.body = '<html>'; }, 'MALFORMED'],
  ['answers without end', (instance) => { instance.body = 'x'.repeat(100_000); }, 'MALFORMED'],
];

describe('registering', () => {
  test('records a healthy instance with what it reported', async () => {
    const instance = await fakeOf('auth');
    const answer = await plane.register('auth', `${instance.url}/`, '1.2.0-rc.1', 'register-1');
    expect(answer.instance).toMatchObject({ url: instance.url, state: 'HEALTHY', version: '1.2.0-rc.1', constitutionalHash: TEST_HASH, lastProbeLatencyMs: expect.any(Number) });
    expect(await plane.register('auth', `${instance.url}/`, '1.2.0-rc.1', 'register-1')).toEqual(answer);
    expect(await plane.register('auth', instance.url, '1.2.0')).toMatchObject({ __typename: 'Conflict', code: 'ALREADY_EXISTS' });
  });

  test.each(UNFIT)('refuses one that %s', async (_what, spoil, outcome) => {
    const instance = await fakeOf('auth');
    const { url } = instance;
    await spoil(instance);
    expect(await plane.register('auth', url)).toMatchObject({ __typename: 'Conflict', message: expect.stringContaining(outcome) });
    expect((await plane.ask<{ serviceInstances: Array<{ url: string }> }>('{ serviceInstances(serviceId: "auth", first: 100) { url } }')).serviceInstances.map((one) => one.url)).not.toContain(url);
  });

  test('refuses one that is too slow', async () => {
    const instance = await fakeOf('auth');
    const release = instance.hold();
    expect(await plane.register('auth', instance.url)).toMatchObject({ __typename: 'Conflict', message: expect.stringContaining('TIMED_OUT') });
    release();
  });

  test('never calls what is not on the allow-list', async () => {
    const instance = await fakeOf('auth');
    for (const url of [`http://127.0.0.2:${instance.port}`, `http://user:pass@127.0.0.1:${instance.port}`, `http://127.0.0.1:${instance.port}/admin`, `http://127.0.0.1:${instance.port}?x=1`, `http://2130706433:${instance.port}`, `http://169.254.169.254`]) {
      expect(await plane.register('auth', url)).toMatchObject({ __typename: 'InvalidInput', field: 'url' });
    }
    expect(instance.probes).toBe(0);
    expect(await plane.register('gateway', instance.url)).toMatchObject({ __typename: 'NotFound' });
    expect(await plane.register('auth', instance.url, '1.2')).toMatchObject({ __typename: 'InvalidInput', field: 'version' });
  });

  test('needs the scope and the constitutional hash', async () => {
    const mutation = 'mutation { registerInstance(serviceId: "auth", url: "http://127.0.0.1:1", version: "1.0.0") { __typename } }';
    expect((await plane.subgraph.query(mutation, {}, { principal: principal('reader', { scopes: ['deployment:read'] }) })).errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' });
    expect((await plane.subgraph.query(mutation, {}, { principal: DEPLOYER, hashPresented: false })).errors?.[0]?.extensions).toMatchObject({ code: 'CONSTITUTIONAL_HASH_REQUIRED' });
  });
});

describe('deploying', () => {
  test('moves the traffic, supersedes what was there, and shows every step', async () => {
    const before = await plane.active('constitutional-ai');
    const { fake, action, deployment } = await plane.deployNew('constitutional-ai');
    opened.push(fake);
    expect(deployment).toMatchObject({ instance: { id: action.instanceId }, previousInstance: { id: before.instance }, failure: null });
    expect(deployment.id).toMatch(/^DEP-\d{4}-\d{4}$/);
    expect(deployment.steps.map(({ kind, position }) => [position, kind])).toEqual([[1, 'REQUESTED'], [2, 'PROBING'], [3, 'ACTIVATED']]);
    expect(await plane.active('constitutional-ai')).toEqual({ deployment: deployment.id, instance: action.instanceId });
    expect(await plane.deployment(before.deployment)).toMatchObject({ status: 'SUPERSEDED' });
    expect((await plane.feed()).targets.find(({ service }) => service === 'constitutional-ai')).toEqual({ service: 'constitutional-ai', instanceId: action.instanceId, url: fake.url, constitutionalHash: TEST_HASH });
    expect(await plane.retire(action.instanceId)).toMatchObject({ __typename: 'Conflict' });
    expect(await plane.deploy(action, await plane.signer.grant(action))).toMatchObject({ __typename: 'Conflict' });
  });

  test.each(UNFIT)('fails, and changes nothing, when the instance %s', async (_what, spoil, outcome) => {
    const { fake, action } = await plane.add('integrity');
    opened.push(fake);
    const before = { active: await plane.active('integrity'), feed: await plane.feed() };
    await spoil(fake);
    const { deployment } = await plane.deploy(action, await plane.signer.grant(action));
    expect(deployment).toMatchObject({ status: 'FAILED', failure: expect.stringContaining(outcome) });
    const transient = outcome === 'UNREACHABLE' || outcome === 'NOT_READY';
    expect(deployment?.steps.map(({ kind }) => kind)).toEqual(['REQUESTED', 'PROBING', ...(transient ? ['PROBE_FAILED', 'PROBE_FAILED'] : []), 'FAILED']);
    expect({ active: await plane.active('integrity'), feed: await plane.feed() }).toEqual(before);
  });

  test('survives a short outage of the instance', async () => {
    const { fake, action } = await plane.add('integrity');
    opened.push(fake);
    fake.status = 503;
    const subscription = plane.subgraph.subscribe<{ deploymentProgress: { kind: string; deployment: DeploymentView | null } }>('subscription { deploymentProgress(serviceId: "integrity") { kind deployment { id status steps { kind } } } }', {}, { principal: DEPLOYER });
    expect((await nextOf(subscription)).data?.deploymentProgress.kind).toBe('OPENED');
    const deploying = plane.deploy(action, await plane.signer.grant(action));
    for (;;) {
      const { data } = await nextOf(subscription);
      if (data?.deploymentProgress.deployment?.steps.at(-1)?.kind === 'PROBE_FAILED') break;
    }
    fake.status = 200;
    expect((await deploying).deployment).toMatchObject({ status: 'ACTIVE' });
    await subscription.return?.();
  });

  test('refuses an instance of another service, a retired one, and an unknown one', async () => {
    const { fake, action } = await plane.add('auth');
    opened.push(fake);
    expect(await plane.deploy({ ...action, serviceId: 'integrity' }, await plane.signer.grant(action))).toMatchObject({ __typename: 'InvalidInput', field: 'instanceId' });
    expect(await plane.retire(action.instanceId, 99)).toMatchObject({ __typename: 'Conflict', code: 'VERSION_CONFLICT' });
    expect(await plane.retire(action.instanceId)).toMatchObject({ instance: { state: 'RETIRED' } });
    expect(await plane.retire(action.instanceId)).toMatchObject({ __typename: 'Conflict' });
    expect(await plane.deploy(action, await plane.signer.grant(action))).toMatchObject({ __typename: 'Conflict', message: expect.stringContaining('retired') });
    expect(await plane.deploy({ serviceId: 'auth', instanceId: 'none' }, 'x')).toMatchObject({ __typename: 'NotFound' });
    expect(await plane.retire('auth-baseline')).toMatchObject({ __typename: 'Conflict' });
  });
});

describe('the stream of steps', () => {
  test('resumes after any cursor without loss or repetition', async () => {
    type Message = { deploymentProgress: { cursor: string; kind: string; deployment: DeploymentView | null } };
    const document = `subscription($id: ID, $after: Cursor) { deploymentProgress(serviceId: "auth", deploymentId: $id, after: $after) { cursor kind deployment ${DEPLOYMENT} } }`;
    const whole = plane.subgraph.subscribe<Message>(document, {}, { principal: DEPLOYER });
    const opening = (await nextOf(whole)).data?.deploymentProgress;
    const { fake, deployment } = await plane.deployNew('auth', '1.3.0');
    opened.push(fake);
    const seen: Array<{ cursor: string; step: string }> = [];
    while (seen.length < 4) {
      const message = (await nextOf(whole)).data?.deploymentProgress;
      if (message?.deployment) seen.push({ cursor: message.cursor, step: `${message.deployment.id} ${message.deployment.steps.at(-1)?.kind}` });
    }
    await whole.return?.();
    expect(seen.slice(0, 2).map(({ step }) => step)).toEqual([`${deployment.id} REQUESTED`, `${deployment.id} PROBING`]);
    expect(seen.slice(2).map(({ step }) => step.split(' ')[1]).sort()).toEqual(['ACTIVATED', 'SUPERSEDED']);

    for (const [index, cursor] of [opening?.cursor ?? '', ...seen.map((one) => one.cursor)].entries()) {
      if (index === seen.length) break;
      const resumed = plane.subgraph.subscribe<Message>(document, { after: cursor }, { principal: DEPLOYER });
      await nextOf(resumed);
      const next = (await nextOf(resumed)).data?.deploymentProgress;
      expect(`${next?.deployment?.id} ${next?.deployment?.steps.at(-1)?.kind}`).toBe(seen[index]?.step);
      expect(next?.cursor).toBe(seen[index]?.cursor);
      await resumed.return?.();
    }
    const foreign = plane.subgraph.subscribe<Message>(document, { id: 'DEP-2026-9999', after: opening?.cursor }, { principal: DEPLOYER });
    expect((await nextOf(foreign)).errors?.[0]?.extensions).toMatchObject({ code: 'CURSOR_INVALID' });
    await foreign.return?.();
  });
});

test('deployments are listed by page, service and status', async () => {
  type Page = { deployments: { nodes: Array<{ id: string; status: string; service: { id: string } }>; endCursor: string; hasNextPage: boolean } };
  const document = 'query($s: ID, $status: DeploymentStatus, $first: Int, $after: Cursor) { deployments(serviceId: $s, status: $status, first: $first, after: $after) { nodes { id status service { id } } endCursor hasNextPage } }';
  const all = (await plane.ask<Page>(document, { first: 100 })).deployments;
  const first = (await plane.ask<Page>(document, { first: 3 })).deployments;
  const second = (await plane.ask<Page>(document, { first: 3, after: first.endCursor })).deployments;
  expect([...first.nodes, ...second.nodes]).toEqual(all.nodes.slice(0, 6));
  expect([first.hasNextPage, all.hasNextPage]).toEqual([true, false]);
  const failed = (await plane.ask<Page>(document, { s: 'integrity', status: 'FAILED', first: 100 })).deployments.nodes;
  expect(failed).toEqual(all.nodes.filter((one) => one.service.id === 'integrity' && one.status === 'FAILED'));
  expect(failed.length).toBe(UNFIT.length);
  const { errors } = await plane.subgraph.query(document, { after: 'x' }, { principal: DEPLOYER });
  expect(errors?.[0]?.extensions).toMatchObject({ code: 'CURSOR_INVALID' });
});
