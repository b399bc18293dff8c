/** Streams and events of this subgraph; payloads are snapshots without secrets or digests of any. */
import type { DomainEvent, JsonObject } from '../kernel/outbox.js';
import type { ApiKey, Grant, Principal, Session } from './domain.js';
import { handoffTimeText, type Override, type Rotation, type Schedule } from './domain-on-call.js';
import type { Contact, Team } from './domain-teams.js';

export const STREAM = {
  principal: 'principal', grant: 'grant', session: 'session', apiKey: 'api-key', login: 'login', signingKey: 'signing-key', team: 'team', onCall: 'on-call',
} as const;

export type PrincipalEventKind = 'PrincipalCreated' | 'PrincipalDisabled' | 'PrincipalEnabled' | 'PasswordSet';

export function principalEvent(kind: PrincipalEventKind, principal: Principal, details: JsonObject = {}): DomainEvent {
  return { stream: STREAM.principal, entityId: principal.id, kind, payload: { ...principal, ...details }, subjects: [`Principal:${principal.id}`] };
}

export function grantEvent(kind: 'RoleGranted' | 'RoleRevoked' | 'GrantExpired', grant: Grant): DomainEvent {
  return { stream: STREAM.grant, entityId: grant.id, kind, payload: grant, subjects: [`Principal:${grant.principalId}`, `Role:${grant.role}`] };
}

export type SessionEventKind = 'LoginSucceeded' | 'SessionRefreshed' | 'SessionLoggedOut' | 'SessionRevoked' | 'SessionReuseDetected';

export function sessionEvent(kind: SessionEventKind, session: Session): DomainEvent {
  return { stream: STREAM.session, entityId: session.id, kind, payload: session, subjects: [`Session:${session.id}`, `Principal:${session.principalId}`] };
}

export function apiKeyEvent(kind: 'ApiKeyCreated' | 'ApiKeyRevoked', key: ApiKey): DomainEvent {
  return { stream: STREAM.apiKey, entityId: key.id, kind, payload: key, subjects: [`ApiKey:${key.id}`, `Principal:${key.ownerId}`] };
}

/** @param subject principal, or `unknown` for names nobody has; the names themselves are not kept. */
export function loginFailedEvent(subject: string, failures: number, firstAt: Date, lastAt: Date): DomainEvent {
  return {
    stream: STREAM.login, entityId: subject, kind: 'LoginFailed',
    payload: { principalId: subject === UNKNOWN ? null : subject, failures, firstAt: firstAt.toISOString(), lastAt: lastAt.toISOString() },
    subjects: subject === UNKNOWN ? [] : [`Principal:${subject}`],
  };
}

/** Under which failures of names that nobody has are counted together. */
export const UNKNOWN = 'unknown';

export function signingKeyEvent(kind: 'SigningKeyRotated', kid: string, at: Date): DomainEvent {
  return { stream: STREAM.signingKey, entityId: kid, kind, payload: { kid, createdAt: at.toISOString() }, subjects: [`SigningKey:${kid}`] };
}

export type TeamEventKind = 'TeamCreated' | 'TeamMemberAdded' | 'TeamMemberRemoved';

export function teamEvent(kind: TeamEventKind, team: Team, memberIds: readonly string[], concerns: readonly string[] = []): DomainEvent {
  return { stream: STREAM.team, entityId: team.id, kind, payload: { ...team, memberIds }, subjects: [`Team:${team.id}`, ...concerns] };
}

export function contactEvent(kind: 'ContactAddressSet', contact: Contact): DomainEvent {
  return { stream: STREAM.team, entityId: contact.teamId, kind, payload: contact, subjects: [`Team:${contact.teamId}`, `Contact:${contact.id}`] };
}

export function rotationEvent(kind: 'OnCallRotationSet', schedule: Schedule, rotation: Rotation): DomainEvent {
  const { id, effectiveFrom, participantIds, handoffWeekday, handoffMinute, createdBy, createdAt } = rotation;
  return {
    stream: STREAM.onCall, entityId: schedule.id, kind,
    payload: { scheduleId: schedule.id, teamId: schedule.teamId, rotation: { id, effectiveFrom: effectiveFrom.toISOString(), participantIds, handoffWeekday, handoffTime: handoffTimeText(handoffMinute), createdBy, createdAt: createdAt.toISOString() } },
    subjects: [`Team:${schedule.teamId}`, ...participantIds.map((participant) => `Principal:${participant}`)],
  };
}

export function overrideEvent(kind: 'OnCallOverrideCreated' | 'OnCallOverrideRevoked', override: Override, teamId: string): DomainEvent {
  return {
    stream: STREAM.onCall, entityId: override.scheduleId, kind,
    payload: {
      id: override.id, scheduleId: override.scheduleId, teamId, principalId: override.principalId, startsAt: override.startsAt.toISOString(), endsAt: override.endsAt.toISOString(),
      reason: override.reason, createdBy: override.createdBy, createdAt: override.createdAt.toISOString(), revokedAt: override.revokedAt?.toISOString() ?? null,
    },
    subjects: [`Team:${teamId}`, `Principal:${override.principalId}`],
  };
}
