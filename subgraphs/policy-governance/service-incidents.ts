/** What people do with incidents, who is asked while they do not, and how well it all went. */
import { randomUUID } from 'node:crypto';
import type { UnitOfWork } from '../kernel/commands.js';
import type { SubgraphContext } from '../kernel/context.js';
import type { SubgraphDeps } from '../kernel/define-subgraph.js';
import type { JsonObject } from '../kernel/outbox.js';
import { conflict, expectVersion, invalidInput, notFound } from '../kernel/refusals.js';
import type { StreamMessage } from '../kernel/stream-subscription.js';
import type { Stoppable } from '../../ops/runtime/lifecycle.js';
import { AcgsError } from '../../ops/runtime/errors.js';
import { dueSteps, stateAt, type EscalationPolicy } from './domain-escalation.js';
import { acknowledgeable, acknowledged, advanced, severityAtLeast, transitionOf, type Incident, type IncidentStep, type Severity, type TimelineEntry } from './domain-incidents.js';
import { kpisOf, type KpiValue } from './domain-kpis.js';
import { alertEvent, STREAM } from './events.js';
import type { Entry, IncidentDesk } from './incident-desk.js';
import type { GovernanceMetrics } from './metrics.js';
import { checkFirst, readPage, type Page } from './page.js';
import { escalationOf, type ReferenceData } from './reference-data.js';
import type { AlertStore } from './store-alerts.js';
import type { IncidentFilter, IncidentStore } from './store-incidents.js';

const DAY_MS = 86_400_000;
const SWEEP_LIMIT = 100;
const MAX_TITLE = 200;
const MAX_TEXT = 4_000;

/** What every change of an existing incident comes with. */
export interface IncidentChange {
  readonly id: string;
  readonly expectedVersion?: number | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
}

export interface IncidentDeclaration {
  readonly title: string;
  readonly severity: Severity;
  readonly serviceId?: string | null | undefined;
  readonly startedAt?: string | null | undefined;
  readonly description?: string | null | undefined;
}

export interface IncidentParts {
  readonly incidents: IncidentStore;
  readonly alerts: AlertStore;
  readonly desk: IncidentDesk;
  readonly reference: ReferenceData;
  readonly metrics: GovernanceMetrics;
}

export class IncidentService {
  constructor(private readonly deps: SubgraphDeps, private readonly parts: IncidentParts) {}

  async declare(context: SubgraphContext, input: IncidentDeclaration, idempotencyKey: string | null | undefined): Promise<Incident> {
    context.requireScope('incident:write');
    const title = required(input.title, 'input.title', MAX_TITLE);
    const description = input.description ? required(input.description, 'input.description', MAX_TEXT) : title;
    const reference = await this.parts.reference.get();
    const serviceId = input.serviceId ?? null;
    if (serviceId !== null && !reference.services.some(({ id }) => id === serviceId)) throw invalidInput(`There is no service ${serviceId}.`, 'input.serviceId');
    const { id } = await this.deps.commands.run(context, { field: 'declareIncident', idempotencyKey, input }, async (unit) => {
      const startedAt = input.startedAt ?? unit.now.toISOString();
      if (Date.parse(startedAt) > unit.now.getTime()) throw invalidInput('A disturbance cannot begin in the future.', 'input.startedAt');
      const incident = await this.parts.desk.declare(unit, { title, severity: input.severity, groupKey: null, serviceId, startedAt, text: description }, reference);
      return { id: incident.id };
    });
    return this.read(id);
  }

  acknowledge(context: SubgraphContext, change: IncidentChange): Promise<Incident> {
    return this.change(context, 'acknowledgeIncident', change, {}, async (incident, unit) => {
      if (incident.acknowledgedBy !== null) throw conflict(`Incident ${incident.id} was acknowledged by ${incident.acknowledgedBy}.`);
      if (!acknowledgeable(incident)) throw conflict(`Incident ${incident.id} is ${incident.status} and needs nobody to take it over.`);
      await this.parts.desk.change(unit, acknowledged(incident, unit.principalId, unit.now.toISOString()), [TAKEN_OVER]);
    });
  }

