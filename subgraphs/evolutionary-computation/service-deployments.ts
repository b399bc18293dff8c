/** Use case of a deployment: record it under a grant, probe its instance, move the service's traffic. */
import { setTimeout as delay } from 'node:timers/promises';
import { Counter } from 'prom-client';
import type { UnitOfWork } from '../kernel/commands.js';
import type { SubgraphContext } from '../kernel/context.js';
import { conflict, invalidInput, notFound } from '../kernel/refusals.js';
import { isUnderWay, moveDeployment, requestDeployment, type Deployment } from './domain-deployments.js';
import { checkInstanceUrl } from './domain-instances.js';
import { inWords, isTransient, type ProbeResult } from './domain-probe.js';
import { deploymentEvent } from './events.js';
import { checkService } from './service-instances.js';
import { expectationOf, pointService, PROBE_TIMEOUT_MS, recordMove, recordProbe, type EvolutionParts } from './service-unit.js';

const MAX_ATTEMPTS = 3;
const RETRY_DELAY_MS = 250;
/** After this long no further attempt begins, milliseconds: the caller's deadline is 10 s. */
const RETRY_BUDGET_MS = 3_000;
/** A deployment that is under way for this long lost its process, milliseconds. */
const STALLED_MS = 15_000;
const STALLED_BATCH = 20;

export interface StartArguments {
  readonly serviceId: string;
  readonly instanceId: string;
  readonly changeGrant: string;
  readonly idempotencyKey?: string | null | undefined;
}

/** Who continues a deployment, for the audit log. */
interface Continuation {
  readonly id: string;
  readonly serviceId: string;
  readonly actor: string;
  readonly requestId: string;
}

export class DeploymentService {
  private readonly finished: Counter<'result'>;

  constructor(private readonly parts: EvolutionParts) {
    this.finished = new Counter({ name: 'acgs_deployments_total', help: 'Deployments this process carried to their end, by result: active or failed.', labelNames: ['result'], registers: [parts.deps.metrics.registry] });
    // Born at zero, so that a rate sees the first one too.
    for (const result of ['active', 'failed']) this.finished.inc({ result }, 0);
  }

  /**
   * Records the deployment and consumes its grant in one transaction, then carries it out.
   * A failed probe is an outcome of the deployment and no refusal: by then the grant is spent.
   */
  async start(context: SubgraphContext, args: StartArguments): Promise<{ id: string }> {
    const { serviceId, instanceId, changeGrant, idempotencyKey } = args;
    const { id: actor } = context.requireScope('deployment:write');
    const { id } = await this.parts.deps.commands.run(context, { field: 'startDeployment', idempotencyKey, input: { serviceId, instanceId, changeGrant } }, (unit) => this.request(unit, args));
    await this.carryOut({ id, serviceId, actor, requestId: context.requestId });
    return { id };
  }

  /** Continues deployments whose process went away. @returns how many were found. */
  async resume(requestId: string): Promise<number> {
    const { deps, deployments } = this.parts;
    const stalled = await deployments.stalled(new Date(deps.clock().getTime() - STALLED_MS), STALLED_BATCH);
    for (const deployment of stalled) await this.carryOut({ ...deployment, actor: 'system:deployer', requestId });
    return stalled.length;
  }

  private async request(unit: UnitOfWork, { serviceId, instanceId, changeGrant }: StartArguments): Promise<{ id: string }> {
    const { config, instances, deployments, targets, grants } = this.parts;
    checkService(serviceId);
    await targets.lockService(unit.tx, serviceId);
    const instance = await instances.lock(unit.tx, instanceId);
    if (instance === null) throw notFound('Instance', instanceId);
    if (instance.serviceId !== serviceId) throw invalidInput(`Instance ${instanceId} is registered for ${instance.serviceId}.`, 'instanceId');
    const grant = await grants.verify(changeGrant, { serviceId, instanceId, version: instance.version });

    const id = await deployments.nextId(unit.tx, unit.now.getUTCFullYear());
    const { constitutionalHash } = unit;
    const fresh = await deployments.consume(unit.tx, { nonce: grant.nonce, changeId: grant.changeId, digest: grant.digest, deploymentId: id, consumedAt: unit.now, expiresAt: grant.expiresAt, constitutionalHash });
    if (!fresh) throw conflict(`The grant of ${grant.changeId} was used before; it works once.`);
    if (instance.state === 'RETIRED') throw conflict(`Instance ${instanceId} is retired.`);
    if (!instance.baseline && 'problem' in checkInstanceUrl(instance.url, config.instanceHosts)) throw conflict(`Instance ${instanceId} runs at ${instance.url}, which is no longer allowed.`);
    const target = await targets.of(unit.tx, serviceId);
    if (target?.instanceId === instanceId) throw conflict(`Instance ${instanceId} is the active one of ${serviceId} already.`);
    const underWay = await deployments.underWay(unit.tx, serviceId);
    if (underWay !== null) throw conflict(`${underWay.id} of ${serviceId} is under way; wait until it has ended.`);

    const deployment = requestDeployment({
      id, serviceId, instanceId, version: instance.version, constitutionalHash, requestedById: unit.principalId,
      previousDeploymentId: target?.deploymentId ?? null, previousInstanceId: target?.instanceId ?? null,
      changeId: grant.changeId, incidentId: grant.incidentId, grantExpiresAt: grant.expiresAt.toISOString(),
    }, unit.now.toISOString());
    await deployments.insert(unit.tx, deployment);
    unit.emit(deploymentEvent('DeploymentRequested', deployment));
    return { id };
  }

