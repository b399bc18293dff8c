/** What the dashboards show: every panel with its queries, unit, meaning and limits. */

/** Units as Grafana names them. */
export type Unit = 's' | 'reqps' | 'percentunit' | 'short' | 'bytes' | 'Bps' | 'none' | 'cps';

export interface Query {
  readonly expression: string;
  /** Name of a series, in Grafana's notation. */
  readonly legend: string;
}

export interface Panel {
  readonly title: string;
  readonly description: string;
  readonly kind: 'timeseries' | 'stat' | 'table';
  readonly unit: Unit;
  readonly queries: readonly Query[];
  /** Where it becomes worth a look, and bad; falling means that low values are bad. */
  readonly limits: { readonly warning: number; readonly critical: number; readonly falling?: boolean };
  /** Of the 24 columns; default 12. */
  readonly width?: number;
  readonly min?: number;
  readonly max?: number;
}

export interface Dashboard {
  readonly uid: 'acgs-overview' | 'acgs-performance' | 'acgs-compliance' | 'acgs-infrastructure';
  readonly title: string;
  readonly description: string;
  readonly panels: readonly Panel[];
}

const one = (expression: string, legend: string): Query[] => [{ expression, legend }];
const NONE = { warning: 1e12, critical: 1e13 };
const quantile = (share: string, by = 'service'): Query => ({ expression: `histogram_quantile(${share}, sum by (le, ${by}) (rate(acgs_request_duration_seconds_bucket[5m])))`, legend: `{{${by}}} p${Number(share) * 100}` });

const OVERVIEW: Dashboard = {
  uid: 'acgs-overview', title: 'ACGS: System Overview', description: 'Is it up, is it fast, who fails, what is open.',
  panels: [
    { title: 'Services up', kind: 'stat', unit: 'percentunit', width: 6, limits: { warning: 1, critical: 0.75, falling: true }, description: 'Share of the scraped processes that answer. Below three quarters SystemHealthLow fires.', queries: one('avg(up{job="acgs"})', 'up') },
    { title: 'Alerts firing', kind: 'stat', unit: 'short', width: 6, limits: { warning: 1, critical: 3 }, description: 'Alerts that policy-governance holds as firing, by level.', queries: one('sum by (level) (acgs_alerts_firing)', '{{level}}') },
    { title: 'Incidents open', kind: 'stat', unit: 'short', width: 6, limits: { warning: 1, critical: 3 }, description: 'Incidents that are declared, triaged or mitigated, by severity.', queries: one('sum by (severity) (acgs_incidents_open)', '{{severity}}') },
    { title: 'Change success rate', kind: 'stat', unit: 'percentunit', width: 6, limits: { warning: 0.97, critical: 0.95, falling: true }, description: 'Deployments carried out since the start that did not fail; 1 while there is none. Target 95 %.', queries: one('1 - sum(acgs_deployments_total{result="failed"}) / clamp_min(sum(acgs_deployments_total), 1)', 'success') },
    { title: 'Throughput', kind: 'timeseries', unit: 'reqps', limits: NONE, description: 'Requests a second at the gateway, by operation.', queries: one('sum by (operation) (rate(acgs_requests_total{service="gateway"}[5m]))', '{{operation}}') },
    { title: 'End-to-end latency', kind: 'timeseries', unit: 's', limits: { warning: 0.05, critical: 0.1 }, description: 'What a client waits at the gateway. The 99th percentile must stay below 100 ms.', queries: ['0.50', '0.95', '0.99'].map((share) => ({ expression: `histogram_quantile(${share}, sum by (le) (rate(acgs_request_duration_seconds_bucket{service="gateway"}[5m])))`, legend: `p${Number(share) * 100}` })) },
    { title: 'Failed calls', kind: 'timeseries', unit: 'percentunit', limits: { warning: 0.01, critical: 0.02 }, description: 'Share of the requests, or of the calls to a subgraph, that failed over 5 minutes.', queries: one('acgs:sli_errors:ratio_rate5m', '{{service}}') },
    { title: 'Error budget left', kind: 'timeseries', unit: 'percentunit', limits: { warning: 0.5, critical: 0, falling: true }, description: 'What is left of the error budget if the last three days went on for thirty; below zero the objective of the tier is missed.', queries: one('acgs:slo_error_budget:remaining3d', '{{service}} (tier {{tier}})') },
    { title: 'Key figures of incidents', kind: 'table', unit: 'none', limits: NONE, description: 'Over 30 days: minutes to detect and to resolve, percent acknowledged and resolved in time, percent that came back.', queries: one('acgs_kpi', '{{kpi}} in {{unit}}') },
    { title: 'Change requests', kind: 'timeseries', unit: 'short', limits: NONE, description: 'Change requests by status.', queries: one('sum by (status) (acgs_change_requests)', '{{status}}') },
  ],
};

