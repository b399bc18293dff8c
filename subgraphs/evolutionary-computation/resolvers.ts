/** Maps GraphQL to models, instances and deployments. */
import type { SubgraphContext } from '../kernel/context.js';
import { mapMessages } from '../kernel/map-messages.js';
import { orProblem } from '../kernel/refusals.js';
import type { Resolvers } from './__generated__/resolvers.js';
import { isSystemActor, type EntityReference } from './domain.js';
import { gatesOf, stageOfAlias } from './domain-models.js';
import type { DeploymentService } from './service-deployments.js';
import type { InstanceService } from './service-instances.js';
import type { ModelService } from './service-models.js';
import { found, type EvolutionReading } from './service-reading.js';
import type { RollbackService } from './service-rollback.js';

export interface Evolution {
  readonly models: ModelService;
  readonly instances: InstanceService;
  readonly deployments: DeploymentService;
  readonly rollbacks: RollbackService;
  readonly reading: EvolutionReading;
}

const DEFAULT_PAGE = 20;
const DEFAULT_RELATED = 10;

export function createResolvers({ models, instances, deployments, rollbacks, reading }: Evolution): Resolvers {
  const modelVersion = async (context: SubgraphContext, id: string) => found(await reading.modelVersion(context, id), id);
  const instance = async (context: SubgraphContext, id: string) => found(await reading.instance(context, id), id);
  const deployment = async (context: SubgraphContext, id: string) => found(await reading.deployment(context, id), id);

  return {
    Query: {
      modelVersion: (_parent, { id }, context) => reading.modelVersion(context, id),
      modelVersions: (_parent, { name, first, after }) => reading.modelVersions(name, first ?? DEFAULT_PAGE, after),
      modelAliases: (_parent, { modelName, first }) => reading.aliases(modelName, first ?? DEFAULT_PAGE),
      deployment: (_parent, { id }, context) => reading.deployment(context, id),
      deployments: (_parent, { first, after, ...filter }) => reading.deployments(filter, first ?? DEFAULT_PAGE, after),
      serviceInstances: (_parent, { serviceId, state, first }) => reading.instances(serviceId, state, first ?? DEFAULT_PAGE),
    },
    Mutation: {
      registerModelVersion: (_parent, { input, idempotencyKey }, context) => orProblem(async () => {
        const { id } = await models.register(context, { ...input, parentId: input.parentId ?? null }, idempotencyKey);
        return { __typename: 'RegisterModelVersionPayload' as const, modelVersion: await modelVersion(context, id) };
      }),
      setModelAlias: (_parent, args, context) => orProblem(async () => {
        const { modelName, alias } = await models.setAlias(context, args);
        return { __typename: 'SetModelAliasPayload' as const, alias: await reading.alias(modelName, alias) };
      }),
      registerInstance: (_parent, args, context) => orProblem(async () => {
        const { id } = await instances.register(context, args);
        return { __typename: 'RegisterInstancePayload' as const, instance: await instance(context, id) };
      }),
      retireInstance: (_parent, args, context) => orProblem(async () => {
        const { id } = await instances.retire(context, args);
        return { __typename: 'RetireInstancePayload' as const, instance: await instance(context, id) };
      }),
      startDeployment: (_parent, args, context) => orProblem(async () => {
        const { id } = await deployments.start(context, args);
        return { __typename: 'StartDeploymentPayload' as const, deployment: await deployment(context, id) };
      }),
      rollbackDeployment: (_parent, args, context) => orProblem(async () => {
        const { id, reportId } = await rollbacks.rollBack(context, args);
        return { __typename: 'RollbackDeploymentPayload' as const, deployment: await deployment(context, id), report: await reading.report(context, reportId) };
      }),
    },
    Subscription: {
      deploymentProgress: {
        subscribe: async (_parent, { after, ...filter }) => mapMessages(await reading.progress(filter, after), 'deploymentProgress', ({ cursor, kind, event }) => ({ cursor, kind, deployment: event })),
      },
    },
    ModelVersion: {
      __resolveReference: ({ id }: EntityReference, context: SubgraphContext) => reading.modelVersion(context, id),
      gates: ({ metrics }, { stage }) => gatesOf(metrics, stage),
      aliases: ({ id }, _args, context) => reading.aliasNames(context, id),
      parent: ({ parentId }, _args, context) => (parentId === null ? null : modelVersion(context, parentId)),
      lineage: ({ id }, { first }, context) => reading.lineage(context, id, first ?? DEFAULT_PAGE),
      children: ({ id }, { first }, context) => reading.children(context, id, first ?? DEFAULT_PAGE),
      registeredBy: ({ registeredById }) => actor(registeredById),
    },
    ModelAlias: {
      stage: ({ alias }) => stageOfAlias(alias),
      version: ({ versionId }, _args, context) => modelVersion(context, versionId),
      previousVersion: ({ previousVersionId }, _args, context) => (previousVersionId === null ? null : modelVersion(context, previousVersionId)),
      setBy: ({ setById }) => actor(setById),
    },
    ServiceInstance: {
      __resolveReference: ({ id }: EntityReference, context: SubgraphContext) => reading.instance(context, id),
      service: ({ serviceId }) => ({ id: serviceId }),
      active: (parent, _args, context) => reading.isActive(context, parent),
      lastProbedAt: ({ probe }) => probe?.probedAt ?? null,
      lastProbeOutcome: ({ probe }) => probe?.outcome ?? null,
      lastProbeLatencyMs: ({ probe }) => probe?.latencyMs ?? null,
      registeredBy: ({ registeredById }) => actor(registeredById),
    },
    Deployment: {
      __resolveReference: ({ id }: EntityReference, context: SubgraphContext) => reading.deployment(context, id),
      service: ({ serviceId }) => ({ id: serviceId }),
      instance: ({ instanceId }, _args, context) => instance(context, instanceId),
      previousInstance: ({ previousInstanceId }, _args, context) => (previousInstanceId === null ? null : instance(context, previousInstanceId)),
      previousDeployment: ({ previousDeploymentId }, _args, context) => (previousDeploymentId === null ? null : deployment(context, previousDeploymentId)),
      steps: ({ steps }) => [...steps],
      changeRequest: ({ changeId }) => reference(changeId),
      incident: ({ incidentId }) => reference(incidentId),
      requestedBy: ({ requestedById }) => actor(requestedById),
      rollback: ({ id }, _args, context) => reading.rollbackOf(context, id),
    },
    RollbackReport: {
      deployment: ({ deploymentId }, _args, context) => deployment(context, deploymentId),
      restored: ({ restoredDeploymentId }, _args, context) => deployment(context, restoredDeploymentId),
      from: ({ fromInstanceId }, _args, context) => instance(context, fromInstanceId),
      to: ({ toInstanceId }, _args, context) => instance(context, toInstanceId),
      incident: ({ incidentId }) => reference(incidentId),
      requestedBy: ({ requestedById }) => actor(requestedById),
      attempts: ({ attempts }) => [...attempts],
    },
    RollbackAttempt: {
      instance: ({ instanceId }, _args, context) => instance(context, instanceId),
      deployment: ({ deploymentId }, _args, context) => deployment(context, deploymentId),
    },
    Service: {
      __resolveReference: ({ id }: EntityReference) => ({ id }),
      activeDeployment: ({ id }, _args, context) => reading.activeDeployment(context, id),
      instances: ({ id }, { first }, context) => reading.instancesInUse(context, id, first ?? DEFAULT_PAGE),
      deployments: ({ id }, { first }, context) => reading.latestOf(context, 'service', id, first ?? DEFAULT_RELATED),
    },
    Incident: {
      __resolveReference: ({ id }: EntityReference) => ({ id }),
      rollbacks: ({ id }, { first }, context) => reading.latestOf(context, 'incident', id, first ?? DEFAULT_RELATED),
    },
    ChangeRequest: {
      __resolveReference: ({ id }: EntityReference) => ({ id }),
      deployments: ({ id }, { first }, context) => reading.latestOf(context, 'change', id, first ?? DEFAULT_RELATED),
    },
  };
}

function reference(id: string | null): EntityReference | null {
  return id === null ? null : { id };
}

/** A principal of the graph; null for the system's own actors. */
function actor(id: string): EntityReference | null {
  return isSystemActor(id) ? null : { id };
}
