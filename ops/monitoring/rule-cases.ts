/** For every alert: series under which it fires, and series close to them under which it must not. Values in promtool's notation, one each 15 s. */

export interface RuleCase {
  readonly series: Readonly<Record<string, string>>;
  /** When it is looked at. */
  readonly at: string;
  /** Labels of the alerts that fire, without those every alert of the rule has. */
  readonly labels?: readonly Readonly<Record<string, string>>[] | undefined;
}

interface RuleCases {
  readonly fires: Required<RuleCase>;
  readonly quiet: RuleCase;
}

const up = (service: string): string => `up{job="acgs",service="${service}",instance="${service}:1"}`;
const UP_LABELS = (service: string): Record<string, string> => ({ job: 'acgs', service, instance: `${service}:1` });
const SIX = ['a', 'b', 'c', 'd', 'e', 'f'];
const ups = (down: number): Record<string, string> => Object.fromEntries(SIX.map((service, index) => [up(service), index < down ? '0x60' : '1x60']));

/** A histogram whose requests all take as long as one of its buckets. @param bound upper bound of that bucket, as it is written. */
function duration(metric: string, labels: string, bounds: readonly string[], bound: string): Record<string, string> {
  return Object.fromEntries([...bounds, '+Inf'].map((le) => [`${metric}{${labels},le="${le}"}`, Number(le.replace('+', '')) >= Number(bound) ? '0+150x60' : '0x60']));
}
const API = 'acgs_request_duration_seconds_bucket';
const API_BOUNDS = ['0.001', '0.0025', '0.005', '0.01', '0.05', '0.1', '0.25'];
const MODEL = 'acgs_inference_duration_seconds_bucket';
const MODEL_BOUNDS = ['0.5', '1', '1.5', '2', '2.5', '5'];

const requests = (service: string, status: string): string => `acgs_requests_total{service="${service}",operation="query",status="${status}"}`;
const called = (service: string, outcome: string): string => `acgs_subgraph_requests_total{service="${service}",outcome="${outcome}"}`;
const check = (result: '' | '_success'): string => `acgs_constitutional_compliance${result}_total{service="auth",gate="hop"}`;

