/** Escalation: the chain of a severity, its deadlines, and which steps are due; pure. */
import type { Incident, Severity } from './domain-incidents.js';

export type EscalationStep = { readonly level: number; readonly afterMinutes: number; readonly role: string };

export type EscalationPolicy = {
  readonly severity: Severity;
  readonly ackMinutes: number;
  readonly assessMinutes: number;
  readonly responseMinutes: number;
  readonly resolutionMinutes: number;
  /** In order; the first is taken when the incident is declared. */
  readonly steps: readonly EscalationStep[];
};

export type EscalationState = Pick<Incident, 'escalationLevel' | 'escalatedTo' | 'nextEscalationAt'>;
export type DeadlineState = Pick<Incident, 'acknowledgeBy' | 'assessBy' | 'respondBy' | 'resolveBy'>;

/** The moments an incident's steps are due, counted from its declaration. */
export function deadlinesOf(policy: EscalationPolicy, declaredAt: string): DeadlineState {
  const after = (minutes: number): string => later(declaredAt, minutes);
  return { acknowledgeBy: after(policy.ackMinutes), assessBy: after(policy.assessMinutes), respondBy: after(policy.responseMinutes), resolveBy: after(policy.resolutionMinutes) };
}

/** The chain at its first step; further steps that are due already are taken by the next sweep. */
export function startOfChain(policy: EscalationPolicy, declaredAt: string): EscalationState {
  return stateAt(policy, declaredAt, policy.steps[0]);
}

/** Steps that are due and were not taken; none once someone has acknowledged. */
export function dueSteps(policy: EscalationPolicy, incident: Pick<Incident, 'declaredAt' | 'acknowledgedAt' | 'escalationLevel'>, now: Date): EscalationStep[] {
  if (incident.acknowledgedAt !== null) return [];
  return policy.steps.filter((step) => step.level > incident.escalationLevel && Date.parse(later(incident.declaredAt, step.afterMinutes)) <= now.getTime());
}

/** The chain after a step. */
export function stateAt(policy: EscalationPolicy, declaredAt: string, step: EscalationStep | undefined): EscalationState {
  const level = step?.level ?? 0;
  const next = policy.steps.find((candidate) => candidate.level > level);
  return { escalationLevel: level, escalatedTo: step?.role ?? null, nextEscalationAt: next === undefined ? null : later(declaredAt, next.afterMinutes) };
}

function later(moment: string, minutes: number): string {
  return new Date(Date.parse(moment) + minutes * 60_000).toISOString();
}
