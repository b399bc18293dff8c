/** Long work of the registry: it goes on when a request ends before it, and asking again with the same key finds it. */
import type { Run } from '../act.js';
import { CliError, EXIT } from '../exit-codes.js';
import { progress } from '../progress.js';

/** Longest wait for a check or a publication where --timeout says nothing, milliseconds. */
const PATIENCE_MS = 180_000;

/**
 * Asks again as long as the outcome is unknown and time is left; the same idempotency key makes that harmless.
 * @param what is waited for, in words for the progress line.
 * @throws CliError as the last attempt did.
 */
export async function patiently<T>(run: Run, what: string, ask: () => Promise<T>): Promise<T> {
  const until = Date.now() + (run.options.timeoutMs ?? PATIENCE_MS);
  const bar = progress(run);
  bar.update(what);
  try {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        const isUnknown = error instanceof CliError && error.code === 'OUTCOME_UNKNOWN' && error.exit === EXIT.UNKNOWN.code;
        if (!isUnknown || Date.now() >= until) throw error;
        bar.update(`${what}; it takes a while`);
      }
    }
  } finally {
    bar.end();
  }
}
