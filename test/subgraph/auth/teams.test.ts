/** Teams, contacts and on-call schedules, against real PostgreSQL. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { principal } from '../../kit/subgraph.js';
import { PROBLEM, startAuth, type AuthPlane } from './kit.js';

const HOUR_MS = 3_600_000;
const OPERATOR = { principal: principal('operator-1', { scopes: ['oncall:read', 'oncall:write', 'principal:read', 'service:read'] }) };
const SHIFT = 'startsAt endsAt primary { username } secondary { username } override { reason } schedule { id team { name } }';

interface Shift {
  readonly startsAt: string;
  readonly endsAt: string;
  readonly primary: { readonly username: string };
  readonly secondary: { readonly username: string } | null;
  readonly override: { readonly reason: string } | null;
}

let plane: AuthPlane;
let ids: ReadonlyMap<string, string>;

beforeAll(async () => {
  plane = await startAuth('2025-07-07T10:00:00.000Z');
  const { rows } = await plane.admin.query<{ username: string; id: string }>('SELECT username, id FROM auth.principal');
  ids = new Map(rows.map(({ username, id }) => [username, id]));
});
afterAll(async () => { await plane.stop(); });

const ask = <T>(document: string, variables: Record<string, unknown> = {}) => plane.ask<T>(document, variables, OPERATOR);
const onCall = (at?: string, teamId?: string) => ask<Shift>(`query($at: DateTime, $t: ID) { onCall(at: $at, teamId: $t) { ${SHIFT} } }`, { at, t: teamId });
const people = (shift: Shift) => [shift.primary.username, shift.secondary?.username ?? null];
const OVERRIDE = `mutation($i: OnCallOverrideInput!, $k: String) { createOnCallOverride(input: $i, idempotencyKey: $k) { __typename ... on CreateOnCallOverridePayload { override { id startsAt endsAt schedule { current { ${SHIFT} } } } } ${PROBLEM} } }`;
const REVOKE = `mutation($o: ID!) { revokeOnCallOverride(overrideId: $o) { __typename ... on RevokeOnCallOverridePayload { override { revokedAt schedule { current { ${SHIFT} } } } } ${PROBLEM} } }`;
const ROTATE = `mutation($i: OnCallRotationInput!) { setOnCallRotation(input: $i) { __typename ... on SetOnCallRotationPayload { schedule { id rotations { effectiveFrom handoffWeekday handoffTime participants { username } createdBy { id } } current { ${SHIFT} } } } ${PROBLEM} } }`;

describe('what a new installation knows', () => {
  test('four teams with members, services and contacts that name functions', async () => {
    const teams = await ask<Array<{ id: string; services: { id: string }[]; contacts: { title: string; kind: string; address: string | null }[]; members: unknown[] }>>(
      '{ teams { id name members { username } services { id } contacts { title kind purpose address principal { username } } schedule { id } } }');
    expect(teams.map(({ id }) => id)).toEqual(['platform-team', 'ai-governance-team', 'mlops-team', 'security-team']);
    expect(teams.flatMap(({ services }) => services.map(({ id }) => id)).toSorted()).toEqual(['auth', 'constitutional-ai', 'evolutionary-computation', 'formal-verification', 'gateway', 'governance-synthesis', 'integrity', 'policy-governance']);
    const titles = teams.flatMap(({ contacts }) => contacts.map(({ title }) => title));
    expect(titles).toEqual(expect.arrayContaining(['Primary on-call', 'Engineering Manager', 'Operations Lead', 'MLOps Engineer', 'Database Admin', 'Security Officer', 'Constitutional Compliance Officer', 'Operations hotline', 'Security emergency line', 'Constitutional compliance emergency line']));
    expect(teams.every(({ contacts }) => contacts.every(({ address }) => address === null))).toBe(true);
  });

  test('services know their team and who is on call, in one batch', async () => {
    const { data, errors } = await plane.query<{ _entities: unknown[] }>(
      'query($r: [_Any!]!) { _entities(representations: $r) { ... on Service { id team { name } onCall { username } } ... on Principal { username } } }',
      { r: [...['auth', 'constitutional-ai', 'unheard-of'].map((id) => ({ __typename: 'Service', id })), { __typename: 'Principal', id: ids.get('cto') }, { __typename: 'Principal', id: 'nobody' }] }, OPERATOR);
    expect(errors).toBeUndefined();
    expect(data?._entities).toEqual([
      { id: 'auth', team: { name: 'Security Team' }, onCall: { username: 'security-officer' } },
      { id: 'constitutional-ai', team: { name: 'AI Governance Team' }, onCall: { username: 'compliance-officer' } },
      { id: 'unheard-of', team: null, onCall: null }, { username: 'cto' }, null,
    ]);
  });

  test('role accounts are on call and cannot log in until a password is set', async () => {
    const set = `mutation($p: ID!) { setPassword(principalId: $p, newPassword: "correct horse battery") { ... on SetPasswordPayload { principal { hasPassword } } ${PROBLEM} } }`;
    const id = ids.get('vp-engineering');
    expect(await plane.errorOf('mutation { login(username: "vp-engineering", password: "correct horse battery") { __typename } }')).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await plane.ask(set, { p: id }, OPERATOR).catch((error: Error) => error.message)).toMatchObject({ code: 'FORBIDDEN' });
    expect(await plane.admin_(set, { p: id })).toEqual({ principal: { hasPassword: true } });
    expect((await plane.login('vp-engineering', 'correct horse battery')).principal.id).toBe(id);
  });
});

describe('on call', () => {
  test('hands over weekly on Monday at nine and pages the next participant second', async () => {
    expect(await onCall()).toMatchObject({ startsAt: '2025-07-07T09:00:00.000Z', endsAt: '2025-07-14T09:00:00.000Z', override: null, schedule: { id: 'platform-team-on-call', team: { name: 'ACGS Platform Team' } } });
    expect(people(await onCall())).toEqual(['operations-lead', 'team-lead']);
    expect(people(await onCall('2025-07-14T08:59:59.999Z'))).toEqual(['operations-lead', 'team-lead']);
    expect(people(await onCall('2025-07-14T09:00:00Z'))).toEqual(['team-lead', 'database-admin']);
    expect(people(await onCall('2025-07-28T09:00:00Z'))).toEqual(['operations-lead', 'team-lead']);
    expect(people(await onCall(undefined, 'security-team'))).toEqual(['security-officer', 'operations-lead']);
    expect(await onCall(undefined, 'no-team')).toBeNull();
  });

  test('shifts of a range follow each other', async () => {
    const shifts = `query($f: DateTime!, $u: DateTime!) { onCallSchedules { shifts(from: $f, until: $u) { ${SHIFT} } } }`;
    const [first] = await ask<Array<{ shifts: Shift[] }>>(shifts, { f: '2025-07-07T10:00:00Z', u: '2025-08-04T09:00:00Z' });
    expect(first?.shifts.map(({ startsAt }) => startsAt.slice(0, 10))).toEqual(['2025-07-07', '2025-07-14', '2025-07-21', '2025-07-28']);
    expect(await plane.errorOf(shifts, { f: '2025-07-07T10:00:00Z', u: '2025-07-07T10:00:00Z' }, OPERATOR)).toMatchObject({ code: 'BAD_USER_INPUT' });
  });

  test('an override stands in for its time, is repeated by its key, and leaves its history when revoked', async () => {
    const input = { teamId: 'platform-team', principalId: ids.get('cto'), startsAt: '2025-07-07T09:30:00Z', endsAt: '2025-07-07T18:00:00Z', reason: 'swap' };
    const made = await ask<{ override: { id: string; startsAt: string; schedule: { current: Shift } } }>(OVERRIDE, { i: input, k: 'override-1' });
    expect(made.override).toMatchObject({ startsAt: plane.now().toISOString(), schedule: { current: { primary: { username: 'cto' }, secondary: { username: 'team-lead' }, override: { reason: 'swap' }, endsAt: '2025-07-07T18:00:00.000Z' } } });
    expect(await ask(OVERRIDE, { i: input, k: 'override-1' })).toMatchObject({ override: { id: made.override.id } });
    expect(await ask(OVERRIDE, { i: { ...input, reason: 'other' }, k: 'override-1' })).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
    expect(await ask(OVERRIDE, { i: { ...input, startsAt: '2025-07-07T17:59:59Z', endsAt: '2025-07-08T18:00:00Z' } })).toMatchObject({ __typename: 'Conflict' });
    plane.advance(HOUR_MS);
    expect(await ask(REVOKE, { o: made.override.id })).toMatchObject({ override: { revokedAt: '2025-07-07T11:00:00.000Z', schedule: { current: { primary: { username: 'operations-lead' }, startsAt: '2025-07-07T11:00:00.000Z' } } } });
    expect(await ask(REVOKE, { o: made.override.id })).toMatchObject({ __typename: 'Conflict' });
    expect(await ask(REVOKE, { o: 'none' })).toMatchObject({ __typename: 'NotFound' });
    expect(people(await onCall('2025-07-07T10:30:00Z'))[0]).toBe('cto');
    expect(await ask(OVERRIDE, { i: { ...input, startsAt: '2025-07-07T17:00:00Z' } })).toMatchObject({ __typename: 'CreateOnCallOverridePayload' });
    expect((await plane.events('platform-team-on-call')).slice(1)).toEqual(['OnCallOverrideCreated', 'OnCallOverrideRevoked', 'OnCallOverrideCreated']);
  });

  test('overrides that make no sense are refused', async () => {
    const input = { teamId: 'security-team', principalId: ids.get('cto'), startsAt: '2025-07-08T09:00:00Z', endsAt: '2025-07-08T18:00:00Z', reason: 'swap' };
    const robot = await plane.create('robot', null, 'AGENT');
    for (const wrong of [{ endsAt: '2025-07-08T09:00:00Z' }, { endsAt: '2025-08-08T09:00:00Z' }, { startsAt: '2025-07-01T09:00:00Z', endsAt: '2025-07-02T09:00:00Z' }, { principalId: robot }, { reason: ' ' }]) {
      expect(await ask(OVERRIDE, { i: { ...input, ...wrong } })).toMatchObject({ __typename: 'InvalidInput' });
    }
    expect(await ask(OVERRIDE, { i: { ...input, teamId: 'none' } })).toMatchObject({ __typename: 'NotFound' });
    const standIns = ['cto', 'team-lead', 'database-admin', 'security-officer', 'mlops-engineer'];
    const outcomes = await Promise.all(standIns.map((name) => ask<{ __typename: string }>(OVERRIDE, { i: { ...input, principalId: ids.get(name) } })));
    expect(outcomes.map(({ __typename }) => __typename).toSorted()).toEqual(['Conflict', 'Conflict', 'Conflict', 'Conflict', 'CreateOnCallOverridePayload']);
  });

  test('a new rotation takes over from its moment and does not touch what was', async () => {
    const [lead, engineer] = [ids.get('team-lead'), ids.get('mlops-engineer')];
    const input = { teamId: 'mlops-team', participantIds: [lead, engineer], effectiveFrom: '2025-07-16T12:00:00Z', handoffWeekday: 'THURSDAY', handoffTime: '08:30' };
    for (const wrong of [{ handoffTime: '8:30' }, { participantIds: [] }, { participantIds: [lead, lead] }, { participantIds: [ids.get('cto')] }, { effectiveFrom: '2025-07-01T00:00:00Z' }]) {
      expect(await ask(ROTATE, { i: { ...input, ...wrong } })).toMatchObject({ __typename: 'InvalidInput' });
    }
    expect(await ask(ROTATE, { i: input })).toMatchObject({ schedule: { rotations: [{ handoffWeekday: 'MONDAY', handoffTime: '09:00', createdBy: null }, { handoffWeekday: 'THURSDAY', handoffTime: '08:30', effectiveFrom: '2025-07-16T12:00:00.000Z' }], current: { primary: { username: 'mlops-engineer' } } } });
    expect(await ask(ROTATE, { i: input })).toMatchObject({ __typename: 'Conflict' });
    expect(people(await onCall('2025-07-16T11:59:59Z', 'mlops-team'))).toEqual(['operations-lead', 'mlops-engineer']);
    expect(people(await onCall('2025-07-16T12:00:00Z', 'mlops-team'))).toEqual(['team-lead', 'mlops-engineer']);
    expect(people(await onCall('2025-07-17T08:30:00Z', 'mlops-team'))).toEqual(['mlops-engineer', 'team-lead']);
  });

  test('someone who was shut out is paged no more', async () => {
    await plane.admin_(`mutation($p: ID!) { disablePrincipal(principalId: $p, reason: "left") { __typename } }`, { p: ids.get('operations-lead') });
    expect(people(await onCall())).toEqual(['team-lead', 'database-admin']);
    expect(people(await onCall('2025-07-07T10:30:00Z'))[0]).toBe('cto');
  });

  test('an override made in the middle of a second, and its end, show at once', async () => {
    plane.advance(750);
    try {
      const current = '{ onCall(teamId: "platform-team") { primary { username } } }';
      const before = await ask<{ primary: { username: string } }>(current);
      const input = { teamId: 'platform-team', principalId: ids.get('database-admin'), startsAt: plane.now().toISOString(), endsAt: new Date(plane.now().getTime() + HOUR_MS).toISOString(), reason: 'swap' };
      const made = await ask<{ override: { id: string } }>(OVERRIDE, { i: input });
      expect(await ask(current)).toMatchObject({ primary: { username: 'database-admin' } });
      await ask(REVOKE, { o: made.override.id });
      expect(await ask(current)).toEqual(before);
    } finally {
      plane.advance(-750);
    }
  });
});

describe('teams', () => {
  const change = (field: 'addTeamMember' | 'removeTeamMember', payload: string) => `mutation($t: ID!, $p: ID!) { ${field}(teamId: $t, principalId: $p) { __typename ... on ${payload} { team { members { username } } } ${PROBLEM} } }`;
  const [add, remove] = [change('addTeamMember', 'AddTeamMemberPayload'), change('removeTeamMember', 'RemoveTeamMemberPayload')];

  test('take in and let go people, but not whoever takes turns', async () => {
    const variables = { t: 'security-team', p: ids.get('cto') };
    expect(await ask(add, variables)).toEqual({ __typename: 'AddTeamMemberPayload', team: { members: [{ username: 'cto' }, { username: 'operations-lead' }, { username: 'security-officer' }] } });
    expect(await ask(add, variables)).toMatchObject({ __typename: 'Conflict', code: 'ALREADY_EXISTS' });
    expect(await ask(remove, variables)).toMatchObject({ team: { members: [{ username: 'operations-lead' }, { username: 'security-officer' }] } });
    expect(await ask(remove, variables)).toMatchObject({ __typename: 'NotFound' });
    expect(await ask(remove, { ...variables, p: ids.get('security-officer') })).toMatchObject({ __typename: 'Conflict' });
    expect((await plane.events('security-team')).slice(1)).toEqual(['TeamMemberAdded', 'TeamMemberRemoved']);
  });

  test('set where a contact is reached, checked by version', async () => {
    const set = `mutation($c: ID!, $a: String, $v: Int) { setContactAddress(contactId: $c, address: $a, expectedVersion: $v) { __typename ... on SetContactAddressPayload { contact { title address version } } ${PROBLEM} } }`;
    expect(await ask(set, { c: 'security-team-2', a: '+49 30 1234567', v: 1 })).toEqual({ __typename: 'SetContactAddressPayload', contact: { title: 'Security emergency line', address: '+49 30 1234567', version: 2 } });
    expect(await ask(set, { c: 'security-team-2', a: 'security@example.org', v: 1 })).toMatchObject({ code: 'VERSION_CONFLICT' });
    expect(await ask(set, { c: 'security-team-2', a: 'call me' })).toMatchObject({ __typename: 'InvalidInput' });
    expect(await ask(set, { c: 'nothing', a: null })).toMatchObject({ __typename: 'NotFound' });
  });
});
