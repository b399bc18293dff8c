/** Settings of change management. */
import { envType, readSettings, setting } from '../../ops/runtime/config.js';

export interface ChangeConfig {
  /** Time between two looks for lapsed changes and overdue reviews, milliseconds. */
  readonly sweepMs: number;
}

/** @throws ConfigError naming a malformed setting. */
export function readChangeConfig(environment: Readonly<Record<string, string | undefined>>): ChangeConfig {
  return readSettings({ sweepMs: setting('ACGS_CHANGE_SWEEP_MS', envType.integer(20, 3_600_000).default(5_000), '5000') }, environment);
}
