/** Versions of the supergraph and their activations in PostgreSQL. */
import type { Prisma, SchemaActivation as ActivationRow } from '../../prisma/__generated__/client.js';
import { sha256Hex } from '../../ops/runtime/canonical-json.js';
import type { Database, TransactionClient } from '../kernel/database.js';
import type { ProposedSubgraph, SchemaActivation, SchemaVersion, VersionSubgraph } from './domain-schema.js';

/** Everything of a version but its text, which is long. */
const SUMMARY = { id: true, number: true, setDigest: true, subgraphs: true, message: true, publishedById: true, publishedAt: true, checkId: true, constitutionalHash: true } satisfies Prisma.SchemaVersionSelect;
type VersionRow = Prisma.SchemaVersionGetPayload<{ select: typeof SUMMARY }>;

export class SchemaStore {
  constructor(private readonly database: Database) {}

  /**
   * Hands out the number of the next activation and keeps everyone else from activating until the transaction ends.
   * A transaction that fails gives its number back.
   */
  async nextActivation(tx: TransactionClient): Promise<number> {
    const rows = await tx.$queryRawUnsafe<Array<{ last: number }>>(
      `INSERT INTO governance_synthesis.counter AS c (key, last) VALUES ('schema-activation', 1) ON CONFLICT (key) DO UPDATE SET last = c.last + 1 RETURNING last`);
    return Number(rows[0]?.last);
  }

  async activeIn(tx: TransactionClient): Promise<SchemaActivation | null> {
    const row = await tx.schemaActivation.findFirst({ orderBy: { number: 'desc' } });
    return row === null ? null : toActivation(row);
  }

  async active(): Promise<SchemaActivation | null> {
    const row = await this.database.read((prisma) => prisma.schemaActivation.findFirst({ orderBy: { number: 'desc' } }));
    return row === null ? null : toActivation(row);
  }

  async activations(limit: number, before: bigint | null): Promise<SchemaActivation[]> {
    const rows = await this.database.read((prisma) => prisma.schemaActivation.findMany({ where: before === null ? {} : { number: { lt: Number(before) } }, orderBy: { number: 'desc' }, take: limit }));
    return rows.map(toActivation);
  }

  /**
   * What was in force before a version was last published or installed: going back twice goes back two versions, and not to
   * the one that was gone back from. Null when there was nothing before.
   */
  async beforeIn(tx: TransactionClient, activeVersionId: string): Promise<SchemaActivation | null> {
    const brought = await tx.schemaActivation.findFirst({ where: { versionId: activeVersionId, kind: { not: 'ROLLBACK' } }, orderBy: { number: 'desc' } });
    if (brought === null) return null;
    const row = await tx.schemaActivation.findFirst({ where: { versionId: { not: activeVersionId }, number: { lt: brought.number } }, orderBy: { number: 'desc' } });
    return row === null ? null : toActivation(row);
  }

  async wasActiveIn(tx: TransactionClient, versionId: string): Promise<boolean> {
    return await tx.schemaActivation.findFirst({ where: { versionId }, select: { number: true } }) !== null;
  }

  async insertActivation(tx: TransactionClient, activation: SchemaActivation): Promise<void> {
    await tx.schemaActivation.create({ data: { ...activation } });
  }

  async versionIn(tx: TransactionClient, id: string): Promise<SchemaVersion | null> {
    const row = await tx.schemaVersion.findUnique({ where: { id }, select: SUMMARY });
    return row === null ? null : toVersion(row);
  }

  async versionsByIds(ids: readonly string[]): Promise<Map<string, SchemaVersion>> {
    const rows = await this.database.read((prisma) => prisma.schemaVersion.findMany({ where: { id: { in: [...ids] } }, select: SUMMARY }));
    return new Map(rows.map((row) => [row.id, toVersion(row)]));
  }

  async versions(limit: number, before: bigint | null): Promise<SchemaVersion[]> {
    const rows = await this.database.read((prisma) => prisma.schemaVersion.findMany({ where: before === null ? {} : { number: { lt: Number(before) } }, select: SUMMARY, orderBy: { number: 'desc' }, take: limit }));
    return rows.map(toVersion);
  }

  async supergraphTexts(ids: readonly string[]): Promise<Map<string, string>> {
    const rows = await this.database.read((prisma) => prisma.schemaVersion.findMany({ where: { id: { in: [...ids] } }, select: { id: true, supergraphSdl: true } }));
    return new Map(rows.map(({ id, supergraphSdl }) => [id, supergraphSdl]));
  }

  async documents(digests: readonly string[]): Promise<Map<string, string>> {
    const rows = await this.database.read((prisma) => prisma.schemaDocument.findMany({ where: { digest: { in: [...digests] } } }));
    return new Map(rows.map(({ digest, sdl }) => [digest, sdl]));
  }

  /** The whole schemas of a version's subgraphs, by name. */
  async subgraphsOf({ subgraphs }: Pick<SchemaVersion, 'subgraphs'>): Promise<ProposedSubgraph[]> {
    const texts = await this.documents(subgraphs.map(({ digest }) => digest));
    return subgraphs.map(({ name, url, digest }) => {
      const sdl = texts.get(digest);
      if (sdl === undefined) throw new Error(`The schema ${digest} of ${name} is missing.`);
      return { name, url, sdl };
    });
  }

  /** Keeps a version with its documents; those that are known stay as they are. */
  async insertVersion(tx: TransactionClient, version: Omit<SchemaVersion, 'number' | 'subgraphs'>, supergraphSdl: string, subgraphs: readonly ProposedSubgraph[]): Promise<SchemaVersion> {
    const listed: VersionSubgraph[] = subgraphs.map(({ name, url, sdl }) => ({ name, url, digest: sha256Hex(sdl) }));
    await tx.schemaDocument.createMany({ data: subgraphs.map(({ sdl }) => ({ digest: sha256Hex(sdl), sdl, constitutionalHash: version.constitutionalHash })), skipDuplicates: true });
    const last = await tx.schemaVersion.findFirst({ orderBy: { number: 'desc' }, select: { number: true } });
    const row = await tx.schemaVersion.create({ data: { ...version, number: (last?.number ?? 0) + 1, supergraphSdl, subgraphs: listed }, select: SUMMARY });
    return toVersion(row);
  }
}

function toVersion({ publishedAt, subgraphs, ...row }: VersionRow): SchemaVersion {
  return { ...row, publishedAt: publishedAt.toISOString(), subgraphs: subgraphs as unknown as VersionSubgraph[] };
}

function toActivation({ kind, activatedAt, number, versionId, reason, activatedById, token, constitutionalHash }: ActivationRow): SchemaActivation {
  return { number, versionId, kind: kind as SchemaActivation['kind'], reason, activatedById, activatedAt: activatedAt.toISOString(), token, constitutionalHash };
}
