/** Structured logs: pino, one JSON object a line, with credentials redacted. */
import { pino, type Logger } from 'pino';

export type { Logger } from 'pino';

const REDACTED_PATHS = [
  'password', 'token', 'secret', 'authorization', 'accessToken', 'refreshToken', 'apiKey', 'connectionString',
  '*.password', '*.token', '*.secret', '*.authorization', '*.accessToken', '*.refreshToken', '*.apiKey', '*.connectionString',
  'headers.authorization', 'headers["x-api-key"]', 'headers["x-acgs-hop"]',
];

/** What is logged of an error: drivers hang whole clients on theirs, with what they were connected by. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code, detail, hint } = error as { code?: unknown; detail?: unknown; hint?: unknown };
  return {
    type: error.name, message: error.message, stack: error.stack,
    ...(typeof code === 'string' ? { code } : {}), ...(typeof detail === 'string' ? { detail } : {}), ...(typeof hint === 'string' ? { hint } : {}),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}

/**
 * Makes the logger of a process or component.
 * @param component name shown in every line.
 * @param level lowest level written; default `info`.
 * @param destination where lines go; default standard error, so that standard output stays for results.
 * Errors under the key `err` are reduced to type, message, stack, code, detail, hint and causes.
 */
export function createLogger(component: string, level = 'info', destination: { write(line: string): void } = process.stderr): Logger {
  return pino({ serializers: { err: describeError }, name: component, level, base: { component }, redact: { paths: REDACTED_PATHS, censor: '[redacted]' }, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}
