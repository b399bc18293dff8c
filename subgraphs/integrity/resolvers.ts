/** Maps GraphQL to the audit service. */
import type { Resolvers } from './__generated__/resolvers.js';
import { isSystemActor, subjectsOf, type EntityReference } from './domain.js';
import type { AuditService } from './service.js';
import type { SubgraphContext } from '../kernel/context.js';

const DEFAULT_ENTRIES = 10;
const DEFAULT_PAGE = 20;

export function createResolvers(service: AuditService): Resolvers {
  const entity = (type: string) => ({
    __resolveReference: (reference: EntityReference) => ({ id: reference.id }),
    auditEntries: (parent: EntityReference, args: { first?: number | null }, context: SubgraphContext) => service.about(context, `${type}:${parent.id}`, args.first ?? DEFAULT_ENTRIES),
  });
  return {
    Query: {
      auditLog: (_parent, { filter, first, after }) => service.page(filter ?? {}, first ?? DEFAULT_PAGE, after),
      auditEntry: (_parent, { index }, context) => service.entry(context, index),
      auditCompleteness: () => service.completeness(),
    },
    AuditEntry: {
      __resolveReference: (reference: { index: string }, context: SubgraphContext) => service.entry(context, reference.index),
      principal: (entry) => (isSystemActor(entry.actorId) ? null : { id: entry.actorId }),
      subjects: (entry) => subjectsOf(entry),
    },
    Service: entity('Service'),
    Incident: entity('Incident'),
    ChangeRequest: entity('ChangeRequest'),
    Deployment: entity('Deployment'),
    Principal: {
      __resolveReference: (reference: EntityReference) => ({ id: reference.id }),
      auditEntries: (parent, { first }, context) => service.by(context, parent.id, first ?? DEFAULT_ENTRIES),
    },
  };
}
