/** Maps GraphQL to the services of constitutional-ai. */
import { mapMessages } from '../kernel/map-messages.js';
import { orProblem } from '../kernel/refusals.js';
import type { Resolvers } from './__generated__/resolvers.js';
import { COMPLIANCE_LEVELS, isSystemActor, principleIdOf, type EntityReference } from './domain.js';
import type { ComplianceService } from './service-compliance.js';
import type { ViolationService } from './service-violations.js';
import type { ConstitutionService } from './service.js';

export interface ConstitutionalServices {
  readonly constitution: ConstitutionService;
  readonly compliance: ComplianceService;
  readonly violations: ViolationService;
}

const PAGE = 20;
const FEW = 10;
const DAYS = 7;

const principalOf = (id: string | null): EntityReference | null => (id === null || isSystemActor(id) ? null : { id });
const referenceOf = (id: string | null): EntityReference | null => (id === null ? null : { id });

export function createResolvers({ constitution, compliance, violations }: ConstitutionalServices): Resolvers {
  return {
    Query: {
      constitution: () => constitution.active(),
      principle: (_parent, { id }, context) => constitution.principle(context, id),
      constitutionalValidation: async () => {
        const { checks, ...validation } = await constitution.validation();
        return { ...validation, checks: [...checks] };
      },
      complianceChecks: (_parent, { serviceId, first, after }) => compliance.page(serviceId, first ?? PAGE, after),
      complianceCheck: (_parent, { id }, context) => compliance.byId(context, id),
      complianceTrend: (_parent, { serviceId, days }) => compliance.trend(serviceId, days ?? DAYS),
      violations: (_parent, { status, since, first, after }) => violations.page(status, since, first ?? PAGE, after),
      violation: (_parent, { id }, context) => violations.byId(context, id),
    },
    Mutation: {
      runComplianceCheck: (_parent, { input, idempotencyKey }, context) => orProblem(async () => (
        { __typename: 'RunComplianceCheckPayload' as const, check: await compliance.run(context, input, idempotencyKey) })),
      confirmViolation: (_parent, { violationId, reason, expectedVersion, idempotencyKey }, context) => orProblem(async () => (
        { __typename: 'ConfirmViolationPayload' as const, violation: await violations.decide(context, 'confirm', { violationId, text: reason ?? null, expectedVersion, idempotencyKey }) })),
      dismissViolation: (_parent, { violationId, reason, expectedVersion, idempotencyKey }, context) => orProblem(async () => (
        { __typename: 'DismissViolationPayload' as const, violation: await violations.decide(context, 'dismiss', { violationId, text: reason, expectedVersion, idempotencyKey }) })),
      remediateViolation: (_parent, { violationId, remediation, expectedVersion, idempotencyKey }, context) => orProblem(async () => (
        { __typename: 'RemediateViolationPayload' as const, violation: await violations.decide(context, 'remediate', { violationId, text: remediation, expectedVersion, idempotencyKey }) })),
    },
    Subscription: {
      violationChanged: {
        subscribe: async (_parent, { serviceId, after }) => mapMessages(await violations.subscribe(serviceId, after), 'violationChanged', ({ cursor, kind, event }) => ({ cursor, kind, violation: event })),
      },
    },
    Constitution: {
      title: ({ document }) => document.title,
      documentVersion: ({ document }) => document.version,
      preamble: ({ document }) => document.preamble,
      thresholds: ({ document }) => COMPLIANCE_LEVELS.map((level) => ({
        level, minimumScore: document.thresholds[level], actionKinds: kindsAt(document.levels, level),
      })),
      principles: ({ id, document }) => document.principles.map((principle) => ({ ...principle, constitutionId: id })),
    },
    Principle: {
      __resolveReference: (reference: EntityReference, context) => constitution.principle(context, reference.id),
      id: ({ id, constitutionId }) => principleIdOf(id, constitutionId),
      code: ({ id }) => id,
    },
    PrincipleAttribute: { values: ({ values }) => values ?? [] },
    ComplianceCheck: {
      __resolveReference: (reference: EntityReference, context) => compliance.byId(context, reference.id),
      service: ({ serviceId }) => ({ id: serviceId }),
      findings: ({ findings, constitutionId }) => findings.map((finding) => ({ ...finding, constitutionId })),
      violations: ({ id }, _args, context) => violations.ofCheck(context, id),
      incident: ({ incidentId }) => referenceOf(incidentId),
      checkedBy: ({ checkedBy }) => principalOf(checkedBy),
    },
    ComplianceFinding: { principle: async ({ code, constitutionId }, _args, context) => demand(await constitution.principleById(context, principleIdOf(code, constitutionId))) },
    Violation: {
      __resolveReference: (reference: EntityReference, context) => violations.byId(context, reference.id),
      service: ({ serviceId }) => referenceOf(serviceId),
      incident: ({ incidentId }) => referenceOf(incidentId),
      causedBy: ({ causedBy }) => principalOf(causedBy),
      check: ({ checkId }, _args, context) => (checkId === null ? null : compliance.byId(context, checkId)),
      principle: ({ principleCode, constitutionId }, _args, context) => (principleCode === null || constitutionId === null ? null : constitution.principleById(context, principleIdOf(principleCode, constitutionId))),
      decidedBy: ({ decidedBy }) => principalOf(decidedBy),
      remediatedBy: ({ remediatedBy }) => principalOf(remediatedBy),
    },
    Service: {
      __resolveReference: (reference: EntityReference) => ({ id: reference.id }),
      compliance: ({ id }, _args, context) => compliance.latestOf(context, id),
      openViolations: ({ id }, { first }, context) => violations.openOf(context, id, first ?? FEW),
    },
    Incident: {
      __resolveReference: (reference: EntityReference) => ({ id: reference.id }),
      violations: ({ id }, { first }, context) => violations.ofIncident(context, id, first ?? FEW),
    },
  };
}

function kindsAt<K extends string, L extends string>(levels: Readonly<Record<K, L>>, wanted: L): K[] {
  return (Object.keys(levels) as K[]).filter((kind) => levels[kind] === wanted);
}

/** A principle is never deleted, so the one a finding names exists. */
function demand<T>(value: T | null): T {
  if (value === null) throw new Error('A finding names a principle that is not stored.');
  return value;
}
