// violates: gateway-imports-runtime-and-schema-only
export { decide } from '../subgraphs/alpha/service.js';
