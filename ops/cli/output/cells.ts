/** Takes values out of an answer and writes them for a person. */

const ISO = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.\d+)?Z$/;
/** Would move the cursor, colour the terminal, or turn the order of what is read: what comes from the graph was written by somebody. */
const CONTROL = /[\p{Cc}\p{Cf}]/gu;
/** What GitHub Actions takes for a command in a log: `::` where a line begins, after spaces too, and `##[` anywhere. */
const WORKFLOW_COMMAND = /^(\s*):(?=:)|##(?=\[)/g;

/** The value at a dotted path; lists on the way are mapped and flattened by one level. */
export function valueAt(value: unknown, path: string): unknown {
  let found: unknown = value;
  for (const step of path === '' ? [] : path.split('.')) {
    if (Array.isArray(found)) found = found.flatMap((entry) => (isMap(entry) && entry[step] != null ? [entry[step]] : []));
    else found = isMap(found) ? found[step] : undefined;
  }
  return found;
}

/** One line of text for a value: `-` for nothing, UTC to the second for moments, `yes` and `no`. */
export function cell(value: unknown): string {
  if (value === null || value === undefined || value === '') return '-';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(cell).join(',');
  if (typeof value === 'object') return printable(JSON.stringify(value));
  return moment(printable(String(value)));
}

/** Text on one line, without control and format characters, and without what a log takes for a command. */
export function printable(text: string): string {
  return text.replace(/[\n\t]/g, ' ').replace(CONTROL, '\uFFFD').replace(WORKFLOW_COMMAND, (found, spaces: string | undefined) => (found === '##' ? '## ' : `${spaces ?? ''}: `));
}

/** A message for standard error: printable, and lines after the first indented, so that none of them passes for one of the program's. */
export function printableMessage(text: string): string {
  return text.split('\n').map((line, index) => (index === 0 || line === '' ? printable(line) : `  ${printable(line).replace(/^ {2}/, '')}`)).join('\n');
}

/** JSON in which control and format characters are escaped, those that JSON itself lets through included. */
export function printableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(CONTROL, (found) => (found === '\n' ? found : Array.from({ length: found.length }, (_, index) => `\\u${found.charCodeAt(index).toString(16).padStart(4, '0')}`).join('')));
}

/** Text printable line by line, its lines kept. */
export function printableLines(text: string): string {
  return text.split('\n').map((line) => printable(line)).join('\n');
}

function moment(text: string): string {
  const [, day, time] = ISO.exec(text) ?? [];
  return day === undefined ? text : `${day} ${time ?? ''}Z`;
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
