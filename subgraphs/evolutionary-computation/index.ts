/** The evolutionary-computation subgraph: model versions, instances of subgraphs, deployments, rollbacks and the target feed. */
import { defineSubgraph } from '../kernel/define-subgraph.js';
import { readEvolutionConfig } from './config.js';
import { GrantVerifier } from './grant-verifier.js';
import { showModels } from './model-metrics.js';
import { HttpProber } from './ports.js';
import { createResolvers } from './resolvers.js';
import { seedBaselines } from './service-baseline.js';
import { DeploymentService } from './service-deployments.js';
import { InstanceService } from './service-instances.js';
import { ModelService } from './service-models.js';
import { HealthMonitor } from './service-monitor.js';
import { EvolutionReading } from './service-reading.js';
import { RollbackService } from './service-rollback.js';
import { DeploymentStore } from './store-deployments.js';
import { InstanceStore } from './store-instances.js';
import { ModelStore } from './store-models.js';
import { RollbackStore } from './store-rollbacks.js';
import { TargetStore } from './store-targets.js';

export const evolutionaryComputation = defineSubgraph({
  name: 'evolutionary-computation',
  build: (deps) => {
    const { database, manifest, dataDirectory, clock, environment, logger } = deps;
    const stores = { models: new ModelStore(database), instances: new InstanceStore(database), deployments: new DeploymentStore(database), rollbacks: new RollbackStore(database), targets: new TargetStore(database) };
    const config = readEvolutionConfig(environment);
    const parts = { deps, config, prober: new HttpProber(logger, config.instanceTls), grants: new GrantVerifier(dataDirectory, manifest.accepted, clock), ...stores };
    const deployments = new DeploymentService(parts);
    showModels({ registry: deps.metrics.registry, logger }, stores.models);
    return { parts, deployments, models: new ModelService(parts), instances: new InstanceService(parts), rollbacks: new RollbackService(parts), reading: new EvolutionReading(parts), monitor: new HealthMonitor(parts, deployments) };
  },
  resolvers: createResolvers,
  hopRoutes: ({ reading }) => ({ 'GET /internal/targets': ({ query }) => reading.feed(query.get('since')) }),
  start: ({ monitor, parts }) => monitor.start(parts.config.probeIntervalMs),
  seed: ({ parts }) => seedBaselines(parts),
});
