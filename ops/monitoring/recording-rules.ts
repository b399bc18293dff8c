/** Recording rules: what alerts and dashboards share, and the error budgets of the services by the multi-window method (SRE Workbook, chapter 5). */
import { SERVICES } from '../../subgraphs/policy-governance/seed-services.js';

export interface RecordingRule {
  readonly record: string;
  readonly expression: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Windows of the burn rates, in PromQL. */
export const BURN_WINDOWS = ['5m', '30m', '1h', '2h', '6h', '1d', '3d'] as const;

/**
 * Share of the requests that failed. What a subgraph is worth is judged where it is called: one that is down counts no
 * requests of its own. The part with `* 0` stands in for a series of failures that does not exist yet.
 */
function errorRatio(window: string): string {
  const called = `sum by (service) (rate(acgs_subgraph_requests_total[${window}]))`;
  const failed = `sum by (service) (rate(acgs_subgraph_requests_total{outcome!="ok"}[${window}]))`;
  const asked = `sum by (service) (rate(acgs_requests_total{service="gateway"}[${window}]))`;
  const faults = `sum by (service) (rate(acgs_requests_total{service="gateway",status=~"5.."}[${window}]))`;
  return `(${failed} or ${called} * 0) / (${called} > 0) or (${faults} or ${asked} * 0) / (${asked} > 0)`;
}

export const RECORDING_RULES: readonly RecordingRule[] = [
  { record: 'acgs:requests:rate5m', expression: 'sum by (service) (rate(acgs_requests_total[5m]))' },
  { record: 'acgs:request_duration_seconds:p50_5m', expression: 'histogram_quantile(0.50, sum by (le, service) (rate(acgs_request_duration_seconds_bucket[5m])))' },
  { record: 'acgs:request_duration_seconds:p99_5m', expression: 'histogram_quantile(0.99, sum by (le, service) (rate(acgs_request_duration_seconds_bucket[5m])))' },
  { record: 'acgs:cache_hits:ratio5m', expression: 'sum by (service, cache) (rate(acgs_cache_hits_total[5m])) / (sum by (service, cache) (rate(acgs_cache_requests_total[5m])) > 0)' },
  { record: 'acgs:constitutional_compliance:ratio5m', expression: 'sum by (service) (rate(acgs_constitutional_compliance_success_total[5m])) / (sum by (service) (rate(acgs_constitutional_compliance_total[5m])) > 0)' },
  ...BURN_WINDOWS.map((window) => ({ record: `acgs:sli_errors:ratio_rate${window}`, expression: errorRatio(window) })),
  ...SERVICES.map(({ id, tier, targets }) => ({ record: 'acgs:slo_objective:ratio', expression: `vector(${(targets.availability / 100).toFixed(4)})`, labels: { service: id, tier: String(tier) } })),
  { record: 'acgs:slo_error_budget:remaining3d', expression: '1 - acgs:sli_errors:ratio_rate3d / on (service) group_left (tier) (1 - acgs:slo_objective:ratio)' },
];
