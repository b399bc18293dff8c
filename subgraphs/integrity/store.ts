/** The audit log in PostgreSQL: integration from the outboxes, reads, and the comparison of both. */
import type { Database } from '../kernel/database.js';
import { SUBGRAPHS, type SubgraphSchema } from '../../ops/runtime/subgraph-names.js';
import type { AuditEntry, AuditFilter, SubgraphCompleteness } from './domain.js';

const REPORTED = 20;

interface LeafRow {
  readonly index: bigint;
  readonly schema: string;
  readonly stream: string;
  readonly kind: string;
  readonly entity_id: string;
  readonly principal_id: string;
  readonly request_id: string;
  readonly constitutional_hash: string;
  readonly occurred_at: Date;
  readonly integrated_at: Date;
  readonly leaf: Uint8Array;
  readonly leaf_hash: Uint8Array;
}

const LEAF_COLUMNS = 'l.index, l.schema, l.stream, l.kind, l.entity_id, l.principal_id, l.request_id, l.constitutional_hash, l.occurred_at, l.integrated_at, l.leaf, l.leaf_hash';

const NAME_OF = new Map<string, string>(SUBGRAPHS.map(({ schema, name }) => [schema, name]));
const SCHEMA_OF = new Map<string, string>(SUBGRAPHS.map(({ schema, name }) => [name, schema]));

export class AuditStore {
  constructor(private readonly database: Database) {}

  /**
   * Appends the next leaves of one subgraph, in the order it committed them; runs under the single-writer lock.
   * The leaf hash is computed anew from the bytes: a row whose own hash disagrees shows up in the comparison.
   * @returns how many were appended, at most `limit`.
   */
  async integrate(schema: SubgraphSchema, limit: number): Promise<number> {
    return this.database.transact(async (tx) => {
      await tx.$executeRawUnsafe(`SELECT pg_advisory_xact_lock(hashtextextended('acgs.audit.append', 0))`);
      return tx.$executeRawUnsafe(`
        WITH next AS (
          SELECT o.* FROM ${schema}.outbox o
          WHERE o.position > coalesce((SELECT max(position) FROM integrity.leaf WHERE schema = '${schema}'), 0)
          ORDER BY o.position LIMIT ${limit}
        ), appended AS (
          INSERT INTO integrity.leaf (index, schema, position, stream, entity_id, kind, principal_id, request_id, constitutional_hash, occurred_at, leaf, leaf_hash)
          SELECT coalesce((SELECT max(index) FROM integrity.leaf), -1) + row_number() OVER (ORDER BY position), '${schema}', position, stream, entity_id, kind,
                 principal_id, request_id, constitutional_hash, occurred_at, leaf, sha256('\\x00'::bytea || leaf)
          FROM next ORDER BY position
          RETURNING index, stream, entity_id, leaf
        ), subjects AS (
          INSERT INTO integrity.leaf_subject (subject, index)
          SELECT DISTINCT s.subject, a.index FROM appended a
          CROSS JOIN LATERAL (
            SELECT jsonb_array_elements_text(convert_from(a.leaf, 'UTF8')::jsonb -> 'subjects') AS subject
            UNION SELECT a.stream || ':' || a.entity_id
          ) s
        )
        SELECT index FROM appended`);
    });
  }

  async page(filter: AuditFilter, first: number, before: bigint | null): Promise<AuditEntry[]> {
    const conditions: string[] = [];
    const values: unknown[] = [];
    const where = (sql: (placeholder: string) => string, value: unknown): void => {
      values.push(value);
      conditions.push(sql(`$${values.length}`));
    };
    if (before !== null) where((p) => `l.index < ${p}`, before);
    if (filter.actorId) where((p) => `l.principal_id = ${p}`, filter.actorId);
    if (filter.kind) where((p) => `l.kind = ${p}`, filter.kind);
    if (filter.subgraph) where((p) => `l.schema = ${p}`, SCHEMA_OF.get(filter.subgraph) ?? filter.subgraph);
    if (filter.since) where((p) => `l.occurred_at >= ${p}::timestamptz`, filter.since);
    if (filter.until) where((p) => `l.occurred_at < ${p}::timestamptz`, filter.until);
    if (filter.subject) where((p) => `l.index IN (SELECT index FROM integrity.leaf_subject WHERE subject = ${p})`, filter.subject);
    values.push(first);
    const sql = `SELECT ${LEAF_COLUMNS} FROM integrity.leaf l ${conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''} ORDER BY l.index DESC LIMIT $${values.length}`;
    return this.database.read(async (prisma) => (await prisma.$queryRawUnsafe<LeafRow[]>(sql, ...values)).map(toEntry));
  }

  async byIndexes(indexes: readonly string[]): Promise<Map<string, AuditEntry>> {
    const rows = await this.database.read((prisma) => prisma.$queryRawUnsafe<LeafRow[]>(`SELECT ${LEAF_COLUMNS} FROM integrity.leaf l WHERE l.index = ANY($1::bigint[])`, indexes.map(BigInt)));
    return new Map(rows.map((row) => [String(row.index), toEntry(row)]));
  }

