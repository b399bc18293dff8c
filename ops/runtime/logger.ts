/** Structured logs: pino, one JSON object a line, with credentials redacted. */
import { pino, type Logger } from 'pino';

export type { Logger } from 'pino';

const REDACTED_PATHS = [
  'password', 'token', 'secret', 'authorization', 'accessToken', 'refreshToken', 'apiKey', 'connectionString',
  '*.password', '*.token', '*.secret', '*.authorization', '*.accessToken', '*.refreshToken', '*.apiKey', '*.connectionString',
  'headers.authorization', 'headers["x-api-key"]', 'headers["x-acgs-hop"]',
];

/**
 * Makes the logger of a process or component.
 * @param component name shown in every line.
 * @param level lowest level written; default `info`.
 * @param destination where lines go; default standard error, so that standard output stays for results.
 */
export function createLogger(component: string, level = 'info', destination: { write(line: string): void } = process.stderr): Logger {
  return pino({ name: component, level, base: { component }, redact: { paths: REDACTED_PATHS, censor: '[redacted]' }, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}
