/** Change requests and approvals in PostgreSQL. */
import type { Prisma } from '../../prisma/__generated__/client.js';
import type { Database, TransactionClient } from '../kernel/database.js';
import type { Approval, ChangeActionKind, ChangeCategory, ChangeOutcome, ChangeRequest, ChangeStatus, JsonObject } from './domain.js';

/** Approvals read with a change; those of its present revision are always among them. */
const SHOWN_APPROVALS = 50;
const WITH_APPROVALS = { approvals: { orderBy: [{ approvedAt: 'desc' }, { id: 'asc' }], take: SHOWN_APPROVALS } } satisfies Prisma.ChangeRequestInclude;

type ChangeRow = Prisma.ChangeRequestGetPayload<{ include: typeof WITH_APPROVALS }>;
type ApprovalRow = ChangeRow['approvals'][number];

export interface ChangeFilter {
  readonly status?: ChangeStatus | null | undefined;
  readonly category?: ChangeCategory | null | undefined;
  readonly serviceId?: string | null | undefined;
}

/** Columns changes are looked up by from other entities. */
const OWNER_COLUMN = { service: 'service_id', incident: 'incident_id' } as const;

export class ChangeStore {
  constructor(private readonly database: Database) {}

  /** The next human-readable id, `<prefix>-<year>-<number>`; concurrent callers wait for each other. */
  async nextId(tx: TransactionClient, prefix: 'CHG' | 'CAB' | 'SCK', year: number): Promise<string> {
    const key = `${prefix}-${year}`;
    const rows = await tx.$queryRawUnsafe<Array<{ last: number }>>(
      `INSERT INTO governance_synthesis.counter AS c (key, last) VALUES ($1, 1) ON CONFLICT (key) DO UPDATE SET last = c.last + 1 RETURNING last`, key);
    return `${key}-${String(rows[0]?.last).padStart(4, '0')}`;
  }

  async insert(tx: TransactionClient, change: ChangeRequest): Promise<void> {
    await tx.changeRequest.create({ data: { id: change.id, ...columnsOf(change) } });
  }

  /** Reads a change and keeps everyone else from changing it until the transaction ends; null when there is none. */
  async lock(tx: TransactionClient, id: string): Promise<ChangeRequest | null> {
    const rows = await tx.$queryRawUnsafe<unknown[]>('SELECT 1 FROM governance_synthesis.change_request WHERE id = $1 FOR UPDATE', id);
    if (rows.length === 0) return null;
    const row = await tx.changeRequest.findUnique({ where: { id }, include: WITH_APPROVALS });
    return row === null ? null : toChange(row);
  }

  /** Locks changes whose time has come, passing over those somebody else holds. */
  async lockDue(tx: TransactionClient, now: string, limit: number): Promise<ChangeRequest[]> {
    const ids = await tx.$queryRawUnsafe<Array<{ id: string }>>(
      `SELECT id FROM governance_synthesis.change_request
       WHERE (status IN ('SUBMITTED', 'APPROVED') AND expires_at <= $1::timestamptz)
          OR (status = 'IMPLEMENTED' AND review_overdue_at IS NULL AND review_due_at <= $1::timestamptz)
       ORDER BY ordinal LIMIT $2 FOR UPDATE SKIP LOCKED`, now, limit);
    if (ids.length === 0) return [];
    const rows = await tx.changeRequest.findMany({ where: { id: { in: ids.map(({ id }) => id) } }, include: WITH_APPROVALS, orderBy: { ordinal: 'asc' } });
    return rows.map(toChange);
  }

  /** How many there are, by status. */
  async byStatus(): Promise<Map<string, number>> {
    const rows = await this.database.read((prisma) => prisma.changeRequest.groupBy({ by: ['status'], _count: true }));
    return new Map(rows.map(({ status, _count }) => [status, _count]));
  }

