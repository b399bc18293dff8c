/** Deployments: the states they go through, and the step each move leaves; pure. */

export const DEPLOYMENT_STATUSES = ['PENDING', 'PROBING', 'ACTIVE', 'SUPERSEDED', 'ROLLED_BACK', 'FAILED'] as const;
export type DeploymentStatus = (typeof DEPLOYMENT_STATUSES)[number];
export type DeploymentStepKind = 'REQUESTED' | 'SEEDED' | 'PROBING' | 'PROBE_FAILED' | 'ACTIVATED' | 'FAILED' | 'SUPERSEDED' | 'ROLLED_BACK' | 'RESTORED';
export type DeploymentMove = 'probe' | 'probeAgain' | 'activate' | 'fail' | 'supersede' | 'rollBack' | 'restore';
export type DeploymentEventKind =
  | 'DeploymentRequested' | 'BaselineDeployed' | 'DeploymentProbingStarted' | 'DeploymentProbeFailed' | 'DeploymentActivated'
  | 'DeploymentFailed' | 'DeploymentSuperseded' | 'DeploymentRolledBack' | 'DeploymentRestored';

export interface DeploymentTransition {
  readonly by: DeploymentMove;
  readonly from: DeploymentStatus;
  readonly to: DeploymentStatus;
  readonly step: DeploymentStepKind;
  readonly event: DeploymentEventKind;
}

/** Every change of a recorded deployment; what is not here does not happen. */
export const DEPLOYMENT_TRANSITIONS: readonly DeploymentTransition[] = [
  { by: 'probe', from: 'PENDING', to: 'PROBING', step: 'PROBING', event: 'DeploymentProbingStarted' },
  { by: 'probeAgain', from: 'PROBING', to: 'PROBING', step: 'PROBE_FAILED', event: 'DeploymentProbeFailed' },
  { by: 'activate', from: 'PROBING', to: 'ACTIVE', step: 'ACTIVATED', event: 'DeploymentActivated' },
  { by: 'fail', from: 'PENDING', to: 'FAILED', step: 'FAILED', event: 'DeploymentFailed' },
  { by: 'fail', from: 'PROBING', to: 'FAILED', step: 'FAILED', event: 'DeploymentFailed' },
  { by: 'supersede', from: 'ACTIVE', to: 'SUPERSEDED', step: 'SUPERSEDED', event: 'DeploymentSuperseded' },
  { by: 'rollBack', from: 'ACTIVE', to: 'ROLLED_BACK', step: 'ROLLED_BACK', event: 'DeploymentRolledBack' },
  { by: 'restore', from: 'SUPERSEDED', to: 'ACTIVE', step: 'RESTORED', event: 'DeploymentRestored' },
];

export type DeploymentStep = {
  readonly position: number;
  readonly kind: DeploymentStepKind;
  readonly detail: string | null;
  /** ISO 8601. */
  readonly at: string;
};

/** An alias and not an interface: events carry it as JSON. */
export type Deployment = {
  readonly id: string;
  readonly serviceId: string;
  readonly instanceId: string;
  readonly previousDeploymentId: string | null;
  readonly previousInstanceId: string | null;
  readonly version: string;
  readonly status: DeploymentStatus;
  readonly revision: number;
  readonly changeId: string | null;
  readonly incidentId: string | null;
  readonly grantExpiresAt: string | null;
  readonly requestedById: string;
  readonly startedAt: string;
  readonly activatedAt: string | null;
  readonly failure: string | null;
  readonly constitutionalHash: string;
  /** In order; the latest 100 at most. */
  readonly steps: readonly DeploymentStep[];
};

export const STEPS_SHOWN = 100;

export function deploymentTransition(from: DeploymentStatus, by: DeploymentMove): DeploymentTransition | null {
  return DEPLOYMENT_TRANSITIONS.find((transition) => transition.from === from && transition.by === by) ?? null;
}

/** What every new deployment says. */
export type DeploymentOrigin = Pick<Deployment,
  'id' | 'serviceId' | 'instanceId' | 'previousDeploymentId' | 'previousInstanceId' | 'version' | 'changeId' | 'incidentId' | 'grantExpiresAt' | 'requestedById' | 'constitutionalHash'>;

/** A deployment as it is recorded, before anything is done. */
export function requestDeployment(origin: DeploymentOrigin, at: string): Deployment {
  return { ...origin, status: 'PENDING', revision: 1, startedAt: at, activatedAt: null, failure: null, steps: [{ position: 1, kind: 'REQUESTED', detail: `Change ${origin.changeId ?? 'unknown'}`, at }] };
}

/** The deployment an installation begins with. */
export function seedDeployment(origin: DeploymentOrigin, at: string): Deployment {
  return { ...origin, status: 'ACTIVE', revision: 1, startedAt: at, activatedAt: at, failure: null, steps: [{ position: 1, kind: 'SEEDED', detail: null, at }] };
}

export interface MovedDeployment {
  readonly before: Deployment;
  readonly after: Deployment;
  readonly step: DeploymentStep;
  readonly event: DeploymentEventKind;
}

/**
 * Makes a move.
 * @param detail kept with the step; for `fail` also the deployment's failure.
 * @throws RangeError when the status does not allow it.
 */
export function moveDeployment(deployment: Deployment, by: DeploymentMove, at: string, detail: string | null = null): MovedDeployment {
  const transition = deploymentTransition(deployment.status, by);
  if (transition === null) throw new RangeError(`Deployment ${deployment.id} cannot ${by} while it is ${deployment.status}.`);
  const step: DeploymentStep = { position: (deployment.steps.at(-1)?.position ?? 0) + 1, kind: transition.step, detail, at };
  const after: Deployment = {
    ...deployment, status: transition.to, revision: deployment.revision + 1,
    activatedAt: transition.to === 'ACTIVE' ? at : deployment.activatedAt,
    failure: transition.to === 'FAILED' ? (detail ?? 'It failed.') : null,
    steps: [...deployment.steps, step].slice(-STEPS_SHOWN),
  };
  return { before: deployment, after, step, event: transition.event };
}

/** Deployments that are neither in use nor over. */
export function isUnderWay(status: DeploymentStatus): boolean {
  return status === 'PENDING' || status === 'PROBING';
}
