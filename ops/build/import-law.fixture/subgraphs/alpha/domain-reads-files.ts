// violates: domain-imports-domain-only
export { readFile } from 'node:fs/promises';
