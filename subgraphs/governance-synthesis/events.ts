/** The streams of this subgraph and what their events show. */
import type { DomainEvent } from '../kernel/outbox.js';
import type { CabDecision, CabMeeting } from './domain-board.js';
import type { MaintenanceWindow } from './domain-calendar.js';
import type { ApprovalRule, ChangeRequest, ChangeSnapshot } from './domain.js';
import type { SchemaActivation, SchemaApproval, SchemaVersion, StoredCheck } from './domain-schema.js';

export const CHANGE_STREAM = 'change';
export const CAB_STREAM = 'cab-meeting';
const POLICY_STREAM = 'change-policy';

export type ChangeEventKind =
  | 'ChangeSubmitted' | 'ChangeRevised' | 'ChangeApprovalGiven' | 'ChangeApproved' | 'ChangeRejected' | 'ChangeWithdrawn' | 'ChangeExpired'
  | 'ChangeImplementationStarted' | 'ChangeImplementationCompleted' | 'ChangeReviewed' | 'ChangeReviewOverdue';

/** Everything of the change but the nonce of its grant. */
export function changeEvent(kind: ChangeEventKind, change: ChangeRequest): DomainEvent {
  const { grantNonce: _grantNonce, ...snapshot } = change;
  const payload: ChangeSnapshot = snapshot;
  const subjects = [`ChangeRequest:${change.id}`, `Service:${change.serviceId}`, `Principal:${change.requesterId}`];
  if (change.incidentId !== null) subjects.push(`Incident:${change.incidentId}`);
  return { stream: CHANGE_STREAM, entityId: change.id, kind, payload, subjects };
}

export function cabMeetingScheduled(meeting: CabMeeting): DomainEvent {
  return { stream: CAB_STREAM, entityId: meeting.id, kind: 'CabMeetingScheduled', payload: { ...meeting }, subjects: [`CabMeeting:${meeting.id}`] };
}

export function cabDecisionRecorded(meeting: CabMeeting, decision: CabDecision): DomainEvent {
  return {
    stream: CAB_STREAM, entityId: meeting.id, kind: 'CabDecisionRecorded', payload: { ...meeting, decision },
    subjects: [`CabMeeting:${meeting.id}`, `ChangeRequest:${decision.changeId}`],
  };
}

export function approvalMatrixSeeded(rules: readonly ApprovalRule[]): DomainEvent {
  return { stream: POLICY_STREAM, entityId: 'approval-matrix', kind: 'ApprovalMatrixSeeded', payload: { rules: rules.map((rule) => ({ ...rule, steps: rule.steps.map((step) => ({ ...step })) })) } };
}

export function maintenanceWindowsSeeded(windows: readonly MaintenanceWindow[]): DomainEvent {
  return { stream: POLICY_STREAM, entityId: 'maintenance-windows', kind: 'MaintenanceWindowsSeeded', payload: { windows: windows.map((window) => ({ ...window })) } };
}

export const SCHEMA_STREAM = 'schema';
const SCHEMA_CHECK_STREAM = 'schema-check';

export function schemaCheckRecorded(check: StoredCheck): DomainEvent {
  const { id, verdict, proposedDigest, requestedById, breaking } = check;
  return {
    stream: SCHEMA_CHECK_STREAM, entityId: id, kind: 'SchemaCheckRecorded',
    payload: { id, verdict, proposedDigest, requestedById, breaking: [...breaking], baseId: check.baseId, revision: check.revision, branch: check.branch },
    subjects: [`SchemaCheck:${id}`, `Principal:${requestedById}`],
  };
}

export function schemaCheckApproved(approval: SchemaApproval): DomainEvent {
  return {
    stream: SCHEMA_CHECK_STREAM, entityId: approval.checkId, kind: 'SchemaCheckApproved', payload: { ...approval, fingerprints: [...approval.fingerprints] },
    subjects: [`SchemaCheck:${approval.checkId}`, `Principal:${approval.approverId}`],
  };
}

/** @param usedApprovals identifiers of the approvals that are used up by it. */
export function schemaActivated(activation: SchemaActivation, version: SchemaVersion, usedApprovals: readonly string[]): DomainEvent {
  const subjects = [`SchemaVersion:${version.id}`];
  if (activation.activatedById !== null) subjects.push(`Principal:${activation.activatedById}`);
  return {
    stream: SCHEMA_STREAM, entityId: 'supergraph', kind: activation.kind === 'ROLLBACK' ? 'SchemaRolledBack' : 'SchemaActivated',
    payload: { ...activation, versionNumber: version.number, setDigest: version.setDigest, checkId: version.checkId, usedApprovals: [...usedApprovals] }, subjects,
  };
}
