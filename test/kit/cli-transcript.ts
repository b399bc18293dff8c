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
    // Columns are as wide as the widest value, which may be one that was replaced.
    return replaced.split('\n').map((line) => line.replace(/(\S) {3,}/g, '$1   ').trimEnd()).join('\n');
  }
}
