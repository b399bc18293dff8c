/** Use cases of instances: register, retire. */
import { randomUUID } from 'node:crypto';
import { isSubgraphName } from '../../ops/runtime/subgraph-names.js';
import type { SubgraphContext } from '../kernel/context.js';
import { isUniqueViolation } from '../kernel/database.js';
import { conflict, expectVersion, invalidInput, notFound } from '../kernel/refusals.js';
import { isRelease } from './domain.js';
import { checkInstanceUrl, instanceTransition, moveInstance, type Instance } from './domain-instances.js';
import { healthyHash, inWords } from './domain-probe.js';
import { instanceEvent } from './events.js';
import { expectationOf, PROBE_TIMEOUT_MS, recordProbe, type EvolutionParts } from './service-unit.js';

type Maybe<T> = T | null | undefined;

export interface RegisterArguments {
  readonly serviceId: string;
  readonly url: string;
  readonly version: string;
  readonly idempotencyKey?: Maybe<string>;
}

export class InstanceService {
  constructor(private readonly parts: EvolutionParts) {}

  /**
   * Registers an instance that is healthy now. Nothing is kept of one that is not.
   * It is probed before the transaction, so that slow instances hold no connection that a rollback may need.
   */
  async register(context: SubgraphContext, { serviceId, url, version, idempotencyKey }: RegisterArguments): Promise<{ id: string }> {
    const { deps, config, prober, instances, targets } = this.parts;
    const { id: registeredById } = context.requireScope('deployment:write');
    checkService(serviceId);
    const checked = checkInstanceUrl(url, config.instanceHosts);
    if ('problem' in checked) throw invalidInput(checked.problem, 'url');
    if (!isRelease(version)) throw invalidInput('A release is a semantic version, for example 1.4.0 or 1.5.0-rc.1.', 'version');
    const result = await prober.probe(checked.url, expectationOf(this.parts, serviceId), PROBE_TIMEOUT_MS);
    return deps.commands.run(context, { field: 'registerInstance', idempotencyKey, input: { serviceId, url, version } }, async (unit) => {
      if ((await instances.atUrl(unit.tx, checked.url)) !== null) throw taken(checked.url);
      const constitutionalHash = healthyHash(result);
      if (constitutionalHash === null) throw conflict(`What runs at ${checked.url} ${inWords(result.outcome)} (${result.outcome}); it is not registered as ${serviceId}.`);

      const instance: Instance = {
        id: randomUUID(), serviceId, url: checked.url, version, state: 'REGISTERED', baseline: false, revision: 1,
        registeredById, registeredAt: unit.now.toISOString(), retiredAt: null, constitutionalHash,
      };
      await targets.lockService(unit.tx, serviceId);
      try {
        await instances.insert(unit.tx, instance);
      } catch (error) {
        throw isUniqueViolation(error) ? taken(checked.url) : error;
      }
      unit.emit(instanceEvent('InstanceRegistered', instance));
      await recordProbe(this.parts, unit, { ...instance, probe: null }, result);
      return { id: instance.id };
    });
  }

  async retire(context: SubgraphContext, { instanceId, idempotencyKey, expectedVersion }: { readonly instanceId: string; readonly idempotencyKey?: Maybe<string>; readonly expectedVersion?: Maybe<number> }): Promise<{ id: string }> {
    const { deps, instances, deployments, targets } = this.parts;
    context.requireScope('deployment:write');
    const command = { field: 'retireInstance', idempotencyKey, input: { instanceId, expectedVersion: expectedVersion ?? null } };
    return deps.commands.run(context, command, async (unit) => {
      const known = (await instances.byIds([instanceId])).get(instanceId);
      if (known === undefined) throw notFound('Instance', instanceId);
      await targets.lockService(unit.tx, known.serviceId);
      const instance = (await instances.lock(unit.tx, instanceId)) ?? known;
      expectVersion('Instance', instanceId, instance.revision, expectedVersion);
      if (instance.baseline) throw conflict(`Instance ${instanceId} is the baseline of ${instance.serviceId}: a rollback must always have it to return to.`);
      if (instanceTransition(instance.state, 'retire') === null) throw conflict(`Instance ${instanceId} is retired already.`);
      const target = await targets.of(unit.tx, instance.serviceId);
      if (target?.instanceId === instanceId) throw conflict(`Instance ${instanceId} is the active one of ${instance.serviceId}; deploy another or roll back first.`);
      const underWay = await deployments.underWay(unit.tx, instance.serviceId);
      if (underWay?.instanceId === instanceId) throw conflict(`${underWay.id} is deploying instance ${instanceId}.`);
      const retired = moveInstance(instance, 'retire', unit.now.toISOString());
      await instances.save(unit.tx, retired);
      unit.emit(instanceEvent('InstanceRetired', retired));
      return { id: instanceId };
    });
  }
}

/** @throws Refusal NotFound for anything but the seven subgraphs. */
export function checkService(serviceId: string): void {
  if (!isSubgraphName(serviceId)) throw notFound('Deployable service', serviceId);
}

function taken(url: string): Error {
  return conflict(`An instance at ${url} is registered already.`, 'ALREADY_EXISTS');
}
