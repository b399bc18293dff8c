/** Principals, grants, API keys and the revocation feed, against real PostgreSQL. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SCOPES } from '../../../subgraphs/auth/domain-roles.js';
import { principal } from '../../kit/subgraph.js';
import { until } from '../../kit/until.js';
import { PROBLEM, startAuth, type AuthPlane, type Tokens } from './kit.js';

const PASSWORD = 'correct horse battery';
const DAY_MS = 24 * 3_600_000;
let plane: AuthPlane;

beforeAll(async () => { plane = await startAuth(); });
afterAll(async () => { await plane.stop(); });

const GRANT = `mutation($p: ID!, $r: String!, $e: DateTime, $k: String) { grantRole(principalId: $p, role: $r, expiresAt: $e, idempotencyKey: $k) { __typename ... on GrantRolePayload { grant { id role state expiresAt grantedBy { id } principal { roles } } } ${PROBLEM} } }`;
const REVOKE = `mutation($p: ID!, $r: String!) { revokeRole(principalId: $p, role: $r) { __typename ... on RevokeRolePayload { grant { id role state endedBy { id } principal { roles } } } ${PROBLEM} } }`;
const DISABLE = `mutation($p: ID!, $v: Int) { disablePrincipal(principalId: $p, reason: "left", expectedVersion: $v) { __typename ... on DisablePrincipalPayload { principal { active version } } ${PROBLEM} } }`;
const KEY = `mutation($i: CreateApiKeyInput!, $k: String) { createApiKey(input: $i, idempotencyKey: $k) { __typename ... on CreateApiKeyPayload { apiKey { id name scopes state expiresAt lastUsedAt owner { username } } secret } ${PROBLEM} } }`;

interface Key { readonly apiKey: { readonly id: string; readonly scopes: string[]; readonly expiresAt: string; readonly lastUsedAt: string | null }; readonly secret: string | null }

const grant = (p: string, r: string, e?: Date, k?: string) => plane.admin_(GRANT, { p, r, e: e?.toISOString(), k });
const exchange = async (apiKey: string) => {
  const response = await plane.hop('POST', '/internal/credentials', { apiKey });
  return { status: response.status, body: await response.json() as Record<string, unknown> };
};
const rolesOf = async (tokens: Tokens) => (await plane.verify((await plane.refresh(tokens.refreshToken)).accessToken)).payload['roles'];

describe('principals', () => {
  test('are added once per key, with unique names, and the key guards its input', async () => {
    const create = `mutation($i: CreatePrincipalInput!, $k: String) { createPrincipal(input: $i, idempotencyKey: $k) { __typename ... on CreatePrincipalPayload { principal { id username kind hasPassword } generatedPassword } ${PROBLEM} } }`;
    const input = { kind: 'SERVICE', username: 'ci-runner', displayName: 'CI', password: PASSWORD };
    const first = await plane.admin_(create, { i: input, k: 'create-1' });
    expect(first).toMatchObject({ principal: { username: 'ci-runner', kind: 'SERVICE', hasPassword: true }, generatedPassword: null });
    expect(await plane.admin_(create, { i: input, k: 'create-1' })).toEqual(first);
    expect(await plane.admin_(create, { i: { ...input, password: 'another horse battery' }, k: 'create-1' })).toMatchObject({ __typename: 'Conflict', code: 'IDEMPOTENCY_KEY_REUSED' });
    expect(await plane.admin_(create, { i: input })).toMatchObject({ __typename: 'Conflict', code: 'ALREADY_EXISTS' });
    for (const wrong of [{ username: 'Ä' }, { password: 'short' }, { displayName: ' ' }, { generatePassword: true }]) {
      expect(await plane.admin_(create, { i: { ...input, username: 'other', ...wrong } })).toMatchObject({ __typename: 'InvalidInput' });
    }
    const { rows } = await plane.admin.query(`SELECT kind FROM auth.outbox WHERE kind = 'PrincipalCreated' AND payload->>'username' = 'ci-runner'`);
    expect(rows).toHaveLength(1);
  });

  test('a caller without the scope, or without the hash, changes nothing', async () => {
    const call = { principal: principal('someone', { scopes: ['principal:read'] }) };
    expect(await plane.errorOf(DISABLE, { p: plane.adminId }, call)).toMatchObject({ code: 'FORBIDDEN' });
    const administrator = principal('someone', { scopes: [...SCOPES] });
    expect(await plane.errorOf(DISABLE, { p: plane.adminId }, { principal: administrator, hashPresented: false })).toMatchObject({ code: 'CONSTITUTIONAL_HASH_REQUIRED' });
  });

  test('agents and services get no human policy and never the scope to approve', async () => {
    for (const kind of ['AGENT', 'SERVICE']) {
      const id = await plane.create(`robot-${kind.toLowerCase()}`, PASSWORD, kind);
      await grant(id, 'cto');
      const { payload } = await plane.verify((await plane.login(`robot-${kind.toLowerCase()}`, PASSWORD)).accessToken);
      expect(payload).toMatchObject({ kind, policies: [], roles: ['cto'] });
      expect(String(payload['scope']).split(' ')).not.toContain('change:approve');
      if (kind === 'AGENT') expect(await grant(id, 'admin')).toMatchObject({ __typename: 'Forbidden', code: 'HUMAN_REQUIRED' });
    }
  });

  test('are listed by page, kind and role', async () => {
    const page = `query($f: Int, $a: Cursor, $k: PrincipalKind, $r: String) { principals(first: $f, after: $a, kind: $k, role: $r) { nodes { username roles grants { state } } endCursor hasNextPage } }`;
    type Page = { nodes: { username: string; roles: string[] }[]; endCursor: string; hasNextPage: boolean };
    const seen: string[] = [];
    let after: string | null = null;
    for (let more = true; more;) {
      const current: Page = await plane.admin_<Page>(page, { f: 4, a: after });
      seen.push(...current.nodes.map(({ username }) => username));
      [after, more] = [current.endCursor, current.hasNextPage];
    }
    expect(seen).toEqual(seen.toSorted());
    expect(seen).toEqual(expect.arrayContaining(['admin', 'cto', 'database-admin', 'operations-lead', 'vp-engineering']));
    expect((await plane.admin_<Page>(page, { r: 'governance-officer' })).nodes).toEqual([expect.objectContaining({ username: 'compliance-officer', roles: ['governance-officer'] })]);
    expect((await plane.admin_<Page>(page, { k: 'AGENT' })).nodes.map(({ username }) => username)).toEqual(['robot-agent']);
    expect(await plane.admin_('{ roles { name scopes } }')).toHaveLength(9);
  });

  test('the last administrator cannot be disabled or lose the role, also when two try at once', async () => {
    const [one, two] = [await plane.create('admin-one', PASSWORD), await plane.create('admin-two', null)];
    await grant(one, 'admin');
    await grant(two, 'admin');
    const by = (id: string) => ({ principal: principal(id, { scopes: [...SCOPES] }) });
    expect(await plane.ask(DISABLE, { p: one }, by(one))).toMatchObject({ __typename: 'Forbidden' });
    const outcomes = await Promise.all([plane.ask(DISABLE, { p: one }, by(plane.adminId)), plane.ask(DISABLE, { p: plane.adminId }, by(one))]);
    expect(outcomes.map(({ __typename }) => __typename).toSorted()).toEqual(['DisablePrincipalPayload', 'Forbidden']);
    expect(outcomes.find(({ __typename }) => __typename === 'Forbidden')).toMatchObject({ code: 'LAST_ADMINISTRATOR' });
    const left = outcomes[0]?.__typename === 'Forbidden' ? one : plane.adminId;
    expect(await plane.ask(REVOKE, { p: left, r: 'admin' }, by(two))).toMatchObject({ code: 'LAST_ADMINISTRATOR' });
    const gone = left === one ? plane.adminId : one;
    expect(await plane.admin_(`mutation($p: ID!) { enablePrincipal(principalId: $p, expectedVersion: 2) { ... on EnablePrincipalPayload { principal { active version } } ${PROBLEM} } }`, { p: gone })).toEqual({ principal: { active: true, version: 3 } });
    expect(await plane.admin_(DISABLE, { p: one, v: 1 })).toMatchObject(gone === one ? { code: 'VERSION_CONFLICT' } : { __typename: 'DisablePrincipalPayload' });
  });
});

describe('grants', () => {
  test('nobody grants themselves, unknown roles and past ends are refused, and nothing is granted twice', async () => {
    const id = await plane.create('grantee', PASSWORD);
    expect(await grant(plane.adminId, 'cto')).toMatchObject({ __typename: 'Forbidden', code: 'SEPARATION_OF_DUTIES' });
    expect(await grant(id, 'emperor')).toMatchObject({ __typename: 'InvalidInput' });
    expect(await grant(id, 'viewer', plane.now())).toMatchObject({ __typename: 'InvalidInput' });
    expect(await grant('nobody', 'viewer')).toMatchObject({ __typename: 'NotFound' });
    const first = await grant(id, 'viewer', undefined, 'grant-1');
    expect(first).toMatchObject({ grant: { role: 'viewer', state: 'ACTIVE', expiresAt: null, grantedBy: { id: plane.adminId }, principal: { roles: ['viewer'] } } });
    expect(await grant(id, 'viewer', undefined, 'grant-1')).toEqual(first);
    expect(await grant(id, 'operator', undefined, 'grant-1')).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
    expect(await grant(id, 'viewer')).toMatchObject({ __typename: 'Conflict', code: 'ALREADY_EXISTS' });
  });

  test('an expired grant gives nothing, is recorded, and makes older tokens worthless', async () => {
    const id = await plane.create('temporary', PASSWORD);
    const end = new Date(plane.now().getTime() + 3_600_000);
    const given = await grant(id, 'operator', end) as unknown as { grant: { id: string } };
    const tokens = await plane.login('temporary', PASSWORD);
    const before = await plane.verify(tokens.accessToken);
    expect(before.payload['roles']).toEqual(['operator']);
    const { epoch } = await plane.revocations();
    plane.advance(3_600_000);
    expect(await rolesOf(tokens)).toEqual([]);
    expect(await plane.waitForEvent('GrantExpired', given.grant.id)).toMatchObject({ principalId: id, role: 'operator', endReason: 'EXPIRED', endedAt: end.toISOString() });
    const feed = await plane.revocations(epoch);
    const entry = feed.revoked.find(({ principalId }) => principalId === id);
    expect(Date.parse(String(entry?.before))).toBeGreaterThan(Number(before.payload.iat) * 1_000);
    expect(await plane.events(given.grant.id)).toEqual(['RoleGranted', 'GrantExpired']);
    expect(await grant(id, 'operator')).toMatchObject({ grant: { state: 'ACTIVE' } });
  });

  test('a revoked role is gone from the next token, and tokens issued in the same second but later hold', async () => {
    const id = await plane.create('demoted', PASSWORD);
    await grant(id, 'operator');
    const old = await plane.login('demoted', PASSWORD);
    plane.advance(10);
    expect(await plane.admin_(REVOKE, { p: id, r: 'operator' })).toMatchObject({ grant: { state: 'REVOKED', endedBy: { id: plane.adminId }, principal: { roles: [] } } });
    plane.advance(10);
    const fresh = await plane.refresh(old.refreshToken);
    const before = Date.parse(String((await plane.revocations()).revoked.findLast(({ principalId }) => principalId === id)?.before));
    const issued = async ({ accessToken }: Tokens) => Number((await plane.verify(accessToken)).payload.iat) * 1_000;
    expect(await issued(old)).toBeLessThan(before);
    expect(await issued(fresh)).toBeGreaterThanOrEqual(before);
    expect((await plane.verify(fresh.accessToken)).payload['roles']).toEqual([]);
    expect(await plane.admin_(REVOKE, { p: id, r: 'operator' })).toMatchObject({ __typename: 'NotFound' });
  });
});

describe('API keys', () => {
  let owner: string;
  let key: Key;
  const asOwner = (scopes: string[], credentialId?: string) => ({ principal: principal(owner, { scopes }), ...(credentialId === undefined ? {} : { credentialId }) });

  beforeAll(async () => {
    owner = await plane.create('key-owner', PASSWORD);
    await grant(owner, 'operator');
    key = await plane.ask<Key>(KEY, { i: { name: 'deploy', scopes: ['deployment:write', 'deployment:read'] }, k: 'key-1' }, asOwner(['deployment:write', 'deployment:read']));
  });

  test('are shown once, kept as a digest, and exchanged for their principal without the human policy', async () => {
    expect(key).toMatchObject({ apiKey: { state: 'ACTIVE', scopes: ['deployment:read', 'deployment:write'], owner: { username: 'key-owner' }, lastUsedAt: null } });
    expect(key.secret).toMatch(/^acgs_[0-9a-f]{16}_[\w-]{43}$/);
    expect(Date.parse(key.apiKey.expiresAt) - plane.now().getTime()).toBe(90 * DAY_MS);
    const replay = await plane.ask<Key>(KEY, { i: { name: 'deploy', scopes: ['deployment:write', 'deployment:read'] }, k: 'key-1' }, asOwner(['deployment:write', 'deployment:read']));
    expect(replay).toEqual({ ...key, secret: null });
    expect(await exchange(String(key.secret))).toEqual({ status: 200, body: { id: owner, kind: 'HUMAN', roles: ['operator'], scopes: ['deployment:read', 'deployment:write'], policies: [], credentialId: key.apiKey.id, expiresAt: key.apiKey.expiresAt } });
    const used = await plane.ask<{ apiKeys: { lastUsedAt: string }[] }>('{ me { apiKeys { lastUsedAt } } }', {}, asOwner([]));
    expect(used.apiKeys[0]?.lastUsedAt).toBe(plane.now().toISOString());
    const { rows } = await plane.admin.query<{ text: string }>(`SELECT encode(leaf, 'escape') || payload::text AS text FROM auth.outbox UNION ALL SELECT result::text FROM auth.idempotency UNION ALL SELECT k::text FROM auth.api_key k`);
    expect(rows.filter(({ text }) => text.includes(String(key.secret).slice(-43)))).toEqual([]);
    expect(await plane.events(key.apiKey.id)).toEqual(['ApiKeyCreated']);
  });

  test('wrong ones are refused alike', async () => {
    const text = String(key.secret);
    for (const wrong of ['acgs_nothing', text.slice(0, -1) + (text.endsWith('A') ? 'B' : 'A'), `acgs_0000000000000000_${'A'.repeat(43)}`]) {
      expect(await exchange(wrong)).toEqual({ status: 401, body: { error: { code: 'UNAUTHENTICATED', message: 'The API key is not valid.' } } });
    }
    const bare = await fetch(`${plane.url}/internal/credentials`, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } });
    expect(bare.status).toBe(401);
    expect((await fetch(`${plane.url}/internal/revocations`)).status).toBe(401);
  });

  test('never give more than their owner holds, nor make keys', async () => {
    expect(await plane.ask(KEY, { i: { name: 'k', scopes: ['change:approve'] } }, asOwner([...SCOPES]))).toMatchObject({ __typename: 'Forbidden' });
    expect(await plane.ask(KEY, { i: { name: 'k', scopes: ['incident:write'] } }, asOwner(['incident:read']))).toMatchObject({ __typename: 'Forbidden' });
    expect(await plane.ask(KEY, { i: { name: 'k', scopes: ['deployment:read'] } }, asOwner(['deployment:read'], key.apiKey.id))).toMatchObject({ __typename: 'Forbidden' });
    expect(await plane.ask(KEY, { i: { ownerId: plane.adminId, name: 'k', scopes: ['audit:read'] } }, asOwner(['audit:read']))).toMatchObject({ __typename: 'Forbidden' });
    for (const wrong of [{ scopes: [] }, { scopes: ['root'] }, { name: '' }, { expiresAt: plane.now().toISOString() }, { expiresAt: new Date(plane.now().getTime() + 367 * DAY_MS).toISOString() }]) {
      expect(await plane.ask(KEY, { i: { name: 'k', scopes: ['deployment:read'], ...wrong } }, asOwner(['deployment:read']))).toMatchObject({ __typename: 'InvalidInput' });
    }
    await plane.admin_(REVOKE, { p: owner, r: 'operator' });
    await grant(owner, 'viewer');
    expect((await exchange(String(key.secret))).body).toMatchObject({ roles: ['viewer'], scopes: ['deployment:read'] });
  });

  test('end by revocation, by time and with their owner, and the feed says so', async () => {
    const make = async (name: string, expiresAt?: Date) => plane.admin_<Key>(KEY, { i: { ownerId: owner, name, scopes: ['deployment:read'], expiresAt: expiresAt?.toISOString() } });
    const [short, long] = [await make('short', new Date(plane.now().getTime() + DAY_MS)), await make('long')];
    const { epoch } = await plane.revocations();
    const revoke = `mutation($k: ID!) { revokeApiKey(apiKeyId: $k) { __typename ... on RevokeApiKeyPayload { apiKey { state revokedAt } } ${PROBLEM} } }`;
    expect(await plane.ask(revoke, { k: key.apiKey.id }, { principal: principal('stranger') })).toMatchObject({ __typename: 'NotFound' });
    expect(await plane.ask(revoke, { k: key.apiKey.id }, asOwner([]))).toMatchObject({ apiKey: { state: 'REVOKED', revokedAt: plane.now().toISOString() } });
    expect(await plane.ask(revoke, { k: key.apiKey.id }, asOwner([]))).toMatchObject({ __typename: 'Conflict' });
    expect((await exchange(String(key.secret))).status).toBe(401);
    expect(await plane.revocations(epoch)).toMatchObject({ epoch: epoch + 1, revoked: [{ credentialId: key.apiKey.id, principalId: null }] });
    plane.advance(DAY_MS);
    expect((await exchange(String(short.secret))).status).toBe(401);
    expect((await exchange(String(long.secret))).status).toBe(200);
    const tokens = await plane.login('key-owner', PASSWORD);
    expect(await plane.admin_(DISABLE, { p: owner })).toMatchObject({ principal: { active: false } });
    expect((await exchange(String(long.secret))).status).toBe(401);
    expect(await plane.errorOf(`mutation($t: String!) { refreshSession(refreshToken: $t) { __typename } }`, { t: tokens.refreshToken })).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await plane.events(long.apiKey.id)).toEqual(['ApiKeyCreated', 'ApiKeyRevoked']);
    expect(await plane.events(tokens.session.id)).toEqual(['LoginSucceeded', 'SessionRevoked']);
    const last = (await plane.revocations(epoch)).revoked.at(-1);
    expect(last).toMatchObject({ credentialId: null, principalId: owner });
    expect(await plane.admin_(GRANT, { p: owner, r: 'operator' })).toMatchObject({ __typename: 'Conflict' });
  });
});

describe('the revocation feed', () => {
  test('gives each entry once in order, keeps the epoch, and forgets what no token can outlive', async () => {
    const ids = await Promise.all(Array.from({ length: 6 }, (_, n) => plane.create(`feed-${n}`, null)));
    const { epoch } = await plane.revocations();
    for (const id of ids) await grant(id, 'viewer');
    await Promise.all(ids.map((p) => plane.admin_(REVOKE, { p, r: 'viewer' })));
    const { epoch: after, revoked } = await plane.revocations(epoch);
    expect(after).toBe(epoch + ids.length);
    expect(revoked.map(({ principalId }) => principalId).toSorted()).toEqual(ids.toSorted());
    expect(await plane.revocations(after)).toEqual({ epoch: after, revoked: [] });
    plane.advance(31 * 60_000 + 1);
    await until(async () => ((await plane.revocations()).revoked.length === 0 ? true : undefined));
    expect((await plane.revocations()).epoch).toBe(after);
    expect((await plane.hop('GET', '/internal/revocations?since=-1')).status).toBe(400);
  });
});

test('every change of a governed row has its audit leaf, made under the constitution in force', async () => {
  const { rows } = await plane.admin.query<{ table_name: string; without: string }>(`
    SELECT 'principal' AS table_name, count(*) AS without FROM auth.principal p WHERE NOT EXISTS (SELECT 1 FROM auth.outbox o WHERE o.entity_id = p.id AND o.kind = 'PrincipalCreated')
    UNION ALL SELECT 'grant', count(*) FROM auth.role_grant g WHERE NOT EXISTS (SELECT 1 FROM auth.outbox o WHERE o.entity_id = g.id AND o.kind = 'RoleGranted')
    UNION ALL SELECT 'ended', count(*) FROM auth.role_grant g WHERE g.ended_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM auth.outbox o WHERE o.entity_id = g.id AND o.kind IN ('RoleRevoked', 'GrantExpired'))
    UNION ALL SELECT 'session', count(*) FROM auth.session s WHERE NOT EXISTS (SELECT 1 FROM auth.outbox o WHERE o.entity_id = s.id AND o.kind = 'LoginSucceeded')
    UNION ALL SELECT 'api_key', count(*) FROM auth.api_key k WHERE NOT EXISTS (SELECT 1 FROM auth.outbox o WHERE o.entity_id = k.id AND o.kind = 'ApiKeyCreated')`);
  expect(rows.map(({ without }) => Number(without))).toEqual([0, 0, 0, 0, 0]);
  await expect(plane.admin.query(`UPDATE auth.principal SET display_name = 'x' WHERE id = $1`, [plane.adminId])).rejects.toMatchObject({ code: 'AC002' });
});
