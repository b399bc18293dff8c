/** Proof obligations: submitting them, reading them, following their decisions. */
import { randomUUID } from 'node:crypto';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { UnitOfWork } from '../kernel/commands.js';
import type { SubgraphContext } from '../kernel/context.js';
import type { SubgraphDeps } from '../kernel/define-subgraph.js';
import { checkFirst, keysetPage, type KeysetPage } from '../kernel/keyset-page.js';
import type { StreamMessage } from '../kernel/stream-subscription.js';
import { PROOF_TRANSITIONS, type ProofObligation } from './domain.js';
import { proofSubmitted, STREAM } from './events.js';
import type { Prover } from './prover.js';
import { REQUIREMENT_PROOFS } from './requirement-proofs.js';
import type { ObligationFilter, ProofStore } from './store.js';
import { acceptSubmission, type AcceptedSubmission, type Submission } from './submission.js';

/** A message of the stream, before its obligation is read. */
export interface ProofDecidedMessage {
  readonly cursor: string;
  readonly kind: StreamMessage<string>['kind'];
  /** Null unless `kind` is EVENT. */
  readonly obligationId: string | null;
}

const DECISIONS: ReadonlySet<string> = new Set(PROOF_TRANSITIONS.map(({ event }) => event));

export class ProofService {
  constructor(private readonly deps: SubgraphDeps, private readonly store: ProofStore, readonly prover: Prover) {}

  /** Records an obligation; it is decided later. @throws Refusal InvalidInput naming the place of the mistake. */
  async submit(context: SubgraphContext, input: Submission, idempotencyKey: string | null | undefined): Promise<ProofObligation> {
    const accepted = acceptSubmission(input);
    const { id } = await this.deps.commands.run(context, { field: 'submitProof', idempotencyKey, input }, async (unit) => {
      const obligationId = randomUUID();
      await this.record(unit, obligationId, accepted);
      return { id: obligationId };
    });
    this.prover.wake();
    const obligation = await this.byId(context, id);
    if (obligation === null) throw new AcgsError('INTERNAL', 'The obligation was recorded and cannot be read.');
    return obligation;
  }

  byId(context: SubgraphContext, id: string): Promise<ProofObligation | null> {
    return context.loader('obligationById', (ids) => this.store.byIds(ids)).load(id);
  }

  /** Reads past the request's loaders: a subscription lives long, and what it loads would stay. */
  async decided(id: string): Promise<ProofObligation | null> {
    return (await this.store.byIds([id])).get(id) ?? null;
  }

  page(filter: ObligationFilter, first: number, after: string | null | undefined): Promise<KeysetPage<ProofObligation>> {
    return keysetPage('proofObligation', first, after, (limit, before) => this.store.page(filter, limit, before));
  }

  async ofService(context: SubgraphContext, serviceId: string, first: number): Promise<ProofObligation[]> {
    checkFirst(first);
    return (await context.loader(`obligationsOfService:${first}`, (ids) => this.store.newestByServices(ids, first)).load(serviceId)) ?? [];
  }

  async ofChange(context: SubgraphContext, changeRequestId: string, first: number): Promise<ProofObligation[]> {
    checkFirst(first);
    return (await context.loader(`obligationsOfChange:${first}`, (ids) => this.store.newestByChanges(ids, first)).load(changeRequestId)) ?? [];
  }

  /** Streams decisions. A decided obligation never changes again, so that reading it gives the state of its event. */
  subscribe(obligationId: string | null | undefined, after: string | null | undefined): Promise<AsyncIterableIterator<StreamMessage<string>>> {
    const wanted = obligationId ?? null;
    return this.deps.subscribe({
      field: 'proofDecided', stream: STREAM, filter: { obligationId: wanted }, after,
      matches: ({ kind, entityId }) => DECISIONS.has(kind) && (wanted === null || entityId === wanted),
      present: ({ entityId }) => entityId,
    });
  }

  /** Submits what the requirements promise, once. */
  async seed(): Promise<void> {
    for (const [id, submission] of Object.entries(REQUIREMENT_PROOFS)) {
      const accepted = acceptSubmission(submission);
      await this.deps.commands.runAs('system:seed', `seed-${id}`, async (unit) => {
        if (!(await this.store.existsLocked(unit.tx, id))) await this.record(unit, id, accepted);
      });
    }
    this.prover.wake();
  }

  private async record(unit: UnitOfWork, id: string, accepted: AcceptedSubmission): Promise<void> {
    const obligation = { ...accepted, id, submittedBy: unit.principalId, submittedAt: unit.now.toISOString(), constitutionalHash: unit.constitutionalHash };
    await this.store.add(unit.tx, obligation);
    unit.emit(proofSubmitted(obligation));
  }
}
