/** Streams and events of constitutional-ai. */
import type { DomainEvent } from '../kernel/outbox.js';
import type { ComplianceCheck, Violation } from './domain.js';
import type { StoredConstitution } from './store.js';

export const STREAM = { constitution: 'constitution', complianceCheck: 'complianceCheck', violation: 'violation' } as const;

export function constitutionEvent(kind: 'ConstitutionActivated' | 'ConstitutionSuperseded', { id, version, label, digest, epoch, signature }: Omit<StoredConstitution, 'state'>): DomainEvent {
  return { stream: STREAM.constitution, entityId: id, kind, payload: { id, version, label, digest, epoch, signature }, subjects: [`Constitution:${id}`] };
}

export function complianceChecked(check: Omit<ComplianceCheck, 'number'>): DomainEvent {
  const { id, serviceId, subject, actionKind, level, threshold, score, verdict, constitutionId, incidentId, findings } = check;
  return {
    stream: STREAM.complianceCheck, entityId: id, kind: 'ComplianceChecked',
    payload: { id, serviceId, subject, actionKind, level, threshold, score, verdict, constitutionId, incidentId, findings: findings.map((finding) => ({ ...finding })) },
    subjects: subjectsOf(serviceId, incidentId),
  };
}

/** @param kind what happened to the violation, for example `ViolationConfirmed`. */
export function violationEvent(kind: string, violation: Violation): DomainEvent {
  return { stream: STREAM.violation, entityId: violation.id, kind, payload: { ...violation }, subjects: subjectsOf(violation.serviceId, violation.incidentId) };
}

function subjectsOf(serviceId: string | null, incidentId: string | null): string[] {
  return [...(serviceId === null ? [] : [`Service:${serviceId}`]), ...(incidentId === null ? [] : [`Incident:${incidentId}`])];
}
