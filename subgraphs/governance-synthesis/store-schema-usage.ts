/** What the gateways recorded, in PostgreSQL: operations without values, and how often each client sent them each day. */
import type { SchemaUsageAnswer, SchemaUsageReport } from '../../ops/runtime/schema-activation.js';
import type { RecordedOperation } from '../../ops/runtime/schema-check.js';
import { databaseFault, type Database } from '../kernel/database.js';

/** How far the record reaches. */
export interface UsageReach {
  /** First report of any gateway, ISO 8601; null when there is none. */
  readonly firstAt: string | null;
  readonly lastAt: string | null;
  /** Requests that were not recorded since the moment asked for. */
  readonly dropped: number;
  /** Processes that fell silent lately without saying that they end. */
  readonly silent: number;
}

export interface UsageEntry {
  readonly coordinate: string;
  readonly client: string;
  readonly count: number;
  readonly operations: number;
  /** Day of the last request, ISO 8601. */
  readonly lastSeen: string;
}

export class SchemaUsageStore {
  constructor(private readonly database: Database) {}

  /**
   * Adds a report unless it was added before.
   * @param now ISO 8601; its day is the day of the counts.
   * @param limits operations kept in all; counts of those beyond are dropped.
   */
  async add({ reporter, report, dropped, final, operations, counts }: SchemaUsageReport, now: string, limits: { readonly operations: number }): Promise<SchemaUsageAnswer> {
    const client = await faultMapped(this.database.pool.connect());
    let broken = true;
    try {
      await client.query('BEGIN');
      const { rowCount } = await client.query(
        `INSERT INTO governance_synthesis.schema_usage_reporter AS r (id, last_report, first_at, last_at, dropped, dropped_at, final_at)
         VALUES ($1, $2, $3, $3, $4::bigint, CASE WHEN $4::bigint > 0 THEN $3::timestamptz END, CASE WHEN $5 THEN $3::timestamptz END)
         ON CONFLICT (id) DO UPDATE SET last_report = $2, last_at = $3, dropped = r.dropped + $4::bigint, dropped_at = CASE WHEN $4::bigint > 0 THEN $3::timestamptz ELSE r.dropped_at END, final_at = EXCLUDED.final_at
         WHERE r.last_report < $2`, [reporter, report, now, dropped, final]);
      if (rowCount === 0) {
        await client.query('ROLLBACK');
        broken = false;
        return { taken: false, unknown: [] };
      }
      const { rows: [room] } = await client.query<{ room: string }>('SELECT greatest(0, $1::bigint - count(*)) AS room FROM governance_synthesis.schema_operation', [limits.operations]);
      // In one order, so that two gateways that report at once do not wait for each other in a circle.
      const kept = [...operations].sort((left, right) => (left.hash < right.hash ? -1 : 1)).slice(0, Number(room?.room ?? 0));
      await client.query(
        `INSERT INTO governance_synthesis.schema_operation (hash, name, text, coordinates, first_seen)
         SELECT o.hash, o.name, o.text, ARRAY(SELECT jsonb_array_elements_text(o.coordinates)), $2::timestamptz FROM jsonb_to_recordset($1::jsonb) AS o(hash text, name text, text text, coordinates jsonb)
         ON CONFLICT DO NOTHING`, [JSON.stringify(kept), now]);
      const sorted = [...counts].sort((left, right) => (left.hash + left.client < right.hash + right.client ? -1 : 1));
      const columns = [sorted.map(({ hash }) => hash), sorted.map(({ client: name }) => name), sorted.map(({ count }) => count)];
      await client.query(
        `INSERT INTO governance_synthesis.schema_operation_day AS d (day, hash, client, count)
         SELECT ($4::timestamptz AT TIME ZONE 'UTC')::date, u.hash, u.client, u.count FROM unnest($1::text[], $2::text[], $3::bigint[]) AS u(hash, client, count)
         WHERE EXISTS (SELECT 1 FROM governance_synthesis.schema_operation o WHERE o.hash = u.hash)
         ON CONFLICT (day, hash, client) DO UPDATE SET count = d.count + EXCLUDED.count`, [...columns, now]);
      const { rows: unknown } = await client.query<{ hash: string }>('SELECT DISTINCT u.hash FROM unnest($1::text[]) AS u(hash) WHERE NOT EXISTS (SELECT 1 FROM governance_synthesis.schema_operation o WHERE o.hash = u.hash) ORDER BY 1', [columns[0]]);
      await client.query('COMMIT');
      broken = false;
      return { taken: true, unknown: unknown.map(({ hash }) => hash) };
    } catch (error) {
      throw databaseFault(error);
    } finally {
      // A connection whose transaction did not end is closed, which ends it.
      client.release(broken);
    }
  }