  async triage(context: SubgraphContext, change: IncidentChange, severity: Severity, note: string | null | undefined): Promise<Incident> {
    const text = note ? required(note, 'note', MAX_TEXT) : null;
    const reference = await this.parts.reference.get();
    return this.advance(context, 'triageIncident', change, { severity, note: text }, (incident) => ({
      incident: incident.severity === severity ? incident : this.parts.desk.withSeverity(incident, severity, reference),
      text: `Assessed as ${severity}${incident.severity === severity ? '' : ` instead of ${incident.severity}`}${text === null ? '.' : `: ${text}`}`,
    }));
  }

  mitigate(context: SubgraphContext, change: IncidentChange, mitigation: string): Promise<Incident> {
    const text = required(mitigation, 'mitigation', MAX_TEXT);
    return this.advance(context, 'mitigateIncident', change, { mitigation: text }, (incident) => ({ incident, text }));
  }

  resolve(context: SubgraphContext, change: IncidentChange, rootCause: string, resolution: string): Promise<Incident> {
    const cause = required(rootCause, 'rootCause', MAX_TEXT);
    const ending = required(resolution, 'resolution', MAX_TEXT);
    return this.advance(context, 'resolveIncident', change, { rootCause: cause, resolution: ending }, async (incident, unit) => {
      const ended = await this.parts.alerts.endGatewayAlerts(unit.tx, incident.id, unit.now);
      for (const alert of ended) unit.emit(alertEvent('AlertResolved', alert));
      const firing = (await this.parts.alerts.firing(unit.tx, [incident.id])).get(incident.id) ?? 0;
      const still = firing === 0 ? '' : ` ${firing} of its alerts still fire.`;
      return { incident: { ...incident, rootCause: cause, resolution: ending }, text: `Cause: ${cause} Resolution: ${ending}${still}` };
    });
  }

  review(context: SubgraphContext, change: IncidentChange, review: string): Promise<Incident> {
    const text = required(review, 'review', MAX_TEXT);
    return this.advance(context, 'reviewIncident', change, { review: text }, (incident) => ({ incident: { ...incident, review: text }, text }));
  }

  close(context: SubgraphContext, change: IncidentChange): Promise<Incident> {
    return this.advance(context, 'closeIncident', change, {}, (incident) => ({ incident, text: 'Closed.' }));
  }

  addNote(context: SubgraphContext, change: IncidentChange, note: string): Promise<Incident> {
    const text = required(note, 'text', MAX_TEXT);
    return this.change(context, 'addTimelineNote', change, { text }, async (incident, unit) => {
      if (incident.status === 'CLOSED') throw conflict(`Incident ${incident.id} is closed.`);
      await this.parts.desk.record(unit, incident, [{ kind: 'NOTE', text }]);
    });
  }

  /** One step of the state machine; whoever assesses an incident has thereby taken it over. */
  private advance(
    context: SubgraphContext, step: IncidentStep, change: IncidentChange, input: JsonObject,
    work: (incident: Incident, unit: UnitOfWork) => { incident: Incident; text: string } | Promise<{ incident: Incident; text: string }>,
  ): Promise<Incident> {
    return this.change(context, step, change, input, async (current, unit) => {
      const transition = transitionOf(current.status, step);
      if (transition === undefined) throw conflict(`Incident ${current.id} is ${current.status}; ${step} is not possible there.`);
      const now = unit.now.toISOString();
      const takesOver = acknowledgeable(current);
      const { incident, text } = await work(takesOver ? acknowledged(current, unit.principalId, now) : current, unit);
      const entries: Entry[] = [...(takesOver ? [TAKEN_OVER] : []), { kind: transition.to, text }];
      await this.parts.desk.change(unit, advanced(incident, transition, now), entries);
    });
  }

  private async change(context: SubgraphContext, field: string, { id, expectedVersion, idempotencyKey }: IncidentChange, input: JsonObject, work: (incident: Incident, unit: UnitOfWork) => Promise<void>): Promise<Incident> {
    context.requireScope('incident:write');
    await this.deps.commands.run(context, { field, idempotencyKey, input: { id, expectedVersion: expectedVersion ?? null, ...input } }, async (unit) => {
      const incident = await this.parts.incidents.lock(unit.tx, id);
      if (incident === null) throw notFound('Incident', id);
      expectVersion('Incident', id, incident.version, expectedVersion);
      await work(incident, unit);
      return { id };
    });
    return this.read(id);
  }

  private async read(id: string): Promise<Incident> {
    const incident = (await this.parts.incidents.byIds([id])).get(id);
    if (incident === undefined) throw notFound('Incident', id);
    return incident;
  }

