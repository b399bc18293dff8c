/** The seven-process deployment: each subgraph and the gateway as a process of its own, from the compiled output. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dropRoles } from '../../ops/database/provision.js';
import { install, type Installation } from '../../ops/embedded/install.js';
import { endChild } from '../../ops/runtime/child-processes.js';
import { freePort } from '../../ops/runtime/free-port.js';
import { projectPath } from '../../ops/runtime/package-root.js';
import { schemaOf, SUBGRAPH_NAMES, type SubgraphName } from '../../ops/runtime/subgraph-names.js';
import { createEmptyDatabase, testServerUrl } from './database.js';
import { redisEnvironment } from './redis.js';
import { TEST_HASH } from './subgraph.js';
import { until } from './until.js';

export type ProcessName = SubgraphName | 'gateway';

export interface Deployment {
  readonly gatewayUrl: string;
  readonly dataDirectory: string;
  readonly installation: Installation;
  /** Owner's connection string of the database. */
  readonly adminUrl: string;
  readonly urls: Readonly<Record<ProcessName, string>>;
  /** Ends a process at once (SIGKILL) and waits until it is gone. */
  kill(name: ProcessName): Promise<void>;
  /** Starts a process that was killed; resolves when it is ready. */
  start(name: ProcessName): Promise<void>;
  /** Starts a further instance of a subgraph on a free port. */
  startInstance(name: SubgraphName): Promise<{ url: string; kill(): Promise<void> }>;
  /** Everything the processes wrote, for failure messages. */
  output(): string;
  stop(): Promise<void>;
}

/** Starts all eight; events travel over the Redis of REDIS_URL, or LISTEN/NOTIFY without it. */
export async function startDeployment(options: { environment?: Readonly<Record<string, string>> } = {}): Promise<Deployment> {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'acgs-deployment-'));
  const database = await createEmptyDatabase();
  const redis = redisEnvironment();
  const rolePrefix = `acgs_d${Math.random().toString(36).slice(2, 8)}_`;
  const installation = await install({ adminUrl: database.adminUrl, dataDirectory, genesisLabel: TEST_HASH, rolePrefix, now: new Date() });
  const ports = Object.fromEntries(await Promise.all([...SUBGRAPH_NAMES, 'gateway' as const].map(async (name) => [name, await freePort()]))) as Record<ProcessName, number>;
  const urls = Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, `http://127.0.0.1:${port}`])) as Record<ProcessName, string>;
  const shared = {
    PATH: process.env['PATH'] ?? '', NODE_ENV: 'development', ACGS_DATA_DIR: dataDirectory, ACGS_LOG_LEVEL: 'warn',
    ACGS_SUBGRAPH_URLS: SUBGRAPH_NAMES.map((name) => `${name}=${urls[name]}`).join(','),
    ...redis.environment, ...options.environment,
  };
  const children = new Map<string, ChildProcess>();
  const log: string[] = [];

  const launch = async (key: string, script: string, args: readonly string[], environment: Record<string, string>, url: string): Promise<void> => {
    const child = spawn(process.execPath, ['--enable-source-maps', projectPath('dist', script), ...args], { env: { ...shared, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => log.push(`[${key}] ${chunk.toString()}`));
    children.set(key, child);
    await until(async () => {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${key} ended at start:\n${log.join('')}`);
      return fetch(`${url}/health/ready`).then((response) => (response.ok ? true : undefined), () => undefined);
    }, 30_000);
  };
  const startSubgraph = (name: SubgraphName, port: number, key: string = name): Promise<void> =>
    launch(key, 'subgraphs/main.js', [name, '--port', String(port)], { DATABASE_URL: installation.databaseUrls[schemaOf(name)] }, `http://127.0.0.1:${port}`);
  const start = (name: ProcessName): Promise<void> =>
    name === 'gateway' ? launch(name, 'gateway/main.js', [], { ACGS_GATEWAY_PORT: String(ports.gateway) }, urls.gateway) : startSubgraph(name, ports[name]);
  const end = async (key: string, signal: NodeJS.Signals): Promise<void> => {
    const child = children.get(key);
    children.delete(key);
    if (child !== undefined) await endChild(child, signal);
  };
  const stop = async (): Promise<void> => {
    await Promise.all([...children.keys()].map((key) => end(key, 'SIGTERM')));
    await redis.cleanUp();
    await database.drop();
    await dropRoles({ connectionString: testServerUrl(), rolePrefix });
    await rm(dataDirectory, { recursive: true, force: true });
  };
  try {
    await Promise.all(SUBGRAPH_NAMES.map((name) => start(name)));
    await start('gateway');
  } catch (error) {
    await stop();
    throw error;
  }
  let instances = 0;
  return {
    gatewayUrl: urls.gateway, dataDirectory, installation, adminUrl: database.adminUrl, urls, start, stop,
    kill: (name) => end(name, 'SIGKILL'),
    async startInstance(name) {
      const port = await freePort();
      const key = `${name}#${(instances += 1)}`;
      await startSubgraph(name, port, key);
      return { url: `http://127.0.0.1:${port}`, kill: () => end(key, 'SIGKILL') };
    },
    output: () => log.join(''),
  };
}
