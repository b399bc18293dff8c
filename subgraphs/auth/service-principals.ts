/** Principals: who exists, who may authenticate, and with which password. */
import { randomUUID } from 'node:crypto';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { SubgraphContext } from '../kernel/context.js';
import { isUniqueViolation } from '../kernel/database.js';
import type { KeyedRead } from '../kernel/remembered-reads.js';
import { conflict, expectVersion, forbidden, invalidInput, notFound } from '../kernel/refusals.js';
import { isSystemActor, isUsername, next, normaliseUsername, passwordProblem, PRINCIPAL_TRANSITIONS, principalState, type Grant, type Principal, type PrincipalKind, type Viewer } from './domain.js';
import { ADMIN, isRole } from './domain-roles.js';
import { secretMark } from './domain-tokens.js';
import { apiKeyEvent, principalEvent, STREAM } from './events.js';
import { FIRST_ADMINISTRATOR, forgetInitialPassword } from './initial-password.js';
import { generatePassword } from './passwords.js';
import type { LoginService } from './service-logins.js';
import { checkFirst, endSessionsOf, isAdministrator, lockPrincipal, publishRevocations, revokeTokensOf, type AuthParts, type Keyed } from './service-parts.js';

export interface NewPrincipal {
  readonly kind: PrincipalKind;
  readonly username: string;
  readonly displayName: string;
  readonly password?: string | null | undefined;
  readonly generatePassword?: boolean | null | undefined;
}

export interface PrincipalPage {
  readonly nodes: Principal[];
  readonly endCursor: string | null;
  readonly hasNextPage: boolean;
}

const CURSOR_PREFIX = 'principal:';

export class PrincipalService {
  private readonly byIds: KeyedRead<string, Principal>;

  constructor(private readonly parts: AuthParts, private readonly logins: LoginService) {
    this.byIds = parts.deps.remember([STREAM.principal], (ids) => parts.principals.byIds(ids));
  }

  byId(context: SubgraphContext, id: string): Promise<Principal | null> {
    return context.loader('principalById', this.byIds).load(id);
  }

  /** A principal as it is after a change in this request. @throws Refusal NotFound. */
  async reload(context: SubgraphContext, id: string): Promise<Principal> {
    context.loader('rolesOf', (ids) => this.parts.principals.roles(ids, this.parts.deps.clock())).clear(id);
    const principal = await context.loader('principalById', this.byIds).clear(id).load(id);
    if (principal === null) throw notFound('Principal', id);
    return principal;
  }

  /** Who acted; null for actors that are no principals. */
  async actor(context: SubgraphContext, id: string | null): Promise<Principal | null> {
    return id === null || isSystemActor(id) ? null : this.byId(context, id);
  }

  /** @throws Refusal NotFound when a principal that rows refer to is gone. */
  async required(context: SubgraphContext, id: string): Promise<Principal> {
    const principal = await this.byId(context, id);
    if (principal === null) throw notFound('Principal', id);
    return principal;
  }

  async requiredAll(context: SubgraphContext, ids: readonly string[]): Promise<Principal[]> {
    return Promise.all(ids.map((id) => this.required(context, id)));
  }

  async rolesOf(context: SubgraphContext, id: string): Promise<string[]> {
    return (await context.loader('rolesOf', (ids) => this.parts.principals.roles(ids, this.parts.deps.clock())).load(id)) ?? [];
  }

  async hasPassword(context: SubgraphContext, id: string): Promise<boolean> {
    return (await context.loader('hasPassword', (ids) => this.parts.principals.havingPassword(ids)).load(id)) ?? false;
  }

  async grantsOf(context: SubgraphContext, id: string, first: number): Promise<Grant[]> {
    checkFirst(first);
    return (await context.loader(`grantsOf:${first}`, (ids) => this.parts.principals.grantsOf(ids, first)).load(id)) ?? [];
  }

  /** @throws AcgsError BAD_USER_INPUT for `first` out of range or an unknown role, CURSOR_INVALID. */
  async page(filter: { readonly kind?: PrincipalKind | null; readonly role?: string | null }, first: number, after: string | null | undefined): Promise<PrincipalPage> {
    checkFirst(first);
    if (filter.role !== null && filter.role !== undefined && !isRole(filter.role)) throw new AcgsError('BAD_USER_INPUT', `There is no role ${filter.role}.`);
    const found = await this.parts.principals.page(filter, first + 1, after === null || after === undefined ? null : decodeCursor(after), this.parts.deps.clock());
    const nodes = found.slice(0, first);
    const last = nodes[nodes.length - 1];
    return { nodes, endCursor: last === undefined ? null : Buffer.from(CURSOR_PREFIX + last.username).toString('base64url'), hasNextPage: found.length > first };
  }

