/** Rules, routes and dashboards: valid for the programs that read them, equal to their sources, and every query answered by a system that runs. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DASHBOARDS } from '../../ops/monitoring/panels.js';
import { readExposition } from '../../ops/monitoring/metric-table.js';
import { hasData, query, queryRange } from '../../ops/monitoring/prometheus-client.js';
import { RECORDING_RULES } from '../../ops/monitoring/recording-rules.js';
import { findPrograms, startModelServer, startShippedMonitoring, type ShippedMonitoring } from '../../ops/monitoring/shipped-monitoring.js';
import { Traffic } from '../../ops/monitoring/traffic.js';
import { writtenFiles } from '../../ops/monitoring/written-files.js';
import { projectPath } from '../../ops/runtime/package-root.js';
import { SECRET } from '../../ops/runtime/secret-files.js';
import { ALERT_RULES } from '../../subgraphs/policy-governance/seed-alert-rules.js';
import { startDeployment, type Deployment } from '../kit/deployment.js';
import { startOtlpReceiver, type OtlpReceiver } from '../kit/otlp-receiver.js';
import { TEST_HASH } from '../kit/subgraph.js';
import { until } from '../kit/until.js';

const OPS = projectPath('ops');
const installed = !('missing' in findPrograms());
const onPrograms = installed ? test : test.skip;

function runs(program: string, args: readonly string[], folder: string): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: folder, encoding: 'utf8' });
  return { status, output: `${stdout}${stderr}` };
}

describe('the written files', () => {
  test.each(writtenFiles(TEST_HASH))('$path is what its sources say ("npm run monitoring" writes it)', ({ path, text }) => {
    expect(readFileSync(join(OPS, ...path.split('/')), 'utf8')).toBe(text);
  });

  onPrograms('Prometheus takes configuration and rules', () => {
    const { status, output } = runs('promtool', ['check', 'config', 'prometheus.yml'], join(OPS, 'prometheus'));
    expect({ status, output }).toMatchObject({ status: 0, output: expect.stringContaining(`${ALERT_RULES.length} rules found`) });
  });

  onPrograms('every alert fires when it should and is quiet when it should not', () => {
    expect(runs('promtool', ['test', 'rules', 'alerts.yml'], join(OPS, 'prometheus', 'tests'))).toMatchObject({ status: 0 });
  });

  onPrograms('Alertmanager takes its configuration and routes every alert to the webhook', () => {
    const folder = join(OPS, 'alertmanager');
    expect(runs('amtool', ['check-config', 'alertmanager.yml'], folder)).toMatchObject({ status: 0 });
    for (const severity of ['info', 'warning', 'critical', 'emergency']) {
      expect(runs('amtool', ['config', 'routes', 'test', '--config.file=alertmanager.yml', `severity=${severity}`, 'alertname=ServiceDown'], folder)).toMatchObject({ status: 0, output: expect.stringMatching(/^acgs$/m) });
    }
  });

  test('what inhibits and is inhibited are alerts that exist', () => {
    const known = new Set(ALERT_RULES.map(({ name }) => name));
    const named = [...readFileSync(join(OPS, 'alertmanager', 'alertmanager.yml'), 'utf8').matchAll(/alertname=~?"([^"]+)"/g)].flatMap(([, names = '']) => names.split('|'));
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  test('dashboards have the identifiers of the sources, and panels a unit, a meaning and limits', () => {
    expect(DASHBOARDS.map(({ uid }) => uid)).toEqual(['acgs-overview', 'acgs-performance', 'acgs-compliance', 'acgs-infrastructure']);
    for (const { panels } of DASHBOARDS) {
      expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
      for (const { unit, description, limits, queries } of panels) expect({ unit: unit.length > 0, description: description.length > 20, limits: limits.warning !== undefined, queries: queries.length > 0 }).toEqual({ unit: true, description: true, limits: true, queries: true });
    }
  });
});

/** Selectors of an expression: what has to be exported for it to ever say anything. */
function selectorsOf(expression: string): string[] {
  return [...new Set([...expression.matchAll(/\b((?:acgs|node|up|process|nodejs)[a-zA-Z0-9_:]*)(\{[^}]*\})?/g)].map(([, name = '', matchers = '']) => `${name}${matchers}`))];
}

