/** Every key, password and document of an installation, made where it is missing, without a database. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { databasePassword } from '../database/role-passwords.js';
import { constitutionPaths, ensureGenesisManifest } from '../runtime/constitution-manifest.js';
import { SECRET, secretFile, secretKey } from '../runtime/secret-files.js';
import { SUBGRAPH_NAMES, SUBGRAPH_SCHEMAS, type SubgraphSchema } from '../runtime/subgraph-names.js';
import { makeInitialPassword } from '../../subgraphs/auth/initial-password.js';
import { genesisConstitution } from '../../subgraphs/constitutional-ai/genesis.js';
import { GRANT_KEY, loadSigningKey, SCHEMA_KEY } from '../../subgraphs/governance-synthesis/signing-key.js';

export interface InstallationKeys {
  /** Password of each subgraph's role. */
  readonly passwords: Readonly<Record<SubgraphSchema, string>>;
  /** True when this call found no constitution: the installation is new. */
  readonly first: boolean;
}

/**
 * Makes what is missing. Of several calls at once the first to write a file wins, and all return the same.
 * @throws ManifestError when a constitution is there and does not hold, SecretFileError when a file is missing and cannot be made.
 */
export async function makeInstallationKeys(dataDirectory: string, genesisLabel: string, now: Date): Promise<InstallationKeys> {
  const first = !existsSync(constitutionPaths(dataDirectory).manifest);
  // Only for a new installation: later the password was changed, and a new file would open nothing.
  if (first) makeInitialPassword(dataDirectory);
  secretKey(dataDirectory, SECRET.hopMaster);
  for (const name of SUBGRAPH_NAMES) secretKey(dataDirectory, SECRET.cursorOf(name));
  secretKey(dataDirectory, SECRET.refreshTokens);
  secretFile(dataDirectory, SECRET.alertmanagerToken, () => randomBytes(32).toString('base64url'));
  for (const purpose of [GRANT_KEY, SCHEMA_KEY]) await loadSigningKey(dataDirectory, purpose);
  const passwords = Object.fromEntries(SUBGRAPH_SCHEMAS.map((schema) => [schema, databasePassword(dataDirectory, schema)])) as Record<SubgraphSchema, string>;
  // Last, since its presence says that the rest was made.
  ensureGenesisManifest(dataDirectory, genesisLabel, genesisConstitution(), now);
  return { passwords, first };
}
