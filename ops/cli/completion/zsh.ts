/** Completion for zsh. */
import type { CompletedOption, CompletionWords } from './words.js';

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
/** Colons part a word from its description, brackets enclose one. */
const described = (text: string): string => text.replace(/[[\]\\:]/g, (mark) => `\\${mark}`);

/** The script: `source <(acgs completion zsh)` after `compinit`, or as `_acgs` in a folder of `fpath`. */
export function zshCompletion({ first, second, verbs }: CompletionWords): string {
  const words = (name: string, entries: readonly { readonly word: string; readonly summary: string }[]): string =>
    `    local -a ${name}=(${entries.map(({ word, summary }) => quote(`${word}:${summary.replaceAll(':', '\\:')}`)).join(' ')})\n    _describe -t ${name} ${quote(name)} ${name}`;
  const nouns = [...second].map(([noun, entries]) => `  ${noun})\n${words('verbs', entries)}\n    ;;`);
  const lines = verbs.map(({ line, options, places }) => `  ${quote(line)})\n    _arguments -S ${[...options.flatMap(specification), ...places.map((values, index) => quote(`${index + 1}:word:(${values.join(' ')})`))].join(' ')}\n    ;;`);
  return `#compdef acgs
# Completion of acgs for zsh; made by "acgs completion zsh".
_acgs_verbs() {
  case "$1" in
${nouns.join('\n')}
  *) return 1 ;;
  esac
}
_acgs_line() {
  case "$1" in
${lines.join('\n')}
  *) return 1 ;;
  esac
}
_acgs() {
  local first="\${words[2]}" second="\${words[3]}"
  if (( CURRENT == 2 )); then
${words('commands', first)}
    return
  fi
  if (( CURRENT == 3 )) && _acgs_verbs "$first"; then return; fi
  local line="$first" taken=1
  case "$first $second" in
${verbs.filter(({ line }) => line.includes(' ')).map(({ line }) => `  ${quote(line)}) line="$first $second"; taken=2 ;;`).join('\n')}
  esac
  words=("$line" "\${(@)words[taken+2,-1]}")
  (( CURRENT -= taken ))
  _acgs_line "$line"
}
if [[ "\${funcstack[1]}" = _acgs ]]; then _acgs "$@"; else compdef _acgs acgs; fi
`;
}

function specification({ name, short, summary, takesValue, values, file }: CompletedOption): string[] {
  const value = takesValue ? `:value:${values.length > 0 ? `(${values.join(' ')})` : file ? '_files -P @' : ' '}` : '';
  return [name, ...(short === undefined ? [] : [short])].map((form) => quote(`${form}[${described(summary)}]${value}`));
}
