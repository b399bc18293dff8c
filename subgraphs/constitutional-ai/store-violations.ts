/** Violations in PostgreSQL. */
import type { ConstitutionalViolation as ViolationRow } from '../../prisma/__generated__/client.js';
import type { Database, TransactionClient } from '../kernel/database.js';
import type { Violation, ViolationKind, ViolationStatus } from './domain.js';

/** What is known when a violation is opened; the rest follows from its state. */
export type NewViolation = Omit<Violation, 'number' | 'status' | 'version' | 'decidedBy' | 'decidedAt' | 'reason' | 'remediatedBy' | 'remediatedAt' | 'remediation'>;

/** The part of a violation that its state machine changes. */
export type ViolationChange = Pick<Violation, 'status'> & Partial<Pick<Violation, 'decidedBy' | 'decidedAt' | 'reason' | 'remediatedBy' | 'remediatedAt' | 'remediation'>>;

export interface ViolationFilter {
  readonly status: ViolationStatus | null;
  /** ISO 8601. */
  readonly since: string | null;
}

export class ViolationStore {
  constructor(private readonly database: Database) {}

  async open(tx: TransactionClient, violation: NewViolation): Promise<Violation> {
    return toViolation(await tx.constitutionalViolation.create({ data: { ...violation, status: 'OPEN' } }));
  }

  /**
   * Opens a reported violation unless the same report was stored before.
   * @param reportKey identity of the report.
   * @returns the violation and whether it is new.
   */
  async openOnce(tx: TransactionClient, reportKey: string, violation: NewViolation): Promise<{ violation: Violation; isNew: boolean }> {
    await tx.$executeRawUnsafe('SELECT pg_advisory_xact_lock(hashtextextended($1, 1))', reportKey);
    const existing = await tx.constitutionalViolation.findUnique({ where: { reportKey } });
    if (existing !== null) return { violation: toViolation(existing), isNew: false };
    return { violation: toViolation(await tx.constitutionalViolation.create({ data: { ...violation, reportKey, status: 'OPEN' } })), isNew: true };
  }

  /** The violation under its row lock. */
  async lock(tx: TransactionClient, id: string): Promise<Violation | null> {
    await tx.$queryRawUnsafe('SELECT id FROM constitutional_ai.violation WHERE id = $1 FOR UPDATE', id);
    const row = await tx.constitutionalViolation.findUnique({ where: { id } });
    return row === null ? null : toViolation(row);
  }

  async change(tx: TransactionClient, id: string, change: ViolationChange): Promise<Violation> {
    return toViolation(await tx.constitutionalViolation.update({ where: { id }, data: { ...change, version: { increment: 1 } } }));
  }

  async byIds(ids: readonly string[]): Promise<Map<string, Violation>> {
    const rows = await this.database.read((prisma) => prisma.constitutionalViolation.findMany({ where: { id: { in: [...ids] } } }));
    return new Map(rows.map((row) => [row.id, toViolation(row)]));
  }

  async page({ status, since }: ViolationFilter, limit: number, before: bigint | null): Promise<Violation[]> {
    const rows = await this.database.read((prisma) => prisma.constitutionalViolation.findMany({
      where: { ...(status === null ? {} : { status }), ...(since === null ? {} : { occurredAt: { gte: since } }), ...(before === null ? {} : { number: { lt: before } }) },
      orderBy: { number: 'desc' }, take: limit,
    }));
    return rows.map(toViolation);
  }

  /** Newest open violations of each service, at most `first` each. */
  newestOpenByServices(serviceIds: readonly string[], first: number): Promise<Map<string, Violation[]>> {
    return this.newestBy('service_id', serviceIds, first, `AND status = 'OPEN'`, (violation) => violation.serviceId);
  }

  /** Newest violations of each incident, at most `first` each. */
  newestByIncidents(incidentIds: readonly string[], first: number): Promise<Map<string, Violation[]>> {
    return this.newestBy('incident_id', incidentIds, first, '', (violation) => violation.incidentId);
  }

  /** Every violation each check opened, in the order of the constitution. */
  async byChecks(checkIds: readonly string[]): Promise<Map<string, Violation[]>> {
    const rows = await this.database.read((prisma) => prisma.constitutionalViolation.findMany({ where: { checkId: { in: [...checkIds] } }, orderBy: { number: 'asc' } }));
    return grouped(rows.map(toViolation), (violation) => violation.checkId);
  }

  private async newestBy(column: 'service_id' | 'incident_id', keys: readonly string[], first: number, condition: string, keyOf: (violation: Violation) => string | null): Promise<Map<string, Violation[]>> {
    const ids = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<{ id: string }>>(
      `SELECT v.id FROM unnest($1::text[]) AS k(key) CROSS JOIN LATERAL
         (SELECT id FROM constitutional_ai.violation WHERE ${column} = k.key ${condition} ORDER BY number DESC LIMIT $2) v`, [...keys], first));
    const rows = await this.database.read((prisma) => prisma.constitutionalViolation.findMany({ where: { id: { in: ids.map(({ id }) => id) } }, orderBy: { number: 'desc' } }));
    return grouped(rows.map(toViolation), keyOf);
  }
}

function grouped(violations: readonly Violation[], keyOf: (violation: Violation) => string | null): Map<string, Violation[]> {
  const groups = new Map<string, Violation[]>();
  for (const violation of violations) {
    const key = keyOf(violation);
    if (key !== null) groups.set(key, [...(groups.get(key) ?? []), violation]);
  }
  return groups;
}

function toViolation(row: ViolationRow): Violation {
  const { reportKey: _reportKey, ...rest } = row;
  return {
    ...rest, number: row.number.toString(), kind: row.kind as ViolationKind, status: row.status as ViolationStatus,
    occurredAt: row.occurredAt.toISOString(), decidedAt: row.decidedAt?.toISOString() ?? null, remediatedAt: row.remediatedAt?.toISOString() ?? null,
  };
}
