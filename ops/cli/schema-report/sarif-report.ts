/** The report as SARIF 2.1.0 (OASIS), for code scanning and editors. */
import type { SchemaCheckReport, SchemaFinding } from '../../runtime/schema-check.js';
import { FindingPlaces, type SchemaFile } from './finding-places.js';
import { affectedLines, levelOf, usageSentence, verdictSentence, weightSentence } from './report-words.js';

const SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';

/**
 * One result for each finding; an approved one is suppressed by an accepted suppression. The fingerprint is what an
 * approval remembers, so that a finding is the same one from run to run.
 * @param version of the tool.
 */
export function sarifReport(report: SchemaCheckReport, files: readonly SchemaFile[], version: string): string {
  const places = new FindingPlaces(files);
  const rules = [...new Set(report.findings.map(({ code }) => code))].sort();
  const log = {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [{
      tool: { driver: { name: 'acgs schema check', version, rules: rules.map((id) => rule(id, report.findings)) } },
      automationDetails: { id: 'acgs-schema-check/' },
      columnKind: 'utf16CodeUnits',
      results: report.findings.map((finding) => result(finding, rules.indexOf(finding.code), places)),
      invocations: [{ executionSuccessful: true, toolExecutionNotifications: [{ level: 'note', message: { text: `${verdictSentence(report)} ${usageSentence(report)}` } }] }],
      properties: { verdict: report.verdict, approval: report.approval, baseDigest: report.baseDigest, proposedDigest: report.proposedDigest },
    }],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function rule(id: string, findings: readonly SchemaFinding[]): object {
  const kind = findings.find(({ code }) => code === id)?.kind ?? 'SHAPE';
  return { id, shortDescription: { text: sentence(id) }, properties: { tags: [kind.toLowerCase()] } };
}

function result(finding: SchemaFinding, ruleIndex: number, places: FindingPlaces): object {
  const { code, subgraph, coordinate, fingerprint, approved, criticality, weight, message, remedy } = finding;
  const place = places.of(finding);
  const logical = coordinate ?? subgraph;
  const text = [message, weightSentence(finding), ...affectedLines(finding).map((line) => `- ${line}`), remedy].filter((line) => line !== null).join('\n');
  const location = {
    ...(place === null ? {} : { physicalLocation: { artifactLocation: { uri: encodeURI(place.path) }, region: { startLine: place.line } } }),
    ...(logical === null ? {} : { logicalLocations: [{ fullyQualifiedName: logical, kind: coordinate === null ? 'module' : 'member' }] }),
  };
  return {
    ruleId: code, ruleIndex, level: levelOf(finding), message: { text },
    ...(Object.keys(location).length === 0 ? {} : { locations: [location] }),
    partialFingerprints: { 'acgsFinding/v1': fingerprint },
    ...(approved ? { suppressions: [{ kind: 'external', status: 'accepted', justification: 'Approved by governance.' }] } : {}),
    properties: { criticality, weight, subgraph, affectedCount: finding.affectedCount },
  };
}

/** FIELD_REMOVED: `Field removed.` */
function sentence(code: string): string {
  const words = code.toLowerCase().replaceAll('_', ' ');
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}
