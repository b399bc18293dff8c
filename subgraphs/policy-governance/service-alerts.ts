/** Takes in alerts, opens and joins incidents for them, and answers what alerts there are. */
import { randomUUID } from 'node:crypto';
import type { UnitOfWork } from '../kernel/commands.js';
import type { SubgraphContext } from '../kernel/context.js';
import type { SubgraphDeps } from '../kernel/define-subgraph.js';
import { conflict, expectVersion, notFound } from '../kernel/refusals.js';
import type { StreamMessage } from '../kernel/stream-subscription.js';
import { distinctEpisodes, levelAtLeast, storedGroupKey, worstSeverity, type Alert, type AlertLevel, type AlertRule, type ReportedAlert } from './domain-alerts.js';
import { OPEN_STATUSES, worse, type Incident, type Severity } from './domain-incidents.js';
import { ALERT_RAISED, alertEvent, STREAM } from './events.js';
import type { IncidentDesk } from './incident-desk.js';
import { IngestQueue } from './ingest-queue.js';
import type { GovernanceMetrics } from './metrics.js';
import { checkFirst, isUuid, readPage, type Page } from './page.js';
import type { Reference, ReferenceData } from './reference-data.js';
import type { AlertFilter, AlertStore, NewAlert } from './store-alerts.js';
import type { IncidentStore } from './store-incidents.js';

/** Episodes a transaction takes: small enough that subscribers see the first while the last are still being written. */
const CHUNK = 500;
const NAMED = 3;
/** Transactions a storm may use at once; half of the connections stay for everything else. */
const INGEST_WIDTH = 4;

export interface IngestReport {
  readonly received: number;
  readonly raised: number;
  readonly resolved: number;
  readonly duplicates: number;
  /** Incidents that were opened or joined. */
  readonly incidents: string[];
}

interface ChunkReport {
  readonly fresh: readonly Alert[];
  readonly resolved: number;
  readonly incidentId: string | null;
}

export interface AlertParts {
  readonly alerts: AlertStore;
  readonly incidents: IncidentStore;
  readonly desk: IncidentDesk;
  readonly reference: ReferenceData;
  readonly metrics: GovernanceMetrics;
}

export class AlertService {
  private readonly queue = new IngestQueue(INGEST_WIDTH);

  constructor(private readonly deps: SubgraphDeps, private readonly parts: AlertParts) {}

  /**
   * Takes the alerts of one group, each episode exactly once however often it is reported.
   * A failure leaves whole transactions done; reporting the same again completes them.
   * @param actor who is recorded, for example `system:alertmanager`.
   */
  async ingest(actor: string, requestId: string, groupKey: string, reported: readonly ReportedAlert[]): Promise<IngestReport> {
    const reference = await this.parts.reference.get();
    const group = storedGroupKey(groupKey);
    const episodes = distinctEpisodes(reported);
    const incidents = new Set<string>();
    let raised = 0;
    let resolved = 0;
    for (let start = 0; start < episodes.length; start += CHUNK) {
      const chunk = episodes.slice(start, start + CHUNK);
      const report = await this.queue.run(group, () => this.deps.commands.runAs(actor, requestId, (unit) => this.take(unit, group, chunk, reference)));
      const ended = report.fresh.filter(({ state }) => state === 'RESOLVED').length;
      raised += report.fresh.length - ended;
      resolved += report.resolved + ended;
      if (report.incidentId !== null) incidents.add(report.incidentId);
      this.count(report.fresh);
    }
    const duplicates = Math.max(0, reported.length - raised - resolved);
    this.parts.metrics.alerts.inc({ outcome: 'raised' }, raised);
    this.parts.metrics.alerts.inc({ outcome: 'resolved' }, resolved);
    this.parts.metrics.alerts.inc({ outcome: 'duplicate' }, duplicates);
    return { received: reported.length, raised, resolved, duplicates, incidents: [...incidents].sort() };
  }