/** Cases by the alert's name; making the files fails where one is missing. */
export const RULE_CASES: Readonly<Record<string, RuleCases>> = {
  ServiceDown: {
    fires: { series: { [up('auth')]: '1x10 0x10', [up('gateway')]: '1x20' }, at: '4m', labels: [UP_LABELS('auth')] },
    quiet: { series: { [up('auth')]: '1x10 0x2 1x10', 'up{job="node",instance="n:1"}': '0x60' }, at: '5m' },
  },
  TotalOutage: {
    fires: { series: ups(6), at: '1m', labels: [{}] },
    quiet: { series: ups(5), at: '10m' },
  },
  SystemHealthLow: {
    fires: { series: ups(2), at: '2m', labels: [{}] },
    quiet: { series: ups(1), at: '10m' },
  },
  HighLatency: {
    fires: { series: duration(API, 'service="auth",operation="query"', API_BOUNDS, '0.01'), at: '10m', labels: [{ service: 'auth' }] },
    // The cumulative buckets still remember the slow beginning; their rate does not. And the gateway's own target is another.
    quiet: { series: { ...duration(API, 'service="auth",operation="query"', API_BOUNDS, '0.005'), ...duration(API, 'service="gateway",operation="query"', API_BOUNDS, '0.05') }, at: '10m' },
  },
  HighEndToEndLatency: {
    fires: { series: duration(API, 'service="gateway",operation="query"', API_BOUNDS, '0.25'), at: '10m', labels: [{}] },
    quiet: { series: duration(API, 'service="gateway",operation="query"', API_BOUNDS, '0.1'), at: '10m' },
  },
  LowThroughput: {
    fires: { series: { [requests('gateway', '200')]: '0+300x60', [requests('gateway', '503')]: '0+150x60' }, at: '14m', labels: [{}] },
    // Idle at night is no lack of capacity; neither are refusals beside 150 requests a second over three gateways.
    quiet: { series: { [requests('gateway', '200')]: '0+2x60', [requests('gateway', '503')]: '0+1x60' }, at: '14m' },
  },
  CacheHitRateLow: {
    fires: { series: { 'acgs_cache_requests_total{service="gateway",cache="plan"}': '0+100x60', 'acgs_cache_hits_total{service="gateway",cache="plan"}': '0+84x60' }, at: '14m', labels: [{ service: 'gateway' }] },
    quiet: { series: { 'acgs_cache_requests_total{service="gateway",cache="plan"}': '0+100x60', 'acgs_cache_hits_total{service="gateway",cache="plan"}': '0+86x60' }, at: '14m' },
  },
  HighErrorRate: {
    fires: { series: { [requests('auth', '200')]: '0+97x60', [requests('auth', '500')]: '0+3x60' }, at: '10m', labels: [{ service: 'auth' }] },
    quiet: { series: { [requests('auth', '200')]: '0+98.5x60', [requests('auth', '500')]: '0+1.5x60', [requests('auth', '400')]: '0+50x60' }, at: '10m' },
  },
  ElevatedErrorRate: {
    fires: { series: { [requests('auth', '200')]: '0+985x60', [requests('auth', '500')]: '0+15x60' }, at: '14m', labels: [{ service: 'auth' }] },
    quiet: { series: { [requests('auth', '200')]: '0+995x60', [requests('auth', '500')]: '0+5x60' }, at: '14m' },
  },
  ErrorBudgetBurnFast: {
    fires: { series: { [called('auth', 'ok')]: '0+98x480', [called('auth', 'unavailable')]: '0+2x480' }, at: '2h', labels: [{ service: 'auth', tier: '1' }] },
    // The same failures of a service of tier 3, whose budget is ten times as large, and an outage that has ended.
    quiet: { series: { [called('formal-verification', 'ok')]: '0+98x480', [called('formal-verification', 'unavailable')]: '0+2x480', [called('auth', 'ok')]: '0+98x480', [called('auth', 'unavailable')]: '0+2x320 640x160' }, at: '2h' },
  },
  ErrorBudgetBurnSlow: {
    fires: { series: { [called('integrity', 'ok')]: '0+995x800', [called('integrity', 'timeout')]: '0+5x800' }, at: '3h', labels: [{ service: 'integrity', tier: '2' }] },
    quiet: { series: { [called('integrity', 'ok')]: '0+9995x800', [called('integrity', 'timeout')]: '0+5x800' }, at: '3h' },
  },
  DatabaseConnectionFailures: {
    fires: { series: { 'acgs_errors_total{service="auth",code="DATABASE_UNAVAILABLE"}': '0x10 1x20' }, at: '4m', labels: [{ service: 'auth' }] },
    quiet: { series: { 'acgs_errors_total{service="auth",code="DATABASE_UNAVAILABLE"}': '0x5 1x60', 'acgs_errors_total{service="auth",code="INTERNAL"}': '0+5x60' }, at: '10m' },
  },
  SupergraphRefused: {
    fires: { series: { 'acgs_supergraph_swaps_total{service="gateway",outcome="refused"}': '0x10 1x20' }, at: '5m', labels: [{ outcome: 'refused' }] },
    quiet: { series: { 'acgs_supergraph_swaps_total{service="gateway",outcome="installed"}': '0+1x60', 'acgs_supergraph_swaps_total{service="gateway",outcome="refused"}': '0x60' }, at: '10m' },
  },
  ConstitutionalViolation: {
    fires: { series: { 'acgs_constitutional_compliance_rate{service="auth"}': '1x10 0.999x10' }, at: '4m', labels: [{ service: 'auth' }] },
    quiet: { series: { 'acgs_constitutional_compliance_rate{service="auth"}': '1x60' }, at: '10m' },
  },
  ConstitutionalHashMismatch: {
    fires: { series: { [check('')]: '0+10x40', [check('_success')]: '0+10x10 109+10x30' }, at: '4m', labels: [{ service: 'auth', gate: 'hop' }] },
    quiet: { series: { [check('')]: '0+10x60', [check('_success')]: '0+10x60' }, at: '10m' },
  },
  ComplianceScoreCritical: {
    fires: { series: { 'acgs_compliance_score{service="constitutional-ai",subject_service="auth"}': '0.89x10' }, at: '1m', labels: [{ service: 'constitutional-ai', subject_service: 'auth' }] },
    quiet: { series: { 'acgs_compliance_score{service="constitutional-ai",subject_service="auth"}': '0.9x10' }, at: '2m' },
  },
  ComplianceScoreLow: {
    fires: { series: { 'acgs_compliance_score{service="constitutional-ai",subject_service="auth"}': '0.92x10' }, at: '1m', labels: [{ service: 'constitutional-ai', subject_service: 'auth' }] },
    quiet: { series: { 'acgs_compliance_score{service="constitutional-ai",subject_service="auth"}': '0.93x10' }, at: '2m' },
  },
  InferenceLatencyCritical: {
    fires: { series: duration(MODEL, 'service="judge"', MODEL_BOUNDS, '5'), at: '10m', labels: [{ service: 'judge' }] },
    quiet: { series: duration(MODEL, 'service="judge"', MODEL_BOUNDS, '2.5'), at: '10m' },
  },
  InferenceLatencyHigh: {
    fires: { series: duration(MODEL, 'service="judge"', MODEL_BOUNDS, '2'), at: '10m', labels: [{ service: 'judge' }] },
    quiet: { series: duration(MODEL, 'service="judge"', MODEL_BOUNDS, '1.5'), at: '10m' },
  },
  HighCpuUsage: {
    fires: { series: { 'node_cpu_seconds_total{instance="n:1",cpu="0",mode="idle"}': '0+1.5x60' }, at: '14m', labels: [{ instance: 'n:1' }] },
    quiet: { series: { 'node_cpu_seconds_total{instance="n:1",cpu="0",mode="idle"}': '0+1.5x60', 'node_cpu_seconds_total{instance="n:1",cpu="1",mode="idle"}': '0+15x60' }, at: '14m' },
  },
  HighMemoryUsage: {
    fires: { series: { 'node_memory_MemAvailable_bytes{instance="n:1"}': '14x60', 'node_memory_MemTotal_bytes{instance="n:1"}': '100x60' }, at: '10m', labels: [{ instance: 'n:1' }] },
    quiet: { series: { 'node_memory_MemAvailable_bytes{instance="n:1"}': '16x60', 'node_memory_MemTotal_bytes{instance="n:1"}': '100x60' }, at: '10m' },
  },
  ModelAccuracyDegraded: {
    fires: { series: { 'acgs_model_accuracy{model="judge"}': '0.91x60', 'acgs_model_accuracy_baseline{model="judge"}': '0.93x60' }, at: '14m', labels: [{ model: 'judge' }] },
    quiet: { series: { 'acgs_model_accuracy{model="judge"}': '0.93x60', 'acgs_model_accuracy_baseline{model="judge"}': '0.93x60' }, at: '14m' },
  },
};
