/** Settings of formal-verification. */
import { envType, readSettings, setting } from '../../ops/runtime/config.js';

export interface SolverConfig {
  /** Most memory of the solver process, MiB. */
  readonly memoryMb: number;
  /** Idle time after which the solver process is ended, milliseconds. */
  readonly idleMs: number;
}

/** @throws ConfigError naming what is malformed. */
export function readSolverConfig(environment: Readonly<Record<string, string | undefined>>): SolverConfig {
  const { memoryMb, idleSeconds } = readSettings({
    memoryMb: setting('ACGS_SOLVER_MEMORY_MB', envType.integer(256, 4_096).default(1_024), '1024'),
    idleSeconds: setting('ACGS_SOLVER_IDLE_SECONDS', envType.integer(1, 3_600).default(60), '60'),
  }, environment);
  return { memoryMb, idleMs: idleSeconds * 1_000 };
}
