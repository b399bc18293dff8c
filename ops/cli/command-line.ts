/** From the words of a command line to a verb with its values, or to an error that says what was meant. */
import { parseArgs } from 'node:util';
import type { Invocation } from './act.js';
import { CliError } from './exit-codes.js';
import { GLOBAL_FLAGS, type GlobalOptions } from './global-flags.js';
import { nearest } from './nearest.js';
import { readValue, type ValueSources } from './values.js';
import type { Parameter, Verb } from './verb.js';
import { GROUPS, nounOf, VERBS } from './verbs/table.js';

/** What a line asks for. */
export type CommandLine =
  | { readonly kind: 'run'; readonly invocation: Invocation }
  /** Help about everything, a noun or a verb. */
  | { readonly kind: 'help'; readonly words: readonly string[] }
  | { readonly kind: 'version' };

/**
 * Reads a command line.
 * @param argv without the interpreter and the script.
 * @throws CliError USAGE, UNKNOWN_VERB or AMBIGUOUS_OPTION with the next command.
 */
export function readCommandLine(argv: readonly string[], sources: ValueSources): CommandLine {
  const words = leadingWords(argv);
  const verb = findVerb(words);
  const asksHelp = before(argv, '--').some((argument) => argument === '--help' || argument === '-h');
  if (words[0] === 'help') return { kind: 'help', words: words.slice(1) };
  if (before(argv, '--').includes('--version') && words.length === 0) return { kind: 'version' };
  if (words.length === 0 && (asksHelp || argv.length === 0)) return { kind: 'help', words: [] };
  if (asksHelp && (verb !== undefined || nounOf(words[0] ?? '') !== undefined)) return { kind: 'help', words: verb?.words ?? [words[0] ?? ''] };
  if (verb === undefined) throw unknownVerb(words);
  return { kind: 'run', invocation: invocationOf(verb, argv, sources) };
}

function before(argv: readonly string[], mark: string): readonly string[] {
  const at = argv.indexOf(mark);
  return at < 0 ? argv : argv.slice(0, at);
}

/** Words before the first option that is not a global one; values of global options are stepped over. */
function leadingWords(argv: readonly string[]): string[] {
  const words: string[] = [];
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index] ?? '';
    if (argument === '--') break;
    if (!argument.startsWith('-') || argument === '-') {
      words.push(argument);
      continue;
    }
    const flag = GLOBAL_FLAGS.find(({ name, short }) => argument === `--${name}` || argument === `-${short ?? ''}`);
    if (flag !== undefined && flag.type !== 'flag') index += 1;
    else if (flag === undefined && words.length > 0) break;
  }
  return words;
}

/** The verb whose words the line begins with; the longest wins. Nouns have aliases. */
export function findVerb(words: readonly string[]): Verb | undefined {
  const [first = '', ...rest] = words;
  const line = [nounOf(first)?.noun ?? first, ...rest];
  return VERBS.filter((verb) => verb.words.every((word, index) => word === line[index])).sort((left, right) => right.words.length - left.words.length)[0];
}

function unknownVerb(words: readonly string[]): CliError {
  const [first = '', second] = words;
  const group = nounOf(first);
  if (group === undefined) {
    const guess = nearest(first, [...GROUPS.flatMap(({ noun, aliases = [] }) => [noun, ...aliases]), ...VERBS.map((verb) => verb.words[0] ?? '')]);
    if (first === '') return new CliError('USAGE', 'Say what to do.', 'acgs help');
    return new CliError('UNKNOWN_VERB', `There is no command "${first}".${guess === undefined ? '' : ` Did you mean "${guess}"?`}`, guess === undefined ? 'acgs help' : `acgs help ${guess}`);
  }
  const verbs = group.verbs.map((verb) => verb.words[1] ?? '').filter((word) => word !== '');
  if (second === undefined) return new CliError('USAGE', `Say what to do with ${group.noun}: ${verbs.join(', ')}.`, `acgs help ${group.noun}`);
  const guess = nearest(second, verbs);
  return new CliError('UNKNOWN_VERB', `There is no command "${group.noun} ${second}".${guess === undefined ? '' : ` Did you mean "${group.noun} ${guess}"?`}`, `acgs help ${guess === undefined ? group.noun : `${group.noun} ${guess}`}`);
}

