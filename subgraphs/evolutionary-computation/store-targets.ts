/** The target table, the locks of services, and the lease of the health monitor, in PostgreSQL. */
import type { Database, TransactionClient } from '../kernel/database.js';

export interface Target {
  readonly serviceId: string;
  readonly instanceId: string;
  readonly deploymentId: string;
  readonly url: string;
  readonly constitutionalHash: string;
}

/** The whole table at one moment. */
export interface TargetTable {
  /** Grows with every change of any row. */
  readonly version: number;
  readonly targets: readonly Target[];
}

interface TargetRow {
  readonly version: bigint;
  readonly service_id: string | null;
  readonly instance_id: string;
  readonly deployment_id: string;
  readonly url: string;
  readonly constitutional_hash: string;
}

export class TargetStore {
  constructor(private readonly database: Database) {}

  /** Makes everyone who moves this service wait until the transaction ends. Take it before any row of the service. */
  async lockService(tx: TransactionClient, serviceId: string): Promise<void> {
    await tx.$executeRawUnsafe(`SELECT pg_advisory_xact_lock(hashtextextended('acgs.service-target.' || $1, 0))`, serviceId);
  }

  async of(tx: TransactionClient, serviceId: string): Promise<Target | null> {
    return tx.serviceTarget.findUnique({ where: { serviceId }, select: { serviceId: true, instanceId: true, deploymentId: true, url: true, constitutionalHash: true } });
  }

  /**
   * Points a service somewhere else. The counter row is locked until the commit, so versions become visible in order:
   * call this last in the transaction.
   * @returns the new version of the table.
   */
  async put(tx: TransactionClient, target: Target, changedAt: Date): Promise<number> {
    const rows = await tx.$queryRawUnsafe<Array<{ last: bigint }>>(`UPDATE evolutionary_computation.counter SET last = last + 1 WHERE key = 'targets' RETURNING last`);
    const version = rows[0]?.last;
    if (version === undefined) throw new Error('The version counter of the target table is missing.');
    const { serviceId, ...rest } = target;
    const data = { ...rest, version, changedAt };
    await tx.serviceTarget.upsert({ where: { serviceId }, create: { serviceId, ...data }, update: data });
    return Number(version);
  }

  /** Version of the table. */
  async version(): Promise<number> {
    const rows = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<{ last: bigint }>>(`SELECT last FROM evolutionary_computation.counter WHERE key = 'targets'`));
    return Number(rows[0]?.last ?? 0);
  }

  /** Version and rows of one snapshot. */
  async table(): Promise<TargetTable> {
    const rows = await this.database.read((prisma) => prisma.$queryRawUnsafe<TargetRow[]>(
      `SELECT c.last AS version, t.service_id, t.instance_id, t.deployment_id, t.url, t.constitutional_hash
       FROM evolutionary_computation.counter c LEFT JOIN evolutionary_computation.service_target t ON true
       WHERE c.key = 'targets' ORDER BY t.service_id`));
    const targets = rows.flatMap((row): Target[] => (row.service_id === null ? [] : [{
      serviceId: row.service_id, instanceId: row.instance_id, deploymentId: row.deployment_id, url: row.url, constitutionalHash: row.constitutional_hash,
    }]));
    return { version: Number(rows[0]?.version ?? 0), targets };
  }

  async byServices(serviceIds: readonly string[]): Promise<Map<string, Target>> {
    const rows = await this.database.read((prisma) => prisma.serviceTarget.findMany({ where: { serviceId: { in: [...serviceIds] } } }));
    return new Map(rows.map(({ serviceId, instanceId, deploymentId, url, constitutionalHash }) => [serviceId, { serviceId, instanceId, deploymentId, url, constitutionalHash }]));
  }

  /**
   * Takes or renews a lease by the database's clock.
   * @returns false while another holder's is running.
   */
  async lease(name: string, holder: string, milliseconds: number): Promise<boolean> {
    const taken = await this.database.read((prisma) => prisma.$executeRawUnsafe(
      `INSERT INTO evolutionary_computation.lease AS l (name, holder, expires_at) VALUES ($1, $2, clock_timestamp() + $3::float8 * interval '1 millisecond')
       ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
       WHERE l.holder = excluded.holder OR l.expires_at < clock_timestamp()`, name, holder, milliseconds));
    return taken === 1;
  }

  /** Gives a lease back, so that another process need not wait for its end. */
  async release(name: string, holder: string): Promise<void> {
    await this.database.read((prisma) => prisma.$executeRawUnsafe('DELETE FROM evolutionary_computation.lease WHERE name = $1 AND holder = $2', name, holder));
  }
}
