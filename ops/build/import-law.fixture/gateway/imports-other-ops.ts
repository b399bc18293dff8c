// violates: gateway-imports-runtime-and-schema-only
export const load = () => import('../ops/database/client.js');
