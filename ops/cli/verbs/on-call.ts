/** Verbs about who is on call, and about teams. */
import type { Column, VerbGroup } from '../verb.js';
import { EXPECTED_VERSION, named } from './parameters.js';

const SCHEDULE: readonly Column[] = [
  { head: 'TEAM', path: 'team.id' }, { head: 'ON CALL', path: 'current.primary.displayName' }, { head: 'UNTIL', path: 'current.endsAt' },
  { head: 'HANDOFF', path: 'rotations.handoffWeekday' }, { head: 'AT (UTC)', path: 'rotations.handoffTime' }, { head: 'SCHEDULE', path: 'id', wide: true },
];
const OVERRIDE: readonly Column[] = [{ head: 'ID', path: 'id' }, { head: 'ON CALL', path: 'principal.displayName' }, { head: 'FROM', path: 'startsAt' }, { head: 'UNTIL', path: 'endsAt' }, { head: 'REVOKED', path: 'revokedAt' }, { head: 'REASON', path: 'reason' }];
const TEAM: readonly Column[] = [{ head: 'ID', path: 'id' }, { head: 'NAME', path: 'name' }, { head: 'MEMBERS', path: 'members.displayName' }];
const WEEKDAYS = ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY'];

export const ON_CALL: VerbGroup = {
  noun: 'oncall', aliases: ['on-call'], summary: 'Who answers, and when it is handed over',
  verbs: [
    {
      words: ['oncall', 'show'], summary: 'Who is on call now or at a moment.',
      flags: [{ name: 'at', variable: 'at', type: 'future', summary: 'When; default now.' }, { name: 'team', variable: 'teamId', summary: 'Of which team; default the platform team.' }],
      request: {
        operation: 'show-on-call', rows: 'onCall', view: 'detail', resource: 'shift', nameAt: 'primary.username',
        columns: [{ head: 'TEAM', path: 'schedule.team.id' }, { head: 'PRIMARY', path: 'primary.displayName' }, { head: 'SECONDARY', path: 'secondary.displayName' }, { head: 'UNTIL', path: 'endsAt' }],
      },
    },
    { words: ['oncall', 'schedules'], summary: 'Schedules with rotations and overrides; the handoff is where a shift ends.', request: { operation: 'list-on-call-schedules', rows: 'onCallSchedules', columns: SCHEDULE, resource: 'schedule' } },
    {
      words: ['oncall', 'rotate'], summary: 'Set who takes turns in a team and when the shift is handed over.', changes: true, destructive: 'Replace the rotation of {team}?',
      positionals: [named('team', 'The team.', 'input.teamId'), { ...named('participants', 'Principals, in the order of their turns.', 'input.participantIds'), repeated: true }],
      flags: [
        { name: 'from', variable: 'input.effectiveFrom', type: 'future', summary: 'From when on; default now.' },
        { name: 'handoff-weekday', variable: 'input.handoffWeekday', values: WEEKDAYS, summary: 'Day of the handoff; default MONDAY.' },
        { name: 'handoff-time', variable: 'input.handoffTime', summary: 'Time of the handoff, UTC, HH:MM; default 09:00.' },
      ],
      request: { operation: 'set-on-call-rotation', rows: 'setOnCallRotation.schedule', columns: SCHEDULE, resource: 'schedule' },
    },
    {
      words: ['oncall', 'override'], summary: 'Put somebody on call for a while.', changes: true,
      positionals: [named('team', 'The team.', 'input.teamId'), named('principal', 'Who answers instead.', 'input.principalId')],
      flags: [
        { name: 'from', variable: 'input.startsAt', type: 'future', required: true, summary: 'From when on.' }, { name: 'until', variable: 'input.endsAt', type: 'future', required: true, summary: 'Until when.' },
        { name: 'reason', variable: 'input.reason', required: true, summary: 'Why.' },
      ],
      request: { operation: 'create-on-call-override', rows: 'createOnCallOverride.override', columns: OVERRIDE, resource: 'override' },
      examples: ['acgs oncall override platform-team 7f9c… --from now --until 8h --reason "Swap of shifts"'],
    },
    { words: ['oncall', 'revoke-override'], summary: 'End an override.', changes: true, destructive: 'End override {id}?', positionals: [named('id', 'The override.', 'overrideId')], request: { operation: 'revoke-on-call-override', rows: 'revokeOnCallOverride.override', columns: OVERRIDE, resource: 'override' } },
  ],
};

export const TEAMS: VerbGroup = {
  noun: 'teams', aliases: ['team'], summary: 'Teams, their members and how they are reached',
  verbs: [
    { words: ['teams', 'list'], summary: 'Teams and who is on call in each.', request: { operation: 'list-teams', rows: 'teams', columns: [...TEAM, { head: 'ON CALL', path: 'onCall.primary.displayName' }], resource: 'team' } },
    { words: ['teams', 'show'], summary: 'One team with members, services and contacts.', positionals: [named('id', 'The team.', 'id')], request: { operation: 'show-team', rows: 'team', view: 'detail', columns: TEAM, resource: 'team' } },
    { words: ['teams', 'add-member'], summary: 'Take a principal into a team.', changes: true, positionals: [named('team', 'The team.', 'teamId'), named('principal', 'The principal.', 'principalId')], request: { operation: 'add-team-member', rows: 'addTeamMember.team', columns: TEAM, resource: 'team' } },
    { words: ['teams', 'remove-member'], summary: 'Take a principal out of a team.', changes: true, destructive: 'Take {principal} out of {team}?', positionals: [named('team', 'The team.', 'teamId'), named('principal', 'The principal.', 'principalId')], request: { operation: 'remove-team-member', rows: 'removeTeamMember.team', columns: TEAM, resource: 'team' } },
    {
      words: ['teams', 'set-contact'], summary: 'Set where a contact of a team is reached; without --address it is taken away.', changes: true,
      positionals: [named('id', 'The contact.', 'contactId')], flags: [{ name: 'address', variable: 'address', summary: 'Where it is reached.' }, EXPECTED_VERSION],
      request: { operation: 'set-contact-address', rows: 'setContactAddress.contact', columns: [{ head: 'ID', path: 'id' }, { head: 'TITLE', path: 'title' }, { head: 'KIND', path: 'kind' }, { head: 'ADDRESS', path: 'address' }, { head: 'VERSION', path: 'version' }], resource: 'contact' },
    },
  ],
};
