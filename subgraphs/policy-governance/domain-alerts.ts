/** Alerts: levels, how a notification becomes an episode, and which incident severity follows; pure. */
import { createHash } from 'node:crypto';
import type { ServiceNames } from './domain-services.js';
import { worse, type Severity } from './domain-incidents.js';

/** From harmless to worst. */
export const ALERT_LEVELS = ['INFO', 'WARNING', 'CRITICAL', 'EMERGENCY'] as const;
export type AlertLevel = (typeof ALERT_LEVELS)[number];
export type AlertState = 'FIRING' | 'RESOLVED';
export type AlertSource = 'ALERTMANAGER' | 'GATEWAY';

/** Minutes to acknowledge and to begin the response, and the severity of the incident it opens; null where nobody needs to act. */
export const LEVEL_RESPONSE: Readonly<Record<AlertLevel, { ackMinutes: number | null; responseMinutes: number | null; severity: Severity | null }>> = {
  INFO: { ackMinutes: null, responseMinutes: null, severity: null },
  WARNING: { ackMinutes: 5, responseMinutes: 30, severity: 'P2' },
  CRITICAL: { ackMinutes: 5, responseMinutes: 15, severity: 'P1' },
  EMERGENCY: { ackMinutes: 5, responseMinutes: 5, severity: 'P0' },
};

export type Labels = { readonly [name: string]: string };

/** One episode; moments are ISO 8601. The event's snapshot is the same object. */
export type Alert = {
  readonly id: string;
  readonly fingerprint: string;
  readonly startsAt: string;
  readonly endsAt: string | null;
  readonly groupKey: string;
  readonly name: string;
  readonly level: AlertLevel;
  readonly state: AlertState;
  readonly source: AlertSource;
  readonly serviceId: string | null;
  readonly summary: string;
  readonly description: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly generatorUrl: string | null;
  readonly declaredHash: string | null;
  readonly hashVerified: boolean;
  readonly receivedAt: string;
  readonly acknowledgedBy: string | null;
  readonly acknowledgedAt: string | null;
  readonly incidentId: string | null;
  readonly version: number;
  readonly constitutionalHash: string;
};

/** An alert as a notification describes it, before it is known whether it is new. */
export type ReportedAlert = Pick<Alert, 'fingerprint' | 'startsAt' | 'endsAt' | 'name' | 'level' | 'state' | 'source' | 'serviceId' | 'summary' | 'description' | 'labels' | 'annotations' | 'generatorUrl' | 'declaredHash' | 'hashVerified'>;

export type AlertRule = {
  readonly name: string;
  readonly expression: string;
  readonly forSeconds: number;
  readonly level: AlertLevel;
  readonly severity: Severity;
  readonly ackMinutes: number | null;
  readonly responseMinutes: number | null;
  readonly description: string;
  readonly runbook: string;
};

/** An alert of an Alertmanager notification, as its JSON says. */
export interface Notification {
  readonly status: 'firing' | 'resolved';
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorUrl: string;
  readonly fingerprint: string;
}

const SEVERITY_LABELS: Readonly<Record<string, AlertLevel>> = { info: 'INFO', warning: 'WARNING', critical: 'CRITICAL', emergency: 'EMERGENCY' };

/** Level of a severity label; one that is missing or unknown counts as WARNING, so that someone looks at it. */
export function levelOf(label: string | undefined): AlertLevel {
  return SEVERITY_LABELS[label?.trim().toLowerCase() ?? ''] ?? 'WARNING';
}

export function levelAtLeast(level: AlertLevel, least: AlertLevel | null | undefined): boolean {
  return least === null || least === undefined || ALERT_LEVELS.indexOf(level) >= ALERT_LEVELS.indexOf(least);
}

/** The given level and all above it. */
export function levelsFrom(least: AlertLevel): AlertLevel[] {
  return ALERT_LEVELS.slice(ALERT_LEVELS.indexOf(least));
}

/**
 * Severity of the incident an alert calls for: that of its level, or of its rule where that is worse.
 * @returns null when it calls for none.
 */
