// lawful
import { createHash } from 'node:crypto';
export type { Kind } from './domain-kinds.js';
export const digest = createHash;
