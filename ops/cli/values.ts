/** Reads the texts of the command line into values, and values into the variables of a document. */
import { readFileSync } from 'node:fs';
import { CliError } from './exit-codes.js';
import { nearest } from './nearest.js';
import type { Parameter } from './verb.js';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/;
const ISO = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/;

/** Where values come from that the line only points at. */
export interface ValueSources {
  readonly now: Date;
  readFile(path: string): string;
  /** All of standard input. */
  readInput(): string;
}

/** The process's clock, files and standard input. */
export function processSources(): ValueSources {
  return { now: new Date(), readFile: (path) => readFileSync(path, 'utf8'), readInput: () => readFileSync(0, 'utf8') };
}

/** Milliseconds of `500ms`, `60s`, `5m`, `2h`, `1d`, `1w`; undefined for anything else. */
export function durationOf(text: string): number | undefined {
  const [, amount, unit = ''] = DURATION.exec(text) ?? [];
  return amount === undefined ? undefined : Number(amount) * (UNITS[unit] ?? 0);
}

/**
 * Reads one value.
 * @throws CliError USAGE saying what the parameter takes.
 */
export function readValue(parameter: Parameter, text: string, sources: ValueSources): unknown {
  const { type = 'text', values } = parameter;
  if (values !== undefined) return oneOf(parameter, text, values);
  switch (type) {
    case 'text':
    case 'flag': return text;
    case 'integer':
      if (!/^-?\d+$/.test(text)) throw wrong(parameter, text, 'a whole number');
      return Number(text);
    case 'number':
      if (text.trim() === '' || !Number.isFinite(Number(text))) throw wrong(parameter, text, 'a number');
      return Number(text);
    case 'duration': {
      const milliseconds = durationOf(text);
      if (milliseconds === undefined) throw wrong(parameter, text, 'a duration such as 500ms, 60s, 5m, 2h or 1d');
      return milliseconds;
    }
    case 'past':
    case 'future': return moment(parameter, text, type, sources.now);
    case 'content': return content(parameter, text, sources);
    case 'json': return json(parameter, content(parameter, text, sources));
    case 'pair': return pair(parameter, text);
    default: {
      if (text !== '-' && !text.startsWith('@')) throw new CliError('USAGE', `${label(parameter)} is a secret and does not belong on a command line, where others can read it: give "-" for standard input or "@FILE" for a file.`);
      return content(parameter, text, sources).replace(/\r?\n$/, '');
    }
  }
}

function oneOf(parameter: Parameter, text: string, values: readonly string[]): string {
  const found = values.find((value) => value === text) ?? values.find((value) => value.toLowerCase() === text.toLowerCase().replaceAll('-', '_'));
  if (found !== undefined) return found;
  const guess = nearest(text.toUpperCase(), values);
  throw new CliError('USAGE', `${label(parameter)} is one of ${values.join(', ')}, not "${text}".${guess === undefined ? '' : ` Did you mean ${guess}?`}`);
}

function moment(parameter: Parameter, text: string, direction: 'past' | 'future', now: Date): string {
  if (text === 'now') return now.toISOString();
  if (text === 'today') return `${now.toISOString().slice(0, 10)}T00:00:00.000Z`;
  const [, sign, rest] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  const milliseconds = durationOf(rest ?? '');
  if (milliseconds !== undefined) {
    const back = sign === '-' || (sign === '' && direction === 'past');
    return new Date(now.getTime() + (back ? -milliseconds : milliseconds)).toISOString();
  }
  if (!ISO.test(text) || Number.isNaN(Date.parse(text))) throw wrong(parameter, text, `a moment: ISO 8601 such as 2026-01-31T12:00:00Z, "now", "today", or a duration such as 24h ${direction === 'past' ? 'back' : 'ahead'}`);
  return new Date(text).toISOString();
}

function content(parameter: Parameter, text: string, sources: ValueSources): string {
  if (text === '-') return sources.readInput();
  if (!text.startsWith('@')) return text;
  try {
    return sources.readFile(text.slice(1));
  } catch (cause) {
    throw new CliError('USAGE', `${label(parameter)} names a file that cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, undefined, undefined, { cause });
  }
}

function json(parameter: Parameter, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CliError('USAGE', `${label(parameter)} is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, undefined, undefined, { cause });
  }
}

function pair(parameter: Parameter, text: string): Readonly<Record<string, string>> {
  const at = text.indexOf('=');
  const [name, value] = parameter.members ?? ['name', 'value'];
  if (at < 1 || at === text.length - 1) throw wrong(parameter, text, `${name}=${value}`);
  return { [name]: text.slice(0, at), [value]: text.slice(at + 1) };
}

function wrong(parameter: Parameter, text: string, expected: string): CliError {
  return new CliError('USAGE', `${label(parameter)} takes ${expected}, not "${text}".`);
}

function label({ shown, name }: Parameter): string {
  return shown ?? `--${name}`;
}

/** Builds the variables of a document from the values of the parameters that name a place in it. */
export function variablesOf(parameters: readonly Parameter[], values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const variables: Record<string, unknown> = {};
  for (const { name, variable } of parameters) {
    if (variable === undefined || values[name] === undefined) continue;
    const steps = variable.split('.');
    let place = variables;
    for (const step of steps.slice(0, -1)) place = (place[step] ??= {}) as Record<string, unknown>;
    place[steps.at(-1) ?? ''] = values[name];
  }
  return variables;
}
