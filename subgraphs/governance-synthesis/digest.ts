/** Digests that approvals and grants bind: SHA-256 over canonical JSON (RFC 8785). */
import { canonicalJson, sha256Hex } from '../../ops/runtime/canonical-json.js';
import type { DigestOf, Identity } from './domain-lifecycle.js';
import type { ChangeAction, ChangeContent } from './domain.js';

/** Digest of a revision: its content, who asked for it, its number and the constitution it was submitted under. */
export const changeDigest: DigestOf = (identity: Identity, content: ChangeContent): string => {
  const { id, requesterId, revision, constitutionalHash } = identity;
  const { title, summary, justification, category, serviceId, incidentId, implementerId, action, implementationPlan, riskAssessment, rollbackPlan, plannedStart } = content;
  return sha256Hex(canonicalJson({
    v: 1, id, requesterId, revision, constitutionalHash, title, summary, justification, category, serviceId, incidentId, implementerId,
    action: { kind: action.kind, parameters: action.parameters }, implementationPlan, riskAssessment, rollbackPlan, plannedStart,
  }));
};

/** Digest of an action: what a grant permits and its executor computes again. */
export function actionDigest({ kind, parameters }: ChangeAction): string {
  return sha256Hex(canonicalJson({ kind, parameters }));
}