  /** Takes every escalation step that is due. Several processes may do so at once. @returns how many steps were taken. */
  async escalate(): Promise<number> {
    const reference = await this.parts.reference.get();
    return this.deps.commands.runAs('system:escalation', `escalation-${randomUUID()}`, async (unit) => {
      let taken = 0;
      for (const incident of await this.parts.incidents.lockDue(unit.tx, unit.now, SWEEP_LIMIT)) {
        const policy = escalationOf(reference, incident.severity);
        const steps = dueSteps(policy, incident, unit.now);
        const last = steps[steps.length - 1];
        if (last === undefined) continue;
        await this.parts.desk.change(unit, { ...incident, ...stateAt(policy, incident.declaredAt, last) }, steps.map(({ role, afterMinutes }) => ({ kind: 'ESCALATED', text: `Nobody acknowledged within ${afterMinutes} minutes; ${role} is asked.` })));
        for (const { role } of steps) this.parts.metrics.escalations.inc({ role });
        taken += steps.length;
      }
      return taken;
    });
  }

  /** Looks for due steps every so often until stopped. @param everyMs milliseconds between two looks. */
  startEscalating(everyMs: number): Stoppable {
    let work: Promise<void> | undefined;
    const timer = setInterval(() => {
      work ??= this.escalate().then(() => undefined, (error: unknown) => this.deps.logger.warn({ err: error }, 'Escalating failed; the next sweep tries again')).finally(() => { work = undefined; });
    }, everyMs);
    timer.unref();
    return { stop: async () => { clearInterval(timer); await work; } };
  }

  page(filter: IncidentFilter, first: number, after: string | null | undefined): Promise<Page<Incident>> {
    return readPage('incidents', first, after, (limit, place) => this.parts.incidents.page(filter, limit, place), ({ declaredAt }) => declaredAt);
  }

  byId(context: SubgraphContext, id: string): Promise<Incident | null> {
    return context.loader<string, Incident>('incidentById', (ids) => this.parts.incidents.byIds(ids)).load(id);
  }

  async newestOfService(context: SubgraphContext, serviceId: string, first: number): Promise<Incident[]> {
    checkFirst(first);
    return (await context.loader<string, Incident[]>(`incidentsOf:${first}`, (ids) => this.parts.incidents.newestOfServices(ids, first)).load(serviceId)) ?? [];
  }

  async timeline(context: SubgraphContext, id: string, first: number): Promise<TimelineEntry[]> {
    checkFirst(first);
    return (await context.loader<string, TimelineEntry[]>(`timeline:${first}`, (ids) => this.parts.incidents.timelines(ids, first)).load(id)) ?? [];
  }

  escalationPolicies(): Promise<EscalationPolicy[]> {
    return this.parts.incidents.escalationPolicies();
  }

  async escalationPolicy(severity: string): Promise<EscalationPolicy | null> {
    return (await this.parts.reference.get()).escalation.get(severity) ?? null;
  }

  async kpis(days: number): Promise<KpiValue[]> {
    if (days < 1 || days > 366) throw new AcgsError('BAD_USER_INPUT', 'days is a whole number from 1 to 366.');
    const now = this.deps.clock();
    return kpisOf(await this.parts.incidents.statistics(new Date(now.getTime() - days * DAY_MS), now));
  }

  subscribe(filter: { incidentId: string | null; severityAtLeast: Severity | null; serviceId: string | null }, after: string | null | undefined): Promise<AsyncIterableIterator<StreamMessage<Incident>>> {
    return this.deps.subscribe<Incident>({
      field: 'incidentUpdated', stream: STREAM.incident, filter, after,
      matches: ({ payload }) => {
        const incident = payload as Incident;
        return severityAtLeast(incident.severity, filter.severityAtLeast) && (filter.incidentId === null || incident.id === filter.incidentId) && (filter.serviceId === null || incident.serviceId === filter.serviceId);
      },
      present: ({ payload }) => payload as Incident,
    });
  }
}

const TAKEN_OVER: Entry = { kind: 'ACKNOWLEDGED', text: 'Acknowledged; escalation has ended.' };

/** @throws Refusal InvalidInput when the text is empty, too long, or holds a character the database refuses. */
function required(text: string, field: string, longest: number): string {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed.length > longest || trimmed.includes('\0')) throw invalidInput(`A text of 1 to ${longest} characters is needed.`, field);
  return trimmed;
}
