/** The auth subgraph: who acts, with which roles and credentials, and who is on call. */
import { defineSubgraph } from '../kernel/define-subgraph.js';
import { createResolvers } from './resolvers.js';
import { gatewayRoutes, publicRoutes } from './routes.js';
import { AuthService } from './service.js';

export { FIRST_ADMINISTRATOR, initialPasswordFile, readInitialPassword } from './initial-password.js';

export const auth = defineSubgraph({
  name: 'auth',
  build: (deps) => AuthService.build(deps),
  resolvers: createResolvers,
  routes: publicRoutes,
  hopRoutes: gatewayRoutes,
  start: (service) => service.start(),
  seed: (service) => service.seed(),
});