function invocationOf(verb: Verb, argv: readonly string[], sources: ValueSources): Invocation {
  const own = verb.flags ?? [];
  const parameters = [...GLOBAL_FLAGS, ...own];
  const { values: given, positionals: placed } = tokens(argv, verb, parameters);
  const texts = placed.slice(verb.words.length);
  const values: Record<string, unknown> = {};
  for (const parameter of own) {
    const raw = given.get(parameter.name);
    if (raw !== undefined) values[parameter.name] = parameter.type === 'flag' ? true : parameter.repeated === true ? raw.map((text) => readValue(parameter, text, sources)) : readValue(parameter, raw[0] ?? '', sources);
    else if (parameter.required === true) throw usage(verb, `--${parameter.name} is missing: ${parameter.summary}`);
  }
  const places = verb.positionals ?? [];
  for (const [index, place] of places.entries()) {
    const parameter = { ...place, shown: place.name.toUpperCase() };
    const mine = place.repeated === true ? texts.slice(index) : texts.slice(index, index + 1);
    if (mine.length > 0) values[place.name] = place.repeated === true ? mine.map((text) => readValue(parameter, text, sources)) : readValue(parameter, mine[0] ?? '', sources);
    else if (place.required === true) throw usage(verb, `${parameter.shown} is missing: ${place.summary}`);
  }
  const last = places.at(-1);
  if (texts.length > places.length && last?.repeated !== true) throw usage(verb, `"${texts[places.length] ?? ''}" is one word too many.`);
  return { verb, values, options: globalsOf(given, verb, sources), argv };
}

/** Splits the line by the options that are known; knows the beginnings of names well enough to say what was meant. */
function tokens(argv: readonly string[], verb: Verb, parameters: readonly (Parameter & { short?: string })[]): { values: Map<string, string[]>; positionals: string[] } {
  const options = Object.fromEntries(parameters.map(({ name, type, short }) => [name, { type: type === 'flag' ? 'boolean' as const : 'string' as const, multiple: true, ...(short === undefined ? {} : { short }) }]));
  const parsed = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true });
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  for (const token of parsed.tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const parameter = parameters.find(({ name }) => name === token.name);
    if (parameter === undefined) throw unknownOption(token.rawName, verb, parameters);
    if (parameter.type === 'flag' && token.value !== undefined) throw usage(verb, `--${token.name} takes no value.`);
    if (parameter.type !== 'flag' && (token.value === undefined || token.value === '')) throw usage(verb, `--${token.name} needs a value: ${parameter.summary}`);
    const before = values.get(token.name) ?? [];
    if (before.length > 0 && parameter.repeated !== true && parameter.type !== 'flag') throw usage(verb, `--${token.name} is given twice ("${before[0] ?? ''}" and "${token.value ?? ''}"); which one is meant?`);
    values.set(token.name, [...before, token.value ?? '']);
  }
  return { values, positionals };
}

function unknownOption(raw: string, verb: Verb, parameters: readonly (Parameter & { short?: string })[]): CliError {
  const name = raw.replace(/^-+/, '');
  const names = parameters.map((parameter) => parameter.name);
  const starting = name.length > 1 ? names.filter((known) => known.startsWith(name)) : [];
  if (starting.length > 1) return new CliError('AMBIGUOUS_OPTION', `${raw} is not an option; it could be ${starting.map((known) => `--${known}`).join(' or ')}. Names are written in full.`, `acgs help ${verb.words.join(' ')}`);
  const guess = starting[0] ?? nearest(name, names);
  return usage(verb, `"acgs ${verb.words.join(' ')}" has no option ${raw}.${guess === undefined ? '' : ` Did you mean --${guess}?`}`);
}

function globalsOf(given: ReadonlyMap<string, readonly string[]>, verb: Verb, sources: ValueSources): GlobalOptions {
  const value = (name: string): unknown => {
    const parameter = GLOBAL_FLAGS.find((flag) => flag.name === name);
    const text = given.get(name)?.[0];
    return parameter === undefined || text === undefined ? undefined : readValue(parameter, text, sources);
  };
  const watch = given.has('watch');
  if (watch && verb.stream === undefined) throw usage(verb, `"acgs ${verb.words.join(' ')}" has nothing to watch.`);
  if (given.has('idempotency-key') && verb.changes !== true) throw usage(verb, `"acgs ${verb.words.join(' ')}" changes nothing and takes no --idempotency-key.`);
  return {
    output: (value('output') as GlobalOptions['output'] | undefined) ?? 'table',
    quiet: given.has('quiet'), yes: given.has('yes'), dryRun: given.has('dry-run'), watch,
    server: value('server') as string | undefined, profile: value('profile') as string | undefined,
    constitutionalHash: value('constitutional-hash') as string | undefined, idempotencyKey: value('idempotency-key') as string | undefined,
    timeoutMs: value('timeout') as number | undefined,
  };
}

/** A mistake in how a verb is called; points to its help. */
export function usage(verb: Verb, message: string): CliError {
  return new CliError('USAGE', message, `acgs help ${verb.words.join(' ')}`);
}
