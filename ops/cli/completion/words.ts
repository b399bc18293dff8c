/** What can stand where on a command line, for the shells. */
import { globalsOf } from '../help.js';
import type { Parameter } from '../verb.js';
import { GROUPS } from '../verbs/table.js';

export interface CompletedOption {
  /** `--severity`. */
  readonly name: string;
  readonly short: string | undefined;
  readonly summary: string;
  readonly takesValue: boolean;
  /** The only values; a file is offered where the value may be one. */
  readonly values: readonly string[];
  readonly file: boolean;
}

export interface CompletedVerb {
  /** `incidents triage`; aliases of the noun have entries of their own. */
  readonly line: string;
  readonly summary: string;
  readonly options: readonly CompletedOption[];
  /** Values of the positionals, by place. */
  readonly places: readonly (readonly string[])[];
}

export interface CompletionWords {
  /** First words with their summaries. */
  readonly first: readonly { readonly word: string; readonly summary: string }[];
  /** Second words by noun. */
  readonly second: ReadonlyMap<string, readonly { readonly word: string; readonly summary: string }[]>;
  readonly verbs: readonly CompletedVerb[];
}

/** Everything the shells need, from the table. */
export function completionWords(): CompletionWords {
  const first = GROUPS.flatMap(({ noun, summary, verbs }) => (noun === '' ? verbs.map((verb) => ({ word: verb.words[0] ?? '', summary: verb.summary })) : [{ word: noun, summary }]));
  const second = new Map(GROUPS.filter(({ noun }) => noun !== '').flatMap(({ noun, aliases = [], verbs }) => [noun, ...aliases].map((name) => [name, verbs.map((verb) => ({ word: verb.words[1] ?? '', summary: verb.summary }))] as const)));
  const verbs = GROUPS.flatMap(({ noun, aliases = [], verbs: mine }) => mine.flatMap((verb) => [noun, ...aliases].map((name) => ({
    line: name === '' ? verb.words.join(' ') : [name, ...verb.words.slice(1)].join(' '),
    summary: verb.summary,
    options: [...(verb.flags ?? []), ...globalsOf(verb)].map(option),
    places: (verb.positionals ?? []).map(({ values = [] }) => values.map(String)),
  }))));
  return { first: [...first, { word: 'help', summary: 'Help about a command.' }], second, verbs };
}

function option({ name, short, summary, type, values = [] }: Parameter & { readonly short?: string }): CompletedOption {
  return { name: `--${name}`, short: short === undefined ? undefined : `-${short}`, summary, takesValue: type !== 'flag', values, file: type === 'content' || type === 'json' || type === 'secret' };
}
