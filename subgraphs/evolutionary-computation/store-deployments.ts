/** Deployments, their steps, consumed grants and rollback reports in PostgreSQL. */
import type { Prisma } from '../../prisma/__generated__/client.js';
import type { Database, TransactionClient } from '../kernel/database.js';
import { STEPS_SHOWN, type Deployment, type DeploymentStatus, type DeploymentStepKind, type MovedDeployment } from './domain-deployments.js';
import type { Predecessor } from './domain-rollback.js';
import { toInstance } from './store-instances.js';

const WITH_STEPS = { steps: { orderBy: { position: 'desc' }, take: STEPS_SHOWN } } satisfies Prisma.DeploymentInclude;
type DeploymentRow = Prisma.DeploymentGetPayload<{ include: typeof WITH_STEPS }>;

/** Longest chain of earlier deployments that is walked. */
const MAX_CHAIN = 1_000;

export interface ConsumedGrant {
  readonly nonce: string;
  readonly changeId: string;
  readonly digest: string;
  readonly deploymentId: string;
  readonly consumedAt: Date;
  readonly expiresAt: Date;
  readonly constitutionalHash: string;
}

export interface DeploymentFilter {
  readonly serviceId: string | null;
  readonly status: DeploymentStatus | null;
}

/** Queries for the latest deployments of each key. */
const LATEST_OF = {
  service: `SELECT id, ordinal FROM evolutionary_computation.deployment WHERE service_id = k.key ORDER BY ordinal DESC LIMIT $2::int`,
  change: `SELECT id, ordinal FROM evolutionary_computation.deployment WHERE change_id = k.key ORDER BY ordinal DESC LIMIT $2::int`,
  incident: `SELECT deployment_id AS id, max(ordinal) AS ordinal FROM evolutionary_computation.rollback_report WHERE incident_id = k.key GROUP BY deployment_id ORDER BY 2 DESC LIMIT $2::int`,
} as const;

export class DeploymentStore {
  constructor(private readonly database: Database) {}

  /** The next `DEP-<year>-<number>`; concurrent callers wait for each other. */
  async nextId(tx: TransactionClient, year: number): Promise<string> {
    const key = `DEP-${year}`;
    const rows = await tx.$queryRawUnsafe<Array<{ last: bigint }>>(
      'INSERT INTO evolutionary_computation.counter AS c (key, last) VALUES ($1, 1) ON CONFLICT (key) DO UPDATE SET last = c.last + 1 RETURNING last', key);
    return `${key}-${String(rows[0]?.last).padStart(4, '0')}`;
  }

  async insert(tx: TransactionClient, { steps, ...deployment }: Deployment): Promise<void> {
    const { constitutionalHash } = deployment;
    await tx.deployment.create({ data: { ...deployment, steps: { create: steps.map(({ at, ...step }) => ({ ...step, occurredAt: at, constitutionalHash })) } } });
  }

  /** Writes a move of a locked deployment: its status and its step. @param constitutionalHash label the step is written under. */
  async save(tx: TransactionClient, { before, after, step }: MovedDeployment, constitutionalHash: string): Promise<void> {
    const { id, status, revision, activatedAt, failure } = after;
    const { at, ...rest } = step;
    await tx.deploymentStep.create({ data: { deploymentId: id, ...rest, occurredAt: at, constitutionalHash } });
    await tx.deployment.update({ where: { id, revision: before.revision }, data: { status, revision, activatedAt, failure } });
  }

  /** Records the nonce of a grant. @returns false when it was recorded before. */
  async consume(tx: TransactionClient, { nonce, changeId, digest, deploymentId, consumedAt, expiresAt, constitutionalHash }: ConsumedGrant): Promise<boolean> {
    const inserted = await tx.$executeRawUnsafe(
      `INSERT INTO evolutionary_computation.consumed_grant (nonce, change_id, digest, deployment_id, consumed_at, expires_at, constitutional_hash)
       VALUES ($1, $2, $3, $4, $5::timestamptz, $6::timestamptz, $7) ON CONFLICT (nonce) DO NOTHING`,
      nonce, changeId, digest, deploymentId, consumedAt.toISOString(), expiresAt.toISOString(), constitutionalHash);
    return inserted === 1;
  }

  async find(tx: TransactionClient, id: string): Promise<Deployment | null> {
    const row = await tx.deployment.findUnique({ where: { id }, include: WITH_STEPS });
    return row === null ? null : toDeployment(row);
  }

  /** Deployment of a service that is neither in use nor over; at most one is. */
  async underWay(tx: TransactionClient, serviceId: string): Promise<Deployment | null> {
    const row = await tx.deployment.findFirst({ where: { serviceId, status: { in: ['PENDING', 'PROBING'] } }, include: WITH_STEPS });
    return row === null ? null : toDeployment(row);
  }