const PERFORMANCE: Dashboard = {
  uid: 'acgs-performance', title: 'ACGS: Performance Metrics', description: 'Latency percentiles, throughput, caches, calls to subgraphs, subscriptions.',
  panels: [
    { title: 'Latency percentiles', kind: 'timeseries', unit: 's', limits: { warning: 0.0025, critical: 0.005 }, description: 'Of every service, over all operations. HighLatency fires above 5 ms at the 99th percentile of a subgraph.', queries: [quantile('0.50'), quantile('0.99')] },
    { title: 'Latency by operation', kind: 'timeseries', unit: 's', limits: { warning: 0.0025, critical: 0.005 }, description: 'Logins hash passwords and changes commit on disk: they are slower than reads on purpose.', queries: one('histogram_quantile(0.99, sum by (le, service, operation) (rate(acgs_request_duration_seconds_bucket[5m])))', '{{service}} {{operation}}') },
    { title: 'Throughput of the services', kind: 'timeseries', unit: 'reqps', limits: NONE, description: 'Requests a second, by service.', queries: one('acgs:requests:rate5m', '{{service}}') },
    { title: 'Errors', kind: 'timeseries', unit: 'cps', limits: { warning: 1, critical: 5 }, description: 'Errors answered a second, by registered code; those of a client count too.', queries: one('topk(10, sum by (service, code) (rate(acgs_errors_total[5m])) > 0)', '{{service}} {{code}}') },
    { title: 'Cache hits', kind: 'timeseries', unit: 'percentunit', limits: { warning: 0.9, critical: 0.85, falling: true }, min: 0, max: 1, description: 'Share of the lookups that hit, by cache, from the counters. Below 85 % CacheHitRateLow fires.', queries: one('acgs:cache_hits:ratio5m', '{{service}} {{cache}}') },
    { title: 'Cache hits since start', kind: 'stat', unit: 'percentunit', limits: { warning: 0.9, critical: 0.85, falling: true }, description: 'The gauge over the life of each process; too slow to alert on.', queries: one('acgs_cache_hit_rate', '{{service}}') },
    { title: 'Calls to subgraphs', kind: 'timeseries', unit: 'reqps', limits: NONE, description: 'Calls of the gateway a second, by subgraph and outcome.', queries: one('sum by (service, outcome) (rate(acgs_subgraph_requests_total[5m])) > 0', '{{service}} {{outcome}}') },
    { title: 'Latency of subgraphs as called', kind: 'timeseries', unit: 's', limits: { warning: 0.025, critical: 0.1 }, description: '99th percentile of a call, network and repetition included.', queries: one('histogram_quantile(0.99, sum by (le, service) (rate(acgs_subgraph_request_duration_seconds_bucket[5m])))', '{{service}}') },
    { title: 'Circuits and repetitions', kind: 'timeseries', unit: 'short', limits: { warning: 1, critical: 2 }, description: 'Instances that are not called because they only failed, and calls that were sent twice a second.', queries: [{ expression: 'sum by (service) (acgs_subgraph_open_circuits)', legend: '{{service}} open' }, { expression: 'sum by (service) (rate(acgs_subgraph_retries_total[5m]))', legend: '{{service}} repeated/s' }] },
    { title: 'Operation cost', kind: 'timeseries', unit: 'short', limits: { warning: 2_500, critical: 5_000 }, description: 'Median of what operations were estimated to cost and what they did, of every 128th request.', queries: [{ expression: 'acgs_operation_cost_estimated_sum / clamp_min(acgs_operation_cost_estimated_count, 1)', legend: 'estimated, mean' }, { expression: 'acgs_operation_cost_actual_sum / clamp_min(acgs_operation_cost_actual_count, 1)', legend: 'actual, mean' }] },
    { title: 'Subscriptions', kind: 'timeseries', unit: 'short', limits: NONE, description: 'Subscriptions that run now, the streams they share, and those over HTTP.', queries: [{ expression: 'acgs_subscriptions_active', legend: 'subscriptions' }, { expression: 'acgs_subscription_feeds', legend: 'streams' }, { expression: 'acgs_subscription_connections', legend: 'WebSockets' }] },
    { title: 'Event delivery', kind: 'timeseries', unit: 's', limits: { warning: 0.05, critical: 0.25 }, description: '99th percentile from the arrival of an event at the gateway to its hand-over to the socket.', queries: one('histogram_quantile(0.99, sum by (le) (rate(acgs_subscription_delivery_seconds_bucket[5m])))', 'p99') },
  ],
};

