/** Settings of a process that runs one subgraph. */
import { checkHostBinding, COMMON_SETTINGS, ConfigError, envType, readSettings, secretSetting, setting, type RunMode } from '../ops/runtime/config.js';
import { SERVER_TLS_SETTINGS, serverTlsOf, type ServerTlsConfig } from '../ops/runtime/tls-config.js';
import { readTracingConfig, type TracingConfig } from '../ops/runtime/tracing-config.js';
import { defaultPortOf, isSubgraphName, SUBGRAPH_NAMES, type SubgraphName } from '../ops/runtime/subgraph-names.js';

export interface SubgraphProcessConfig {
  readonly name: SubgraphName;
  readonly host: string;
  readonly port: number;
  readonly mode: RunMode;
  readonly databaseUrl: string;
  /** Redis for the event bus; without it LISTEN/NOTIFY is used. */
  readonly redisUrl: string | undefined;
  /** Put before every Redis key; installations that share a server need their own. */
  readonly redisPrefix: string;
  readonly dataDirectory: string;
  readonly genesisLabel: string;
  readonly logLevel: string;
  /** Undefined serves plain HTTP. */
  readonly tls: ServerTlsConfig | undefined;
  /** Where traces go; undefined, the default, records none. */
  readonly tracing: TracingConfig | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Reads the settings of `main <name>`.
 * @param args command line after the program: the name and, optionally, `--port <n>`.
 * @throws ConfigError naming what is missing or malformed.
 */
export function readSubgraphConfig(args: readonly string[], environment: Readonly<Record<string, string | undefined>> = process.env): SubgraphProcessConfig {
  const [name, flag, value] = args;
  if (name === undefined || !isSubgraphName(name)) throw new ConfigError([`the first argument names the subgraph: one of ${SUBGRAPH_NAMES.join(', ')} (example: main auth)`]);
  if (flag !== undefined && (flag !== '--port' || value === undefined)) throw new ConfigError([`${flag}: the only option is --port (example: main auth --port 8100)`]);
  const settings = readSettings({
    ...COMMON_SETTINGS,
    ...SERVER_TLS_SETTINGS,
    databaseUrl: secretSetting('DATABASE_URL', envType.url('postgres:', 'postgresql:'), 'postgres://acgs_auth:secret@127.0.0.1:5440/acgs'),
    redisUrl: secretSetting('REDIS_URL', envType.url('redis:', 'rediss:').optional(), 'redis://127.0.0.1:6390'),
    redisPrefix: setting('ACGS_REDIS_PREFIX', envType.text().default('acgs:'), 'acgs-staging:'),
    port: setting('ACGS_PORT', envType.port().default(defaultPortOf(name)), String(defaultPortOf(name))),
  }, flag === '--port' ? { ...environment, ACGS_PORT: value } : environment);
  checkHostBinding(settings.host, settings.mode, settings.firewalled);
  return { ...settings, name, environment, tracing: readTracingConfig(environment), tls: serverTlsOf(settings) };
}
