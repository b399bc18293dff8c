/** On-call: who is paged at a moment, rotations and overrides. */
import { randomUUID } from 'node:crypto';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { SubgraphContext } from '../kernel/context.js';
import { conflict, invalidInput, notFound } from '../kernel/refusals.js';
import type { KeyedRead } from '../kernel/remembered-reads.js';
import { parseHandoffTime, shiftAt, shiftsBetween, WEEK_MS, type HandoffWeekday, type Override, type Rotation, type Roster, type Schedule, type Shift } from './domain-on-call.js';
import { overrideEvent, rotationEvent, STREAM } from './events.js';
import { checkFirst, lockPrincipal, type AuthParts, type Keyed } from './service-parts.js';

const DAY_MS = WEEK_MS / 7;
const LONGEST_OVERRIDE_MS = 28 * DAY_MS;
const LONGEST_RANGE_MS = 366 * DAY_MS;

export interface NewRotation {
  readonly teamId: string;
  readonly participantIds: readonly string[];
  readonly effectiveFrom?: string | null | undefined;
  readonly handoffWeekday: HandoffWeekday;
  readonly handoffTime: string;
}

export interface NewOverride {
  readonly teamId: string;
  readonly principalId: string;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly reason: string;
}

export class OnCallService {
  private readonly shiftsNow: KeyedRead<string, Shift>;

  constructor(private readonly parts: AuthParts) {
    // Remembered by team and second, computed at the moment of reading: a handoff shows within a second, a changed
    // rotation, override or person at once.
    this.shiftsNow = parts.deps.remember([STREAM.onCall, STREAM.team, STREAM.principal], async (keys) => {
      const shifts = await this.shiftsAt(keys.map(teamOf), parts.deps.clock());
      return new Map(keys.flatMap((key) => {
        const shift = shifts.get(teamOf(key));
        return shift === undefined ? [] : [[key, shift] as const];
      }));
    });
  }

  schedules(): Promise<Schedule[]> {
    return this.parts.onCall.schedules();
  }

  scheduleById(context: SubgraphContext, id: string): Promise<Schedule | null> {
    return context.loader('scheduleById', (ids) => this.parts.onCall.byIds(ids)).load(id);
  }

  /** @throws Refusal NotFound. */
  async requiredSchedule(context: SubgraphContext, id: string): Promise<Schedule> {
    const schedule = await this.scheduleById(context, id);
    if (schedule === null) throw notFound('On-call schedule', id);
    return schedule;
  }

  /** A schedule after it was changed in this request. @throws Refusal NotFound. */
  async reload(context: SubgraphContext, id: string): Promise<Schedule> {
    const schedule = await context.loader('scheduleById', (ids) => this.parts.onCall.byIds(ids)).clear(id).load(id);
    if (schedule === null) throw notFound('On-call schedule', id);
    context.loader('rotationsOfSchedule', (ids) => this.parts.onCall.rotations(ids)).clear(id);
    this.forgetShifts(context, schedule.teamId);
    return schedule;
  }

  /** An override after it was changed in this request. @throws Refusal NotFound. */
  async reloadOverride(context: SubgraphContext, id: string): Promise<Override> {
    const override = await context.loader('overrideById', (ids) => this.parts.onCall.overridesByIds(ids)).clear(id).load(id);
    if (override === null) throw notFound('Override', id);
    this.forgetShifts(context, (await this.requiredSchedule(context, override.scheduleId)).teamId);
    return override;
  }

  scheduleOfTeam(context: SubgraphContext, teamId: string): Promise<Schedule | null> {
    return context.loader('scheduleOfTeam', (ids) => this.parts.onCall.ofTeams(ids)).load(teamId);
  }

  async rotations(context: SubgraphContext, scheduleId: string): Promise<Rotation[]> {
    return (await context.loader('rotationsOfSchedule', (ids) => this.parts.onCall.rotations(ids)).load(scheduleId)) ?? [];
  }

  async overrides(context: SubgraphContext, scheduleId: string, first: number): Promise<Override[]> {
    checkFirst(first);
    return (await context.loader(`overridesOf:${first}`, (ids) => this.parts.onCall.newestOverrides(ids, first)).load(scheduleId)) ?? [];
  }

  overrideById(context: SubgraphContext, id: string): Promise<Override | null> {
    return context.loader('overrideById', (ids) => this.parts.onCall.overridesByIds(ids)).load(id);
  }

  /** @param at ISO 8601; now, the same for the whole request, when absent. @returns null when the team has no schedule. */
  shiftOf(context: SubgraphContext, teamId: string, at: string | null | undefined): Promise<Shift | null> {
    return this.shiftLoader(context, at ?? null).load(teamId);
  }

