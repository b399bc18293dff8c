/** Instances and what probes found, in PostgreSQL. */
import type { Prisma } from '../../prisma/__generated__/client.js';
import type { Database, TransactionClient } from '../kernel/database.js';
import type { Instance, InstanceState, ProbedInstance, ProbeRecord } from './domain-instances.js';
import type { ProbeOutcome } from './domain-probe.js';

const WITH_PROBE = { probe: true } satisfies Prisma.ServiceInstanceInclude;
type InstanceRow = Prisma.ServiceInstanceGetPayload<{ include: typeof WITH_PROBE }>;

export class InstanceStore {
  constructor(private readonly database: Database) {}

  async insert(tx: TransactionClient, instance: Instance): Promise<void> {
    await tx.serviceInstance.create({ data: instance });
  }

  /** Reads an instance and keeps everyone else from changing it until the transaction ends. */
  async lock(tx: TransactionClient, id: string): Promise<ProbedInstance | null> {
    await tx.$executeRawUnsafe('SELECT 1 FROM evolutionary_computation.service_instance WHERE id = $1 FOR UPDATE', id);
    const row = await tx.serviceInstance.findUnique({ where: { id }, include: WITH_PROBE });
    return row === null ? null : toInstance(row);
  }

  /** Instance in use at an address; null when there is none. */
  async atUrl(tx: TransactionClient, url: string): Promise<ProbedInstance | null> {
    const row = await tx.serviceInstance.findFirst({ where: { url, state: { not: 'RETIRED' } }, include: WITH_PROBE });
    return row === null ? null : toInstance(row);
  }

  /** Writes a locked instance. */
  async save(tx: TransactionClient, { id, url, version, state, revision, retiredAt, constitutionalHash }: Instance): Promise<void> {
    await tx.serviceInstance.update({ where: { id }, data: { url, version, state, revision, retiredAt, constitutionalHash } });
  }

  async saveProbe(tx: TransactionClient, instanceId: string, record: ProbeRecord): Promise<void> {
    await tx.instanceProbe.upsert({ where: { instanceId }, create: { instanceId, ...record }, update: record });
  }

  /** Drops what probes found at a former address. */
  async forgetProbe(tx: TransactionClient, instanceId: string): Promise<void> {
    await tx.instanceProbe.deleteMany({ where: { instanceId } });
  }

  async byIds(ids: readonly string[]): Promise<Map<string, ProbedInstance>> {
    const rows = await this.database.read((prisma) => prisma.serviceInstance.findMany({ where: { id: { in: [...ids] } }, include: WITH_PROBE }));
    return new Map(rows.map((row) => [row.id, toInstance(row)]));
  }

  async ofService(serviceId: string, state: InstanceState | null, limit: number): Promise<ProbedInstance[]> {
    const where = { serviceId, ...(state === null ? {} : { state }) };
    const rows = await this.database.read((prisma) => prisma.serviceInstance.findMany({ where, include: WITH_PROBE, orderBy: { ordinal: 'desc' }, take: limit }));
    return rows.map(toInstance);
  }

  /** Ids of the latest instances of each service that are not retired. */
  async inUse(serviceIds: readonly string[], first: number): Promise<Map<string, string[]>> {
    const rows = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<{ key: string; id: string }>>(
      `SELECT k.key, i.id FROM unnest($1::text[]) AS k(key)
       CROSS JOIN LATERAL (SELECT id, ordinal FROM evolutionary_computation.service_instance WHERE service_id = k.key AND state <> 'RETIRED' ORDER BY ordinal DESC LIMIT $2::int) i
       ORDER BY k.key, i.ordinal DESC`, [...serviceIds], first));
    const instances = new Map<string, string[]>();
    for (const { key, id } of rows) instances.set(key, [...(instances.get(key) ?? []), id]);
    return instances;
  }
}

export function toInstance({ id, serviceId, url, version, state, baseline, revision, registeredById, registeredAt, retiredAt, constitutionalHash, probe }: InstanceRow): ProbedInstance {
  return {
    id, serviceId, url, version, state: state as InstanceState, baseline, revision, registeredById, registeredAt: registeredAt.toISOString(),
    retiredAt: retiredAt?.toISOString() ?? null, constitutionalHash,
    probe: probe === null ? null : { probedAt: probe.probedAt.toISOString(), latencyMs: probe.latencyMs, outcome: probe.outcome as ProbeOutcome, consecutiveFailures: probe.consecutiveFailures },
  };
}
