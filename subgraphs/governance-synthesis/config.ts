/** Settings of change management. */
import { z } from 'zod';
import { ConfigError, envType, readSettings, setting } from '../../ops/runtime/config.js';

export interface ChangeConfig {
  /** Time between two looks for lapsed changes and overdue reviews, milliseconds. */
  readonly sweepMs: number;
}

/** @throws ConfigError naming a malformed setting. */
export function readChangeConfig(environment: Readonly<Record<string, string | undefined>>): ChangeConfig {
  return readSettings({ sweepMs: setting('ACGS_CHANGE_SWEEP_MS', envType.integer(20, 3_600_000).default(5_000), '5000') }, environment);
}

export interface RegistryConfig {
  /**
   * When the contracts of a release come into force by themselves: `first`, into an empty registry only, since other processes
   * may still run the release before; `release`, also over those of another release, where one process runs everything.
   */
  readonly install: 'first' | 'release';
  /** Most memory of one schema check, MiB. */
  readonly checkMemoryMb: number;
  /** Longest time of one schema check, milliseconds. */
  readonly checkTimeoutMs: number;
  /** Days of recorded usage that a check weighs by. */
  readonly usageDays: number;
  /** Hours that recording must have lasted before an unused field counts as unused. */
  readonly usageMinimumHours: number;
  /** Days after which recorded usage is forgotten. */
  readonly usageKeepDays: number;
}

/** @throws ConfigError naming a malformed setting. */
export function readRegistryConfig(environment: Readonly<Record<string, string | undefined>>): RegistryConfig {
  const config = readSettings({
    install: setting<RegistryConfig['install']>('ACGS_SCHEMA_INSTALL', z.enum(['first', 'release']).default('first'), 'release'),
    checkMemoryMb: setting('ACGS_SCHEMA_CHECK_MEMORY_MB', envType.integer(128, 16_384).default(2_048), '2048'),
    checkTimeoutMs: setting('ACGS_SCHEMA_CHECK_TIMEOUT_MS', envType.integer(1_000, 600_000).default(120_000), '120000'),
    usageDays: setting('ACGS_SCHEMA_USAGE_DAYS', envType.integer(1, 90).default(30), '30'),
    usageMinimumHours: setting('ACGS_SCHEMA_USAGE_MINIMUM_HOURS', envType.integer(0, 2_160).default(24), '24'),
    usageKeepDays: setting('ACGS_SCHEMA_USAGE_KEEP_DAYS', envType.integer(1, 730).default(90), '90'),
  }, environment);
  if (config.usageKeepDays < config.usageDays) throw new ConfigError([`ACGS_SCHEMA_USAGE_KEEP_DAYS: ${config.usageKeepDays} is less than the ${config.usageDays} days of ACGS_SCHEMA_USAGE_DAYS that a check weighs by (example: ACGS_SCHEMA_USAGE_KEEP_DAYS=90)`]);
  return config;
}
