/** Structured logs: pino, one JSON object a line, with credentials redacted. */
import { pino, type Logger } from 'pino';
import { redact, redactText } from './redaction.js';

export type { Logger } from 'pino';

/**
 * Makes the logger of a process or component.
 * @param component name shown in every line.
 * @param level lowest level written; default `info`.
 * @param destination where lines go; default standard error, so that standard output stays for results.
 * Errors, at any depth, are reduced to type, message, stack, code, detail, hint, causes and parts.
 */
export function createLogger(component: string, level = 'info', destination: { write(line: string): void } = process.stderr): Logger {
  return pino({
    name: component, level, base: { component }, timestamp: pino.stdTimeFunctions.isoTime,
    // pino's own would add what hangs on an error; what comes here is reduced and clean already.
    serializers: { err: (value: unknown) => value },
    formatters: { log: (line) => redact(line) as Record<string, unknown> },
    hooks: {
      logMethod(given, method) {
        // An error that is logged alone would have its message repeated as it is.
        const [first, ...rest] = given as unknown[];
        const values = first instanceof Error ? [{ err: first }, ...(rest.length === 0 ? [first.message] : rest)] : given as unknown[];
        method.apply(this, values.map((value) => (typeof value === 'string' ? redactText(value) : value)) as Parameters<typeof method>);
      },
    },
  }, destination);
}

/** The same logger for lines that hold nothing secret and are too many to be looked through. */
export function withoutRedaction(logger: Logger): Logger {
  return logger.child({}, { formatters: { log: (line) => line } });
}
