/** What each operation makes of a change request: pure functions from a change and a moment to the next change. */
import { firstMomentInside, windowAt, type MaintenanceWindow } from './domain-calendar.js';
import { permit, target } from './domain-transitions.js';
import { ChangeDenied, GRANT_AUDIENCE, hoursAfter, pendingSteps, validApprovals, type Actor, type Approval, type ApprovalRule, type ApprovalStep, type ChangeContent, type ChangeOutcome, type ChangeRequest } from './domain.js';

/** What an operation needs to know beside the change. */
export interface Surroundings {
  readonly rule: ApprovalRule;
  readonly windows: readonly MaintenanceWindow[];
  readonly now: string;
  /** Constitution in force. */
  readonly constitutionalHash: string;
}

export interface Identity {
  readonly id: string;
  readonly requesterId: string;
  readonly revision: number;
  readonly constitutionalHash: string;
}

/** Digest of a revision's exact content. */
export type DigestOf = (identity: Identity, content: ChangeContent) => string;

/** How long before the opening an approved change stops being editable: longer than any request takes, so that no grant for the old content is being signed. */
export const EDIT_MARGIN_MS = 60_000;
const MAX_AHEAD_HOURS = 180 * 24;

/** A new change. @throws ChangeDenied InvalidInput for an impossible planned start. */
export function submit(id: string, requesterId: string, content: Omit<ChangeContent, 'plannedStart'>, plannedStart: string | null, at: Surroundings, digestOf: DigestOf): ChangeRequest {
  return {
    ...revision({ id, requesterId, revision: 1, constitutionalHash: at.constitutionalHash }, content, plannedStart, at, digestOf),
    version: 1, createdAt: at.now, approvals: [],
  };
}

/** A change with new content: approvals are void, the review period starts again. */
export function revise(change: ChangeRequest, actor: Actor, content: Omit<ChangeContent, 'plannedStart'>, plannedStart: string | null, at: Surroundings, digestOf: DigestOf): ChangeRequest {
  permit('revise', change, actor, at.now);
  const handedOut = change.status === 'APPROVED' && GRANT_AUDIENCE[change.action.kind] !== null && Date.parse(at.now) >= Date.parse(change.opensAt ?? at.now) - EDIT_MARGIN_MS;
  if (handedOut) throw conflict(`Change ${change.id} is approved and its signed grant may be in use; it can only be implemented or expire.`);
  return {
    ...revision({ id: change.id, requesterId: change.requesterId, revision: change.revision + 1, constitutionalHash: at.constitutionalHash }, content, plannedStart, at, digestOf),
    status: target('revise', change.status), version: change.version + 1, createdAt: change.createdAt,
    approvals: change.approvals.map((approval) => (approval.voidedAt === null ? { ...approval, voidedAt: at.now } : approval)),
  };
}

/** What an approver hands in beside themselves. */
export interface ApprovalForm {
  readonly approvalId: string;
  /** Digest of what was read. */
  readonly digest: string;
  readonly comment: string | null;
  /** Nonce of the grant, used when this approval is the last. */
  readonly nonce: string;
}

/** A change with one more approval; APPROVED when every step has what it needs. */
export function approve(change: ChangeRequest, actor: Actor, form: ApprovalForm, at: Surroundings): ChangeRequest {
  permit('approve', change, actor, at.now);
  checkBinding(change, form.digest, at);
  if (validApprovals(change).some(({ approverId }) => approverId === actor.id)) throw new ChangeDenied('Forbidden', 'SEPARATION_OF_DUTIES', `You have approved ${change.id} already; the next approval must come from someone else.`);
  const { step, role } = entitlement(at.rule, actor, pendingSteps(at.rule, change));
  return withApproval(change, { step, role, approverId: actor.id, cabMeetingId: null }, form, at);
}

/** The change after a favourable vote of the board, recorded by a governance officer. */
export function approveByBoard(change: ChangeRequest, recorder: Actor, meetingId: string, form: ApprovalForm, at: Surroundings): ChangeRequest {
  const { step, role } = boardStep(change, recorder, form.digest, at);
  if (validApprovals(change).some(({ approverId }) => approverId === recorder.id)) throw new ChangeDenied('Forbidden', 'SEPARATION_OF_DUTIES', `You have approved ${change.id} yourself; someone else must record the board's decision.`);
  return withApproval(change, { step, role, approverId: recorder.id, cabMeetingId: meetingId }, form, at);
}

/** The change after an unfavourable vote of the board. */
export function rejectByBoard(change: ChangeRequest, recorder: Actor, digest: string, reason: string, at: Surroundings): ChangeRequest {
  boardStep(change, recorder, digest, at);
  return rejected(change, recorder, reason);
}

