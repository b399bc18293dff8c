/** API keys, signing keys, and what the gateway asks: keys exchanged for their principal, and the feed of revocations. */
import { randomBytes } from 'node:crypto';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { SubgraphContext } from '../kernel/context.js';
import { conflict, forbidden, invalidInput, notFound } from '../kernel/refusals.js';
import { API_KEY_TRANSITIONS, apiKeyState, next, type ApiKey, type PrincipalKind, type Session } from './domain.js';
import { SCOPES, scopesOf } from './domain-roles.js';
import { apiKeyText, digest, parseApiKey, sameDigest } from './domain-tokens.js';
import { apiKeyEvent } from './events.js';
import { checkFirst, isAdministrator, lockPrincipal, publishRevocations, type AuthParts, type Keyed } from './service-parts.js';
import type { RevocationEntry } from './store-credentials.js';

const DAY_MS = 24 * 60 * 60_000;
const DEFAULT_LIFE_MS = 90 * DAY_MS;
const LONGEST_LIFE_MS = 366 * DAY_MS;

export interface NewKey {
  readonly ownerId?: string | null | undefined;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly expiresAt?: string | null | undefined;
}

/** What the gateway needs to know of an API key. */
export interface ExchangedKey {
  readonly id: string;
  readonly kind: PrincipalKind;
  readonly roles: readonly string[];
  readonly scopes: readonly string[];
  readonly policies: readonly string[];
  readonly credentialId: string;
  readonly expiresAt: string;
}

export class CredentialService {
  constructor(private readonly parts: AuthParts) {}

  /** @throws Refusal NotFound. */
  async requiredApiKey(id: string): Promise<ApiKey> {
    const key = (await this.parts.credentials.apiKeysByIds([id])).get(id);
    if (key === undefined) throw notFound('ApiKey', id);
    return key;
  }

  async apiKeysOf(context: SubgraphContext, ownerId: string, first: number): Promise<ApiKey[]> {
    checkFirst(first);
    return (await context.loader(`apiKeysOf:${first}`, (ids) => this.parts.credentials.apiKeysOf(ids, first)).load(ownerId)) ?? [];
  }

  lastUse(context: SubgraphContext, id: string): Promise<Date | null> {
    return context.loader('lastUseOfApiKey', (ids) => this.parts.credentials.lastUses(ids)).load(id);
  }

  /** @throws Refusal NotFound. */
  async requiredSession(id: string): Promise<Session> {
    const session = (await this.parts.sessions.byIds([id])).get(id);
    if (session === undefined) throw notFound('Session', id);
    return session;
  }

  async sessionsOf(context: SubgraphContext, principalId: string, first: number): Promise<Session[]> {
    checkFirst(first);
    return (await context.loader(`sessionsOf:${first}`, (ids) => this.parts.sessions.ofPrincipals(ids, first)).load(principalId)) ?? [];
  }

  async createApiKey(context: SubgraphContext, input: NewKey, { idempotencyKey }: Keyed): Promise<{ apiKeyId: string; secret: string | null }> {
    const caller = context.requirePrincipal();
    const ownerId = input.ownerId ?? caller.id;
    const name = input.name.trim();
    const scopes = [...new Set(input.scopes)].toSorted();
    const unknown = scopes.find((scope) => !SCOPES.includes(scope));
    if (ownerId !== caller.id && !isAdministrator(context)) throw forbidden('Making an API key for somebody else needs the scope principal:admin.');
    if (await this.isApiKey(context.hop.credentialId)) throw forbidden('An API key cannot make another; log in.');
    if (name.length < 1 || name.length > 100) throw invalidInput('A name has 1 to 100 characters.', 'input.name');
    if (scopes.length === 0) throw invalidInput('A key has at least one scope.', 'input.scopes');
    if (unknown !== undefined) throw invalidInput(`There is no scope ${unknown}.`, 'input.scopes');
    const id = randomBytes(8).toString('hex');
    const secret = randomBytes(32);
    const command = { field: 'createApiKey', idempotencyKey, input: { ownerId, name, scopes, expiresAt: input.expiresAt ?? null } };
    const { apiKeyId } = await this.parts.deps.commands.run(context, command, async (unit) => {
      const expiresAt = input.expiresAt === null || input.expiresAt === undefined ? new Date(unit.now.getTime() + DEFAULT_LIFE_MS) : new Date(input.expiresAt);
      if (expiresAt <= unit.now || expiresAt.getTime() > unit.now.getTime() + LONGEST_LIFE_MS) throw invalidInput('A key ends within the next 366 days.', 'input.expiresAt');
      const owner = await lockPrincipal(this.parts, unit, ownerId);
      if (!owner.active) throw conflict(`Principal ${ownerId} is disabled.`);
      const held = scopesOf(owner.kind, (await this.parts.principals.roles([ownerId], unit.now, unit.tx)).get(ownerId) ?? []);
      const beyond = scopes.find((scope) => !held.includes(scope) || (ownerId === caller.id && !caller.scopes.includes(scope)));
      if (beyond !== undefined) throw forbidden(`The owner does not hold the scope ${beyond}.`);
      const key = await this.parts.credentials.insertApiKey(unit.tx, { id, ownerId, name, scopes, secretHash: digest(secret.toString('base64url')), createdBy: caller.id, expiresAt }, unit.now, unit.constitutionalHash);
      unit.emit(apiKeyEvent('ApiKeyCreated', key));
      return { apiKeyId: id };
    });
    return { apiKeyId, secret: apiKeyId === id ? apiKeyText(id, secret) : null };
  }