  private async take(unit: UnitOfWork, groupKey: string, chunk: readonly ReportedAlert[], reference: Reference): Promise<ChunkReport> {
    const { alerts } = this.parts;
    await alerts.lockGroup(unit.tx, groupKey);
    const candidates = chunk.map((reported): NewAlert => ({ ...reported, id: randomUUID() }));
    const inserted = await alerts.insertNew(unit.tx, groupKey, candidates, unit.now, unit.constitutionalHash);
    const endings = chunk.filter(({ state }) => state === 'RESOLVED');
    const resolved = endings.length === 0 ? [] : await alerts.resolve(unit.tx, endings);
    const superseded = inserted.size === 0 ? [] : await alerts.supersede(unit.tx, candidates.filter(({ id }) => inserted.has(id)).map(({ fingerprint }) => fingerprint));
    const outdated = new Map(superseded.map((alert) => [alert.id, alert]));
    const fresh = candidates.filter(({ id }) => inserted.has(id)).map((candidate): Alert => outdated.get(candidate.id) ?? {
      ...candidate, groupKey, receivedAt: unit.now.toISOString(), acknowledgedBy: null, acknowledgedAt: null, incidentId: null, version: 1, constitutionalHash: unit.constitutionalHash,
    });
    const incident = fresh.length === 0 ? null : await this.openOrJoin(unit, groupKey, fresh, reference);
    if (incident !== null) await alerts.link(unit.tx, fresh.map(({ id }) => id), incident.id);
    for (const alert of fresh) unit.emit(alertEvent(ALERT_RAISED, { ...alert, incidentId: incident?.id ?? null }));
    const ended = [...resolved, ...superseded.filter(({ id }) => !inserted.has(id))];
    for (const alert of ended) unit.emit(alertEvent('AlertResolved', alert));
    await this.noteQuiet(unit, ended);
    return { fresh, resolved: resolved.length, incidentId: incident?.id ?? null };
  }

  /** The group's open incident, joined, or a new one when the alerts call for it; null when neither. */
  private async openOrJoin(unit: UnitOfWork, groupKey: string, fresh: readonly Alert[], reference: Reference): Promise<Incident | null> {
    const { incidents, desk } = this.parts;
    const firing = fresh.filter(({ state }) => state === 'FIRING');
    const severity = worstSeverity(firing, reference.rules);
    const open = await incidents.lockOpenOfGroup(unit.tx, groupKey);
    if (open === null) return severity === null ? null : desk.declare(unit, declarationOf(groupKey, firing, severity), reference);
    const joined = { kind: 'ALERTS_JOINED', text: `${described(fresh)} joined.` } as const;
    if (severity === null || worse(open.severity, severity) === open.severity) {
      await desk.record(unit, open, [joined]);
      return open;
    }
    return desk.change(unit, desk.withSeverity(open, severity, reference), [joined, { kind: 'SEVERITY_RAISED', text: `Severity raised from ${open.severity} to ${severity}.` }]);
  }

  /** Says so on the timeline of incidents none of whose alerts fires any longer; the state is for people to change. */
  private async noteQuiet(unit: UnitOfWork, ended: readonly Alert[]): Promise<void> {
    const ids = [...new Set(ended.flatMap(({ incidentId }) => incidentId ?? []))];
    if (ids.length === 0) return;
    const touched = await this.parts.incidents.lockAll(unit.tx, ids);
    const firing = await this.parts.alerts.firing(unit.tx, ids);
    for (const incident of touched) {
      if (OPEN_STATUSES.includes(incident.status) && !firing.has(incident.id)) await this.parts.desk.record(unit, incident, [{ kind: 'ALERTS_RESOLVED', text: 'None of its alerts fires any longer.' }]);
    }
  }

  private count(fresh: readonly Alert[]): void {
    for (const alert of fresh) if (!alert.hashVerified) this.parts.metrics.unverified.inc({ reason: alert.declaredHash === null ? 'missing' : 'foreign' });
  }

