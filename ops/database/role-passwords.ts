/** Passwords of the subgraphs' roles, kept in the data directory. */
import { randomBytes } from 'node:crypto';
import { SECRET, secretFile } from '../runtime/secret-files.js';
import type { SubgraphSchema } from '../runtime/subgraph-names.js';

/** Password of a subgraph's role, made at first use. */
export function databasePassword(dataDirectory: string, schema: SubgraphSchema): string {
  return secretFile(dataDirectory, SECRET.databasePasswordOf(schema), () => randomBytes(24).toString('base64url'));
}
