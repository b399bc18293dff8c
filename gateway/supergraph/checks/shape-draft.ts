/** Makes findings about what clients see, and says which operations each would break. */
import type { FindingCode } from '../../../ops/runtime/schema-finding-codes.js';
import type { FindingDraft } from './finding-draft.js';

/** A change of the client schema, before it is known in which subgraph it was made. */
export type ShapeDraft = Omit<FindingDraft, 'subgraph'>;

interface Change {
  readonly code: FindingCode;
  readonly coordinate: string;
  readonly message: string;
  readonly before: unknown;
  readonly after: unknown;
}

const MIGRATE = 'Add the new beside the old, deprecate the old with a reason, and remove it when no client uses it any more.';

/** A change that breaks operations which use one of `usedBy`. */
export function breaking(change: Change, usedBy: readonly string[], options: { readonly onlyInvalid?: boolean; readonly readBy?: readonly string[]; readonly remedy?: string } = {}): ShapeDraft {
  const { onlyInvalid = false, readBy = [], remedy = MIGRATE } = options;
  return { ...change, kind: 'SHAPE', criticality: 'BREAKING', remedy, weighing: { usedBy, onlyInvalid, readBy, unused: 'SAFE' } };
}

/** A change that may make clients behave otherwise, whoever uses it. */
export function dangerous(change: Change, remedy: string): ShapeDraft {
  return { ...change, kind: 'SHAPE', criticality: 'DANGEROUS', remedy, weighing: null };
}

/** A change that only operations which use one of `usedBy` can notice, and that does not break them. */
export function noticeable(change: Change, usedBy: readonly string[], remedy: string): ShapeDraft {
  return { ...dangerous(change, remedy), weighing: { usedBy, onlyInvalid: false, readBy: [], unused: 'SAFE' } };
}

/** A change that no client notices. */
export function safe(change: Change): ShapeDraft {
  return { ...change, kind: 'SHAPE', criticality: 'SAFE', remedy: null, weighing: null };
}
