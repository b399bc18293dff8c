/** The processes as containers run them: from the files of the image alone, each with its own files, as nobody, over mutual TLS, gateways behind nginx. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dropRoles } from '../../ops/database/provision.js';
import { endChild } from '../../ops/runtime/child-processes.js';
import { freePort } from '../../ops/runtime/free-port.js';
import { projectPath } from '../../ops/runtime/package-root.js';
import { readTlsFiles } from '../../ops/runtime/tls-files.js';
import { SUBGRAPH_NAMES, type SubgraphName } from '../../ops/runtime/subgraph-names.js';
import { HERE, TestAuthority } from './certificates.js';
import { createEmptyDatabase, testServerUrl } from './database.js';
import { startRedis, type TestRedis } from './redis.js';
import { until } from './until.js';

/** True when nginx can be started here. */
export const nginxAvailable = spawnSync('nginx', ['-v']).status === 0;

const NOBODY = 65_534;
const account = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
const GATEWAYS = ['gateway-1', 'gateway-2'] as const;
type GatewayName = (typeof GATEWAYS)[number];
export type ContainerName = SubgraphName | GatewayName;

export interface ContainedDeployment {
  /** Base URL of nginx. */
  readonly url: string;
  readonly image: string;
  readonly data: string;
  readonly authority: TestAuthority;
  readonly ports: Readonly<Record<ContainerName, number>>;
  /** Asks a process as Prometheus would, or under another name's certificate, or with none. */
  ask(name: ContainerName, path: string, certificateOf?: string | null): Promise<{ status: number; text: string }>;
  /** Runs the image's health check of a process; returns its exit code. */
  probe(name: ContainerName): number | null;
  /** Makes all certificates anew. @param days how long they hold. */
  rotate(days: number): void;
  kill(name: ContainerName): Promise<void>;
  start(name: ContainerName): Promise<void>;
  output(): string;
  stop(): Promise<void>;
}

/** Writes nginx's configuration with what a container has replaced by what is here. @throws Error when the file does not have what is replaced. */
export function renderNginx(directory: string, replacements: readonly (readonly [from: string, to: string])[]): void {
  mkdirSync(directory, { recursive: true });
  const unused = new Set(replacements.map(([from]) => from));
  for (const file of ['nginx.conf', 'nginx-tls.conf', 'common.conf', 'locations.conf']) {
    let text = readFileSync(projectPath('ops', 'nginx', file), 'utf8');
    for (const [from, to] of replacements) {
      if (text.includes(from)) unused.delete(from);
      text = text.replaceAll(from, to);
    }
    writeFileSync(join(directory, file), text);
  }
  if (unused.size > 0) throw new Error(`ops/nginx has no ${[...unused].join(', ')}.`);
}

