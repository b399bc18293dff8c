/** Violations: taking reports, judging them, putting them right, and streaming what changes. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { digestOf } from '../../ops/runtime/canonical-json.js';
import { AcgsError } from '../../ops/runtime/errors.js';
import { isSubgraphName } from '../../ops/runtime/subgraph-names.js';
import type { SubgraphContext } from '../kernel/context.js';
import type { SubgraphDeps } from '../kernel/define-subgraph.js';
import { checkFirst, keysetPage, type KeysetPage } from '../kernel/keyset-page.js';
import { conflict, expectVersion, forbidden, invalidInput, notFound } from '../kernel/refusals.js';
import type { StreamMessage } from '../kernel/stream-subscription.js';
import { HASH_MISMATCH_KINDS, violationTransition, type Violation, type ViolationAction, type ViolationStatus } from './domain.js';
import { STREAM, violationEvent } from './events.js';
import type { ViolationChange, ViolationStore } from './store-violations.js';

const MAX_TEXT = 2_000;
/** What came is kept this long, characters: enough to recognise it, too short to flood the log. */
const MAX_RECEIVED = 128;

/** Parts of a report come from clients. They are cut and cleaned, not refused: a report that is refused is sent again for ever. */
const clean = (longest: number) => z.string().transform((value) => value.slice(0, longest).replaceAll(/\p{Cc}|\p{Cs}/gu, '\u{fffd}'));

const report = z.object({
  kind: z.enum(HASH_MISMATCH_KINDS),
  principalId: clean(128).nullish(),
  requestId: clean(128).nullish(),
  expected: clean(MAX_RECEIVED),
  received: clean(MAX_RECEIVED).nullish(),
  subgraph: clean(64).nullish(),
  instanceUrl: clean(512).nullish(),
  occurredAt: z.iso.datetime({ offset: true }),
  occurrences: z.number().int().min(1).max(1_000_000_000).default(1),
});

export interface ViolationDecision {
  readonly violationId: string;
  /** Reason or remediation. */
  readonly text: string | null;
  readonly expectedVersion: number | null | undefined;
  readonly idempotencyKey: string | null | undefined;
}

const FIELD_OF: Readonly<Record<ViolationAction, { field: string; argument: string; required: boolean }>> = {
  confirm: { field: 'confirmViolation', argument: 'reason', required: false },
  dismiss: { field: 'dismissViolation', argument: 'reason', required: true },
  remediate: { field: 'remediateViolation', argument: 'remediation', required: true },
};

export class ViolationService {
  constructor(private readonly deps: SubgraphDeps, private readonly store: ViolationStore) {}

  /**
   * Records a hash mismatch the gateway reports. The same mismatch (kind, request, subgraph and instance) is stored once.
   * @param body the report as JSON.
   * @throws AcgsError BAD_REQUEST naming what is wrong with it.
   */
  async report(body: unknown): Promise<{ id: string; isNew: boolean }> {
    const parsed = report.safeParse(body);
    if (!parsed.success) throw new AcgsError('BAD_REQUEST', `The report is malformed: ${z.prettifyError(parsed.error)}`);
    const { kind, principalId, expected, received, subgraph, instanceUrl, occurredAt, occurrences } = parsed.data;
    const reported = digestOf(parsed.data.requestId === null || parsed.data.requestId === undefined ? parsed.data : { kind, requestId: parsed.data.requestId, subgraph: subgraph ?? null, instanceUrl: instanceUrl ?? null }).toString('hex');
    const requestId = parsed.data.requestId ?? `report-${reported.slice(0, 16)}`;
    const serviceId = kind === 'REQUEST_HASH_MISMATCH' ? 'gateway' : subgraph !== null && subgraph !== undefined && isSubgraphName(subgraph) ? subgraph : null;
    return this.deps.commands.runAs('system:gateway', requestId, async (unit) => {
      const { violation, isNew } = await this.store.openOnce(unit.tx, reported, {
        id: randomUUID(), kind, serviceId, incidentId: null, causedBy: principalId ?? null, checkId: null, constitutionId: null, principleCode: null,
        summary: `${kind === 'REQUEST_HASH_MISMATCH' ? 'A request presented' : `An instance of ${subgraph ?? 'a subgraph'} answered under`} ${received === null || received === undefined ? 'no hash' : JSON.stringify(received)} where ${JSON.stringify(expected)} governs.`,
        expectedHash: expected, receivedHash: received ?? null, instanceUrl: instanceUrl ?? null, requestId, occurrences,
        occurredAt: new Date(occurredAt).toISOString(), constitutionalHash: unit.constitutionalHash,
      });
      if (isNew) unit.emit(violationEvent('ViolationOpened', violation));
      return { id: violation.id, isNew };
    });
  }

