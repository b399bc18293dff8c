// violates: no-circular-imports
import type { B } from './cycle-b.js';
export type A = B | 1;
