/** Alerts in PostgreSQL; batches are written by one statement each. */
import type { Database, TransactionClient } from '../kernel/database.js';
import { levelsFrom, type Alert, type AlertLevel, type AlertRule, type AlertSource, type AlertState, type Labels, type ReportedAlert } from './domain-alerts.js';
import type { Severity } from './domain-incidents.js';
import type { PlaceInTime } from './page.js';

interface AlertRow {
  readonly id: string;
  readonly fingerprint: string;
  readonly starts_at: Date;
  readonly ends_at: Date | null;
  readonly group_key: string;
  readonly name: string;
  readonly level: AlertLevel;
  readonly state: AlertState;
  readonly source: AlertSource;
  readonly service_id: string | null;
  readonly summary: string;
  readonly description: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly generator_url: string | null;
  readonly declared_hash: string | null;
  readonly hash_verified: boolean;
  readonly received_at: Date;
  readonly acknowledged_by: string | null;
  readonly acknowledged_at: Date | null;
  readonly incident_id: string | null;
  readonly version: number;
  readonly constitutional_hash: string;
}

const COLUMNS = `a.id::text AS id, a.fingerprint, a.starts_at, a.ends_at, a.group_key, a.name, a.level, a.state, a.source, a.service_id, a.summary, a.description,
  a.labels, a.annotations, a.generator_url, a.declared_hash, a.hash_verified, a.received_at, a.acknowledged_by, a.acknowledged_at, a.incident_id, a.version, a.constitutional_hash`;

const EPISODES = 'json_to_recordset($1::json) AS r(fingerprint text, "startsAt" timestamptz, "endsAt" timestamptz)';

export interface AlertFilter {
  readonly state?: AlertState | null | undefined;
  readonly levelAtLeast?: AlertLevel | null | undefined;
  readonly serviceId?: string | null | undefined;
}

export interface NewAlert extends ReportedAlert {
  readonly id: string;
}

export class AlertStore {
  constructor(private readonly database: Database) {}

  /** Serialises what happens to one alert group; held until the transaction ends. */
  async lockGroup(tx: TransactionClient, groupKey: string): Promise<void> {
    await tx.$executeRawUnsafe('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', `acgs.alert-group.${groupKey}`);
  }

  /** Inserts the episodes that are not known yet. @returns the ids of those that were inserted. */
  async insertNew(tx: TransactionClient, groupKey: string, alerts: readonly NewAlert[], receivedAt: Date, constitutionalHash: string): Promise<Set<string>> {
    const rows = await tx.$queryRawUnsafe<Array<{ id: string }>>(`
      INSERT INTO policy_governance.alert (id, fingerprint, starts_at, ends_at, group_key, name, level, state, source, service_id, summary, description,
        labels, annotations, generator_url, declared_hash, hash_verified, received_at, constitutional_hash)
      SELECT r.id, r.fingerprint, r."startsAt", r."endsAt", $2::text, r.name, r.level, r.state, r.source, r."serviceId", r.summary, r.description,
        r.labels, r.annotations, r."generatorUrl", r."declaredHash", r."hashVerified", $3::timestamptz, $4::text
      FROM json_to_recordset($1::json) AS r(id uuid, fingerprint text, "startsAt" timestamptz, "endsAt" timestamptz, name text, level text, state text, source text,
        "serviceId" text, summary text, description text, labels jsonb, annotations jsonb, "generatorUrl" text, "declaredHash" text, "hashVerified" boolean)
      ON CONFLICT DO NOTHING
      RETURNING id::text AS id`, JSON.stringify(alerts), groupKey, receivedAt, constitutionalHash);
    return new Set(rows.map(({ id }) => id));
  }

  /** Ends firing episodes. @returns them as they are now. */
  async resolve(tx: TransactionClient, episodes: readonly Pick<ReportedAlert, 'fingerprint' | 'startsAt' | 'endsAt'>[]): Promise<Alert[]> {
    return (await tx.$queryRawUnsafe<AlertRow[]>(`
      UPDATE policy_governance.alert a SET state = 'RESOLVED', ends_at = r."endsAt", version = a.version + 1
      FROM ${EPISODES}
      WHERE a.fingerprint = r.fingerprint AND a.starts_at = r."startsAt" AND a.state = 'FIRING'
      RETURNING ${COLUMNS}`, JSON.stringify(episodes))).map(toAlert);
  }

  /** Ends firing episodes that a later one of the same condition has followed: the condition must have ended between. */
  async supersede(tx: TransactionClient, fingerprints: readonly string[]): Promise<Alert[]> {
    return (await tx.$queryRawUnsafe<AlertRow[]>(`
      UPDATE policy_governance.alert a SET state = 'RESOLVED', ends_at = n.starts_at, version = a.version + 1
      FROM (
        SELECT f.id, min(l.starts_at) AS starts_at FROM policy_governance.alert f
        JOIN policy_governance.alert l ON l.fingerprint = f.fingerprint AND l.starts_at > f.starts_at
        WHERE f.fingerprint = ANY($1::text[]) AND f.state = 'FIRING' GROUP BY f.id
      ) n
      WHERE a.id = n.id AND a.state = 'FIRING'
      RETURNING ${COLUMNS}`, fingerprints)).map(toAlert);
  }

  async link(tx: TransactionClient, ids: readonly string[], incidentId: string): Promise<void> {
    await tx.$executeRawUnsafe('UPDATE policy_governance.alert SET incident_id = $2 WHERE id = ANY($1::uuid[])', ids, incidentId);
  }

