/** Maps GraphQL to the services of alerts, incidents and policies. */
import { mapMessages } from '../kernel/map-messages.js';
import { orProblem } from '../kernel/refusals.js';
import type { SubgraphContext } from '../kernel/context.js';
import type { Resolvers } from './__generated__/resolvers.js';
import { acknowledgeBy } from './domain-alerts.js';
import { inTime, isSystemActor, nextSteps, type Incident } from './domain-incidents.js';
import type { Service, ServiceReference } from './domain-services.js';
import type { PolicyGovernance } from './service.js';

type Key = { readonly id: string };

const principal = (id: string | null): { id: string } | null => (id === null || isSystemActor(id) ? null : { id });

export function createResolvers(service: PolicyGovernance): Resolvers {
  const { alerts, incidents, policies } = service;
  const own = <T>(pick: (service: Service) => T) => async ({ id }: ServiceReference, _args: unknown, context: SubgraphContext): Promise<T> => {
    const found = await service.service(context, id);
    if (found === null) throw new Error(`Service ${id} is referred to and does not exist.`);
    return pick(found);
  };
  const changed = (work: () => Promise<Incident>) => orProblem(async () => ({ __typename: 'IncidentPayload' as const, incident: await work() }));
  return {
    Query: {
      service: (_parent, { id }, context) => service.service(context, id),
      services: () => service.services(),
      alerts: (_parent, { first, after, ...filter }) => alerts.page(filter, first ?? 20, after),
      alert: (_parent, { id }, context) => alerts.byId(context, id),
      alertRules: () => alerts.rules(),
      incidents: (_parent, { first, after, ...filter }) => incidents.page(filter, first ?? 20, after),
      incident: (_parent, { id }, context) => incidents.byId(context, id),
      escalationPolicies: () => incidents.escalationPolicies(),
      kpis: (_parent, { days }) => incidents.kpis(days ?? 30),
      policies: (_parent, { state, first }) => policies.policies(state, first ?? 50),
      policy: (_parent, { id }, context) => policies.policy(context, id),
      decisions: (_parent, { first, after }) => policies.decisions(first ?? 20, after),
      evaluatePolicy: (_parent, { input }) => policies.evaluate(input),
    },
    Mutation: {
      acknowledgeAlert: (_parent, args, context) => orProblem(async () => ({ __typename: 'AcknowledgeAlertPayload' as const, alert: await alerts.acknowledge(context, args) })),
      declareIncident: (_parent, { input, idempotencyKey }, context) => changed(() => incidents.declare(context, input, idempotencyKey)),
      acknowledgeIncident: (_parent, args, context) => changed(() => incidents.acknowledge(context, args)),
      triageIncident: (_parent, { severity, note, ...change }, context) => changed(() => incidents.triage(context, change, severity, note)),
      mitigateIncident: (_parent, { mitigation, ...change }, context) => changed(async () => incidents.mitigate(context, change, mitigation)),
      resolveIncident: (_parent, { rootCause, resolution, ...change }, context) => changed(async () => incidents.resolve(context, change, rootCause, resolution)),
      reviewIncident: (_parent, { review, ...change }, context) => changed(async () => incidents.review(context, change, review)),
      closeIncident: (_parent, change, context) => changed(async () => incidents.close(context, change)),
      addTimelineNote: (_parent, { incidentId, text, idempotencyKey }, context) => changed(async () => incidents.addNote(context, { id: incidentId, idempotencyKey }, text)),
      publishPolicy: (_parent, { input, ...change }, context) => orProblem(async () => {
        const result = await policies.publish(context, input, change);
        if ('policy' in result) return { __typename: 'PublishPolicyPayload' as const, policy: result.policy };
        const count = result.errors.length;
        return { __typename: 'PolicyInvalid' as const, code: 'POLICY_INVALID', message: `The policy has ${count} ${count === 1 ? 'error' : 'errors'}.`, errors: [...result.errors] };
      }),
      retirePolicy: (_parent, { id, ...change }, context) => orProblem(async () => ({ __typename: 'RetirePolicyPayload' as const, policy: await policies.retire(context, id, change) })),
      decide: (_parent, { input, idempotencyKey }, context) => orProblem(async () => ({ __typename: 'DecidePayload' as const, decision: await policies.decide(context, input, idempotencyKey) })),
    },
    Subscription: {
      alertRaised: {
        subscribe: async (_parent, { levelAtLeast, serviceId, after }) => mapMessages(
          await alerts.subscribe({ levelAtLeast: levelAtLeast ?? null, serviceId: serviceId ?? null }, after), 'alertRaised',
          ({ cursor, kind, event }) => ({ cursor, kind, alert: event })),
      },
      incidentUpdated: {
        subscribe: async (_parent, { incidentId, severityAtLeast, serviceId, after }) => mapMessages(
          await incidents.subscribe({ incidentId: incidentId ?? null, severityAtLeast: severityAtLeast ?? null, serviceId: serviceId ?? null }, after), 'incidentUpdated',
          ({ cursor, kind, event }) => ({ cursor, kind, incident: event })),
      },
    },
    Service: {
      __resolveReference: ({ id }: Key, context: SubgraphContext) => service.service(context, id),
      name: own(({ name }) => name),
      aliases: own(({ aliases }) => [...aliases]),
      tier: own(({ tier }) => tier),
      port: own(({ port }) => port),
      targets: own(({ targets }) => targets),
      slos: ({ id }, _args, context) => service.objectives(context, id),
      alerts: ({ id }, { first }, context) => alerts.newestOf(context, 'service_id', id, first ?? 10),
      incidents: ({ id }, { first }, context) => incidents.newestOfService(context, id, first ?? 10),
    },
    Alert: {
      __resolveReference: ({ id }: Key, context: SubgraphContext) => alerts.byId(context, id),
      rule: ({ name }) => alerts.ruleOf(name),
      service: ({ serviceId }) => (serviceId === null ? null : { id: serviceId }),
      acknowledgedBy: (alert) => principal(alert.acknowledgedBy),
      acknowledgeBy: async (alert) => acknowledgeBy(alert, await alerts.ruleOf(alert.name)),
      incident: ({ incidentId }, _args, context) => (incidentId === null ? null : incidents.byId(context, incidentId)),
    },
    AlertRule: {
      __resolveReference: ({ name }: { readonly name: string }) => alerts.ruleOf(name),
      acknowledgeWithinMinutes: ({ ackMinutes }) => ackMinutes,
      respondWithinMinutes: ({ responseMinutes }) => responseMinutes,
    },
    Incident: {
      __resolveReference: ({ id }: Key, context: SubgraphContext) => incidents.byId(context, id),
      nextSteps: (incident) => nextSteps(incident),
      service: ({ serviceId }) => (serviceId === null ? null : { id: serviceId }),
      declaredBy: ({ declaredBy }) => principal(declaredBy),
      acknowledgedBy: ({ acknowledgedBy }) => principal(acknowledgedBy),
      deadlines: ({ acknowledgeBy: ack, assessBy, respondBy, resolveBy }) => ({ acknowledgeBy: ack, assessBy, respondBy, resolveBy }),
      acknowledgedInTime: ({ acknowledgedAt, acknowledgeBy: ack }) => inTime(acknowledgedAt, ack),
      resolvedInTime: ({ resolvedAt, resolveBy }) => inTime(resolvedAt, resolveBy),
      alerts: ({ id }, { first }, context) => alerts.newestOf(context, 'incident_id', id, first ?? 20),
      timeline: ({ id }, { first }, context) => incidents.timeline(context, id, first ?? 50),
    },
    IncidentTimelineEntry: { actor: ({ actorId }) => principal(actorId) },
    EscalationPolicy: {
      __resolveReference: ({ severity }: { readonly severity: string }) => incidents.escalationPolicy(severity),
      acknowledgeWithinMinutes: ({ ackMinutes }) => ackMinutes,
      assessWithinMinutes: ({ assessMinutes }) => assessMinutes,
      respondWithinMinutes: ({ responseMinutes }) => responseMinutes,
      resolveWithinMinutes: ({ resolutionMinutes }) => resolutionMinutes,
      steps: ({ steps }) => [...steps],
    },
    Policy: {
      __resolveReference: ({ id }: Key, context: SubgraphContext) => policies.policy(context, id),
      versions: ({ id }, { first }, context) => policies.versions(context, id, first ?? 20),
    },
    PolicyVersion: { publishedBy: ({ publishedBy }) => principal(publishedBy) },
    DeterminingPolicy: {
      policy: async ({ policyId }, _args, context) => {
        const policy = await policies.policy(context, policyId);
        if (policy === null) throw new Error(`Policy ${policyId} determined a decision and does not exist.`);
        return policy;
      },
    },
    Decision: {
      __resolveReference: ({ id }: Key, context: SubgraphContext) => policies.decision(context, id),
      decidedBy: ({ decidedBy }) => principal(decidedBy),
    },
  };
}
