/** Benchmarks that are programs of their own, with options of their own: they need a process that has done nothing else. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { projectPath } from '../runtime/package-root.js';

/** The script of each, below dist/ops/bench; its head says what it measures and what options it takes. */
const SCRIPTS: ReadonlyMap<string, string> = new Map([
  ['gateway-planning', 'gateway-planning.js'],
  ['gateway-cache', 'gateway-cache.js'],
  ['gateway-subscribers', 'gateway-subscribers.js'],
  ['schema-check', 'schema-check.js'],
  ['metrics-cost', 'metrics-cost.js'],
  ['cli-status', 'cli-status.js'],
  ['footprint', 'footprint.js'],
]);

/**
 * Runs the benchmark that a command line begins with.
 * @param args command line: the name, then the script's own options.
 * @returns the script's exit code; undefined when the name is of no such benchmark.
 */
export async function runScriptBench([name = '', ...options]: readonly string[] = process.argv.slice(2)): Promise<number | undefined> {
  const script = SCRIPTS.get(name);
  if (script === undefined) return undefined;
  const child = spawn(process.execPath, ['--enable-source-maps', projectPath('dist', 'ops', 'bench', script), ...options], { stdio: 'inherit' });
  const [code] = await once(child, 'exit') as [number | null];
  return code ?? 1;
}