(installed ? describe : describe.skip)('a system that runs, scraped by the shipped configuration', () => {
  let deployment: Deployment;
  let receiver: OtlpReceiver;
  let model: Awaited<ReturnType<typeof startModelServer>>;
  let monitoring: ShippedMonitoring;
  let folder: string;
  let traffic: Traffic;
  let asking: Promise<void>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'acgs-monitoring-'));
    [receiver, model] = await Promise.all([startOtlpReceiver(), startModelServer()]);
    deployment = await startDeployment({ environment: { ACGS_TRACING: 'on', OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_BSP_SCHEDULE_DELAY: '100', ACGS_PROBE_INTERVAL_MS: '500', ACGS_REVOCATION_MAX_AGE_MS: '10000' } });
    monitoring = await startShippedMonitoring({
      folder: join(folder, 'monitoring'), everySeconds: 1,
      controlPlane: Object.entries(deployment.urls).map(([service, url]) => ({ service, address: new URL(url).host })), models: [{ service: 'judge', address: model.address }],
      webhookUrl: `${deployment.urls['policy-governance']}/webhooks/alertmanager`, webhookTokenFile: join(deployment.dataDirectory, 'secrets', SECRET.alertmanagerToken),
    });
    const adminPassword = (await readFile(join(deployment.dataDirectory, 'secrets', 'admin.password'), 'utf8')).trim();
    traffic = await Traffic.begin({ gatewayUrl: deployment.gatewayUrl, constitutionalHash: TEST_HASH, adminPassword });
    asking = traffic.keepAsking(250);
    asking.catch(() => undefined);
  }, 120_000);
  afterAll(async () => {
    await traffic?.stop();
    await asking;
    await monitoring?.stop();
    await deployment?.stop();
    await model?.stop();
    await receiver?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test('one trace goes through the processes of the gateway and of two subgraphs', async () => {
    const traceId = '11112222333344445555666677778888';
    await fetch(`${deployment.gatewayUrl}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json', traceparent: `00-${traceId}-b7ad6b7169203331-01`, 'x-request-id': 'over-processes' }, body: JSON.stringify({ query: '{ constitutionalValidation { valid } jwks: __typename }' }) });
    const [gateway] = await receiver.trace(traceId, (spans) => spans.some(({ service, name }) => service === 'acgs-gateway' && name === 'POST /graphql'));
    expect(gateway?.traceId).toBe(traceId);
    // Of the operator's own queries, whose trace began at the gateway.
    const request = await receiver.span(({ service, name, traceId: id }) => service === 'acgs-gateway' && name === 'POST /graphql' && ['acgs-auth', 'acgs-integrity'].every((subgraph) => receiver.spans.some((span) => span.traceId === id && span.service === subgraph && span.name === 'graphql')));
    const spans = receiver.spans.filter((span) => span.traceId === request.traceId);
    for (const subgraph of ['acgs-auth', 'acgs-integrity']) {
      const served = spans.find(({ service, name }) => service === subgraph && name === 'graphql');
      const fetched = spans.find(({ spanId }) => spanId === served?.parentSpanId);
      expect(fetched).toMatchObject({ service: 'acgs-gateway', kind: 3, parentSpanId: request.spanId });
    }
  }, 30_000);

  test('the foreign hash of one client becomes an alert that policy-governance holds', async () => {
    await until(async () => (hasData(await query(monitoring.prometheusUrl, 'acgs_alerts_firing{level="CRITICAL"} > 0')) ? true : undefined), 20_000);
    await until(async () => (hasData(await query(monitoring.prometheusUrl, 'acgs_alerts_received_total{outcome="raised"} > 0')) ? true : undefined), 20_000);
    await until(async () => (hasData(await query(monitoring.prometheusUrl, 'ALERTS{alertname="ConstitutionalHashMismatch",alertstate="firing",constitutional_hash="cdd01ef066bc6cf2",service="gateway",gate="request"}')) ? true : undefined), 30_000);
  }, 80_000);

  test('every query of every panel has data', async () => {
    let missing = DASHBOARDS.flatMap(({ uid, panels }) => panels.flatMap(({ title, queries }) => queries.map(({ expression }) => ({ panel: `${uid} ${title}`, expression }))));
    await until(async () => {
      await model.infer();
      const end = Date.now() / 1_000;
      const answered = await Promise.all(missing.map(async ({ expression }) => hasData(await queryRange(monitoring.prometheusUrl, expression, { start: end - 60, end, step: 5 }))));
      missing = missing.filter((_, index) => answered[index] !== true);
      return missing.length === 0 ? true : undefined;
    }, 20_000).catch((error: unknown) => { if (missing.length === 0) throw error; });
    expect(missing).toEqual([]);
  }, 40_000);

  test('everything that alerts and recording rules select is exported', async () => {
    const expressions = [...ALERT_RULES, ...RECORDING_RULES].map(({ expression }) => expression);
    const selectors = [...new Set(expressions.flatMap(selectorsOf))];
    expect(selectors.length).toBeGreaterThan(30);
    const silent = (await Promise.all(selectors.map(async (selector) => (hasData(await query(monitoring.prometheusUrl, selector)) ? [] : [selector])))).flat();
    // Nothing has failed with such a status, and no supergraph was refused: a series that nothing made is right to be missing.
    expect(silent.filter((selector) => !selector.includes('status=~'))).toEqual([]);
  });

  test('the documentation lists exactly what is exported', async () => {
    const scrapes = await Promise.all(Object.values(deployment.urls).map(async (url) => (await fetch(`${url}/metrics`)).text()));
    const exported = readExposition(scrapes).map(({ name, type, help }) => `${name} | ${type} | ${help}`);
    const page = await readFile(projectPath('docs', 'observability.md'), 'utf8');
    const listed = [...page.matchAll(/^\| `(acgs_\w+)` \| (\w+) \| [^|]* \| [^|]* \| (.*) \|$/gm)].map(([, name, type, help]) => `${name} | ${type} | ${help}`);
    expect(listed).toEqual(exported);
  });

  test('an exemplar in Prometheus leads to a trace that was recorded', async () => {
    const found = await until(async () => {
      const { data } = await (await fetch(`${monitoring.prometheusUrl}/api/v1/query_exemplars?${new URLSearchParams({ query: 'acgs_request_duration_seconds_bucket{service="gateway"}', start: String(Date.now() / 1_000 - 120), end: String(Date.now() / 1_000 + 60) }).toString()}`)).json() as { data: { exemplars: { labels: { trace_id?: string } }[] }[] };
      return data.flatMap(({ exemplars }) => exemplars).at(0)?.labels.trace_id;
    });
    await receiver.trace(found, (spans) => spans.some(({ name }) => name === 'POST /graphql'));
  });
});
