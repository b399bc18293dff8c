/** The state machine of a change request as data: which operation leads from where to where, and who may; pure. */
import { ChangeDenied, effectiveStatus, type Actor, type ChangeRequest, type ChangeStatus } from './domain.js';

export type ChangeOperation = 'revise' | 'approve' | 'reject' | 'withdraw' | 'start' | 'complete' | 'review' | 'expire' | 'flagOverdue';

/** Who may carry out an operation; each names one rule of `PARTIES`. */
export type Party = 'requester' | 'approver' | 'implementer' | 'reviewer' | 'clock';

export interface Transition {
  readonly operation: ChangeOperation;
  readonly from: ChangeStatus;
  readonly to: ChangeStatus;
  readonly by: Party;
  /** Condition beside party and state, in words; the code of the operation holds it. */
  readonly guard?: string;
}

/** Submission makes a change SUBMITTED; REVIEWED, EXPIRED and WITHDRAWN are final. */
export const TRANSITIONS: readonly Transition[] = [
  { operation: 'revise', from: 'SUBMITTED', to: 'SUBMITTED', by: 'requester' },
  { operation: 'revise', from: 'REJECTED', to: 'SUBMITTED', by: 'requester' },
  { operation: 'revise', from: 'APPROVED', to: 'SUBMITTED', by: 'requester', guard: 'no grant can have been handed out' },
  { operation: 'approve', from: 'SUBMITTED', to: 'SUBMITTED', by: 'approver', guard: 'further approvals are needed' },
  { operation: 'approve', from: 'SUBMITTED', to: 'APPROVED', by: 'approver', guard: 'every step has its approvals' },
  { operation: 'reject', from: 'SUBMITTED', to: 'REJECTED', by: 'approver' },
  { operation: 'withdraw', from: 'SUBMITTED', to: 'WITHDRAWN', by: 'requester' },
  { operation: 'start', from: 'APPROVED', to: 'IMPLEMENTING', by: 'implementer', guard: 'opened, and inside a maintenance window where the category needs one' },
  { operation: 'complete', from: 'IMPLEMENTING', to: 'IMPLEMENTED', by: 'implementer' },
  { operation: 'review', from: 'IMPLEMENTED', to: 'REVIEWED', by: 'reviewer' },
  { operation: 'expire', from: 'SUBMITTED', to: 'EXPIRED', by: 'clock', guard: 'expiresAt has passed' },
  { operation: 'expire', from: 'APPROVED', to: 'EXPIRED', by: 'clock', guard: 'expiresAt has passed' },
  { operation: 'flagOverdue', from: 'IMPLEMENTED', to: 'IMPLEMENTED', by: 'clock', guard: 'reviewDueAt has passed' },
];

/** Why a party's rule keeps an actor out, or null when it lets them in. */
const PARTIES: Readonly<Record<Exclude<Party, 'clock'>, (change: ChangeRequest, actor: Actor) => ChangeDenied | null>> = {
  requester: (change, actor) => (actor.id === change.requesterId ? null : forbidden(`Only the requester of ${change.id} may do this.`)),
  implementer: (change, actor) => (actor.id === change.implementerId ? null : forbidden(`Only the implementer of ${change.id} may do this.`)),
  approver: (change, actor) => {
    if (actor.kind !== 'HUMAN') return forbidden('Only people decide on changes; services and agents never do.', 'HUMAN_REQUIRED');
    return actor.id === change.requesterId || actor.id === change.implementerId ? forbidden('Nobody decides on a change they requested or implement.', 'SEPARATION_OF_DUTIES') : null;
  },
  reviewer: (change, actor) => {
    if (actor.kind !== 'HUMAN') return forbidden('Only people review changes; services and agents never do.', 'HUMAN_REQUIRED');
    return actor.id === change.implementerId ? forbidden('Nobody reviews a change they implemented.', 'SEPARATION_OF_DUTIES') : null;
  },
};

/**
 * Checks party and state of an operation someone asks for.
 * @throws ChangeDenied Forbidden for the wrong party, Conflict for a state the operation does not start from.
 */
export function permit(operation: ChangeOperation, change: ChangeRequest, actor: Actor, now: string): void {
  const candidates = TRANSITIONS.filter((transition) => transition.operation === operation);
  const [first] = candidates;
  if (first === undefined || first.by === 'clock') throw new RangeError(`Nobody asks for ${operation}.`);
  const denial = PARTIES[first.by](change, actor);
  if (denial !== null) throw denial;
  const status = effectiveStatus(change, now);
  if (!candidates.some(({ from }) => from === status)) {
    const states = [...new Set(candidates.map(({ from }) => from))].join(' or ');
    throw new ChangeDenied('Conflict', 'STATE_CONFLICT', `Change ${change.id} is ${status}; it would have to be ${states}.`);
  }
}

/**
 * The state an operation leads to.
 * @param to picks among several; may be left out where there is one.
 * @throws RangeError when the table has no such step, which is a defect of the caller.
 */
export function target(operation: ChangeOperation, from: ChangeStatus, to?: ChangeStatus): ChangeStatus {
  const found = TRANSITIONS.find((transition) => transition.operation === operation && transition.from === from && (to === undefined || transition.to === to));
  if (found === undefined) throw new RangeError(`No ${operation} leads from ${from}${to === undefined ? '' : ` to ${to}`}.`);
  return found.to;
}

function forbidden(message: string, code = 'FORBIDDEN'): ChangeDenied {
  return new ChangeDenied('Forbidden', code, message);
}
