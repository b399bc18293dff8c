/** A finding before it is weighed by usage and looked up among the approvals. */
import { canonicalJson, sha256Hex } from '../../../ops/runtime/canonical-json.js';
import type { Criticality, FindingKind } from '../../../ops/runtime/schema-check.js';
import type { FindingCode } from '../../../ops/runtime/schema-finding-codes.js';

/** Which operations a change would break, and what it is when there are none. */
export interface Weighing {
  /**
   * What an operation must use, one of these: coordinates, `Type` for any use of a type, `in:Input` for a value given
   * for an input type, `out:Type` for a field that returns the type.
   */
  readonly usedBy: readonly string[];
  /** Only operations break that are valid before and not afterwards. */
  readonly onlyInvalid: boolean;
  /** Operations that use one of these do not break and may behave otherwise: DANGEROUS. */
  readonly readBy: readonly string[];
  /** What the finding is when no operation breaks or reads it. */
  readonly unused: Criticality;
}

/** A code of Apollo's composition, which has a registry of its own. */
export type CompositionRule = string & { readonly __rule: true };

export interface FindingDraft {
  readonly code: FindingCode | CompositionRule;
  readonly kind: FindingKind;
  /** What it is when usage does not excuse it. */
  readonly criticality: Criticality;
  readonly subgraph: string | null;
  readonly coordinate: string | null;
  readonly message: string;
  readonly remedy: string | null;
  /** Value before and after, any JSON value: part of the fingerprint. */
  readonly before: unknown;
  readonly after: unknown;
  /** Null for what usage does not weigh. */
  readonly weighing: Weighing | null;
  readonly line?: number;
}

/** SHA-256 over code, coordinate, old and new value, lower-case hexadecimal. */
export function fingerprintOf({ code, coordinate, before, after }: Pick<FindingDraft, 'code' | 'coordinate' | 'before' | 'after'>): string {
  return sha256Hex(canonicalJson({ code, coordinate, before, after }));
}
