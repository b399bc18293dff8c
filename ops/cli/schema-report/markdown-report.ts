/** The report as Markdown, for a comment on a pull request. */
import type { SchemaCheckReport, SchemaFinding } from '../../runtime/schema-check.js';
import { FindingPlaces, type SchemaFile } from './finding-places.js';
import { affectedLines, counted, labelOf, usageSentence, verdictSentence, weightSentence } from './report-words.js';

/** The first line of the comment: whoever posts it can find and replace the last one by it. */
export const MARKDOWN_MARK = '<!-- acgs schema check -->';

/** GitHub refuses comments of more than 65,536 characters. */
const MOST_CHARACTERS = 60_000;

/**
 * What stops the change comes first and open; the rest is folded away.
 * @param link makes an address of a place; names are plain text without it.
 */
export function markdownReport(report: SchemaCheckReport, files: readonly SchemaFile[] = [], link?: (path: string, line: number) => string): string {
  const places = new FindingPlaces(files);
  const row = (finding: SchemaFinding): string => tableRow(finding, places, link);
  const open = report.findings.filter(({ criticality, kind }) => criticality !== 'SAFE' && kind !== 'LINT');
  const lint = report.findings.filter(({ kind }) => kind === 'LINT');
  const safe = report.findings.filter(({ criticality, kind }) => criticality === 'SAFE' && kind !== 'LINT');
  const parts = [
    `${MARKDOWN_MARK}\n## Schema check: ${report.verdict}${report.verdict === 'BREAKING' && report.approval === 'GIVEN' ? ', approved' : ''}`,
    `${escape(verdictSentence(report))}\n\n${escape(usageSentence(report))}`,
    ...(open.length === 0 ? [] : [table(open, row)]),
    ...open.filter(({ affected }) => affected.length > 0).map(details),
    ...(lint.length === 0 ? [] : [folded(`${counted(lint.length, 'convention')} not kept`, table(lint, row))]),
    ...(safe.length === 0 ? [] : [folded(counted(safe.length, 'safe change'), table(safe, row))]),
    `<sub>${report.changed.length === 0 ? 'No subgraph changed' : `Changed: ${report.changed.map(code).join(', ')}`} · base ${code(report.baseDigest.slice(0, 12))} · proposed ${code(report.proposedDigest.slice(0, 12))}</sub>`,
  ];
  return fit(parts);
}

function table(findings: readonly SchemaFinding[], row: (finding: SchemaFinding) => string): string {
  return ['| | Where | What | What to do |', '|---|---|---|---|', ...findings.map(row)].join('\n');
}

function tableRow(finding: SchemaFinding, places: FindingPlaces, link: ((path: string, line: number) => string) | undefined): string {
  const { coordinate, subgraph, code: rule, message, remedy } = finding;
  const place = places.of(finding);
  const name = code(coordinate ?? subgraph ?? 'schema');
  const where = place === null || link === undefined ? name : `[${name}](${link(place.path, place.line)})`;
  const at = place === null ? (coordinate === null || subgraph === null ? '' : `<br>${escape(subgraph)}`) : `<br>${escape(`${place.path}:${place.line}`)}`;
  const why = weightSentence(finding);
  return `| **${labelOf(finding)}**<br>${escape(rule)} | ${where}${at} | ${escape(message)}${why === null ? '' : ` ${escape(why)}`} | ${escape(remedy ?? '')} |`;
}

function details(finding: SchemaFinding): string {
  return folded(`Who ${finding.criticality === 'BREAKING' ? 'breaks' : 'is touched'} by ${finding.code} ${finding.coordinate ?? ''}`.trim(), affectedLines(finding).map((line) => `- ${escape(line)}`).join('\n'));
}

function folded(summary: string, body: string): string {
  return `<details><summary>${escape(summary)}</summary>\n\n${body}\n\n</details>`;
}

/** Whole parts as long as they fit: a comment that is cut in the middle of a table cannot be read. */
function fit(parts: readonly string[]): string {
  let text = '';
  for (const part of parts) {
    if (text.length + part.length > MOST_CHARACTERS) return `${text}More findings than a comment holds; see the log of the job.\n`;
    text += `${part}\n\n`;
  }
  return `${text.trimEnd()}\n`;
}

/** Schema texts are written by whoever proposes the change: nothing in them may become markup, a mention or a cell. */
function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll(/[\\`*_[\]#|~]/g, (mark) => `\\${mark}`).replaceAll('@', '@\u200B').replaceAll(/\r?\n/g, ' ');
}

function code(text: string): string {
  return `\`${text.replaceAll(/[`|\r\n]/g, ' ')}\``;
}
