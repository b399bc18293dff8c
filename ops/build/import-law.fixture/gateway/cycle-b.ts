// violates: no-circular-imports
export type B = import('./cycle-c.js').C;
