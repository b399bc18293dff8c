/** Compliance checks: judging actions and answering for what was judged. */
import { randomUUID } from 'node:crypto';
import { Gauge } from 'prom-client';
import { AcgsError } from '../../ops/runtime/errors.js';
import { isSubgraphName, SUBGRAPH_NAMES } from '../../ops/runtime/subgraph-names.js';
import type { SubgraphContext } from '../kernel/context.js';
import type { SubgraphDeps } from '../kernel/define-subgraph.js';
import { keysetPage, type KeysetPage } from '../kernel/keyset-page.js';
import { invalidInput } from '../kernel/refusals.js';
import type { KeyedRead } from '../kernel/remembered-reads.js';
import { assess } from './assessment.js';
import type { ActionKind, ComplianceCheck, ComplianceTrendDay, Finding } from './domain.js';
import { complianceChecked, STREAM, violationEvent } from './events.js';
import type { ConstitutionService } from './service.js';
import type { CheckStore, NewCheck } from './store-checks.js';
import type { ViolationStore } from './store-violations.js';

export interface CheckInput {
  readonly serviceId: string;
  readonly subject: string;
  readonly actionKind: ActionKind;
  readonly attributes: unknown;
  readonly incidentId?: string | null | undefined;
}

/** A finding together with the constitution it was made under. */
export interface FindingOfCheck extends Finding {
  readonly constitutionId: string;
}

const MAX_SUBJECT = 200;
const MAX_DAYS = 90;
const DAY_MS = 86_400_000;
const IDENTIFIER = /^[\x21-\x7e]{1,64}$/;

export class ComplianceService {
  private readonly score: Gauge;
  private readonly latestByServices: KeyedRead<string, ComplianceCheck>;

  constructor(private readonly deps: SubgraphDeps, private readonly constitution: ConstitutionService, private readonly store: CheckStore, private readonly violations: ViolationStore) {
    this.latestByServices = deps.remember([STREAM.complianceCheck, STREAM.violation], (ids) => store.latestByServices(ids));
    this.score = new Gauge({ name: 'acgs_compliance_score', help: 'Score of the latest compliance check of a service, 0 to 1; absent until the first check.', labelNames: ['subject_service'], registers: [deps.metrics.registry] });
  }

  /** Shows the latest scores again after a restart. */
  async restoreScores(): Promise<void> {
    const latest = await this.store.latestByServices([...SUBGRAPH_NAMES, 'gateway']);
    for (const [serviceId, { score }] of latest) this.score.set({ subject_service: serviceId }, score);
  }

  /** Judges and records. @throws Refusal InvalidInput, or Conflict when no trustworthy constitution is installed. */
  async run(context: SubgraphContext, input: CheckInput, idempotencyKey: string | null | undefined): Promise<ComplianceCheck> {
    const attributes = checkInput(input);
    const { id } = await this.deps.commands.run(context, { field: 'runComplianceCheck', idempotencyKey, input }, async (unit) => {
      const constitution = await this.constitution.governing(unit);
      const check: NewCheck = {
        id: randomUUID(), serviceId: input.serviceId, subject: input.subject, actionKind: input.actionKind, ...assess(constitution.document, input.actionKind, attributes),
        constitutionId: constitution.id, incidentId: input.incidentId ?? null, checkedBy: unit.principalId, checkedAt: unit.now.toISOString(), constitutionalHash: unit.constitutionalHash,
      };
      await this.store.add(unit.tx, check);
      unit.emit(complianceChecked(check));
      for (const finding of check.findings) {
        if (finding.outcome !== 'VIOLATED' || finding.kind === 'GUIDELINE') continue;
        const violation = await this.violations.open(unit.tx, violationOf(check, finding, unit.requestId));
        unit.emit(violationEvent('ViolationOpened', violation));
      }
      return { id: check.id };
    });
    const check = await this.byId(context, id);
    if (check === null) throw new AcgsError('INTERNAL', 'The check was recorded and cannot be read.');
    this.score.set({ subject_service: check.serviceId }, check.score);
    return check;
  }

  page(serviceId: string | null | undefined, first: number, after: string | null | undefined): Promise<KeysetPage<ComplianceCheck>> {
    return keysetPage('complianceCheck', first, after, (limit, before) => this.store.page(serviceId ?? null, limit, before));
  }

  byId(context: SubgraphContext, id: string): Promise<ComplianceCheck | null> {
    return context.loader('checkById', (ids) => this.store.byIds(ids)).load(id);
  }

  latestOf(context: SubgraphContext, serviceId: string): Promise<ComplianceCheck | null> {
    return context.loader('latestCheckOfService', this.latestByServices).load(serviceId);
  }

  /** @throws AcgsError BAD_USER_INPUT unless `days` is from 1 to 90. */
  trend(serviceId: string | null | undefined, days: number): Promise<ComplianceTrendDay[]> {
    if (days < 1 || days > MAX_DAYS) throw new AcgsError('BAD_USER_INPUT', `days is a whole number from 1 to ${MAX_DAYS}.`);
    const today = Math.floor(this.deps.clock().getTime() / DAY_MS) * DAY_MS;
    return this.store.trend(serviceId ?? null, new Date(today - (days - 1) * DAY_MS));
  }
}

function checkInput({ serviceId, subject, attributes, incidentId }: CheckInput): Readonly<Record<string, unknown>> {
  if (serviceId !== 'gateway' && !isSubgraphName(serviceId)) throw invalidInput(`There is no service ${JSON.stringify(serviceId)}; one of gateway, ${SUBGRAPH_NAMES.join(', ')}.`, 'input.serviceId');
  if (subject.trim() === '' || subject.length > MAX_SUBJECT || /\p{Cc}|\p{Cs}/u.test(subject)) throw invalidInput(`A subject has 1 to ${MAX_SUBJECT} printable characters.`, 'input.subject');
  if (incidentId !== null && incidentId !== undefined && !IDENTIFIER.test(incidentId)) throw invalidInput('An incident identifier has 1 to 64 printable characters without spaces.', 'input.incidentId');
  if (typeof attributes !== 'object' || attributes === null || Array.isArray(attributes)) throw invalidInput('Attributes are a JSON object.', 'input.attributes');
  return attributes as Record<string, unknown>;
}

function violationOf(check: NewCheck, finding: Finding, requestId: string) {
  return {
    id: randomUUID(), kind: 'PRINCIPLE_VIOLATED' as const,
    summary: `${check.subject} violates ${finding.code} (${finding.title}): ${finding.explanation}`,
    serviceId: check.serviceId, incidentId: check.incidentId, causedBy: check.checkedBy, checkId: check.id, constitutionId: check.constitutionId, principleCode: finding.code,
    expectedHash: null, receivedHash: null, instanceUrl: null, requestId, occurrences: 1, occurredAt: check.checkedAt, constitutionalHash: check.constitutionalHash,
  };
}
