/** The integrity subgraph: the append-only audit log of every state change. */
import { defineSubgraph } from '../kernel/define-subgraph.js';
import { createResolvers } from './resolvers.js';
import { AuditService } from './service.js';
import { AuditStore } from './store.js';

export const integrity = defineSubgraph({
  name: 'integrity',
  build: (deps) => new AuditService(deps, new AuditStore(deps.database)),
  resolvers: createResolvers,
  start: (service) => service.start(),
});
