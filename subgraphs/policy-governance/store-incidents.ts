/** Incidents, their numbers, timelines and escalation chains in PostgreSQL. */
import type { Database, TransactionClient } from '../kernel/database.js';
import type { EscalationPolicy } from './domain-escalation.js';
import { incidentId, OPEN_STATUSES, SEVERITIES, type Incident, type IncidentStatus, type Severity, type TimelineEntry, type TimelineKind } from './domain-incidents.js';
import type { IncidentSums } from './domain-kpis.js';
import type { PlaceInTime } from './page.js';
import type { Incident as IncidentRow, TimelineEntry as TimelineRow } from '../../prisma/__generated__/client.js';

export interface IncidentFilter {
  readonly status?: IncidentStatus | null | undefined;
  readonly severity?: Severity | null | undefined;
  readonly serviceId?: string | null | undefined;
}

export class IncidentStore {
  constructor(private readonly database: Database) {}

  /** The next identifier of a year; waits for a concurrent declaration, so that numbers have no gaps. */
  async nextId(tx: TransactionClient, year: number): Promise<string> {
    const [row] = await tx.$queryRawUnsafe<Array<{ last: number }>>(
      `INSERT INTO policy_governance.incident_counter AS c (year, last) VALUES ($1, 1) ON CONFLICT (year) DO UPDATE SET last = c.last + 1 RETURNING last`, year);
    if (row === undefined) throw new Error('The incident counter gave no number.');
    return incidentId(year, row.last);
  }

  async insert(tx: TransactionClient, incident: Incident): Promise<void> {
    await tx.incident.create({ data: incident });
  }

  /** Writes everything that may change. */
  async save(tx: TransactionClient, incident: Incident): Promise<void> {
    const { id, declaredAt: _declaredAt, declaredBy: _declaredBy, constitutionalHash: _hash, ...data } = incident;
    await tx.incident.update({ where: { id }, data });
  }

  /** Locks an incident. @returns null when there is none. */
  async lock(tx: TransactionClient, id: string): Promise<Incident | null> {
    await tx.$executeRawUnsafe('SELECT 1 FROM policy_governance.incident WHERE id = $1 FOR UPDATE', id);
    const row = await tx.incident.findUnique({ where: { id } });
    return row === null ? null : toIncident(row);
  }

  /** Locks several incidents, in the order of their ids. */
  async lockAll(tx: TransactionClient, ids: readonly string[]): Promise<Incident[]> {
    await tx.$executeRawUnsafe('SELECT 1 FROM policy_governance.incident WHERE id = ANY($1::text[]) ORDER BY id FOR UPDATE', ids);
    return (await tx.incident.findMany({ where: { id: { in: [...ids] } }, orderBy: { id: 'asc' } })).map(toIncident);
  }

  /** Locks the open incident of a group. @returns null when it has none. */
  async lockOpenOfGroup(tx: TransactionClient, groupKey: string): Promise<Incident | null> {
    const [found] = await tx.$queryRawUnsafe<Array<{ id: string }>>(
      'SELECT id FROM policy_governance.incident WHERE group_key = $1 AND status = ANY($2::text[]) FOR UPDATE', groupKey, OPEN_STATUSES);
    if (found === undefined) return null;
    const row = await tx.incident.findUnique({ where: { id: found.id } });
    return row === null ? null : toIncident(row);
  }

  /** Locks incidents whose next escalation is due, leaving out those someone else is at. */
  async lockDue(tx: TransactionClient, now: Date, limit: number): Promise<Incident[]> {
    const due = await tx.$queryRawUnsafe<Array<{ id: string }>>(
      `SELECT id FROM policy_governance.incident WHERE next_escalation_at <= $1::timestamptz AND status = ANY($2::text[]) ORDER BY next_escalation_at, id LIMIT $3 FOR UPDATE SKIP LOCKED`, now, OPEN_STATUSES, limit);
    if (due.length === 0) return [];
    return (await tx.incident.findMany({ where: { id: { in: due.map(({ id }) => id) } }, orderBy: { id: 'asc' } })).map(toIncident);
  }

