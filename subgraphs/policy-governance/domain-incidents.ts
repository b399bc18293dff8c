/** Incidents: severities, the state machine as a table, and the entries of the timeline; pure. */

/** From worst to mildest. */
export const SEVERITIES = ['P0', 'P1', 'P2', 'P3'] as const;
export type Severity = (typeof SEVERITIES)[number];

export const INCIDENT_STATUSES = ['DECLARED', 'TRIAGED', 'MITIGATED', 'RESOLVED', 'REVIEWED', 'CLOSED'] as const;
export type IncidentStatus = (typeof INCIDENT_STATUSES)[number];

/** Alerts join an incident in one of these states; its group has no other. */
export const OPEN_STATUSES: readonly IncidentStatus[] = ['DECLARED', 'TRIAGED', 'MITIGATED'];

/** Moments are ISO 8601. The event's snapshot is the same object. */
export type Incident = {
  readonly id: string;
  readonly title: string;
  readonly severity: Severity;
  readonly status: IncidentStatus;
  readonly groupKey: string | null;
  readonly serviceId: string | null;
  readonly startedAt: string;
  readonly declaredAt: string;
  readonly declaredBy: string;
  readonly acknowledgeBy: string;
  readonly assessBy: string;
  readonly respondBy: string;
  readonly resolveBy: string;
  readonly acknowledgedAt: string | null;
  readonly acknowledgedBy: string | null;
  readonly triagedAt: string | null;
  readonly mitigatedAt: string | null;
  readonly resolvedAt: string | null;
  readonly reviewedAt: string | null;
  readonly closedAt: string | null;
  readonly rootCause: string | null;
  readonly resolution: string | null;
  readonly review: string | null;
  readonly escalationLevel: number;
  readonly escalatedTo: string | null;
  readonly nextEscalationAt: string | null;
  readonly version: number;
  readonly constitutionalHash: string;
};

export type TimelineKind =
  | 'DECLARED' | 'ALERTS_JOINED' | 'ALERTS_RESOLVED' | 'SEVERITY_RAISED' | 'ESCALATED' | 'ACKNOWLEDGED'
  | 'TRIAGED' | 'MITIGATED' | 'RESOLVED' | 'REVIEWED' | 'CLOSED' | 'NOTE';

export type TimelineEntry = {
  readonly incidentId: string;
  readonly number: number;
  readonly at: string;
  readonly kind: TimelineKind;
  readonly actorId: string;
  readonly text: string;
};

/** Event kind of each timeline entry: every change has one of both. */
export const EVENT_OF: Readonly<Record<TimelineKind, string>> = {
  DECLARED: 'IncidentDeclared', ALERTS_JOINED: 'IncidentAlertsJoined', ALERTS_RESOLVED: 'IncidentAlertsResolved',
  SEVERITY_RAISED: 'IncidentSeverityRaised', ESCALATED: 'IncidentEscalated', ACKNOWLEDGED: 'IncidentAcknowledged',
  TRIAGED: 'IncidentTriaged', MITIGATED: 'IncidentMitigated', RESOLVED: 'IncidentResolved', REVIEWED: 'IncidentReviewed',
  CLOSED: 'IncidentClosed', NOTE: 'IncidentNoted',
};

export type IncidentStep = 'triageIncident' | 'mitigateIncident' | 'resolveIncident' | 'reviewIncident' | 'closeIncident';

export interface IncidentTransition {
  readonly from: IncidentStatus;
  readonly to: IncidentStatus;
  readonly by: IncidentStep;
  /** Column that keeps the first moment of the state. */
  readonly stamp: 'triagedAt' | 'mitigatedAt' | 'resolvedAt' | 'reviewedAt' | 'closedAt';
}

/** Everything that may happen to an incident's state; what is not here is refused. */
export const INCIDENT_TRANSITIONS: readonly IncidentTransition[] = [
  { from: 'DECLARED', to: 'TRIAGED', by: 'triageIncident', stamp: 'triagedAt' },
  { from: 'TRIAGED', to: 'TRIAGED', by: 'triageIncident', stamp: 'triagedAt' },
  { from: 'TRIAGED', to: 'MITIGATED', by: 'mitigateIncident', stamp: 'mitigatedAt' },
  { from: 'MITIGATED', to: 'RESOLVED', by: 'resolveIncident', stamp: 'resolvedAt' },
  { from: 'RESOLVED', to: 'REVIEWED', by: 'reviewIncident', stamp: 'reviewedAt' },
  { from: 'REVIEWED', to: 'CLOSED', by: 'closeIncident', stamp: 'closedAt' },
];

/** The transition a step makes from a state; undefined when it is not allowed there. */
export function transitionOf(status: IncidentStatus, step: IncidentStep): IncidentTransition | undefined {
  return INCIDENT_TRANSITIONS.find(({ from, by }) => from === status && by === step);
}

/** True while someone may still take the incident over. */
export function acknowledgeable(incident: Pick<Incident, 'status' | 'acknowledgedAt'>): boolean {
  return incident.acknowledgedAt === null && OPEN_STATUSES.includes(incident.status);
}

/** Mutations that are possible now. */
export function nextSteps(incident: Pick<Incident, 'status' | 'acknowledgedAt'>): string[] {
  const steps = INCIDENT_TRANSITIONS.filter(({ from }) => from === incident.status).map(({ by }) => by as string);
  return acknowledgeable(incident) ? ['acknowledgeIncident', ...steps] : steps;
}

/** The incident after a step: its state and the first moment it was in it. */
export function advanced(incident: Incident, { to, stamp }: IncidentTransition, now: string): Incident {
  return { ...incident, status: to, [stamp]: incident[stamp] ?? now };
}

/** The incident once someone looks after it: escalation ends for good. */
export function acknowledged(incident: Incident, principalId: string, now: string): Incident {
  return { ...incident, acknowledgedAt: now, acknowledgedBy: principalId, nextEscalationAt: null };
}

/** The worse of two severities. */
export function worse(left: Severity, right: Severity): Severity {
  return SEVERITIES.indexOf(left) <= SEVERITIES.indexOf(right) ? left : right;
}

export function severityAtLeast(severity: Severity, least: Severity | null | undefined): boolean {
  return least === null || least === undefined || SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(least);
}

/** Whether something happened by its deadline; null while it has not happened. */
export function inTime(at: string | null, deadline: string): boolean | null {
  return at === null ? null : Date.parse(at) <= Date.parse(deadline);
}

/** Identifier of the n-th incident of a year. */
export function incidentId(year: number, n: number): string {
  return `INC-${year}-${String(n).padStart(3, '0')}`;
}

/** True for actors that are no principals of the graph. */
export function isSystemActor(actorId: string): boolean {
  return actorId.startsWith('system:') || actorId === 'anonymous';
}