  async viewer(context: SubgraphContext): Promise<Viewer | null> {
    const { id, roles, scopes, policies } = context.requirePrincipal();
    const principal = await this.byId(context, id);
    if (principal === null) return null;
    const { credentialId } = context.hop;
    const session = credentialId === null ? null : (await this.parts.sessions.byIds([credentialId])).get(credentialId) ?? null;
    const apiKey = credentialId === null || session !== null ? null : (await this.parts.credentials.apiKeysByIds([credentialId])).get(credentialId) ?? null;
    return { principal, session, roles, scopes, policies, expiresAt: session?.expiresAt ?? apiKey?.expiresAt ?? null };
  }

  async create(context: SubgraphContext, input: NewPrincipal, { idempotencyKey }: Keyed): Promise<{ principalId: string; generatedPassword: string | null }> {
    context.requireScope('principal:admin');
    const { kind, username, displayName } = { ...input, username: normaliseUsername(input.username), displayName: input.displayName.trim() };
    if (!isUsername(username)) throw invalidInput('A username is 2 to 64 of a-z, 0-9, dot, hyphen and underscore, starting with a letter.', 'input.username');
    if (displayName.length < 1 || displayName.length > 100) throw invalidInput('A display name has 1 to 100 characters.', 'input.displayName');
    const generated = input.generatePassword === true ? generatePassword() : null;
    const given = input.password ?? null;
    if (given !== null && generated !== null) throw invalidInput('Either give a password or have one generated.', 'input.generatePassword');
    const problem = given === null ? null : passwordProblem(given, username);
    if (problem !== null) throw invalidInput(problem, 'input.password');
    const password = given ?? generated;
    const hash = password === null ? null : await this.parts.passwords.hash(password);
    const id = randomUUID();
    const asked = { kind, username, displayName, password: given === null ? null : secretMark(this.parts.tokenKey, given), generatePassword: generated !== null };
    const { principalId } = await this.parts.deps.commands.run(context, { field: 'createPrincipal', idempotencyKey, input: asked }, async (unit) => {
      const principal = await this.parts.principals.insert(unit.tx, { id, kind, username, displayName }, unit.now, unit.constitutionalHash);
      if (hash !== null) await this.parts.principals.setPassword(unit.tx, id, hash, unit.now, unit.constitutionalHash);
      unit.emit(principalEvent('PrincipalCreated', principal, { hasPassword: hash !== null }));
      return { principalId: id };
    }).catch((error: unknown) => {
      throw isUniqueViolation(error) ? conflict(`The username ${username} is taken.`, 'ALREADY_EXISTS') : error;
    });
    return { principalId, generatedPassword: principalId === id ? generated : null };
  }

  async setPassword(context: SubgraphContext, args: { readonly principalId?: string | null; readonly currentPassword?: string | null; readonly newPassword: string } & Keyed): Promise<{ principalId: string }> {
    const caller = context.requirePrincipal();
    const principalId = args.principalId ?? caller.id;
    const own = principalId === caller.id;
    if (!own && !isAdministrator(context)) throw forbidden('Setting the password of somebody else needs the scope principal:admin.');
    const account = await this.parts.principals.accountById(principalId);
    if (account === null) throw notFound('Principal', principalId);
    const problem = passwordProblem(args.newPassword, account.principal.username);
    if (problem !== null) throw invalidInput(problem, 'newPassword');
    if (own) await this.checkCurrent(account.principal, args.currentPassword ?? null, args.newPassword);
    const hash = await this.parts.passwords.hash(args.newPassword);
    const input = { principalId, password: secretMark(this.parts.tokenKey, args.newPassword) };
    const result = await this.parts.deps.commands.run(context, { field: 'setPassword', idempotencyKey: args.idempotencyKey, input }, async (unit) => {
      const principal = await lockPrincipal(this.parts, unit, principalId);
      await this.parts.principals.setPassword(unit.tx, principalId, hash, unit.now, unit.constitutionalHash);
      unit.emit(principalEvent('PasswordSet', principal, { byOwner: own }));
      await publishRevocations(this.parts, unit, await endSessionsOf(this.parts, unit, principalId, own ? context.hop.credentialId : null));
      return { principalId };
    });
    if (account.principal.username === FIRST_ADMINISTRATOR && !forgetInitialPassword(this.parts.deps.dataDirectory)) this.parts.deps.logger.info('The first password was changed; its file is mounted read-only and can be removed from the deployment');
    return result;
  }

