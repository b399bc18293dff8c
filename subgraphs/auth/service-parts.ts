/** What the services of this subgraph share: stores, keys, and the steps several of them take. */
import { SECRET, secretKey } from '../../ops/runtime/secret-files.js';
import type { UnitOfWork } from '../kernel/commands.js';
import type { SubgraphContext } from '../kernel/context.js';
import type { SubgraphDeps } from '../kernel/define-subgraph.js';
import { invalidInput, notFound } from '../kernel/refusals.js';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { AuthConfig } from './config.js';
import type { Principal } from './domain.js';
import { sessionEvent } from './events.js';
import { Passwords } from './passwords.js';
import { SigningKeys } from './signing-keys.js';
import { AttemptStore } from './store-attempts.js';
import { CredentialStore } from './store-credentials.js';
import { OnCallStore } from './store-on-call.js';
import { PrincipalStore } from './store-principals.js';
import { SessionStore } from './store-sessions.js';
import { TeamStore } from './store-teams.js';

export interface AuthParts {
  readonly deps: SubgraphDeps;
  readonly config: AuthConfig;
  readonly principals: PrincipalStore;
  readonly sessions: SessionStore;
  readonly attempts: AttemptStore;
  readonly credentials: CredentialStore;
  readonly teams: TeamStore;
  readonly onCall: OnCallStore;
  readonly passwords: Passwords;
  readonly signingKeys: SigningKeys;
  /** From which refresh tokens are derived, and marks of secrets in digests of inputs. */
  readonly tokenKey: Uint8Array;
}

export function makeParts(deps: SubgraphDeps, config: AuthConfig): AuthParts {
  const { database } = deps;
  const credentials = new CredentialStore(database);
  return {
    deps, config, credentials,
    principals: new PrincipalStore(database), sessions: new SessionStore(database), attempts: new AttemptStore(database),
    teams: new TeamStore(database), onCall: new OnCallStore(database), passwords: new Passwords(),
    signingKeys: new SigningKeys(deps, credentials), tokenKey: secretKey(deps.dataDirectory, SECRET.refreshTokens),
  };
}

/** Key of a mutation with the arguments that identify what is asked. */
export interface Keyed {
  readonly idempotencyKey?: string | null | undefined;
}

const KEY_FORM = /^[\x21-\x7e]{1,128}$/;

/** For the mutations that keep their keys themselves. @throws Refusal InvalidInput when the key is malformed. */
export function checkKey(idempotencyKey: string | null | undefined): void {
  if (idempotencyKey !== null && idempotencyKey !== undefined && !KEY_FORM.test(idempotencyKey)) {
    throw invalidInput('An idempotency key is 1 to 128 printable ASCII characters without spaces.', 'idempotencyKey');
  }
}

/** @throws AcgsError BAD_USER_INPUT unless `first` is from 1 to 100. */
export function checkFirst(first: number): void {
  if (first < 1 || first > 100) throw new AcgsError('BAD_USER_INPUT', 'first is a whole number from 1 to 100.');
}

/** True when the caller manages principals. */
export function isAdministrator(context: SubgraphContext): boolean {
  return context.requirePrincipal().scopes.includes('principal:admin');
}

/** Reads and locks a principal. @throws Refusal NotFound. */
export async function lockPrincipal(parts: AuthParts, unit: UnitOfWork, id: string): Promise<Principal> {
  const principal = await parts.principals.lock(unit.tx, id);
  if (principal === null) throw notFound('Principal', id);
  return principal;
}

/**
 * Makes every credential of a principal that was issued until now worthless. The moment is read after the principal's lock
 * was taken: whoever issues tokens holds that lock, so each token is either older than the moment or knows of the change.
 * Takes the lock all revocations share: do it last.
 */
export async function revokeTokensOf(parts: AuthParts, unit: UnitOfWork, principalId: string): Promise<void> {
  const now = parts.deps.clock();
  await parts.credentials.revoke(unit.tx, { principalId }, new Date(now.getTime() + 1), now);
}

/** Ends the open sessions of a principal whose lock is held; the caller publishes it. @returns which. */
export async function endSessionsOf(parts: AuthParts, unit: UnitOfWork, principalId: string, except: string | null = null): Promise<string[]> {
  const open = (await parts.sessions.open(unit.tx, principalId, unit.now)).filter(({ id }) => id !== except);
  for (const { id } of open) unit.emit(sessionEvent('SessionRevoked', await parts.sessions.end(unit.tx, id, 'REVOKED', unit.now)));
  return open.map(({ id }) => id);
}

/** Publishes that sessions or API keys are over, whenever their tokens were issued. Takes the lock all revocations share: do it last. */
export async function publishRevocations(parts: AuthParts, unit: UnitOfWork, credentialIds: readonly string[]): Promise<void> {
  const now = parts.deps.clock();
  for (const credentialId of credentialIds) await parts.credentials.revoke(unit.tx, { credentialId }, new Date(now.getTime() + 1), now);
}
