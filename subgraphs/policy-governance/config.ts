/** Settings of policy-governance. */
import { envType, readSettings, setting } from '../../ops/runtime/config.js';

export interface PolicyGovernanceConfig {
  /** How often due escalation steps are looked for, milliseconds. */
  readonly escalationSweepMs: number;
}

/** @throws ConfigError naming what is malformed. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): PolicyGovernanceConfig {
  return readSettings({ escalationSweepMs: setting('ACGS_ESCALATION_SWEEP_MS', envType.integer(10, 60_000).default(5_000), '5000') }, environment);
}