  /** How many alerts of each incident still fire; incidents without one are absent. */
  async firing(tx: TransactionClient, incidentIds: readonly string[]): Promise<Map<string, number>> {
    const rows = await tx.$queryRawUnsafe<Array<{ incident_id: string; firing: bigint }>>(
      `SELECT incident_id, count(*) AS firing FROM policy_governance.alert WHERE incident_id = ANY($1::text[]) AND state = 'FIRING' GROUP BY incident_id`, incidentIds);
    return new Map(rows.map((row) => [row.incident_id, Number(row.firing)]));
  }

  /** Ends the alerts of an incident that nothing else would end: those of the gateway, which report a moment. */
  async endGatewayAlerts(tx: TransactionClient, incidentId: string, now: Date): Promise<Alert[]> {
    return (await tx.$queryRawUnsafe<AlertRow[]>(`
      UPDATE policy_governance.alert a SET state = 'RESOLVED', ends_at = greatest($2::timestamptz, a.starts_at), version = a.version + 1
      WHERE a.incident_id = $1 AND a.source = 'GATEWAY' AND a.state = 'FIRING' RETURNING ${COLUMNS}`, incidentId, now)).map(toAlert);
  }

  /** Locks an alert. @returns null when there is none. */
  async lock(tx: TransactionClient, id: string): Promise<Alert | null> {
    const [row] = await tx.$queryRawUnsafe<AlertRow[]>(`SELECT ${COLUMNS} FROM policy_governance.alert a WHERE a.id = $1::uuid FOR UPDATE`, id);
    return row === undefined ? null : toAlert(row);
  }

  async acknowledge(tx: TransactionClient, id: string, principalId: string, now: Date): Promise<void> {
    await tx.alert.update({ where: { id }, data: { acknowledgedBy: principalId, acknowledgedAt: now, version: { increment: 1 } } });
  }

  /** Newest first, after a place. */
  async page(filter: AlertFilter, limit: number, after: PlaceInTime | null): Promise<Alert[]> {
    const values: unknown[] = [];
    const conditions: string[] = [];
    const where = (value: unknown, sql: (parameter: string) => string): void => { values.push(value); conditions.push(sql(`$${values.length}`)); };
    if (filter.state) where(filter.state, (p) => `a.state = ${p}`);
    if (filter.levelAtLeast) where(levelsFrom(filter.levelAtLeast), (p) => `a.level = ANY(${p}::text[])`);
    if (filter.serviceId) where(filter.serviceId, (p) => `a.service_id = ${p}`);
    if (after !== null) {
      values.push(new Date(after.at), after.id);
      conditions.push(`(a.received_at, a.id) < ($${values.length - 1}::timestamptz, $${values.length}::uuid)`);
    }
    values.push(limit);
    const sql = `SELECT ${COLUMNS} FROM policy_governance.alert a ${conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''} ORDER BY a.received_at DESC, a.id DESC LIMIT $${values.length}`;
    return this.database.read(async (prisma) => (await prisma.$queryRawUnsafe<AlertRow[]>(sql, ...values)).map(toAlert));
  }

  async byIds(ids: readonly string[]): Promise<Map<string, Alert>> {
    const rows = await this.database.read((prisma) => prisma.$queryRawUnsafe<AlertRow[]>(`SELECT ${COLUMNS} FROM policy_governance.alert a WHERE a.id = ANY($1::uuid[])`, ids));
    return new Map(rows.map((row) => [row.id, toAlert(row)]));
  }

  /** Newest alerts of each owner. @param column what the keys are. */
  async newestOf(column: 'service_id' | 'incident_id', keys: readonly string[], first: number): Promise<Map<string, Alert[]>> {
    const rows = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<AlertRow & { key: string }>>(
      `SELECT k.key, ${COLUMNS} FROM unnest($1::text[]) AS k(key)
       CROSS JOIN LATERAL (SELECT * FROM policy_governance.alert x WHERE x.${column} = k.key ORDER BY x.received_at DESC, x.id DESC LIMIT $2) a
       ORDER BY a.received_at DESC, a.id DESC`, keys, first));
    return grouped(rows);
  }

  /** How many fire now, by level. */
  async firingByLevel(): Promise<Map<string, number>> {
    const rows = await this.database.read((prisma) => prisma.alert.groupBy({ by: ['level'], where: { state: 'FIRING' }, _count: true }));
    return new Map(rows.map(({ level, _count }) => [level, _count]));
  }

  async rules(): Promise<AlertRule[]> {
    const rows = await this.database.read((prisma) => prisma.alertRule.findMany({ orderBy: { name: 'asc' } }));
    return rows.map((row) => ({ ...row, level: row.level as AlertLevel, severity: row.severity as Severity }));
  }
}

function grouped(rows: ReadonlyArray<AlertRow & { key: string }>): Map<string, Alert[]> {
  const groups = new Map<string, Alert[]>();
  for (const row of rows) {
    const group = groups.get(row.key) ?? [];
    group.push(toAlert(row));
    groups.set(row.key, group);
  }
  return groups;
}

function toAlert(row: AlertRow): Alert {
  return {
    id: row.id, fingerprint: row.fingerprint, startsAt: row.starts_at.toISOString(), endsAt: row.ends_at?.toISOString() ?? null, groupKey: row.group_key,
    name: row.name, level: row.level, state: row.state, source: row.source, serviceId: row.service_id, summary: row.summary, description: row.description,
    labels: row.labels, annotations: row.annotations, generatorUrl: row.generator_url, declaredHash: row.declared_hash, hashVerified: row.hash_verified,
    receivedAt: row.received_at.toISOString(), acknowledgedBy: row.acknowledged_by, acknowledgedAt: row.acknowledged_at?.toISOString() ?? null,
    incidentId: row.incident_id, version: row.version, constitutionalHash: row.constitutional_hash,
  };
}
