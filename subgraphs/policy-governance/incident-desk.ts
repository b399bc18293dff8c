/** Declares incidents and writes each change of one with its timeline entry and its event; callers hold the lock. */
import type { UnitOfWork } from '../kernel/commands.js';
import { clip } from './domain-alerts.js';
import { deadlinesOf, startOfChain } from './domain-escalation.js';
import type { Incident, Severity, TimelineKind } from './domain-incidents.js';
import { incidentEvent } from './events.js';
import type { GovernanceMetrics } from './metrics.js';
import { escalationOf, type Reference } from './reference-data.js';
import type { IncidentStore } from './store-incidents.js';

export interface Declaration {
  readonly title: string;
  readonly severity: Severity;
  readonly groupKey: string | null;
  readonly serviceId: string | null;
  readonly startedAt: string;
  /** First entry of the timeline. */
  readonly text: string;
}

/** A change in words. */
export interface Entry {
  readonly kind: TimelineKind;
  readonly text: string;
}

const MAX_TITLE = 200;

export class IncidentDesk {
  constructor(private readonly store: IncidentStore, private readonly metrics: GovernanceMetrics) {}

  async declare(unit: UnitOfWork, declaration: Declaration, reference: Reference): Promise<Incident> {
    const declaredAt = unit.now.toISOString();
    const policy = escalationOf(reference, declaration.severity);
    const incident: Incident = {
      id: await this.store.nextId(unit.tx, unit.now.getUTCFullYear()),
      title: clip(declaration.title, MAX_TITLE), severity: declaration.severity, status: 'DECLARED',
      groupKey: declaration.groupKey, serviceId: declaration.serviceId,
      startedAt: declaration.startedAt < declaredAt ? declaration.startedAt : declaredAt, declaredAt, declaredBy: unit.principalId,
      ...deadlinesOf(policy, declaredAt), ...startOfChain(policy, declaredAt),
      acknowledgedAt: null, acknowledgedBy: null, triagedAt: null, mitigatedAt: null, resolvedAt: null, reviewedAt: null, closedAt: null,
      rootCause: null, resolution: null, review: null, version: 1, constitutionalHash: unit.constitutionalHash,
    };
    await this.store.insert(unit.tx, incident);
    await this.record(unit, incident, [{ kind: 'DECLARED', text: declaration.text }]);
    this.metrics.incidents.inc({ severity: declaration.severity });
    return incident;
  }

  /** The incident with another severity: deadlines follow, and escalation begins anew unless someone looks after it. */
  withSeverity(incident: Incident, severity: Severity, reference: Reference): Incident {
    const policy = escalationOf(reference, severity);
    const { respondBy, resolveBy } = deadlinesOf(policy, incident.declaredAt);
    return { ...incident, severity, respondBy, resolveBy, ...(incident.acknowledgedAt === null ? startOfChain(policy, incident.declaredAt) : {}) };
  }

  /** Writes a changed incident with what happened. @returns it at its new version. */
  async change(unit: UnitOfWork, incident: Incident, entries: readonly Entry[]): Promise<Incident> {
    const next = { ...incident, version: incident.version + 1 };
    await this.store.save(unit.tx, next);
    await this.record(unit, next, entries);
    return next;
  }

  /** Records what happened around an incident that itself stays as it is. */
  async record(unit: UnitOfWork, incident: Incident, entries: readonly Entry[]): Promise<void> {
    for (const { kind, text } of entries) {
      await this.store.append(unit.tx, { incidentId: incident.id, at: unit.now.toISOString(), kind, actorId: unit.principalId, text }, unit.constitutionalHash);
      unit.emit(incidentEvent(kind, incident));
    }
  }
}
