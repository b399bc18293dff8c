/** The pure rules of auth: on-call at every instant, throttling, roles, refresh decisions and state tables. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { API_KEY_TRANSITIONS, GRANT_TRANSITIONS, grantState, next, passwordProblem, PRINCIPAL_TRANSITIONS, SESSION_TRANSITIONS, sessionState } from '../../../subgraphs/auth/domain.js';
import { assignmentAt, handoffTimeText, parseHandoffTime, shiftAt, shiftsBetween, WEEK_MS, WEEKDAYS, type Override, type Rotation, type Roster } from '../../../subgraphs/auth/domain-on-call.js';
import { ROLES, SCOPES, scopesOf } from '../../../subgraphs/auth/domain-roles.js';
import { admit, FORGET_MS, type Attempts } from '../../../subgraphs/auth/domain-throttle.js';
import { decideRefresh, digest, firstTokenOf, parseApiKey, RETRY_MS, sessionOfRefreshToken, successorOf } from '../../../subgraphs/auth/domain-tokens.js';

const SCHEDULE = { id: 's', teamId: 't' };
const BASE = Date.parse('2025-07-01T00:00:00Z');
const instant = fc.integer({ min: -8 * 7 * 24 * 60, max: 20 * 7 * 24 * 60 }).map((minutes) => new Date(BASE + minutes * 60_000));
const people = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1 });

const rotation = fc.record({ effectiveFrom: instant, participantIds: people, handoffWeekday: fc.constantFrom(...WEEKDAYS), handoffMinute: fc.integer({ min: 0, max: 1439 }) })
  .map((parts): Rotation => ({ id: 'r', createdBy: 'x', createdAt: new Date(BASE), ...parts }));
const override = fc.record({ id: fc.uuid(), principalId: fc.constantFrom('a', 'b', 'x', 'y'), startsAt: instant, minutes: fc.integer({ min: 1, max: 40_000 }), revokedAt: fc.option(instant), createdAt: instant })
  .map(({ minutes, ...parts }): Override => ({ ...parts, scheduleId: 's', endsAt: new Date(parts.startsAt.getTime() + minutes * 60_000), reason: 'swap', createdBy: 'x' }));
const roster = fc.record({
  rotations: fc.uniqueArray(rotation, { minLength: 1, maxLength: 4, selector: ({ effectiveFrom }) => effectiveFrom.getTime() }).map((list) => list.toSorted((p, q) => p.effectiveFrom.getTime() - q.effectiveFrom.getTime())),
  overrides: fc.array(override, { maxLength: 4 }),
  unavailableSince: fc.array(fc.tuple(fc.constantFrom('a', 'b', 'x'), instant), { maxLength: 2 }).map((entries) => new Map<string, Date>(entries)),
}) satisfies fc.Arbitrary<Roster>;

describe('on-call', () => {
  test('there is exactly one primary at every instant, and the shift around it agrees', () => {
    fc.assert(fc.property(roster, instant, (given, at) => {
      const shift = shiftAt(SCHEDULE, given, at);
      expect(shift.primaryId).not.toBe('');
      expect(shift.secondaryId).not.toBe(shift.primaryId);
      expect(shift.startsAt <= at && at < shift.endsAt).toBe(true);
      expect(shift.endsAt.getTime() - shift.startsAt.getTime()).toBeLessThanOrEqual(WEEK_MS);
      const { primaryId, secondaryId, overrideId } = shift;
      for (const moment of [shift.startsAt, new Date((shift.startsAt.getTime() + shift.endsAt.getTime()) / 2), new Date(shift.endsAt.getTime() - 1)]) {
        expect(assignmentAt(given, moment)).toEqual({ primaryId, secondaryId, overrideId });
      }
    }));
  });

  test('shifts tile a range without gaps or overlaps', () => {
    fc.assert(fc.property(roster, instant, fc.integer({ min: 1, max: 60 * 24 * 60 }), (given, from, minutes) => {
      const until = new Date(from.getTime() + minutes * 60_000);
      const shifts = shiftsBetween(SCHEDULE, given, from, until);
      expect((shifts[0]?.startsAt ?? until) <= from).toBe(true);
      expect((shifts[shifts.length - 1]?.endsAt ?? from) >= until).toBe(true);
      for (const [index, shift] of shifts.entries()) if (index > 0) expect(shift.startsAt).toEqual(shifts[index - 1]?.endsAt);
    }));
  });

  test('an override in force decides, unless the person cannot be paged', () => {
    fc.assert(fc.property(roster, override, (given, standing) => {
      const end = standing.revokedAt !== null && standing.revokedAt < standing.endsAt ? standing.revokedAt : standing.endsAt;
      fc.pre(end > standing.startsAt);
      const at = new Date((standing.startsAt.getTime() + end.getTime()) / 2);
      const unavailable = given.unavailableSince.get(standing.principalId);
      const primary = assignmentAt({ ...given, overrides: [standing] }, at).primaryId;
      if (unavailable === undefined || at < unavailable) expect(primary).toBe(standing.principalId);
      else expect(primary).toBe(assignmentAt({ ...given, overrides: [] }, at).primaryId);
      expect(assignmentAt({ ...given, overrides: [standing] }, new Date(end.getTime())).overrideId).toBeNull();
    }));
  });

  test('everybody takes one week in turn, summer time or not', () => {
    fc.assert(fc.property(rotation, fc.integer({ min: 1, max: 60 }), (given, week) => {
      const single: Roster = { rotations: [given], overrides: [], unavailableSince: new Map() };
      const count = given.participantIds.length;
      const turn = (n: number) => assignmentAt(single, new Date(given.effectiveFrom.getTime() + n * WEEK_MS)).primaryId;
      expect(turn(0)).toBe(given.participantIds[0]);
      expect(new Set(Array.from({ length: count }, (_, n) => turn(week + n))).size).toBe(count);
      expect(turn(week)).toBe(turn(week + count));
    }));
  });

  test('a disabled person is skipped from that moment on and history stays', () => {
    const monday: Rotation = { id: 'r', effectiveFrom: new Date('2025-07-07T09:00:00Z'), participantIds: ['a', 'b', 'c'], handoffWeekday: 'MONDAY', handoffMinute: 540, createdBy: 'x', createdAt: new Date(BASE) };
    const given: Roster = { rotations: [monday], overrides: [], unavailableSince: new Map([['a', new Date('2025-07-09T00:00:00Z')]]) };
    expect(assignmentAt(given, new Date('2025-07-08T00:00:00Z'))).toEqual({ primaryId: 'a', secondaryId: 'b', overrideId: null });
    expect(assignmentAt(given, new Date('2025-07-09T00:00:00Z'))).toEqual({ primaryId: 'b', secondaryId: 'c', overrideId: null });
    expect(assignmentAt(given, new Date('2025-07-14T08:59:59Z')).primaryId).toBe('b');
    expect(assignmentAt(given, new Date('2025-07-21T09:00:00Z'))).toEqual({ primaryId: 'c', secondaryId: 'b', overrideId: null });
    expect(shiftAt(SCHEDULE, given, new Date('2025-07-10T00:00:00Z'))).toMatchObject({ startsAt: new Date('2025-07-09T00:00:00Z'), endsAt: new Date('2025-07-14T09:00:00Z') });
  });

  test('handoff times are read and written alike', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 1439 }), (minute) => expect(parseHandoffTime(handoffTimeText(minute))).toBe(minute)));
    for (const text of ['24:00', '9:00', '09:60', '', '09:00Z']) expect(parseHandoffTime(text)).toBeNull();
  });
});

describe('throttling', () => {
  test('ten attempts are free, then pauses grow to 15 minutes and no faster sequence gets more guesses', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 40 * 60_000 }), { maxLength: 80 }), (waits) => {
      let now = new Date(BASE);
      let known: Attempts | null = null;
      for (const wait of waits) {
        const before: Attempts | null = known;
        now = new Date(now.getTime() + wait);
        const admission = admit(before, now);
        const blocked = before?.blockedUntil !== null && before?.blockedUntil !== undefined && before.blockedUntil > now;
        expect(admission.allowed).toBe(!blocked);
        if (!admission.allowed) continue;
        known = admission.next;
        expect(known.failures).toBe(before === null || now.getTime() - before.lastAttemptAt.getTime() > FORGET_MS ? 1 : before.failures + 1);
        expect(known.blockedUntil === null).toBe(known.failures < 10);
        if (known.blockedUntil !== null) expect(known.blockedUntil.getTime() - now.getTime()).toBeLessThanOrEqual(15 * 60_000);
      }
    }));
  });
});

describe('roles', () => {
  test('only people approve, agents never administer, admin holds every scope', () => {
    fc.assert(fc.property(fc.subarray(ROLES.map(({ name }) => name as string)), (roles) => {
      expect(scopesOf('SERVICE', roles)).not.toContain('change:approve');
      expect(scopesOf('AGENT', roles).filter((scope) => ['change:approve', 'principal:admin'].includes(scope))).toEqual([]);
      for (const scope of scopesOf('HUMAN', roles)) expect(SCOPES).toContain(scope);
      expect(scopesOf('HUMAN', roles).includes('principal:admin')).toBe(roles.includes('admin'));
    }));
    expect(scopesOf('HUMAN', ['admin'])).toEqual([...SCOPES]);
    expect(scopesOf('HUMAN', ['nobody'])).toEqual([]);
    expect(scopesOf('HUMAN', ['viewer']).every((scope) => scope.endsWith(':read'))).toBe(true);
  });
});

describe('tokens', () => {
  test('a refresh decision depends on whether and when the token was exchanged', () => {
    const now = new Date(BASE);
    expect(decideRefresh(null, now)).toBe('UNKNOWN');
    expect(decideRefresh({ rotatedAt: null }, now)).toBe('ROTATE');
    fc.assert(fc.property(fc.integer({ min: 0, max: 10 * RETRY_MS }), (age) => {
      expect(decideRefresh({ rotatedAt: new Date(BASE - age) }, now)).toBe(age <= RETRY_MS ? 'RETRY' : 'REUSE');
    }));
  });

  test('successors are the same for the same token and key, and nothing else', () => {
    const key = Buffer.alloc(32, 1);
    const session = '00000000-0000-4000-8000-000000000000';
    const first = firstTokenOf(key, session, 'k');
    expect(sessionOfRefreshToken(first)).toBe(session);
    expect(successorOf(key, session, first)).toBe(successorOf(key, session, first));
    expect(successorOf(Buffer.alloc(32, 2), session, first)).not.toBe(successorOf(key, session, first));
    expect(successorOf(key, session, successorOf(key, session, first))).not.toBe(successorOf(key, session, first));
    expect(digest(first)).toHaveLength(32);
    for (const text of ['', 'acgs_0123456789abcdef_', `acgs_0123456789ABCDEF_${'a'.repeat(43)}`, `acgr_${session}_${'a'.repeat(42)}`]) {
      expect(parseApiKey(text)).toBeNull();
      expect(sessionOfRefreshToken(text)).toBeNull();
    }
  });

  test('passwords are long, varied and not the username', () => {
    expect(passwordProblem('correct horse battery', 'alice')).toBeNull();
    for (const bad of ['short', 'a'.repeat(20), 'my-Alice-password', 'x'.repeat(257)]) expect(passwordProblem(bad, 'alice')).not.toBeNull();
  });
});

describe('state tables', () => {
  test('whatever is over stays over', () => {
    for (const from of ['EXPIRED', 'LOGGED_OUT', 'REVOKED', 'REUSE_DETECTED'] as const) {
      for (const operation of ['logOut', 'revoke', 'detectReuse', 'expire'] as const) expect(next(SESSION_TRANSITIONS, from, operation)).toBeUndefined();
    }
    for (const from of ['EXPIRED', 'REVOKED'] as const) {
      for (const operation of ['revoke', 'expire'] as const) {
        expect(next(GRANT_TRANSITIONS, from, operation)).toBeUndefined();
        expect(next(API_KEY_TRANSITIONS, from, operation)).toBeUndefined();
      }
    }
    expect(next(PRINCIPAL_TRANSITIONS, 'DISABLED', 'disable')).toBeUndefined();
    expect(next(PRINCIPAL_TRANSITIONS, 'DISABLED', 'enable')).toBe('ACTIVE');
  });

  test('time alone ends grants and sessions', () => {
    fc.assert(fc.property(instant, instant, (end, at) => {
      const expected = at >= end ? 'EXPIRED' : 'ACTIVE';
      expect(grantState({ endReason: null, expiresAt: end.toISOString() }, at)).toBe(expected);
      expect(sessionState({ endReason: null, expiresAt: end.toISOString() }, at)).toBe(expected);
      expect(grantState({ endReason: 'REVOKED', expiresAt: end.toISOString() }, at)).toBe('REVOKED');
    }));
  });
});
