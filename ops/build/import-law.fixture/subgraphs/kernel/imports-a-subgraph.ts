// violates: kernel-imports-no-subgraph
export { decide } from '../alpha/service.js';
