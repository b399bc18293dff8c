// violates: no-circular-imports
export * from './cycle-a.js';
export type C = 2;
