// violates: domain-imports-domain-only
export type { SubgraphContext } from '../kernel/context.js';
