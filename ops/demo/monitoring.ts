/** Starts a real Prometheus and Alertmanager for the demonstration, on free ports and in a folder of their own. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { endChild, untilAnswers } from '../runtime/child-processes.js';
import { freePort } from '../runtime/free-port.js';
import type { Stoppable } from '../runtime/lifecycle.js';

const PROMETHEUS = 'prometheus';
const ALERTMANAGER = ['prometheus-alertmanager', 'alertmanager'];

export interface MonitoringOptions {
  readonly folder: string;
  /** `service` label and host:port of each scrape target. */
  readonly targets: ReadonlyArray<{ service: string; address: string }>;
  readonly webhookUrl: string;
  readonly webhookTokenFile: string;
  readonly constitutionalHash: string;
}

export interface Monitoring extends Stoppable {
  readonly prometheusUrl: string;
  readonly alertmanagerUrl: string;
}

/** The binaries, or undefined with a reason when one is missing. */
export function findMonitoring(): { prometheus: string; alertmanager: string } | { missing: string } {
  const runs = (binary: string): boolean => spawnSync(binary, ['--version'], { stdio: 'ignore' }).status === 0;
  const alertmanager = ALERTMANAGER.find(runs);
  if (!runs(PROMETHEUS)) return { missing: 'prometheus' };
  if (alertmanager === undefined) return { missing: 'alertmanager' };
  return { prometheus: PROMETHEUS, alertmanager };
}

/** Starts both and waits until they are ready. */
export async function startMonitoring(binaries: { prometheus: string; alertmanager: string }, options: MonitoringOptions): Promise<Monitoring> {
  const [prometheusPort, alertmanagerPort] = [await freePort(), await freePort()];
  await mkdir(options.folder, { recursive: true });
  const file = (name: string): string => join(options.folder, name);
  await writeFile(file('prometheus.yml'), prometheusConfig(options, alertmanagerPort));
  await writeFile(file('rules.yml'), RULES);
  await writeFile(file('alertmanager.yml'), alertmanagerConfig(options));
  const children = [
    spawn(binaries.alertmanager, [`--config.file=${file('alertmanager.yml')}`, `--storage.path=${file('alertmanager')}`, `--web.listen-address=127.0.0.1:${alertmanagerPort}`, '--cluster.listen-address='], { stdio: 'ignore' }),
    spawn(binaries.prometheus, [`--config.file=${file('prometheus.yml')}`, `--storage.tsdb.path=${file('prometheus')}`, `--web.listen-address=127.0.0.1:${prometheusPort}`], { stdio: 'ignore' }),
  ];
  const stop = async (): Promise<void> => { await Promise.all(children.map((child) => endChild(child))); };
  const prometheusUrl = `http://127.0.0.1:${prometheusPort}`;
  const alertmanagerUrl = `http://127.0.0.1:${alertmanagerPort}`;
  try {
    await Promise.all([untilAnswers(`${prometheusUrl}/-/ready`), untilAnswers(`${alertmanagerUrl}/-/ready`)]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { prometheusUrl, alertmanagerUrl, stop };
}

const RULES = `groups:
  - name: acgs_demo
    interval: 1s
    rules:
      - alert: ServiceDown
        expr: up{job="acgs"} == 0
        for: 1s
        labels:
          severity: critical
        annotations:
          summary: '{{ $labels.service }} does not answer'
          description: 'The instance {{ $labels.instance }} of {{ $labels.service }} has not been scraped.'
`;

function prometheusConfig({ targets, constitutionalHash }: MonitoringOptions, alertmanagerPort: number): string {
  return `global:
  scrape_interval: 1s
  scrape_timeout: 1s
  evaluation_interval: 1s
  external_labels:
    constitutional_hash: ${constitutionalHash}
rule_files: [rules.yml]
alerting:
  alertmanagers:
    - static_configs:
        - targets: ['127.0.0.1:${alertmanagerPort}']
scrape_configs:
  - job_name: acgs
    static_configs:
${targets.map(({ service, address }) => `      - targets: ['${address}']\n        labels: { service: ${service} }`).join('\n')}
`;
}

function alertmanagerConfig({ webhookUrl, webhookTokenFile }: MonitoringOptions): string {
  return `route:
  receiver: acgs
  group_by: [alertname, service]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: acgs
    webhook_configs:
      - url: ${webhookUrl}
        send_resolved: true
        http_config:
          authorization:
            type: Bearer
            credentials_file: ${webhookTokenFile}
`;
}