  /**
   * @param since ISO 8601.
   * @param silence a process counts as fallen silent when its last report came in this span and was not its final one; ISO 8601.
   */
  async reach(since: string, silence: { readonly from: string; readonly until: string }): Promise<UsageReach> {
    const { rows: [row] } = await faultMapped(this.database.pool.query<{ first_at: Date | null; last_at: Date | null; dropped: string; silent: string }>(
      `SELECT min(first_at) AS first_at, max(last_at) AS last_at, coalesce(sum(dropped) FILTER (WHERE dropped_at >= $1::timestamptz), 0) AS dropped,
         count(*) FILTER (WHERE final_at IS NULL AND last_at >= $2::timestamptz AND last_at < $3::timestamptz) AS silent FROM governance_synthesis.schema_usage_reporter`, [since, silence.from, silence.until]));
    return { firstAt: row?.first_at?.toISOString() ?? null, lastAt: row?.last_at?.toISOString() ?? null, dropped: Number(row?.dropped ?? 0), silent: Number(row?.silent ?? 0) };
  }

  /** Operations asked for since a day, most used first. @param since ISO 8601. */
  async operations(since: string, limit: number): Promise<RecordedOperation[]> {
    const { rows } = await faultMapped(this.database.pool.query<{ hash: string; name: string | null; text: string; coordinates: string[]; clients: Array<{ client: string; count: number }> }>(
      `SELECT o.hash, o.name, o.text, o.coordinates, c.clients FROM (
         SELECT hash, sum(count) AS total, json_agg(json_build_object('client', client, 'count', count) ORDER BY count DESC) AS clients
         FROM (SELECT hash, client, sum(count) AS count FROM governance_synthesis.schema_operation_day WHERE day >= ($1::timestamptz AT TIME ZONE 'UTC')::date GROUP BY hash, client) d
         GROUP BY hash ORDER BY total DESC, hash LIMIT $2) c JOIN governance_synthesis.schema_operation o USING (hash) ORDER BY c.total DESC, o.hash`, [since, limit]));
    return rows;
  }

  /** How many operations and requests were recorded since a day. */
  async totals(since: string): Promise<{ operations: number; requests: number }> {
    const { rows: [row] } = await faultMapped(this.database.pool.query<{ operations: string; requests: string }>(
      `SELECT count(DISTINCT hash) AS operations, coalesce(sum(count), 0) AS requests FROM governance_synthesis.schema_operation_day WHERE day >= ($1::timestamptz AT TIME ZONE 'UTC')::date`, [since]));
    return { operations: Number(row?.operations ?? 0), requests: Number(row?.requests ?? 0) };
  }

  /** Who used some coordinates, most used first. */
  async byCoordinate(coordinates: readonly string[], since: string, limit: number): Promise<UsageEntry[]> {
    const { rows } = await faultMapped(this.database.pool.query<{ coordinate: string; client: string; count: string; operations: string; last_day: string }>(
      `SELECT k.coordinate, d.client, sum(d.count) AS count, count(DISTINCT d.hash) AS operations, to_char(max(d.day), 'YYYY-MM-DD') AS last_day
       FROM unnest($1::text[]) AS k(coordinate)
       JOIN governance_synthesis.schema_operation o ON o.coordinates @> ARRAY[k.coordinate]
       JOIN governance_synthesis.schema_operation_day d ON d.hash = o.hash AND d.day >= ($2::timestamptz AT TIME ZONE 'UTC')::date
       GROUP BY k.coordinate, d.client ORDER BY sum(d.count) DESC, k.coordinate, d.client LIMIT $3`, [[...coordinates], since, limit]));
    return rows.map(({ coordinate, client, count, operations, last_day }) => ({ coordinate, client, count: Number(count), operations: Number(operations), lastSeen: `${last_day}T00:00:00.000Z` }));
  }

  /** Forgets days before a moment, and the operations nobody sent since. @returns how many days' counts. */
  async forget(before: string): Promise<number> {
    const { rowCount } = await faultMapped(this.database.pool.query('DELETE FROM governance_synthesis.schema_operation_day WHERE day < ($1::timestamptz AT TIME ZONE \'UTC\')::date', [before]));
    await faultMapped(this.database.pool.query('DELETE FROM governance_synthesis.schema_operation o WHERE o.first_seen < $1 AND NOT EXISTS (SELECT 1 FROM governance_synthesis.schema_operation_day d WHERE d.hash = o.hash)', [before]));
    return rowCount ?? 0;
  }
}

async function faultMapped<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw databaseFault(error);
  }
}