  /** Probes and activates. Safe to call at any time and by several processes: each step looks at what is recorded, under the service's lock. */
  private async carryOut(work: Continuation): Promise<void> {
    const { prober } = this.parts;
    const instance = await this.begin(work);
    if (instance === null) return;
    const began = performance.now();
    for (let attempt = 1; ; attempt += 1) {
      const result = await prober.probe(instance.url, expectationOf(this.parts, work.serviceId), PROBE_TIMEOUT_MS);
      if (result.outcome === 'HEALTHY') return this.count(await this.activate(work, result));
      const detail = `Probe ${attempt}: instance ${instance.id} ${inWords(result.outcome)} (${result.outcome}).`;
      const again = attempt < MAX_ATTEMPTS && isTransient(result.outcome) && performance.now() - began < RETRY_BUDGET_MS;
      const outcome = await this.failedProbe(work, result, again, detail);
      if (outcome !== 'continues') return this.count(outcome);
      await delay(RETRY_DELAY_MS);
    }
  }

  private begin(work: Continuation): Promise<{ id: string; url: string } | null> {
    return this.step(work, async (unit, deployment) => {
      const { instances } = this.parts;
      const current = deployment.status === 'PENDING' ? await recordMove(this.parts, unit, moveDeployment(deployment, 'probe', unit.now.toISOString())) : deployment;
      const instance = await instances.lock(unit.tx, current.instanceId);
      return instance === null ? null : { id: instance.id, url: instance.url };
    });
  }

  private failedProbe(work: Continuation, result: ProbeResult, again: boolean, detail: string): Promise<'continues' | 'failed' | null> {
    return this.step(work, async (unit, deployment) => {
      const instance = await this.parts.instances.lock(unit.tx, deployment.instanceId);
      if (instance !== null) await recordProbe(this.parts, unit, instance, result);
      if (!again) return this.fail(unit, deployment, detail);
      await recordMove(this.parts, unit, moveDeployment(deployment, 'probeAgain', unit.now.toISOString(), detail));
      return 'continues';
    });
  }

  private activate(work: Continuation, result: ProbeResult): Promise<'active' | 'failed' | null> {
    return this.step(work, async (unit, deployment) => {
      const { instances, deployments, targets } = this.parts;
      const at = unit.now.toISOString();
      const target = await targets.of(unit.tx, deployment.serviceId);
      const instance = await instances.lock(unit.tx, deployment.instanceId);
      const obstacle = lapsed(deployment, unit.now)
        ?? ((target?.deploymentId ?? null) !== deployment.previousDeploymentId ? `${deployment.serviceId} was moved by another deployment meanwhile.` : null)
        ?? (instance === null || instance.state === 'RETIRED' ? `Instance ${deployment.instanceId} was retired meanwhile.` : null);
      if (obstacle !== null || instance === null) return this.fail(unit, deployment, obstacle ?? 'The instance is gone.');
      const healthy = await recordProbe(this.parts, unit, instance, result);
      const previous = deployment.previousDeploymentId === null ? null : await deployments.find(unit.tx, deployment.previousDeploymentId);
      if (previous !== null) await recordMove(this.parts, unit, moveDeployment(previous, 'supersede', at, `By ${deployment.id}`));
      const active = await recordMove(this.parts, unit, moveDeployment(deployment, 'activate', at, `Healthy after ${result.latencyMs} ms`));
      await pointService(this.parts, unit, active, healthy);
      return 'active';
    });
  }

  private async fail(unit: UnitOfWork, deployment: Deployment, why: string): Promise<'failed'> {
    await recordMove(this.parts, unit, moveDeployment(deployment, 'fail', unit.now.toISOString(), why));
    return 'failed';
  }

  /** Counts an end, once it is committed; null was somebody else's. */
  private count(result: 'active' | 'failed' | null): void {
    if (result !== null) this.finished.inc({ result });
  }

  /** One transaction on a deployment that is still under way; null, and nothing done, when it is not. */
  private step<R>({ id, serviceId, actor, requestId }: Continuation, decide: (unit: UnitOfWork, deployment: Deployment) => Promise<R>): Promise<R | null> {
    const { deps, deployments, targets } = this.parts;
    return deps.commands.runAs(actor, requestId, async (unit) => {
      await targets.lockService(unit.tx, serviceId);
      const deployment = await deployments.find(unit.tx, id);
      return deployment === null || !isUnderWay(deployment.status) ? null : decide(unit, deployment);
    });
  }
}

/** Why a deployment may not go on at this moment: what was approved until a date is not done after it. */
function lapsed({ grantExpiresAt, changeId }: Deployment, now: Date): string | null {
  return grantExpiresAt !== null && Date.parse(grantExpiresAt) <= now.getTime() ? `The grant of ${changeId ?? 'the change'} expired before the instance was healthy.` : null;
}
