/** Metrics of alerts, incidents and policy decisions. */
import { Counter, Histogram } from 'prom-client';
import type { ServiceMetrics } from '../../ops/runtime/metrics.js';
import { storedGauge, type StoredGaugeDeps } from '../kernel/stored-gauges.js';
import { ALERT_LEVELS } from './domain-alerts.js';
import { SEVERITIES } from './domain-incidents.js';
import type { KpiValue } from './domain-kpis.js';
import { OUTCOMES } from './domain-policies.js';

export interface GovernanceMetrics {
  /** Alerts of notifications by what became of them: raised, resolved or duplicate. */
  readonly alerts: Counter<'outcome'>;
  /** New alerts whose constitutional hash label is missing or foreign. */
  readonly unverified: Counter<'reason'>;
  /** Alerts that Alertmanager left out of a notification. */
  readonly truncated: Counter;
  readonly incidents: Counter<'severity'>;
  readonly escalations: Counter<'role'>;
  readonly evaluation: Histogram<'outcome'>;
}

/** Upper bounds in seconds around the target of 1 ms. */
const EVALUATION_BUCKETS = [0.0001, 0.00025, 0.0005, 0.00075, 0.001, 0.0025, 0.005, 0.01, 0.05];

export function createGovernanceMetrics({ registry }: ServiceMetrics): GovernanceMetrics {
  const registers = [registry];
  const evaluation = new Histogram<'outcome'>({ name: 'acgs_policy_evaluation_seconds', help: 'Time to judge one request by the policies in force, seconds.', labelNames: ['outcome'], buckets: EVALUATION_BUCKETS, registers });
  // Born at zero, so that a rate sees the first one too.
  for (const outcome of OUTCOMES) evaluation.zero({ outcome });
  const alerts = new Counter({ name: 'acgs_alerts_received_total', help: 'Alerts received, by what became of them.', labelNames: ['outcome'], registers });
  for (const outcome of ['raised', 'resolved', 'duplicate']) alerts.inc({ outcome }, 0);
  const unverified = new Counter({ name: 'acgs_alerts_unverified_total', help: 'New alerts whose constitutional hash label is missing or foreign.', labelNames: ['reason'], registers });
  for (const reason of ['missing', 'foreign']) unverified.inc({ reason }, 0);
  return {
    evaluation, alerts, unverified,
    truncated: new Counter({ name: 'acgs_alerts_truncated_total', help: 'Alerts that Alertmanager left out of its notifications.', registers }),
    incidents: new Counter({ name: 'acgs_incidents_declared_total', help: 'Incidents declared, by first severity.', labelNames: ['severity'], registers }),
    escalations: new Counter({ name: 'acgs_incident_escalations_total', help: 'Escalation steps taken, by the role that was asked.', labelNames: ['role'], registers }),
  };
}

/** What is read from the rows. */
export interface GovernanceRows {
  readonly firing: () => Promise<ReadonlyMap<string, number>>;
  readonly open: () => Promise<ReadonlyMap<string, number>>;
  readonly kpis: () => Promise<readonly KpiValue[]>;
}

/** Registers the gauges over alerts, incidents and key figures. */
export function showGovernanceRows(deps: StoredGaugeDeps, { firing, open, kpis }: GovernanceRows): void {
  storedGauge(deps, { name: 'acgs_alerts_firing', help: 'Alerts that fire now, by level.', labelNames: ['level'], read: async () => {
    const counts = await firing();
    return ALERT_LEVELS.map((level) => ({ labels: { level }, value: counts.get(level) ?? 0 }));
  } });
  storedGauge(deps, { name: 'acgs_incidents_open', help: 'Incidents that are not resolved, by severity.', labelNames: ['severity'], read: async () => {
    const counts = await open();
    return SEVERITIES.map((severity) => ({ labels: { severity }, value: counts.get(severity) ?? 0 }));
  } });
  const named = ({ name, unit }: KpiValue): { kpi: string; unit: string } => ({ kpi: name.toLowerCase(), unit });
  storedGauge(deps, { name: 'acgs_kpi', help: 'Key figures of incidents over 30 days, in the unit of their label; absent while nothing counts.', labelNames: ['kpi', 'unit'], read: async () => (await kpis()).flatMap((kpi) => (kpi.value === null ? [] : [{ labels: named(kpi), value: kpi.value }])) });
  storedGauge(deps, { name: 'acgs_kpi_target', help: 'Targets of the key figures, in the unit of their label.', labelNames: ['kpi', 'unit'], read: async () => (await kpis()).map((kpi) => ({ labels: named(kpi), value: kpi.target })) });
}
