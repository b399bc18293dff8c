/** Reads configuration from environment variables, once, with errors that name the key. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** A configuration mistake; its message lists each key, what is wrong with it and an example. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(readonly problems: readonly string[]) {
    super(`Configuration is not valid:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }
}

/** One setting: where it comes from, how it is read, and an example for the error message. */
export interface Setting<T> {
  readonly key: string;
  readonly type: z.ZodType<T>;
  readonly example: string;
  /** True when the value may also be given as a file named by `<key>_FILE`. */
  readonly secret?: boolean;
}

/** Declares a setting. The zod type may carry a default. */
export function setting<T>(key: string, type: z.ZodType<T>, example: string): Setting<T> {
  return { key, type, example };
}

/** Declares a setting that holds a secret: `<key>_FILE` may name a file with its value instead, as containers provide them. */
export function secretSetting<T>(key: string, type: z.ZodType<T>, example: string): Setting<T> {
  return { key, type, example, secret: true };
}

type Values<S extends Record<string, Setting<unknown>>> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never };

/**
 * Parses settings from an environment.
 * @param settings a table of settings by property name.
 * @param env defaults to the process's environment; empty strings count as absent.
 * @throws ConfigError naming every key that is missing or malformed, given twice (itself and as a file), or whose file cannot be read.
 */
export function readSettings<S extends Record<string, Setting<unknown>>>(
  settings: S,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Values<S> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [property, { key, type, example, secret }] of Object.entries(settings)) {
    let raw = present(env[key]);
    const file = secret === true ? present(env[`${key}_FILE`]) : undefined;
    if (file !== undefined) {
      const read = raw === undefined ? readSecret(key, file) : { problem: `${key}, ${key}_FILE: both are set; keep one of them (example: ${key}_FILE=${file})` };
      if ('problem' in read) {
        problems.push(read.problem);
        continue;
      }
      raw = read.value;
    }
    const parsed = type.safeParse(raw);
    if (parsed.success) values[property] = parsed.data;
    else problems.push(`${key}: ${parsed.error.issues.map((issue) => issue.message).join('; ')} (example: ${key}=${example})`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return values as Values<S>;
}

function present(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** Reads a secret's file; the one line feed that editors and `echo` put at its end is no part of it. */
function readSecret(key: string, file: string): { readonly value: string } | { readonly problem: string } {
  try {
    const value = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    return value === '' ? { problem: `${key}_FILE: ${file} is empty (example: ${key}_FILE=/run/secrets/${key.toLowerCase()})` } : { value };
  } catch (error) {
    return { problem: `${key}_FILE: ${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'} (example: ${key}_FILE=/run/secrets/${key.toLowerCase()})` };
  }
}

/** Zod types for the forms environment variables take. */
export const envType = {
  port: () => z.coerce.number().int().min(0).max(65535),
  /** A whole number within bounds, both included. */
  integer: (min: number, max: number) => z.coerce.number().int().min(min).max(max),
  boolean: () => z.enum(['true', 'false', '1', '0']).transform((value) => value === 'true' || value === '1'),
  url: (...protocols: string[]) =>
    z.string().refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), {
      message: `must be a URL starting with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
    }),
  text: () => z.string().min(1),
  /** Words separated by commas; none by default. */
  list: () => z.string().default('').transform((text) => text.split(',').map((word) => word.trim()).filter((word) => word !== '')),
  label: () => z.string().regex(/^[0-9a-f]{16}$/, 'must be 16 lower-case hexadecimal characters'),
} as const;

export type RunMode = 'development' | 'production';

/** Settings every process shares. */
export const COMMON_SETTINGS = {
  mode: setting<RunMode>('NODE_ENV', z.enum(['development', 'production', 'test']).default('development').transform((value) => (value === 'production' ? 'production' : 'development')), 'production'),
  logLevel: setting('ACGS_LOG_LEVEL', z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'), 'info'),
  dataDirectory: setting('ACGS_DATA_DIR', z.string().min(1).default('.acgs'), '/var/lib/acgs'),
  genesisLabel: setting('ACGS_CONSTITUTIONAL_HASH', envType.label().default('cdd01ef066bc6cf2'), 'cdd01ef066bc6cf2'),
  host: setting('ACGS_HOST', z.string().min(1).default('127.0.0.1'), '127.0.0.1'),
  firewalled: setting('ACGS_FIREWALLED', envType.boolean().default(false), 'true'),
} as const;

/**
 * Refuses to listen on every interface unless the process runs in production behind a declared firewall.
 * @throws ConfigError when `host` is a wildcard address without both.
 */
export function checkHostBinding(host: string, mode: RunMode, firewalled: boolean): void {
  const wildcard = host === '0.0.0.0' || host === '::';
  if (wildcard && (mode !== 'production' || !firewalled)) {
    throw new ConfigError([`ACGS_HOST: ${host} listens on every interface; it needs NODE_ENV=production and ACGS_FIREWALLED=true (example: ACGS_HOST=127.0.0.1)`]);
  }
}