/** A refused change. */
export function reject(change: ChangeRequest, actor: Actor, reason: string, at: Surroundings): ChangeRequest {
  permit('reject', change, actor, at.now);
  entitlement(at.rule, actor, at.rule.steps);
  return rejected(change, actor, reason);
}

/** A change its requester took back. */
export function withdraw(change: ChangeRequest, actor: Actor, reason: string, at: Surroundings): ChangeRequest {
  permit('withdraw', change, actor, at.now);
  return { ...next(change), status: target('withdraw', change.status), closingReason: reason, closedById: actor.id };
}

/** A change being implemented. @throws ChangeDenied Conflict outside the time it may be implemented in. */
export function start(change: ChangeRequest, actor: Actor, at: Surroundings): ChangeRequest {
  permit('start', change, actor, at.now);
  if (change.constitutionalHash !== at.constitutionalHash) throw conflict(`Change ${change.id} was approved under another constitution; submit it anew.`);
  if (implementablePeriod(change, at) === null) {
    const opening = firstMomentInside(at.windows, change.opensAt !== null && change.opensAt > at.now ? change.opensAt : at.now);
    throw conflict(`Change ${change.id} may only be implemented inside a maintenance window; the next one for it opens at ${opening ?? 'no time: no window is defined'}.`);
  }
  return { ...next(change), status: target('start', change.status), startedAt: at.now };
}

/** A change whose implementation ended. */
export function complete(change: ChangeRequest, actor: Actor, outcome: ChangeOutcome, notes: string, at: Surroundings): ChangeRequest {
  permit('complete', change, actor, at.now);
  return { ...next(change), status: target('complete', change.status), completedAt: at.now, outcome, outcomeNotes: notes, reviewDueAt: hoursAfter(at.now, at.rule.postReviewHours) };
}

/** A reviewed change. */
export function review(change: ChangeRequest, actor: Actor, findings: string, at: Surroundings): ChangeRequest {
  permit('review', change, actor, at.now);
  return { ...next(change), status: target('review', change.status), reviewedAt: at.now, reviewedById: actor.id, reviewFindings: findings };
}

/** What the clock makes of a change, or null when nothing is due. */
export function elapse(change: ChangeRequest, now: string): { readonly change: ChangeRequest; readonly event: 'EXPIRED' | 'REVIEW_OVERDUE' } | null {
  if ((change.status === 'SUBMITTED' || change.status === 'APPROVED') && change.expiresAt <= now) {
    return { event: 'EXPIRED', change: { ...next(change), status: target('expire', change.status) } };
  }
  if (change.status === 'IMPLEMENTED' && change.reviewOverdueAt === null && change.reviewDueAt !== null && change.reviewDueAt <= now) {
    return { event: 'REVIEW_OVERDUE', change: { ...next(change), status: target('flagOverdue', change.status), reviewOverdueAt: now } };
  }
  return null;
}

/** The time around `now` in which an approved change may be implemented; null when it may not be now. */
export function implementablePeriod(change: ChangeRequest, at: Pick<Surroundings, 'rule' | 'windows' | 'now'>): { readonly from: string; readonly until: string } | null {
  if (change.opensAt === null || change.opensAt > at.now || change.expiresAt <= at.now) return null;
  if (!at.rule.windowRequired) return { from: change.opensAt, until: change.expiresAt };
  const open = windowAt(at.windows, at.now);
  if (open === null) return null;
  return { from: open.start > change.opensAt ? open.start : change.opensAt, until: open.end < change.expiresAt ? open.end : change.expiresAt };
}

function revision(identity: Identity, content: Omit<ChangeContent, 'plannedStart'>, wanted: string | null, at: Surroundings, digestOf: DigestOf): Omit<ChangeRequest, 'version' | 'createdAt' | 'approvals'> {
  const complete: ChangeContent = { ...content, plannedStart: plannedStart(wanted, at) };
  return {
    ...identity, ...complete, status: 'SUBMITTED', digest: digestOf(identity, complete), submittedAt: at.now, opensAt: null,
    expiresAt: hoursAfter(at.now, at.rule.decisionPeriodHours), approvedAt: null, grantNonce: null, closingReason: null, closedById: null,
    startedAt: null, completedAt: null, outcome: null, outcomeNotes: null, reviewDueAt: null, reviewOverdueAt: null, reviewedAt: null, reviewedById: null, reviewFindings: null,
  };
}

