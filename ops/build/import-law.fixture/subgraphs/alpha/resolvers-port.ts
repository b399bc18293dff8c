// violates: resolvers-call-services-only
import type { Clock } from './ports.js';
export type Time = Clock;
