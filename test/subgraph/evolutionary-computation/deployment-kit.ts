/** What deployment tests need: instances that can be made ill, a signer of change grants, and the operations. */
import { generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { calculateJwkThumbprint, SignJWT } from 'jose';
import { canonicalJson, sha256Hex } from '../../../ops/runtime/canonical-json.js';
import { SUBGRAPH_NAMES } from '../../../ops/runtime/subgraph-names.js';
import { evolutionaryComputation } from '../../../subgraphs/evolutionary-computation/index.js';
import { principal, startTestSubgraph, TEST_HASH, type TestSubgraph } from '../../kit/subgraph.js';

export const DEPLOYER = principal('deployer-1', { scopes: ['deployment:read', 'deployment:write', 'deployment:rollback', 'model:read', 'model:write'] });

/** A process that answers probes, well or badly. */
export class FakeInstance {
  status = 200;
  hash = TEST_HASH;
  body: string | undefined;
  headers: Record<string, string> = {};
  /** Probes are answered when this resolves. */
  gate: Promise<unknown> = Promise.resolve();
  probes = 0;
  private readonly server: Server;

  private constructor(public service: string) {
    this.server = createServer((request, response) => {
      this.probes += 1;
      const answer = (): string => (request.url === '/health/ready' ? (this.body ?? JSON.stringify({ status: 'ready', service: this.service, constitutionalHash: this.hash })) : '{}');
      void this.gate.then(() => response.writeHead(this.status, { 'content-type': 'application/json', ...this.headers }).end(answer()));
    });
  }

  static async start(service: string): Promise<FakeInstance> {
    const instance = new FakeInstance(service);
    await new Promise<void>((resolve) => { instance.server.listen(0, '127.0.0.1', resolve); });
    // A test that fails before it stops its instances must not keep the runner from ending.
    instance.server.unref();
    return instance;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Holds answers back until the returned function is called. */
  hold(): () => void {
    let release = (): void => undefined;
    this.gate = new Promise<void>((resolve) => { release = resolve; });
    return release;
  }

  async stop(): Promise<void> {
    if (!this.server.listening) return;
    const closed = new Promise<void>((resolve) => { this.server.close(() => resolve()); });
    this.server.closeAllConnections();
    await closed;
  }
}

export interface GrantParts {
  readonly claims?: Record<string, unknown>;
  readonly audience?: string;
  readonly issuer?: string;
  readonly expiresAt?: number;
  readonly notBefore?: number;
  readonly nonce?: string;
  readonly changeId?: string;
  readonly key?: KeyObject;
  readonly kid?: string;
}

export interface Action { readonly serviceId: string; readonly instanceId: string; readonly version: string }

/** Signs as change management does, and publishes its key where executors look. */
export class Signer {
  private constructor(readonly privateKey: KeyObject, readonly kid: string) {}

  static async publish(dataDirectory: string): Promise<Signer> {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const { kty, crv, x } = publicKey.export({ format: 'jwk' });
    const bare = { kty: String(kty), crv: String(crv), x: String(x) };
    const kid = await calculateJwkThumbprint(bare);
    await mkdir(join(dataDirectory, 'grants'), { recursive: true });
    await writeFile(join(dataDirectory, 'grants', 'public.jwk.json'), JSON.stringify({ ...bare, kid, alg: 'EdDSA', use: 'sig' }));
    return new Signer(privateKey, kid);
  }

  grant(action: Action, parts: GrantParts = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1_000);
    return new SignJWT({ ...claimsOf(action), ...parts.claims })
      .setProtectedHeader({ alg: 'EdDSA', kid: parts.kid ?? this.kid, typ: 'JWT' })
      .setIssuer(parts.issuer ?? 'acgs-governance').setAudience(parts.audience ?? 'evolutionary-computation').setSubject(parts.changeId ?? 'CHG-2026-0001')
      .setJti(parts.nonce ?? randomUUID()).setIssuedAt(now - 60).setNotBefore(parts.notBefore ?? now - 60).setExpirationTime(parts.expiresAt ?? now + 600)
      .sign(parts.key ?? this.privateKey);
  }
}

/** Claims of a grant beside the registered ones. */
export function claimsOf(action: Action): Record<string, unknown> {
  return {
    kind: 'DEPLOY_INSTANCE', parameters: { ...action }, digest: sha256Hex(canonicalJson({ kind: 'DEPLOY_INSTANCE', parameters: { ...action } })),
    requesterId: 'requester-1', approverIds: ['approver-1', 'approver-2'], incidentId: null, constitutionalHash: TEST_HASH,
  };
}

export interface Answer {
  readonly __typename: string;
  readonly code?: string;
  readonly message?: string;
  readonly field?: string | null;
  readonly instance?: { id: string; url: string; state: string; version: string; constitutionalHash: string; lastProbeLatencyMs: number | null; revision: number };
  readonly deployment?: DeploymentView;
  readonly report?: { id: string; reason: string; to: { id: string }; restored: { id: string; status: string }; attempts: Array<{ outcome: string; instance: { id: string } }>; incident: { id: string } | null };
}

export interface DeploymentView {
  readonly id: string;
  readonly status: string;
  readonly failure: string | null;
  readonly revision: number;
  readonly instance: { id: string };
  readonly previousInstance: { id: string } | null;
  readonly steps: Array<{ position: number; kind: string; detail: string | null }>;
}

const PROBLEMS = '... on Problem { code message } ... on InvalidInput { field }';
export const DEPLOYMENT = '{ id status failure revision instance { id } previousInstance { id } steps { position kind detail } }';

/** A running subgraph with an instance behind each baseline that a test names. */
export class Deployments {
  private constructor(readonly subgraph: TestSubgraph, public signer: Signer, readonly baselines: ReadonlyMap<string, FakeInstance>, private readonly environment: Record<string, string>) {}

  /** @param services whose baselines answer; the others point to a closed port. */
  static async start(services: readonly string[], settings: Readonly<Record<string, string>> = {}): Promise<Deployments> {
    const baselines = new Map(await Promise.all(services.map(async (service): Promise<[string, FakeInstance]> => [service, await FakeInstance.start(service)])));
    const environment = { ACGS_SUBGRAPH_URLS: baselineUrls(baselines), ACGS_PROBE_INTERVAL_MS: '3600000', ...settings };
    const subgraph = await startTestSubgraph(evolutionaryComputation, { environment });
    return new Deployments(subgraph, await Signer.publish(subgraph.dataDirectory), baselines, environment);
  }

  /** Starts the subgraph again, as an installation does that was moved: other baselines, the same database. */
  async restart(baselines: ReadonlyMap<string, FakeInstance>): Promise<void> {
    this.environment['ACGS_SUBGRAPH_URLS'] = baselineUrls(baselines);
    await this.subgraph.restart();
    await this.subgraph.subgraph.seed();
  }

  /** Publishes another key, as after a loss of the first. */
  async republish(): Promise<void> {
    this.signer = await Signer.publish(this.subgraph.dataDirectory);
  }

  async stop(): Promise<void> {
    await this.subgraph.stop();
    await Promise.all([...this.baselines.values()].map((instance) => instance.stop()));
  }

  async ask<T>(document: string, variables: Record<string, unknown> = {}): Promise<T> {
    const { data, errors } = await this.subgraph.query<T>(document, variables, { principal: DEPLOYER });
    if (errors !== undefined) throw new Error(JSON.stringify(errors));
    return data as T;
  }

  async register(serviceId: string, url: string, version = '1.1.0', idempotencyKey: string | null = null): Promise<Answer> {
    const { answer } = await this.ask<{ answer: Answer }>(
      `mutation($serviceId: ID!, $url: String!, $version: String!, $key: String) { answer: registerInstance(serviceId: $serviceId, url: $url, version: $version, idempotencyKey: $key) { __typename ${PROBLEMS} ... on RegisterInstancePayload { instance { id url state version constitutionalHash lastProbeLatencyMs revision } } } }`,
      { serviceId, url, version, key: idempotencyKey });
    return answer;
  }

  /** A healthy registered instance. */
  async add(serviceId: string, version = '1.1.0'): Promise<{ fake: FakeInstance; action: Action }> {
    const fake = await FakeInstance.start(serviceId);
    const { instance } = await this.register(serviceId, fake.url, version);
    if (instance === undefined) throw new Error(`The instance of ${serviceId} was not registered.`);
    return { fake, action: { serviceId, instanceId: instance.id, version } };
  }

  async retire(instanceId: string, expectedVersion: number | null = null): Promise<Answer> {
    const { answer } = await this.ask<{ answer: Answer }>(
      `mutation($id: ID!, $expected: Int) { answer: retireInstance(instanceId: $id, expectedVersion: $expected) { __typename ${PROBLEMS} ... on RetireInstancePayload { instance { id url state version constitutionalHash lastProbeLatencyMs revision } } } }`,
      { id: instanceId, expected: expectedVersion });
    return answer;
  }

  async deploy(action: Pick<Action, 'serviceId' | 'instanceId'>, changeGrant: string, idempotencyKey: string | null = null): Promise<Answer> {
    const { answer } = await this.ask<{ answer: Answer }>(
      `mutation($serviceId: ID!, $instanceId: ID!, $grant: String!, $key: String) { answer: startDeployment(serviceId: $serviceId, instanceId: $instanceId, changeGrant: $grant, idempotencyKey: $key) { __typename ${PROBLEMS} ... on StartDeploymentPayload { deployment ${DEPLOYMENT} } } }`,
      { serviceId: action.serviceId, instanceId: action.instanceId, grant: changeGrant, key: idempotencyKey });
    return answer;
  }

  /** Adds an instance and makes it active. */
  async deployNew(serviceId: string, version = '1.1.0', parts: GrantParts = {}): Promise<{ fake: FakeInstance; action: Action; deployment: DeploymentView }> {
    const { fake, action } = await this.add(serviceId, version);
    const { deployment } = await this.deploy(action, await this.signer.grant(action, parts));
    if (deployment?.status !== 'ACTIVE') throw new Error(`The deployment of ${serviceId} is ${deployment?.status}: ${deployment?.failure}`);
    return { fake, action, deployment };
  }

  async rollBack(deploymentId: string, options: { reason?: string; incidentId?: string; idempotencyKey?: string; expectedVersion?: number } = {}): Promise<Answer> {
    const { answer } = await this.ask<{ answer: Answer }>(
      `mutation($id: ID!, $reason: String!, $incidentId: ID, $key: String, $expected: Int) { answer: rollbackDeployment(deploymentId: $id, reason: $reason, incidentId: $incidentId, idempotencyKey: $key, expectedVersion: $expected) { __typename ${PROBLEMS}
        ... on RollbackDeploymentPayload { deployment ${DEPLOYMENT} report { id reason to { id } restored { id status } incident { id } attempts { outcome instance { id } } } } } }`,
      { id: deploymentId, reason: options.reason ?? 'Error rate above the threshold', incidentId: options.incidentId, key: options.idempotencyKey, expected: options.expectedVersion });
    return answer;
  }

  async deployment(id: string): Promise<DeploymentView> {
    return (await this.ask<{ deployment: DeploymentView }>(`query($id: ID!) { deployment(id: $id) ${DEPLOYMENT} }`, { id })).deployment;
  }

  /** Id of the deployment and instance that a service's traffic follows. */
  async active(serviceId: string): Promise<{ deployment: string; instance: string }> {
    const { _entities } = await this.ask<{ _entities: Array<{ activeDeployment: DeploymentView }> }>(
      `query($r: [_Any!]!) { _entities(representations: $r) { ... on Service { activeDeployment ${DEPLOYMENT} } } }`, { r: [{ __typename: 'Service', id: serviceId }] });
    const [{ activeDeployment } = { activeDeployment: undefined }] = _entities;
    return { deployment: activeDeployment?.id ?? '', instance: activeDeployment?.instance.id ?? '' };
  }

  async feed(since?: number): Promise<{ status: number; version: number; targets: Array<{ service: string; instanceId: string; url: string; constitutionalHash: string }> }> {
    const response = await this.subgraph.hop('GET', `/internal/targets${since === undefined ? '' : `?since=${since}`}`);
    const text = await response.text();
    return { status: response.status, ...(text === '' ? { version: -1, targets: [] } : JSON.parse(text) as { version: number; targets: [] }) };
  }
}

function baselineUrls(baselines: ReadonlyMap<string, FakeInstance>): string {
  return SUBGRAPH_NAMES.map((name) => `${name}=${baselines.get(name)?.url ?? 'http://127.0.0.1:1'}`).join(',');
}