  /** Who is on call now for a team that has a schedule. @throws Refusal NotFound. */
  async requiredShift(context: SubgraphContext, teamId: string): Promise<Shift> {
    const shift = await this.shiftOf(context, teamId, null);
    if (shift === null) throw notFound('On-call schedule of team', teamId);
    return shift;
  }

  /** @throws AcgsError BAD_USER_INPUT when the range is empty or longer than 366 days. */
  async shifts(schedule: Schedule, from: string, until: string): Promise<Shift[]> {
    const [start, end] = [new Date(from), new Date(until)];
    if (end <= start || end.getTime() - start.getTime() > LONGEST_RANGE_MS) throw new AcgsError('BAD_USER_INPUT', 'A range ends after its start, by at most 366 days.');
    const roster = (await this.rosters([schedule], start, end)).get(schedule.id);
    return roster === undefined ? [] : shiftsBetween(schedule, roster, start, end);
  }

  async setRotation(context: SubgraphContext, input: NewRotation, { idempotencyKey }: Keyed): Promise<{ scheduleId: string }> {
    const caller = context.requireScope('oncall:write');
    const { teamId, participantIds, handoffWeekday } = input;
    const handoffMinute = parseHandoffTime(input.handoffTime);
    if (handoffMinute === null) throw invalidInput('A handoff time is HH:MM, from 00:00 to 23:59.', 'input.handoffTime');
    if (participantIds.length < 1 || participantIds.length > 50 || new Set(participantIds).size !== participantIds.length) throw invalidInput('A rotation has 1 to 50 different participants.', 'input.participantIds');
    return this.parts.deps.commands.run(context, { field: 'setOnCallRotation', idempotencyKey, input: { ...input, effectiveFrom: input.effectiveFrom ?? null } }, async (unit) => {
      const effectiveFrom = input.effectiveFrom === null || input.effectiveFrom === undefined ? unit.now : new Date(input.effectiveFrom);
      if (effectiveFrom < unit.now) throw invalidInput('A rotation does not begin in the past.', 'input.effectiveFrom');
      if ((await this.parts.teams.lock(unit.tx, teamId)) === null) throw notFound('Team', teamId);
      const members = await this.parts.teams.memberIds(unit.tx, teamId);
      for (const id of participantIds.toSorted()) {
        const { active, kind } = await lockPrincipal(this.parts, unit, id);
        if (!active || kind !== 'HUMAN' || !members.includes(id)) throw invalidInput(`Principal ${id} is not an active member of the team.`, 'input.participantIds');
      }
      const known = await this.parts.onCall.lock(unit.tx, teamId);
      const newest = known === null ? null : await this.parts.onCall.newestRotation(unit.tx, known.id);
      if (newest !== null && newest.effectiveFrom >= effectiveFrom) throw conflict(`The rotation that begins at ${newest.effectiveFrom.toISOString()} is set already; a new one begins later.`);
      const schedule = known ?? { id: `${teamId}-on-call`, teamId };
      if (known === null) await this.parts.onCall.insert(unit.tx, schedule, unit.now, unit.constitutionalHash);
      const rotation: Rotation = { id: randomUUID(), effectiveFrom, participantIds, handoffWeekday, handoffMinute, createdBy: caller.id, createdAt: unit.now };
      await this.parts.onCall.insertRotation(unit.tx, schedule.id, rotation, unit.constitutionalHash);
      unit.emit(rotationEvent('OnCallRotationSet', schedule, rotation));
      return { scheduleId: schedule.id };
    });
  }

  async createOverride(context: SubgraphContext, input: NewOverride, { idempotencyKey }: Keyed): Promise<{ overrideId: string }> {
    const caller = context.requireScope('oncall:write');
    const { teamId, principalId } = input;
    const reason = input.reason.trim();
    if (reason.length < 1 || reason.length > 500) throw invalidInput('A reason has 1 to 500 characters.', 'input.reason');
    return this.parts.deps.commands.run(context, { field: 'createOnCallOverride', idempotencyKey, input }, async (unit) => {
      const startsAt = new Date(Math.max(Date.parse(input.startsAt), unit.now.getTime()));
      const endsAt = new Date(input.endsAt);
      if (endsAt <= startsAt || endsAt.getTime() - startsAt.getTime() > LONGEST_OVERRIDE_MS) throw invalidInput('An override ends in the future and after its start, by at most 28 days.', 'input.endsAt');
      const principal = await lockPrincipal(this.parts, unit, principalId);
      if (!principal.active || principal.kind !== 'HUMAN') throw invalidInput('Who stands in is a person whose account is active.', 'input.principalId');
      const schedule = await this.parts.onCall.lock(unit.tx, teamId);
      if (schedule === null) throw notFound('On-call schedule of team', teamId);
      const overlapping = await this.parts.onCall.overlapping(unit.tx, schedule.id, startsAt, endsAt);
      if (overlapping !== null) throw conflict(`Override ${overlapping.id} covers part of that time; revoke it first.`);
      const override: Override = { id: randomUUID(), scheduleId: schedule.id, principalId, startsAt, endsAt, reason, createdBy: caller.id, createdAt: unit.now, revokedAt: null };
      await this.parts.onCall.insertOverride(unit.tx, override, unit.constitutionalHash);
      unit.emit(overrideEvent('OnCallOverrideCreated', override, teamId));
      return { overrideId: override.id };
    });
  }

