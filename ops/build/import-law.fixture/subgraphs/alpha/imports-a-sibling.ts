// violates: subgraph-imports-itself-kernel-and-runtime-only
export * from '../beta/service.js';
