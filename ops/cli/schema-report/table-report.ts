/** The report for a person at a terminal. */
import { styleText } from 'node:util';
import { printable } from '../output/cells.js';
import type { SchemaCheckReport, SchemaFinding } from '../../runtime/schema-check.js';
import { FindingPlaces, type SchemaFile } from './finding-places.js';
import { affectedLines, labelOf, usageSentence, verdictSentence, weightSentence } from './report-words.js';

export interface TableOptions {
  /** Default false. */
  readonly color?: boolean;
  /** Safe changes are listed as well, and each step with its time. Default false. */
  readonly wide?: boolean;
  readonly files?: readonly SchemaFile[];
}

type Style = Parameters<typeof styleText>[0];
type Paint = (style: Style, text: string) => string;

const STYLES: Readonly<Record<string, Style>> = { BREAKING: ['bold', 'red'], INVALID: ['bold', 'red'], APPROVED: 'magenta', DANGEROUS: 'yellow', LINT: 'cyan', SAFE: 'green' };

/** Findings grouped by how much they matter, each with its place, its reason, who would break and what to do; the verdict stands last, where the prompt comes back. */
export function tableReport(report: SchemaCheckReport, { color = false, wide = false, files = [] }: TableOptions = {}): string {
  const paint: Paint = (style, text) => (color ? styleText(style, text, { validateStream: false }) : text);
  const places = new FindingPlaces(files);
  const shown = report.findings.filter((finding) => wide || finding.criticality !== 'SAFE' || finding.kind === 'LINT');
  const hidden = report.findings.length - shown.length;
  const width = Math.max(0, ...shown.map((finding) => labelOf(finding).length));
  const lines = shown.flatMap((finding) => [...findingLines(finding, places, width, paint), '']);
  if (hidden > 0) lines.push(paint('dim', `${hidden} safe ${hidden === 1 ? 'change is' : 'changes are'} not shown; list ${hidden === 1 ? 'it' : 'them'} with -o wide.`));
  if (wide) lines.push(...report.steps.map(({ step, ran, milliseconds, note }) => paint('dim', `${step.padEnd(13)} ${(ran ? `${milliseconds} ms` : 'left out').padStart(10)}  ${clean(note)}`)));
  lines.push(usageSentence(report), paint(STYLES[report.approval === 'GIVEN' ? 'APPROVED' : report.verdict] ?? 'bold', verdictSentence(report)));
  return `${lines.join('\n')}\n`;
}

function findingLines(finding: SchemaFinding, places: FindingPlaces, width: number, paint: Paint): string[] {
  const label = labelOf(finding);
  const place = places.of(finding);
  const where = place === null ? (finding.subgraph ?? '') : `${place.path}:${place.line}`;
  const indent = ' '.repeat(width + 2);
  const weight = weightSentence(finding);
  return [
    `${paint(STYLES[label] ?? 'bold', label.padEnd(width))}  ${paint('bold', clean(finding.coordinate ?? finding.subgraph ?? 'schema'))}  ${finding.code}${where === '' ? '' : paint('dim', `  ${clean(where)}`)}`,
    `${indent}${clean(finding.message)}${weight === null ? '' : ` ${weight}`}`,
    ...affectedLines(finding).map((line) => `${indent}  - ${clean(line)}`),
    ...(finding.remedy === null ? [] : [`${indent}${paint('dim', `Do: ${clean(finding.remedy)}`)}`]),
    ...(finding.approved || finding.criticality !== 'BREAKING' || finding.kind === 'COMPOSITION' || finding.kind === 'CONSTITUTION' ? [] : [`${indent}${paint('dim', `Fingerprint: ${finding.fingerprint}`)}`]),
  ];
}

/** Schema texts and client names come from elsewhere: no control character of theirs reaches the terminal. */
function clean(text: string): string {
  return printable(text.replaceAll('\r\n', ' '));
}
