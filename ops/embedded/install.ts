/** Prepares a database and a data directory: migrations, roles, the constitution's manifest and its accepted labels. */
import { migrate } from '../database/migrate.js';
import { provisionRoles, recordEpoch } from '../database/provision.js';
import { databasePassword } from '../database/role-passwords.js';
import { ensureGenesisManifest, type ConstitutionManifest } from '../runtime/constitution-manifest.js';
import { SUBGRAPH_SCHEMAS, type SubgraphSchema } from '../runtime/subgraph-names.js';
import { genesisConstitution } from '../../subgraphs/constitutional-ai/genesis.js';

export interface Installation {
  /** Connection string of each subgraph's role; holds passwords. */
  readonly databaseUrls: Readonly<Record<SubgraphSchema, string>>;
  readonly manifest: ConstitutionManifest;
  /** Names of the migrations this call applied. */
  readonly applied: readonly string[];
}

/**
 * Brings a database and a data directory to the state the processes need; safe to run again and at the same time.
 * @param options.adminUrl connection string of a role that may create schemas and roles.
 * @param options.rolePrefix put before the schema's name to make the role's.
 * @throws MigrationError, ManifestError, or the database's error.
 */
export async function install(options: { adminUrl: string; dataDirectory: string; genesisLabel: string; rolePrefix: string; now: Date }): Promise<Installation> {
  const { adminUrl, dataDirectory } = options;
  const { applied } = await migrate({ connectionString: adminUrl });
  const passwords = Object.fromEntries(SUBGRAPH_SCHEMAS.map((schema) => [schema, databasePassword(dataDirectory, schema)])) as Record<SubgraphSchema, string>;
  const databaseUrls = await provisionRoles({ connectionString: adminUrl, rolePrefix: options.rolePrefix, passwords });
  const manifest = ensureGenesisManifest(dataDirectory, options.genesisLabel, genesisConstitution(), options.now);
  for (const label of manifest.accepted) {
    await recordEpoch({ connectionString: adminUrl, label, epoch: manifest.epoch, digest: manifest.digest, signature: manifest.signature, state: 'ACCEPTED' });
  }
  return { databaseUrls, manifest, applied };
}
