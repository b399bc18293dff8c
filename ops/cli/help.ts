/** Help at the terminal and the verb reference of docs/cli.md, both from the table. */
import { CLI_ERRORS, CliError, EXIT } from './exit-codes.js';
import { GLOBAL_FLAGS } from './global-flags.js';
import { findVerb } from './command-line.js';
import { nearest } from './nearest.js';
import type { Parameter, Verb, VerbGroup } from './verb.js';
import { GROUPS, nounOf, VERBS } from './verbs/table.js';

/** Help about a verb, a noun, or everything. @throws CliError UNKNOWN_VERB */
export function help(words: readonly string[]): string {
  if (words.length === 0) return overview();
  const verb = findVerb(words);
  if (verb !== undefined && verb.words.length >= words.length) return ofVerb(verb);
  const group = nounOf(words[0] ?? '');
  if (group !== undefined && words.length === 1) return ofGroup(group);
  const guess = nearest(words.join(' '), [...GROUPS.map(({ noun }) => noun), ...VERBS.map((known) => known.words.join(' '))]);
  throw new CliError('UNKNOWN_VERB', `There is no command "${words.join(' ')}".${guess === undefined ? '' : ` Did you mean "${guess}"?`}`, `acgs help${guess === undefined ? '' : ` ${guess}`}`);
}

function overview(): string {
  const [general, ...nouns] = GROUPS;
  return [
    'acgs: the control plane at the terminal.\n\nUsage: acgs COMMAND [WORDS] [OPTIONS]\n',
    `Commands\n${lines((general?.verbs ?? []).map(({ words, summary }) => [words.join(' '), summary]))}`,
    `About one thing (acgs help NOUN lists what can be done with it)\n${lines(nouns.map(({ noun, summary, verbs }) => [noun, `${summary}: ${verbs.map((verb) => verb.words[1]).join(', ')}`]))}`,
    `Options of every command\n${lines(GLOBAL_FLAGS.map(optionLine))}`,
    `Exit codes\n${lines(Object.values(EXIT).map(({ code, meaning }) => [String(code), meaning]))}`,
    'Begin with: acgs login\n',
  ].join('\n');
}

function ofGroup({ noun, aliases = [], summary, verbs }: VerbGroup): string {
  return `${noun}: ${summary}.${aliases.length === 0 ? '' : ` Also: ${aliases.join(', ')}.`}\n\n${lines(verbs.map((verb) => [usageOf(verb).replace(/ \[OPTIONS\]$/, ''), verb.summary]))}`;
}

function ofVerb(verb: Verb): string {
  const { positionals = [], flags = [], examples = [], destructive, summary } = verb;
  const blocks = [`${summary}\n\nUsage: acgs ${usageOf(verb)}\n`];
  if (positionals.length > 0) blocks.push(`Words\n${lines(positionals.map((parameter) => [parameter.name.toUpperCase(), describe(parameter)]))}`);
  if (flags.length > 0) blocks.push(`Options\n${lines(flags.map(optionLine))}`);
  blocks.push(`Options of every command\n${lines(globalsOf(verb).map(optionLine))}`);
  if (destructive !== undefined) blocks.push('Asks before it does it; --yes answers.\n');
  if (examples.length > 0) blocks.push(`Examples\n${examples.map((example) => `  ${example}\n`).join('')}`);
  return blocks.join('\n');
}

/** Options every verb takes, without those that make no sense for this one. */
export function globalsOf(verb: Verb): readonly (Parameter & { readonly short?: string })[] {
  return GLOBAL_FLAGS.filter(({ name }) => (name !== 'watch' || verb.stream !== undefined) && (name !== 'idempotency-key' || verb.changes === true) && (name !== 'yes' || verb.destructive !== undefined));
}

