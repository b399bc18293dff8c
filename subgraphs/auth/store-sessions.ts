/** Sessions and the digests of their refresh tokens in PostgreSQL. */
import type { Database, TransactionClient } from '../kernel/database.js';
import type { Session, SessionEnd } from './domain.js';
import type { PresentedToken } from './domain-tokens.js';
import type { LoginSession as SessionRow } from '../../prisma/__generated__/client.js';

export interface NewSession {
  readonly id: string;
  readonly principalId: string;
  readonly expiresAt: Date;
  readonly loginKey: Uint8Array<ArrayBuffer> | null;
}

export interface KnownToken extends PresentedToken {
  readonly generation: number;
}

export class SessionStore {
  constructor(private readonly database: Database) {}

  async byIds(ids: readonly string[]): Promise<Map<string, Session>> {
    const rows = await this.database.read((prisma) => prisma.loginSession.findMany({ where: { id: { in: [...ids] } } }));
    return new Map(rows.map((row) => [row.id, toSession(row)]));
  }

  /** Newest sessions of each principal. */
  async ofPrincipals(principalIds: readonly string[], limit: number): Promise<Map<string, Session[]>> {
    const rows = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<{ id: string }>>(`
      SELECT s.id FROM unnest($1::text[]) AS k(principal_id)
      CROSS JOIN LATERAL (SELECT id FROM auth.session r WHERE r.principal_id = k.principal_id ORDER BY created_at DESC, id LIMIT $2) s`, [...principalIds], limit));
    const found = await this.byIds(rows.map(({ id }) => id));
    const groups = new Map<string, Session[]>();
    for (const { id } of rows) {
      const session = found.get(id);
      if (session !== undefined) groups.set(session.principalId, [...(groups.get(session.principalId) ?? []), session]);
    }
    return groups;
  }

  /** Whose session it is; null when there is none. Read without a lock: a session never changes hands. */
  async principalOf(sessionId: string): Promise<string | null> {
    return (await this.byIds([sessionId])).get(sessionId)?.principalId ?? null;
  }

  async lock(tx: TransactionClient, id: string): Promise<Session | null> {
    await tx.$queryRawUnsafe('SELECT 1 FROM auth.session WHERE id = $1 FOR UPDATE', id);
    const row = await tx.loginSession.findUnique({ where: { id } });
    return row === null ? null : toSession(row);
  }

  async byLoginKey(tx: TransactionClient, principalId: string, loginKey: Uint8Array<ArrayBuffer>): Promise<Session | null> {
    const row = await tx.loginSession.findUnique({ where: { principalId_loginKey: { principalId, loginKey } } });
    return row === null ? null : toSession(row);
  }

  /** Opens a session with its first refresh token. */
  async insert(tx: TransactionClient, session: NewSession, tokenHash: Uint8Array<ArrayBuffer>, now: Date, constitutionalHash: string): Promise<Session> {
    const row = await tx.loginSession.create({ data: { ...session, createdAt: now, constitutionalHash } });
    await tx.refreshToken.create({ data: { sessionId: session.id, generation: 0, tokenHash } });
    return toSession(row);
  }

  async token(tx: TransactionClient, sessionId: string, tokenHash: Uint8Array<ArrayBuffer>): Promise<KnownToken | null> {
    return tx.refreshToken.findUnique({ where: { sessionId_tokenHash: { sessionId, tokenHash } }, select: { generation: true, rotatedAt: true } });
  }

  /** True when another token of the session was exchanged under this idempotency key. */
  async keyExchangedAnother(tx: TransactionClient, sessionId: string, rotationKey: Uint8Array<ArrayBuffer>, generation: number): Promise<boolean> {
    return (await tx.refreshToken.count({ where: { sessionId, rotationKey, generation: { not: generation } } })) > 0;
  }

  /** Exchanges the newest token for its successor. */
  async rotate(tx: TransactionClient, session: Session, successorHash: Uint8Array<ArrayBuffer>, rotationKey: Uint8Array<ArrayBuffer> | null, now: Date): Promise<Session> {
    const { id: sessionId, generation } = session;
    await tx.refreshToken.update({ where: { sessionId_generation: { sessionId, generation } }, data: { rotatedAt: now, rotationKey } });
    await tx.refreshToken.create({ data: { sessionId, generation: generation + 1, tokenHash: successorHash } });
    return toSession(await tx.loginSession.update({ where: { id: sessionId }, data: { generation: generation + 1, refreshedAt: now } }));
  }

  async end(tx: TransactionClient, id: string, endReason: SessionEnd, now: Date): Promise<Session> {
    return toSession(await tx.loginSession.update({ where: { id }, data: { endedAt: now, endReason } }));
  }

  /** Sessions of a principal that can still be refreshed. */
  async open(tx: TransactionClient, principalId: string, now: Date): Promise<Session[]> {
    await tx.$queryRawUnsafe('SELECT 1 FROM auth.session WHERE principal_id = $1 AND ended_at IS NULL ORDER BY id FOR UPDATE', principalId);
    return (await tx.loginSession.findMany({ where: { principalId, endedAt: null, expiresAt: { gt: now } }, orderBy: { id: 'asc' } })).map(toSession);
  }

  /** Forgets the tokens of sessions that are over. @returns how many. */
  async pruneTokens(now: Date): Promise<number> {
    return this.database.read((prisma) => prisma.$executeRawUnsafe(
      'DELETE FROM auth.refresh_token t USING auth.session s WHERE s.id = t.session_id AND (s.ended_at IS NOT NULL OR s.expires_at <= $1)', now));
  }
}

function toSession(row: SessionRow): Session {
  return {
    id: row.id, principalId: row.principalId, createdAt: row.createdAt.toISOString(), expiresAt: row.expiresAt.toISOString(),
    refreshedAt: row.refreshedAt?.toISOString() ?? null, generation: row.generation, endedAt: row.endedAt?.toISOString() ?? null, endReason: row.endReason as Session['endReason'],
  };
}
