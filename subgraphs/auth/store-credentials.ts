/** API keys, signing keys and the feed of revocations in PostgreSQL. */
import type { Database, TransactionClient } from '../kernel/database.js';
import { TOKEN_MEMORY_MS, type ApiKey } from './domain.js';
import type { AccessTokenKey, ApiKey as ApiKeyRow, Prisma } from '../../prisma/__generated__/client.js';

export interface NewApiKey {
  readonly id: string;
  readonly ownerId: string;
  readonly name: string;
  readonly scopes: string[];
  readonly secretHash: Uint8Array<ArrayBuffer>;
  readonly createdBy: string;
  readonly expiresAt: Date;
}

/** Public half of a key that signs, or signed, access tokens. */
export interface SigningKeyRecord {
  readonly kid: string;
  readonly publicJwk: Readonly<Record<string, string>>;
  readonly createdAt: Date;
  readonly retiredAt: Date | null;
}

export interface RevocationEntry {
  readonly credentialId: string | null;
  readonly principalId: string | null;
  /** ISO 8601. */
  readonly before: string;
}

export class CredentialStore {
  constructor(private readonly database: Database) {}

  async apiKeysByIds(ids: readonly string[]): Promise<Map<string, ApiKey>> {
    const rows = await this.database.read((prisma) => prisma.apiKey.findMany({ where: { id: { in: [...ids] } } }));
    return new Map(rows.map((row) => [row.id, toApiKey(row)]));
  }

  /** An API key with the digest of its secret. */
  async apiKeySecret(id: string): Promise<{ readonly apiKey: ApiKey; readonly secretHash: Uint8Array } | null> {
    const row = await this.database.read((prisma) => prisma.apiKey.findUnique({ where: { id } }));
    return row === null ? null : { apiKey: toApiKey(row), secretHash: row.secretHash };
  }