  /** Moves a violation through its state machine. @throws Refusal NotFound, Conflict, Forbidden or InvalidInput. */
  async decide(context: SubgraphContext, action: ViolationAction, { violationId, text, expectedVersion, idempotencyKey }: ViolationDecision): Promise<Violation> {
    const { field, argument, required } = FIELD_OF[action];
    const words = checkText(text, argument, required);
    await this.deps.commands.run(context, { field, idempotencyKey, input: { violationId, text: words, expectedVersion: expectedVersion ?? null } }, async (unit) => {
      const violation = await this.store.lock(unit.tx, violationId);
      if (violation === null) throw notFound('Violation', violationId);
      expectVersion('Violation', violationId, violation.version, expectedVersion);
      const transition = violationTransition(action, violation.status);
      if (transition === null) throw conflict(`Violation ${violationId} is ${violation.status}; ${field} needs another state.`);
      if (transition.needsAnother && violation.causedBy === unit.principalId) throw forbidden('Whoever caused a violation does not dismiss it.', 'SEPARATION_OF_DUTIES');
      const at = unit.now.toISOString();
      const change: ViolationChange = action === 'remediate'
        ? { status: transition.to, remediatedBy: unit.principalId, remediatedAt: at, remediation: words }
        : { status: transition.to, decidedBy: unit.principalId, decidedAt: at, reason: words };
      unit.emit(violationEvent(transition.event, await this.store.change(unit.tx, violationId, change)));
      return { id: violationId };
    });
    const violation = await this.byId(context, violationId);
    if (violation === null) throw notFound('Violation', violationId);
    return violation;
  }

  page(status: ViolationStatus | null | undefined, since: string | null | undefined, first: number, after: string | null | undefined): Promise<KeysetPage<Violation>> {
    return keysetPage('violation', first, after, (limit, before) => this.store.page({ status: status ?? null, since: since ?? null }, limit, before));
  }

  byId(context: SubgraphContext, id: string): Promise<Violation | null> {
    return context.loader('violationById', (ids) => this.store.byIds(ids)).load(id);
  }

  async openOf(context: SubgraphContext, serviceId: string, first: number): Promise<Violation[]> {
    checkFirst(first);
    return (await context.loader(`openViolationsOfService:${first}`, (ids) => this.store.newestOpenByServices(ids, first)).load(serviceId)) ?? [];
  }

  async ofIncident(context: SubgraphContext, incidentId: string, first: number): Promise<Violation[]> {
    checkFirst(first);
    return (await context.loader(`violationsOfIncident:${first}`, (ids) => this.store.newestByIncidents(ids, first)).load(incidentId)) ?? [];
  }

  async ofCheck(context: SubgraphContext, checkId: string): Promise<Violation[]> {
    return (await context.loader('violationsOfCheck', (ids) => this.store.byChecks(ids)).load(checkId)) ?? [];
  }

  subscribe(serviceId: string | null | undefined, after: string | null | undefined): Promise<AsyncIterableIterator<StreamMessage<Violation>>> {
    const wanted = serviceId ?? null;
    return this.deps.subscribe({
      field: 'violationChanged', stream: STREAM.violation, filter: { serviceId: wanted }, after,
      matches: ({ payload }) => wanted === null || payload['serviceId'] === wanted,
      // The payload is the snapshot `violationEvent` wrote.
      present: ({ payload }) => payload as unknown as Violation,
    });
  }
}

/** PostgreSQL holds neither zero characters nor halves of surrogate pairs. */
function isStorable(text: string): boolean {
  return !text.includes('\0') && !/\p{Cs}/u.test(text);
}

function checkText(text: string | null, argument: string, required: boolean): string | null {
  const words = text?.trim() ?? '';
  if (words.length > MAX_TEXT || (required && words === '') || !isStorable(words)) throw invalidInput(`${argument} has ${required ? '1' : '0'} to ${MAX_TEXT} characters, none of them zero.`, argument);
  return words === '' ? null : words;
}