const COMPLIANCE: Dashboard = {
  uid: 'acgs-compliance', title: 'ACGS: Constitutional Compliance', description: 'Hash validation, policy decisions, scores, violations and the completeness of the audit log.',
  panels: [
    { title: 'Hash validation', kind: 'stat', unit: 'percentunit', width: 8, limits: { warning: 1, critical: 1, falling: true }, description: 'Share of the checks of the constitutional hash that passed since each process started. Anything below 1 is a P0.', queries: one('acgs_constitutional_compliance_rate', '{{service}}') },
    { title: 'Constitution in force', kind: 'table', unit: 'none', width: 8, limits: NONE, description: 'The hash and the epoch every process started under; they must agree.', queries: one('max by (service, constitutional_hash) (acgs_constitution_epoch)', '{{service}} {{constitutional_hash}}') },
    { title: 'Audit trail completeness', kind: 'stat', unit: 'percentunit', width: 8, limits: { warning: 1, critical: 0.999, falling: true }, description: 'Share of the committed changes that have a leaf in the audit log. Target 100 %; a change needs a moment to arrive.', queries: one('acgs_audit_trail_completeness', '{{subgraph}}') },
    { title: 'Hash checks that passed', kind: 'timeseries', unit: 'percentunit', limits: { warning: 1, critical: 1, falling: true }, max: 1, description: 'Share of the hash checks that passed over 5 minutes, by service.', queries: one('acgs:constitutional_compliance:ratio5m', '{{service}}') },
    { title: 'Failed hash checks', kind: 'timeseries', unit: 'short', limits: { warning: 1, critical: 1 }, description: 'Checks that failed within 5 minutes, by service and gate.', queries: one('sum by (service, gate) (increase(acgs_constitutional_compliance_total[5m])) - sum by (service, gate) (increase(acgs_constitutional_compliance_success_total[5m]))', '{{service}} {{gate}}') },
    { title: 'Compliance score', kind: 'timeseries', unit: 'percentunit', limits: { warning: 0.93, critical: 0.9, falling: true }, description: 'Score of the latest check of each service. Below 0.93 it is a warning, below 0.90 critical.', queries: one('acgs_compliance_score', '{{subject_service}}') },
    { title: 'Policy decisions', kind: 'timeseries', unit: 'cps', limits: NONE, description: 'Requests judged a second, by outcome.', queries: one('sum by (outcome) (rate(acgs_policy_evaluation_seconds_count[5m]))', '{{outcome}}') },
    { title: 'Policy compliance rate', kind: 'stat', unit: 'percentunit', limits: { warning: 0.9999, critical: 0.999, falling: true }, description: 'Share of the judged requests that the policies did not deny, since start; 1 while there is none. Target 99.9 %.', queries: one('1 - sum(acgs_policy_evaluation_seconds_count{outcome="DENY"}) / clamp_min(sum(acgs_policy_evaluation_seconds_count), 1)', 'compliant') },
    { title: 'Decision latency', kind: 'timeseries', unit: 's', limits: { warning: 0.0005, critical: 0.001 }, description: '99th percentile of judging one request. Target below 1 ms.', queries: one('histogram_quantile(0.99, sum by (le) (rate(acgs_policy_evaluation_seconds_bucket[5m])))', 'p99') },
    { title: 'Changes waiting for a leaf', kind: 'timeseries', unit: 'short', limits: { warning: 100, critical: 1_000 }, description: 'Committed changes that the audit log has not taken in yet.', queries: one('acgs_audit_pending_changes', '{{subgraph}}') },
    { title: 'Alerts received', kind: 'timeseries', unit: 'short', limits: NONE, description: 'Alerts by what became of them, and those whose hash label was missing or foreign.', queries: [{ expression: 'sum by (outcome) (acgs_alerts_received_total)', legend: '{{outcome}}' }, { expression: 'sum by (reason) (acgs_alerts_unverified_total)', legend: 'unverified: {{reason}}' }] },
    { title: 'Model accuracy', kind: 'timeseries', unit: 'percentunit', limits: { warning: 0.93, critical: 0.9, falling: true }, description: 'Measured accuracy of what each model has in production, beside what it replaced.', queries: [{ expression: 'acgs_model_accuracy', legend: '{{model}}' }, { expression: 'acgs_model_accuracy_baseline', legend: '{{model}} before' }] },
  ],
};

