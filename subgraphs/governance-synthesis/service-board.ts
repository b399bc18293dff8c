/** Use cases of the change advisory board: call a meeting, record a decision, keep the weekly meeting coming. */
import { randomUUID } from 'node:crypto';
import type { UnitOfWork } from '../kernel/commands.js';
import type { SubgraphContext } from '../kernel/context.js';
import { conflict, forbidden, invalidInput, notFound } from '../kernel/refusals.js';
import { CAB_MINUTE, CAB_ROLE, CAB_WEEKDAY, countVotes, type CabDecision, type CabVote } from './domain-board.js';
import { nextWeekly } from './domain-calendar.js';
import { checkRemark } from './domain-content.js';
import { approveByBoard, rejectByBoard } from './domain-lifecycle.js';
import type { ApprovalRule } from './domain.js';
import { cabDecisionRecorded, cabMeetingScheduled } from './events.js';
import { actorOf, ChangeUnits, type ChangeParts } from './service-unit.js';
import type { BoardStore } from './store-board.js';

const MAX_QUORUM = 50;

export interface DecisionForm {
  readonly meetingId: string;
  readonly changeId: string;
  readonly digest: string;
  readonly votes: readonly CabVote[];
  readonly rationale: string;
}

export class BoardService {
  private readonly units: ChangeUnits;

  constructor(private readonly parts: ChangeParts, private readonly board: BoardStore) {
    this.units = new ChangeUnits(parts);
  }

  /** @throws Refusal Forbidden for others than governance officers, InvalidInput for a past time or a quorum below the matrix, Conflict for a taken time. */
  schedule(context: SubgraphContext, args: { readonly scheduledAt: string; readonly quorum?: number | null | undefined; readonly idempotencyKey?: string | null | undefined }): Promise<{ readonly id: string }> {
    const actor = actorOf(context);
    const { scheduledAt, quorum, idempotencyKey } = args;
    return this.parts.deps.commands.run(context, { field: 'scheduleCabMeeting', idempotencyKey, input: { scheduledAt, quorum: quorum ?? null } }, async (unit) => {
      if (actor.kind !== 'HUMAN') throw forbidden('Only people call the board.', 'HUMAN_REQUIRED');
      if (!actor.roles.includes(CAB_ROLE)) throw forbidden(`Calling the board needs the role ${CAB_ROLE}.`, 'ROLE_REQUIRED');
      if (scheduledAt <= unit.now.toISOString()) throw invalidInput('A meeting is called for a time to come.', 'scheduledAt');
      const least = await this.matrixQuorum();
      const wanted = quorum ?? least;
      if (wanted < least || wanted > MAX_QUORUM) throw invalidInput(`The quorum is ${least} to ${MAX_QUORUM} voters.`, 'quorum');
      const id = await this.insert(unit, scheduledAt, wanted, actor.id);
      if (id === null) throw conflict(`There is a meeting at ${scheduledAt} already.`, 'ALREADY_EXISTS');
      return { id };
    });
  }

  /** Records votes and what they make of the change, in one transaction. */
  async record(context: SubgraphContext, form: DecisionForm, idempotencyKey: string | null | undefined, expectedVersion: number | null | undefined): Promise<void> {
    const actor = actorOf(context);
    const command = { field: 'recordCabDecision', idempotencyKey, input: { form, expectedVersion: expectedVersion ?? null } };
    await this.units.change(context, command, form.changeId, expectedVersion, async (change, at, unit) => {
      const meeting = await this.board.meeting(unit.tx, form.meetingId);
      if (meeting === null) throw notFound('CabMeeting', form.meetingId);
      const rationale = checkRemark(form.rationale, 'input.rationale');
      const result = countVotes(meeting, change, form.votes, at.now);
      const next = result === 'APPROVED'
        ? approveByBoard(change, actor, meeting.id, { approvalId: randomUUID(), digest: form.digest, comment: rationale, nonce: randomUUID() }, at)
        : rejectByBoard(change, actor, form.digest, rationale, at);
      const decision: CabDecision = {
        changeId: change.id, revision: change.revision, meetingId: meeting.id, result, votes: form.votes.map(({ memberId, vote }) => ({ memberId, vote })),
        rationale, digest: change.digest, recordedById: actor.id, recordedAt: at.now,
      };
      if (!(await this.board.insertDecision(unit.tx, decision, unit.constitutionalHash))) throw conflict(`The board has decided on revision ${change.revision} of ${change.id} already.`);
      unit.emit(cabDecisionRecorded(meeting, decision));
      return { change: next, event: result === 'REJECTED' ? 'ChangeRejected' : next.status === 'APPROVED' ? 'ChangeApproved' : 'ChangeApprovalGiven' };
    });
  }

  /** Calls the next weekly meeting unless there is one to come. @returns whether it was called. */
  async ensureWeekly(): Promise<boolean> {
    const now = this.parts.deps.clock().toISOString();
    if (await this.board.hasWeeklyFrom(now)) return false;
    const quorum = await this.matrixQuorum();
    const id = await this.parts.deps.commands.runAs('system:change-calendar', `cab-${randomUUID()}`, (unit) => this.insert(unit, nextWeekly(CAB_WEEKDAY, CAB_MINUTE, now), quorum, null));
    return id !== null;
  }

  private async insert(unit: UnitOfWork, scheduledAt: string, quorum: number, scheduledById: string | null): Promise<string | null> {
    const id = await this.parts.changes.nextId(unit.tx, 'CAB', new Date(scheduledAt).getUTCFullYear());
    const meeting = { id, scheduledAt, quorum, scheduledById };
    if (!(await this.board.insertMeeting(unit.tx, meeting, unit.constitutionalHash))) return null;
    unit.emit(cabMeetingScheduled(meeting));
    return id;
  }

  private async matrixQuorum(): Promise<number> {
    const rules: ApprovalRule[] = await this.parts.policy.rules();
    const counts = rules.flatMap(({ steps }) => steps.filter(({ authority }) => authority === 'CAB').map(({ count }) => count));
    return Math.max(1, ...counts);
  }
}