  /** Appends an entry; the caller holds the incident's lock. */
  async append(tx: TransactionClient, entry: Omit<TimelineEntry, 'number'>, constitutionalHash: string): Promise<void> {
    await tx.$executeRawUnsafe(
      `INSERT INTO policy_governance.timeline_entry (incident_id, number, at, kind, actor_id, text, constitutional_hash)
       SELECT $1::text, coalesce(max(number), 0) + 1, $2::timestamptz, $3::text, $4::text, $5::text, $6::text FROM policy_governance.timeline_entry WHERE incident_id = $1`,
      entry.incidentId, new Date(entry.at), entry.kind, entry.actorId, entry.text, constitutionalHash);
  }

  /** Newest first, after a place. */
  async page(filter: IncidentFilter, limit: number, after: PlaceInTime | null): Promise<Incident[]> {
    const rows = await this.database.read((prisma) => prisma.incident.findMany({
      where: {
        ...(filter.status ? { status: filter.status } : {}), ...(filter.severity ? { severity: filter.severity } : {}), ...(filter.serviceId ? { serviceId: filter.serviceId } : {}),
        ...(after === null ? {} : { OR: [{ declaredAt: { lt: new Date(after.at) } }, { declaredAt: new Date(after.at), id: { lt: after.id } }] }),
      },
      orderBy: [{ declaredAt: 'desc' }, { id: 'desc' }], take: limit,
    }));
    return rows.map(toIncident);
  }

  async byIds(ids: readonly string[]): Promise<Map<string, Incident>> {
    const rows = await this.database.read((prisma) => prisma.incident.findMany({ where: { id: { in: [...ids] } } }));
    return new Map(rows.map((row) => [row.id, toIncident(row)]));
  }

  /** Newest incidents of each service. */
  async newestOfServices(serviceIds: readonly string[], first: number): Promise<Map<string, Incident[]>> {
    return this.database.read(async (prisma) => {
      const newest = await prisma.$queryRawUnsafe<Array<{ id: string }>>(
        `SELECT i.id FROM unnest($1::text[]) AS k(key)
         CROSS JOIN LATERAL (SELECT id FROM policy_governance.incident x WHERE x.service_id = k.key ORDER BY x.declared_at DESC, x.id DESC LIMIT $2) i`, serviceIds, first);
      const rows = await prisma.incident.findMany({ where: { id: { in: newest.map(({ id }) => id) } }, orderBy: [{ declaredAt: 'desc' }, { id: 'desc' }] });
      return groupBy(rows.map(toIncident), (incident) => incident.serviceId ?? '');
    });
  }

