// violates: environment-is-read-in-config-only
import { env as settings } from 'node:process';
export const port = settings;
