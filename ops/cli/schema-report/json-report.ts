/** The report for programs: all of it but the composed text, with the place of each finding and the exit code. */
import type { SchemaCheckReport } from '../../runtime/schema-check.js';
import { exitCodeOf } from './exit-code.js';
import { FindingPlaces, type SchemaFile } from './finding-places.js';

/** @returns JSON, two spaces deep, with a line break at its end. The composed text is left out: `supergraphDigest` names it. */
export function jsonReport({ supergraphSdl: _, ...report }: SchemaCheckReport, files: readonly SchemaFile[] = []): string {
  const places = new FindingPlaces(files);
  return `${JSON.stringify({ ...report, findings: report.findings.map((finding) => ({ ...finding, place: places.of(finding) })), exitCode: exitCodeOf(report) }, null, 2)}\n`;
}
