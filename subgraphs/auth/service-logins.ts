/** Logging in, refreshing and ending sessions. */
import { randomBytes, randomUUID } from 'node:crypto';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { UnitOfWork } from '../kernel/commands.js';
import type { SubgraphContext } from '../kernel/context.js';
import { conflict, invalidInput, notFound } from '../kernel/refusals.js';
import { next, normaliseUsername, SESSION_MS, SESSION_TRANSITIONS, sessionState, type Principal, type Session } from './domain.js';
import { policiesOf, scopesOf } from './domain-roles.js';
import { decideRefresh, digest, firstTokenOf, refreshTokenText, RETRY_MS, sessionOfRefreshToken, successorOf } from './domain-tokens.js';
import { sessionEvent, UNKNOWN } from './events.js';
import { checkKey, isAdministrator, publishRevocations, type AuthParts, type Keyed } from './service-parts.js';
import type { Signer } from './signing-keys.js';

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresAt: string;
  readonly principal: Principal;
  readonly session: Session;
}

type Refreshed = { readonly outcome: 'DONE'; readonly tokens: Tokens } | { readonly outcome: 'REFUSED' } | { readonly outcome: 'REUSED' };

export class LoginService {
  constructor(private readonly parts: AuthParts) {}

  /** @throws AcgsError UNAUTHENTICATED or TOO_MANY_ATTEMPTS; Refusal InvalidInput or Conflict IDEMPOTENCY_KEY_REUSED. */
  async login(context: SubgraphContext, { username, password, idempotencyKey }: { readonly username: string; readonly password: string } & Keyed): Promise<Tokens> {
    checkKey(idempotencyKey);
    const name = normaliseUsername(username);
    if (name.length < 1 || name.length > 64) throw invalidInput('A username has 1 to 64 characters.', 'username');
    if (password.length < 1 || password.length > 256) throw invalidInput('A password has 1 to 256 characters.', 'password');
    const account = await this.authenticate(name, password);
    if (account === null) throw new AcgsError('UNAUTHENTICATED', 'The username or the password is wrong.');
    const signer = await this.parts.signingKeys.signer();
    return this.parts.deps.commands.runAs(account.principal.id, context.requestId, async (unit) => {
      const principal = await this.parts.principals.lock(unit.tx, account.principal.id);
      if (principal === null || !principal.active) throw new AcgsError('UNAUTHENTICATED', 'The username or the password is wrong.');
      const opened = await this.open(unit, principal, idempotencyKey ?? null);
      if (account.outdated) await this.parts.principals.setPassword(unit.tx, principal.id, await this.parts.passwords.hash(password), unit.now, unit.constitutionalHash);
      return { ...opened, principal, ...(await this.issue(unit, signer, principal, opened.session)) };
    });
  }

  /**
   * Checks a name and a password; counts the attempt and, when it fails, the failure.
   * @param alternative another password that would do as well.
   * @returns null for a wrong name, a wrong password and a disabled account alike.
   * @throws AcgsError TOO_MANY_ATTEMPTS with `retryAfterSeconds`.
   */
  async authenticate(name: string, password: string, alternative?: string): Promise<{ readonly principal: Principal; readonly outdated: boolean } | null> {
    const { attempts, principals, passwords, deps } = this.parts;
    const nameDigest = digest(name);
    const admission = await attempts.begin(nameDigest, deps.clock());
    if (!admission.allowed) {
      const retryAfterSeconds = Math.ceil((admission.retryAt.getTime() - deps.clock().getTime()) / 1_000);
      throw new AcgsError('TOO_MANY_ATTEMPTS', undefined, { retryAfterSeconds });
    }
    const account = await principals.accountByUsername(name);
    const stored = account?.passwordHash ?? null;
    const matches = await passwords.verify(stored, password) || (alternative !== undefined && await passwords.verify(stored, alternative));
    if (!matches || account === null || account.passwordHash === null || !account.principal.active) {
      await attempts.tally(account?.principal.id ?? UNKNOWN, deps.clock());
      return null;
    }
    await attempts.forget(nameDigest);
    return { principal: account.principal, outdated: passwords.isOutdated(account.passwordHash) };
  }

  /**
   * Exchanges a refresh token. One that comes back within 30 seconds gets the same successor; later it means that two
   * hold it, and the session ends.
   * @throws AcgsError UNAUTHENTICATED; Refusal InvalidInput or Conflict IDEMPOTENCY_KEY_REUSED.
   */
  async refresh(context: SubgraphContext, { refreshToken, idempotencyKey }: { readonly refreshToken: string } & Keyed): Promise<Tokens> {
    checkKey(idempotencyKey);
    const sessionId = sessionOfRefreshToken(refreshToken);
    const principalId = sessionId === null ? null : await this.parts.sessions.principalOf(sessionId);
    if (sessionId === null || principalId === null) throw invalidToken();
    const signer = await this.parts.signingKeys.signer();
    const rotationKey = idempotencyKey === null || idempotencyKey === undefined ? null : digest(idempotencyKey);
    const refreshed = await this.parts.deps.commands.runAs(principalId, context.requestId, async (unit): Promise<Refreshed> => {
      const principal = await this.parts.principals.lock(unit.tx, principalId);
      const session = await this.parts.sessions.lock(unit.tx, sessionId);
      const now = this.parts.deps.clock();
      if (principal === null || !principal.active || session === null || sessionState(session, now) !== 'ACTIVE') return { outcome: 'REFUSED' };
      const known = await this.parts.sessions.token(unit.tx, sessionId, digest(refreshToken));
      const decision = decideRefresh(known, now);
      if (known === null || decision === 'UNKNOWN') return { outcome: 'REFUSED' };
      if (decision === 'REUSE') return { outcome: 'REUSED' };
      if (rotationKey !== null && await this.parts.sessions.keyExchangedAnother(unit.tx, sessionId, rotationKey, known.generation)) {
        throw conflict('This idempotency key exchanged another token of the session.', 'IDEMPOTENCY_KEY_REUSED');
      }
      const successor = successorOf(this.parts.tokenKey, sessionId, refreshToken);
      const current = decision === 'RETRY' ? session : await this.parts.sessions.rotate(unit.tx, session, digest(successor), rotationKey, now);
      if (decision === 'ROTATE') unit.emit(sessionEvent('SessionRefreshed', current));
      return { outcome: 'DONE', tokens: { refreshToken: successor, session: current, principal, ...(await this.issue(unit, signer, principal, current)) } };
    });
    if (refreshed.outcome === 'DONE') return refreshed.tokens;
    if (refreshed.outcome === 'REUSED') await this.endReused(sessionId, context.requestId);
    throw invalidToken();
  }

