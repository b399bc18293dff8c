/** The gateway's own verifier, authenticator and revocation follower against this subgraph: the contract between both, as code. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createAuthenticator } from '../../../gateway/enforcement/principal.js';
import { Revocations } from '../../../gateway/enforcement/revocations.js';
import type { CallSubgraph } from '../../../gateway/execution/upstream/internal-calls.js';
import { createLogger } from '../../../ops/runtime/logger.js';
import { PROBLEM, startAuth, type AuthPlane } from './kit.js';

const PASSWORD = 'correct horse battery';
let plane: AuthPlane;
let authenticate: ReturnType<typeof createAuthenticator>;
let revocations: Revocations;

beforeAll(async () => {
  plane = await startAuth();
  const call: CallSubgraph = async (_service, { method, path, query, body }) => {
    const response = await plane.hop(method, query === undefined ? path : `${path}?${new URLSearchParams(query).toString()}`, body);
    return { status: response.status, body: await response.json() };
  };
  const now = () => plane.now().getTime();
  revocations = new Revocations({ call, logger: createLogger('test', 'silent'), intervalMs: 100, now });
  authenticate = createAuthenticator({ call, revocations, metrics: { looked: () => undefined }, now });
});
afterAll(async () => { await plane.stop(); });

const bearer = (token: string) => authenticate({ authorization: `Bearer ${token}` });

test('a token stands for its principal until it expires, also across a key rotation', async () => {
  const id = await plane.create('carol', PASSWORD);
  await plane.admin_(`mutation($p: ID!) { grantRole(principalId: $p, role: "viewer") { __typename } }`, { p: id });
  const first = await plane.login('carol', PASSWORD);
  expect(await bearer(first.accessToken)).toMatchObject({ principal: { id, kind: 'HUMAN', roles: ['viewer'], policies: ['human'] }, credentialId: first.session.id, issuedAt: plane.now().getTime(), tokenExpiresAt: plane.now().getTime() + 1_800_000 });
  await plane.admin_('mutation { rotateSigningKey { __typename } }');
  plane.advance(2_000);
  const second = await plane.login('carol', PASSWORD);
  expect((await bearer(second.accessToken)).credentialId).toBe(second.session.id);
  expect((await bearer(first.accessToken)).credentialId).toBe(first.session.id);
  plane.advance(1_800_000);
  await expect(bearer(second.accessToken)).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' });
});

test('what is revoked stops working at the next poll, and what is issued afterwards works, within one second', async () => {
  const id = await plane.create('dave', PASSWORD);
  await plane.admin_(`mutation($p: ID!) { grantRole(principalId: $p, role: "operator") { __typename } }`, { p: id });
  const old = await plane.login('dave', PASSWORD);
  expect((await bearer(old.accessToken)).principal?.roles).toEqual(['operator']);
  plane.advance(5);
  await plane.admin_(`mutation($p: ID!) { revokeRole(principalId: $p, role: "operator") { __typename } }`, { p: id });
  plane.advance(5);
  const fresh = await plane.refresh(old.refreshToken);
  await revocations.poll();
  await expect(bearer(old.accessToken)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  expect((await bearer(fresh.accessToken)).principal?.roles).toEqual([]);
  await plane.admin_(`mutation($s: ID!) { revokeSession(sessionId: $s) { __typename } }`, { s: fresh.session.id });
  await revocations.poll();
  await expect(bearer(fresh.accessToken)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
});

test('an API key stands for its owner without the human policy until it is revoked', async () => {
  const id = await plane.create('erin', PASSWORD);
  await plane.admin_(`mutation($p: ID!) { grantRole(principalId: $p, role: "operator") { __typename } }`, { p: id });
  const made = await plane.admin_<{ secret: string; apiKey: { id: string } }>(`mutation($i: CreateApiKeyInput!) { createApiKey(input: $i) { ... on CreateApiKeyPayload { secret apiKey { id } } ${PROBLEM} } }`, { i: { ownerId: id, name: 'ci', scopes: ['incident:read'] } });
  for (const headers of [{ 'x-api-key': made.secret }, { authorization: `Bearer ${made.secret}` }]) {
    expect(await authenticate(headers)).toMatchObject({ principal: { id, scopes: ['incident:read'], policies: [] }, credentialId: made.apiKey.id });
  }
  await plane.admin_(`mutation($k: ID!) { revokeApiKey(apiKeyId: $k) { __typename } }`, { k: made.apiKey.id });
  await revocations.poll();
  await expect(authenticate({ 'x-api-key': made.secret })).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
});