  async revokeApiKey(context: SubgraphContext, { apiKeyId, idempotencyKey }: { readonly apiKeyId: string } & Keyed): Promise<{ apiKeyId: string }> {
    const caller = context.requirePrincipal();
    return this.parts.deps.commands.run(context, { field: 'revokeApiKey', idempotencyKey, input: { apiKeyId } }, async (unit) => {
      const key = await this.parts.credentials.lockApiKey(unit.tx, apiKeyId);
      if (key === null || (key.ownerId !== caller.id && !isAdministrator(context))) throw notFound('ApiKey', apiKeyId);
      const state = apiKeyState(key, unit.now);
      if (next(API_KEY_TRANSITIONS, state, 'revoke') === undefined) throw conflict(`API key ${apiKeyId} is over already (${state}).`);
      unit.emit(apiKeyEvent('ApiKeyRevoked', await this.parts.credentials.revokeApiKey(unit.tx, apiKeyId, unit.now)));
      await publishRevocations(this.parts, unit, [apiKeyId]);
      return { apiKeyId };
    });
  }

  async rotateSigningKey(context: SubgraphContext, { idempotencyKey }: Keyed): Promise<{ keyId: string }> {
    context.requireScope('principal:admin');
    return this.parts.deps.commands.run(context, { field: 'rotateSigningKey', idempotencyKey, input: {} }, async (unit) => ({ keyId: await this.parts.signingKeys.rotate(unit) }));
  }

  /**
   * The principal behind an API key. It never satisfies the policy `human`: whoever holds a key may be a program.
   * @throws AcgsError UNAUTHENTICATED, whatever is wrong with it.
   */
  async exchange(apiKey: string): Promise<ExchangedKey> {
    const { credentials, principals, deps } = this.parts;
    const presented = parseApiKey(apiKey);
    const now = deps.clock();
    const stored = presented === null ? null : await credentials.apiKeySecret(presented.id);
    if (presented === null || stored === null || !sameDigest(stored.secretHash, digest(presented.secret)) || apiKeyState(stored.apiKey, now) !== 'ACTIVE') throw invalidKey();
    const { id, ownerId, scopes, expiresAt } = stored.apiKey;
    const owner = (await principals.byIds([ownerId])).get(ownerId);
    if (owner === undefined || !owner.active) throw invalidKey();
    const roles = (await principals.roles([ownerId], now)).get(ownerId) ?? [];
    const held = scopesOf(owner.kind, roles);
    await credentials.used(id, now);
    return { id: ownerId, kind: owner.kind, roles, scopes: scopes.filter((scope) => held.includes(scope)), policies: [], credentialId: id, expiresAt };
  }

  revocationsSince(epoch: number): Promise<{ epoch: number; revoked: RevocationEntry[] }> {
    return this.parts.credentials.revocationsSince(epoch);
  }

  jwks(): Promise<{ keys: ReadonlyArray<Readonly<Record<string, string>>> }> {
    return this.parts.signingKeys.jwks();
  }

  private async isApiKey(credentialId: string | null): Promise<boolean> {
    return credentialId !== null && (await this.parts.credentials.apiKeysByIds([credentialId])).has(credentialId);
  }
}

function invalidKey(): AcgsError {
  return new AcgsError('UNAUTHENTICATED', 'The API key is not valid.');
}
