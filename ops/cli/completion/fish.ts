/** Completion for fish 3 and newer. */
import type { CompletionWords } from './words.js';

const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/** The script: `acgs completion fish > ~/.config/fish/completions/acgs.fish`. */
export function fishCompletion({ first, second, verbs }: CompletionWords): string {
  const lines = [
    '# Completion of acgs for fish; made by "acgs completion fish".',
    'function __acgs_line',
    '    set -l words (string match -v -- "-*" (commandline -opc))[2..-1]',
    '    test (count $words) -ge $argv[1]; and test "$words[1..$argv[1]]" = "$argv[2..-1]"',
    'end',
    'function __acgs_count',
    '    test (count (string match -v -- "-*" (commandline -opc))) -eq $argv[1]',
    'end',
    'complete -c acgs -f',
    ...first.map(({ word, summary }) => `complete -c acgs -n '__acgs_count 1' -a ${quote(word)} -d ${quote(summary)}`),
    ...[...second].flatMap(([noun, words]) => words.map(({ word, summary }) => `complete -c acgs -n '__acgs_count 2; and __acgs_line 1 ${noun}' -a ${quote(word)} -d ${quote(summary)}`)),
    ...verbs.flatMap(({ line, options, places }) => {
      const count = line.split(' ').length;
      const here = `__acgs_line ${count} ${line}`;
      return [
        ...options.map(({ name, short, summary, takesValue, values, file }) => `complete -c acgs -n ${quote(here)} -l ${name.slice(2)}${short === undefined ? '' : ` -s ${short.slice(1)}`}${takesValue ? (file ? ' -r -F' : ' -x') : ''}${values.length > 0 ? ` -a ${quote(values.join(' '))}` : ''} -d ${quote(summary)}`),
        ...places.flatMap((values, index) => (values.length > 0 ? [`complete -c acgs -n ${quote(`__acgs_count ${count + 1 + index}; and ${here}`)} -a ${quote(values.join(' '))}`] : [])),
      ];
    }),
  ];
  return `${lines.join('\n')}\n`;
}
