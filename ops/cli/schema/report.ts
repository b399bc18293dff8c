/** Shows the report of a schema check in the form that was asked for. */
import { writeFileSync } from 'node:fs';
import type { SchemaCheckReport } from '../../runtime/schema-check.js';
import type { Run } from '../act.js';
import { programVersion } from '../documents.js';
import { CliError } from '../exit-codes.js';
import { exitCodeOf } from '../schema-report/exit-code.js';
import type { SchemaFile } from '../schema-report/finding-places.js';
import { tableReport } from '../schema-report/table-report.js';

type Format = 'TABLE' | 'JSON' | 'GITHUB' | 'SARIF' | 'MARKDOWN';

/**
 * Writes the report to standard output, or to the file with the table on standard output.
 * @param footer lines for a person, told on standard error.
 * @returns the exit code.
 */
export async function showReport(run: Run, report: SchemaCheckReport, files: readonly SchemaFile[], footer: readonly string[] = []): Promise<number> {
  const { values, options, terminal } = run;
  const format = (values['format'] as Format | undefined) ?? (options.output === 'json' ? 'JSON' : 'TABLE');
  const path = values['report-file'] as string | undefined;
  const table = (color: boolean): string => tableReport(report, { color, wide: options.output === 'wide', files });
  const text = format === 'TABLE' ? table(path === undefined && terminal.colour) : await rendered(format, report, files);
  if (path === undefined) terminal.out(text);
  else {
    try {
      writeFileSync(path, text);
    } catch (cause) {
      throw new CliError('USAGE', `The report cannot be written to ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, undefined, undefined, { cause });
    }
    terminal.out(table(terminal.colour));
  }
  for (const line of footer) terminal.err(`${line}\n`);
  return exitCodeOf(report);
}

async function rendered(format: Exclude<Format, 'TABLE'>, report: SchemaCheckReport, files: readonly SchemaFile[]): Promise<string> {
  switch (format) {
    case 'JSON': return (await import('../schema-report/json-report.js')).jsonReport(report, files);
    case 'GITHUB': return (await import('../schema-report/github-annotations.js')).githubAnnotations(report, files);
    case 'SARIF': return (await import('../schema-report/sarif-report.js')).sarifReport(report, files, programVersion());
    default: return (await import('../schema-report/markdown-report.js')).markdownReport(report, files);
  }
}
