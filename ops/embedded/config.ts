/** Settings of the all-in-one process. */
import { checkHostBinding, COMMON_SETTINGS, envType, readSettings, secretSetting, setting, type RunMode } from '../runtime/config.js';
import { readTracingConfig, type TracingConfig } from '../runtime/tracing-config.js';
import { defaultPortOf, SUBGRAPH_NAMES, type SubgraphName } from '../runtime/subgraph-names.js';

export interface EmbeddedConfig {
  readonly mode: RunMode;
  readonly host: string;
  readonly gatewayPort: number;
  readonly subgraphPorts: Readonly<Record<SubgraphName, number>>;
  /** Owner's connection string of a server to use instead of the embedded one. */
  readonly databaseUrl: string | undefined;
  /** Redis for the event bus; without it events stay in the process. */
  readonly redisUrl: string | undefined;
  /** Put before every Redis key; installations that share a server need their own. */
  readonly redisPrefix: string;
  readonly rolePrefix: string;
  readonly dataDirectory: string;
  readonly genesisLabel: string;
  readonly logLevel: string;
  /** Where traces go; undefined, the default, records none. */
  readonly tracing: TracingConfig | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Reads the settings.
 * @throws ConfigError naming each key that is malformed.
 */
export function readEmbeddedConfig(environment: Readonly<Record<string, string | undefined>> = process.env): EmbeddedConfig {
  const settings = readSettings({
    ...COMMON_SETTINGS,
    databaseUrl: secretSetting('DATABASE_URL', envType.url('postgres:', 'postgresql:').optional(), 'postgres://acgs:secret@127.0.0.1:5440/acgs'),
    redisUrl: secretSetting('REDIS_URL', envType.url('redis:', 'rediss:').optional(), 'redis://127.0.0.1:6390'),
    redisPrefix: setting('ACGS_REDIS_PREFIX', envType.text().default('acgs:'), 'acgs-staging:'),
    gatewayPort: setting('ACGS_GATEWAY_PORT', envType.port().default(4000), '4000'),
    /** Distance of every subgraph port from its default. */
    portOffset: setting('ACGS_SUBGRAPH_PORT_OFFSET', envType.integer(0, 50_000).default(0), '1000'),
    freePorts: setting('ACGS_FREE_PORTS', envType.boolean().default(false), 'true'),
    rolePrefix: setting('ACGS_DATABASE_ROLE_PREFIX', envType.text().default('acgs_'), 'acgs_'),
    embeddedLogLevel: setting('ACGS_LOG_LEVEL', envType.text().default('warn'), 'info'),
  }, environment);
  checkHostBinding(settings.host, settings.mode, settings.firewalled);
  const { freePorts, portOffset } = settings;
  const subgraphPorts = Object.fromEntries(SUBGRAPH_NAMES.map((name) => [name, freePorts ? 0 : defaultPortOf(name) + portOffset])) as Record<SubgraphName, number>;
  return { ...settings, gatewayPort: freePorts && environment['ACGS_GATEWAY_PORT'] === undefined ? 0 : settings.gatewayPort, subgraphPorts, logLevel: settings.embeddedLogLevel, tracing: readTracingConfig(environment), environment };
}
