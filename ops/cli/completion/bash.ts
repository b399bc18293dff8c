/** Completion for bash 4 and newer. */
import type { CompletionWords } from './words.js';

const list = (words: readonly string[]): string => words.join(' ');

/** The script: `source <(acgs completion bash)`. */
export function bashCompletion({ first, second, verbs }: CompletionWords): string {
  const nouns = [...second].map(([noun, words]) => `    ${noun}) echo '${list(words.map(({ word }) => word))}' ;;`);
  const options = verbs.map(({ line, options: mine }) => `    '${line}') echo '${list(mine.flatMap(({ name, short }) => (short === undefined ? [name] : [short, name])))}' ;;`);
  const values = verbs.flatMap(({ line, options: mine }) => mine.flatMap(({ name, short, values: known, file, takesValue }) => (takesValue ? [`    '${line} ${name}'${short === undefined ? '' : `|'${line} ${short}'`}) echo '${known.length > 0 ? list(known) : file ? '@file' : '@any'}' ;;`] : [])));
  const places = verbs.flatMap(({ line, places: mine }) => mine.flatMap((known, index) => (known.length > 0 ? [`    '${line} ${index}') echo '${list(known)}' ;;`] : [])));
  return `# Completion of acgs for bash; made by "acgs completion bash".
_acgs_second() {
  case "$1" in
${nouns.join('\n')}
  esac
}
_acgs_options() {
  case "$1" in
${options.join('\n')}
  esac
}
_acgs_values() {
  case "$1" in
${values.join('\n')}
  esac
}
_acgs_places() {
  case "$1" in
${places.join('\n')}
  esac
}
_acgs() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local line='' word index place=0 skip=0 known seconds candidates=''
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="\${COMP_WORDS[index]}"
    if ((skip)); then skip=0; continue; fi
    if [[ $word == -* ]]; then
      [[ $word == *=* || -z $(_acgs_values "$line $word") ]] || skip=1
      continue
    fi
    if [[ -z $line ]]; then line="$word"; continue; fi
    seconds=" $(_acgs_second "$line") "
    if [[ $line != *' '* && $seconds == *" $word "* ]]; then line="$line $word"; continue; fi
    place=$((place + 1))
  done
  if [[ -z $line ]]; then
    candidates='${list(first.map(({ word }) => word))}'
  elif [[ $line == help ]]; then
    candidates='${list(first.map(({ word }) => word))}'
  elif known="$(_acgs_values "$line $previous")" && [[ $previous == -* && -n $known ]]; then
    case "$known" in
      @file) mapfile -t COMPREPLY < <(compgen -P '@' -f -- "\${current#@}"); return ;;
      @any) return ;;
      *) candidates="$known" ;;
    esac
  elif [[ $line != *' '* && -n $(_acgs_second "$line") ]]; then
    candidates="$(_acgs_second "$line")"
  elif [[ $current == -* ]]; then
    candidates="$(_acgs_options "$line")"
  else
    candidates="$(_acgs_places "$line $place")"
  fi
  mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$current")
}
complete -F _acgs acgs
`;
}