  async disable(context: SubgraphContext, args: { readonly principalId: string; readonly reason: string; readonly expectedVersion?: number | null } & Keyed): Promise<{ principalId: string }> {
    const caller = context.requireScope('principal:admin');
    const { principalId, expectedVersion } = args;
    const reason = args.reason.trim();
    if (reason.length < 1 || reason.length > 500) throw invalidInput('A reason has 1 to 500 characters.', 'reason');
    if (principalId === caller.id) throw forbidden('Nobody disables their own account.');
    return this.parts.deps.commands.run(context, { field: 'disablePrincipal', idempotencyKey: args.idempotencyKey, input: { principalId, reason, expectedVersion: expectedVersion ?? null } }, async (unit) => {
      await this.parts.principals.lockAdministration(unit.tx);
      const principal = await lockPrincipal(this.parts, unit, principalId);
      expectVersion('Principal', principalId, principal.version, expectedVersion);
      if (next(PRINCIPAL_TRANSITIONS, principalState(principal), 'disable') === undefined) throw conflict(`Principal ${principalId} is disabled already.`);
      const roles = (await this.parts.principals.roles([principalId], unit.now, unit.tx)).get(principalId) ?? [];
      if (roles.includes(ADMIN) && !(await this.parts.principals.hasOtherAdministrator(unit.tx, principalId))) throw lastAdministrator();
      unit.emit(principalEvent('PrincipalDisabled', await this.parts.principals.setActive(unit.tx, principalId, false, unit.now), { reason }));
      await endSessionsOf(this.parts, unit, principalId);
      for (const key of await this.parts.credentials.openApiKeys(unit.tx, principalId, unit.now)) {
        unit.emit(apiKeyEvent('ApiKeyRevoked', await this.parts.credentials.revokeApiKey(unit.tx, key.id, unit.now)));
      }
      await revokeTokensOf(this.parts, unit, principalId);
      return { principalId };
    });
  }

  async enable(context: SubgraphContext, { principalId, expectedVersion, idempotencyKey }: { readonly principalId: string; readonly expectedVersion?: number | null } & Keyed): Promise<{ principalId: string }> {
    context.requireScope('principal:admin');
    return this.parts.deps.commands.run(context, { field: 'enablePrincipal', idempotencyKey, input: { principalId, expectedVersion: expectedVersion ?? null } }, async (unit) => {
      const principal = await lockPrincipal(this.parts, unit, principalId);
      expectVersion('Principal', principalId, principal.version, expectedVersion);
      if (next(PRINCIPAL_TRANSITIONS, principalState(principal), 'enable') === undefined) throw conflict(`Principal ${principalId} is active already.`);
      unit.emit(principalEvent('PrincipalEnabled', await this.parts.principals.setActive(unit.tx, principalId, true, unit.now)));
      return { principalId };
    });
  }

  /** Lets a retry through whose first attempt has set the new password already: who knows that one needs no other proof. */
  private async checkCurrent({ username }: Principal, current: string | null, wanted: string): Promise<void> {
    if (current === null || current.length > 256) throw invalidInput('Setting your own password needs the current one.', 'currentPassword');
    if ((await this.logins.authenticate(username, current, wanted)) === null) throw forbidden('The current password is wrong.', 'CURRENT_PASSWORD_WRONG');
  }
}

export function lastAdministrator(): Error {
  return forbidden('This would leave nobody who can log in and administer; grant the role admin, without an end, to another person with a password first.', 'LAST_ADMINISTRATOR');
}

function decodeCursor(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  if (!text.startsWith(CURSOR_PREFIX) || !isUsername(text.slice(CURSOR_PREFIX.length))) throw new AcgsError('CURSOR_INVALID');
  return text.slice(CURSOR_PREFIX.length);
}