  /** Newest entries of each subject. @param subjects `Type:id` or `stream:id`, each looked up apart. */
  async newestBySubject(subjects: readonly string[], first: number): Promise<Map<string, AuditEntry[]>> {
    const rows = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<LeafRow & { key: string }>>(
      `SELECT k.key, ${LEAF_COLUMNS} FROM unnest($1::text[]) AS k(key)
       CROSS JOIN LATERAL (SELECT index FROM integrity.leaf_subject s WHERE s.subject = k.key ORDER BY s.index DESC LIMIT $2) s
       JOIN integrity.leaf l ON l.index = s.index ORDER BY l.index DESC`, subjects, first));
    return grouped(rows);
  }

  /** Newest entries each actor caused. */
  async newestByActor(actors: readonly string[], first: number): Promise<Map<string, AuditEntry[]>> {
    const rows = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<LeafRow & { key: string }>>(
      `SELECT k.key, ${LEAF_COLUMNS} FROM unnest($1::text[]) AS k(key)
       CROSS JOIN LATERAL (SELECT * FROM integrity.leaf i WHERE i.principal_id = k.key ORDER BY i.index DESC LIMIT $2) l ORDER BY l.index DESC`, actors, first));
    return grouped(rows);
  }

  async size(): Promise<number> {
    const [row] = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<{ size: bigint }>>('SELECT count(*) AS size FROM integrity.leaf'));
    return Number(row?.size ?? 0);
  }

  /** Changes a subgraph committed, and its leaves. */
  async coverage(schema: SubgraphSchema): Promise<{ committed: number; leaves: number }> {
    const { rows } = await this.database.pool.query<{ committed: string; leaves: string }>(
      `SELECT (SELECT count(*) FROM ${schema}.outbox) AS committed, (SELECT count(*) FROM integrity.leaf WHERE schema = $1) AS leaves`, [schema]);
    return { committed: Number(rows[0]?.committed ?? 0), leaves: Number(rows[0]?.leaves ?? 0) };
  }

  /** Rows committed and not yet in the log. */
  async pending(schema: SubgraphSchema): Promise<number> {
    const { rows } = await this.database.pool.query<{ pending: string }>(
      `SELECT count(*) AS pending FROM ${schema}.outbox WHERE position IS NULL OR position > coalesce((SELECT max(position) FROM integrity.leaf WHERE schema = $1), 0)`, [schema]);
    return Number(rows[0]?.pending ?? 0);
  }

  /** Compares the outbox of one subgraph with its leaves, row by row, in one snapshot. */
  async compare(schema: SubgraphSchema): Promise<SubgraphCompleteness> {
    const [row] = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<{ committed: bigint; integrated: bigint; pending: bigint; missing: bigint[] | null; differing: bigint[] | null }>>(`
      WITH log AS (SELECT position, leaf_hash FROM integrity.leaf WHERE schema = $1),
      newest AS (SELECT coalesce(max(position), 0) AS position FROM log),
      joined AS (
        SELECT o.position, o.leaf, o.leaf_hash AS committed_hash, l.leaf_hash, l.position IS NULL AS absent
        FROM ${schema}.outbox o LEFT JOIN log l ON l.position = o.position
      ), numbers AS (
        SELECT g AS position FROM newest, generate_series(1, newest.position) g
      )
      SELECT (SELECT count(*) FROM ${schema}.outbox) AS committed,
             (SELECT count(*) FROM log) AS integrated,
             (SELECT count(*) FROM joined, newest WHERE joined.position IS NULL OR joined.position > newest.position) AS pending,
             (SELECT array_agg(position) FROM (
                SELECT n.position FROM numbers n LEFT JOIN log USING (position) WHERE log.position IS NULL
                UNION SELECT n.position FROM numbers n LEFT JOIN ${schema}.outbox o ON o.position = n.position WHERE o.position IS NULL
                ORDER BY 1 LIMIT ${REPORTED}) m) AS missing,
             (SELECT array_agg(position) FROM (
                SELECT position FROM joined WHERE NOT absent AND (committed_hash <> leaf_hash OR sha256('\\x00'::bytea || leaf) <> leaf_hash) ORDER BY position LIMIT ${REPORTED}) d) AS differing`, schema));
    if (row === undefined) throw new Error(`The comparison of ${schema} gave no row.`);
    return {
      subgraph: NAME_OF.get(schema) ?? schema, committed: Number(row.committed), integrated: Number(row.integrated), pending: Number(row.pending),
      missing: (row.missing ?? []).map(Number), differing: (row.differing ?? []).map(Number),
    };
  }
}

function grouped(rows: ReadonlyArray<LeafRow & { key: string }>): Map<string, AuditEntry[]> {
  const groups = new Map<string, AuditEntry[]>();
  for (const row of rows) {
    const group = groups.get(row.key) ?? [];
    group.push(toEntry(row));
    groups.set(row.key, group);
  }
  return groups;
}

function toEntry(row: LeafRow): AuditEntry {
  return {
    index: String(row.index), subgraph: NAME_OF.get(row.schema) ?? row.schema, stream: row.stream, kind: row.kind, entityId: row.entity_id,
    actorId: row.principal_id, requestId: row.request_id, constitutionalHash: row.constitutional_hash,
    occurredAt: row.occurred_at.toISOString(), integratedAt: row.integrated_at.toISOString(),
    leaf: Buffer.from(row.leaf).toString('utf8'), leafHash: Buffer.from(row.leaf_hash).toString('hex'),
  };
}
