// violates: gateway-imports-runtime-and-schema-only
import type { SubgraphContext } from '../subgraphs/kernel/context.js';
export type Context = SubgraphContext;
