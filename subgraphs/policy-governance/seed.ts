/** Gives a new installation its services, objectives, alert rules, escalation chains and policies; safe to run again. */
import type { SubgraphDeps } from '../kernel/define-subgraph.js';
import type { JsonObject } from '../kernel/outbox.js';
import { STREAM } from './events.js';
import type { ReferenceData } from './reference-data.js';
import { ALERT_RULES } from './seed-alert-rules.js';
import { seedPolicies } from './seed-policies.js';
import { ESCALATION_POLICIES, OBJECTIVES, SERVICES } from './seed-services.js';
import type { PolicyService } from './service-policies.js';
import type { RegistryStore } from './store-registry.js';

/** Adds what is missing; what is there stays as it is. */
export async function seedInstallation(deps: SubgraphDeps, registry: RegistryStore, reference: ReferenceData, policies: PolicyService): Promise<void> {
  await deps.commands.runAs('system:seed', 'seed', async (unit) => {
    const { tx, constitutionalHash } = unit;
    const registered = (entityId: string, kind: string, payload: JsonObject, subjects: readonly string[] = []): void => unit.emit({ stream: STREAM.registry, entityId, kind, payload, subjects });
    await registry.lockSeed(tx);
    for (const service of await registry.addServices(tx, SERVICES, constitutionalHash)) registered(service.id, 'ServiceRegistered', service, [`Service:${service.id}`]);
    for (const objective of await registry.addObjectives(tx, OBJECTIVES, constitutionalHash)) registered(objective.id, 'ObjectiveSet', objective, [`Service:${objective.serviceId}`]);
    for (const rule of await registry.addRules(tx, ALERT_RULES, constitutionalHash)) registered(rule.name, 'AlertRuleAdded', rule, [`AlertRule:${rule.name}`]);
    for (const policy of await registry.addEscalationPolicies(tx, ESCALATION_POLICIES, constitutionalHash)) registered(policy.severity, 'EscalationPolicySet', policy);
  });
  reference.forget();
  await policies.seed(seedPolicies());
}