/** Provisions and starts everything. @param image folder with the image's files. */
export async function startContained(image: string): Promise<ContainedDeployment> {
  const folder = mkdtempSync(join(tmpdir(), 'acgs-contained-'));
  const data = join(folder, 'installation');
  const bundles = join(data, 'bundles');
  const authority = new TestAuthority();
  const database = await createEmptyDatabase();
  const redis: TestRedis = await startRedis();
  const rolePrefix = `acgs_c${Math.random().toString(36).slice(2, 8)}_`;
  const ports = Object.fromEntries(await Promise.all([...SUBGRAPH_NAMES, ...GATEWAYS].map(async (name) => [name, await freePort()]))) as Record<ContainerName, number>;
  const nginxPort = await freePort();
  const children = new Map<string, ChildProcess>();
  const log: string[] = [];

  const own = (path: string): void => { if (account.uid !== undefined) spawnSync('chown', ['-R', `${account.uid}:${account.gid}`, path]); };
  const rotate = (days: number): void => {
    authority.issue([...SUBGRAPH_NAMES.map((name) => `${name},${HERE}`), 'gateway', `nginx,${HERE}`, 'prometheus'], days);
    own(authority.directory);
  };
  const environmentOf = (name: ContainerName): Record<string, string> => {
    const isGateway = name === 'gateway-1' || name === 'gateway-2';
    const bundle = join(bundles, isGateway ? 'gateway' : name);
    const tls = (file: 'tls.crt' | 'tls.key' | 'ca.crt'): string => authority.file(isGateway ? 'gateway' : name, file);
    return {
      NODE_ENV: 'production', ACGS_DATA_DIR: bundle, ACGS_LOG_LEVEL: 'warn', REDIS_URL_FILE: join(folder, 'redis.url'), TMPDIR: '/nonexistent',
      ACGS_SUBGRAPH_URLS: SUBGRAPH_NAMES.map((each) => `${each}=https://127.0.0.1:${ports[each]}`).join(','),
      ACGS_UPSTREAM_TLS_CA_FILE: tls('ca.crt'),
      ...(isGateway
        ? { ACGS_GATEWAY_PORT: String(ports[name]), ACGS_TRUSTED_PROXIES: '1', ACGS_UPSTREAM_TLS_CERT_FILE: tls('tls.crt'), ACGS_UPSTREAM_TLS_KEY_FILE: tls('tls.key') }
        : { ACGS_PORT: String(ports[name]), DATABASE_URL_FILE: join(bundle, 'secrets', 'database.url'), ACGS_TLS_CERT_FILE: tls('tls.crt'), ACGS_TLS_KEY_FILE: tls('tls.key'), ACGS_TLS_CLIENT_CA_FILE: tls('ca.crt'), ACGS_TLS_CLIENT_NAMES: 'gateway,prometheus' }),
    };
  };
  const probe = (name: ContainerName): number | null => spawnSync(process.execPath, [join(image, 'ops', 'image', 'probe.mjs'), String(ports[name])], { ...account, cwd: '/', env: environmentOf(name) }).status;
  const launch = (key: string, command: string, args: readonly string[], env: Record<string, string>): ChildProcess => {
    const child = spawn(command, args, { ...account, cwd: '/', env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => log.push(`[${key}] ${chunk.toString()}`));
    children.set(key, child);
    return child;
  };
  const ready = (key: string, child: ChildProcess, answers: () => boolean | Promise<boolean>): Promise<true> => until(async () => {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${key} ended at start:\n${log.join('')}`);
    return (await answers()) ? true : undefined;
  }, 60_000);
  const ask: ContainedDeployment['ask'] = (name, path, certificateOf = 'prometheus') => new Promise((resolve, reject) => {
    const secure = name !== 'gateway-1' && name !== 'gateway-2';
    if (!secure) {
      fetch(`http://127.0.0.1:${ports[name]}${path}`).then(async (answer) => resolve({ status: answer.status, text: await answer.text() }), reject);
      return;
    }
    const material = certificateOf === null ? { ca: readFileSync(authority.file('gateway', 'ca.crt')) } : readTlsFiles(authority.filesOf(certificateOf));
    const sent = request({ host: '127.0.0.1', port: ports[name], path, agent: false, ...material }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => { text += chunk.toString(); });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    sent.on('error', reject);
    sent.end();
  });
  const start = async (name: ContainerName): Promise<void> => {
    const args = name === 'gateway-1' || name === 'gateway-2' ? ['--max-semi-space-size=64', join(image, 'dist/gateway/main.js')] : [join(image, 'dist/subgraphs/main.js'), name];
    await ready(name, launch(name, process.execPath, args, environmentOf(name)), () => ask(name, '/health/ready', null).then(({ status }) => status === 200, () => false));
  };
  const end = async (key: string, signal: NodeJS.Signals): Promise<void> => {
    const child = children.get(key);
    children.delete(key);
    if (child !== undefined) await endChild(child, signal);
  };
  const stop = async (): Promise<void> => {
    await Promise.all([...children.keys()].map((key) => end(key, 'SIGTERM')));
    await redis.kill();
    await database.drop();
    await dropRoles({ connectionString: testServerUrl(), rolePrefix });
    authority.remove();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    rotate(90);
    writeFileSync(join(folder, 'redis.url'), `${redis.url}\n`);
    writeFileSync(join(folder, 'owner.url'), `${database.adminUrl}\n`);
    mkdirSync(data);
    own(folder);
    const provisioned = spawnSync(process.execPath, [join(image, 'dist/ops/provision/main.js'), 'all', '--bundles', bundles], { ...account, cwd: '/', encoding: 'utf8', env: { NODE_ENV: 'production', ACGS_DATA_DIR: data, DATABASE_URL_FILE: join(folder, 'owner.url'), ACGS_DATABASE_ROLE_PREFIX: rolePrefix } });
    if (provisioned.status !== 0) throw new Error(`Provisioning failed: ${provisioned.stderr}`);
    // auth alone keeps files of its own.
    for (const name of [...SUBGRAPH_NAMES, 'gateway']) if (name !== 'auth') spawnSync('chmod', ['-R', 'a-w', join(bundles, name)]);
    await Promise.all(SUBGRAPH_NAMES.map(start));
    await Promise.all(GATEWAYS.map(start));
    const nginx = join(folder, 'nginx');
    renderNginx(nginx, [
      ['/etc/nginx/acgs/', `${nginx}/`], ['listen 8080', `listen 127.0.0.1:${nginxPort}`], ['listen 8443', 'listen 127.0.0.1:0'], ['/run/tls/', `${authority.directory}/nginx/`],
      ['gateway-1:4000 resolve', `127.0.0.1:${ports['gateway-1']}`], ['gateway-2:4000 resolve', `127.0.0.1:${ports['gateway-2']}`], ['/tmp/nginx', `${nginx}/nginx`], ['/dev/stdout', `${nginx}/access.log`],
    ]);
    own(nginx);
    cpSync(join(nginx, 'nginx.conf'), join(nginx, 'running.conf'));
    await ready('nginx', launch('nginx', 'nginx', ['-e', 'stderr', '-p', nginx, '-c', join(nginx, 'running.conf'), '-g', 'daemon off;'], { PATH: process.env['PATH'] ?? '' }), () => fetch(`http://127.0.0.1:${nginxPort}/health/ready`).then(({ ok }) => ok, () => false));
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `http://127.0.0.1:${nginxPort}`, image, data, authority, ports, ask, probe, rotate, kill: (name) => end(name, 'SIGKILL'), start, output: () => log.join(''), stop };
}
