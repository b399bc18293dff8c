/** Compliance checks in PostgreSQL; they are appended and never changed. */
import type { ComplianceCheck as CheckRow, Prisma } from '../../prisma/__generated__/client.js';
import type { Database, TransactionClient } from '../kernel/database.js';
import type { ActionKind, ComplianceCheck, ComplianceLevel, ComplianceTrendDay, Finding, Verdict } from './domain.js';

export type NewCheck = Omit<ComplianceCheck, 'number'>;

interface TrendRow {
  readonly day: Date;
  readonly checks: bigint;
  readonly compliant: bigint;
  readonly prohibited: bigint;
  readonly mean_score: number;
}

export class CheckStore {
  constructor(private readonly database: Database) {}

  async add(tx: TransactionClient, check: NewCheck): Promise<void> {
    // The JSON columns hold plain data; Prisma's input type does not admit readonly fields of `unknown`.
    const attributes = check.attributes as Prisma.InputJsonObject;
    const findings = check.findings.map((finding) => ({ ...finding }));
    await tx.complianceCheck.create({ data: { ...check, attributes, findings } });
  }

  async byIds(ids: readonly string[]): Promise<Map<string, ComplianceCheck>> {
    const rows = await this.database.read((prisma) => prisma.complianceCheck.findMany({ where: { id: { in: [...ids] } } }));
    return new Map(rows.map((row) => [row.id, toCheck(row)]));
  }

  async page(serviceId: string | null, limit: number, before: bigint | null): Promise<ComplianceCheck[]> {
    const rows = await this.database.read((prisma) => prisma.complianceCheck.findMany({
      where: { ...(serviceId === null ? {} : { serviceId }), ...(before === null ? {} : { number: { lt: before } }) },
      orderBy: { number: 'desc' }, take: limit,
    }));
    return rows.map(toCheck);
  }

  /** Latest check of each service. */
  async latestByServices(serviceIds: readonly string[]): Promise<Map<string, ComplianceCheck>> {
    const rows = await this.database.read((prisma) => prisma.complianceCheck.findMany({
      where: { serviceId: { in: [...serviceIds] } }, orderBy: [{ serviceId: 'asc' }, { number: 'desc' }], distinct: ['serviceId'],
    }));
    return new Map(rows.map((row) => [row.serviceId, toCheck(row)]));
  }

  /** Days with checks since a moment, oldest first. */
  async trend(serviceId: string | null, since: Date): Promise<ComplianceTrendDay[]> {
    const rows = await this.database.read((prisma) => prisma.$queryRawUnsafe<TrendRow[]>(
      `SELECT date_trunc('day', checked_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS day, count(*) AS checks,
              count(*) FILTER (WHERE verdict = 'COMPLIANT') AS compliant, count(*) FILTER (WHERE verdict = 'PROHIBITED') AS prohibited, avg(score) AS mean_score
       FROM constitutional_ai.compliance_check WHERE checked_at >= $1 AND ($2::text IS NULL OR service_id = $2) GROUP BY 1 ORDER BY 1`, since, serviceId));
    return rows.map((row) => ({ day: row.day.toISOString(), checks: Number(row.checks), compliant: Number(row.compliant), prohibited: Number(row.prohibited), meanScore: row.mean_score }));
  }
}

function toCheck(row: CheckRow): ComplianceCheck {
  return {
    id: row.id, number: row.number.toString(), serviceId: row.serviceId, subject: row.subject, actionKind: row.actionKind as ActionKind,
    level: row.level as ComplianceLevel, threshold: row.threshold, score: row.score, verdict: row.verdict as Verdict,
    attributes: row.attributes as Record<string, unknown>, findings: row.findings as unknown as Finding[],
    constitutionId: row.constitutionId, incidentId: row.incidentId, checkedBy: row.checkedBy, checkedAt: row.checkedAt.toISOString(), constitutionalHash: row.constitutionalHash,
  };
}
