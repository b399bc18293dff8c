/** Rollback reports in PostgreSQL. */
import type { Prisma } from '../../prisma/__generated__/client.js';
import type { Database, TransactionClient } from '../kernel/database.js';
import type { RollbackAttempt, RollbackReport } from './domain-rollback.js';

type ReportRow = Prisma.RollbackReportGetPayload<object>;

export class RollbackStore {
  constructor(private readonly database: Database) {}

  async insert(tx: TransactionClient, { attempts, ...report }: RollbackReport): Promise<void> {
    await tx.rollbackReport.create({ data: { ...report, attempts: attempts.map((attempt) => ({ ...attempt })) } });
  }

  async byIds(ids: readonly string[]): Promise<Map<string, RollbackReport>> {
    const rows = await this.database.read((prisma) => prisma.rollbackReport.findMany({ where: { id: { in: [...ids] } } }));
    return new Map(rows.map((row) => [row.id, toReport(row)]));
  }

  /** Latest report on each deployment. */
  async latestOf(deploymentIds: readonly string[]): Promise<Map<string, RollbackReport>> {
    const rows = await this.database.read((prisma) => prisma.rollbackReport.findMany({ where: { deploymentId: { in: [...deploymentIds] } }, orderBy: { ordinal: 'asc' } }));
    return new Map(rows.map((row) => [row.deploymentId, toReport(row)]));
  }
}

function toReport(row: ReportRow): RollbackReport {
  const { id, serviceId, deploymentId, restoredDeploymentId, fromInstanceId, toInstanceId, reason, incidentId, requestedById, attempts, startedAt, completedAt, probeDurationMs, durationMs, constitutionalHash } = row;
  return {
    id, serviceId, deploymentId, restoredDeploymentId, fromInstanceId, toInstanceId, reason, incidentId, requestedById,
    attempts: attempts as RollbackAttempt[], startedAt: startedAt.toISOString(), completedAt: completedAt.toISOString(), probeDurationMs, durationMs, constitutionalHash,
  };
}
