/** The streams of this subgraph and what their events show. */
import type { DomainEvent } from '../kernel/outbox.js';
import type { Deployment, DeploymentEventKind } from './domain-deployments.js';
import type { Instance, InstanceEventKind } from './domain-instances.js';
import type { ModelAlias, ModelVersion } from './domain-models.js';
import type { RollbackReport } from './domain-rollback.js';

export const DEPLOYMENT_STREAM = 'deployment';
export const INSTANCE_STREAM = 'service-instance';
const ROLLBACK_STREAM = 'rollback';
const MODEL_STREAM = 'model-version';
const ALIAS_STREAM = 'model-alias';

/** One step of a deployment; the payload is the deployment right after it, steps included. */
export function deploymentEvent(kind: DeploymentEventKind, deployment: Deployment): DomainEvent {
  const { id, serviceId, instanceId, changeId, incidentId } = deployment;
  const subjects = [`Deployment:${id}`, `Service:${serviceId}`, `ServiceInstance:${instanceId}`];
  if (changeId !== null) subjects.push(`ChangeRequest:${changeId}`);
  if (incidentId !== null) subjects.push(`Incident:${incidentId}`);
  return { stream: DEPLOYMENT_STREAM, entityId: id, kind, payload: deployment, subjects };
}

export function instanceEvent(kind: InstanceEventKind | 'InstanceRegistered' | 'InstanceConstitutionChanged', instance: Instance): DomainEvent {
  const { id, serviceId, url, version, state, baseline, revision, registeredById, registeredAt, retiredAt, constitutionalHash } = instance;
  const payload: Instance = { id, serviceId, url, version, state, baseline, revision, registeredById, registeredAt, retiredAt, constitutionalHash };
  return { stream: INSTANCE_STREAM, entityId: id, kind, payload, subjects: [`ServiceInstance:${id}`, `Service:${serviceId}`] };
}

export function rollbackCompleted(report: RollbackReport): DomainEvent {
  const { id, serviceId, deploymentId, restoredDeploymentId, fromInstanceId, toInstanceId, incidentId } = report;
  const subjects = [`Service:${serviceId}`, `Deployment:${deploymentId}`, `Deployment:${restoredDeploymentId}`, `ServiceInstance:${fromInstanceId}`, `ServiceInstance:${toInstanceId}`];
  if (incidentId !== null) subjects.push(`Incident:${incidentId}`);
  return { stream: ROLLBACK_STREAM, entityId: id, kind: 'RollbackCompleted', payload: report, subjects };
}

export function modelVersionRegistered(version: ModelVersion): DomainEvent {
  const subjects = [`ModelVersion:${version.id}`];
  if (version.parentId !== null) subjects.push(`ModelVersion:${version.parentId}`);
  return { stream: MODEL_STREAM, entityId: version.id, kind: 'ModelVersionRegistered', payload: version, subjects };
}

export function modelAliasSet(alias: ModelAlias): DomainEvent {
  const subjects = [`ModelVersion:${alias.versionId}`];
  if (alias.previousVersionId !== null) subjects.push(`ModelVersion:${alias.previousVersionId}`);
  return { stream: ALIAS_STREAM, entityId: `${alias.modelName}:${alias.alias}`, kind: 'ModelAliasSet', payload: alias, subjects };
}