export function severityOf(alert: Pick<Alert, 'name' | 'level'>, rules: ReadonlyMap<string, Pick<AlertRule, 'severity' | 'level'>>): Severity | null {
  const byLevel = LEVEL_RESPONSE[alert.level].severity;
  const rule = rules.get(alert.name);
  return byLevel === null || rule === undefined ? byLevel : worse(byLevel, rule.severity);
}

/** The worst severity a set of alerts calls for. */
export function worstSeverity(alerts: readonly Pick<Alert, 'name' | 'level'>[], rules: ReadonlyMap<string, Pick<AlertRule, 'severity' | 'level'>>): Severity | null {
  return alerts.reduce<Severity | null>((worst, alert) => {
    const severity = severityOf(alert, rules);
    return severity === null ? worst : worst === null ? severity : worse(worst, severity);
  }, null);
}

/** Reads one alert of a notification. @param accepted constitutional hashes that are accepted now. */
export function reportedAlert(notification: Notification, services: ServiceNames, accepted: readonly string[]): ReportedAlert {
  const { labels, annotations } = notification;
  const declaredHash = labels['constitutional_hash'] ?? null;
  const startsAt = new Date(notification.startsAt);
  const endsAt = new Date(notification.endsAt);
  const name = labels['alertname'] ?? 'UnnamedAlert';
  return {
    fingerprint: notification.fingerprint, name, labels, annotations, declaredHash,
    startsAt: startsAt.toISOString(),
    // A resolved notice without a usable end says only that it has ended.
    endsAt: notification.status === 'firing' ? null : (endsAt < startsAt ? startsAt : endsAt).toISOString(),
    state: notification.status === 'firing' ? 'FIRING' : 'RESOLVED',
    level: levelOf(labels['severity']),
    source: 'ALERTMANAGER',
    serviceId: services.find(labels['service']) ?? services.find(labels['service_name']),
    summary: clip(annotations['summary'] ?? annotations['description'] ?? name, 500),
    description: annotations['description'] ?? '',
    generatorUrl: notification.generatorUrl === '' ? null : notification.generatorUrl,
    hashVerified: declaredHash !== null && accepted.includes(declaredHash),
  };
}

/**
 * One entry for each episode of a batch; of several the resolved one stays, since an end is never taken back.
 * Firing ones come first, each half in a fixed order, so that concurrent batches take row locks in the same order.
 */
export function distinctEpisodes(reported: readonly ReportedAlert[]): ReportedAlert[] {
  const episodes = new Map<string, ReportedAlert>();
  for (const alert of reported) {
    const key = `${alert.fingerprint}\n${alert.startsAt}`;
    if (episodes.get(key)?.state !== 'RESOLVED') episodes.set(key, alert);
  }
  return [...episodes.values()].sort((left, right) => order(left.state, right.state) || order(left.fingerprint, right.fingerprint) || order(left.startsAt, right.startsAt));
}

const MAX_GROUP_KEY = 1_000;

/** The group's key as it is stored: whole, or shortened to its beginning and a digest where an index could not hold it. */
export function storedGroupKey(groupKey: string): string {
  if (Buffer.byteLength(groupKey) <= MAX_GROUP_KEY) return groupKey;
  return `${groupKey.slice(0, 200)}...sha256:${createHash('sha256').update(groupKey).digest('hex')}`;
}

/** Moment by which an alert should be acknowledged; null when nobody needs to. */
export function acknowledgeBy(alert: Pick<Alert, 'level' | 'receivedAt'>, rule: Pick<AlertRule, 'ackMinutes'> | null): string | null {
  const minutes = rule === null ? LEVEL_RESPONSE[alert.level].ackMinutes : rule.ackMinutes;
  return minutes === null ? null : new Date(Date.parse(alert.receivedAt) + minutes * 60_000).toISOString();
}

/** Cuts a text to a length, with an ellipsis. */
export function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 3)}...`;
}

function order(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
