/** `npm run charts`: runs a control plane under traffic with the shipped Prometheus, and draws the panels of the dashboards into docs/. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEmbeddedConfig } from '../embedded/config.js';
import { startControlPlane } from '../embedded/control-plane.js';
import { Lifecycle } from '../runtime/lifecycle.js';
import { createLogger } from '../runtime/logger.js';
import { projectPath } from '../runtime/package-root.js';
import { SECRET, secretFile } from '../runtime/secret-files.js';
import { chartSvg, type Line } from './chart-svg.js';
import { chartsEnvironment } from './config.js';
import { metricTable, readExposition, withTable } from './metric-table.js';
import { DASHBOARDS, type Panel } from './panels.js';
import { queryRange } from './prometheus-client.js';
import { startModelServer, startShippedMonitoring } from './shipped-monitoring.js';
import { Traffic } from './traffic.js';

/** How long traffic runs before the panels are drawn. */
const SECONDS = 60;
const STEP_SECONDS = 2;

async function main(lifecycle: Lifecycle): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'acgs-charts-'));
  lifecycle.add('folder', { stop: () => rm(folder, { recursive: true, force: true }) });
  const dataDirectory = join(folder, 'data');
  const existing = (name: string): string => secretFile(dataDirectory, name, () => { throw new Error(`There is no secret ${name}.`); });
  const plane = lifecycle.add('control plane', await startControlPlane(readEmbeddedConfig({ ...chartsEnvironment(), ACGS_DATA_DIR: dataDirectory, ACGS_FREE_PORTS: 'true', ACGS_LOG_LEVEL: 'error', ACGS_PROBE_INTERVAL_MS: '1000', ACGS_REVOCATION_MAX_AGE_MS: '10000' })));
  const model = lifecycle.add('model server', await startModelServer());
  const monitoring = lifecycle.add('monitoring', await startShippedMonitoring({
    folder: join(folder, 'monitoring'), everySeconds: 1, models: [{ service: 'judge', address: model.address }],
    controlPlane: [['gateway', plane.gatewayUrl] as const, ...Object.entries(plane.subgraphUrls)].map(([service, url]) => ({ service, address: new URL(url).host })),
    webhookUrl: `${plane.subgraphUrls['policy-governance']}/webhooks/alertmanager`, webhookTokenFile: join(dataDirectory, 'secrets', SECRET.alertmanagerToken),
  }));
  const started = Date.now() / 1_000;
  const traffic = lifecycle.add('traffic', await Traffic.begin({ gatewayUrl: plane.gatewayUrl, constitutionalHash: plane.installation.manifest.active, adminPassword: existing('admin.password') }));
  const asking = traffic.keepAsking(100);
  const inferring = setInterval(() => { model.infer().catch((error: unknown) => process.stderr.write(`${String(error)}\n`)); }, 100);
  process.stdout.write(`Traffic for ${SECONDS} s ...\n`);
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1_000));
  const range = { start: started, end: Date.now() / 1_000, step: STEP_SECONDS };
  const pages: string[] = [];
  for (const { uid, title, description, panels } of DASHBOARDS) {
    const images = await Promise.all(panels.map((panel) => drawn(monitoring.prometheusUrl, uid, panel, range)));
    pages.push(`## ${title}\n\n\`${uid}\`. ${description}\n\n${images.join('\n\n')}\n`);
  }
  clearInterval(inferring);
  await traffic.stop();
  await asking;
  writeFileSync(projectPath('docs', 'dashboards.md'), `${HEAD}\n${pages.join('\n')}`);
  const scrapes = await Promise.all([plane.gatewayUrl, ...Object.values(plane.subgraphUrls)].map(async (url) => (await fetch(`${url}/metrics`)).text()));
  const page = projectPath('docs', 'observability.md');
  writeFileSync(page, withTable(readFileSync(page, 'utf8'), metricTable(readExposition(scrapes))));
}

const HEAD = `# Dashboards

Four Grafana dashboards are in \`ops/grafana/dashboards\`, written by \`npm run monitoring\` from \`ops/monitoring/panels.ts\`; \`ops/grafana/provisioning\` loads them with their data source. There is no Grafana in this repository's tests: \`test/contract/monitoring.test.ts\` runs every query of every panel on a real Prometheus that scrapes a control plane under traffic.

The charts below are such a run, drawn by \`npm run charts\`: all in one process, scraped every second, under ${SECONDS} s of traffic with mistakes in it. One client sends a foreign constitutional hash now and then, which is why hash validation drops and an alert fires; calls of the model server are answered at once. The dashed line is the limit of the panel.
`;

async function drawn(prometheusUrl: string, uid: string, panel: Panel, range: { start: number; end: number; step: number }): Promise<string> {
  const lines = (await Promise.all(panel.queries.map(async ({ expression, legend }) => (await queryRange(prometheusUrl, expression, range)).map(({ metric, values }): Line => ({
    name: legend.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? ''), points: values.map(([at, value]): [number, number] => [at, Number(value)]).filter(([, value]) => Number.isFinite(value)),
  }))))).flat().filter(({ points }) => points.length > 0).sort((left, right) => highest(right) - highest(left));
  const name = `${uid}-${panel.title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}.svg`;
  mkdirSync(projectPath('docs', 'images'), { recursive: true });
  writeFileSync(projectPath('docs', 'images', name), chartSvg(panel, lines));
  return `${panel.description}\n\n![${panel.title}](images/${name})`;
}

/** Where not all fit, those that stand out are drawn. */
function highest({ points }: Line): number {
  return Math.max(...points.map(([, value]) => value));
}

const lifecycle = new Lifecycle(createLogger('charts', 'error'));
main(lifecycle).then(
  async () => { await lifecycle.stop(); },
  async (error: unknown) => {
    process.stderr.write(`The charts were not drawn: ${error instanceof Error ? error.stack ?? error.message : String(error)}\n`);
    await lifecycle.stop();
    process.exitCode = 1;
  },
);