const INFRASTRUCTURE: Dashboard = {
  uid: 'acgs-infrastructure', title: 'ACGS: Infrastructure Health', description: 'Machines, processes, event loops, database.',
  panels: [
    { title: 'Processor use of the machines', kind: 'timeseries', unit: 'percentunit', limits: { warning: 0.7, critical: 0.8 }, min: 0, max: 1, description: 'From the node exporter. Above 80 % HighCpuUsage fires.', queries: one('1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m]))', '{{instance}}') },
    { title: 'Memory use of the machines', kind: 'timeseries', unit: 'percentunit', limits: { warning: 0.75, critical: 0.85 }, min: 0, max: 1, description: 'From the node exporter. Above 85 % HighMemoryUsage fires.', queries: one('1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes', '{{instance}}') },
    { title: 'Disk use', kind: 'timeseries', unit: 'percentunit', limits: { warning: 0.75, critical: 0.9 }, min: 0, max: 1, description: 'Fullest file system of each machine.', queries: one('max by (instance) (1 - node_filesystem_avail_bytes / (node_filesystem_size_bytes > 0))', '{{instance}}') },
    { title: 'Network', kind: 'timeseries', unit: 'Bps', limits: NONE, description: 'Bytes a second, received and sent.', queries: [{ expression: 'sum by (instance) (rate(node_network_receive_bytes_total[5m]))', legend: '{{instance}} in' }, { expression: 'sum by (instance) (rate(node_network_transmit_bytes_total[5m]))', legend: '{{instance}} out' }] },
    { title: 'Processor time of the processes', kind: 'timeseries', unit: 'percentunit', limits: { warning: 0.7, critical: 0.9 }, description: 'Share of one core that each process uses.', queries: one('sum by (service, instance) (rate(process_cpu_seconds_total{job="acgs"}[5m]))', '{{service}}') },
    { title: 'Resident memory', kind: 'timeseries', unit: 'bytes', limits: { warning: 600e6, critical: 1e9 }, description: 'Memory of each process that the machine holds for it.', queries: one('process_resident_memory_bytes{job="acgs"}', '{{service}}') },
    { title: 'Event loop lag', kind: 'timeseries', unit: 's', limits: { warning: 0.05, critical: 0.1 }, description: '99th percentile; a loop that lags answers nobody in time.', queries: one('nodejs_eventloop_lag_p99_seconds', '{{service}}') },
    { title: 'Open files', kind: 'timeseries', unit: 'percentunit', limits: { warning: 0.7, critical: 0.9 }, description: 'Share of the file descriptors a process may have.', queries: one('process_open_fds{job="acgs"} / process_max_fds{job="acgs"}', '{{service}}') },
    { title: 'Database connections', kind: 'timeseries', unit: 'short', limits: { warning: 3, critical: 4 }, description: 'Of the kernel, by state; what waits has to wait for a connection.', queries: one('sum by (service, state) (acgs_database_connections)', '{{service}} {{state}}') },
    { title: 'Transactions', kind: 'timeseries', unit: 's', limits: { warning: 0.05, critical: 0.25 }, description: '99th percentile of a transaction, repetitions included.', queries: one('histogram_quantile(0.99, sum by (le, service) (rate(acgs_database_transaction_seconds_bucket[5m])))', '{{service}}') },
    { title: 'Instances in use', kind: 'stat', unit: 'short', limits: { warning: 1, critical: 1, falling: true }, description: 'Whether the last probe found the active instance of each service healthy.', queries: one('acgs_active_instance_up', '{{target}}') },
    { title: 'Inference latency', kind: 'timeseries', unit: 's', limits: { warning: 1.5, critical: 2.5 }, description: '99th percentile of a call of a model, from the model servers.', queries: one('histogram_quantile(0.99, sum by (le, service) (rate(acgs_inference_duration_seconds_bucket[5m])))', '{{service}}') },
  ],
};

export const DASHBOARDS: readonly Dashboard[] = [OVERVIEW, PERFORMANCE, COMPLIANCE, INFRASTRUCTURE];
