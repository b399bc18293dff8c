/** What the use cases share: their parts, and the writes that belong together inside one transaction. */
import type { UnitOfWork } from '../kernel/commands.js';
import type { SubgraphDeps } from '../kernel/define-subgraph.js';
import type { EvolutionConfig } from './config.js';
import type { Deployment, MovedDeployment } from './domain-deployments.js';
import { moveInstance, takeProbe, type Instance, type ProbedInstance } from './domain-instances.js';
import { healthyHash, type Expectation, type ProbeResult } from './domain-probe.js';
import { deploymentEvent, instanceEvent } from './events.js';
import type { GrantVerifier } from './grant-verifier.js';
import type { Prober } from './ports.js';
import type { DeploymentStore } from './store-deployments.js';
import type { InstanceStore } from './store-instances.js';
import type { ModelStore } from './store-models.js';
import type { RollbackStore } from './store-rollbacks.js';
import type { TargetStore } from './store-targets.js';

export interface EvolutionParts {
  readonly deps: SubgraphDeps;
  readonly config: EvolutionConfig;
  readonly prober: Prober;
  readonly grants: GrantVerifier;
  readonly models: ModelStore;
  readonly instances: InstanceStore;
  readonly deployments: DeploymentStore;
  readonly rollbacks: RollbackStore;
  readonly targets: TargetStore;
}

/** Longest wait for a whole health answer when nothing is urgent, milliseconds. */
export const PROBE_TIMEOUT_MS = 2_000;

/** What an instance of a service must say to count as healthy. */
export function expectationOf({ deps }: EvolutionParts, serviceId: string): Expectation {
  return { serviceId, acceptedHashes: deps.manifest.accepted };
}

/** Writes a deployment's move and queues its event. */
export async function recordMove({ deployments }: EvolutionParts, unit: UnitOfWork, moved: MovedDeployment): Promise<Deployment> {
  await deployments.save(unit.tx, moved, unit.constitutionalHash);
  unit.emit(deploymentEvent(moved.event, moved.after));
  return moved.after;
}

/**
 * Writes what a probe found about a locked instance whose service is locked too: the measurement always, state and hash only
 * when they change, with an event.
 * @returns the instance afterwards.
 */
export async function recordProbe({ instances, targets }: EvolutionParts, unit: UnitOfWork, instance: ProbedInstance, result: ProbeResult): Promise<ProbedInstance> {
  const at = unit.now.toISOString();
  const { record, move } = takeProbe(instance.state, instance.probe, result.outcome, result.latencyMs, at);
  await instances.saveProbe(unit.tx, instance.id, record);
  const constitutionalHash = healthyHash(result) ?? instance.constitutionalHash;
  const after: ProbedInstance = { ...(move === null ? instance : moveInstance(instance, move, at)), constitutionalHash, probe: record };
  const rotated = constitutionalHash !== instance.constitutionalHash;
  if (move === null && !rotated) return after;
  await instances.save(unit.tx, after);
  if (move !== null) unit.emit(instanceEvent(move === 'pass' ? 'InstanceFoundHealthy' : 'InstanceFoundUnhealthy', after));
  if (rotated) {
    unit.emit(instanceEvent('InstanceConstitutionChanged', after));
    const target = await targets.of(unit.tx, instance.serviceId);
    if (target?.instanceId === instance.id) await targets.put(unit.tx, { ...target, constitutionalHash }, unit.now);
  }
  return after;
}

/** Sends a service's traffic to an instance. Call it last: it holds the version counter until the commit. */
export async function pointService({ targets }: EvolutionParts, unit: UnitOfWork, deployment: Deployment, instance: Instance): Promise<void> {
  const { serviceId, id } = deployment;
  await targets.put(unit.tx, { serviceId, instanceId: instance.id, deploymentId: id, url: instance.url, constitutionalHash: instance.constitutionalHash }, unit.now);
}