  /** Ends the caller's session. */
  async logout(context: SubgraphContext, { idempotencyKey }: Keyed): Promise<{ sessionId: string }> {
    const caller = context.requirePrincipal();
    const { credentialId } = context.hop;
    return this.parts.deps.commands.run(context, { field: 'logout', idempotencyKey, input: { credentialId } }, async (unit) => {
      const session = credentialId === null ? null : await this.parts.sessions.lock(unit.tx, credentialId);
      if (session === null || session.principalId !== caller.id) throw conflict('The request was not made with a session; an API key is revoked, not logged out.');
      await this.end(unit, session, 'logOut');
      return { sessionId: session.id };
    });
  }

  /** Ends one of the caller's sessions, or anybody's for an administrator. */
  async revoke(context: SubgraphContext, { sessionId, idempotencyKey }: { readonly sessionId: string } & Keyed): Promise<{ sessionId: string }> {
    const caller = context.requirePrincipal();
    return this.parts.deps.commands.run(context, { field: 'revokeSession', idempotencyKey, input: { sessionId } }, async (unit) => {
      const session = await this.parts.sessions.lock(unit.tx, sessionId);
      if (session === null || (session.principalId !== caller.id && !isAdministrator(context))) throw notFound('Session', sessionId);
      await this.end(unit, session, 'revoke');
      return { sessionId };
    });
  }

  private async open(unit: UnitOfWork, principal: Principal, key: string | null): Promise<{ session: Session; refreshToken: string }> {
    const { sessions, tokenKey } = this.parts;
    const loginKey = key === null ? null : digest(key);
    const known = loginKey === null ? null : await sessions.byLoginKey(unit.tx, principal.id, loginKey);
    if (known !== null && key !== null) {
      const retried = known.generation === 0 && sessionState(known, unit.now) === 'ACTIVE' && unit.now.getTime() - Date.parse(known.createdAt) <= RETRY_MS;
      if (!retried) throw conflict('This idempotency key opened a session before; use a new one.', 'IDEMPOTENCY_KEY_REUSED');
      return { session: known, refreshToken: firstTokenOf(tokenKey, known.id, key) };
    }
    const id = randomUUID();
    const refreshToken = key === null ? refreshTokenText(id, randomBytes(32)) : firstTokenOf(tokenKey, id, key);
    const session = await sessions.insert(unit.tx, { id, principalId: principal.id, expiresAt: new Date(unit.now.getTime() + SESSION_MS), loginKey }, digest(refreshToken), unit.now, unit.constitutionalHash);
    unit.emit(sessionEvent('LoginSucceeded', session));
    return { session, refreshToken };
  }

  /** Issues an access token with the roles of now; the principal's lock is held. */
  private async issue(unit: UnitOfWork, signer: Signer, principal: Principal, session: Session): Promise<{ accessToken: string; expiresAt: string }> {
    const issuedAt = this.parts.deps.clock();
    const roles = (await this.parts.principals.roles([principal.id], issuedAt, unit.tx)).get(principal.id) ?? [];
    const { accessToken, expiresAt } = await this.parts.signingKeys.sign(signer, {
      sub: principal.id, kind: principal.kind, roles, scope: scopesOf(principal.kind, roles).join(' '), policies: policiesOf(principal.kind),
      sid: session.id, jti: randomUUID(), hash: unit.constitutionalHash,
    }, issuedAt);
    return { accessToken, expiresAt: expiresAt.toISOString() };
  }

  private async endReused(sessionId: string, requestId: string): Promise<void> {
    await this.parts.deps.commands.runAs('system:session-guard', requestId, async (unit) => {
      const session = await this.parts.sessions.lock(unit.tx, sessionId);
      if (session !== null && sessionState(session, unit.now) === 'ACTIVE') await this.end(unit, session, 'detectReuse');
    });
  }

  private async end(unit: UnitOfWork, session: Session, operation: 'logOut' | 'revoke' | 'detectReuse'): Promise<void> {
    const state = sessionState(session, unit.now);
    const to = next(SESSION_TRANSITIONS, state, operation);
    if (to === undefined || to === 'ACTIVE' || to === 'EXPIRED') throw conflict(`Session ${session.id} is over already (${state}).`);
    unit.emit(sessionEvent(EVENT_OF[operation], await this.parts.sessions.end(unit.tx, session.id, to, unit.now)));
    await publishRevocations(this.parts, unit, [session.id]);
  }
}

const EVENT_OF = { logOut: 'SessionLoggedOut', revoke: 'SessionRevoked', detectReuse: 'SessionReuseDetected' } as const;

function invalidToken(): AcgsError {
  return new AcgsError('UNAUTHENTICATED', 'The refresh token is not valid; log in again.');
}
