/** Takes values out of an answer and writes them for a person. */

const ISO = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.\d+)?Z$/;
/** Would move the cursor or colour the terminal: what comes from the graph was written by somebody. */
const CONTROL = /\p{Cc}/gu;

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

/** Text without control characters, on one line. */
export function printable(text: string): string {
  return text.replace(/[\n\t]/g, ' ').replace(CONTROL, '\uFFFD');
}

/** Text without control characters, its lines kept. */
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