  /** Newest timeline entries of each incident. */
  async timelines(incidentIds: readonly string[], first: number): Promise<Map<string, TimelineEntry[]>> {
    const rows = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<Pick<TimelineRow, 'number' | 'at' | 'kind' | 'text'> & { incident_id: string; actor_id: string }>>(
      `SELECT t.incident_id, t.number, t.at, t.kind, t.actor_id, t.text FROM unnest($1::text[]) AS k(key)
       CROSS JOIN LATERAL (SELECT * FROM policy_governance.timeline_entry x WHERE x.incident_id = k.key ORDER BY x.number DESC LIMIT $2) t
       ORDER BY t.incident_id, t.number DESC`, incidentIds, first));
    return groupBy(rows.map((row) => ({ incidentId: row.incident_id, number: row.number, at: row.at.toISOString(), kind: row.kind as TimelineKind, actorId: row.actor_id, text: row.text })), (entry) => entry.incidentId);
  }

  async escalationPolicies(): Promise<EscalationPolicy[]> {
    const rows = await this.database.read((prisma) => prisma.escalationPolicy.findMany({ include: { steps: { orderBy: { level: 'asc' } } } }));
    return rows.map(({ severity, ackMinutes, assessMinutes, responseMinutes, resolutionMinutes, steps }) => ({
      severity: severity as Severity, ackMinutes, assessMinutes, responseMinutes, resolutionMinutes,
      steps: steps.map(({ level, afterMinutes, role }) => ({ level, afterMinutes, role })),
    })).sort((left, right) => SEVERITIES.indexOf(left.severity) - SEVERITIES.indexOf(right.severity));
  }

  /** What happened to the incidents declared in a period. */
  /** How many are open now, by severity. */
  async openBySeverity(): Promise<Map<string, number>> {
    const rows = await this.database.read((prisma) => prisma.incident.groupBy({ by: ['severity'], where: { status: { in: [...OPEN_STATUSES] } }, _count: true }));
    return new Map(rows.map(({ severity, _count }) => [severity, _count]));
  }

  async statistics(since: Date, now: Date): Promise<IncidentSums> {
    const [row] = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<Record<keyof IncidentSums, bigint | number | null>>>(`
      SELECT count(*) AS declared,
        avg(extract(epoch FROM i.declared_at - i.started_at) / 60)::float8 AS "detectMinutes",
        count(i.resolved_at) AS resolved,
        avg(extract(epoch FROM i.resolved_at - i.declared_at) / 60)::float8 AS "resolveMinutes",
        count(*) FILTER (WHERE i.resolved_at <= i.resolve_by) AS "resolvedInTime",
        count(*) FILTER (WHERE i.acknowledged_at IS NOT NULL OR i.acknowledge_by < $2::timestamptz) AS "acknowledgeDue",
        count(*) FILTER (WHERE i.acknowledged_at <= i.acknowledge_by) AS "acknowledgedInTime",
        count(i.group_key) AS grouped,
        count(*) FILTER (WHERE EXISTS (SELECT 1 FROM policy_governance.incident e WHERE e.group_key = i.group_key AND e.id <> i.id
          AND e.declared_at <= i.declared_at AND e.declared_at > i.declared_at - interval '90 days')) AS recurring
      FROM policy_governance.incident i WHERE i.declared_at > $1::timestamptz AND i.declared_at <= $2::timestamptz`, since, now));
    if (row === undefined) throw new Error('The incident statistics gave no row.');
    const average = (value: bigint | number | null): number | null => (value === null ? null : Number(value));
    return {
      declared: Number(row.declared), detectMinutes: average(row.detectMinutes), resolved: Number(row.resolved), resolveMinutes: average(row.resolveMinutes),
      resolvedInTime: Number(row.resolvedInTime), acknowledgeDue: Number(row.acknowledgeDue), acknowledgedInTime: Number(row.acknowledgedInTime),
      grouped: Number(row.grouped), recurring: Number(row.recurring),
    };
  }
}

function groupBy<T>(entries: readonly T[], keyOf: (entry: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const entry of entries) {
    const group = groups.get(keyOf(entry)) ?? [];
    group.push(entry);
    groups.set(keyOf(entry), group);
  }
  return groups;
}

const iso = (date: Date | null): string | null => date?.toISOString() ?? null;

function toIncident(row: IncidentRow): Incident {
  return {
    ...row, severity: row.severity as Severity, status: row.status as IncidentStatus,
    startedAt: row.startedAt.toISOString(), declaredAt: row.declaredAt.toISOString(),
    acknowledgeBy: row.acknowledgeBy.toISOString(), assessBy: row.assessBy.toISOString(), respondBy: row.respondBy.toISOString(), resolveBy: row.resolveBy.toISOString(),
    acknowledgedAt: iso(row.acknowledgedAt), triagedAt: iso(row.triagedAt), mitigatedAt: iso(row.mitigatedAt), resolvedAt: iso(row.resolvedAt),
    reviewedAt: iso(row.reviewedAt), closedAt: iso(row.closedAt), nextEscalationAt: iso(row.nextEscalationAt),
  };
}