  async acknowledge(context: SubgraphContext, args: { id: string; expectedVersion?: number | null | undefined; idempotencyKey?: string | null | undefined }): Promise<Alert> {
    const principal = context.requireScope('incident:write');
    const { id, expectedVersion, idempotencyKey } = args;
    if (!isUuid(id)) throw notFound('Alert', id);
    await this.deps.commands.run(context, { field: 'acknowledgeAlert', idempotencyKey, input: { id, expectedVersion: expectedVersion ?? null } }, async (unit) => {
      const alert = await this.parts.alerts.lock(unit.tx, id);
      if (alert === null) throw notFound('Alert', id);
      expectVersion('Alert', id, alert.version, expectedVersion);
      if (alert.acknowledgedBy !== null) throw conflict(`Alert ${id} was acknowledged by ${alert.acknowledgedBy}.`);
      await this.parts.alerts.acknowledge(unit.tx, id, principal.id, unit.now);
      unit.emit(alertEvent('AlertAcknowledged', { ...alert, acknowledgedBy: principal.id, acknowledgedAt: unit.now.toISOString(), version: alert.version + 1 }));
      return { id };
    });
    const alert = (await this.parts.alerts.byIds([id])).get(id);
    if (alert === undefined) throw notFound('Alert', id);
    return alert;
  }

  page(filter: AlertFilter, first: number, after: string | null | undefined): Promise<Page<Alert>> {
    return readPage('alerts', first, after, (limit, place) => this.parts.alerts.page(filter, limit, place), ({ receivedAt }) => receivedAt);
  }

  byId(context: SubgraphContext, id: string): Promise<Alert | null> {
    return isUuid(id) ? context.loader<string, Alert>('alertById', (ids) => this.parts.alerts.byIds(ids)).load(id.toLowerCase()) : Promise.resolve(null);
  }

  async newestOf(context: SubgraphContext, column: 'service_id' | 'incident_id', key: string, first: number): Promise<Alert[]> {
    checkFirst(first);
    return (await context.loader<string, Alert[]>(`alertsOf:${column}:${first}`, (keys) => this.parts.alerts.newestOf(column, keys, first)).load(key)) ?? [];
  }

  rules(): Promise<AlertRule[]> {
    return this.parts.alerts.rules();
  }

  async ruleOf(name: string): Promise<AlertRule | null> {
    return (await this.parts.reference.get()).rules.get(name) ?? null;
  }

  subscribe(filter: { levelAtLeast: AlertLevel | null; serviceId: string | null }, after: string | null | undefined): Promise<AsyncIterableIterator<StreamMessage<Alert>>> {
    return this.deps.subscribe<Alert>({
      field: 'alertRaised', stream: STREAM.alert, filter, after,
      matches: ({ kind, payload }) => kind === ALERT_RAISED && matches(payload as Alert, filter),
      present: ({ payload }) => payload as Alert,
    });
  }
}

function matches(alert: Alert, filter: { levelAtLeast: AlertLevel | null; serviceId: string | null }): boolean {
  return levelAtLeast(alert.level, filter.levelAtLeast) && (filter.serviceId === null || alert.serviceId === filter.serviceId);
}

function declarationOf(groupKey: string, firing: readonly Alert[], severity: Severity): Parameters<IncidentDesk['declare']>[1] {
  const services = new Set(firing.map(({ serviceId }) => serviceId));
  const [serviceId] = services;
  const startedAt = firing.map((alert) => alert.startsAt).sort()[0];
  const lead = firing[0];
  if (lead === undefined || startedAt === undefined) throw new Error('An incident is declared for at least one alert.');
  return {
    title: firing.length === 1 ? `${lead.name}: ${lead.summary}` : described(firing), severity, groupKey, startedAt,
    serviceId: services.size === 1 ? serviceId ?? null : null, text: `Declared for ${described(firing)}.`,
  };
}

/** A number of alerts in words: how many, and the first names. */
function described(alerts: readonly Alert[]): string {
  const names = [...new Set(alerts.map(({ name }) => name))];
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  return `${alerts.length} ${alerts.length === 1 ? 'alert' : 'alerts'} (${names.slice(0, NAMED).join(', ')}${more})`;
}
