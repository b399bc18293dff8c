/** The report as GitHub Actions workflow commands, which show findings beside the lines of a change. */
import type { SchemaCheckReport, SchemaFinding } from '../../runtime/schema-check.js';
import { FindingPlaces, type SchemaFile } from './finding-places.js';
import { affectedLines, levelOf, usageSentence, verdictSentence, weightSentence } from './report-words.js';

const COMMAND = { error: 'error', warning: 'warning', note: 'notice' } as const;

/**
 * One command for each finding that asks for something, most critical first, since GitHub shows ten of a kind in a step;
 * the last one is the verdict.
 */
export function githubAnnotations(report: SchemaCheckReport, files: readonly SchemaFile[] = []): string {
  const places = new FindingPlaces(files);
  const shown = report.findings.filter(({ criticality, kind }) => criticality !== 'SAFE' || kind === 'LINT');
  const verdict = report.verdict === 'INVALID' || report.approval === 'NEEDED' ? 'error' : 'notice';
  return [...shown.map((finding) => annotation(finding, places)), command(verdict, { title: 'Schema check' }, `${verdictSentence(report)} ${usageSentence(report)}`)].map((line) => `${line}\n`).join('');
}

function annotation(finding: SchemaFinding, places: FindingPlaces): string {
  const place = places.of(finding);
  const text = [finding.message, weightSentence(finding), ...affectedLines(finding).map((line) => `- ${line}`), finding.remedy, finding.approved ? 'Approved.' : null].filter((line) => line !== null).join('\n');
  return command(COMMAND[levelOf(finding)], { ...(place === null ? {} : { file: place.path, line: String(place.line) }), title: [finding.code, finding.coordinate].filter((part) => part !== null).join(' ') }, text);
}

function command(name: string, properties: Readonly<Record<string, string>>, message: string): string {
  return `::${name} ${Object.entries(properties).map(([key, value]) => `${key}=${escapeProperty(value)}`).join(',')}::${escapeData(message)}`;
}

/** As the runner's own toolkit does it; control characters would reach the log. */
function escapeData(text: string): string {
  return text.replaceAll(/(?![\r\n])[\p{Cc}\p{Cf}]/gu, '\uFFFD').replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