  /** Whether a change's time has come; a cheap look without locks. */
  async anyDue(now: string): Promise<boolean> {
    const rows = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<{ due: boolean }>>(
      `SELECT EXISTS (SELECT 1 FROM governance_synthesis.change_request WHERE status IN ('SUBMITTED', 'APPROVED') AND expires_at <= $1::timestamptz)
           OR EXISTS (SELECT 1 FROM governance_synthesis.change_request WHERE status = 'IMPLEMENTED' AND review_overdue_at IS NULL AND review_due_at <= $1::timestamptz) AS due`, now));
    return rows[0]?.due === true;
  }

  /**
   * Writes what an operation made of a locked change: its columns, approvals that are new, approvals that became void.
   * @param constitutionalHash label the approvals are given under.
   */
  async save(tx: TransactionClient, before: ChangeRequest, after: ChangeRequest, constitutionalHash: string): Promise<void> {
    const known = new Map(before.approvals.map((approval) => [approval.id, approval]));
    for (const approval of after.approvals) {
      const previous = known.get(approval.id);
      if (previous === undefined) await tx.changeApproval.create({ data: { ...approval, constitutionalHash } });
      else if (previous.voidedAt === null && approval.voidedAt !== null) await tx.changeApproval.update({ where: { id: approval.id }, data: { voidedAt: approval.voidedAt } });
    }
    await tx.changeRequest.update({ where: { id: after.id, version: before.version }, data: columnsOf(after) });
  }

  async byIds(ids: readonly string[]): Promise<Map<string, ChangeRequest>> {
    const rows = await this.database.read((prisma) => prisma.changeRequest.findMany({ where: { id: { in: [...ids] } }, include: WITH_APPROVALS }));
    return new Map(rows.map((row) => [row.id, toChange(row)]));
  }

  /** Newest first, below an ordinal; each with its ordinal for the page's cursor. */
  async page({ status, category, serviceId }: ChangeFilter, limit: number, before: bigint | null): Promise<Array<{ ordinal: bigint; change: ChangeRequest }>> {
    const where: Prisma.ChangeRequestWhereInput = {
      ...(status == null ? {} : { status }), ...(category == null ? {} : { category }), ...(serviceId == null ? {} : { serviceId }),
      ...(before === null ? {} : { ordinal: { lt: before } }),
    };
    const rows = await this.database.read((prisma) => prisma.changeRequest.findMany({ where, include: WITH_APPROVALS, orderBy: { ordinal: 'desc' }, take: limit }));
    return rows.map((row) => ({ ordinal: row.ordinal, change: toChange(row) }));
  }

  /** Newest changes of each service or incident. */
  async newestOf(owner: keyof typeof OWNER_COLUMN, keys: readonly string[], first: number): Promise<Map<string, ChangeRequest[]>> {
    const pairs = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<{ key: string; id: string }>>(
      `SELECT k.key, c.id FROM unnest($1::text[]) AS k(key) CROSS JOIN LATERAL (
         SELECT id, ordinal FROM governance_synthesis.change_request r WHERE r.${OWNER_COLUMN[owner]} = k.key ORDER BY r.ordinal DESC LIMIT $2) c ORDER BY c.ordinal DESC`, keys, first));
    const changes = await this.byIds([...new Set(pairs.map(({ id }) => id))]);
    return grouped(pairs.flatMap(({ key, id }) => entry(key, changes.get(id))));
  }

  /** Open changes that begin in the span, earliest first. */
  async planned(from: string, to: string, first: number): Promise<ChangeRequest[]> {
    const ids = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<{ id: string }>>(
      `SELECT id FROM governance_synthesis.change_request WHERE status IN ('SUBMITTED', 'APPROVED', 'IMPLEMENTING')
         AND coalesce(opens_at, planned_start, submitted_at) >= $1::timestamptz AND coalesce(opens_at, planned_start, submitted_at) < $2::timestamptz
       ORDER BY coalesce(opens_at, planned_start, submitted_at), ordinal LIMIT $3`, from, to, first));
    const changes = await this.byIds(ids.map(({ id }) => id));
    return ids.flatMap(({ id }) => changes.get(id) ?? []);
  }

  /** What each meeting has still to decide: changes submitted before it that await the board, oldest first. */
  async awaitingBoard(meetingIds: readonly string[], now: string, first: number): Promise<Map<string, ChangeRequest[]>> {
    const pairs = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<{ key: string; id: string }>>(
      `SELECT m.id AS key, c.id FROM governance_synthesis.cab_meeting m CROSS JOIN LATERAL (
         SELECT r.id, r.ordinal FROM governance_synthesis.change_request r
         WHERE r.status = 'SUBMITTED' AND r.submitted_at < m.scheduled_at AND r.expires_at > $2::timestamptz
           AND EXISTS (SELECT 1 FROM governance_synthesis.change_rule_step s WHERE s.category = r.category AND s.authority = 'CAB')
           AND NOT EXISTS (SELECT 1 FROM governance_synthesis.cab_decision d WHERE d.change_id = r.id AND d.revision = r.revision)
         ORDER BY r.ordinal LIMIT $3) c
       WHERE m.id = ANY($1::text[]) ORDER BY c.ordinal`, meetingIds, now, first));
    const changes = await this.byIds([...new Set(pairs.map(({ id }) => id))]);
    return grouped(pairs.flatMap(({ key, id }) => entry(key, changes.get(id))));
  }

  /** Newest approvals of each person. */
  async approvalsBy(approvers: readonly string[], first: number): Promise<Map<string, Approval[]>> {
    const pairs = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<{ id: string }>>(
      `SELECT a.id FROM unnest($1::text[]) AS k(key) CROSS JOIN LATERAL (
         SELECT id FROM governance_synthesis.approval g WHERE g.approver_id = k.key ORDER BY g.approved_at DESC, g.id LIMIT $2) a`, approvers, first));
    const rows = await this.database.read((prisma) => prisma.changeApproval.findMany({ where: { id: { in: pairs.map(({ id }) => id) } }, orderBy: [{ approvedAt: 'desc' }, { id: 'asc' }] }));
    return grouped(rows.map((row) => ({ key: row.approverId, value: toApproval(row) })));
  }
}