/** The words of a verb with its places: `incidents triage ID --severity SEVERITY [OPTIONS]`. */
export function usageOf({ words, positionals = [], flags = [] }: Verb): string {
  const places = positionals.map(({ name, required, repeated }) => `${required === true ? '' : '['}${name.toUpperCase()}${repeated === true ? '...' : ''}${required === true ? '' : ']'}`);
  const needed = flags.filter(({ required }) => required === true).map(({ name }) => `--${name} ${name.toUpperCase()}`);
  return [...words, ...places, ...needed, '[OPTIONS]'].join(' ');
}

function optionLine(parameter: Parameter & { readonly short?: string }): [string, string] {
  const { name, short, type } = parameter;
  return [`${short === undefined ? '' : `-${short}, `}--${name}${type === 'flag' ? '' : ` ${valueWord(parameter)}`}`, describe(parameter)];
}

function valueWord({ type, members }: Parameter): string {
  switch (type) {
    case 'integer':
    case 'number': return 'N';
    case 'duration': return 'DURATION';
    case 'past':
    case 'future': return 'MOMENT';
    case 'pair': return (members ?? []).join('=').toUpperCase();
    case 'json': return 'JSON';
    case 'secret': return '-|@FILE';
    default: return 'TEXT';
  }
}

function describe({ summary, values, required }: Parameter): string {
  return `${summary}${values === undefined ? '' : ` One of ${values.join(', ')}.`}${required === true ? ' Required.' : ''}`;
}

function lines(rows: readonly (readonly [string, string])[]): string {
  const width = Math.min(44, Math.max(...rows.map(([left]) => left.length)));
  return rows.map(([left, right]) => (left.length > width ? `  ${left}\n  ${' '.repeat(width)}  ${right}\n` : `  ${left.padEnd(width)}  ${right}\n`)).join('');
}

/** The part of docs/cli.md that is made from the table. */
export function reference(): string {
  const escape = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
  const row = (parameter: Parameter, shown: string): string => `| \`${shown}\` | ${escape(describe(parameter))} |`;
  const verbs = GROUPS.map(({ noun, aliases = [], summary, verbs: mine }) => [
    `### ${noun === '' ? 'General' : noun}\n`, `${summary}.${aliases.length === 0 ? '' : ` Also: ${aliases.map((alias) => `\`${alias}\``).join(', ')}.`}\n`,
    ...mine.map((verb) => [
      `#### \`acgs ${usageOf(verb)}\`\n`,
      `${escape(verb.summary)}${verb.destructive === undefined ? '' : ' Asks first.'}${verb.stream === undefined || verb.request === undefined ? '' : ' Takes `--watch`.'}${verb.changes === true ? ' Takes `--idempotency-key`.' : ''}\n`,
      ...((verb.positionals ?? []).length + (verb.flags ?? []).length === 0 ? [] : [['| parameter | meaning |', '|---|---|', ...(verb.positionals ?? []).map((parameter) => row(parameter, parameter.name.toUpperCase())), ...(verb.flags ?? []).map((parameter) => row(parameter, optionLine(parameter)[0]))].join('\n').concat('\n')]),
    ].join('\n')),
  ].join('\n')).join('\n');
  return [
    '## Options of every command\n', ['| option | meaning |', '|---|---|', ...GLOBAL_FLAGS.map((flag) => row(flag, optionLine(flag)[0]))].join('\n').concat('\n'),
    '## Exit codes\n', ['| code | meaning |', '|---|---|', ...Object.values(EXIT).map(({ code, meaning }) => `| ${code} | ${escape(meaning)} |`)].join('\n').concat('\n'),
    '## Error codes of the program\n', 'Codes of the graph are in [errors.md](errors.md); typed problems keep the code the graph gave them and end with 4, `InvalidInput` with 2.\n',
    ['| code | exit | meaning |', '|---|---|---|', ...Object.entries(CLI_ERRORS).map(([code, { exit, meaning }]) => `| \`${code}\` | ${EXIT[exit].code} | ${escape(meaning)} |`)].join('\n').concat('\n'),
    '## Verbs\n', verbs,
  ].join('\n');
}
