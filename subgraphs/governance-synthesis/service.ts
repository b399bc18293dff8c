/** Use cases of a change request: submit, revise, approve, reject, withdraw, implement, review. */
import { randomUUID } from 'node:crypto';
import { SUBGRAPH_NAMES } from '../../ops/runtime/subgraph-names.js';
import type { SubgraphContext } from '../kernel/context.js';
import { changeDigest } from './digest.js';
import { checkContent, checkRemark, type ContentDraft } from './domain-content.js';
import { approve, complete, reject, review, revise, start, submit, withdraw } from './domain-lifecycle.js';
import type { ChangeCategory, ChangeOutcome } from './domain.js';
import { changeEvent } from './events.js';
import { actorOf, ChangeUnits, refusing, type ChangeIdentity, type ChangeParts } from './service-unit.js';

/** Services a change may concern. */
const SERVICES: readonly string[] = [...SUBGRAPH_NAMES, 'gateway'];

type Maybe<T> = T | null | undefined;

/** Arguments every later step of a change takes. */
export interface StepArguments {
  readonly changeId: string;
  readonly idempotencyKey?: Maybe<string>;
  readonly expectedVersion?: Maybe<number>;
}

export class ChangeService {
  private readonly units: ChangeUnits;

  constructor(private readonly parts: ChangeParts) {
    this.units = new ChangeUnits(parts);
  }

  create(context: SubgraphContext, input: ContentDraft & { readonly category: ChangeCategory }, idempotencyKey: Maybe<string>): Promise<ChangeIdentity> {
    const { deps, changes } = this.parts;
    const requester = actorOf(context);
    return deps.commands.run(context, { field: 'createChangeRequest', idempotencyKey, input }, async (unit) => {
      const at = await this.units.surroundings(unit, input.category);
      const content = await refusing(() => checkContent(input, at.rule, requester.id, SERVICES));
      const id = await changes.nextId(unit.tx, 'CHG', unit.now.getUTCFullYear());
      const change = await refusing(() => submit(id, requester.id, content, input.plannedStart ?? null, at, changeDigest));
      await changes.insert(unit.tx, change);
      unit.emit(changeEvent('ChangeSubmitted', change));
      return { id };
    });
  }

  revise(context: SubgraphContext, input: ContentDraft & { readonly changeId: string }, idempotencyKey: Maybe<string>, expectedVersion: Maybe<number>): Promise<ChangeIdentity> {
    const actor = actorOf(context);
    const command = { field: 'reviseChangeRequest', idempotencyKey, input: { input, expectedVersion: expectedVersion ?? null } };
    return this.units.change(context, command, input.changeId, expectedVersion, (change, at) => {
      const content = checkContent(input, at.rule, change.requesterId, SERVICES);
      return { change: revise(change, actor, content, input.plannedStart ?? null, at, changeDigest), event: 'ChangeRevised' };
    });
  }

  approve(context: SubgraphContext, args: StepArguments & { readonly digest: string; readonly comment?: Maybe<string> }): Promise<ChangeIdentity> {
    const actor = actorOf(context);
    return this.step(context, 'approveChange', args, { digest: args.digest, comment: args.comment ?? null }, (change, at) => {
      const comment = args.comment == null ? null : checkRemark(args.comment, 'comment');
      const next = approve(change, actor, { approvalId: randomUUID(), digest: args.digest, comment, nonce: randomUUID() }, at);
      return { change: next, event: next.status === 'APPROVED' ? 'ChangeApproved' : 'ChangeApprovalGiven' };
    });
  }

  reject(context: SubgraphContext, args: StepArguments & { readonly reason: string }): Promise<ChangeIdentity> {
    const actor = actorOf(context);
    return this.step(context, 'rejectChange', args, { reason: args.reason }, (change, at) => ({ change: reject(change, actor, checkRemark(args.reason, 'reason'), at), event: 'ChangeRejected' }));
  }

  withdraw(context: SubgraphContext, args: StepArguments & { readonly reason: string }): Promise<ChangeIdentity> {
    const actor = actorOf(context);
    return this.step(context, 'withdrawChange', args, { reason: args.reason }, (change, at) => ({ change: withdraw(change, actor, checkRemark(args.reason, 'reason'), at), event: 'ChangeWithdrawn' }));
  }

  start(context: SubgraphContext, args: StepArguments): Promise<ChangeIdentity> {
    const actor = actorOf(context);
    return this.step(context, 'startImplementation', args, {}, (change, at) => ({ change: start(change, actor, at), event: 'ChangeImplementationStarted' }));
  }

  complete(context: SubgraphContext, args: StepArguments & { readonly outcome: ChangeOutcome; readonly notes: string }): Promise<ChangeIdentity> {
    const actor = actorOf(context);
    return this.step(context, 'completeImplementation', args, { outcome: args.outcome, notes: args.notes }, (change, at) => (
      { change: complete(change, actor, args.outcome, checkRemark(args.notes, 'notes', 20_000), at), event: 'ChangeImplementationCompleted' }));
  }

  review(context: SubgraphContext, args: StepArguments & { readonly findings: string }): Promise<ChangeIdentity> {
    const actor = actorOf(context);
    return this.step(context, 'reviewChange', args, { findings: args.findings }, (change, at) => (
      { change: review(change, actor, checkRemark(args.findings, 'findings', 20_000), at), event: 'ChangeReviewed' }));
  }

  private step(context: SubgraphContext, field: string, { changeId, idempotencyKey, expectedVersion }: StepArguments, input: Readonly<Record<string, unknown>>, decide: Parameters<ChangeUnits['change']>[4]): Promise<ChangeIdentity> {
    const command = { field, idempotencyKey, input: { ...input, changeId, expectedVersion: expectedVersion ?? null } };
    return this.units.change(context, command, changeId, expectedVersion, decide);
  }
}
