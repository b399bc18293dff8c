/** Teams: members, services and contacts. */
import type { SubgraphContext } from '../kernel/context.js';
import type { KeyedRead } from '../kernel/remembered-reads.js';
import { conflict, expectVersion, invalidInput, notFound } from '../kernel/refusals.js';
import { isAddress, type Contact, type Team } from './domain-teams.js';
import { contactEvent, STREAM, teamEvent } from './events.js';
import { lockPrincipal, type AuthParts, type Keyed } from './service-parts.js';

export class TeamService {
  private readonly teamsOfServices: KeyedRead<string, string>;

  constructor(private readonly parts: AuthParts) {
    this.teamsOfServices = parts.deps.remember([STREAM.team], (ids) => parts.teams.teamsOfServices(ids));
  }

  all(): Promise<Team[]> {
    return this.parts.teams.all();
  }

  byId(context: SubgraphContext, id: string): Promise<Team | null> {
    return context.loader('teamById', (ids) => this.parts.teams.byIds(ids)).load(id);
  }

  async memberIds(context: SubgraphContext, teamId: string): Promise<string[]> {
    return (await context.loader('membersOfTeam', (ids) => this.parts.teams.members(ids)).load(teamId)) ?? [];
  }

  async serviceIds(context: SubgraphContext, teamId: string): Promise<string[]> {
    return (await context.loader('servicesOfTeam', (ids) => this.parts.teams.services(ids)).load(teamId)) ?? [];
  }

  async contacts(context: SubgraphContext, teamId: string): Promise<Contact[]> {
    return (await context.loader('contactsOfTeam', (ids) => this.parts.teams.contacts(ids)).load(teamId)) ?? [];
  }

  /** @throws Refusal NotFound. */
  async required(context: SubgraphContext, id: string): Promise<Team> {
    const team = await this.byId(context, id);
    if (team === null) throw notFound('Team', id);
    return team;
  }

  /** A team after its members changed in this request. @throws Refusal NotFound. */
  async reload(context: SubgraphContext, id: string): Promise<Team> {
    context.loader('membersOfTeam', (ids) => this.parts.teams.members(ids)).clear(id);
    return this.required(context, id);
  }

  /** @throws Refusal NotFound. */
  async requiredContact(id: string): Promise<Contact> {
    const contact = await this.parts.teams.contact(id);
    if (contact === null) throw notFound('Contact', id);
    return contact;
  }

  /** Team that answers for a service; null when none does. */
  teamIdOfService(context: SubgraphContext, serviceId: string): Promise<string | null> {
    return context.loader('teamOfService', this.teamsOfServices).load(serviceId);
  }

  async addMember(context: SubgraphContext, { teamId, principalId, idempotencyKey }: { readonly teamId: string; readonly principalId: string } & Keyed): Promise<{ teamId: string }> {
    context.requireScope('oncall:write');
    return this.parts.deps.commands.run(context, { field: 'addTeamMember', idempotencyKey, input: { teamId, principalId } }, async (unit) => {
      const team = await this.parts.teams.lock(unit.tx, teamId);
      if (team === null) throw notFound('Team', teamId);
      const principal = await lockPrincipal(this.parts, unit, principalId);
      if (principal.kind !== 'HUMAN' || !principal.active) throw invalidInput('A member of a team is a person whose account is active.', 'principalId');
      if ((await this.parts.teams.memberIds(unit.tx, teamId)).includes(principalId)) throw conflict(`${principal.username} is in ${team.name} already.`, 'ALREADY_EXISTS');
      await this.parts.teams.addMember(unit.tx, teamId, principalId, unit.now, unit.constitutionalHash);
      unit.emit(teamEvent('TeamMemberAdded', team, await this.parts.teams.memberIds(unit.tx, teamId), [`Principal:${principalId}`]));
      return { teamId };
    });
  }

  async removeMember(context: SubgraphContext, { teamId, principalId, idempotencyKey }: { readonly teamId: string; readonly principalId: string } & Keyed): Promise<{ teamId: string }> {
    context.requireScope('oncall:write');
    return this.parts.deps.commands.run(context, { field: 'removeTeamMember', idempotencyKey, input: { teamId, principalId } }, async (unit) => {
      const team = await this.parts.teams.lock(unit.tx, teamId);
      if (team === null) throw notFound('Team', teamId);
      if (!(await this.parts.teams.memberIds(unit.tx, teamId)).includes(principalId)) throw notFound('Member', principalId);
      const schedule = await this.parts.onCall.lock(unit.tx, teamId);
      const rotation = schedule === null ? null : await this.parts.onCall.newestRotation(unit.tx, schedule.id);
      if (rotation?.participantIds.includes(principalId) === true) throw conflict('The person takes part in the rotation of the team; set a rotation without them first.');
      await this.parts.teams.removeMember(unit.tx, teamId, principalId);
      unit.emit(teamEvent('TeamMemberRemoved', team, await this.parts.teams.memberIds(unit.tx, teamId), [`Principal:${principalId}`]));
      return { teamId };
    });
  }

  async setContactAddress(context: SubgraphContext, args: { readonly contactId: string; readonly address?: string | null; readonly expectedVersion?: number | null } & Keyed): Promise<{ contactId: string }> {
    context.requireScope('oncall:write');
    const { contactId, expectedVersion, idempotencyKey } = args;
    const address = args.address?.trim() ?? null;
    if (address !== null && !isAddress(address)) throw invalidInput('An address is a telephone number, an e-mail address or a URL.', 'address');
    return this.parts.deps.commands.run(context, { field: 'setContactAddress', idempotencyKey, input: { contactId, address, expectedVersion: expectedVersion ?? null } }, async (unit) => {
      const contact = await this.parts.teams.lockContact(unit.tx, contactId);
      if (contact === null) throw notFound('Contact', contactId);
      expectVersion('Contact', contactId, contact.version, expectedVersion);
      unit.emit(contactEvent('ContactAddressSet', await this.parts.teams.setAddress(unit.tx, contactId, address)));
      return { contactId };
    });
  }
}
