/** Maps GraphQL to the proof service. */
import { mapMessages } from '../kernel/map-messages.js';
import { orProblem } from '../kernel/refusals.js';
import type { Resolvers } from './__generated__/resolvers.js';
import { isSystemActor, type EntityReference } from './domain.js';
import type { ProofService } from './service.js';

const PAGE = 20;
const FEW = 10;

const referenceOf = (id: string | null): EntityReference | null => (id === null ? null : { id });

export function createResolvers(service: ProofService): Resolvers {
  return {
    Query: {
      proofObligation: (_parent, { id }, context) => service.byId(context, id),
      proofObligations: (_parent, { filter, first, after }) => service.page(filter ?? {}, first ?? PAGE, after),
    },
    Mutation: {
      submitProof: (_parent, { input, idempotencyKey }, context) => orProblem(async () => (
        { __typename: 'SubmitProofPayload' as const, obligation: await service.submit(context, input, idempotencyKey) })),
    },
    Subscription: {
      proofDecided: {
        subscribe: async (_parent, { obligationId, after }) => mapMessages(await service.subscribe(obligationId, after), 'proofDecided', ({ cursor, kind, event }) => ({ cursor, kind, obligationId: event })),
      },
    },
    ProofDecidedMessage: { obligation: ({ obligationId }) => (obligationId === null ? null : service.decided(obligationId)) },
    ProofObligation: {
      __resolveReference: (reference: EntityReference, context) => service.byId(context, reference.id),
      kind: ({ problem }) => problem.kind,
      attributes: ({ problem }) => (problem.kind === 'RULE_SET' ? problem.attributes.map((attribute) => ({ ...attribute, values: [...(attribute.values ?? [])] })) : []),
      rules: ({ problem }) => (problem.kind === 'RULE_SET' ? [...problem.rules] : []),
      obligation: ({ problem }) => (problem.kind === 'RULE_SET' ? problem.obligation : null),
      script: ({ problem }) => (problem.kind === 'SMT_LIB' ? problem.script : null),
      service: ({ serviceId }) => referenceOf(serviceId),
      changeRequest: ({ changeRequestId }) => referenceOf(changeRequestId),
      submittedBy: ({ submittedBy }) => (isSystemActor(submittedBy) ? null : { id: submittedBy }),
      counterexample: ({ counterexample }) => (counterexample === null ? null : {
        values: [...counterexample.values], replay: counterexample.replay === null ? null : { rules: [...counterexample.replay.rules], obligation: counterexample.replay.obligation },
      }),
    },
    Service: {
      __resolveReference: (reference: EntityReference) => ({ id: reference.id }),
      proofObligations: ({ id }, { first }, context) => service.ofService(context, id, first ?? FEW),
    },
    ChangeRequest: {
      __resolveReference: (reference: EntityReference) => ({ id: reference.id }),
      proofObligations: ({ id }, { first }, context) => service.ofChange(context, id, first ?? FEW),
    },
  };
}
