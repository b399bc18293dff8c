/** A check that the registry made, as the report that every form of output takes. */
import type { AffectedOperation, SchemaCheckReport, SchemaFinding } from '../../runtime/schema-check.js';

type RemoteFinding = Omit<SchemaFinding, 'affected' | 'line'> & { readonly line: number | null; readonly affected: readonly (Omit<AffectedOperation, 'origin'> & { readonly shipped: boolean })[] };

/** Answer of the document check-schema. */
export interface CheckedSchema {
  readonly checkSchema: {
    readonly check: {
      readonly id: string; readonly verdict: SchemaCheckReport['verdict']; readonly approval: SchemaCheckReport['approval']; readonly proposedDigest: string; readonly supergraphDigest: string | null;
      readonly changed: readonly string[]; readonly findingCount: number; readonly base: { readonly setDigest: string } | null; readonly usage: SchemaCheckReport['usage']; readonly findings: readonly RemoteFinding[];
    };
  };
}

/** The report; the composed text and the steps stay with the registry. */
export function reportOf({ verdict, approval, proposedDigest, supergraphDigest, changed, base, usage, findings }: CheckedSchema['checkSchema']['check']): SchemaCheckReport {
  return {
    verdict, approval, proposedDigest, supergraphDigest, changed, usage, baseDigest: base?.setDigest ?? '', supergraphSdl: null, steps: [],
    findings: findings.map(({ affected, line, ...finding }) => ({ ...finding, ...(line === null ? {} : { line }), affected: affected.map(({ shipped, ...operation }) => ({ ...operation, origin: shipped ? 'shipped' : 'recorded' })) })),
  };
}
