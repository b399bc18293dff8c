/** One-shot command that prepares an installation of separate processes; a compose service or a Kubernetes Job runs it first. */
import { readProvisionConfig } from './config.js';
import { provision } from './provision.js';

try {
  const config = readProvisionConfig();
  const { first, applied, written } = await provision(config, new Date());
  process.stdout.write(`${JSON.stringify({ step: config.step, newInstallation: first, migrationsApplied: applied.length, filesWritten: written.length })}\n`);
} catch (error) {
  const code = error instanceof AggregateError || error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  const hint = code === 'ECONNREFUSED' || code === 'ENOTFOUND' ? ' Is the server of DATABASE_URL up? Run the command again when it is.' : '';
  process.stderr.write(`${error instanceof Error ? error.message || String(code) : String(error)}${hint}\n`);
  process.exitCode = 1;
}