function entry<V>(key: string, value: V | undefined): Array<{ key: string; value: V }> {
  return value === undefined ? [] : [{ key, value }];
}

function grouped<V>(pairs: ReadonlyArray<{ key: string; value: V }>): Map<string, V[]> {
  const groups = new Map<string, V[]>();
  for (const { key, value } of pairs) groups.set(key, [...(groups.get(key) ?? []), value]);
  return groups;
}

function columnsOf(change: ChangeRequest): Omit<Prisma.ChangeRequestUncheckedCreateInput, 'id'> {
  const { id: _id, approvals: _approvals, action, ...columns } = change;
  return { ...columns, actionKind: action.kind, actionParameters: action.parameters };
}

function toChange(row: ChangeRow): ChangeRequest {
  const { ordinal: _ordinal, actionKind, actionParameters, approvals, ...columns } = row;
  return {
    ...columns,
    category: row.category as ChangeCategory, status: row.status as ChangeStatus, outcome: row.outcome as ChangeOutcome | null,
    action: { kind: actionKind as ChangeActionKind, parameters: actionParameters as JsonObject },
    createdAt: row.createdAt.toISOString(), submittedAt: row.submittedAt.toISOString(), expiresAt: row.expiresAt.toISOString(),
    plannedStart: iso(row.plannedStart), opensAt: iso(row.opensAt), approvedAt: iso(row.approvedAt), startedAt: iso(row.startedAt), completedAt: iso(row.completedAt),
    reviewDueAt: iso(row.reviewDueAt), reviewOverdueAt: iso(row.reviewOverdueAt), reviewedAt: iso(row.reviewedAt),
    approvals: approvals.map(toApproval),
  };
}

function toApproval({ constitutionalHash: _constitutionalHash, ...row }: ApprovalRow): Approval {
  return { ...row, approvedAt: row.approvedAt.toISOString(), voidedAt: iso(row.voidedAt) };
}

function iso(date: Date | null): string | null {
  return date === null ? null : date.toISOString();
}
