/** Rollbacks: which earlier deployment takes the traffic back; pure. */
import type { Deployment } from './domain-deployments.js';
import type { Instance } from './domain-instances.js';
import type { ProbeOutcome, ProbeResult } from './domain-probe.js';

export type RollbackAttempt = {
  readonly instanceId: string;
  readonly deploymentId: string;
  readonly outcome: ProbeOutcome;
  readonly latencyMs: number;
};

/** An alias and not an interface: events carry it as JSON. */
export type RollbackReport = {
  readonly id: string;
  readonly serviceId: string;
  readonly deploymentId: string;
  readonly restoredDeploymentId: string;
  readonly fromInstanceId: string;
  readonly toInstanceId: string;
  readonly reason: string;
  readonly incidentId: string | null;
  readonly requestedById: string;
  readonly attempts: readonly RollbackAttempt[];
  readonly startedAt: string;
  readonly completedAt: string;
  readonly probeDurationMs: number;
  readonly durationMs: number;
  readonly constitutionalHash: string;
};

/** A deployment before the present one, with its instance. */
export interface Predecessor {
  readonly deployment: Pick<Deployment, 'id' | 'status' | 'instanceId'>;
  readonly instance: Instance;
}

/** Instances that are tried at most; the baseline is always the last of them. */
export const MAX_CANDIDATES = 10;

/**
 * What a rollback tries, in order of preference: the deployments before the active one, latest first, each instance once.
 * Left out are deployments that cannot be restored, retired instances, and the instance the traffic is to leave.
 * @param predecessors latest first; the last may be the baseline.
 */
export function rollbackCandidates(active: Pick<Deployment, 'instanceId'>, predecessors: readonly Predecessor[]): Predecessor[] {
  const seen = new Set([active.instanceId]);
  const candidates = predecessors.filter(({ deployment, instance }) => {
    if (deployment.status !== 'SUPERSEDED' || instance.state === 'RETIRED' || seen.has(instance.id)) return false;
    seen.add(instance.id);
    return true;
  });
  const last = candidates.at(-1);
  return last === undefined || candidates.length <= MAX_CANDIDATES ? candidates : [...candidates.slice(0, MAX_CANDIDATES - 1), last];
}

/** A candidate with what its probe found. */
export interface TriedCandidate extends Predecessor {
  readonly result: ProbeResult;
}

/** The first healthy one; null when none is. */
export function choose(tried: readonly TriedCandidate[]): TriedCandidate | null {
  return tried.find(({ result }) => result.outcome === 'HEALTHY') ?? null;
}
