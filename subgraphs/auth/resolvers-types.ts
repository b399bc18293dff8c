/** Maps the fields of this subgraph's types to the services. */
import type { Resolvers } from './__generated__/resolvers.js';
import { apiKeyState, grantState, sessionState, type ServiceReference } from './domain.js';
import { handoffTimeText } from './domain-on-call.js';
import type { SubgraphContext } from '../kernel/context.js';
import type { AuthService } from './service.js';

const DEFAULT_PAGE = 20;

export function createTypeResolvers(service: AuthService): Resolvers {
  return { ...credentialTypes(service), ...teamTypes(service), ...onCallTypes(service) };
}

function credentialTypes({ principals, credentials, clock }: AuthService): Resolvers {
  return {
    Principal: {
      __resolveReference: (reference: { readonly id: string }, context: SubgraphContext) => principals.byId(context, reference.id),
      roles: ({ id }, _args, context) => principals.rolesOf(context, id),
      grants: ({ id }, { first }, context) => principals.grantsOf(context, id, first ?? DEFAULT_PAGE),
      sessions: ({ id }, { first }, context) => credentials.sessionsOf(context, id, first ?? DEFAULT_PAGE),
      apiKeys: ({ id }, { first }, context) => credentials.apiKeysOf(context, id, first ?? DEFAULT_PAGE),
      hasPassword: ({ id }, _args, context) => principals.hasPassword(context, id),
    },
    Me: {
      roles: ({ roles }) => [...roles],
      scopes: ({ scopes }) => [...scopes],
      policies: ({ policies }) => [...policies],
      sessions: ({ principal }, { first }, context) => credentials.sessionsOf(context, principal.id, first ?? DEFAULT_PAGE),
      apiKeys: ({ principal }, { first }, context) => credentials.apiKeysOf(context, principal.id, first ?? DEFAULT_PAGE),
    },
    Role: { scopes: ({ scopes }) => [...scopes] },
    Grant: {
      principal: ({ principalId }, _args, context) => principals.byId(context, principalId),
      state: (grant) => grantState(grant, clock()),
      grantedBy: ({ grantedBy }, _args, context) => principals.actor(context, grantedBy),
      endedBy: ({ endedBy }, _args, context) => principals.actor(context, endedBy),
    },
    Session: {
      principal: ({ principalId }, _args, context) => principals.byId(context, principalId),
      state: (session) => sessionState(session, clock()),
      current: ({ id }, _args, context) => context.hop.credentialId === id,
    },
    ApiKey: {
      owner: ({ ownerId }, _args, context) => principals.byId(context, ownerId),
      scopes: ({ scopes }) => [...scopes],
      state: (key) => apiKeyState(key, clock()),
      lastUsedAt: async ({ id }, _args, context) => (await credentials.lastUse(context, id))?.toISOString() ?? null,
    },
  };
}

function teamTypes({ principals, teams, onCall }: AuthService): Resolvers {
  return {
    Team: {
      members: async ({ id }, _args, context) => principals.requiredAll(context, await teams.memberIds(context, id)),
      services: async ({ id }, _args, context) => (await teams.serviceIds(context, id)).map((service) => ({ id: service })),
      contacts: ({ id }, _args, context) => teams.contacts(context, id),
      schedule: ({ id }, _args, context) => onCall.scheduleOfTeam(context, id),
      onCall: ({ id }, { at }, context) => onCall.shiftOf(context, id, at),
    },
    Contact: { principal: ({ principalId }, _args, context) => principals.actor(context, principalId) },
    Service: {
      __resolveReference: (reference: ServiceReference) => ({ id: reference.id }),
      team: async ({ id }, _args, context) => {
        const teamId = await teams.teamIdOfService(context, id);
        return teamId === null ? null : teams.byId(context, teamId);
      },
      onCall: async ({ id }, _args, context) => {
        const teamId = await teams.teamIdOfService(context, id);
        const shift = teamId === null ? null : await onCall.shiftOf(context, teamId, null);
        return shift === null ? null : principals.required(context, shift.primaryId);
      },
    },
  };
}

function onCallTypes({ principals, teams, onCall }: AuthService): Resolvers {
  return {
    OnCallSchedule: {
      team: ({ teamId }, _args, context) => teams.required(context, teamId),
      rotations: ({ id }, _args, context) => onCall.rotations(context, id),
      overrides: ({ id }, { first }, context) => onCall.overrides(context, id, first ?? DEFAULT_PAGE),
      current: ({ teamId }, _args, context) => onCall.requiredShift(context, teamId),
      shifts: (schedule, { from, until }) => onCall.shifts(schedule, from, until),
    },
    OnCallRotation: {
      effectiveFrom: ({ effectiveFrom }) => effectiveFrom.toISOString(),
      participants: ({ participantIds }, _args, context) => principals.requiredAll(context, participantIds),
      handoffTime: ({ handoffMinute }) => handoffTimeText(handoffMinute),
      createdBy: ({ createdBy }, _args, context) => principals.actor(context, createdBy),
      createdAt: ({ createdAt }) => createdAt.toISOString(),
    },
    Shift: {
      schedule: ({ scheduleId }, _args, context) => onCall.requiredSchedule(context, scheduleId),
      startsAt: ({ startsAt }) => startsAt.toISOString(),
      endsAt: ({ endsAt }) => endsAt.toISOString(),
      primary: ({ primaryId }, _args, context) => principals.required(context, primaryId),
      secondary: ({ secondaryId }, _args, context) => principals.actor(context, secondaryId),
      override: ({ overrideId }, _args, context) => (overrideId === null ? null : onCall.overrideById(context, overrideId)),
    },
    OnCallOverride: {
      schedule: ({ scheduleId }, _args, context) => onCall.requiredSchedule(context, scheduleId),
      principal: ({ principalId }, _args, context) => principals.required(context, principalId),
      startsAt: ({ startsAt }) => startsAt.toISOString(),
      endsAt: ({ endsAt }) => endsAt.toISOString(),
      createdBy: ({ createdBy }, _args, context) => principals.actor(context, createdBy),
      createdAt: ({ createdAt }) => createdAt.toISOString(),
      revokedAt: ({ revokedAt }) => revokedAt?.toISOString() ?? null,
    },
  };
}
