/** The constitutional-ai subgraph: the constitution, compliance checks and violations. */
import { defineSubgraph } from '../kernel/define-subgraph.js';
import { trustFilesIn } from './ports.js';
import { createResolvers } from './resolvers.js';
import { gatewayRoutes, publicRoutes } from './routes.js';
import { ComplianceService } from './service-compliance.js';
import { ViolationService } from './service-violations.js';
import { ConstitutionService } from './service.js';
import { CheckStore } from './store-checks.js';
import { ViolationStore } from './store-violations.js';
import { ConstitutionStore } from './store.js';

export const constitutionalAi = defineSubgraph({
  name: 'constitutional-ai',
  build: async (deps) => {
    const violationStore = new ViolationStore(deps.database);
    const constitution = new ConstitutionService(deps, new ConstitutionStore(deps.database), trustFilesIn(deps.dataDirectory));
    const compliance = new ComplianceService(deps, constitution, new CheckStore(deps.database), violationStore);
    await compliance.restoreScores();
    return { constitution, compliance, violations: new ViolationService(deps, violationStore) };
  },
  resolvers: createResolvers,
  routes: ({ constitution }) => publicRoutes(constitution),
  hopRoutes: ({ violations }) => gatewayRoutes(violations),
  seed: ({ constitution }) => constitution.seed(),
});
