/** Policies, their evaluation and the receipt of a decision; pure. */
import { createHash } from 'node:crypto';

export type PolicyState = 'ACTIVE' | 'RETIRED';
export type PolicyEffect = 'PERMIT' | 'FORBID';

export type PolicyVersion = {
  readonly policyId: string;
  readonly number: number;
  readonly cedar: string;
  readonly effect: PolicyEffect;
  readonly annotations: { readonly [name: string]: string };
  /** SHA-256 of the text, hexadecimal. */
  readonly digest: string;
  readonly publishedBy: string;
  readonly publishedAt: string;
};

export type Policy = {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly state: PolicyState;
  readonly current: PolicyVersion;
  readonly updatedAt: string;
  readonly version: number;
  readonly constitutionalHash: string;
};

/** From freest to strictest: of what several policies ask, the strictest holds. */
export const OUTCOMES = ['ALLOW', 'AUDIT_ONLY', 'MODIFY', 'REQUIRE_APPROVAL', 'ESCALATE', 'DENY'] as const;
export type DecisionOutcome = (typeof OUTCOMES)[number];

const PERMITTED: ReadonlySet<DecisionOutcome> = new Set(['ALLOW', 'AUDIT_ONLY', 'MODIFY']);

/** Value of the annotation `@decision` and the effects that may carry it. */
export const DECISION_ANNOTATIONS: Readonly<Record<string, { outcome: DecisionOutcome; effects: readonly PolicyEffect[] }>> = {
  audit_only: { outcome: 'AUDIT_ONLY', effects: ['PERMIT'] },
  modify: { outcome: 'MODIFY', effects: ['PERMIT'] },
  require_approval: { outcome: 'REQUIRE_APPROVAL', effects: ['PERMIT'] },
  escalate: { outcome: 'ESCALATE', effects: ['PERMIT', 'FORBID'] },
};

/** Annotations that say something of the policy itself and are no obligations. */
const OWN_ANNOTATIONS: ReadonlySet<string> = new Set(['decision', 'id']);

export type PrincipalKind = 'HUMAN' | 'SERVICE' | 'AGENT';

export interface PolicyRequest {
  readonly principal: { readonly id: string; readonly kind: PrincipalKind; readonly roles: readonly string[] };
  readonly action: string;
  readonly resource: { readonly type: string; readonly id: string; readonly ownerId?: string | null | undefined };
  readonly context?: unknown;
}

/** What the engine says: which policies were satisfied, and what failed. */
export interface EngineAnswer {
  readonly allowed: boolean;
  readonly determining: readonly string[];
  readonly errors: readonly string[];
}

export type DeterminingPolicy = { readonly policyId: string; readonly versionNumber: number };
export type PolicyObligation = { readonly policyId: string; readonly name: string; readonly value: string };

export type Evaluation = {
  readonly outcome: DecisionOutcome;
  readonly permitted: boolean;
  readonly determining: readonly DeterminingPolicy[];
  readonly obligations: readonly PolicyObligation[];
  readonly errors: readonly string[];
  readonly policyRevision: number;
  readonly policySetDigest: string;
};

export type Decision = {
  readonly id: string;
  readonly principalId: string;
  readonly action: string;
  readonly resourceType: string;
  readonly resourceId: string;
  readonly evaluation: Evaluation;
  readonly requestDigest: string;
  readonly receiptDigest: string;
  readonly decidedBy: string;
  readonly decidedAt: string;
  readonly constitutionalHash: string;
};

/** The policies in force at one revision. */
export interface PolicySet {
  readonly revision: number;
  readonly digest: string;
  readonly policies: ReadonlyMap<string, PolicyVersion>;
}

/** An annotation that makes no sense; null when they all do. */
export function annotationProblem(effect: PolicyEffect, annotations: Readonly<Record<string, string>>): string | null {
  const value = annotations['decision'];
  if (value === undefined) return null;
  const known = Object.hasOwn(DECISION_ANNOTATIONS, value) ? DECISION_ANNOTATIONS[value] : undefined;
  if (known === undefined) return `@decision is one of ${Object.keys(DECISION_ANNOTATIONS).join(', ')}.`;
  return known.effects.includes(effect) ? null : `@decision("${value}") does not fit a policy that ${effect === 'FORBID' ? 'forbids' : 'permits'}.`;
}

/**
 * Draws the conclusion: default deny, any error denies, and of what the determining policies ask the strictest holds.
 * Obligations come from the determining policies' annotations.
 */
export function conclude(set: PolicySet, answer: EngineAnswer): Evaluation {
  const policies = answer.determining.flatMap((id) => set.policies.get(id) ?? []).sort((left, right) => (left.policyId < right.policyId ? -1 : 1));
  const asked = policies.map(outcomeOf);
  const failed = answer.errors.length > 0 || policies.length !== answer.determining.length || policies.length === 0;
  const outcome = failed ? 'DENY' : strictest(asked);
  // The engine's own word is the floor: what it denies is never permitted by an annotation.
  const final = !answer.allowed && PERMITTED.has(outcome) ? 'DENY' : outcome;
  return {
    outcome: final, permitted: PERMITTED.has(final),
    determining: policies.map(({ policyId, number }) => ({ policyId, versionNumber: number })),
    obligations: policies.flatMap(({ policyId, annotations }) => Object.entries(annotations)
      .filter(([name]) => !OWN_ANNOTATIONS.has(name)).map(([name, value]) => ({ policyId, name, value }))),
    errors: answer.errors, policyRevision: set.revision, policySetDigest: set.digest,
  };
}

function outcomeOf({ effect, annotations }: PolicyVersion): DecisionOutcome {
  const annotated = DECISION_ANNOTATIONS[annotations['decision'] ?? '']?.outcome;
  return annotated ?? (effect === 'PERMIT' ? 'ALLOW' : 'DENY');
}

/** The strictest of some outcomes; DENY of none. */
export function strictest(outcomes: readonly DecisionOutcome[]): DecisionOutcome {
  const rank = Math.max(-1, ...outcomes.map((outcome) => OUTCOMES.indexOf(outcome)));
  return OUTCOMES[rank] ?? 'DENY';
}

/** What is wrong with a policy's text and where. */
export interface PolicyError {
  readonly message: string;
  readonly help: string | null;
  readonly line: number | null;
  readonly column: number | null;
}

/** Line and column, from 1, of a byte offset into the UTF-8 form of a text. */
export function placeOf(text: string, byteOffset: number): { line: number; column: number } {
  const before = Buffer.from(text).subarray(0, byteOffset).toString('utf8');
  const lines = before.split('\n');
  return { line: lines.length, column: (lines[lines.length - 1] ?? '').length + 1 };
}

/** SHA-256 of a text, hexadecimal. */
export function textDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
