/** Grants of roles: given by somebody else, ended by somebody or by the clock. */
import { randomUUID } from 'node:crypto';
import type { UnitOfWork } from '../kernel/commands.js';
import type { SubgraphContext } from '../kernel/context.js';
import { conflict, forbidden, invalidInput, notFound } from '../kernel/refusals.js';
import { GRANT_TRANSITIONS, grantState, next, type Grant } from './domain.js';
import { ADMIN, isRole } from './domain-roles.js';
import { grantEvent } from './events.js';
import { lastAdministrator } from './service-principals.js';
import { lockPrincipal, revokeTokensOf, type AuthParts, type Keyed } from './service-parts.js';

const SWEEP_ACTOR = 'system:grant-sweep';
const SWEEP_BATCH = 100;

export class GrantService {
  constructor(private readonly parts: AuthParts) {}

  /** @throws Refusal NotFound. */
  async required(id: string): Promise<Grant> {
    const grant = (await this.parts.principals.grantsByIds([id])).get(id);
    if (grant === undefined) throw notFound('Grant', id);
    return grant;
  }

  async grant(context: SubgraphContext, args: { readonly principalId: string; readonly role: string; readonly expiresAt?: string | null } & Keyed): Promise<{ grantId: string }> {
    const caller = context.requireScope('principal:admin');
    const { principalId, role } = args;
    const expiresAt = args.expiresAt ?? null;
    if (principalId === caller.id) throw forbidden('Nobody grants themselves a role.', 'SEPARATION_OF_DUTIES');
    if (!isRole(role)) throw invalidInput(`There is no role ${role}.`, 'role');
    return this.parts.deps.commands.run(context, { field: 'grantRole', idempotencyKey: args.idempotencyKey, input: { principalId, role, expiresAt } }, async (unit) => {
      if (expiresAt !== null && Date.parse(expiresAt) <= unit.now.getTime()) throw invalidInput('The end of a grant lies in the future.', 'expiresAt');
      const principal = await lockPrincipal(this.parts, unit, principalId);
      if (!principal.active) throw conflict(`Principal ${principalId} is disabled.`);
      if (role === ADMIN && principal.kind === 'AGENT') throw forbidden('Agents never administer.', 'HUMAN_REQUIRED');
      const open = await this.parts.principals.openGrant(unit.tx, principalId, role);
      if (open !== null) {
        if (grantState(open, unit.now) === 'ACTIVE') throw conflict(`${principal.username} holds the role ${role} already.`, 'ALREADY_EXISTS');
        await this.expire(unit, open);
      }
      const grant = await this.parts.principals.insertGrant(unit.tx, { id: randomUUID(), principalId, role, grantedBy: caller.id, expiresAt: expiresAt === null ? null : new Date(expiresAt) }, unit.now, unit.constitutionalHash);
      unit.emit(grantEvent('RoleGranted', grant));
      return { grantId: grant.id };
    });
  }

  async revoke(context: SubgraphContext, { principalId, role, idempotencyKey }: { readonly principalId: string; readonly role: string } & Keyed): Promise<{ grantId: string }> {
    const caller = context.requireScope('principal:admin');
    return this.parts.deps.commands.run(context, { field: 'revokeRole', idempotencyKey, input: { principalId, role } }, async (unit) => {
      await this.parts.principals.lockAdministration(unit.tx);
      await lockPrincipal(this.parts, unit, principalId);
      const grant = await this.parts.principals.openGrant(unit.tx, principalId, role);
      if (grant === null || next(GRANT_TRANSITIONS, grantState(grant, unit.now), 'revoke') === undefined) throw notFound('Grant', `of ${role} to ${principalId}`);
      if (role === ADMIN && !(await this.parts.principals.hasOtherAdministrator(unit.tx, principalId))) throw lastAdministrator();
      unit.emit(grantEvent('RoleRevoked', await this.parts.principals.endGrant(unit.tx, grant.id, { endedAt: unit.now, endedBy: caller.id, endReason: 'REVOKED' })));
      await revokeTokensOf(this.parts, unit, principalId);
      return { grantId: grant.id };
    });
  }

  /** Records the grants whose time is over, and makes tokens that still carry them worthless. */
  async expireDue(): Promise<void> {
    for (const principalId of await this.parts.principals.principalsWithDueGrants(this.parts.deps.clock(), SWEEP_BATCH)) {
      await this.parts.deps.commands.runAs(SWEEP_ACTOR, 'sweep', async (unit) => {
        await this.parts.principals.lock(unit.tx, principalId);
        const due = await this.parts.principals.dueGrants(unit.tx, principalId, unit.now);
        for (const grant of due) await this.expire(unit, grant);
        if (due.length > 0) await revokeTokensOf(this.parts, unit, principalId);
      });
    }
  }

  private async expire(unit: UnitOfWork, grant: Grant): Promise<void> {
    const endedAt = grant.expiresAt === null ? unit.now : new Date(grant.expiresAt);
    unit.emit(grantEvent('GrantExpired', await this.parts.principals.endGrant(unit.tx, grant.id, { endedAt, endedBy: SWEEP_ACTOR, endReason: 'EXPIRED' })));
  }
}
