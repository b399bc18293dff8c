/** Streams and events of this subgraph; the payload of an event is the entity as the change left it. */
import type { DomainEvent } from '../kernel/outbox.js';
import type { Alert } from './domain-alerts.js';
import { EVENT_OF, type Incident, type TimelineKind } from './domain-incidents.js';
import type { Decision, Policy } from './domain-policies.js';

export const STREAM = { alert: 'alert', incident: 'incident', policy: 'policy', decision: 'decision', registry: 'registry' } as const;

export const ALERT_RAISED = 'AlertRaised';
export type AlertEventKind = typeof ALERT_RAISED | 'AlertResolved' | 'AlertAcknowledged';

export function alertEvent(kind: AlertEventKind, alert: Alert): DomainEvent {
  return { stream: STREAM.alert, entityId: alert.id, kind, payload: alert, subjects: [`Alert:${alert.id}`, ...serviceSubject(alert), ...(alert.incidentId === null ? [] : [`Incident:${alert.incidentId}`])] };
}

export function incidentEvent(kind: TimelineKind, incident: Incident): DomainEvent {
  return { stream: STREAM.incident, entityId: incident.id, kind: EVENT_OF[kind], payload: incident, subjects: [`Incident:${incident.id}`, ...serviceSubject(incident)] };
}

export function policyEvent(kind: 'PolicyPublished' | 'PolicyRetired', policy: Policy): DomainEvent {
  return { stream: STREAM.policy, entityId: policy.id, kind, payload: policy, subjects: [`Policy:${policy.id}`] };
}

export function decisionEvent(decision: Decision): DomainEvent {
  return { stream: STREAM.decision, entityId: decision.id, kind: 'DecisionMade', payload: decision, subjects: [`Decision:${decision.id}`, `${decision.resourceType}:${decision.resourceId}`, `Principal:${decision.principalId}`] };
}

function serviceSubject({ serviceId }: { readonly serviceId: string | null }): string[] {
  return serviceId === null ? [] : [`Service:${serviceId}`];
}
