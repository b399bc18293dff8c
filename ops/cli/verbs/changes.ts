/** Verbs about change requests and the change advisory board. */
import type { Column, GraphRequest, Parameter, StreamRequest, Verb, VerbGroup } from '../verb.js';
import { EXPECTED_VERSION, named, ofService, optionalText, PAGE, text } from './parameters.js';

const CATEGORIES = ['EMERGENCY', 'STANDARD', 'NORMAL'];
const COLUMNS: readonly Column[] = [
  { head: 'ID', path: 'id' }, { head: 'CATEGORY', path: 'category' }, { head: 'STATUS', path: 'status' }, { head: 'SERVICE', path: 'service.id' },
  { head: 'DIGEST', path: 'digest', wide: true }, { head: 'VERSION', path: 'version', wide: true }, { head: 'TITLE', path: 'title' },
];
const MEETING: readonly Column[] = [{ head: 'ID', path: 'id' }, { head: 'SCHEDULED', path: 'scheduledAt' }, { head: 'QUORUM', path: 'quorum' }];
const STREAM: StreamRequest = { operation: 'watch-changes', field: 'changeUpdated', member: 'change', variables: { category: 'category', status: 'status' }, columns: COLUMNS };
const CHANGE = named('id', 'The change.', 'changeId');
const STATUS: Parameter = { name: 'status', variable: 'status', values: ['SUBMITTED', 'APPROVED', 'REJECTED', 'IMPLEMENTING', 'IMPLEMENTED', 'REVIEWED', 'EXPIRED', 'WITHDRAWN'], summary: 'Only in this state.' };
const CATEGORY: Parameter = { name: 'category', variable: 'category', values: CATEGORIES, summary: 'Only of this category.' };

function changed(operation: string, field: string): GraphRequest {
  return { operation, rows: `${field}.change`, columns: COLUMNS, resource: 'change' };
}

/** What a change says; all of it is covered by its digest. */
const CONTENT: readonly Parameter[] = [
  text('summary', 'What changes, for an approver.', 'input.summary'), text('justification', 'Why it is needed.', 'input.justification'),
  { name: 'service', variable: 'input.serviceId', required: true, summary: 'Service that changes.' },
  { name: 'action', variable: 'input.action.kind', values: ['DEPLOY_INSTANCE', 'PUBLISH_POLICY', 'CONFIGURATION', 'OTHER'], required: true, summary: 'Kind of action.' },
  { name: 'parameters', variable: 'input.action.parameters', type: 'json', required: true, summary: 'What the executor needs, as JSON. @FILE reads a file, - standard input.' },
  text('rollback-plan', 'How it is undone.', 'input.rollbackPlan'), optionalText('implementation-plan', 'Steps.', 'input.implementationPlan'), optionalText('risk-assessment', 'What may go wrong.', 'input.riskAssessment'),
  { name: 'incident', variable: 'input.incidentId', summary: 'Incident it answers.' }, { name: 'implementer', variable: 'input.implementerId', summary: 'Principal who carries it out; default you.' },
  { name: 'planned-start', variable: 'input.plannedStart', type: 'future', summary: 'When it begins; default the first moment that is allowed.' },
];

const APPROVE: Omit<Verb, 'words'> = {
  summary: 'Approve exactly the content with the digest you read; without --digest it is shown and you are asked.', changes: true, destructive: 'Approve change {id} with digest {digest}?',
  positionals: [named('id', 'The change.', 'changeId')],
  flags: [{ name: 'digest', variable: 'digest', summary: 'Digest of what you read; needed where there is no terminal.' }, { name: 'comment', variable: 'comment', summary: 'Remark that is kept.' }, EXPECTED_VERSION],
  act: 'approve', operations: ['show-change', 'approve-change'],
};

const REJECT: Omit<Verb, 'words'> = {
  summary: 'Refuse a submitted change.', changes: true, destructive: 'Reject change {id}?', positionals: [CHANGE],
  flags: [{ name: 'reason', variable: 'reason', required: true, summary: 'What has to change before it can be approved.' }, EXPECTED_VERSION], request: changed('reject-change', 'rejectChange'),
};

/** The two decisions people make at night, in few words. */
export const DECISIONS: readonly Verb[] = [
  { ...APPROVE, words: ['approve'], examples: ['acgs approve 4c0e… --comment "For the incident"'] },
  { ...REJECT, words: ['reject'] },
];

