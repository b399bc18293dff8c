/** Principals, their passwords and their grants in PostgreSQL. */
import type { Database, TransactionClient } from '../kernel/database.js';
import type { Grant, Principal, PrincipalKind } from './domain.js';
import { ADMIN } from './domain-roles.js';
import type { Principal as PrincipalRow, RoleGrant as GrantRow } from '../../prisma/__generated__/client.js';

export interface Account {
  readonly principal: Principal;
  /** argon2id in PHC format; null when no password is set. */
  readonly passwordHash: string | null;
}

export interface PrincipalFilter {
  readonly kind?: PrincipalKind | null | undefined;
  readonly role?: string | null | undefined;
}

export class PrincipalStore {
  constructor(private readonly database: Database) {}

  async byIds(ids: readonly string[]): Promise<Map<string, Principal>> {
    const rows = await this.database.read((prisma) => prisma.principal.findMany({ where: { id: { in: [...ids] } } }));
    return new Map(rows.map((row) => [row.id, toPrincipal(row)]));
  }

  /** By username, after the given one. */
  async page({ kind, role }: PrincipalFilter, limit: number, after: string | null, now: Date): Promise<Principal[]> {
    const rows = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<{ id: string }>>(`
      SELECT p.id FROM auth.principal p
      WHERE ($1::text IS NULL OR p.kind = $1) AND ($3::text IS NULL OR p.username > $3 COLLATE "C")
        AND ($2::text IS NULL OR EXISTS (SELECT 1 FROM auth.role_grant g WHERE g.principal_id = p.id AND g.role = $2 AND g.ended_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > $4)))
      ORDER BY p.username COLLATE "C" LIMIT $5`, kind ?? null, role ?? null, after, now, limit));
    const found = await this.byIds(rows.map(({ id }) => id));
    return rows.flatMap(({ id }) => found.get(id) ?? []);
  }

  async accountByUsername(username: string): Promise<Account | null> {
    return this.database.read(async (prisma) => {
      const row = await prisma.principal.findUnique({ where: { username } });
      if (row === null) return null;
      const password = await prisma.passwordCredential.findUnique({ where: { principalId: row.id } });
      return { principal: toPrincipal(row), passwordHash: password?.hash ?? null };
    });
  }

  async accountById(id: string): Promise<Account | null> {
    return this.database.read(async (prisma) => {
      const row = await prisma.principal.findUnique({ where: { id } });
      if (row === null) return null;
      const password = await prisma.passwordCredential.findUnique({ where: { principalId: id } });
      return { principal: toPrincipal(row), passwordHash: password?.hash ?? null };
    });
  }

  async havingPassword(ids: readonly string[]): Promise<Map<string, boolean>> {
    const rows = await this.database.read((prisma) => prisma.passwordCredential.findMany({ where: { principalId: { in: [...ids] } }, select: { principalId: true } }));
    const having = new Set(rows.map(({ principalId }) => principalId));
    return new Map(ids.map((id) => [id, having.has(id)]));
  }

  /** Reads a principal and keeps everyone else from changing it, or issuing tokens for it, until the transaction ends. */
  async lock(tx: TransactionClient, id: string): Promise<Principal | null> {
    await tx.$queryRawUnsafe('SELECT 1 FROM auth.principal WHERE id = $1 FOR UPDATE', id);
    const row = await tx.principal.findUnique({ where: { id } });
    return row === null ? null : toPrincipal(row);
  }

  /** Makes changes that could take away the last administrator take turns until the transaction ends. */
  async lockAdministration(tx: TransactionClient): Promise<void> {
    await tx.$executeRawUnsafe(`SELECT pg_advisory_xact_lock(hashtextextended('acgs.auth.administration', 0))`);
  }

  async byUsernames(tx: TransactionClient, usernames: readonly string[]): Promise<Map<string, Principal>> {
    const rows = await tx.principal.findMany({ where: { username: { in: [...usernames] } } });
    return new Map(rows.map((row) => [row.username, toPrincipal(row)]));
  }

  async insert(tx: TransactionClient, principal: Pick<Principal, 'id' | 'kind' | 'username' | 'displayName'>, now: Date, constitutionalHash: string): Promise<Principal> {
    return toPrincipal(await tx.principal.create({ data: { ...principal, createdAt: now, constitutionalHash } }));
  }

  async setActive(tx: TransactionClient, id: string, active: boolean, now: Date): Promise<Principal> {
    return toPrincipal(await tx.principal.update({ where: { id }, data: { active, disabledAt: active ? null : now, version: { increment: 1 } } }));
  }

  async setPassword(tx: TransactionClient, principalId: string, hash: string, now: Date, constitutionalHash: string): Promise<void> {
    await tx.passwordCredential.upsert({
      where: { principalId },
      create: { principalId, hash, changedAt: now, constitutionalHash },
      update: { hash, changedAt: now, constitutionalHash },
    });
  }

  /** Since when the disabled ones among these cannot be paged. */
  async unavailableSince(ids: readonly string[]): Promise<Map<string, Date>> {
    const rows = await this.database.read((prisma) => prisma.principal.findMany({ where: { id: { in: [...ids] }, active: false }, select: { id: true, disabledAt: true } }));
    return new Map(rows.flatMap(({ id, disabledAt }) => (disabledAt === null ? [] : [[id, disabledAt] as const])));
  }

  /** Names of the roles each principal holds at a moment. */
  async roles(ids: readonly string[], now: Date, tx?: TransactionClient): Promise<Map<string, string[]>> {
    const where = { principalId: { in: [...ids] }, endedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] };
    const rows = await (tx === undefined ? this.database.read((prisma) => prisma.roleGrant.findMany({ where, orderBy: { role: 'asc' } })) : tx.roleGrant.findMany({ where, orderBy: { role: 'asc' } }));
    const roles = new Map<string, string[]>(ids.map((id) => [id, []]));
    for (const row of rows) roles.get(row.principalId)?.push(row.role);
    return roles;
  }

  /** True when somebody other than this principal can administer: an active person with a password and a grant that does not end. */
  async hasOtherAdministrator(tx: TransactionClient, principalId: string): Promise<boolean> {
    const rows = await tx.$queryRawUnsafe<unknown[]>(`
      SELECT 1 FROM auth.role_grant g
      JOIN auth.principal p ON p.id = g.principal_id AND p.active AND p.kind = 'HUMAN'
      JOIN auth.password_credential c ON c.principal_id = p.id
      WHERE g.role = $2 AND g.ended_at IS NULL AND g.expires_at IS NULL AND p.id <> $1 LIMIT 1`, principalId, ADMIN);
    return rows.length > 0;
  }

  async grantsByIds(ids: readonly string[]): Promise<Map<string, Grant>> {
    const rows = await this.database.read((prisma) => prisma.roleGrant.findMany({ where: { id: { in: [...ids] } } }));
    return new Map(rows.map((row) => [row.id, toGrant(row)]));
  }

  /** Newest grants of each principal. */
  async grantsOf(principalIds: readonly string[], limit: number): Promise<Map<string, Grant[]>> {
    const rows = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<{ id: string }>>(`
      SELECT g.id FROM unnest($1::text[]) AS k(principal_id)
      CROSS JOIN LATERAL (SELECT id FROM auth.role_grant r WHERE r.principal_id = k.principal_id ORDER BY granted_at DESC, id LIMIT $2) g`, [...principalIds], limit));
    const found = await this.grantsByIds(rows.map(({ id }) => id));
    const groups = new Map<string, Grant[]>();
    for (const { id } of rows) {
      const grant = found.get(id);
      if (grant !== undefined) groups.set(grant.principalId, [...(groups.get(grant.principalId) ?? []), grant]);
    }
    return groups;
  }

  /** The grant of a role that nobody has ended, though its time may be over. */
  async openGrant(tx: TransactionClient, principalId: string, role: string): Promise<Grant | null> {
    const row = await tx.roleGrant.findFirst({ where: { principalId, role, endedAt: null } });
    return row === null ? null : toGrant(row);
  }

  async insertGrant(tx: TransactionClient, grant: Pick<Grant, 'id' | 'principalId' | 'role' | 'grantedBy'> & { readonly expiresAt: Date | null }, now: Date, constitutionalHash: string): Promise<Grant> {
    return toGrant(await tx.roleGrant.create({ data: { ...grant, grantedAt: now, constitutionalHash } }));
  }

  async endGrant(tx: TransactionClient, id: string, end: { readonly endedAt: Date; readonly endedBy: string; readonly endReason: 'EXPIRED' | 'REVOKED' }): Promise<Grant> {
    return toGrant(await tx.roleGrant.update({ where: { id }, data: end }));
  }

  /** Who holds open grants whose time is over. */
  async principalsWithDueGrants(now: Date, limit: number): Promise<string[]> {
    const rows = await this.database.read((prisma) => prisma.roleGrant.findMany({ where: { endedAt: null, expiresAt: { lte: now } }, distinct: ['principalId'], select: { principalId: true }, take: limit }));
    return rows.map(({ principalId }) => principalId);
  }

  async dueGrants(tx: TransactionClient, principalId: string, now: Date): Promise<Grant[]> {
    return (await tx.roleGrant.findMany({ where: { principalId, endedAt: null, expiresAt: { lte: now } }, orderBy: { expiresAt: 'asc' } })).map(toGrant);
  }
}

function toPrincipal(row: PrincipalRow): Principal {
  return {
    id: row.id, kind: row.kind as PrincipalKind, username: row.username, displayName: row.displayName, active: row.active,
    disabledAt: row.disabledAt?.toISOString() ?? null, createdAt: row.createdAt.toISOString(), version: row.version,
  };
}

function toGrant(row: GrantRow): Grant {
  return {
    id: row.id, principalId: row.principalId, role: row.role, grantedBy: row.grantedBy, grantedAt: row.grantedAt.toISOString(),
    expiresAt: row.expiresAt?.toISOString() ?? null, endedAt: row.endedAt?.toISOString() ?? null, endedBy: row.endedBy, endReason: row.endReason as Grant['endReason'],
  };
}
