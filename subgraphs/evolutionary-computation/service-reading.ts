/** What this subgraph answers: models, instances, deployments, the stream of their steps, and the target feed. */
import { AcgsError } from '../../ops/runtime/errors.js';
import { jsonReply, type HttpReply } from '../../ops/runtime/http-server.js';
import type { SubgraphContext } from '../kernel/context.js';
import type { KeyedRead } from '../kernel/remembered-reads.js';
import type { StreamMessage } from '../kernel/stream-subscription.js';
import type { Deployment, DeploymentStatus } from './domain-deployments.js';
import type { InstanceState, ProbedInstance } from './domain-instances.js';
import { ancestorsOf, type ModelAlias, type ModelVersion } from './domain-models.js';
import type { RollbackReport } from './domain-rollback.js';
import { DEPLOYMENT_STREAM, INSTANCE_STREAM } from './events.js';
import type { EvolutionParts } from './service-unit.js';
import type { Target } from './store-targets.js';

type Maybe<T> = T | null | undefined;

export interface Page<T> {
  readonly nodes: T[];
  readonly endCursor: string | null;
  readonly hasNextPage: boolean;
}

export class EvolutionReading {
  private readonly targetsByServices: KeyedRead<string, Target>;
  private readonly deploymentsByIds: KeyedRead<string, Deployment>;

  constructor(private readonly parts: EvolutionParts) {
    this.targetsByServices = parts.deps.remember([DEPLOYMENT_STREAM, INSTANCE_STREAM], (ids) => parts.targets.byServices(ids));
    this.deploymentsByIds = parts.deps.remember([DEPLOYMENT_STREAM], (ids) => parts.deployments.byIds(ids));
  }

  modelVersion(context: SubgraphContext, id: string): Promise<ModelVersion | null> {
    return load(context, 'modelById', (ids) => this.parts.models.byIds(ids), id);
  }

  async modelVersions(name: Maybe<string>, first: number, after: Maybe<string>): Promise<Page<ModelVersion>> {
    checkFirst(first);
    const rows = await this.parts.models.page(name ?? null, first + 1, placeOf('model', after));
    return page('model', rows, first, ({ version }) => version);
  }

  aliases(modelName: string, first: number): Promise<ModelAlias[]> {
    checkFirst(first);
    return this.parts.models.aliases(modelName, first);
  }

  async alias(modelName: string, alias: string): Promise<ModelAlias> {
    return found(await this.parts.models.alias(modelName, alias), `${modelName}:${alias}`);
  }

  async aliasNames(context: SubgraphContext, versionId: string): Promise<string[]> {
    return (await load(context, 'aliasNamesOf', (ids) => this.parts.models.aliasNamesOf(ids), versionId)) ?? [];
  }

  /** Ancestors, the nearest first; one query for the lines of all versions asked for, one for their content. */
  async lineage(context: SubgraphContext, id: string, first: number): Promise<ModelVersion[]> {
    checkFirst(first);
    const ancestors = await load(context, 'lineageOf', async (ids) => {
      const parents = await this.parts.models.parentsAbove(ids);
      return new Map(ids.map((key) => [key, ancestorsOf(key, (one) => parents.get(one) ?? null)]));
    }, id);
    return this.all(context, 'modelById', (ids) => this.parts.models.byIds(ids), (ancestors ?? []).slice(0, first));
  }

  async children(context: SubgraphContext, id: string, first: number): Promise<ModelVersion[]> {
    checkFirst(first);
    const ids = await load(context, `childrenOf:${first}`, (keys) => this.parts.models.childrenOf(keys, first), id);
    return this.all(context, 'modelById', (keys) => this.parts.models.byIds(keys), ids ?? []);
  }

  instance(context: SubgraphContext, id: string): Promise<ProbedInstance | null> {
    return load(context, 'instanceById', (ids) => this.parts.instances.byIds(ids), id);
  }

  instances(serviceId: string, state: Maybe<InstanceState>, first: number): Promise<ProbedInstance[]> {
    checkFirst(first);
    return this.parts.instances.ofService(serviceId, state ?? null, first);
  }

  async instancesInUse(context: SubgraphContext, serviceId: string, first: number): Promise<ProbedInstance[]> {
    checkFirst(first);
    const ids = await load(context, `instancesOf:${first}`, (keys) => this.parts.instances.inUse(keys, first), serviceId);
    return this.all(context, 'instanceById', (keys) => this.parts.instances.byIds(keys), ids ?? []);
  }

  async isActive(context: SubgraphContext, { id, serviceId }: ProbedInstance): Promise<boolean> {
    return (await this.target(context, serviceId))?.instanceId === id;
  }

  deployment(context: SubgraphContext, id: string): Promise<Deployment | null> {
    return load(context, 'deploymentById', this.deploymentsByIds, id);
  }

