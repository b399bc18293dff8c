/** The alert rules of a new installation, in PromQL over the metrics every process exports. */
import { LEVEL_RESPONSE, type AlertLevel, type AlertRule } from './domain-alerts.js';
import type { Severity } from './domain-incidents.js';

/** Name, level, condition, seconds it must hold, what it means, runbook and, where it is worse than the level's, the severity. */
interface RuleRow {
  readonly name: string;
  readonly level: Exclude<AlertLevel, 'INFO'>;
  readonly expression: string;
  readonly forSeconds: number;
  readonly description: string;
  readonly runbook: string;
  readonly severity?: Severity;
}

const ERROR_SHARE = 'sum by (service) (rate(acgs_requests_total{status=~"5.."}[5m])) / sum by (service) (rate(acgs_requests_total[5m]))';
/** Burn rates over two windows each (SRE Workbook, chapter 5); the recorded series are in ops/monitoring/recording-rules.ts. */
const burns = (long: string, short: string, rate: number): string =>
  [long, short].map((window) => `acgs:sli_errors:ratio_rate${window} > on (service) group_left (tier) (${rate} * (1 - acgs:slo_objective:ratio))`).join(' and on (service) ');
const INFERENCE_P99 = 'histogram_quantile(0.99, sum by (le, service) (rate(acgs_inference_duration_seconds_bucket[5m])))';

