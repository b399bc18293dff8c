/** What the benchmarks read from the environment. */

/** Environment the control plane under test inherits. */
export function benchEnvironment(): Record<string, string | undefined> {
  return { ...process.env, ACGS_LOG_LEVEL: 'warn' };
}

/** Names of the benchmarks to run, from the command line; all of them when empty. */
export function selectedBenches(): string[] {
  return process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
}
