/** Keeps what commands printed as a page, with everything that differs from run to run replaced. */
import type { Ended } from './cli.js';

/** What is replaced everywhere: moments, identifiers, digests, secrets, addresses. */
const VOLATILE: readonly (readonly [RegExp, string])[] = [
  [/acgs_[0-9a-f]{16}_[\w-]+/g, '<api key>'],
  [/\b\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?Z/g, '<time>'],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, '<uuid>'],
  [/\b[0-9a-f]{64}\b/g, '<sha-256>'],
  [/\b[0-9a-f]{40}\b/g, '<sha-1>'],
  [/\b(?!cdd01ef066bc6cf2)[0-9a-f]{16}\b/g, '<key id>'],
  [/\b(INC|CHG|CAB|RB|DEP)-\d{4}-/g, '$1-<year>-'],
  [/http:\/\/127\.0\.0\.1:\d+/g, 'http://127.0.0.1:<port>'],
  [/--after [\w-]{20,}/g, '--after <cursor>'],
  [/"(cursor|endCursor)":( ?)"[^"]+"/g, '"$1":$2"<cursor>"'],
];

export class Transcript {
  private readonly blocks: string[] = [];
  /** Lines of the verbs that were shown. */
  readonly verbs = new Set<string>();

  heading(text: string): void {
    this.blocks.push(`## ${text}\n`);
  }

  /** @param extra replaced in this block only. */
  add(verb: string, argv: readonly string[], { code, out, err }: Ended, extra: readonly (readonly [RegExp, string])[] = []): void {
    this.verbs.add(verb);
    const command = argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`)).join(' ');
    const text = `$ acgs ${command}\n${out}${err}${code === 0 ? '' : `[exit ${code}]\n`}`;
    this.blocks.push(`\`\`\`console\n${this.normal(text, extra)}\`\`\`\n`);
  }

  page(preface: string): string {
    return `${preface}\n${this.blocks.join('\n')}`;
  }

  private normal(text: string, extra: readonly (readonly [RegExp, string])[]): string {
    const replaced = [...extra, ...VOLATILE].reduce((rest, [pattern, by]) => rest.replace(pattern, by), text);
    return aligned(replaced.split('\n').map((line) => line.trimEnd())).join('\n');
  }
}

/** Columns are as wide as the widest value, which may be one that was replaced: rows of a table are set anew. */
function aligned(lines: readonly string[]): string[] {
  const rows = lines.map((line) => (/^\S/.test(line) ? line.split(/ {3,}/) : [line]));
  const result = [...lines];
  for (let from = 0; from < rows.length;) {
    const columns = rows[from]?.length ?? 1;
    let to = from + 1;
    while (to < rows.length && rows[to]?.length === columns) to += 1;
    if (columns > 1) {
      const table = rows.slice(from, to);
      const widths = Array.from({ length: columns }, (_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
      for (const [index, row] of table.entries()) result[from + index] = row.map((value, column) => (column === columns - 1 ? value : value.padEnd((widths[column] ?? 0) + 3))).join('').trimEnd();
    }
    from = to;
  }
  return result;
}