const ROWS: readonly RuleRow[] = [
  {
    name: 'ServiceDown', level: 'CRITICAL', expression: 'up{job="acgs"} == 0', forSeconds: 0, runbook: 'service-down',
    description: 'A service did not answer its last scrape. People hear of the first failure.',
  },
  {
    name: 'TotalOutage', level: 'EMERGENCY', expression: 'sum(up{job="acgs"}) == 0', forSeconds: 0, runbook: 'service-down',
    description: 'No service answers its scrapes.',
  },
  {
    name: 'SystemHealthLow', level: 'CRITICAL', expression: 'avg(up{job="acgs"}) < 0.75', forSeconds: 60, runbook: 'service-down',
    description: 'Fewer than three quarters of the services are up.',
  },
  {
    name: 'HighLatency', level: 'WARNING', expression: 'histogram_quantile(0.99, sum by (le, service) (rate(acgs_request_duration_seconds_bucket{service!="gateway"}[5m]))) > 0.005', forSeconds: 120, runbook: 'latency',
    description: 'The 99th percentile of a service is above 5 ms.',
  },
  {
    name: 'HighEndToEndLatency', level: 'WARNING', expression: 'histogram_quantile(0.99, sum by (le) (rate(acgs_request_duration_seconds_bucket{service="gateway"}[5m]))) > 0.1', forSeconds: 120, runbook: 'latency',
    description: 'The 99th percentile a client sees is above 100 ms.',
  },
  {
    name: 'LowThroughput', level: 'CRITICAL', expression: 'sum(rate(acgs_requests_total{service="gateway"}[5m])) < 100 and sum(rate(acgs_requests_total{service="gateway",status=~"429|503|504"}[5m])) > 1', forSeconds: 300, runbook: 'throughput',
    description: 'Fewer than 100 requests a second are served while others are turned away: capacity is missing, not demand.',
  },
  {
    name: 'CacheHitRateLow', level: 'WARNING', expression: 'sum by (service) (rate(acgs_cache_hits_total[5m])) / sum by (service) (rate(acgs_cache_requests_total[5m])) < 0.85', forSeconds: 300, runbook: 'cache',
    description: 'Fewer than 85 of 100 cache lookups hit.',
  },
  {
    name: 'HighErrorRate', level: 'CRITICAL', expression: `${ERROR_SHARE} > 0.02`, forSeconds: 120, runbook: 'errors',
    description: 'More than 2 of 100 requests fail.',
  },
  {
    name: 'ElevatedErrorRate', level: 'WARNING', expression: `${ERROR_SHARE} > 0.01`, forSeconds: 300, runbook: 'errors',
    description: 'More than 1 of 100 requests fail.',
  },
  {
    name: 'ErrorBudgetBurnFast', level: 'CRITICAL', expression: `${burns('1h', '5m', 14.4)} or ${burns('6h', '30m', 6)}`, forSeconds: 0, runbook: 'error-budget',
    description: 'A service fails so often that its error budget of 30 days lasts less than five days.',
  },
  {
    name: 'ErrorBudgetBurnSlow', level: 'WARNING', expression: `${burns('1d', '2h', 3)} or ${burns('3d', '6h', 1)}`, forSeconds: 0, runbook: 'error-budget',
    description: 'A service fails so often that its error budget does not last for 30 days.',
  },
  {
    name: 'DatabaseConnectionFailures', level: 'CRITICAL', expression: 'sum by (service) (increase(acgs_errors_total{code="DATABASE_UNAVAILABLE"}[5m])) > 0', forSeconds: 0, runbook: 'database',
    description: 'A service could not reach its database.',
  },
  {
    name: 'SupergraphRefused', level: 'WARNING', expression: 'sum by (outcome) (increase(acgs_supergraph_swaps_total{outcome=~"refused|failed"}[10m])) > 0', forSeconds: 0, runbook: 'supergraph',
    description: 'A new supergraph was not installed; the gateway goes on with the one before it.',
  },
  {
    name: 'ConstitutionalViolation', level: 'CRITICAL', severity: 'P0', expression: 'acgs_constitutional_compliance_rate < 1', forSeconds: 0, runbook: 'constitutional-violation',
    description: 'A check of the constitutional hash failed since the service started.',
  },
  {
    name: 'ConstitutionalHashMismatch', level: 'CRITICAL', severity: 'P0', expression: 'sum by (service, gate) (increase(acgs_constitutional_compliance_total[5m])) - sum by (service, gate) (increase(acgs_constitutional_compliance_success_total[5m])) > 0', forSeconds: 0, runbook: 'constitutional-violation',
    description: 'A request or an instance came with a foreign constitutional hash. The gateway reports each one by itself, without waiting for a scrape.',
  },
  {
    name: 'ComplianceScoreCritical', level: 'CRITICAL', expression: 'acgs_compliance_score < 0.90', forSeconds: 0, runbook: 'compliance-score',
    description: 'The compliance score of a service is below 0.90.',
  },
  {
    name: 'ComplianceScoreLow', level: 'WARNING', expression: 'acgs_compliance_score < 0.93', forSeconds: 0, runbook: 'compliance-score',
    description: 'The compliance score of a service is below 0.93.',
  },
  {
    name: 'InferenceLatencyCritical', level: 'CRITICAL', expression: `${INFERENCE_P99} > 2.5`, forSeconds: 120, runbook: 'latency',
    description: 'Calls of a model take more than 2.5 s at the 99th percentile.',
  },
  {
    name: 'InferenceLatencyHigh', level: 'WARNING', expression: `${INFERENCE_P99} > 1.5`, forSeconds: 120, runbook: 'latency',
    description: 'Calls of a model take more than 1.5 s at the 99th percentile.',
  },
  {
    name: 'HighCpuUsage', level: 'WARNING', expression: '1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m])) > 0.80', forSeconds: 300, runbook: 'resources',
    description: 'A machine uses more than 80 of 100 parts of its processors.',
  },
  {
    name: 'HighMemoryUsage', level: 'WARNING', expression: '1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes > 0.85', forSeconds: 300, runbook: 'resources',
    description: 'A machine uses more than 85 of 100 parts of its memory.',
  },
  {
    name: 'ModelAccuracyDegraded', level: 'WARNING', expression: 'acgs_model_accuracy < acgs_model_accuracy_baseline', forSeconds: 600, runbook: 'model-accuracy',
    description: 'The version of a model in production is less accurate than the one it replaced.',
  },
];

export const ALERT_RULES: readonly AlertRule[] = ROWS.map(({ name, level, expression, forSeconds, description, runbook, severity }) => {
  const { ackMinutes, responseMinutes, severity: ofLevel } = LEVEL_RESPONSE[level];
  if (ofLevel === null) throw new Error(`Alerts of level ${level} open no incident.`);
  return { name, expression, forSeconds, level, severity: severity ?? ofLevel, ackMinutes, responseMinutes, description, runbook: `docs/runbooks/${runbook}.md` };
});
