/** Options every command takes. */
import type { Parameter } from './verb.js';

export const OUTPUT_FORMATS = ['table', 'json', 'yaml', 'wide', 'name'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** Options every verb takes. */
export interface GlobalOptions {
  readonly output: OutputFormat;
  readonly quiet: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly watch: boolean;
  readonly server: string | undefined;
  readonly profile: string | undefined;
  readonly constitutionalHash: string | undefined;
  readonly idempotencyKey: string | undefined;
  /** Milliseconds; undefined when not given. */
  readonly timeoutMs: number | undefined;
}

export const GLOBAL_FLAGS: readonly (Parameter & { readonly short?: string })[] = [
  { name: 'output', short: 'o', values: OUTPUT_FORMATS, summary: 'Form of the result; default table.' },
  { name: 'watch', short: 'w', type: 'flag', summary: 'Go on and show what changes; one JSON object a line where the output is no terminal.' },
  { name: 'quiet', short: 'q', type: 'flag', summary: 'Only results and errors: no hints, no progress.' },
  { name: 'yes', short: 'y', type: 'flag', summary: 'Do not ask before a destructive command.' },
  { name: 'dry-run', type: 'flag', summary: 'Show what would be sent and asked, and send nothing.' },
  { name: 'server', summary: 'URL of the gateway; default ACGS_SERVER, else that of the session.' },
  { name: 'profile', summary: 'Which session to use; default ACGS_PROFILE, else the one logged in last.' },
  { name: 'constitutional-hash', summary: 'Label of the constitution to work under; default ACGS_CONSTITUTIONAL_HASH, else that of the session.' },
  { name: 'timeout', type: 'duration', summary: 'Longest wait, for example 10s or 5m; default 30s for a request.' },
  { name: 'idempotency-key', summary: 'Key of a mutation, to repeat one whose outcome is unknown; default a new one.' },
  { name: 'help', short: 'h', type: 'flag', summary: 'Help about the command.' },
];
