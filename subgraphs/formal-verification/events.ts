/** Streams and events of formal-verification. */
import type { DomainEvent } from '../kernel/outbox.js';
import type { ProofObligation } from './domain.js';
import type { NewObligation } from './store.js';

export const STREAM = 'proofObligation';

type Concerned = Pick<ProofObligation, 'id' | 'serviceId' | 'changeRequestId'>;

/** The problem itself stays in its row; the digest in the event binds it. */
export function proofSubmitted({ id, title, problem, serviceId, changeRequestId, timeoutMs, problemDigest }: NewObligation): DomainEvent {
  return { stream: STREAM, entityId: id, kind: 'ProofSubmitted', payload: { id, title, kind: problem.kind, serviceId, changeRequestId, timeoutMs, problemDigest, status: 'PENDING' }, subjects: subjectsOf({ id, serviceId, changeRequestId }) };
}

/** @param kind the event of the transition, for example `ProofProved`. */
export function proofDecided(kind: string, { id, title, problem, serviceId, changeRequestId, problemDigest, status, reasonCode, reason, solver, durationMs }: ProofObligation): DomainEvent {
  return {
    stream: STREAM, entityId: id, kind,
    payload: { id, title, kind: problem.kind, serviceId, changeRequestId, problemDigest, status, reasonCode, reason, solver, durationMs },
    subjects: subjectsOf({ id, serviceId, changeRequestId }),
  };
}

function subjectsOf({ serviceId, changeRequestId }: Concerned): string[] {
  return [...(serviceId === null ? [] : [`Service:${serviceId}`]), ...(changeRequestId === null ? [] : [`ChangeRequest:${changeRequestId}`])];
}
