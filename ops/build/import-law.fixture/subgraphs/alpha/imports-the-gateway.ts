// violates: subgraph-imports-itself-kernel-and-runtime-only
import type { plan } from '../../gateway/lawful.js';
export type Plan = typeof plan;
