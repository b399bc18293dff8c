/** The formal-verification subgraph: proof obligations, decided by Z3 in a process that can be killed. */
import { defineSubgraph } from '../kernel/define-subgraph.js';
import { readSolverConfig } from './config.js';
import { Z3Solver } from './ports-z3.js';
import { Prover } from './prover.js';
import { createResolvers } from './resolvers.js';
import { ProofService } from './service.js';
import { ProofStore } from './store.js';

export const formalVerification = defineSubgraph({
  name: 'formal-verification',
  build: (deps) => {
    const store = new ProofStore(deps.database);
    const solver = new Z3Solver({ ...readSolverConfig(deps.environment), logger: deps.logger });
    return new ProofService(deps, store, new Prover(deps, store, solver));
  },
  resolvers: createResolvers,
  start: (service) => service.prover.start(),
  seed: (service) => service.seed(),
});
