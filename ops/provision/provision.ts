/** Prepares an installation: keys, database, and a folder of files for each process. */
import { roleUrls } from '../database/provision.js';
import { install } from '../embedded/install.js';
import { writeBundles } from './bundles.js';
import type { ProvisionConfig } from './config.js';
import { makeInstallationKeys } from './installation-keys.js';

export interface Provisioned {
  /** True when the installation is new. */
  readonly first: boolean;
  /** Names of the migrations that were applied. */
  readonly applied: readonly string[];
  /** Files of the bundles that were written. */
  readonly written: readonly string[];
}

/**
 * Runs the steps that the configuration names; each leaves alone what is done already.
 * @throws MigrationError, ManifestError, SecretFileError, or the database's error.
 */
export async function provision({ step, dataDirectory, genesisLabel, rolePrefix, databaseUrl, bundles }: ProvisionConfig, now: Date): Promise<Provisioned> {
  const { passwords, first } = await makeInstallationKeys(dataDirectory, genesisLabel, now);
  const applied = step === 'keys' || databaseUrl === undefined ? [] : (await install({ adminUrl: databaseUrl, dataDirectory, genesisLabel, rolePrefix, now })).applied;
  const databaseUrls = databaseUrl === undefined ? undefined : roleUrls(databaseUrl, rolePrefix, passwords);
  const written = bundles === undefined ? [] : writeBundles({ dataDirectory, directory: bundles, databaseUrls, first });
  return { first, applied, written };
}
