/** Principals, grants, sessions and API keys: what they are, how their states follow from their facts, and which moves are allowed. Pure. */

export type PrincipalKind = 'HUMAN' | 'SERVICE' | 'AGENT';

export type Principal = {
  readonly id: string;
  readonly kind: PrincipalKind;
  readonly username: string;
  readonly displayName: string;
  readonly active: boolean;
  /** ISO 8601; null while active. */
  readonly disabledAt: string | null;
  readonly createdAt: string;
  readonly version: number;
};

export type GrantState = 'ACTIVE' | 'EXPIRED' | 'REVOKED';

export type Grant = {
  readonly id: string;
  readonly principalId: string;
  readonly role: string;
  readonly grantedBy: string;
  readonly grantedAt: string;
  readonly expiresAt: string | null;
  readonly endedAt: string | null;
  readonly endedBy: string | null;
  readonly endReason: 'EXPIRED' | 'REVOKED' | null;
};

export type SessionEnd = 'LOGGED_OUT' | 'REVOKED' | 'REUSE_DETECTED';
export type SessionState = 'ACTIVE' | 'EXPIRED' | SessionEnd;

export type Session = {
  readonly id: string;
  readonly principalId: string;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly refreshedAt: string | null;
  readonly generation: number;
  readonly endedAt: string | null;
  readonly endReason: SessionEnd | null;
};

export type ApiKeyState = 'ACTIVE' | 'EXPIRED' | 'REVOKED';

export type ApiKey = {
  readonly id: string;
  readonly ownerId: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly createdBy: string;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly revokedAt: string | null;
};

/** The caller and the credential it used. */
export interface Viewer {
  readonly principal: Principal;
  readonly session: Session | null;
  readonly roles: readonly string[];
  readonly scopes: readonly string[];
  readonly policies: readonly string[];
  readonly expiresAt: string | null;
}

export interface ServiceReference {
  readonly id: string;
}

/** Longest life of an access token, milliseconds. */
export const ACCESS_TOKEN_MS = 30 * 60_000;
/** Longest life of a session, milliseconds. */
export const SESSION_MS = 30 * 24 * 60 * 60_000;
/** How long a revocation and a retired signing key stay published: a token of that moment has expired then. */
export const TOKEN_MEMORY_MS = 31 * 60_000;

/** One allowed change of state. */
export interface Transition<S extends string, O extends string> {
  readonly operation: O;
  readonly from: S;
  readonly to: S;
  readonly by: 'admin' | 'owner' | 'owner or admin' | 'clock' | 'system';
  /** Condition beside the state, in words; the service of the operation holds it. */
  readonly guard?: string;
}

export type PrincipalState = 'ACTIVE' | 'DISABLED';

export const PRINCIPAL_TRANSITIONS: ReadonlyArray<Transition<PrincipalState, 'disable' | 'enable'>> = [
  { operation: 'disable', from: 'ACTIVE', to: 'DISABLED', by: 'admin', guard: 'another administrator can still log in; nobody disables themselves' },
  { operation: 'enable', from: 'DISABLED', to: 'ACTIVE', by: 'admin' },
];

export const GRANT_TRANSITIONS: ReadonlyArray<Transition<GrantState, 'revoke' | 'expire'>> = [
  { operation: 'revoke', from: 'ACTIVE', to: 'REVOKED', by: 'admin', guard: 'another administrator can still log in' },
  { operation: 'expire', from: 'ACTIVE', to: 'EXPIRED', by: 'clock', guard: 'expiresAt has passed' },
];

export const SESSION_TRANSITIONS: ReadonlyArray<Transition<SessionState, 'logOut' | 'revoke' | 'detectReuse' | 'expire'>> = [
  { operation: 'logOut', from: 'ACTIVE', to: 'LOGGED_OUT', by: 'owner' },
  { operation: 'revoke', from: 'ACTIVE', to: 'REVOKED', by: 'owner or admin' },
  { operation: 'detectReuse', from: 'ACTIVE', to: 'REUSE_DETECTED', by: 'system', guard: 'a refresh token came back more than 30 seconds after its exchange' },
  { operation: 'expire', from: 'ACTIVE', to: 'EXPIRED', by: 'clock', guard: 'expiresAt has passed' },
];

export const API_KEY_TRANSITIONS: ReadonlyArray<Transition<ApiKeyState, 'revoke' | 'expire'>> = [
  { operation: 'revoke', from: 'ACTIVE', to: 'REVOKED', by: 'owner or admin' },
  { operation: 'expire', from: 'ACTIVE', to: 'EXPIRED', by: 'clock', guard: 'expiresAt has passed' },
];

/** Where an operation leads; undefined when it is not allowed in that state. */
export function next<S extends string, O extends string>(table: ReadonlyArray<Transition<S, O>>, from: S, operation: O): S | undefined {
  return table.find((transition) => transition.from === from && transition.operation === operation)?.to;
}

export function principalState({ active }: Pick<Principal, 'active'>): PrincipalState {
  return active ? 'ACTIVE' : 'DISABLED';
}

/** A grant whose time is over counts as expired from that moment on, whether or not the sweep has recorded it. */
export function grantState({ endReason, expiresAt }: Pick<Grant, 'endReason' | 'expiresAt'>, now: Date): GrantState {
  if (endReason !== null) return endReason;
  return expiresAt !== null && Date.parse(expiresAt) <= now.getTime() ? 'EXPIRED' : 'ACTIVE';
}

export function sessionState({ endReason, expiresAt }: Pick<Session, 'endReason' | 'expiresAt'>, now: Date): SessionState {
  if (endReason !== null) return endReason;
  return Date.parse(expiresAt) <= now.getTime() ? 'EXPIRED' : 'ACTIVE';
}

export function apiKeyState({ revokedAt, expiresAt }: Pick<ApiKey, 'revokedAt' | 'expiresAt'>, now: Date): ApiKeyState {
  if (revokedAt !== null) return 'REVOKED';
  return Date.parse(expiresAt) <= now.getTime() ? 'EXPIRED' : 'ACTIVE';
}

/** True for actors recorded in events and rows that are no principals. */
export function isSystemActor(actorId: string): boolean {
  return actorId.startsWith('system:') || actorId === 'anonymous';
}

const USERNAME = /^[a-z][a-z0-9._-]{1,63}$/;

/** What a username is compared and stored as. */
export function normaliseUsername(username: string): string {
  return username.trim().toLowerCase();
}

export function isUsername(username: string): boolean {
  return USERNAME.test(username);
}

/** Why a password is not acceptable; null when it is. */
export function passwordProblem(password: string, username: string): string | null {
  if (password.length < 12 || password.length > 256) return 'A password has 12 to 256 characters.';
  if (password.toLowerCase().includes(username.toLowerCase())) return 'A password does not contain the username.';
  if (new Set(password).size < 5) return 'A password has at least five different characters.';
  return null;
}
