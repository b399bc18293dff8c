/** Services, their objectives and the seed of this subgraph's reference data in PostgreSQL. */
import type { Database, TransactionClient } from '../kernel/database.js';
import type { AlertRule } from './domain-alerts.js';
import type { EscalationPolicy } from './domain-escalation.js';
import type { Service, ServiceObjective, SloComparator, SloIndicator } from './domain-services.js';
import type { GovernedService } from '../../prisma/__generated__/client.js';

export class RegistryStore {
  constructor(private readonly database: Database) {}

  async services(): Promise<Service[]> {
    return (await this.database.read((prisma) => prisma.governedService.findMany({ orderBy: [{ tier: 'asc' }, { id: 'asc' }] }))).map(toService);
  }

  async byIds(ids: readonly string[]): Promise<Map<string, Service>> {
    const rows = await this.database.read((prisma) => prisma.governedService.findMany({ where: { id: { in: [...ids] } } }));
    return new Map(rows.map((row) => [row.id, toService(row)]));
  }

  async objectives(serviceIds: readonly string[]): Promise<Map<string, ServiceObjective[]>> {
    const rows = await this.database.read((prisma) => prisma.slo.findMany({ where: { serviceId: { in: [...serviceIds] } }, orderBy: { id: 'asc' } }));
    const groups = new Map<string, ServiceObjective[]>();
    for (const { constitutionalHash: _hash, ...row } of rows) {
      const group = groups.get(row.serviceId) ?? [];
      group.push({ ...row, indicator: row.indicator as SloIndicator, comparator: row.comparator as SloComparator });
      groups.set(row.serviceId, group);
    }
    return groups;
  }

  /** Makes concurrent seeds take turns until the transaction ends. */
  async lockSeed(tx: TransactionClient): Promise<void> {
    await tx.$executeRawUnsafe(`SELECT pg_advisory_xact_lock(hashtextextended('acgs.policy-governance.seed', 0))`);
  }

  /** Inserts services that are not there. @returns those that were inserted. */
  async addServices(tx: TransactionClient, services: readonly Service[], constitutionalHash: string): Promise<Service[]> {
    const known = new Set((await tx.governedService.findMany({ select: { id: true } })).map(({ id }) => id));
    const missing = services.filter(({ id }) => !known.has(id));
    await tx.governedService.createMany({
      data: missing.map(({ id, name, aliases, tier, port, targets }) => ({
        id, name, aliases: [...aliases], tier, port, constitutionalHash, availabilityTarget: targets.availability, errorBudgetMinutes: targets.errorBudgetMinutes,
        rtoMinutes: targets.rtoMinutes, rpoMinutes: targets.rpoMinutes, componentP99Ms: targets.componentLatencyP99Ms, endToEndP99Ms: targets.endToEndLatencyP99Ms,
      })),
    });
    return missing;
  }

  /** Inserts objectives that are not there. @returns those that were inserted. */
  async addObjectives(tx: TransactionClient, objectives: readonly ServiceObjective[], constitutionalHash: string): Promise<ServiceObjective[]> {
    const known = new Set((await tx.slo.findMany({ select: { id: true } })).map(({ id }) => id));
    const missing = objectives.filter(({ id }) => !known.has(id));
    await tx.slo.createMany({ data: missing.map((objective) => ({ ...objective, constitutionalHash })) });
    return missing;
  }

  /** Inserts alert rules that are not there. @returns those that were inserted. */
  async addRules(tx: TransactionClient, rules: readonly AlertRule[], constitutionalHash: string): Promise<AlertRule[]> {
    const known = new Set((await tx.alertRule.findMany({ select: { name: true } })).map(({ name }) => name));
    const missing = rules.filter(({ name }) => !known.has(name));
    await tx.alertRule.createMany({ data: missing.map((rule) => ({ ...rule, constitutionalHash })) });
    return missing;
  }

  /** Inserts escalation policies that are not there. @returns those that were inserted. */
  async addEscalationPolicies(tx: TransactionClient, policies: readonly EscalationPolicy[], constitutionalHash: string): Promise<EscalationPolicy[]> {
    const known = new Set((await tx.escalationPolicy.findMany({ select: { severity: true } })).map(({ severity }) => severity));
    const missing = policies.filter(({ severity }) => !known.has(severity));
    await tx.escalationPolicy.createMany({ data: missing.map(({ steps: _steps, ...policy }) => ({ ...policy, constitutionalHash })) });
    await tx.escalationPolicyStep.createMany({ data: missing.flatMap(({ severity, steps }) => steps.map((step) => ({ severity, ...step, constitutionalHash }))) });
    return missing;
  }
}

function toService(row: GovernedService): Service {
  return {
    id: row.id, name: row.name, aliases: row.aliases, tier: row.tier, port: row.port,
    targets: {
      availability: row.availabilityTarget, errorBudgetMinutes: row.errorBudgetMinutes, rtoMinutes: row.rtoMinutes, rpoMinutes: row.rpoMinutes,
      componentLatencyP99Ms: row.componentP99Ms, endToEndLatencyP99Ms: row.endToEndP99Ms,
    },
  };
}
