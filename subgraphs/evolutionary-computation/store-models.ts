/** Model versions and aliases in PostgreSQL. */
import type { Prisma } from '../../prisma/__generated__/client.js';
import type { Database, TransactionClient } from '../kernel/database.js';
import { formatSemver, type Semver } from './domain.js';
import type { ModelAlias, ModelVersion } from './domain-models.js';

type ModelRow = Prisma.ModelVersionGetPayload<object>;
type AliasRow = Prisma.ModelAliasGetPayload<object>;

/** Longest lineage that is followed. */
const MAX_LINEAGE = 100;

export class ModelStore {
  constructor(private readonly database: Database) {}

  async insert(tx: TransactionClient, version: ModelVersion, [major, minor, patch]: Semver): Promise<void> {
    const { id, name, artifactDigest, gitCommit, parentId, metrics, registeredById, registeredAt, constitutionalHash } = version;
    await tx.modelVersion.create({ data: { id, name, major, minor, patch, artifactDigest, gitCommit, parentId, ...metrics, registeredById, registeredAt, constitutionalHash } });
  }

  async find(tx: TransactionClient, id: string): Promise<ModelVersion | null> {
    const row = await tx.modelVersion.findUnique({ where: { id } });
    return row === null ? null : toModelVersion(row);
  }

  async byIds(ids: readonly string[]): Promise<Map<string, ModelVersion>> {
    const rows = await this.database.read((prisma) => prisma.modelVersion.findMany({ where: { id: { in: [...ids] } } }));
    return new Map(rows.map((row) => [row.id, toModelVersion(row)]));
  }

  /** Latest registered first, below an ordinal; each with its ordinal for the page's cursor. */
  async page(name: string | null, limit: number, before: bigint | null): Promise<Array<{ ordinal: bigint; version: ModelVersion }>> {
    const where: Prisma.ModelVersionWhereInput = { ...(name === null ? {} : { name }), ...(before === null ? {} : { ordinal: { lt: before } }) };
    const rows = await this.database.read((prisma) => prisma.modelVersion.findMany({ where, orderBy: { ordinal: 'desc' }, take: limit }));
    return rows.map((row) => ({ ordinal: row.ordinal, version: toModelVersion(row) }));
  }

  /** Parent of every version on the way from each of the given ones to its root. */
  async parentsAbove(ids: readonly string[]): Promise<Map<string, string | null>> {
    const rows = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<{ id: string; parent_id: string | null }>>(
      `WITH RECURSIVE line AS (
         SELECT id, parent_id, 0 AS depth FROM evolutionary_computation.model_version WHERE id = ANY($1::text[])
         UNION SELECT v.id, v.parent_id, line.depth + 1 FROM evolutionary_computation.model_version v JOIN line ON v.id = line.parent_id WHERE line.depth < ${MAX_LINEAGE}
       ) SELECT DISTINCT id, parent_id FROM line`, [...ids]));
    return new Map(rows.map((row) => [row.id, row.parent_id]));
  }

  /** Ids of the latest versions derived from each. */
  async childrenOf(ids: readonly string[], first: number): Promise<Map<string, string[]>> {
    const rows = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<{ key: string; id: string }>>(
      `SELECT k.key, v.id FROM unnest($1::text[]) AS k(key)
       CROSS JOIN LATERAL (SELECT id, ordinal FROM evolutionary_computation.model_version WHERE parent_id = k.key ORDER BY ordinal DESC LIMIT $2::int) v
       ORDER BY k.key, v.ordinal DESC`, [...ids], first));
    const children = new Map<string, string[]>();
    for (const { key, id } of rows) children.set(key, [...(children.get(key) ?? []), id]);
    return children;
  }

  /** Alias names of each version. */
  async aliasNamesOf(versionIds: readonly string[]): Promise<Map<string, string[]>> {
    const rows = await this.database.read((prisma) => prisma.modelAlias.findMany({ where: { versionId: { in: [...versionIds] } }, orderBy: { alias: 'asc' } }));
    const names = new Map<string, string[]>();
    for (const { versionId, alias } of rows) names.set(versionId, [...(names.get(versionId) ?? []), alias]);
    return names;
  }

  async aliases(modelName: string, limit: number): Promise<ModelAlias[]> {
    const rows = await this.database.read((prisma) => prisma.modelAlias.findMany({ where: { modelName }, orderBy: { alias: 'asc' }, take: limit }));
    return rows.map(toAlias);
  }

  async alias(modelName: string, alias: string): Promise<ModelAlias | null> {
    const row = await this.database.read((prisma) => prisma.modelAlias.findUnique({ where: { modelName_alias: { modelName, alias } } }));
    return row === null ? null : toAlias(row);
  }

  /** Measured accuracy of the version each model has in production, and of the one it replaced; latest set first. */
  async inProduction(limit: number): Promise<Array<{ model: string; accuracy: number; before: number | null }>> {
    return this.database.read((prisma) => prisma.$queryRawUnsafe<Array<{ model: string; accuracy: number; before: number | null }>>(
      `SELECT a.model_name AS model, v.accuracy, p.accuracy AS before FROM evolutionary_computation.model_alias a
       JOIN evolutionary_computation.model_version v ON v.id = a.version_id
       LEFT JOIN evolutionary_computation.model_version p ON p.id = a.previous_version_id
       WHERE a.alias = 'production' ORDER BY a.set_at DESC LIMIT $1::int`, limit));
  }

  /** Reads an alias and keeps everyone else from moving it, or making it, until the transaction ends. */
  async lockAlias(tx: TransactionClient, modelName: string, alias: string): Promise<ModelAlias | null> {
    await tx.$executeRawUnsafe(`SELECT pg_advisory_xact_lock(hashtextextended('acgs.model-alias.' || $1, 0))`, `${modelName}:${alias}`);
    const row = await tx.modelAlias.findUnique({ where: { modelName_alias: { modelName, alias } } });
    return row === null ? null : toAlias(row);
  }

  async putAlias(tx: TransactionClient, { modelName, alias, ...rest }: ModelAlias, constitutionalHash: string): Promise<void> {
    const data = { ...rest, constitutionalHash };
    await tx.modelAlias.upsert({ where: { modelName_alias: { modelName, alias } }, create: { modelName, alias, ...data }, update: data });
  }
}

function toModelVersion({ id, name, major, minor, patch, artifactDigest, gitCommit, parentId, accuracy, compliance, p95Seconds, registeredById, registeredAt, constitutionalHash }: ModelRow): ModelVersion {
  return {
    id, name, version: formatSemver([major, minor, patch]), artifactDigest, gitCommit, parentId,
    metrics: { accuracy, compliance, p95Seconds }, registeredById, registeredAt: registeredAt.toISOString(), constitutionalHash,
  };
}

function toAlias({ modelName, alias, versionId, previousVersionId, revision, setById, setAt }: AliasRow): ModelAlias {
  return { modelName, alias, versionId, previousVersionId, revision, setById, setAt: setAt.toISOString() };
}
