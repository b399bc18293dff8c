/** Passwords, access tokens and refresh tokens, against real PostgreSQL. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { statSync } from 'node:fs';
import { initialPasswordFile, readInitialPassword } from '../../../subgraphs/auth/index.js';
import { principal, TEST_HASH } from '../../kit/subgraph.js';
import { until } from '../../kit/until.js';
import { PROBLEM, startAuth, TOKENS, type AuthPlane, type Tokens } from './kit.js';

const PASSWORD = 'correct horse battery';
let plane: AuthPlane;
let alice: string;

beforeAll(async () => {
  plane = await startAuth();
  alice = await plane.create('alice', PASSWORD);
  await plane.admin_(`mutation($p: ID!) { grantRole(principalId: $p, role: "operator") { ... on GrantRolePayload { grant { id } } ${PROBLEM} } }`, { p: alice });
});
afterAll(async () => { await plane.stop(); });

const LOGIN = `mutation($u: String!, $p: String!) { login(username: $u, password: $p) { __typename ... on LoginPayload { ${TOKENS} } ${PROBLEM} } }`;
const REFRESH = `mutation($t: String!) { refreshSession(refreshToken: $t) { __typename ... on RefreshSessionPayload { ${TOKENS} } ${PROBLEM} } }`;
const as = (tokens: Tokens) => ({ principal: principal(tokens.principal.id), credentialId: tokens.session.id });

describe('login', () => {
  test('the first administrator logs in with the generated password, kept in a file nobody else reads', async () => {
    expect(plane.adminPassword).toMatch(/^[\w-]{32}$/);
    expect(statSync(initialPasswordFile(plane.dataDirectory)).mode & 0o777).toBe(0o600);
    const tokens = await plane.login('Admin ', plane.adminPassword);
    expect(tokens.principal.id).toBe(plane.adminId);
  });

  test('an access token carries exactly what the gateway reads, for 30 minutes', async () => {
    const tokens = await plane.login('alice', PASSWORD);
    const { payload, kid } = await plane.verify(tokens.accessToken);
    expect(Object.keys(payload).toSorted()).toEqual(['aud', 'exp', 'hash', 'iat', 'iss', 'jti', 'kind', 'policies', 'roles', 'scope', 'sid', 'sub']);
    expect(payload).toMatchObject({ sub: alice, kind: 'HUMAN', roles: ['operator'], policies: ['human'], sid: tokens.session.id, hash: TEST_HASH });
    expect(String(payload['scope']).split(' ')).toEqual(expect.arrayContaining(['incident:write', 'service:read']));
    expect(String(payload['scope'])).not.toContain('change:approve');
    expect(Number(payload.exp) - Number(payload.iat)).toBe(1_800);
    expect(Date.parse(tokens.expiresAt) - plane.now().getTime()).toBe(1_800_000);
    const { rows } = await plane.admin.query<{ kid: string }>('SELECT kid FROM auth.signing_key WHERE retired_at IS NULL');
    expect(rows.map((row) => row.kid)).toEqual([kid]);
  });

  test('a rotated key signs new tokens while older ones stay valid until they have expired', async () => {
    const before = await plane.login('alice', PASSWORD);
    const rotated = await plane.admin_<{ keyId: string }>(`mutation { rotateSigningKey(idempotencyKey: "r1") { ... on RotateSigningKeyPayload { keyId } ${PROBLEM} } }`);
    const again = await plane.admin_<{ keyId: string }>(`mutation { rotateSigningKey(idempotencyKey: "r1") { ... on RotateSigningKeyPayload { keyId } ${PROBLEM} } }`);
    expect(again.keyId).toBe(rotated.keyId);
    const after = await plane.login('alice', PASSWORD);
    expect((await plane.verify(after.accessToken)).kid).toBe(rotated.keyId);
    expect((await plane.verify(before.accessToken)).kid).not.toBe(rotated.keyId);
    plane.advance(32 * 60_000);
    const keys = await (await fetch(`${plane.url}/.well-known/jwks.json`)).json() as { keys: Record<string, string>[] };
    expect(keys.keys.map((key) => key['kid'])).toEqual([rotated.keyId]);
    expect(keys.keys[0]).toEqual({ kty: 'OKP', crv: 'Ed25519', x: expect.any(String), kid: rotated.keyId, alg: 'EdDSA', use: 'sig' });
    expect(await plane.events(rotated.keyId)).toEqual(['SigningKeyRotated']);
  });

  test('keys, sessions and the administrator survive a restart and another seed', async () => {
    const tokens = await plane.login('alice', PASSWORD);
    await plane.restart();
    await plane.subgraph.seed();
    expect((await plane.verify(tokens.accessToken)).payload['sid']).toBe(tokens.session.id);
    await plane.login('admin', plane.adminPassword);
  });

  test('wrong names, wrong passwords, accounts without password and disabled ones answer alike', async () => {
    const gone = await plane.create('gone', PASSWORD);
    await plane.admin_(`mutation($p: ID!) { disablePrincipal(principalId: $p, reason: "left") { ... on DisablePrincipalPayload { principal { id } } ${PROBLEM} } }`, { p: gone });
    const answers = await Promise.all([['alice', 'wrong password!'], ['nobody-here', PASSWORD], ['cto', PASSWORD], ['gone', PASSWORD]].map(async ([u, p]) => {
      const { data, errors } = await plane.query(LOGIN, { u, p });
      return [data, errors?.map(({ message, extensions }) => [message, extensions?.['code']])];
    }));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]).toEqual([null, [['The username or the password is wrong.', 'UNAUTHENTICATED']]]);
  });

  test('failures are reported as one event a subject, without the names that were tried', async () => {
    const event = await plane.waitForEvent('LoginFailed', alice);
    expect(event).toMatchObject({ principalId: alice, failures: 1 });
    expect(await plane.waitForEvent('LoginFailed', 'unknown')).toMatchObject({ principalId: null, failures: 1 });
    for (let i = 0; i < 5; i += 1) await plane.query(LOGIN, { u: `guess-${i}`, p: PASSWORD });
    expect(await plane.events('unknown')).toHaveLength(1);
    plane.advance(61_000);
    const second = await until(async () => {
      const { rows } = await plane.admin.query<{ payload: { failures: number } }>(`SELECT payload FROM auth.outbox WHERE kind = 'LoginFailed' AND entity_id = 'unknown' ORDER BY id`);
      return rows[1]?.payload;
    });
    expect(second.failures).toBe(5);
  });

  test('a name that is guessed at is blocked, also for the right password, and free again later', async () => {
    await plane.create('mallory-target', PASSWORD);
    const guesses = await Promise.all(Array.from({ length: 30 }, () => plane.errorOf(LOGIN, { u: 'mallory-target', p: 'wrong password!' })));
    expect(guesses.filter(({ code }) => code === 'UNAUTHENTICATED')).toHaveLength(10);
    expect(guesses.filter(({ code }) => code === 'TOO_MANY_ATTEMPTS')).toHaveLength(20);
    expect(await plane.errorOf(LOGIN, { u: 'mallory-target', p: PASSWORD })).toMatchObject({ code: 'TOO_MANY_ATTEMPTS', retryAfterSeconds: 30 });
    expect(await plane.errorOf(LOGIN, { u: 'Mallory-Target', p: PASSWORD })).toMatchObject({ code: 'TOO_MANY_ATTEMPTS' });
    plane.advance(30_000);
    await plane.login('mallory-target', PASSWORD);
    await plane.login('mallory-target', PASSWORD);
  });

  test('a login retried with its key gets the same session, and the key opens no other', async () => {
    const [one, two] = await Promise.all([plane.login('alice', PASSWORD, 'login-1'), plane.login('alice', PASSWORD, 'login-1')]);
    expect([two.session.id, two.refreshToken]).toEqual([one.session.id, one.refreshToken]);
    plane.advance(31_000);
    expect(await plane.login('alice', PASSWORD, 'login-1')).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  });
});

describe('refresh', () => {
  test('gives a successor and reads the roles anew', async () => {
    const tokens = await plane.login('alice', PASSWORD);
    await plane.admin_(`mutation($p: ID!) { grantRole(principalId: $p, role: "team-lead") { ... on GrantRolePayload { grant { id } } ${PROBLEM} } }`, { p: alice });
    const refreshed = await plane.refresh(tokens.refreshToken);
    expect(refreshed.refreshToken).not.toBe(tokens.refreshToken);
    expect(refreshed.session.id).toBe(tokens.session.id);
    expect((await plane.verify(refreshed.accessToken)).payload['roles']).toEqual(['operator', 'team-lead']);
    expect(await plane.events(tokens.session.id)).toEqual(['LoginSucceeded', 'SessionRefreshed']);
  });

  test('a retry within 30 seconds gets the same successor, with or without the key', async () => {
    const tokens = await plane.login('alice', PASSWORD);
    const first = await plane.refresh(tokens.refreshToken, 'refresh-1');
    plane.advance(30_000);
    const retried = await plane.refresh(tokens.refreshToken, 'refresh-1');
    const other = await plane.refresh(tokens.refreshToken);
    expect([retried.refreshToken, other.refreshToken]).toEqual([first.refreshToken, first.refreshToken]);
    expect(retried.accessToken).not.toBe(first.accessToken);
    expect(await plane.refresh(first.refreshToken, 'refresh-1')).toMatchObject({ __typename: 'Conflict', code: 'IDEMPOTENCY_KEY_REUSED' });
    expect((await plane.refresh(first.refreshToken)).refreshToken).not.toBe(first.refreshToken);
  });

  test('parallel refreshes of one token make one successor', async () => {
    const tokens = await plane.login('alice', PASSWORD);
    const refreshed = await Promise.all(Array.from({ length: 12 }, () => plane.refresh(tokens.refreshToken)));
    expect(new Set(refreshed.map(({ refreshToken }) => refreshToken)).size).toBe(1);
    expect(new Set(refreshed.map(({ accessToken }) => accessToken)).size).toBe(12);
    const { rows } = await plane.admin.query<{ generation: number }>('SELECT generation FROM auth.refresh_token WHERE session_id = $1 ORDER BY generation', [tokens.session.id]);
    expect(rows.map(({ generation }) => generation)).toEqual([0, 1]);
    expect(await plane.events(tokens.session.id)).toEqual(['LoginSucceeded', 'SessionRefreshed']);
  });

  test('a token that comes back later ends the whole session and is published', async () => {
    const { epoch } = await plane.revocations();
    const tokens = await plane.login('alice', PASSWORD);
    const first = await plane.refresh(tokens.refreshToken);
    plane.advance(30_001);
    expect(await plane.errorOf(REFRESH, { t: tokens.refreshToken })).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await plane.errorOf(REFRESH, { t: first.refreshToken })).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await plane.events(tokens.session.id)).toEqual(['LoginSucceeded', 'SessionRefreshed', 'SessionReuseDetected']);
    const feed = await plane.revocations(epoch);
    expect(feed).toMatchObject({ epoch: epoch + 1, revoked: [{ credentialId: tokens.session.id, principalId: null }] });
  });

  test('a guess that names a session ends nothing', async () => {
    const tokens = await plane.login('alice', PASSWORD);
    expect(await plane.errorOf(REFRESH, { t: `acgr_${tokens.session.id}_${'A'.repeat(43)}` })).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await plane.errorOf(REFRESH, { t: 'nonsense' })).toMatchObject({ code: 'UNAUTHENTICATED' });
    await plane.refresh(tokens.refreshToken);
  });

  test('a session ends 30 days after its login, however often it was refreshed', async () => {
    let tokens = await plane.login('alice', PASSWORD);
    for (let day = 0; day < 29; day += 1) {
      plane.advance(24 * 3_600_000);
      tokens = await plane.refresh(tokens.refreshToken);
    }
    plane.advance(24 * 3_600_000);
    expect(await plane.errorOf(REFRESH, { t: tokens.refreshToken })).toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});

describe('the end of sessions', () => {
  const STATE = 'session { id state current endedAt }';

  test('logout ends the own session once, and its retry repeats the answer', async () => {
    const tokens = await plane.login('alice', PASSWORD);
    const out = `mutation { logout(idempotencyKey: "out-1") { ... on LogoutPayload { ${STATE} } ${PROBLEM} } }`;
    const first = await plane.ask(out, {}, as(tokens));
    expect(first).toEqual({ session: { id: tokens.session.id, state: 'LOGGED_OUT', current: true, endedAt: plane.now().toISOString() } });
    expect(await plane.ask(out, {}, as(tokens))).toEqual(first);
    expect(await plane.ask(`mutation { logout { ... on LogoutPayload { ${STATE} } ${PROBLEM} } }`, {}, as(tokens))).toMatchObject({ code: 'STATE_CONFLICT' });
    expect(await plane.errorOf(REFRESH, { t: tokens.refreshToken })).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect((await plane.revocations()).revoked).toContainEqual({ credentialId: tokens.session.id, principalId: null, before: expect.any(String) });
  });

  test('people revoke their own sessions, administrators any, and nobody else learns that one exists', async () => {
    const [mine, other] = [await plane.login('alice', PASSWORD), await plane.login('admin', plane.adminPassword)];
    const revoke = `mutation($s: ID!) { revokeSession(sessionId: $s) { ... on RevokeSessionPayload { ${STATE} } ${PROBLEM} } }`;
    expect(await plane.ask(revoke, { s: other.session.id }, as(mine))).toMatchObject({ code: 'NOT_FOUND' });
    expect(await plane.ask(revoke, { s: mine.session.id }, as(mine))).toMatchObject({ session: { state: 'REVOKED' } });
    expect(await plane.admin_(revoke, { s: other.session.id })).toMatchObject({ session: { state: 'REVOKED' } });
  });

  test('a new password ends the other sessions, and the file of the first password goes', async () => {
    const [here, elsewhere] = [await plane.login('alice', PASSWORD), await plane.login('alice', PASSWORD)];
    const set = `mutation($c: String, $n: String!, $k: String) { setPassword(currentPassword: $c, newPassword: $n, idempotencyKey: $k) { ... on SetPasswordPayload { principal { id } } ${PROBLEM} } }`;
    expect(await plane.ask(set, { c: 'wrong password!', n: 'another horse battery' }, as(here))).toMatchObject({ code: 'CURRENT_PASSWORD_WRONG' });
    expect(await plane.ask(set, { n: 'another horse battery' }, as(here))).toMatchObject({ code: 'INVALID_INPUT' });
    for (let attempt = 0; attempt < 2; attempt += 1) expect(await plane.ask(set, { c: PASSWORD, n: 'another horse battery', k: 'pw-1' }, as(here))).toEqual({ principal: { id: alice } });
    expect((await plane.events(alice)).filter((kind) => kind === 'PasswordSet')).toHaveLength(1);
    expect(await plane.errorOf(REFRESH, { t: elsewhere.refreshToken })).toMatchObject({ code: 'UNAUTHENTICATED' });
    await plane.refresh(here.refreshToken);
    await plane.login('alice', 'another horse battery');
    const admin = await plane.login('admin', plane.adminPassword);
    expect(readInitialPassword(plane.dataDirectory)).toBe(plane.adminPassword);
    await plane.ask(set, { c: plane.adminPassword, n: 'a password of my own' }, as(admin));
    expect(readInitialPassword(plane.dataDirectory)).toBeNull();
  });

  test('me shows the caller, the session and what it carries', async () => {
    const tokens = await plane.login('alice', 'another horse battery');
    const me = await plane.ask('{ me { principal { id username kind active } session { id current state } roles scopes policies expiresAt sessions(first: 1) { id } apiKeys { id } } }', {},
      { principal: principal(alice, { roles: ['operator'], scopes: ['service:read'] }), credentialId: tokens.session.id });
    expect(me).toEqual({
      principal: { id: alice, username: 'alice', kind: 'HUMAN', active: true }, session: { id: tokens.session.id, current: true, state: 'ACTIVE' },
      roles: ['operator'], scopes: ['service:read'], policies: ['human'], expiresAt: new Date(plane.now().getTime() + 30 * 24 * 3_600_000).toISOString(), sessions: [{ id: expect.any(String) }], apiKeys: [],
    });
    expect(await plane.errorOf('{ me { roles } }')).toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});

test('no password and no token stands in any outbox row, leaf or idempotency record', async () => {
  const tokens = await plane.login('alice', 'another horse battery', 'secret-scan');
  const refreshed = await plane.refresh(tokens.refreshToken, 'secret-scan-2');
  const generated = await plane.admin_<{ generatedPassword: string }>(`mutation { createPrincipal(idempotencyKey: "gen-1", input: { kind: HUMAN, username: "generated", displayName: "Generated", generatePassword: true }) { ... on CreatePrincipalPayload { generatedPassword } ${PROBLEM} } }`);
  const replayed = await plane.admin_<{ generatedPassword: string | null }>(`mutation { createPrincipal(idempotencyKey: "gen-1", input: { kind: HUMAN, username: "generated", displayName: "Generated", generatePassword: true }) { ... on CreatePrincipalPayload { generatedPassword } ${PROBLEM} } }`);
  expect(replayed.generatedPassword).toBeNull();
  await plane.login('generated', generated.generatedPassword);
  const secrets = [PASSWORD, 'another horse battery', plane.adminPassword, generated.generatedPassword, ...[tokens, refreshed].flatMap(({ accessToken, refreshToken }) => [accessToken, refreshToken, refreshToken.slice(-43)]), '$argon2id$'];
  const { rows } = await plane.admin.query<{ text: string }>(`SELECT encode(leaf, 'escape') || payload::text AS text FROM auth.outbox UNION ALL SELECT result::text || encode(input_digest, 'hex') FROM auth.idempotency`);
  expect(rows.length).toBeGreaterThan(50);
  for (const secret of secrets) expect(rows.filter(({ text }) => text.includes(secret))).toEqual([]);
  const stored = await plane.admin.query<{ text: string }>(`SELECT t::text AS text FROM auth.session t UNION ALL SELECT t::text FROM auth.refresh_token t UNION ALL SELECT t::text FROM auth.login_throttle t`);
  for (const secret of secrets) expect(stored.rows.filter(({ text }) => text.includes(secret))).toEqual([]);
});
