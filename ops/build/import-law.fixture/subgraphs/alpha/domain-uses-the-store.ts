// violates: domain-imports-domain-only
import type { read } from './store.js';
export type Read = typeof read;
