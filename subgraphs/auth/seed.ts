/** Seeds a new installation: the first administrator, accounts of functions, teams, contacts and rotations. Safe to run again. */
import { randomUUID } from 'node:crypto';
import type { UnitOfWork } from '../kernel/commands.js';
import type { Principal } from './domain.js';
import type { Rotation } from './domain-on-call.js';
import { ADMIN, type RoleName } from './domain-roles.js';
import { grantEvent, principalEvent, rotationEvent, teamEvent } from './events.js';
import { FIRST_ADMINISTRATOR, makeInitialPassword } from './initial-password.js';
import { ACCOUNTS, TEAMS, type SeedTeam } from './seed-data.js';
import type { AuthParts } from './service-parts.js';

const ACTOR = 'system:seed';

/** Adds what is missing; what is there stays as it is. */
export async function seed(parts: AuthParts): Promise<void> {
  const { deps, principals, passwords, teams } = parts;
  await deps.commands.runAs(ACTOR, 'seed', async (unit) => {
    await teams.lockSeed(unit.tx);
    const known = await principals.byUsernames(unit.tx, [FIRST_ADMINISTRATOR, ...ACCOUNTS.map(({ username }) => username)]);
    if (!known.has(FIRST_ADMINISTRATOR)) {
      // Made under the lock: an installation that comes second must not leave a file with a password that opens nothing.
      const passwordHash = await passwords.hash(makeInitialPassword(deps.dataDirectory));
      const administrator = await addAccount(parts, unit, FIRST_ADMINISTRATOR, 'Administrator', ADMIN, true);
      await principals.setPassword(unit.tx, administrator.id, passwordHash, unit.now, unit.constitutionalHash);
    }
    const accounts = new Map(known);
    for (const { username, displayName, role } of ACCOUNTS) {
      if (!known.has(username)) accounts.set(username, await addAccount(parts, unit, username, displayName, role, false));
    }
    const present = await teams.knownTeams(unit.tx);
    for (const team of TEAMS) if (!present.has(team.id)) await addTeam(parts, unit, team, (username) => idOf(accounts, username));
  });
}

async function addAccount(parts: AuthParts, unit: UnitOfWork, username: string, displayName: string, role: RoleName, hasPassword: boolean): Promise<Principal> {
  const principal = await parts.principals.insert(unit.tx, { id: randomUUID(), kind: 'HUMAN', username, displayName }, unit.now, unit.constitutionalHash);
  unit.emit(principalEvent('PrincipalCreated', principal, { hasPassword }));
  unit.emit(grantEvent('RoleGranted', await parts.principals.insertGrant(unit.tx, { id: randomUUID(), principalId: principal.id, role, grantedBy: ACTOR, expiresAt: null }, unit.now, unit.constitutionalHash)));
  return principal;
}

async function addTeam(parts: AuthParts, unit: UnitOfWork, seeded: SeedTeam, accountId: (username: string) => string): Promise<void> {
  const { id, name, description } = seeded;
  const { tx, now, constitutionalHash } = unit;
  await parts.teams.insertTeam(tx, { id, name, description }, constitutionalHash);
  const memberIds = seeded.members.map(accountId);
  for (const memberId of memberIds) await parts.teams.addMember(tx, id, memberId, now, constitutionalHash);
  for (const serviceId of seeded.services) await parts.teams.assignService(tx, serviceId, id, constitutionalHash);
  for (const [index, { account, ...contact }] of seeded.contacts.entries()) {
    await parts.teams.insertContact(tx, { id: `${id}-${index + 1}`, teamId: id, ordinal: index + 1, ...contact, principalId: account === undefined ? null : accountId(account) }, constitutionalHash);
  }
  unit.emit(teamEvent('TeamCreated', { id, name, description }, memberIds, seeded.services.map((service) => `Service:${service}`)));
  const schedule = { id: `${id}-on-call`, teamId: id };
  const rotation: Rotation = { id: randomUUID(), effectiveFrom: now, participantIds: seeded.rotation.map(accountId), handoffWeekday: 'MONDAY', handoffMinute: 9 * 60, createdBy: ACTOR, createdAt: now };
  await parts.onCall.insert(tx, schedule, now, constitutionalHash);
  await parts.onCall.insertRotation(tx, schedule.id, rotation, constitutionalHash);
  unit.emit(rotationEvent('OnCallRotationSet', schedule, rotation));
}

function idOf(accounts: ReadonlyMap<string, Principal>, username: string): string {
  const account = accounts.get(username);
  if (account === undefined) throw new Error(`The seed names the account ${username}, which it does not make.`);
  return account.id;
}
