/** Metrics of alerts, incidents and policy decisions. */
import { Counter, Histogram } from 'prom-client';
import type { ServiceMetrics } from '../../ops/runtime/metrics.js';

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
  return {
    alerts: new Counter({ name: 'acgs_alerts_received_total', help: 'Alerts received, by what became of them.', labelNames: ['outcome'], registers }),
    unverified: new Counter({ name: 'acgs_alerts_unverified_total', help: 'New alerts whose constitutional hash label is missing or foreign.', labelNames: ['reason'], registers }),
    truncated: new Counter({ name: 'acgs_alerts_truncated_total', help: 'Alerts that Alertmanager left out of its notifications.', registers }),
    incidents: new Counter({ name: 'acgs_incidents_declared_total', help: 'Incidents declared, by first severity.', labelNames: ['severity'], registers }),
    escalations: new Counter({ name: 'acgs_incident_escalations_total', help: 'Escalation steps taken, by the role that was asked.', labelNames: ['role'], registers }),
    evaluation: new Histogram({ name: 'acgs_policy_evaluation_seconds', help: 'Time to judge one request by the policies in force.', labelNames: ['outcome'], buckets: EVALUATION_BUCKETS, registers }),
  };
}
