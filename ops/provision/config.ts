/** Settings and arguments of the one-shot command that prepares an installation. */
import { parseArgs } from 'node:util';
import { COMMON_SETTINGS, ConfigError, envType, readSettings, secretSetting, setting } from '../runtime/config.js';

export const PROVISION_USAGE = `Prepares an installation of separate processes; safe to run again, and by several at once.

  node dist/ops/provision/main.js [keys|database|all] [--bundles DIR]

  keys       makes what is missing of keys, passwords and the signed constitution in ACGS_DATA_DIR; connects to nothing
  database   migrates DATABASE_URL, makes a role for each subgraph and records the constitution's labels
  all        both, which is the default

  --bundles DIR  writes a folder for each process with the files that it may read and no others`;

const STEPS = ['keys', 'database', 'all'] as const;

export interface ProvisionConfig {
  readonly step: (typeof STEPS)[number];
  readonly dataDirectory: string;
  readonly genesisLabel: string;
  readonly rolePrefix: string;
  /** Owner of the database, who may create schemas and roles; undefined for `keys` alone. */
  readonly databaseUrl: string | undefined;
  /** Where the folders of the processes go; undefined writes none. */
  readonly bundles: string | undefined;
  readonly logLevel: string;
}

/**
 * Reads arguments and environment.
 * @throws ConfigError for an unknown argument, a malformed setting, and a database step without a database.
 */
export function readProvisionConfig(args: readonly string[] = process.argv.slice(2), env: Readonly<Record<string, string | undefined>> = process.env): ProvisionConfig {
  const { step, bundles } = argumentsOf(args);
  const { dataDirectory, genesisLabel, logLevel, ...settings } = readSettings({
    dataDirectory: COMMON_SETTINGS.dataDirectory, genesisLabel: COMMON_SETTINGS.genesisLabel, logLevel: COMMON_SETTINGS.logLevel,
    databaseUrl: secretSetting('DATABASE_URL', envType.url('postgres:', 'postgresql:').optional(), 'postgres://acgs:secret@127.0.0.1:5440/acgs'),
    rolePrefix: setting('ACGS_DATABASE_ROLE_PREFIX', envType.text().default('acgs_'), 'acgs_'),
  }, env);
  if (step !== 'keys' && settings.databaseUrl === undefined) throw new ConfigError(['DATABASE_URL: the database to prepare is missing; only "keys" does without (example: DATABASE_URL=postgres://acgs:secret@127.0.0.1:5440/acgs)']);
  return { step, bundles, dataDirectory, genesisLabel, logLevel, ...settings };
}

function argumentsOf(args: readonly string[]): Pick<ProvisionConfig, 'step' | 'bundles'> {
  let parsed;
  try {
    parsed = parseArgs({ args: [...args], allowPositionals: true, options: { bundles: { type: 'string' } } });
  } catch (error) {
    throw new ConfigError([`${error instanceof Error ? error.message : String(error)}\n\n${PROVISION_USAGE}`]);
  }
  const [word = 'all', ...further] = parsed.positionals;
  const step = STEPS.find((one) => one === word);
  if (step === undefined || further.length > 0) throw new ConfigError([`"${parsed.positionals.join(' ')}" is not a step\n\n${PROVISION_USAGE}`]);
  return { step, bundles: parsed.values.bundles };
}
