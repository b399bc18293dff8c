/** The parts of policy-governance, wired. */
import type { SubgraphContext } from '../kernel/context.js';
import type { SubgraphDeps } from '../kernel/define-subgraph.js';
import type { Stoppable } from '../../ops/runtime/lifecycle.js';
import type { KeyedRead } from '../kernel/remembered-reads.js';
import { CedarEngine } from './cedar-engine.js';
import { readConfig, type PolicyGovernanceConfig } from './config.js';
import type { Service, ServiceObjective } from './domain-services.js';
import { STREAM } from './events.js';
import { IncidentDesk } from './incident-desk.js';
import { createGovernanceMetrics, showGovernanceRows, type GovernanceMetrics } from './metrics.js';
import { ReferenceData } from './reference-data.js';
import { requestSchema } from './seed-policies.js';
import { seedInstallation } from './seed.js';
import { AlertService } from './service-alerts.js';
import { IncidentService } from './service-incidents.js';
import { PolicyService } from './service-policies.js';
import { AlertStore } from './store-alerts.js';
import { IncidentStore } from './store-incidents.js';
import { PolicyStore } from './store-policies.js';
import { RegistryStore } from './store-registry.js';

/** Period of the exported key figures. */
const KPI_DAYS = 30;

export class PolicyGovernance {
  readonly alerts: AlertService;
  readonly incidents: IncidentService;
  readonly policies: PolicyService;
  readonly reference: ReferenceData;
  readonly metrics: GovernanceMetrics;
  private readonly registry: RegistryStore;
  private readonly config: PolicyGovernanceConfig;
  private readonly servicesByIds: KeyedRead<string, Service>;
  private readonly allServices: KeyedRead<string, Service[]>;

  constructor(readonly deps: SubgraphDeps) {
    this.config = readConfig(deps.environment);
    this.metrics = createGovernanceMetrics(deps.metrics);
    this.registry = new RegistryStore(deps.database);
    this.servicesByIds = deps.remember([STREAM.registry], (ids) => this.registry.byIds(ids));
    this.allServices = deps.remember([STREAM.registry], async (keys) => {
      const services = await this.registry.services();
      return new Map(keys.map((key) => [key, services]));
    });
    const alerts = new AlertStore(deps.database);
    const incidents = new IncidentStore(deps.database);
    this.reference = new ReferenceData({ services: () => this.registry.services(), rules: () => alerts.rules(), escalation: () => incidents.escalationPolicies() });
    const parts = { alerts, incidents, desk: new IncidentDesk(incidents, this.metrics), reference: this.reference, metrics: this.metrics };
    this.alerts = new AlertService(deps, parts);
    this.incidents = new IncidentService(deps, parts);
    showGovernanceRows({ registry: deps.metrics.registry, logger: deps.logger }, { firing: () => alerts.firingByLevel(), open: () => incidents.openBySeverity(), kpis: () => this.incidents.kpis(KPI_DAYS) });
    this.policies = new PolicyService(deps, new PolicyStore(deps.database), new CedarEngine(requestSchema()), this.metrics);
  }

  async start(): Promise<Stoppable> {
    const following = await this.policies.start();
    const escalating = this.incidents.startEscalating(this.config.escalationSweepMs);
    return { stop: async () => { await Promise.all([following.stop(), escalating.stop()]); } };
  }

  seed(): Promise<void> {
    return seedInstallation(this.deps, this.registry, this.reference, this.policies);
  }

  async services(): Promise<Service[]> {
    return (await this.allServices(['all'])).get('all') ?? [];
  }

  service(context: SubgraphContext, id: string): Promise<Service | null> {
    return context.loader<string, Service>('serviceById', this.servicesByIds).load(id);
  }

  async objectives(context: SubgraphContext, serviceId: string): Promise<ServiceObjective[]> {
    return (await context.loader<string, ServiceObjective[]>('objectivesOf', (ids) => this.registry.objectives(ids)).load(serviceId)) ?? [];
  }
}
