/** The change advisory board: meetings, votes, quorum and what a vote decides; pure. */
import { ChangeDenied, type ChangeRequest } from './domain.js';

export type CabVoteChoice = 'FOR' | 'AGAINST' | 'ABSTAIN';
export type CabDecisionResult = 'APPROVED' | 'REJECTED';
export type CabVote = { readonly memberId: string; readonly vote: CabVoteChoice };

export type CabDecision = {
  readonly changeId: string;
  readonly revision: number;
  readonly meetingId: string;
  readonly result: CabDecisionResult;
  readonly votes: readonly CabVote[];
  readonly rationale: string;
  readonly digest: string;
  readonly recordedById: string;
  readonly recordedAt: string;
};

export type CabMeeting = {
  readonly id: string;
  readonly scheduledAt: string;
  readonly quorum: number;
  /** Null for the weekly meeting. */
  readonly scheduledById: string | null;
};

export const CAB_ROLE = 'governance-officer';
/** The weekly meeting: Thursday 15:00 UTC, so that what it approves can use the windows of the weekend. */
export const CAB_WEEKDAY = 4;
export const CAB_MINUTE = 15 * 60;
const MAX_VOTES = 50;
const MEMBER_FORM = /^[\w.:@-]{1,128}$/;

/**
 * Counts a vote.
 * @returns APPROVED when more are for than against; a tie, or nobody taking sides, rejects.
 * @throws ChangeDenied when the meeting has not begun, a vote counts twice, comes from a party to the change, or the quorum is missed.
 */
export function countVotes(meeting: CabMeeting, change: Pick<ChangeRequest, 'id' | 'requesterId' | 'implementerId'>, votes: readonly CabVote[], now: string): CabDecisionResult {
  if (meeting.scheduledAt > now) throw new ChangeDenied('Conflict', 'STATE_CONFLICT', `Meeting ${meeting.id} begins at ${meeting.scheduledAt}; it has decided nothing yet.`);
  if (votes.length > MAX_VOTES) throw new ChangeDenied('InvalidInput', 'INVALID_INPUT', `The board has at most ${MAX_VOTES} voters.`, 'input.votes');
  const members = new Set<string>();
  for (const { memberId } of votes) {
    if (!MEMBER_FORM.test(memberId)) throw new ChangeDenied('InvalidInput', 'INVALID_INPUT', 'A member is not the id of a principal.', 'input.votes');
    if (members.has(memberId)) throw new ChangeDenied('InvalidInput', 'INVALID_INPUT', `${memberId} votes twice.`, 'input.votes');
    if (memberId === change.requesterId || memberId === change.implementerId) throw new ChangeDenied('Forbidden', 'SEPARATION_OF_DUTIES', `${memberId} requested or implements ${change.id} and has no vote on it.`);
    members.add(memberId);
  }
  if (members.size < meeting.quorum) throw new ChangeDenied('Conflict', 'STATE_CONFLICT', `${members.size} voters are fewer than the quorum of ${meeting.quorum}.`);
  const count = (choice: CabVoteChoice): number => votes.filter(({ vote }) => vote === choice).length;
  return count('FOR') > count('AGAINST') ? 'APPROVED' : 'REJECTED';
}
