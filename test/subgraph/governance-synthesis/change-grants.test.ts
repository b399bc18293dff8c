/** Grants: what an executor can check, who may hold one, and when there is none. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, type JSONWebKeySet, type JWK, type JWTPayload } from 'jose';
import { canonicalJson, sha256Hex } from '../../../ops/runtime/canonical-json.js';
import { ChangeBench, CTO, IMPLEMENTER, MANAGER, READER, REQUESTER, type Change } from './change-kit.js';
import { principal, TEST_HASH } from '../../kit/subgraph.js';

const FRIDAY = '2026-02-13T12:00:00.000Z';
let bench: ChangeBench;
let published: JSONWebKeySet;

beforeAll(async () => {
  bench = await ChangeBench.open(FRIDAY);
  published = await (await fetch(`${bench.subgraph.url}/.well-known/grant-keys.json`)).json() as JSONWebKeySet;
});
afterAll(async () => { await bench.subgraph.stop(); });

async function verify(token: string, at: string, audience = 'evolutionary-computation', keys = published): Promise<JWTPayload> {
  const { payload } = await jwtVerify(token, createLocalJWKSet(keys), { issuer: 'acgs-governance', audience, algorithms: ['EdDSA'], currentDate: new Date(at) });
  return payload;
}

async function approvedEmergency(overrides: Record<string, unknown> = {}): Promise<Change> {
  bench.setClock(FRIDAY);
  const submitted = await bench.create('EMERGENCY', overrides);
  expect((await bench.read(submitted.id, REQUESTER)).grant).toBeNull();
  await bench.approve(submitted, CTO);
  return bench.read(submitted.id, REQUESTER);
}

describe('a grant', () => {
  test('carries the contract and verifies with the published key', async () => {
    const change = await approvedEmergency({ incidentId: 'INC-2026-007' });
    const { grant } = change;
    const claims = await verify(grant?.token ?? '', '2026-02-13T12:00:01.000Z');
    const action = { kind: 'DEPLOY_INSTANCE', parameters: { serviceId: 'auth', version: '2.1.0' } };
    expect(claims).toEqual({
      iss: 'acgs-governance', aud: 'evolutionary-computation', sub: change.id, digest: sha256Hex(canonicalJson(action)), ...action,
      requesterId: 'requester', approverIds: ['cto-1'], incidentId: 'INC-2026-007', constitutionalHash: TEST_HASH, jti: grant?.nonce,
      iat: Date.parse(FRIDAY) / 1_000, nbf: Date.parse(FRIDAY) / 1_000, exp: Date.parse(change.expiresAt) / 1_000,
    });
    expect(change.action.digest).toBe(claims['digest']);
    expect(grant?.expiresAt).toBe(change.expiresAt);
    expect(decodeProtectedHeader(grant?.token ?? '')).toMatchObject({ alg: 'EdDSA', kid: published.keys[0]?.kid });
  });

  test('is refused when tampered with, expired, early, for another audience or under another key', async () => {
    const token = (await approvedEmergency()).grant?.token ?? '';
    const [header, payload, signature] = token.split('.') as [string, string, string];
    const forged = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(payload, 'base64url').toString()), parameters: { version: '6.6.6' } })).toString('base64url');
    const during = '2026-02-13T13:00:00.000Z';
    await expect(verify(`${header}.${forged}.${signature}`, during)).rejects.toMatchObject({ code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' });
    await expect(verify(`${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`, during)).rejects.toThrow();
    await expect(verify(token, '2026-02-13T16:00:00.000Z')).rejects.toMatchObject({ code: 'ERR_JWT_EXPIRED' });
    await expect(verify(token, '2026-02-13T11:59:58.000Z')).rejects.toMatchObject({ code: 'ERR_JWT_CLAIM_VALIDATION_FAILED' });
    await expect(verify(token, during, 'policy-governance')).rejects.toMatchObject({ code: 'ERR_JWT_CLAIM_VALIDATION_FAILED' });
    const [key] = published.keys;
    const stranger: JWK = { ...key, x: Buffer.alloc(32, 9).toString('base64url') };
    await expect(verify(token, during, 'evolutionary-computation', { keys: [stranger] })).rejects.toThrow();
  });

  test('is the same whenever it is read, and has one nonce', async () => {
    const change = await approvedEmergency();
    bench.setClock('2026-02-13T13:00:00.000Z');
    expect((await bench.read(change.id, IMPLEMENTER)).grant).toEqual(change.grant);
  });

  test('is shown to requester, implementer and operators only, and never stands in an event', async () => {
    const change = await approvedEmergency();
    expect((await bench.read(change.id, READER)).grant).toBeNull();
    expect((await bench.read(change.id, principal('requester', { scopes: ['change:read'] }))).grant).not.toBeNull();
    expect((await bench.read(change.id, principal('operator-9', { scopes: ['change:read', 'change:write'] }))).grant).not.toBeNull();
    const { rows } = await bench.subgraph.admin.query<{ leaf: string }>(`SELECT convert_from(leaf, 'UTF8') AS leaf FROM governance_synthesis.outbox WHERE entity_id = $1`, [change.id]);
    expect(rows).toHaveLength(2);
    for (const { leaf } of rows) expect(leaf).not.toContain(change.grant?.nonce);
  });

  test('of a standard change exists inside its window only and ends with it', async () => {
    bench.setClock(FRIDAY);
    const { id } = await bench.approve(await bench.create('STANDARD', { action: { kind: 'PUBLISH_POLICY', parameters: { policyId: 'p', version: 3 } } }), MANAGER);
    const at = async (moment: string): Promise<Change['grant']> => {
      bench.setClock(moment);
      return (await bench.read(id, REQUESTER)).grant;
    };
    expect(await at('2026-02-15T01:59:59.999Z')).toBeNull();
    const grant = await at('2026-02-15T03:00:00.000Z');
    expect(grant?.expiresAt).toBe('2026-02-15T04:00:00.000Z');
    expect(await verify(grant?.token ?? '', '2026-02-15T03:00:00.000Z', 'policy-governance')).toMatchObject({ sub: id, nbf: Date.parse('2026-02-15T02:00:00.000Z') / 1_000 });
    expect(await at('2026-02-15T04:00:00.000Z')).toBeNull();
  });

  test('lasts through the implementation, and there is none for work outside the graph', async () => {
    const change = await approvedEmergency();
    expect((await bench.done('startImplementation', { id: change.id }, IMPLEMENTER)).grant?.nonce).toBe(change.grant?.nonce);
    expect((await bench.done('completeImplementation', { id: change.id, outcome: 'SUCCEEDED', notes: 'Done' }, IMPLEMENTER)).grant).toBeNull();
    expect((await approvedEmergency({ action: { kind: 'CONFIGURATION', parameters: { key: 'pool.size' } } })).grant).toBeNull();
  });

  test('is signed by a key that stays, whose private half nobody else reads', async () => {
    const folder = bench.subgraph.dataDirectory;
    const file = JSON.parse(await readFile(join(folder, 'grants', 'public.jwk.json'), 'utf8')) as JWK;
    expect(published).toEqual({ keys: [file] });
    expect(Object.keys(file).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x']);
    expect((await stat(join(folder, 'secrets', 'change-grant.jwk.json'))).mode & 0o777).toBe(0o600);
    await bench.subgraph.restart();
    expect(await (await fetch(`${bench.subgraph.url}/.well-known/grant-keys.json`)).json()).toEqual(published);
  });
});
