/** The exit code of a schema check. */
import type { SchemaCheckReport } from '../../runtime/schema-check.js';

/** 0 when it may ship (1 is kept for errors of the command itself), 5 when an approval is needed, 6 when it cannot be served at all. */
export type SchemaCheckExitCode = 0 | 5 | 6;

/** What a CI job stops at: safe, dangerous and approved changes pass. */
export function exitCodeOf({ verdict, approval }: Pick<SchemaCheckReport, 'verdict' | 'approval'>): SchemaCheckExitCode {
  if (verdict === 'INVALID') return 6;
  return approval === 'NEEDED' ? 5 : 0;
}
