/** Runs a real Prometheus and Alertmanager under the configuration of ops/, in a folder of their own, with targets of this machine. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Histogram, Registry } from 'prom-client';
import { endChild, untilAnswers } from '../runtime/child-processes.js';
import { freePort } from '../runtime/free-port.js';
import type { Stoppable } from '../runtime/lifecycle.js';
import { projectPath } from '../runtime/package-root.js';

/** A scrape target: host:port and its label `service`. */
export interface Target {
  readonly service: string;
  readonly address: string;
}

export interface ShippedMonitoringOptions {
  /** Empty folder. */
  readonly folder: string;
  readonly controlPlane: readonly Target[];
  readonly models: readonly Target[];
  readonly webhookUrl: string;
  readonly webhookTokenFile: string;
  /** Pause between two scrapes and two evaluations, seconds; the shipped one is 15. */
  readonly everySeconds: number;
}

export interface ShippedMonitoring extends Stoppable {
  readonly prometheusUrl: string;
  readonly alertmanagerUrl: string;
}

const BINARIES = { prometheus: ['prometheus'], alertmanager: ['prometheus-alertmanager', 'alertmanager'], node: ['prometheus-node-exporter', 'node_exporter'] } as const;

/** The program of each kind, or what is missing. */
export function findPrograms(): { readonly [K in keyof typeof BINARIES]: string } | { readonly missing: string } {
  const found = Object.entries(BINARIES).map(([kind, names]) => [kind, names.find((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0)] as const);
  const missing = found.find(([, name]) => name === undefined);
  return missing === undefined ? Object.fromEntries(found) as { [K in keyof typeof BINARIES]: string } : { missing: missing[0] };
}

/** Starts both and a node exporter, and waits until they are ready. @throws Error naming a program that is missing or not ready in 20 s. */
export async function startShippedMonitoring(options: ShippedMonitoringOptions): Promise<ShippedMonitoring> {
  const programs = findPrograms();
  if ('missing' in programs) throw new Error(`${programs.missing} is not installed.`);
  const { folder, everySeconds } = options;
  const [prometheusPort, alertmanagerPort, nodePort] = [await freePort(), await freePort(), await freePort()];
  await mkdir(folder, { recursive: true });
  await cp(projectPath('ops', 'prometheus'), join(folder, 'prometheus'), { recursive: true });
  const shipped = await readFile(projectPath('ops', 'prometheus', 'prometheus.yml'), 'utf8');
  await writeFile(join(folder, 'prometheus', 'prometheus.yml'), shipped.replaceAll('15s', `${everySeconds}s`).replace('scrape_timeout: 10s', `scrape_timeout: ${everySeconds}s`));
  const targets = (name: string, list: readonly { address: string; service?: string }[]): Promise<void> =>
    writeFile(join(folder, 'prometheus', 'targets', `${name}.yml`), JSON.stringify(list.map(({ address, service }) => ({ targets: [address], labels: service === undefined ? {} : { service } }))));
  await targets('control-plane', options.controlPlane);
  await targets('models', options.models);
  await targets('nodes', [{ address: `127.0.0.1:${nodePort}` }]);
  await targets('alertmanagers', [{ address: `127.0.0.1:${alertmanagerPort}` }]);
  const route = await readFile(projectPath('ops', 'alertmanager', 'alertmanager.yml'), 'utf8');
  await writeFile(join(folder, 'alertmanager.yml'), route.replace('http://policy-governance:8005/webhooks/alertmanager', options.webhookUrl).replace('/etc/alertmanager/webhook.token', options.webhookTokenFile).replaceAll(/(group_wait|group_interval): \d+s/g, '$1: 1s'));
  const children = [
    spawn(programs.alertmanager, [`--config.file=${join(folder, 'alertmanager.yml')}`, `--storage.path=${join(folder, 'alertmanager-data')}`, `--web.listen-address=127.0.0.1:${alertmanagerPort}`, '--cluster.listen-address='], { stdio: 'ignore' }),
    spawn(programs.prometheus, [`--config.file=${join(folder, 'prometheus', 'prometheus.yml')}`, `--storage.tsdb.path=${join(folder, 'prometheus-data')}`, `--web.listen-address=127.0.0.1:${prometheusPort}`, '--enable-feature=exemplar-storage'], { stdio: 'ignore' }),
    spawn(programs.node, [`--web.listen-address=127.0.0.1:${nodePort}`], { stdio: 'ignore' }),
  ];
  const stop = async (): Promise<void> => { await Promise.all(children.map((child) => endChild(child))); };
  const [prometheusUrl, alertmanagerUrl] = [`http://127.0.0.1:${prometheusPort}`, `http://127.0.0.1:${alertmanagerPort}`];
  try {
    await Promise.all([`${prometheusUrl}/-/ready`, `${alertmanagerUrl}/-/ready`, `http://127.0.0.1:${nodePort}/metrics`].map(untilAnswers));
  } catch (error) {
    await stop();
    throw error;
  }
  return { prometheusUrl, alertmanagerUrl, stop };
}

/** A model server that exports its latency as vLLM does, and answers every request at once; `address` is host:port. */
export async function startModelServer(): Promise<Stoppable & { readonly address: string; infer(): Promise<void> }> {
  const registry = new Registry();
  const latency = new Histogram({ name: 'vllm:e2e_request_latency_seconds', help: 'Time of a request, end to end.', buckets: [0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10], registers: [registry] });
  const server = createServer((request, response) => {
    if (request.url === '/metrics') {
      void registry.metrics().then((text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text));
      return;
    }
    const done = latency.startTimer();
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"verdict":"complies"}', () => { done(); });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    address,
    async infer() { await (await fetch(`http://${address}/v1/completions`)).text(); },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
