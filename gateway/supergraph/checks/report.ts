/** Puts a schema check's report together: fingerprints, approvals, order and verdict. */
import type { CheckVerdict, Criticality, SchemaCheckReport, SchemaCheckRequest, SchemaFinding, UsageState } from '../../../ops/runtime/schema-check.js';
import { fingerprintOf } from './finding-draft.js';
import type { WeighedDraft } from './usage-weighing.js';

const RANK: Readonly<Record<Criticality, number>> = { BREAKING: 0, DANGEROUS: 1, SAFE: 2 };

/** Findings as they are reported: most critical first, then by coordinate. */
export function reportedFindings(drafts: readonly WeighedDraft[], approved: readonly string[]): SchemaFinding[] {
  const covered = new Set(approved);
  const findings = drafts.map(({ before, after, weighing: _, ...draft }): SchemaFinding => {
    const fingerprint = fingerprintOf({ code: draft.code, coordinate: draft.coordinate, before, after });
    return { ...draft, fingerprint, approved: covered.has(fingerprint) };
  });
  const order = (finding: SchemaFinding): string => [RANK[finding.criticality], finding.coordinate ?? '', finding.code, finding.subgraph ?? '', finding.fingerprint].join(' ');
  return findings.map((finding) => ({ finding, key: order(finding) })).sort((left, right) => (left.key < right.key ? -1 : Number(left.key > right.key))).map(({ finding }) => finding);
}

/** What the findings come to. @param isInvalid when it cannot be composed or breaks gate 1. */
export function verdictOf(findings: readonly SchemaFinding[], isInvalid: boolean): Pick<SchemaCheckReport, 'verdict' | 'approval'> {
  if (isInvalid) return { verdict: 'INVALID', approval: 'NOT_NEEDED' };
  const breaking = findings.filter(({ criticality }) => criticality === 'BREAKING');
  const verdict: CheckVerdict = breaking.length > 0 ? 'BREAKING' : findings.some(({ criticality }) => criticality === 'DANGEROUS') ? 'DANGEROUS' : 'SAFE';
  return { verdict, approval: breaking.length === 0 ? 'NOT_NEEDED' : breaking.every(({ approved }) => approved) ? 'GIVEN' : 'NEEDED' };
}

/** What is said of the usage that findings were weighed by. */
export function usageSummary(usage: SchemaCheckRequest['usage'], state: UsageState): SchemaCheckReport['usage'] {
  const operations = usage?.operations ?? [];
  return { state, from: usage?.from ?? null, to: usage?.to ?? null, operations: operations.length, requests: operations.reduce((sum, { clients }) => sum + clients.reduce((total, { count }) => total + count, 0), 0) };
}