  /** Newest keys of each owner. */
  async apiKeysOf(ownerIds: readonly string[], limit: number): Promise<Map<string, ApiKey[]>> {
    const rows = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<{ id: string }>>(`
      SELECT a.id FROM unnest($1::text[]) AS k(owner_id)
      CROSS JOIN LATERAL (SELECT id FROM auth.api_key r WHERE r.owner_id = k.owner_id ORDER BY created_at DESC, id LIMIT $2) a`, [...ownerIds], limit));
    const found = await this.apiKeysByIds(rows.map(({ id }) => id));
    const groups = new Map<string, ApiKey[]>();
    for (const { id } of rows) {
      const key = found.get(id);
      if (key !== undefined) groups.set(key.ownerId, [...(groups.get(key.ownerId) ?? []), key]);
    }
    return groups;
  }

  async lastUses(ids: readonly string[]): Promise<Map<string, Date>> {
    const rows = await this.database.read((prisma) => prisma.apiKeyUse.findMany({ where: { apiKeyId: { in: [...ids] } } }));
    return new Map(rows.map(({ apiKeyId, lastUsedAt }) => [apiKeyId, lastUsedAt]));
  }

  /** Records a use, at most once a minute for each key. */
  async used(id: string, now: Date): Promise<void> {
    await this.database.read((prisma) => prisma.$executeRawUnsafe(`
      INSERT INTO auth.api_key_use AS u (api_key_id, last_used_at) VALUES ($1, $2)
      ON CONFLICT (api_key_id) DO UPDATE SET last_used_at = $2 WHERE u.last_used_at <= $2::timestamptz - interval '1 minute'`, id, now));
  }

  async insertApiKey(tx: TransactionClient, key: NewApiKey, now: Date, constitutionalHash: string): Promise<ApiKey> {
    return toApiKey(await tx.apiKey.create({ data: { ...key, createdAt: now, constitutionalHash } }));
  }

  async lockApiKey(tx: TransactionClient, id: string): Promise<ApiKey | null> {
    await tx.$queryRawUnsafe('SELECT 1 FROM auth.api_key WHERE id = $1 FOR UPDATE', id);
    const row = await tx.apiKey.findUnique({ where: { id } });
    return row === null ? null : toApiKey(row);
  }

  /** Keys of an owner that can still be used. */
  async openApiKeys(tx: TransactionClient, ownerId: string, now: Date): Promise<ApiKey[]> {
    return (await tx.apiKey.findMany({ where: { ownerId, revokedAt: null, expiresAt: { gt: now } }, orderBy: { id: 'asc' } })).map(toApiKey);
  }

  async revokeApiKey(tx: TransactionClient, id: string, now: Date): Promise<ApiKey> {
    return toApiKey(await tx.apiKey.update({ where: { id }, data: { revokedAt: now } }));
  }

  /** Keys whose tokens may still be valid: those that sign and those retired lately, newest first. */
  async publishedSigningKeys(now: Date): Promise<SigningKeyRecord[]> {
    const since = new Date(now.getTime() - TOKEN_MEMORY_MS);
    const rows = await this.database.read((prisma) => prisma.accessTokenKey.findMany({ where: { OR: [{ retiredAt: null }, { retiredAt: { gt: since } }] }, orderBy: [{ createdAt: 'desc' }, { kid: 'asc' }] }));
    return rows.map(toSigningKey);
  }

  async lockSigningKeys(tx: TransactionClient): Promise<void> {
    await tx.$executeRawUnsafe(`SELECT pg_advisory_xact_lock(hashtextextended('acgs.auth.signing-keys', 0))`);
  }

  async openSigningKeys(tx: TransactionClient): Promise<SigningKeyRecord[]> {
    return (await tx.accessTokenKey.findMany({ where: { retiredAt: null }, orderBy: [{ createdAt: 'desc' }, { kid: 'asc' }] })).map(toSigningKey);
  }

  async retireSigningKeys(tx: TransactionClient, now: Date): Promise<void> {
    await tx.accessTokenKey.updateMany({ where: { retiredAt: null }, data: { retiredAt: now } });
  }

  async insertSigningKey(tx: TransactionClient, kid: string, publicJwk: Prisma.InputJsonObject, now: Date, constitutionalHash: string): Promise<void> {
    await tx.accessTokenKey.create({ data: { kid, publicJwk, createdAt: now, constitutionalHash } });
  }

  /**
   * Publishes a revocation under the next epoch. The row lock on the counter is held until the transaction ends, so that
   * whoever has seen an epoch has seen all before it; take it last.
   */
  async revoke(tx: TransactionClient, of: { readonly credentialId: string } | { readonly principalId: string }, before: Date, now: Date): Promise<void> {
    const { value: epoch } = await tx.revocationEpoch.update({ where: { id: 1 }, data: { value: { increment: 1 } } });
    await tx.revocation.create({ data: { epoch, ...of, before, createdAt: now } });
  }

  /** Revocations after an epoch, and the newest epoch, as of one moment. */
  async revocationsSince(epoch: number): Promise<{ epoch: number; revoked: RevocationEntry[] }> {
    const rows = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<{ value: bigint; credential_id: string | null; principal_id: string | null; before: Date | null }>>(`
      SELECT e.value, r.credential_id, r.principal_id, r.before FROM auth.revocation_epoch e LEFT JOIN auth.revocation r ON r.epoch > $1::bigint ORDER BY r.epoch`, epoch));
    return {
      epoch: Number(rows[0]?.value ?? 0n),
      revoked: rows.flatMap((row) => (row.before === null ? [] : [{ credentialId: row.credential_id, principalId: row.principal_id, before: row.before.toISOString() }])),
    };
  }

  /** Forgets revocations that no token can be older than. @returns how many. */
  async pruneRevocations(now: Date): Promise<number> {
    const { count } = await this.database.read((prisma) => prisma.revocation.deleteMany({ where: { createdAt: { lt: new Date(now.getTime() - TOKEN_MEMORY_MS) } } }));
    return count;
  }
}

function toApiKey(row: ApiKeyRow): ApiKey {
  return {
    id: row.id, ownerId: row.ownerId, name: row.name, scopes: row.scopes, createdBy: row.createdBy, createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt.toISOString(), revokedAt: row.revokedAt?.toISOString() ?? null,
  };
}

function toSigningKey({ kid, publicJwk, createdAt, retiredAt }: AccessTokenKey): SigningKeyRecord {
  return { kid, publicJwk: publicJwk as Record<string, string>, createdAt, retiredAt };
}
