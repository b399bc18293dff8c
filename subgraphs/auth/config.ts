/** Settings of the auth subgraph. */
import { envType, readSettings, setting } from '../../ops/runtime/config.js';

const DAY_MS = 24 * 60 * 60_000;

export interface AuthConfig {
  /** How often grants are expired, failed logins reported and old records pruned, milliseconds. */
  readonly sweepIntervalMs: number;
  /** Age at which the key that signs access tokens is replaced, milliseconds. */
  readonly signingKeyMaxAgeMs: number;
}

/** @throws ConfigError naming each key that is malformed. */
export function readAuthConfig(environment: Readonly<Record<string, string | undefined>>): AuthConfig {
  const { sweepIntervalMs, signingKeyDays } = readSettings({
    sweepIntervalMs: setting('ACGS_AUTH_SWEEP_INTERVAL_MS', envType.integer(20, 60_000).default(5_000), '5000'),
    signingKeyDays: setting('ACGS_AUTH_SIGNING_KEY_DAYS', envType.integer(1, 365).default(90), '90'),
  }, environment);
  return { sweepIntervalMs, signingKeyMaxAgeMs: signingKeyDays * DAY_MS };
}