  /** Deployments before one, latest first, along the chain of what each took over from; its end is the baseline. */
  async predecessors(tx: TransactionClient, id: string): Promise<Predecessor[]> {
    const chain = await tx.$queryRawUnsafe<Array<{ id: string }>>(
      `WITH RECURSIVE chain AS (
         SELECT previous_deployment_id AS id, 1 AS depth FROM evolutionary_computation.deployment WHERE id = $1
         UNION ALL SELECT d.previous_deployment_id, chain.depth + 1 FROM evolutionary_computation.deployment d JOIN chain ON d.id = chain.id WHERE chain.depth < ${MAX_CHAIN}
       ) SELECT id FROM chain WHERE id IS NOT NULL ORDER BY depth`, id);
    const ids = chain.map((row) => row.id);
    const deployments = await tx.deployment.findMany({ where: { id: { in: ids } }, include: WITH_STEPS });
    const instances = await tx.serviceInstance.findMany({ where: { id: { in: deployments.map(({ instanceId }) => instanceId) } }, include: { probe: true } });
    const deploymentOf = new Map(deployments.map((row) => [row.id, toDeployment(row)]));
    const instanceOf = new Map(instances.map((row) => [row.id, toInstance(row)]));
    return ids.flatMap((deploymentId) => {
      const deployment = deploymentOf.get(deploymentId);
      const instance = deployment === undefined ? undefined : instanceOf.get(deployment.instanceId);
      return deployment === undefined || instance === undefined ? [] : [{ deployment, instance }];
    });
  }

  /** Deployments under way that were recorded before a moment. */
  async stalled(before: Date, limit: number): Promise<Array<{ id: string; serviceId: string }>> {
    return this.database.read((prisma) => prisma.deployment.findMany({ where: { status: { in: ['PENDING', 'PROBING'] }, startedAt: { lt: before } }, select: { id: true, serviceId: true }, orderBy: { ordinal: 'asc' }, take: limit }));
  }

  async byIds(ids: readonly string[]): Promise<Map<string, Deployment>> {
    const rows = await this.database.read((prisma) => prisma.deployment.findMany({ where: { id: { in: [...ids] } }, include: WITH_STEPS }));
    return new Map(rows.map((row) => [row.id, toDeployment(row)]));
  }

  /** Latest first, below an ordinal; each with its ordinal for the page's cursor. */
  async page({ serviceId, status }: DeploymentFilter, limit: number, before: bigint | null): Promise<Array<{ ordinal: bigint; deployment: Deployment }>> {
    const where: Prisma.DeploymentWhereInput = { ...(serviceId === null ? {} : { serviceId }), ...(status === null ? {} : { status }), ...(before === null ? {} : { ordinal: { lt: before } }) };
    const rows = await this.database.read((prisma) => prisma.deployment.findMany({ where, include: WITH_STEPS, orderBy: { ordinal: 'desc' }, take: limit }));
    return rows.map((row) => ({ ordinal: row.ordinal, deployment: toDeployment(row) }));
  }

  /** Ids of the latest deployments of each service or change; for incidents those rolled back for it. */
  async latestOf(owner: keyof typeof LATEST_OF, keys: readonly string[], first: number): Promise<Map<string, string[]>> {
    const rows = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<{ key: string; id: string }>>(
      `SELECT k.key, d.id FROM unnest($1::text[]) AS k(key) CROSS JOIN LATERAL (${LATEST_OF[owner]}) d ORDER BY k.key, d.ordinal DESC`, [...keys], first));
    const latest = new Map<string, string[]>();
    for (const { key, id } of rows) latest.set(key, [...(latest.get(key) ?? []), id]);
    return latest;
  }
}

function toDeployment(row: DeploymentRow): Deployment {
  const { id, serviceId, instanceId, previousDeploymentId, previousInstanceId, version, status, revision, changeId, incidentId, requestedById, failure, constitutionalHash } = row;
  return {
    id, serviceId, instanceId, previousDeploymentId, previousInstanceId, version, status: status as DeploymentStatus, revision, changeId, incidentId, requestedById, failure, constitutionalHash,
    grantExpiresAt: row.grantExpiresAt?.toISOString() ?? null, startedAt: row.startedAt.toISOString(), activatedAt: row.activatedAt?.toISOString() ?? null,
    steps: row.steps.map(({ position, kind, detail, occurredAt }) => ({ position, kind: kind as DeploymentStepKind, detail, at: occurredAt.toISOString() })).reverse(),
  };
}
