/** A change grant permits exactly one deployment, once, until it expires, and only when change management signed it. */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { TEST_HASH } from '../../kit/subgraph.js';
import { claimsOf, Deployments, Signer, type Action, type FakeInstance } from './deployment-kit.js';

let plane: Deployments;
let fake: FakeInstance;
let action: Action;

beforeAll(async () => { plane = await Deployments.start(['auth', 'integrity']); });
afterAll(async () => { await plane.stop(); });
beforeEach(async () => {
  await fake?.stop();
  ({ fake, action } = await plane.add('auth', '1.1.0'));
});
afterAll(async () => { await fake.stop(); });

async function expectRefused(token: string, type: string, code: string, what: Pick<Action, 'serviceId' | 'instanceId'> = action): Promise<void> {
  const before = { active: await plane.active('auth'), feed: await plane.feed() };
  expect(await plane.deploy(what, token)).toMatchObject({ __typename: type, code });
  expect({ active: await plane.active('auth'), feed: await plane.feed() }).toEqual(before);
}

const unsigned = (header: object, payload: object): string => `${[header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;
const soon = (): number => Math.floor(Date.now() / 1_000) + 600;

describe('a grant is refused when', () => {
  test('it is signed by somebody else, under a known or an unknown key id', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    await expectRefused(await plane.signer.grant(action, { key: privateKey }), 'Forbidden', 'GRANT_INVALID');
    await expectRefused(await plane.signer.grant(action, { key: privateKey, kid: 'another' }), 'Forbidden', 'GRANT_INVALID');
  });

  test('it is not signed, or signed by HMAC with the public key', async () => {
    const payload = { ...claimsOf(action), iss: 'acgs-governance', aud: 'evolutionary-computation', sub: 'CHG-2026-0001', jti: randomUUID(), iat: soon() - 700, exp: soon() };
    await expectRefused(unsigned({ alg: 'none', kid: plane.signer.kid }, payload), 'Forbidden', 'GRANT_INVALID');
    await expectRefused(`${unsigned({ alg: 'HS256', kid: plane.signer.kid }, payload)}AAAA`, 'Forbidden', 'GRANT_INVALID');
    await expectRefused('not a token', 'Forbidden', 'GRANT_INVALID');
    await expectRefused('x'.repeat(10_000), 'Forbidden', 'GRANT_INVALID');
  });

  test('one of its parts was altered after signing', async () => {
    const [header, , signature] = (await plane.signer.grant(action)).split('.');
    const payload = Buffer.from(JSON.stringify({ ...claimsOf(action), iss: 'acgs-governance', aud: 'evolutionary-computation', sub: 'CHG-2026-0001', jti: randomUUID(), iat: soon() - 700, exp: soon() })).toString('base64url');
    await expectRefused(`${header}.${payload}.${signature}`, 'Forbidden', 'GRANT_INVALID');
  });

  test('it is for another audience or from another issuer', async () => {
    await expectRefused(await plane.signer.grant(action, { audience: 'policy-governance' }), 'Forbidden', 'GRANT_INVALID');
    await expectRefused(await plane.signer.grant(action, { issuer: 'somebody' }), 'Forbidden', 'GRANT_INVALID');
  });

  test('its time is over or has not come', async () => {
    const now = Math.floor(Date.now() / 1_000);
    await expectRefused(await plane.signer.grant(action, { expiresAt: now - 1 }), 'Forbidden', 'GRANT_EXPIRED');
    await expectRefused(await plane.signer.grant(action, { notBefore: now + 300 }), 'Forbidden', 'GRANT_EXPIRED');
  });

  test('it names another service, instance, version or kind', async () => {
    for (const other of [{ ...action, serviceId: 'integrity' }, { ...action, instanceId: randomUUID() }, { ...action, version: '9.9.9' }]) {
      await expectRefused(await plane.signer.grant(other), 'Forbidden', 'GRANT_MISMATCH');
    }
    await expectRefused(await plane.signer.grant(action, { claims: { kind: 'PUBLISH_POLICY' } }), 'Forbidden', 'GRANT_INVALID');
    const { fake: second, action: another } = await plane.add('auth', '1.2.0');
    await expectRefused(await plane.signer.grant(action), 'Forbidden', 'GRANT_MISMATCH', another);
    await second.stop();
  });

  test('its digest and its parameters disagree, whichever of them fits', async () => {
    const other = claimsOf({ ...action, version: '9.9.9' });
    await expectRefused(await plane.signer.grant(action, { claims: { parameters: other['parameters'] } }), 'Forbidden', 'GRANT_MISMATCH');
    await expectRefused(await plane.signer.grant(action, { claims: { digest: other['digest'] } }), 'Forbidden', 'GRANT_MISMATCH');
  });

  test('it was approved under another constitution, by nobody, or by its requester', async () => {
    await expectRefused(await plane.signer.grant(action, { claims: { constitutionalHash: 'ffffffffffffffff' } }), 'Forbidden', 'GRANT_MISMATCH');
    await expectRefused(await plane.signer.grant(action, { claims: { approverIds: [] } }), 'Forbidden', 'GRANT_INVALID');
    await expectRefused(await plane.signer.grant(action, { claims: { approverIds: ['requester-1', 'approver-1'] } }), 'Forbidden', 'GRANT_INVALID');
  });

  test('its nonce was consumed before, even for another instance', async () => {
    const nonce = randomUUID();
    expect((await plane.deploy(action, await plane.signer.grant(action, { nonce }))).deployment).toMatchObject({ status: 'ACTIVE' });
    const { fake: second, action: another } = await plane.add('auth', '1.2.0');
    await expectRefused(await plane.signer.grant(another, { nonce }), 'Conflict', 'STATE_CONFLICT', another);
    await second.stop();
  });
});

describe('a grant is consumed once', () => {
  test('when it is used many times at once: exactly one use wins', async () => {
    const grant = await plane.signer.grant(action);
    const answers = await Promise.all(Array.from({ length: 6 }, () => plane.deploy(action, grant)));
    const won = answers.filter((answer) => answer.__typename === 'StartDeploymentPayload');
    expect(won).toHaveLength(1);
    expect(won[0]?.deployment).toMatchObject({ status: 'ACTIVE', instance: { id: action.instanceId } });
    expect(answers.filter((answer) => answer.__typename === 'Conflict')).toHaveLength(5);
    const { rows } = await plane.subgraph.admin.query('SELECT deployment_id FROM evolutionary_computation.consumed_grant WHERE deployment_id = $1', [won[0]?.deployment?.id]);
    expect(rows).toHaveLength(1);
  });

  test('and a retry with the idempotency key gets the deployment it started, although the grant is spent', async () => {
    const grant = await plane.signer.grant(action);
    const first = await plane.deploy(action, grant, 'deploy-once');
    expect(await plane.deploy(action, grant, 'deploy-once')).toEqual(first);
    expect(await plane.deploy(action, await plane.signer.grant(action), 'deploy-once')).toMatchObject({ __typename: 'Conflict', code: 'IDEMPOTENCY_KEY_REUSED' });
  });

  test('and nobody deletes the record of its use', async () => {
    for (const sql of ['DELETE FROM evolutionary_computation.consumed_grant', `UPDATE evolutionary_computation.consumed_grant SET nonce = 'x'`, 'TRUNCATE evolutionary_computation.deployment_step']) {
      await expect(plane.subgraph.admin.query(sql)).rejects.toMatchObject({ code: 'AC003' });
    }
  });
});

test('a grant carries its change and incident into the deployment', async () => {
  const grant = await plane.signer.grant(action, { changeId: 'CHG-2026-0042', claims: { incidentId: 'INC-2026-003' } });
  const { deployment } = await plane.deploy(action, grant);
  const { deployment: seen, _entities } = await plane.ask<{ deployment: unknown; _entities: unknown }>(
    'query($id: ID!, $r: [_Any!]!) { deployment(id: $id) { changeRequest { id } incident { id } requestedBy { id } service { id } version constitutionalHash } _entities(representations: $r) { ... on ChangeRequest { deployments { id } } } }',
    { id: deployment?.id, r: [{ __typename: 'ChangeRequest', id: 'CHG-2026-0042' }] });
  expect(seen).toEqual({ changeRequest: { id: 'CHG-2026-0042' }, incident: { id: 'INC-2026-003' }, requestedBy: { id: 'deployer-1' }, service: { id: 'auth' }, version: '1.1.0', constitutionalHash: TEST_HASH });
  expect(_entities).toEqual([{ deployments: [{ id: deployment?.id }] }]);
});

test('a key that change management publishes anew is read again, and its predecessor no longer counts', async () => {
  const old = plane.signer;
  const fresh = await Signer.publish(plane.subgraph.dataDirectory);
  await expectRefused(await old.grant(action), 'Forbidden', 'GRANT_INVALID');
  expect((await plane.deploy(action, await fresh.grant(action))).deployment).toMatchObject({ status: 'ACTIVE' });
});