  async revokeOverride(context: SubgraphContext, { overrideId, idempotencyKey }: { readonly overrideId: string } & Keyed): Promise<{ overrideId: string }> {
    context.requireScope('oncall:write');
    return this.parts.deps.commands.run(context, { field: 'revokeOnCallOverride', idempotencyKey, input: { overrideId } }, async (unit) => {
      const override = await this.parts.onCall.lockOverride(unit.tx, overrideId);
      if (override === null) throw notFound('Override', overrideId);
      if (override.revokedAt !== null || override.endsAt <= unit.now) throw conflict(`Override ${overrideId} is over already.`);
      const teamId = await this.parts.onCall.teamIdOf(unit.tx, override.scheduleId);
      unit.emit(overrideEvent('OnCallOverrideRevoked', await this.parts.onCall.revokeOverride(unit.tx, overrideId, unit.now), teamId));
      return { overrideId };
    });
  }

  private shiftLoader(context: SubgraphContext, at: string | null) {
    return context.loader(`shiftOf:${at ?? 'now'}`, (teamIds) => (at === null ? this.currentShifts(teamIds) : this.shiftsAt(teamIds, new Date(at))));
  }

  private async currentShifts(teamIds: readonly string[]): Promise<Map<string, Shift>> {
    const second = Math.floor(this.parts.deps.clock().getTime() / 1_000);
    const shifts = await this.shiftsNow(teamIds.map((teamId) => `${teamId}@${second}`));
    return new Map(teamIds.flatMap((teamId) => {
      const shift = shifts.get(`${teamId}@${second}`);
      return shift === undefined ? [] : [[teamId, shift] as const];
    }));
  }

  private forgetShifts(context: SubgraphContext, teamId: string): void {
    this.shiftLoader(context, null).clear(teamId);
  }

  private async shiftsAt(teamIds: readonly string[], at: Date): Promise<Map<string, Shift>> {
    const schedules = await this.parts.onCall.ofTeams(teamIds);
    const rosters = await this.rosters([...schedules.values()], at, at);
    const shifts = new Map<string, Shift>();
    for (const [teamId, schedule] of schedules) {
      const roster = rosters.get(schedule.id);
      if (roster !== undefined) shifts.set(teamId, shiftAt(schedule, roster, at));
    }
    return shifts;
  }

  /** What decides about a range; a week more on each side, where the shifts at its ends may begin and end. */
  private async rosters(schedules: readonly Schedule[], from: Date, until: Date): Promise<Map<string, Roster>> {
    const ids = schedules.map(({ id }) => id);
    const [rotations, overrides] = await Promise.all([
      this.parts.onCall.rotations(ids),
      this.parts.onCall.overridesTouching(ids, new Date(from.getTime() - WEEK_MS), new Date(until.getTime() + WEEK_MS)),
    ]);
    const people = new Set([...[...rotations.values()].flat().flatMap(({ participantIds }) => participantIds), ...[...overrides.values()].flat().map(({ principalId }) => principalId)]);
    const unavailable = await this.parts.principals.unavailableSince([...people]);
    return new Map([...rotations].map(([id, ofSchedule]) => {
      const own = overrides.get(id) ?? [];
      const concerned = new Set([...ofSchedule.flatMap(({ participantIds }) => participantIds), ...own.map(({ principalId }) => principalId)]);
      return [id, { rotations: ofSchedule, overrides: own, unavailableSince: new Map([...unavailable].filter(([person]) => concerned.has(person))) }];
    }));
  }
}

/** Team of a key `<team>@<second>`. */
function teamOf(key: string): string {
  return key.slice(0, key.lastIndexOf('@'));
}
