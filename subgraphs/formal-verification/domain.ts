/** Proof obligations: types and their state machine; pure. */

export const PROOF_KINDS = ['RULE_SET', 'SMT_LIB'] as const;
export type ProofKind = (typeof PROOF_KINDS)[number];

export const PROOF_STATUSES = ['PENDING', 'PROVED', 'REFUTED', 'UNKNOWN', 'ERROR'] as const;
export type ProofStatus = (typeof PROOF_STATUSES)[number];
export type DecidedStatus = Exclude<ProofStatus, 'PENDING'>;

export const PROOF_REASONS = ['TIMEOUT', 'MEMORY_LIMIT', 'INCOMPLETE', 'IRRATIONAL_COUNTEREXAMPLE', 'RULES_CONTRADICTORY', 'REPLAY_DISAGREES', 'SOLVER_CRASHED', 'SCRIPT_REFUSED', 'ATTEMPTS_EXHAUSTED'] as const;
export type ProofReason = (typeof PROOF_REASONS)[number];

/** An attribute as declared; its meaning is that of the rule language. */
export interface ProofAttribute {
  readonly name: string;
  readonly type: 'BOOL' | 'INT' | 'DECIMAL' | 'STRING';
  readonly min?: number;
  readonly max?: number;
  readonly values?: readonly string[];
}

export type Problem =
  | { readonly kind: 'RULE_SET'; readonly attributes: readonly ProofAttribute[]; readonly rules: readonly string[]; readonly obligation: string }
  | { readonly kind: 'SMT_LIB'; readonly script: string };

export interface ReplayedExpression {
  readonly expression: string;
  readonly holds: boolean;
}

export interface Counterexample {
  readonly values: readonly { readonly name: string; readonly type: string; readonly value: string }[];
  readonly replay: { readonly rules: readonly ReplayedExpression[]; readonly obligation: ReplayedExpression } | null;
}

/** What came of a proof. */
export interface ProofDecision {
  readonly status: DecidedStatus;
  readonly reasonCode: ProofReason | null;
  readonly reason: string | null;
  readonly counterexample: Counterexample | null;
  /** Solver and version; null where it did not run. */
  readonly solver: string | null;
}

export interface ProofObligation {
  readonly id: string;
  readonly number: string;
  readonly title: string;
  readonly problem: Problem;
  readonly status: ProofStatus;
  readonly serviceId: string | null;
  readonly changeRequestId: string | null;
  readonly timeoutMs: number;
  readonly problemDigest: string;
  readonly submittedBy: string;
  readonly submittedAt: string;
  readonly decidedAt: string | null;
  readonly durationMs: number | null;
  readonly solver: string | null;
  readonly reasonCode: ProofReason | null;
  readonly reason: string | null;
  readonly counterexample: Counterexample | null;
  readonly constitutionalHash: string;
}

/** Every obligation is decided once; nothing leads out of a decision. */
export const PROOF_TRANSITIONS: readonly { readonly from: ProofStatus; readonly to: DecidedStatus; readonly event: string; readonly needsReason: boolean }[] = [
  { from: 'PENDING', to: 'PROVED', event: 'ProofProved', needsReason: false },
  { from: 'PENDING', to: 'REFUTED', event: 'ProofRefuted', needsReason: false },
  { from: 'PENDING', to: 'UNKNOWN', event: 'ProofUnknown', needsReason: true },
  { from: 'PENDING', to: 'ERROR', event: 'ProofFailed', needsReason: true },
];

/** The transition to a decision, or null when the state does not allow it. */
export function proofTransition(from: ProofStatus, to: DecidedStatus) {
  return PROOF_TRANSITIONS.find((transition) => transition.from === from && transition.to === to) ?? null;
}

/** The one question a gate asks. */
export const isPass = (status: ProofStatus): boolean => status === 'PROVED';

export const PROOF_LIMITS = { minTimeoutMs: 100, maxTimeoutMs: 60_000, defaultTimeoutMs: 5_000, title: 200, rules: 100, attempts: 3 } as const;

/** An entity of another subgraph, as the router refers to it. */
export interface EntityReference {
  readonly id: string;
}

/** True for actors that are no principals of the graph. */
export function isSystemActor(actorId: string): boolean {
  return actorId.startsWith('system:') || actorId === 'anonymous';
}
