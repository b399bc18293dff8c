/** Meetings and decisions of the change advisory board in PostgreSQL. */
import { isUniqueViolation, type Database, type TransactionClient } from '../kernel/database.js';
import type { CabDecision, CabDecisionResult, CabMeeting, CabVote } from './domain-board.js';

const SHOWN_DECISIONS = 100;

interface MeetingRow { id: string; scheduledAt: Date; quorum: number; scheduledById: string | null }

export class BoardStore {
  constructor(private readonly database: Database) {}

  /** @returns false when there is a meeting at that time already. */
  async insertMeeting(tx: TransactionClient, meeting: CabMeeting, constitutionalHash: string): Promise<boolean> {
    const inserted = await tx.$executeRawUnsafe(
      `INSERT INTO governance_synthesis.cab_meeting (id, scheduled_at, quorum, scheduled_by_id, constitutional_hash) VALUES ($1, $2::timestamptz, $3, $4, $5)
       ON CONFLICT (scheduled_at) DO NOTHING`, meeting.id, meeting.scheduledAt, meeting.quorum, meeting.scheduledById, constitutionalHash);
    return inserted === 1;
  }

  /** Whether there is a weekly meeting at or after a moment. */
  async hasWeeklyFrom(moment: string): Promise<boolean> {
    return (await this.database.read((prisma) => prisma.cabMeeting.count({ where: { scheduledById: null, scheduledAt: { gte: moment } } }))) > 0;
  }

  async meeting(tx: TransactionClient, id: string): Promise<CabMeeting | null> {
    const row = await tx.cabMeeting.findUnique({ where: { id } });
    return row === null ? null : toMeeting(row);
  }

  /** @returns false when the revision was decided on before. */
  async insertDecision(tx: TransactionClient, decision: CabDecision, constitutionalHash: string): Promise<boolean> {
    const { votes, ...columns } = decision;
    try {
      await tx.cabDecision.create({ data: { ...columns, votes: votes.map((vote) => ({ ...vote })), constitutionalHash } });
      return true;
    } catch (error) {
      if (isUniqueViolation(error)) return false;
      throw error;
    }
  }

  async byIds(ids: readonly string[]): Promise<Map<string, CabMeeting>> {
    const rows = await this.database.read((prisma) => prisma.cabMeeting.findMany({ where: { id: { in: [...ids] } } }));
    return new Map(rows.map((row) => [row.id, toMeeting(row)]));
  }

  /** Latest first, before a moment. */
  async page(limit: number, before: string | null): Promise<CabMeeting[]> {
    const rows = await this.database.read((prisma) => prisma.cabMeeting.findMany({ ...(before === null ? {} : { where: { scheduledAt: { lt: before } } }), orderBy: { scheduledAt: 'desc' }, take: limit }));
    return rows.map(toMeeting);
  }

  /** Decisions of each meeting in order, at most 100 a meeting. */
  async decisionsOf(meetingIds: readonly string[]): Promise<Map<string, CabDecision[]>> {
    const rows = await this.database.read((prisma) => prisma.cabMeeting.findMany({
      where: { id: { in: [...meetingIds] } }, select: { id: true, decisions: { orderBy: [{ recordedAt: 'asc' }, { changeId: 'asc' }], take: SHOWN_DECISIONS } },
    }));
    return new Map(rows.map(({ id, decisions }) => [id, decisions.map(({ constitutionalHash: _constitutionalHash, ...row }) => ({
      ...row, result: row.result as CabDecisionResult, votes: row.votes as unknown as readonly CabVote[], recordedAt: row.recordedAt.toISOString(),
    }))]));
  }
}

function toMeeting({ id, scheduledAt, quorum, scheduledById }: MeetingRow): CabMeeting {
  return { id, scheduledAt: scheduledAt.toISOString(), quorum, scheduledById };
}
