// violates: runtime-imports-nothing-of-ours
export * from '../database/client.js';
