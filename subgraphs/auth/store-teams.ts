/** Teams, their members, services and contacts in PostgreSQL. */
import type { Database, TransactionClient } from '../kernel/database.js';
import type { Contact, ContactKind, Team } from './domain-teams.js';
import type { TeamContact as ContactRow } from '../../prisma/__generated__/client.js';

export class TeamStore {
  constructor(private readonly database: Database) {}

  async all(): Promise<Team[]> {
    return (await this.database.read((prisma) => prisma.team.findMany({ orderBy: { name: 'asc' } }))).map(toTeam);
  }

  async byIds(ids: readonly string[]): Promise<Map<string, Team>> {
    const rows = await this.database.read((prisma) => prisma.team.findMany({ where: { id: { in: [...ids] } } }));
    return new Map(rows.map((row) => [row.id, toTeam(row)]));
  }

  /** Identifiers of the members of each team, by username. */
  async members(teamIds: readonly string[]): Promise<Map<string, string[]>> {
    const rows = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<{ team_id: string; principal_id: string }>>(
      'SELECT m.team_id, m.principal_id FROM auth.team_member m JOIN auth.principal p ON p.id = m.principal_id WHERE m.team_id = ANY($1::text[]) ORDER BY p.username', [...teamIds]));
    return grouped(rows, (row) => row.team_id, (row) => row.principal_id);
  }

  /** Names of the services of each team. */
  async services(teamIds: readonly string[]): Promise<Map<string, string[]>> {
    const rows = await this.database.read((prisma) => prisma.serviceTeam.findMany({ where: { teamId: { in: [...teamIds] } }, orderBy: { serviceId: 'asc' } }));
    return grouped(rows, (row) => row.teamId, (row) => row.serviceId);
  }

  /** Team of each service. */
  async teamsOfServices(serviceIds: readonly string[]): Promise<Map<string, string>> {
    const rows = await this.database.read((prisma) => prisma.serviceTeam.findMany({ where: { serviceId: { in: [...serviceIds] } } }));
    return new Map(rows.map(({ serviceId, teamId }) => [serviceId, teamId]));
  }

  async contacts(teamIds: readonly string[]): Promise<Map<string, Contact[]>> {
    const rows = await this.database.read((prisma) => prisma.teamContact.findMany({ where: { teamId: { in: [...teamIds] } }, orderBy: { ordinal: 'asc' } }));
    return grouped(rows, (row) => row.teamId, toContact);
  }

  async contact(id: string): Promise<Contact | null> {
    const row = await this.database.read((prisma) => prisma.teamContact.findUnique({ where: { id } }));
    return row === null ? null : toContact(row);
  }

  async lock(tx: TransactionClient, id: string): Promise<Team | null> {
    await tx.$queryRawUnsafe('SELECT 1 FROM auth.team WHERE id = $1 FOR UPDATE', id);
    const row = await tx.team.findUnique({ where: { id } });
    return row === null ? null : toTeam(row);
  }

  async memberIds(tx: TransactionClient, teamId: string): Promise<string[]> {
    return (await tx.teamMember.findMany({ where: { teamId }, orderBy: { principalId: 'asc' } })).map(({ principalId }) => principalId);
  }

  async lockContact(tx: TransactionClient, id: string): Promise<Contact | null> {
    await tx.$queryRawUnsafe('SELECT 1 FROM auth.team_contact WHERE id = $1 FOR UPDATE', id);
    const row = await tx.teamContact.findUnique({ where: { id } });
    return row === null ? null : toContact(row);
  }

  async setAddress(tx: TransactionClient, id: string, address: string | null): Promise<Contact> {
    return toContact(await tx.teamContact.update({ where: { id }, data: { address, version: { increment: 1 } } }));
  }

  async insertTeam(tx: TransactionClient, team: Team, constitutionalHash: string): Promise<void> {
    await tx.team.create({ data: { ...team, constitutionalHash } });
  }

  async addMember(tx: TransactionClient, teamId: string, principalId: string, now: Date, constitutionalHash: string): Promise<void> {
    await tx.teamMember.create({ data: { teamId, principalId, addedAt: now, constitutionalHash } });
  }

  async removeMember(tx: TransactionClient, teamId: string, principalId: string): Promise<void> {
    await tx.teamMember.delete({ where: { teamId_principalId: { teamId, principalId } } });
  }

  async assignService(tx: TransactionClient, serviceId: string, teamId: string, constitutionalHash: string): Promise<void> {
    await tx.serviceTeam.create({ data: { serviceId, teamId, constitutionalHash } });
  }

  async insertContact(tx: TransactionClient, contact: Omit<Contact, 'address' | 'version'>, constitutionalHash: string): Promise<void> {
    await tx.teamContact.create({ data: { ...contact, constitutionalHash } });
  }

  /** Makes concurrent seeds take turns until the transaction ends. */
  async lockSeed(tx: TransactionClient): Promise<void> {
    await tx.$executeRawUnsafe(`SELECT pg_advisory_xact_lock(hashtextextended('acgs.auth.seed', 0))`);
  }

  async knownTeams(tx: TransactionClient): Promise<Set<string>> {
    return new Set((await tx.team.findMany({ select: { id: true } })).map(({ id }) => id));
  }
}

function grouped<R, V>(rows: readonly R[], keyOf: (row: R) => string, valueOf: (row: R) => V): Map<string, V[]> {
  const groups = new Map<string, V[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row)) ?? [];
    group.push(valueOf(row));
    groups.set(keyOf(row), group);
  }
  return groups;
}

function toTeam({ id, name, description }: Team): Team {
  return { id, name, description };
}

function toContact(row: ContactRow): Contact {
  return {
    id: row.id, teamId: row.teamId, ordinal: row.ordinal, title: row.title, kind: row.kind as ContactKind, purpose: row.purpose,
    principalId: row.principalId, address: row.address, version: row.version,
  };
}
