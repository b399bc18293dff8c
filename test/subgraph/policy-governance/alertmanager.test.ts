/** A real Alertmanager delivers to the webhook, groups as configured, and its alerts end where it says. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SECRET } from '../../../ops/runtime/secret-files.js';
import { policyGovernance } from '../../../subgraphs/policy-governance/index.js';
import { ALERT_RULES } from '../../../subgraphs/policy-governance/seed-alert-rules.js';
import { freePort } from '../../../ops/runtime/free-port.js';
import { startTestSubgraph, TEST_HASH, type TestSubgraph } from '../../kit/subgraph.js';
import { until } from '../../kit/until.js';
import { ask, incidentOf } from './kit.js';

const BINARY = ['prometheus-alertmanager', 'alertmanager'].find((name) => spawnSync(name, ['--version']).status === 0);

const PROMTOOL = spawnSync('promtool', ['--version']).status === 0;

(PROMTOOL ? test : test.skip)('Prometheus reads every alert rule', () => {
  const directory = mkdtempSync(join(tmpdir(), 'acgs-rules-'));
  const file = join(directory, 'rules.json');
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'acgs', rules: ALERT_RULES.map(({ name, expression, forSeconds, level }) => ({ alert: name, expr: expression, for: `${forSeconds}s`, labels: { severity: level.toLowerCase() } })) }] }));
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' });
  rmSync(directory, { recursive: true });
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toContain(`${ALERT_RULES.length} rules found`);
});

(BINARY === undefined ? describe.skip : describe)('Alertmanager', () => {
  let subgraph: TestSubgraph;
  let process: ChildProcess;
  let directory: string;
  let url: string;

  beforeAll(async () => {
    subgraph = await startTestSubgraph(policyGovernance);
    directory = mkdtempSync(join(tmpdir(), 'acgs-alertmanager-'));
    const config = join(directory, 'alertmanager.json');
    // JSON is YAML.
    writeFileSync(config, JSON.stringify({
      route: { receiver: 'acgs', group_by: ['alertname'], group_wait: '100ms', group_interval: '1s', repeat_interval: '1h' },
      receivers: [{ name: 'acgs', webhook_configs: [{ url: `${subgraph.url}/webhooks/alertmanager`, send_resolved: true, max_alerts: 0, http_config: { authorization: { type: 'Bearer', credentials_file: join(subgraph.dataDirectory, 'secrets', SECRET.alertmanagerToken) } } }] }],
    }));
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    process = spawn(BINARY ?? '', [`--config.file=${config}`, `--storage.path=${join(directory, 'data')}`, `--web.listen-address=127.0.0.1:${port}`, '--cluster.listen-address='], { stdio: 'ignore' });
    await until(async () => fetch(`${url}/-/ready`).then((response) => (response.ok ? true : undefined), () => undefined));
  }, 60_000);

  afterAll(async () => {
    process.kill('SIGTERM');
    if (process.exitCode === null) await once(process, 'exit');
    await subgraph.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const send = async (alerts: unknown[]): Promise<void> => {
    const response = await fetch(`${url}/api/v2/alerts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(alerts) });
    expect(response.status).toBe(200);
  };
  const alert = (name: string, service: string, severity: string, ended = false): object => ({
    labels: { alertname: name, service, severity, constitutional_hash: TEST_HASH }, annotations: { summary: `${service} has a problem` }, startsAt: '2025-07-07T10:00:00.000Z',
    ...(ended ? { endsAt: new Date(Date.now() - 1_000).toISOString() } : {}),
  });
  type Listed = { alerts: { nodes: Array<{ name: string; state: string; level: string; hashVerified: boolean; service: { id: string } | null; incident: { id: string } | null }> } };
  const listed = async (): Promise<Listed['alerts']['nodes']> => (await ask<Listed>(subgraph, '{ alerts(first: 100) { nodes { name state level hashVerified service { id } incident { id } } } }')).alerts.nodes;

  test('raises, groups and resolves', async () => {
    await send([alert('ServiceDown', 'auth', 'critical'), alert('ServiceDown', 'integrity', 'critical'), alert('CacheHitRateLow', 'gateway', 'warning')]);
    const raised = await until(async () => { const nodes = await listed(); return nodes.length === 3 ? nodes : undefined; });
    expect(raised.every(({ state, hashVerified }) => state === 'FIRING' && hashVerified)).toBe(true);
    const down = raised.filter(({ name }) => name === 'ServiceDown');
    expect(down.map(({ service }) => service?.id).sort()).toEqual(['auth', 'integrity']);
    expect(new Set(raised.map(({ incident }) => incident?.id)).size).toBe(2);
    await send([alert('ServiceDown', 'auth', 'critical', true), alert('ServiceDown', 'integrity', 'critical', true)]);
    await until(async () => ((await listed()).filter(({ state }) => state === 'RESOLVED').length === 2 ? true : undefined), 20_000);
    const incident = await incidentOf(subgraph, down[0]!.incident!.id);
    expect(incident).toMatchObject({ severity: 'P1', status: 'DECLARED' });
    expect(incident.timeline.map(({ kind }) => kind)).toContain('ALERTS_RESOLVED');
  }, 60_000);
});
