/** Constitutions, compliance checks and violations: types, and the state machines as tables; pure. */

export const ACTION_KINDS = ['AUTOMATED_DECISION', 'CONFIGURATION_CHANGE', 'POLICY_CHANGE', 'DEPLOYMENT', 'MODEL_RELEASE', 'SELF_MODIFICATION', 'AMENDMENT'] as const;
export type ActionKind = (typeof ACTION_KINDS)[number];

export const COMPLIANCE_LEVELS = ['MINIMUM', 'POLICY_APPROVAL', 'PRODUCTION'] as const;
export type ComplianceLevel = (typeof COMPLIANCE_LEVELS)[number];

export const PRINCIPLE_KINDS = ['PROHIBITION', 'OBLIGATION', 'GUIDELINE'] as const;
export type PrincipleKind = (typeof PRINCIPLE_KINDS)[number];

export const PRINCIPLE_CATEGORIES = ['PARTICIPATION', 'TRANSPARENCY', 'FIDELITY', 'ACCOUNTABILITY', 'RIGHTS'] as const;

export const VERDICTS = ['COMPLIANT', 'NON_COMPLIANT', 'PROHIBITED', 'INDETERMINATE'] as const;
export type Verdict = (typeof VERDICTS)[number];

export type FindingOutcome = 'SATISFIED' | 'VIOLATED' | 'INDETERMINATE';

/** What one principle says about an action. */
export interface Finding {
  /** Principle, for example CP-07. */
  readonly code: string;
  readonly title: string;
  readonly kind: PrincipleKind;
  readonly weight: number;
  readonly outcome: FindingOutcome;
  readonly explanation: string;
  /** Smallest part of the rule that does not hold; null unless violated. */
  readonly failedExpression: string | null;
}

export interface ComplianceCheck {
  readonly id: string;
  readonly number: string;
  readonly serviceId: string;
  readonly subject: string;
  readonly actionKind: ActionKind;
  readonly level: ComplianceLevel;
  readonly threshold: number;
  readonly score: number;
  readonly verdict: Verdict;
  /** The attributes the principles looked at; others that were sent are not kept. */
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly findings: readonly Finding[];
  readonly constitutionId: string;
  readonly incidentId: string | null;
  readonly checkedBy: string;
  readonly checkedAt: string;
  readonly constitutionalHash: string;
}

export const VIOLATION_STATUSES = ['OPEN', 'CONFIRMED', 'DISMISSED', 'REMEDIATED'] as const;
export type ViolationStatus = (typeof VIOLATION_STATUSES)[number];

export const HASH_MISMATCH_KINDS = ['REQUEST_HASH_MISMATCH', 'INSTANCE_HASH_MISMATCH'] as const;
export type ViolationKind = 'PRINCIPLE_VIOLATED' | (typeof HASH_MISMATCH_KINDS)[number];

export interface Violation {
  readonly id: string;
  readonly number: string;
  readonly kind: ViolationKind;
  readonly status: ViolationStatus;
  readonly version: number;
  /** What happened, in one sentence. */
  readonly summary: string;
  readonly serviceId: string | null;
  readonly incidentId: string | null;
  /** Who caused it; null when unknown. */
  readonly causedBy: string | null;
  readonly checkId: string | null;
  readonly constitutionId: string | null;
  readonly principleCode: string | null;
  readonly expectedHash: string | null;
  readonly receivedHash: string | null;
  readonly instanceUrl: string | null;
  readonly requestId: string;
  readonly occurrences: number;
  readonly occurredAt: string;
  readonly decidedBy: string | null;
  readonly decidedAt: string | null;
  /** Why it was confirmed or dismissed. */
  readonly reason: string | null;
  readonly remediatedBy: string | null;
  readonly remediatedAt: string | null;
  readonly remediation: string | null;
  readonly constitutionalHash: string;
}

export type ViolationAction = 'confirm' | 'dismiss' | 'remediate';

interface ViolationTransition {
  readonly by: ViolationAction;
  readonly from: ViolationStatus;
  readonly to: ViolationStatus;
  /** Event that records it. */
  readonly event: string;
  /** True when whoever caused the violation may not do this. */
  readonly needsAnother: boolean;
}

export const VIOLATION_TRANSITIONS: readonly ViolationTransition[] = [
  { by: 'confirm', from: 'OPEN', to: 'CONFIRMED', event: 'ViolationConfirmed', needsAnother: false },
  { by: 'dismiss', from: 'OPEN', to: 'DISMISSED', event: 'ViolationDismissed', needsAnother: true },
  { by: 'remediate', from: 'CONFIRMED', to: 'REMEDIATED', event: 'ViolationRemediated', needsAnother: false },
];

/** The transition an action makes from a state, or null when the state does not allow it. */
export function violationTransition(action: ViolationAction, from: ViolationStatus): ViolationTransition | null {
  return VIOLATION_TRANSITIONS.find((transition) => transition.by === action && transition.from === from) ?? null;
}

export type ConstitutionState = 'ACTIVE' | 'SUPERSEDED';

/** The states of an installed constitution: a newer epoch of the manifest supersedes the active one. */
export const CONSTITUTION_TRANSITIONS: readonly { readonly from: ConstitutionState; readonly to: ConstitutionState; readonly event: string }[] = [
  { from: 'ACTIVE', to: 'SUPERSEDED', event: 'ConstitutionSuperseded' },
];

/** Identifier of the nth constitution. */
export function constitutionIdOf(version: number): string {
  return `constitution-${version}`;
}

/** Identifier of a principle: its code and the version of its constitution. */
export function principleIdOf(code: string, constitutionId: string): string {
  return `${code}.v${constitutionId.replace('constitution-', '')}`;
}

/** One condition of the constitution's validity. */
export interface ValidationCheck {
  readonly name: string;
  readonly passed: boolean;
  readonly detail: string;
}

export interface ConstitutionalValidation {
  readonly valid: boolean;
  readonly hash: string;
  readonly digest: string;
  readonly epoch: number;
  readonly checkedAt: string;
  readonly checks: readonly ValidationCheck[];
}

/** Compliance of one day. */
export interface ComplianceTrendDay {
  /** First moment of the day, UTC. */
  readonly day: string;
  readonly checks: number;
  readonly compliant: number;
  readonly prohibited: number;
  readonly meanScore: number;
}

/** An entity of another subgraph, as the router refers to it. */
export interface EntityReference {
  readonly id: string;
}

/** True for actors that are no principals of the graph. */
export function isSystemActor(actorId: string): boolean {
  return actorId.startsWith('system:') || actorId === 'anonymous';
}
