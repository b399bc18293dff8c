/** Schema checks and their approvals in PostgreSQL. */
import type { Prisma, SchemaApproval as ApprovalRow } from '../../prisma/__generated__/client.js';
import type { SchemaCheckReport } from '../../ops/runtime/schema-check.js';
import type { Database, TransactionClient } from '../kernel/database.js';
import type { SchemaApproval, StoredCheck } from './domain-schema.js';

/** The report as it is kept: without the composed text, which a version keeps once it is published. */
export type KeptReport = Omit<SchemaCheckReport, 'supergraphSdl'> & {
  /** How many findings there were; the most critical ones are kept. */
  readonly findingCount: number;
};

const SUMMARY = { id: true, ordinal: true, verdict: true, baseId: true, proposedDigest: true, breaking: true, requestedById: true, checkedAt: true, revision: true, branch: true, changeUrl: true } satisfies Prisma.SchemaCheckSelect;
type CheckRow = Prisma.SchemaCheckGetPayload<{ select: typeof SUMMARY }>;

/** A check with its place in the order of checks. */
export type NumberedCheck = StoredCheck & { readonly ordinal: bigint };

export class SchemaCheckStore {
  constructor(private readonly database: Database) {}

  async insert(tx: TransactionClient, check: StoredCheck, report: KeptReport, constitutionalHash: string): Promise<void> {
    await tx.schemaCheck.create({ data: { ...check, breaking: [...check.breaking], report: report as unknown as Prisma.InputJsonObject, constitutionalHash } });
  }

  async byIds(ids: readonly string[]): Promise<Map<string, NumberedCheck>> {
    const rows = await this.database.read((prisma) => prisma.schemaCheck.findMany({ where: { id: { in: [...ids] } }, select: SUMMARY }));
    return new Map(rows.map((row) => [row.id, toCheck(row)]));
  }

  async reports(ids: readonly string[]): Promise<Map<string, KeptReport>> {
    const rows = await this.database.read((prisma) => prisma.schemaCheck.findMany({ where: { id: { in: [...ids] } }, select: { id: true, report: true } }));
    return new Map(rows.map(({ id, report }) => [id, report as unknown as KeptReport]));
  }

  async page(verdict: string | null, limit: number, before: bigint | null): Promise<NumberedCheck[]> {
    const where = { ...(verdict === null ? {} : { verdict }), ...(before === null ? {} : { ordinal: { lt: before } }) };
    const rows = await this.database.read((prisma) => prisma.schemaCheck.findMany({ where, select: SUMMARY, orderBy: { ordinal: 'desc' }, take: limit }));
    return rows.map(toCheck);
  }

  /** Approvals that can still let something through. @param now ISO 8601. */
  async openApprovals(now: string): Promise<SchemaApproval[]> {
    const rows = await this.database.read((prisma) => prisma.schemaApproval.findMany({ where: { usedById: null, expiresAt: { gt: now } }, orderBy: { approvedAt: 'asc' } }));
    return rows.map(toApproval);
  }

  /** The same under their locks, so that each is used once. */
  async lockOpenApprovals(tx: TransactionClient, now: string): Promise<SchemaApproval[]> {
    const ids = await tx.$queryRawUnsafe<Array<{ id: string }>>('SELECT id FROM governance_synthesis.schema_approval WHERE used_by_id IS NULL AND expires_at > $1::timestamptz ORDER BY id FOR UPDATE', now);
    const rows = await tx.schemaApproval.findMany({ where: { id: { in: ids.map(({ id }) => id) } }, orderBy: { approvedAt: 'asc' } });
    return rows.map(toApproval);
  }

  async approvalsOf(checkIds: readonly string[]): Promise<Map<string, SchemaApproval[]>> {
    const rows = await this.database.read((prisma) => prisma.schemaApproval.findMany({ where: { checkId: { in: [...checkIds] } }, orderBy: [{ approvedAt: 'desc' }, { id: 'asc' }] }));
    const found = new Map<string, SchemaApproval[]>();
    for (const row of rows) found.set(row.checkId, [...(found.get(row.checkId) ?? []), toApproval(row)]);
    return found;
  }

  async insertApproval(tx: TransactionClient, approval: SchemaApproval, constitutionalHash: string): Promise<void> {
    await tx.schemaApproval.create({ data: { ...approval, fingerprints: [...approval.fingerprints], constitutionalHash } });
  }

  async useApprovals(tx: TransactionClient, ids: readonly string[], versionId: string): Promise<void> {
    for (const id of ids) await tx.schemaApproval.update({ where: { id }, data: { usedById: versionId } });
  }
}

function toCheck({ checkedAt, verdict, ...row }: CheckRow): NumberedCheck {
  return { ...row, verdict: verdict as StoredCheck['verdict'], checkedAt: checkedAt.toISOString() };
}

function toApproval({ id, checkId, digest, fingerprints, approverId, comment, approvedAt, expiresAt, usedById }: ApprovalRow): SchemaApproval {
  return { id, checkId, digest, fingerprints, approverId, comment, approvedAt: approvedAt.toISOString(), expiresAt: expiresAt.toISOString(), usedById };
}
