/** Maps queries and mutations to the services. */
import { orProblem, type ProblemResult, type RefusalType } from '../kernel/refusals.js';
import type { MutationResolvers, QueryResolvers, Resolvers } from './__generated__/resolvers.js';
import { ROLES } from './domain-roles.js';
import { DEFAULT_TEAM } from './domain-teams.js';
import { createTypeResolvers } from './resolvers-types.js';
import type { AuthService } from './service.js';

const DEFAULT_PAGE = 20;

/** `orProblem` for results that know only some of the problems; another one would be a fault of ours. */
function orOneOf<P extends RefusalType>(...known: readonly P[]) {
  return async <T extends { readonly __typename: string }>(work: () => Promise<T>): Promise<T | (Omit<ProblemResult, '__typename'> & { readonly __typename: P })> => {
    const result = await orProblem(async () => ({ __typename: 'Done' as const, payload: await work() }));
    if (result.__typename === 'Done') return result.payload;
    const type = known.find((candidate) => candidate === result.__typename);
    if (type === undefined) throw new Error(`A result cannot be ${result.__typename} ${result.code}: ${result.message}`);
    return { ...result, __typename: type };
  };
}

const orInvalid = orOneOf('InvalidInput', 'Conflict');
const orMissing = orOneOf('NotFound', 'InvalidInput', 'Conflict');

export function createResolvers(service: AuthService): Resolvers {
  return { Query: queries(service), Mutation: { ...credentialMutations(service), ...principalMutations(service), ...teamMutations(service) }, ...createTypeResolvers(service) };
}

function queries({ principals, teams, onCall }: AuthService): QueryResolvers {
  return {
    me: (_parent, _args, context) => principals.viewer(context),
    principal: (_parent, { id }, context) => principals.byId(context, id),
    principals: (_parent, { kind, role, first, after }) => principals.page({ kind: kind ?? null, role: role ?? null }, first ?? DEFAULT_PAGE, after),
    roles: () => [...ROLES],
    teams: () => teams.all(),
    team: (_parent, { id }, context) => teams.byId(context, id),
    onCall: (_parent, { at, teamId }, context) => onCall.shiftOf(context, teamId ?? DEFAULT_TEAM, at),
    onCallSchedules: () => onCall.schedules(),
  };
}

function credentialMutations({ logins, credentials }: AuthService): MutationResolvers {
  return {
    login: (_parent, args, context) => orInvalid(async () => ({ __typename: 'LoginPayload' as const, ...(await logins.login(context, args)) })),
    refreshSession: (_parent, args, context) => orInvalid(async () => ({ __typename: 'RefreshSessionPayload' as const, ...(await logins.refresh(context, args)) })),
    logout: (_parent, args, context) => orInvalid(async () => ({ __typename: 'LogoutPayload' as const, session: await credentials.requiredSession((await logins.logout(context, args)).sessionId) })),
    revokeSession: (_parent, args, context) => orMissing(async () => ({ __typename: 'RevokeSessionPayload' as const, session: await credentials.requiredSession((await logins.revoke(context, args)).sessionId) })),
    createApiKey: (_parent, { input, idempotencyKey }, context) => orProblem(async () => {
      const { apiKeyId, secret } = await credentials.createApiKey(context, input, { idempotencyKey });
      return { __typename: 'CreateApiKeyPayload' as const, apiKey: await credentials.requiredApiKey(apiKeyId), secret };
    }),
    revokeApiKey: (_parent, args, context) => orMissing(async () => ({ __typename: 'RevokeApiKeyPayload' as const, apiKey: await credentials.requiredApiKey((await credentials.revokeApiKey(context, args)).apiKeyId) })),
    rotateSigningKey: (_parent, args, context) => orInvalid(async () => ({ __typename: 'RotateSigningKeyPayload' as const, ...(await credentials.rotateSigningKey(context, args)) })),
  };
}

function principalMutations({ principals, grants }: AuthService): MutationResolvers {
  return {
    createPrincipal: (_parent, { input, idempotencyKey }, context) => orInvalid(async () => {
      const { principalId, generatedPassword } = await principals.create(context, input, { idempotencyKey });
      return { __typename: 'CreatePrincipalPayload' as const, principal: await principals.reload(context, principalId), generatedPassword };
    }),
    setPassword: (_parent, args, context) => orProblem(async () => ({ __typename: 'SetPasswordPayload' as const, principal: await principals.reload(context, (await principals.setPassword(context, args)).principalId) })),
    disablePrincipal: (_parent, args, context) => orProblem(async () => ({ __typename: 'DisablePrincipalPayload' as const, principal: await principals.reload(context, (await principals.disable(context, args)).principalId) })),
    enablePrincipal: (_parent, args, context) => orMissing(async () => ({ __typename: 'EnablePrincipalPayload' as const, principal: await principals.reload(context, (await principals.enable(context, args)).principalId) })),
    grantRole: (_parent, args, context) => orProblem(async () => {
      const { grantId } = await grants.grant(context, args);
      await principals.reload(context, args.principalId);
      return { __typename: 'GrantRolePayload' as const, grant: await grants.required(grantId) };
    }),
    revokeRole: (_parent, args, context) => orProblem(async () => {
      const { grantId } = await grants.revoke(context, args);
      await principals.reload(context, args.principalId);
      return { __typename: 'RevokeRolePayload' as const, grant: await grants.required(grantId) };
    }),
  };
}

function teamMutations({ teams, onCall }: AuthService): MutationResolvers {
  return {
    addTeamMember: (_parent, args, context) => orMissing(async () => ({ __typename: 'AddTeamMemberPayload' as const, team: await teams.reload(context, (await teams.addMember(context, args)).teamId) })),
    removeTeamMember: (_parent, args, context) => orMissing(async () => ({ __typename: 'RemoveTeamMemberPayload' as const, team: await teams.reload(context, (await teams.removeMember(context, args)).teamId) })),
    setContactAddress: (_parent, args, context) => orMissing(async () => ({ __typename: 'SetContactAddressPayload' as const, contact: await teams.requiredContact((await teams.setContactAddress(context, args)).contactId) })),
    setOnCallRotation: (_parent, { input, idempotencyKey }, context) => orMissing(async () => ({ __typename: 'SetOnCallRotationPayload' as const, schedule: await onCall.reload(context, (await onCall.setRotation(context, { ...input, handoffWeekday: input.handoffWeekday ?? 'MONDAY', handoffTime: input.handoffTime ?? '09:00' }, { idempotencyKey })).scheduleId) })),
    createOnCallOverride: (_parent, { input, idempotencyKey }, context) => orMissing(async () => ({ __typename: 'CreateOnCallOverridePayload' as const, override: await onCall.reloadOverride(context, (await onCall.createOverride(context, input, { idempotencyKey })).overrideId) })),
    revokeOnCallOverride: (_parent, args, context) => orMissing(async () => ({ __typename: 'RevokeOnCallOverridePayload' as const, override: await onCall.reloadOverride(context, (await onCall.revokeOverride(context, args)).overrideId) })),
  };
}