  async deployments({ serviceId, status }: { readonly serviceId?: Maybe<string>; readonly status?: Maybe<DeploymentStatus> }, first: number, after: Maybe<string>): Promise<Page<Deployment>> {
    checkFirst(first);
    const rows = await this.parts.deployments.page({ serviceId: serviceId ?? null, status: status ?? null }, first + 1, placeOf('deployment', after));
    return page('deployment', rows, first, ({ deployment }) => deployment);
  }

  async activeDeployment(context: SubgraphContext, serviceId: string): Promise<Deployment | null> {
    const target = await this.target(context, serviceId);
    return target === null ? null : this.deployment(context, target.deploymentId);
  }

  /** Latest deployments of a service or change; for an incident those rolled back for it. */
  async latestOf(context: SubgraphContext, owner: 'service' | 'change' | 'incident', key: string, first: number): Promise<Deployment[]> {
    checkFirst(first);
    const ids = await load(context, `deploymentsOf:${owner}:${first}`, (keys) => this.parts.deployments.latestOf(owner, keys, first), key);
    return this.all(context, 'deploymentById', this.deploymentsByIds, ids ?? []);
  }

  rollbackOf(context: SubgraphContext, deploymentId: string): Promise<RollbackReport | null> {
    return load(context, 'rollbackOf', (ids) => this.parts.rollbacks.latestOf(ids), deploymentId);
  }

  async report(context: SubgraphContext, id: string): Promise<RollbackReport> {
    return found(await load(context, 'rollbackById', (ids) => this.parts.rollbacks.byIds(ids), id), id);
  }

  /** Steps of deployments; the snapshot of each is what its event holds. */
  progress(filter: { readonly serviceId?: Maybe<string>; readonly deploymentId?: Maybe<string> }, after: Maybe<string>): Promise<AsyncIterableIterator<StreamMessage<Deployment>>> {
    const serviceId = filter.serviceId ?? null;
    const deploymentId = filter.deploymentId ?? null;
    return this.parts.deps.subscribe({
      field: 'deploymentProgress', stream: DEPLOYMENT_STREAM, filter: { serviceId, deploymentId }, after,
      matches: ({ entityId, payload }) => (deploymentId === null || entityId === deploymentId) && (serviceId === null || payload['serviceId'] === serviceId),
      present: ({ payload }) => payload as Deployment,
    });
  }

  /** The target table for the gateway. @param since version it has; 304 when that is the present one. */
  async feed(since: string | null): Promise<HttpReply> {
    if (since !== null) {
      if (!/^\d{1,15}$/.test(since)) throw new AcgsError('BAD_REQUEST', 'since is the version of a target table.');
      if ((await this.parts.targets.version()) === Number(since)) return { status: 304 };
    }
    const { version, targets } = await this.parts.targets.table();
    return jsonReply(200, { version, targets: targets.map(({ serviceId, instanceId, url, constitutionalHash }) => ({ service: serviceId, instanceId, url, constitutionalHash })) });
  }

  private target(context: SubgraphContext, serviceId: string) {
    return load(context, 'targetOf', this.targetsByServices, serviceId);
  }

  private async all<V>(context: SubgraphContext, name: string, batch: (keys: readonly string[]) => Promise<ReadonlyMap<string, V>>, ids: readonly string[]): Promise<V[]> {
    const values = await Promise.all(ids.map((id) => load(context, name, batch, id)));
    return values.filter((value) => value !== null);
  }
}

/** Batched, never remembered: a subscription and a mutation outlive what a loader has read. */
function load<V>(context: SubgraphContext, name: string, batch: (keys: readonly string[]) => Promise<ReadonlyMap<string, V>>, key: string): Promise<V | null> {
  return context.loader(name, batch).clear(key).load(key);
}

/** A value that is known to exist. */
export function found<T>(value: T | null, id: string): T {
  if (value === null) throw new Error(`${id} is referred to and does not exist.`);
  return value;
}

function checkFirst(first: number): void {
  if (first < 1 || first > 100) throw new AcgsError('BAD_USER_INPUT', 'first is a whole number from 1 to 100.');
}

function page<R extends { readonly ordinal: bigint }, T>(kind: string, rows: readonly R[], first: number, nodeOf: (row: R) => T): Page<T> {
  const shown = rows.slice(0, first);
  const last = shown.at(-1);
  return { nodes: shown.map(nodeOf), endCursor: last === undefined ? null : Buffer.from(`${kind}:${last.ordinal}`).toString('base64url'), hasNextPage: rows.length > first };
}

/** Ordinal a list cursor stands for. @throws AcgsError CURSOR_INVALID for one of another list. */
function placeOf(kind: string, cursor: Maybe<string>): bigint | null {
  if (cursor == null) return null;
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  const place = text.startsWith(`${kind}:`) ? text.slice(kind.length + 1) : '';
  if (!/^\d{1,18}$/.test(place)) throw new AcgsError('CURSOR_INVALID');
  return BigInt(place);
}
