/** The command line and environment of generic mode, and when it must not run. */
import '../telemetry-config.js';
import { parseArgs } from 'node:util';
import { checkHostBinding, COMMON_SETTINGS, ConfigError, readSettings } from '../../ops/runtime/config.js';

export interface GenericConfig {
  /** Supergraph file to serve. */
  readonly supergraphFile: string;
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly logLevel: string;
}

export const GENERIC_USAGE = `Serves any Federation 2 supergraph at /graphql, for development and compatibility suites.

  npm run gateway -- --supergraph FILE [--port N] [--host H]

  --supergraph FILE  the composed supergraph (SDL); every subgraph's URL in it is its full endpoint
  --port N           port to listen on, 0 for a free one; default 4000
  --host H           address to listen on; default 127.0.0.1`;

/** Settings that only the control plane has; where one is set, this is not a place for foreign graphs. */
const CONTROL_PLANE_KEYS = ['ACGS_DATA_DIR', 'ACGS_CONSTITUTIONAL_HASH', 'ACGS_SUBGRAPH_URLS', 'DATABASE_URL', 'DATABASE_URL_FILE', 'REDIS_URL', 'REDIS_URL_FILE'] as const;
const SECRET_KEY = /^ACGS_.*(KEY|SECRET|TOKEN|PASSWORD|TLS)/;

/**
 * Reads the arguments.
 * @param args what follows the script's name.
 * @param env defaults to the process's environment.
 * @throws ConfigError for an unknown or malformed argument, for production mode, and where settings of the control plane are present.
 */
export function readGenericConfig(args: readonly string[] = process.argv.slice(2), env: Readonly<Record<string, string | undefined>> = process.env): GenericConfig {
  const { mode, logLevel, firewalled } = readSettings({ mode: COMMON_SETTINGS.mode, logLevel: COMMON_SETTINGS.logLevel, firewalled: COMMON_SETTINGS.firewalled }, env);
  const problems = mode === 'production' ? ['NODE_ENV: generic mode checks no credentials and is never run in production; the control plane\'s gateway is "node dist/gateway/main.js" (example: NODE_ENV=development)'] : [];
  const present = Object.keys(env).filter((key) => env[key] !== undefined && env[key] !== '');
  for (const key of present) {
    if (CONTROL_PLANE_KEYS.some((name) => name === key) || SECRET_KEY.test(key)) problems.push(`${key}: generic mode must not run where the control plane is configured; unset it`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  const { supergraph, port, host } = argumentsOf(args);
  if (supergraph === undefined) throw new ConfigError(['--supergraph: says which file to serve and is missing (example: --supergraph supergraph.graphql)']);
  const number = Number(port);
  if (!/^\d{1,5}$/.test(port) || number > 65_535) throw new ConfigError([`--port: "${port}" is not a port, 0 to 65535 (example: --port 4000)`]);
  // A wildcard needs the same declaration as everywhere, without production, which was refused above.
  checkHostBinding(host, firewalled ? 'production' : mode, firewalled);
  return { supergraphFile: supergraph, host, port: number, logLevel };
}

function argumentsOf(args: readonly string[]): { supergraph?: string | undefined; port: string; host: string } {
  try {
    return parseArgs({ args: [...args], options: { supergraph: { type: 'string' }, port: { type: 'string', default: '4000' }, host: { type: 'string', default: '127.0.0.1' } } }).values;
  } catch (error) {
    throw new ConfigError([error instanceof Error ? error.message : String(error)]);
  }
}