export const CHANGES: VerbGroup = {
  noun: 'changes', aliases: ['change'], summary: 'Change requests, from asking to reviewing',
  verbs: [
    {
      words: ['changes', 'list'], summary: 'Changes, newest first. With --watch also each step.', flags: [STATUS, CATEGORY, ofService(), ...PAGE],
      request: { operation: 'list-changes', rows: 'changeRequests.nodes', columns: [...COLUMNS, { head: 'REQUESTER', path: 'requester.displayName', wide: true }, { head: 'PLANNED', path: 'plannedStart', wide: true }], resource: 'change' }, stream: STREAM,
    },
    { words: ['changes', 'show'], summary: 'One change: what, why, by whom, and who has approved it.', positionals: [named('id', 'The change.', 'id')], request: { operation: 'show-change', rows: 'changeRequest', view: 'detail', columns: COLUMNS, resource: 'change' } },
    {
      words: ['changes', 'create'], summary: 'Ask for a change.', changes: true, positionals: [named('title', 'What changes, in one line.', 'input.title')],
      flags: [{ name: 'category', variable: 'input.category', values: CATEGORIES, required: true, summary: 'Category, which cannot change later.' }, ...CONTENT], request: changed('create-change', 'createChangeRequest'),
      examples: ['acgs changes create "Deploy auth 1.2.0" --category emergency --service auth --action deploy-instance --parameters \'{"serviceId":"auth","instanceId":"…","version":"1.2.0"}\' --summary "…" --justification "…" --rollback-plan "acgs rollback auth"'],
    },
    { words: ['changes', 'revise'], summary: 'Replace the content; approvals given so far are void.', changes: true, destructive: 'Replace the content of {id}? Its approvals will be void.', positionals: [named('id', 'The change.', 'input.changeId'), named('title', 'What changes, in one line.', 'input.title')], flags: [...CONTENT, EXPECTED_VERSION], request: changed('revise-change', 'reviseChangeRequest') },
    { ...APPROVE, words: ['changes', 'approve'] },
    { ...REJECT, words: ['changes', 'reject'] },
    { words: ['changes', 'withdraw'], summary: 'Take your own change back for good.', changes: true, destructive: 'Withdraw change {id} for good?', positionals: [CHANGE], flags: [{ name: 'reason', variable: 'reason', required: true, summary: 'Why.' }, EXPECTED_VERSION], request: changed('withdraw-change', 'withdrawChange') },
    { words: ['changes', 'start'], summary: 'Begin an approved change.', changes: true, positionals: [CHANGE], flags: [EXPECTED_VERSION], request: changed('start-implementation', 'startImplementation') },
    {
      words: ['changes', 'complete'], summary: 'Say how a change ended.', changes: true, positionals: [CHANGE],
      flags: [{ name: 'outcome', variable: 'outcome', values: ['SUCCEEDED', 'FAILED'], required: true, summary: 'How it ended.' }, text('notes', 'What was done and seen.', 'notes'), EXPECTED_VERSION], request: changed('complete-implementation', 'completeImplementation'),
    },
    { words: ['changes', 'review'], summary: 'Keep what the review found.', changes: true, positionals: [CHANGE], flags: [text('findings', 'What the review found.', 'findings'), EXPECTED_VERSION], request: changed('review-change', 'reviewChange') },
    {
      words: ['changes', 'calendar'], summary: 'Maintenance windows and planned changes.',
      flags: [{ name: 'from', variable: 'from', type: 'past', required: true, summary: 'From when.' }, { name: 'to', variable: 'to', type: 'future', required: true, summary: 'Until when.' }, { name: 'limit', variable: 'first', type: 'integer', summary: 'How many changes; default 50.' }],
      request: { operation: 'change-calendar', rows: 'changeCalendar', view: 'detail', columns: [{ head: 'WINDOWS', path: 'windows.start' }, { head: 'CHANGES', path: 'changes.id' }], resource: 'calendar' },
      examples: ['acgs changes calendar --from now --to 14d'],
    },
    {
      words: ['changes', 'rules'], summary: 'What each category needs before it may begin.',
      request: {
        operation: 'list-approval-rules', rows: 'approvalMatrix', resource: 'approval-rule', nameAt: 'category',
        columns: [
          { head: 'CATEGORY', path: 'category' }, { head: 'REVIEW (H)', path: 'reviewPeriodHours' }, { head: 'DECISION (H)', path: 'decisionPeriodHours' }, { head: 'VALID (H)', path: 'validityHours' },
          { head: 'WINDOW', path: 'windowRequired' }, { head: 'DOCUMENTED', path: 'documentation' }, { head: 'APPROVERS', path: 'steps.roles' },
        ],
      },
    },
    { words: ['changes', 'watch'], summary: 'Each step of a change, without the list.', flags: [CATEGORY, STATUS, { name: 'after', variable: 'after', summary: 'Go on after this cursor.' }], stream: STREAM, act: 'watchOnly' },
  ],
};

export const CAB: VerbGroup = {
  noun: 'cab', summary: 'Meetings of the change advisory board',
  verbs: [
    { words: ['cab', 'list'], summary: 'Meetings.', flags: PAGE, request: { operation: 'list-cab-meetings', rows: 'cabMeetings.nodes', columns: [...MEETING, { head: 'AGENDA', path: 'agenda.id' }, { head: 'DECIDED', path: 'decisions.result' }], resource: 'cab-meeting' } },
    { words: ['cab', 'schedule'], summary: 'Call the board together.', changes: true, positionals: [{ ...named('at', 'When.', 'scheduledAt'), type: 'future' }], flags: [{ name: 'quorum', variable: 'quorum', type: 'integer', summary: 'Votes that are needed.' }], request: { operation: 'schedule-cab-meeting', rows: 'scheduleCabMeeting.meeting', columns: MEETING, resource: 'cab-meeting' } },
    {
      words: ['cab', 'decide'], summary: 'Record how the board voted on a change.', changes: true, destructive: 'Record the decision of the board on change {change}?',
      positionals: [named('meeting', 'The meeting.', 'input.meetingId'), named('change', 'The change.', 'input.changeId')],
      flags: [
        { name: 'digest', variable: 'input.digest', required: true, summary: 'Digest of what the board read.' },
        { name: 'vote', variable: 'input.votes', type: 'pair', members: ['memberId', 'vote'], repeated: true, required: true, summary: 'MEMBER=FOR, AGAINST or ABSTAIN; once for each member.' },
        text('rationale', 'Why the board decided so.', 'input.rationale'), EXPECTED_VERSION,
      ],
      request: changed('record-cab-decision', 'recordCabDecision'),
    },
  ],
};
