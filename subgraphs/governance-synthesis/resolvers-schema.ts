/** Maps GraphQL to the schema registry. */
import type { SubgraphContext } from '../kernel/context.js';
import { mapMessages } from '../kernel/map-messages.js';
import { orProblem } from '../kernel/refusals.js';
import type { Resolvers } from './__generated__/resolvers.js';
import type { EntityReference } from './domain.js';
import type { SchemaVersion } from './domain-schema.js';
import { lookingNothingUp } from './resolvers-answers.js';
import type { SchemaReading } from './service-schema-reading.js';
import type { SchemaUsageService } from './service-schema-usage.js';
import type { SchemaRegistry } from './service-schema.js';

export interface SchemaResolverParts {
  readonly registry: SchemaRegistry;
  readonly schemas: SchemaReading;
  readonly usage: SchemaUsageService;
}

const DEFAULT_PAGE = 20;
const DEFAULT_FINDINGS = 50;
const DEFAULT_DAYS = 30;

type RegistryResolvers = Required<Pick<Resolvers, 'SchemaVersion' | 'PublishedSubgraph' | 'SchemaActivation' | 'SchemaCheck' | 'SchemaFinding' | 'SchemaAffectedOperation' | 'SchemaApproval'>>
  & { readonly Query: NonNullable<Resolvers['Query']>; readonly Mutation: NonNullable<Resolvers['Mutation']>; readonly Subscription: NonNullable<Resolvers['Subscription']> };

export function createSchemaResolvers({ registry, schemas, usage }: SchemaResolverParts): RegistryResolvers {
  const versionOf = (context: SubgraphContext, id: string | null): Promise<SchemaVersion | null> => (id === null ? Promise.resolve(null) : schemas.version(context, id));
  return {
    Query: {
      activeSchema: () => schemas.active(),
      schemaVersion: (_parent, { id }, context) => schemas.version(context, id),
      schemaVersions: (_parent, { first, after }) => schemas.versions(first ?? DEFAULT_PAGE, after),
      schemaActivations: (_parent, { first, after }) => schemas.activations(first ?? DEFAULT_PAGE, after),
      schemaCheck: (_parent, { id }, context) => schemas.check(context, id),
      schemaChecks: (_parent, { verdict, first, after }) => schemas.checks(verdict ?? null, first ?? DEFAULT_PAGE, after),
      schemaUsage: (_parent, { coordinates, days, first }) => usage.usageOf(coordinates, days ?? DEFAULT_DAYS, first ?? DEFAULT_FINDINGS),
    },
    Mutation: {
      checkSchema: async (_parent, { input, idempotencyKey }, context) => lookingNothingUp(await orProblem(async () => {
        const { id } = await registry.check(context, input, idempotencyKey);
        return { __typename: 'CheckSchemaPayload' as const, check: await schemas.existingCheck(context, id) };
      })),
      approveSchemaCheck: (_parent, args, context) => orProblem(async () => {
        const { id } = await registry.approve(context, args);
        return { __typename: 'ApproveSchemaCheckPayload' as const, check: await schemas.existingCheck(context, id) };
      }),
      publishSchema: async (_parent, { input, idempotencyKey }, context) => lookingNothingUp(await orProblem(async () => {
        const publication = await registry.publish(context, input, idempotencyKey);
        if ('activation' in publication) {
          return { __typename: 'PublishSchemaPayload' as const, activation: await schemas.activation(publication.activation), changed: publication.outcome === 'ACTIVATED' };
        }
        const check = await schemas.existingCheck(context, publication.checkId);
        return publication.outcome === 'INVALID'
          ? { __typename: 'SchemaNotPublishable' as const, code: 'SCHEMA_INVALID', message: `The schemas cannot be served together; ${check.id} says why.`, check }
          : { __typename: 'SchemaNotPublishable' as const, code: 'SCHEMA_APPROVAL_NEEDED', message: `${check.breaking.length} breaking findings of ${check.id} are not approved.`, check };
      })),
      rollbackSchema: (_parent, args, context) => orProblem(async () => {
        const { activation } = await registry.rollback(context, args);
        return { __typename: 'RollbackSchemaPayload' as const, activation: await schemas.activation(activation) };
      }),
    },
    Subscription: {
      schemaActivated: {
        subscribe: async (_parent, { after }) => mapMessages(await schemas.activated(after), 'schemaActivated', ({ cursor, kind, event }) => ({ cursor, kind, activation: event })),
      },
    },
    SchemaVersion: {
      __resolveReference: (reference: EntityReference, context: SubgraphContext) => schemas.version(context, reference.id),
      subgraphs: ({ subgraphs }) => [...subgraphs],
      supergraphSdl: async ({ id }, _args, context) => await schemas.supergraphSdl(context, id) ?? '',
      publishedBy: ({ publishedById }) => reference(publishedById),
      check: ({ checkId }, _args, context) => (checkId === null ? null : schemas.check(context, checkId)),
      active: ({ id }, _args, context) => schemas.isActive(context, id),
    },
    PublishedSubgraph: { sdl: async ({ digest }, _args, context) => await schemas.document(context, digest) ?? '' },
    SchemaActivation: {
      version: ({ versionId }, _args, context) => schemas.existingVersion(context, versionId),
      activatedBy: ({ activatedById }) => reference(activatedById),
    },
    SchemaCheck: {
      __resolveReference: (given: EntityReference, context: SubgraphContext) => schemas.check(context, given.id),
      approval: (check, _args, context) => schemas.approval(context, check),
      base: ({ baseId }, _args, context) => versionOf(context, baseId),
      supergraphDigest: async ({ id }, _args, context) => (await schemas.report(context, id)).supergraphDigest,
      changed: async ({ id }, _args, context) => [...(await schemas.report(context, id)).changed],
      findings: ({ id }, { first }, context) => schemas.findings(context, id, first ?? DEFAULT_FINDINGS),
      findingCount: async ({ id }, _args, context) => (await schemas.report(context, id)).findingCount,
      usage: async ({ id }, _args, context) => (await schemas.report(context, id)).usage,
      requestedBy: ({ requestedById }) => reference(requestedById),
      approvals: ({ id }, _args, context) => schemas.approvalsOf(context, id),
    },
    SchemaFinding: {
      affected: ({ affected }) => [...affected],
      line: ({ line }) => line ?? null,
    },
    SchemaAffectedOperation: { shipped: ({ origin }) => origin === 'shipped' },
    SchemaApproval: {
      approver: ({ approverId }) => reference(approverId),
      fingerprints: ({ fingerprints }) => [...fingerprints],
      usedBy: ({ usedById }, _args, context) => versionOf(context, usedById),
    },
  };
}

function reference(id: string | null): EntityReference | null {
  return id === null ? null : { id };
}
