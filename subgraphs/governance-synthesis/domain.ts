/** Change requests, approvals and the approval matrix: types, and what they say about each other; pure. */

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };
export type JsonObject = { readonly [key: string]: JsonValue };

export const CHANGE_CATEGORIES = ['EMERGENCY', 'STANDARD', 'NORMAL'] as const;
export type ChangeCategory = (typeof CHANGE_CATEGORIES)[number];
export const CHANGE_STATUSES = ['SUBMITTED', 'APPROVED', 'REJECTED', 'IMPLEMENTING', 'IMPLEMENTED', 'REVIEWED', 'EXPIRED', 'WITHDRAWN'] as const;
export type ChangeStatus = (typeof CHANGE_STATUSES)[number];
export const CHANGE_ACTION_KINDS = ['DEPLOY_INSTANCE', 'PUBLISH_POLICY', 'CONFIGURATION', 'OTHER'] as const;
export type ChangeActionKind = (typeof CHANGE_ACTION_KINDS)[number];
export type ChangeOutcome = 'SUCCEEDED' | 'FAILED';
export type DocumentationTiming = 'POST_IMPLEMENTATION' | 'PRE_IMPLEMENTATION' | 'FULL_PROCESS';
export type ApprovalAuthority = 'ROLE' | 'CAB';

/** Subgraph that executes an action by signed grant; null for actions nobody executes by grant. */
export const GRANT_AUDIENCE: Readonly<Record<ChangeActionKind, string | null>> = {
  DEPLOY_INSTANCE: 'evolutionary-computation',
  PUBLISH_POLICY: 'policy-governance',
  CONFIGURATION: null,
  OTHER: null,
};

/** Aliases and not interfaces: events carry these values as JSON. */
export type ChangeAction = { readonly kind: ChangeActionKind; readonly parameters: JsonObject };

/** What a requester writes; approvals bind it by digest. */
export type ChangeContent = {
  readonly title: string;
  readonly summary: string;
  readonly justification: string;
  readonly category: ChangeCategory;
  readonly serviceId: string;
  readonly incidentId: string | null;
  readonly implementerId: string;
  readonly action: ChangeAction;
  readonly implementationPlan: string | null;
  readonly riskAssessment: string | null;
  readonly rollbackPlan: string;
  /** ISO 8601, like every moment here; null for emergencies. */
  readonly plannedStart: string | null;
};

export type Approval = {
  readonly id: string;
  readonly changeId: string;
  readonly revision: number;
  readonly digest: string;
  readonly step: number;
  readonly approverId: string;
  readonly role: string;
  readonly comment: string | null;
  readonly cabMeetingId: string | null;
  readonly approvedAt: string;
  readonly voidedAt: string | null;
};

/** A change as events show it. */
export type ChangeSnapshot = ChangeContent & {
  readonly id: string;
  readonly status: ChangeStatus;
  readonly requesterId: string;
  readonly digest: string;
  readonly revision: number;
  readonly version: number;
  /** Constitution the revision was submitted under. */
  readonly constitutionalHash: string;
  readonly createdAt: string;
  readonly submittedAt: string;
  readonly opensAt: string | null;
  readonly expiresAt: string;
  readonly approvedAt: string | null;
  readonly closingReason: string | null;
  readonly closedById: string | null;
  readonly startedAt: string | null;
  readonly completedAt: string | null;
  readonly outcome: ChangeOutcome | null;
  readonly outcomeNotes: string | null;
  readonly reviewDueAt: string | null;
  readonly reviewOverdueAt: string | null;
  readonly reviewedAt: string | null;
  readonly reviewedById: string | null;
  readonly reviewFindings: string | null;
  /** Newest first. */
  readonly approvals: readonly Approval[];
};

/** A change as it is kept. */
export type ChangeRequest = ChangeSnapshot & {
  /** Made with the last approval; never in events. */
  readonly grantNonce: string | null;
};

export interface ApprovalStep {
  readonly position: number;
  readonly authority: ApprovalAuthority;
  readonly roles: readonly string[];
  readonly count: number;
}

/** One category's row of the approval matrix. */
export interface ApprovalRule {
  readonly category: ChangeCategory;
  readonly reviewPeriodHours: number;
  readonly decisionPeriodHours: number;
  readonly validityHours: number;
  readonly postReviewHours: number;
  readonly windowRequired: boolean;
  readonly documentation: DocumentationTiming;
  readonly steps: readonly ApprovalStep[];
}

/** Who acts, as the hop token says. */
export interface Actor {
  readonly id: string;
  readonly kind: 'HUMAN' | 'SERVICE' | 'AGENT';
  readonly roles: readonly string[];
}

export type DenialType = 'Conflict' | 'Forbidden' | 'InvalidInput';

/** A rule that an operation would break. */
export class ChangeDenied extends Error {
  override readonly name = 'ChangeDenied';
  constructor(readonly type: DenialType, readonly code: string, message: string, readonly field: string | null = null) {
    super(message);
  }
}

/** An entity of another subgraph, as the router refers to it. */
export interface EntityReference {
  readonly id: string;
}

const HOUR_MS = 3_600_000;

/** @param hours may be any number of hours, negative ones included. */
export function hoursAfter(moment: string, hours: number): string {
  return new Date(Date.parse(moment) + hours * HOUR_MS).toISOString();
}

/** Approvals that count: of the present revision and digest, not void. */
export function validApprovals(change: Pick<ChangeSnapshot, 'approvals' | 'revision' | 'digest'>): Approval[] {
  return change.approvals.filter((approval) => approval.voidedAt === null && approval.revision === change.revision && approval.digest === change.digest);
}

/** Steps that still lack approvals. The board decides as one: its step needs one recorded decision, whatever the quorum. */
export function pendingSteps(rule: ApprovalRule, change: Pick<ChangeSnapshot, 'approvals' | 'revision' | 'digest'>): ApprovalStep[] {
  const given = validApprovals(change);
  return rule.steps.filter((step) => {
    const approvers = new Set(given.filter((approval) => approval.step === step.position).map((approval) => approval.approverId));
    return approvers.size < (step.authority === 'CAB' ? 1 : step.count);
  });
}

/** The state a moment makes of a stored one: a request past its time has expired even before the sweep says so. */
export function effectiveStatus(change: Pick<ChangeSnapshot, 'status' | 'expiresAt'>, now: string): ChangeStatus {
  const lapses = change.status === 'SUBMITTED' || change.status === 'APPROVED';
  return lapses && Date.parse(change.expiresAt) <= Date.parse(now) ? 'EXPIRED' : change.status;
}
