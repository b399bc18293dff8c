/** Maps GraphQL to change management. */
import { AcgsError } from '../../ops/runtime/errors.js';
import { mapMessages } from '../kernel/map-messages.js';
import { orProblem } from '../kernel/refusals.js';
import type { SubgraphContext } from '../kernel/context.js';
import type { Resolvers } from './__generated__/resolvers.js';
import type { EntityReference } from './domain.js';
import { lookingNothingUp } from './resolvers-answers.js';
import { createSchemaResolvers, type SchemaResolverParts } from './resolvers-schema.js';
import type { BoardService } from './service-board.js';
import type { ChangeReading } from './service-reading.js';
import type { ChangeService } from './service.js';

export interface ChangeManagement {
  readonly registry: SchemaResolverParts;
  readonly changes: ChangeService;
  readonly board: BoardService;
  readonly reading: ChangeReading;
}

const DEFAULT_PAGE = 20;
const DEFAULT_RELATED = 10;
const DEFAULT_PLANNED = 50;
const WEEKDAYS = ['SUNDAY', 'MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'] as const;

export function createResolvers({ changes, board, reading, registry }: ChangeManagement): Resolvers {
  /** Runs a step and answers with the change as it is afterwards. */
  const answer = <T extends string>(context: SubgraphContext, type: T, step: () => Promise<EntityReference>) =>
    orProblem(async () => {
      const { id } = await step();
      return { __typename: type, change: await reading.existing(context, id) };
    });

  const { Query, Mutation, Subscription, ...schemaTypes } = createSchemaResolvers(registry);
  return {
    ...schemaTypes,
    Query: {
      ...Query,
      changeRequest: (_parent, { id }, context) => reading.change(context, id),
      changeRequests: (_parent, { first, after, ...filter }) => reading.changes(filter, first ?? DEFAULT_PAGE, after),
      changeCalendar: (_parent, { from, to, first }) => reading.calendar(from, to, first ?? DEFAULT_PLANNED),
      cabMeetings: (_parent, { first, after }) => reading.meetings(first ?? DEFAULT_PAGE, after),
      approvalMatrix: () => reading.matrix(),
    },
    Mutation: {
      ...Mutation,
      createChangeRequest: async (_parent, { input, idempotencyKey }, context) => lookingNothingUp(await answer(context, 'CreateChangeRequestPayload', () => changes.create(context, input, idempotencyKey))),
      reviseChangeRequest: (_parent, { input, idempotencyKey, expectedVersion }, context) => answer(context, 'ReviseChangeRequestPayload', () => changes.revise(context, input, idempotencyKey, expectedVersion)),
      approveChange: (_parent, args, context) => answer(context, 'ApproveChangePayload', () => changes.approve(context, args)),
      rejectChange: (_parent, args, context) => answer(context, 'RejectChangePayload', () => changes.reject(context, args)),
      withdrawChange: (_parent, args, context) => answer(context, 'WithdrawChangePayload', () => changes.withdraw(context, args)),
      startImplementation: (_parent, args, context) => answer(context, 'StartImplementationPayload', () => changes.start(context, args)),
      completeImplementation: (_parent, args, context) => answer(context, 'CompleteImplementationPayload', () => changes.complete(context, args)),
      reviewChange: (_parent, args, context) => answer(context, 'ReviewChangePayload', () => changes.review(context, args)),
      scheduleCabMeeting: async (_parent, args, context) => lookingNothingUp(await orProblem(async () => {
        const { id } = await board.schedule(context, args);
        return { __typename: 'ScheduleCabMeetingPayload' as const, meeting: await reading.meeting(context, id) };
      })),
      recordCabDecision: (_parent, { input, idempotencyKey, expectedVersion }, context) => orProblem(async () => {
        await board.record(context, input, idempotencyKey, expectedVersion);
        return { __typename: 'RecordCabDecisionPayload' as const, meeting: await reading.meeting(context, input.meetingId), change: await reading.existing(context, input.changeId) };
      }),
    },
    Subscription: {
      ...Subscription,
      changeUpdated: {
        subscribe: async (_parent, { after, ...filter }) => mapMessages(await reading.updates(filter, after), 'changeUpdated', ({ cursor, kind, event }) => ({ cursor, kind, change: event })),
      },
    },
    ChangeRequest: {
      __resolveReference: (reference: EntityReference, context: SubgraphContext) => reading.change(context, reference.id),
      service: ({ serviceId }) => ({ id: serviceId }),
      incident: ({ incidentId }) => reference(incidentId),
      requester: ({ requesterId }) => ({ id: requesterId }),
      implementer: ({ implementerId }) => ({ id: implementerId }),
      closedBy: ({ closedById }) => reference(closedById),
      reviewedBy: ({ reviewedById }) => reference(reviewedById),
      approvals: ({ approvals }) => [...approvals],
      pendingSteps: (change, _args, context) => reading.pending(context, change),
      grant: (change, _args, context) => reading.grant(context, change),
    },
    ChangeAction: { digest: (action) => reading.actionDigest(action) },
    Approval: {
      change: ({ changeId }, _args, context) => reading.existing(context, changeId),
      approver: ({ approverId }) => ({ id: approverId }),
      cabMeeting: ({ cabMeetingId }, _args, context) => (cabMeetingId === null ? null : reading.meeting(context, cabMeetingId)),
    },
    ApprovalRule: { steps: ({ steps }) => [...steps] },
    ApprovalStep: { roles: ({ roles }) => [...roles] },
    MaintenanceWindow: { weekday: ({ weekday }) => weekdayOf(weekday) },
    CabMeeting: {
      scheduledBy: ({ scheduledById }) => reference(scheduledById),
      agenda: ({ id }, { first }, context) => reading.agenda(context, id, first ?? DEFAULT_PAGE),
      decisions: ({ id }, _args, context) => reading.decisions(context, id),
    },
    CabDecision: {
      change: ({ changeId }, _args, context) => reading.existing(context, changeId),
      recordedBy: ({ recordedById }) => ({ id: recordedById }),
      votes: ({ votes }) => [...votes],
    },
    CabVote: { member: ({ memberId }) => ({ id: memberId }) },
    Service: {
      __resolveReference: ({ id }: EntityReference) => ({ id }),
      changeRequests: ({ id }, { first }, context) => reading.newestOf(context, 'service', id, first ?? DEFAULT_RELATED),
    },
    Incident: {
      __resolveReference: ({ id }: EntityReference) => ({ id }),
      changeRequests: ({ id }, { first }, context) => reading.newestOf(context, 'incident', id, first ?? DEFAULT_RELATED),
    },
    Principal: {
      __resolveReference: ({ id }: EntityReference) => ({ id }),
      approvals: ({ id }, { first }, context) => reading.approvalsBy(context, id, first ?? DEFAULT_RELATED),
    },
  };
}

function reference(id: string | null): EntityReference | null {
  return id === null ? null : { id };
}

function weekdayOf(day: number): (typeof WEEKDAYS)[number] {
  const name = WEEKDAYS[day];
  if (name === undefined) throw new AcgsError('INTERNAL', `${day} is no day of the week.`);
  return name;
}
