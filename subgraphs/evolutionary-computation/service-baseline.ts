/** Registers the instances the installation was started with, and follows them when they move. */
import { SUBGRAPH_NAMES, type SubgraphName } from '../../ops/runtime/subgraph-names.js';
import type { UnitOfWork } from '../kernel/commands.js';
import { seedDeployment } from './domain-deployments.js';
import { moveInstance, type Instance, type ProbedInstance } from './domain-instances.js';
import { deploymentEvent, instanceEvent } from './events.js';
import { pointService, type EvolutionParts } from './service-unit.js';

const ACTOR = 'system:seed';

/** Safe to run again and by several processes: what is as configured stays as it is. */
export async function seedBaselines(parts: EvolutionParts): Promise<void> {
  for (const name of SUBGRAPH_NAMES) {
    await parts.deps.commands.runAs(ACTOR, 'seed-evolutionary-computation', (unit) => seedBaseline(parts, unit, name));
  }
}

/** Identifier of a service's baseline instance. */
function baselineId(name: SubgraphName): string {
  return `${name}-baseline`;
}

async function seedBaseline(parts: EvolutionParts, unit: UnitOfWork, name: SubgraphName): Promise<void> {
  const { config, instances, targets } = parts;
  await targets.lockService(unit.tx, name);
  const known = await instances.lock(unit.tx, baselineId(name));
  if (known === null) await create(parts, unit, name);
  else if (known.url !== config.baselineUrls[name] || known.version !== config.release) await relocate(parts, unit, name, known);
}

async function create(parts: EvolutionParts, unit: UnitOfWork, serviceId: SubgraphName): Promise<void> {
  const { config, instances, deployments } = parts;
  const at = unit.now.toISOString();
  const { constitutionalHash } = unit;
  const instance: Instance = {
    id: baselineId(serviceId), serviceId, url: config.baselineUrls[serviceId], version: config.release, state: 'REGISTERED', baseline: true, revision: 1,
    registeredById: ACTOR, registeredAt: at, retiredAt: null, constitutionalHash,
  };
  await instances.insert(unit.tx, instance);
  unit.emit(instanceEvent('InstanceRegistered', instance));
  const deployment = seedDeployment({
    id: await deployments.nextId(unit.tx, unit.now.getUTCFullYear()), serviceId, instanceId: instance.id, version: instance.version, constitutionalHash, requestedById: ACTOR,
    previousDeploymentId: null, previousInstanceId: null, changeId: null, incidentId: null, grantExpiresAt: null,
  }, at);
  await deployments.insert(unit.tx, deployment);
  unit.emit(deploymentEvent('BaselineDeployed', deployment));
  await pointService(parts, unit, deployment, instance);
}

/** The installation was started elsewhere or in another release: the baseline goes along, and the traffic if it is there. */
async function relocate({ config, instances, targets }: EvolutionParts, unit: UnitOfWork, name: SubgraphName, known: ProbedInstance): Promise<void> {
  const { constitutionalHash } = unit;
  const moved = { ...moveInstance(known, 'relocate', unit.now.toISOString()), url: config.baselineUrls[name], version: config.release, constitutionalHash };
  await instances.forgetProbe(unit.tx, known.id);
  await instances.save(unit.tx, moved);
  unit.emit(instanceEvent('BaselineRelocated', moved));
  const target = await targets.of(unit.tx, name);
  if (target?.instanceId === known.id) await targets.put(unit.tx, { ...target, url: moved.url, constitutionalHash }, unit.now);
}
