/** On-call schedules, their rotations and overrides in PostgreSQL. */
import type { Database, TransactionClient } from '../kernel/database.js';
import { WEEKDAYS, type HandoffWeekday, type Override, type Rotation, type Schedule } from './domain-on-call.js';
import type { OnCallOverride as OverrideRow, OnCallRotation as RotationRow } from '../../prisma/__generated__/client.js';

export class OnCallStore {
  constructor(private readonly database: Database) {}

  async schedules(): Promise<Schedule[]> {
    return this.database.read((prisma) => prisma.onCallSchedule.findMany({ orderBy: { teamId: 'asc' }, select: { id: true, teamId: true } }));
  }

  async byIds(ids: readonly string[]): Promise<Map<string, Schedule>> {
    const rows = await this.database.read((prisma) => prisma.onCallSchedule.findMany({ where: { id: { in: [...ids] } }, select: { id: true, teamId: true } }));
    return new Map(rows.map((row) => [row.id, row]));
  }

  /** Schedule of each team that has one. */
  async ofTeams(teamIds: readonly string[]): Promise<Map<string, Schedule>> {
    const rows = await this.database.read((prisma) => prisma.onCallSchedule.findMany({ where: { teamId: { in: [...teamIds] } }, select: { id: true, teamId: true } }));
    return new Map(rows.map((row) => [row.teamId, row]));
  }

  /** Rotations of each schedule, oldest first. */
  async rotations(scheduleIds: readonly string[]): Promise<Map<string, Rotation[]>> {
    const rows = await this.database.read((prisma) => prisma.onCallRotation.findMany({ where: { scheduleId: { in: [...scheduleIds] } }, orderBy: { effectiveFrom: 'asc' } }));
    return grouped(rows, toRotation);
  }

  /** Overrides of each schedule that touch a range. */
  async overridesTouching(scheduleIds: readonly string[], from: Date, until: Date): Promise<Map<string, Override[]>> {
    const rows = await this.database.read((prisma) => prisma.onCallOverride.findMany({ where: { scheduleId: { in: [...scheduleIds] }, startsAt: { lte: until }, endsAt: { gte: from } } }));
    return grouped(rows, toOverride);
  }

  async overridesByIds(ids: readonly string[]): Promise<Map<string, Override>> {
    const rows = await this.database.read((prisma) => prisma.onCallOverride.findMany({ where: { id: { in: [...ids] } } }));
    return new Map(rows.map((row) => [row.id, toOverride(row)]));
  }

  /** Newest overrides of each schedule. */
  async newestOverrides(scheduleIds: readonly string[], limit: number): Promise<Map<string, Override[]>> {
    const rows = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<{ id: string }>>(`
      SELECT o.id FROM unnest($1::text[]) AS k(schedule_id)
      CROSS JOIN LATERAL (SELECT id FROM auth.on_call_override r WHERE r.schedule_id = k.schedule_id ORDER BY starts_at DESC, id LIMIT $2) o`, [...scheduleIds], limit));
    const found = await this.overridesByIds(rows.map(({ id }) => id));
    const groups = new Map<string, Override[]>();
    for (const { id } of rows) {
      const override = found.get(id);
      if (override !== undefined) groups.set(override.scheduleId, [...(groups.get(override.scheduleId) ?? []), override]);
    }
    return groups;
  }

  async lock(tx: TransactionClient, teamId: string): Promise<Schedule | null> {
    await tx.$queryRawUnsafe('SELECT 1 FROM auth.on_call_schedule WHERE team_id = $1 FOR UPDATE', teamId);
    return tx.onCallSchedule.findUnique({ where: { teamId }, select: { id: true, teamId: true } });
  }

  async teamIdOf(tx: TransactionClient, scheduleId: string): Promise<string> {
    return (await tx.onCallSchedule.findUniqueOrThrow({ where: { id: scheduleId }, select: { teamId: true } })).teamId;
  }

  async insert(tx: TransactionClient, schedule: Schedule, now: Date, constitutionalHash: string): Promise<void> {
    await tx.onCallSchedule.create({ data: { ...schedule, createdAt: now, constitutionalHash } });
  }

  async newestRotation(tx: TransactionClient, scheduleId: string): Promise<Rotation | null> {
    const row = await tx.onCallRotation.findFirst({ where: { scheduleId }, orderBy: { effectiveFrom: 'desc' } });
    return row === null ? null : toRotation(row);
  }

  async insertRotation(tx: TransactionClient, scheduleId: string, rotation: Rotation, constitutionalHash: string): Promise<void> {
    const { participantIds, handoffWeekday, ...rest } = rotation;
    await tx.onCallRotation.create({ data: { ...rest, scheduleId, participantIds: [...participantIds], handoffWeekday: WEEKDAYS.indexOf(handoffWeekday) + 1, constitutionalHash } });
  }

  /** An override in force at some moment of a window; null when there is none. */
  async overlapping(tx: TransactionClient, scheduleId: string, startsAt: Date, endsAt: Date): Promise<Override | null> {
    const row = await tx.onCallOverride.findFirst({ where: { scheduleId, startsAt: { lt: endsAt }, endsAt: { gt: startsAt }, OR: [{ revokedAt: null }, { revokedAt: { gt: startsAt } }] } });
    return row === null ? null : toOverride(row);
  }

  async insertOverride(tx: TransactionClient, override: Override, constitutionalHash: string): Promise<void> {
    await tx.onCallOverride.create({ data: { ...override, constitutionalHash } });
  }

  async lockOverride(tx: TransactionClient, id: string): Promise<Override | null> {
    await tx.$queryRawUnsafe('SELECT 1 FROM auth.on_call_override WHERE id = $1 FOR UPDATE', id);
    const row = await tx.onCallOverride.findUnique({ where: { id } });
    return row === null ? null : toOverride(row);
  }

  async revokeOverride(tx: TransactionClient, id: string, now: Date): Promise<Override> {
    return toOverride(await tx.onCallOverride.update({ where: { id }, data: { revokedAt: now } }));
  }
}

function grouped<R extends { readonly scheduleId: string }, V>(rows: readonly R[], valueOf: (row: R) => V): Map<string, V[]> {
  const groups = new Map<string, V[]>();
  for (const row of rows) {
    const group = groups.get(row.scheduleId) ?? [];
    group.push(valueOf(row));
    groups.set(row.scheduleId, group);
  }
  return groups;
}

function toRotation(row: RotationRow): Rotation {
  return {
    id: row.id, effectiveFrom: row.effectiveFrom, participantIds: row.participantIds, handoffWeekday: WEEKDAYS[row.handoffWeekday - 1] as HandoffWeekday,
    handoffMinute: row.handoffMinute, createdBy: row.createdBy, createdAt: row.createdAt,
  };
}

function toOverride(row: OverrideRow): Override {
  return {
    id: row.id, scheduleId: row.scheduleId, principalId: row.principalId, startsAt: row.startsAt, endsAt: row.endsAt, reason: row.reason,
    createdBy: row.createdBy, createdAt: row.createdAt, revokedAt: row.revokedAt,
  };
}
