/** The policy-governance subgraph: services and their targets, alerts, incidents, and the policies that decide. */
import { defineSubgraph } from '../kernel/define-subgraph.js';
import { alertmanagerWebhook } from './alertmanager-webhook.js';
import { createResolvers } from './resolvers.js';
import { PolicyGovernance } from './service.js';
import { violationRoute } from './violation-route.js';

/** Largest notification in bytes: a group of 10,000 alerts must fit, since Alertmanager does not repeat what is refused as too large. */
const BODY_LIMIT = 32 * 1024 * 1024;

export const policyGovernance = defineSubgraph({
  name: 'policy-governance',
  build: (deps) => new PolicyGovernance(deps),
  resolvers: createResolvers,
  routes: (service) => ({ 'POST /webhooks/alertmanager': alertmanagerWebhook(service.deps, service) }),
  hopRoutes: (service) => ({ 'POST /internal/violations': violationRoute(service.deps, service) }),
  bodyLimit: BODY_LIMIT,
  start: (service) => service.start(),
  seed: (service) => service.seed(),
});