function plannedStart(wanted: string | null, { rule, windows, now }: Surroundings): string | null {
  const field = 'input.plannedStart';
  if (!rule.windowRequired) {
    if (wanted !== null) throw new ChangeDenied('InvalidInput', 'INVALID_INPUT', `A change of category ${rule.category} is implemented as soon as it is approved.`, field);
    return null;
  }
  const earliest = hoursAfter(now, rule.reviewPeriodHours);
  if (wanted === null) {
    const opening = firstMomentInside(windows, earliest);
    if (opening === null) throw conflict('No maintenance window is defined.');
    return opening;
  }
  if (wanted < earliest) throw new ChangeDenied('InvalidInput', 'INVALID_INPUT', `The review period ends at ${earliest}; the implementation cannot begin before.`, field);
  if (wanted > hoursAfter(now, MAX_AHEAD_HOURS)) throw new ChangeDenied('InvalidInput', 'INVALID_INPUT', 'A change is planned at most 180 days ahead.', field);
  if (windowAt(windows, wanted) === null) throw new ChangeDenied('InvalidInput', 'INVALID_INPUT', `The start lies outside every maintenance window; the next one opens at ${firstMomentInside(windows, wanted) ?? 'no time'}.`, field);
  return wanted;
}

function checkBinding(change: ChangeRequest, digest: string, at: Surroundings): void {
  if (digest !== change.digest) throw conflict(`The digest is not that of revision ${change.revision} of ${change.id}; read it again.`);
  if (change.constitutionalHash !== at.constitutionalHash) throw conflict(`Change ${change.id} was submitted under another constitution; its requester must revise it.`);
}

function entitlement(rule: ApprovalRule, actor: Actor, steps: readonly ApprovalStep[]): { step: number; role: string } {
  const open = steps.filter(({ authority }) => authority === 'ROLE');
  for (const { position, roles } of open) {
    const role = roles.find((candidate) => actor.roles.includes(candidate));
    if (role !== undefined) return { step: position, role };
  }
  if (open.length === 0) throw conflict('No further personal approval is needed; the board has to decide.');
  throw new ChangeDenied('Forbidden', 'ROLE_REQUIRED', `A change of category ${rule.category} needs one of the roles ${open.flatMap(({ roles }) => roles).join(', ')}.`);
}

function boardStep(change: ChangeRequest, recorder: Actor, digest: string, at: Surroundings): { step: number; role: string } {
  permit('approve', change, recorder, at.now);
  checkBinding(change, digest, at);
  const step = pendingSteps(at.rule, change).find(({ authority }) => authority === 'CAB');
  if (step === undefined) throw conflict(`Change ${change.id} does not await the board.`);
  const role = step.roles.find((candidate) => recorder.roles.includes(candidate));
  if (role === undefined) throw new ChangeDenied('Forbidden', 'ROLE_REQUIRED', `Recording the board's decision needs the role ${step.roles.join(' or ')}.`);
  return { step: step.position, role };
}

function withApproval(change: ChangeRequest, given: Pick<Approval, 'step' | 'role' | 'approverId' | 'cabMeetingId'>, form: ApprovalForm, at: Surroundings): ChangeRequest {
  const approval: Approval = { ...given, id: form.approvalId, changeId: change.id, revision: change.revision, digest: change.digest, comment: form.comment, approvedAt: at.now, voidedAt: null };
  const approved: ChangeRequest = { ...next(change), approvals: [approval, ...change.approvals] };
  if (pendingSteps(at.rule, approved).length > 0) return { ...approved, status: target('approve', change.status, 'SUBMITTED') };
  const opensAt = opening(change, at);
  return { ...approved, status: target('approve', change.status, 'APPROVED'), approvedAt: at.now, opensAt, expiresAt: hoursAfter(opensAt, at.rule.validityHours), grantNonce: form.nonce };
}

/** Planned start, or the first moment inside a window where that has passed. */
function opening(change: ChangeRequest, { rule, windows, now }: Surroundings): string {
  if (!rule.windowRequired) return now;
  const from = change.plannedStart !== null && change.plannedStart > now ? change.plannedStart : now;
  const moment = firstMomentInside(windows, from);
  if (moment === null) throw conflict('No maintenance window is defined.');
  return moment;
}

function rejected(change: ChangeRequest, actor: Actor, reason: string): ChangeRequest {
  return { ...next(change), status: target('reject', change.status), closingReason: reason, closedById: actor.id };
}

function next(change: ChangeRequest): ChangeRequest {
  return { ...change, version: change.version + 1 };
}

function conflict(message: string): ChangeDenied {
  return new ChangeDenied('Conflict', 'STATE_CONFLICT', message);
}
