/** Verbs about incidents. */
import type { Column, GraphRequest, StreamRequest, Verb, VerbGroup } from '../verb.js';
import { EXPECTED_VERSION, named, ofService, optionalText, PAGE, SEVERITIES, text } from './parameters.js';

const COLUMNS: readonly Column[] = [
  { head: 'ID', path: 'id' }, { head: 'SEVERITY', path: 'severity' }, { head: 'STATUS', path: 'status' }, { head: 'SERVICE', path: 'service.id' }, { head: 'ACKNOWLEDGED BY', path: 'acknowledgedBy.displayName' },
  { head: 'VERSION', path: 'version', wide: true }, { head: 'TITLE', path: 'title' },
];
const STREAM: StreamRequest = { operation: 'watch-incidents', field: 'incidentUpdated', member: 'incident', variables: { serviceId: 'service', severityAtLeast: 'severity-at-least' }, columns: COLUMNS };
const INCIDENT = named('id', 'The incident, for example INC-2026-001.', 'id');

/** A step in the life of an incident. */
function step(word: string, summary: string, flags: Verb['flags'] = []): Verb {
  const field = `${word}Incident`;
  return { words: ['incidents', word], summary, changes: true, positionals: [INCIDENT], flags: [...flags, EXPECTED_VERSION], request: changed(`${word}-incident`, field) };
}

function changed(operation: string, field: string): GraphRequest {
  return { operation, rows: `${field}.incident`, columns: COLUMNS, resource: 'incident' };
}

export const INCIDENTS: VerbGroup = {
  noun: 'incidents', aliases: ['incident'], summary: 'From declaring to closing',
  verbs: [
    {
      words: ['incidents', 'list'], summary: 'Incidents, newest first. With --watch also each change.',
      flags: [
        { name: 'status', variable: 'status', values: ['DECLARED', 'TRIAGED', 'MITIGATED', 'RESOLVED', 'REVIEWED', 'CLOSED'], summary: 'Only in this state.' },
        { name: 'severity', variable: 'severity', values: SEVERITIES, summary: 'Only of this severity.' }, ofService(),
        { name: 'severity-at-least', values: SEVERITIES, summary: 'With --watch: of this severity and worse.' }, ...PAGE,
      ],
      request: { operation: 'list-incidents', rows: 'incidents.nodes', columns: [...COLUMNS, { head: 'DECLARED', path: 'declaredAt', wide: true }], resource: 'incident' }, stream: STREAM,
      examples: ['acgs incidents list --status declared', 'acgs incidents list --watch'],
    },
    { words: ['incidents', 'show'], summary: 'One incident with its deadlines, alerts and timeline.', positionals: [INCIDENT], request: { operation: 'show-incident', rows: 'incident', view: 'detail', columns: COLUMNS, resource: 'incident' } },
    {
      words: ['incidents', 'declare'], summary: 'Declare an incident.', changes: true,
      positionals: [named('title', 'What is wrong, in one line.', 'input.title')],
      flags: [
        { name: 'severity', variable: 'input.severity', values: SEVERITIES, required: true, summary: 'How bad it is.' },
        { name: 'service', variable: 'input.serviceId', summary: 'Service it concerns.' },
        { name: 'started-at', variable: 'input.startedAt', type: 'past', summary: 'When it began; default now.' },
        optionalText('description', 'What is known.', 'input.description'),
      ],
      request: changed('declare-incident', 'declareIncident'),
      examples: ['acgs incidents declare "Slow answers" --severity P2 --service auth'],
    },
    step('acknowledge', 'Take an incident on; escalation stops for good.'),
    step('triage', 'Judge how severe an incident is.', [{ name: 'severity', variable: 'severity', values: SEVERITIES, required: true, summary: 'How severe it is.' }, optionalText('note', 'Why.', 'note')]),
    step('mitigate', 'Say what keeps it from doing more harm.', [text('mitigation', 'What was done.', 'mitigation')]),
    step('resolve', 'Say what caused it and how it ended.', [text('root-cause', 'What caused it.', 'rootCause'), text('resolution', 'How it was resolved.', 'resolution')]),
    step('review', 'Keep what was learned.', [text('review', 'What was learned.', 'review')]),
    step('close', 'Close a reviewed incident.'),
    { words: ['incidents', 'note'], summary: 'Write into the timeline.', changes: true, positionals: [named('id', 'The incident.', 'incidentId'), { ...text('text', 'What to note.', 'text') }], request: changed('add-timeline-note', 'addTimelineNote') },
    { words: ['incidents', 'watch'], summary: 'Each change of an incident, without the list.', flags: [{ name: 'severity-at-least', variable: 'severityAtLeast', values: SEVERITIES, summary: 'Of this severity and worse.' }, ofService(), { name: 'after', variable: 'after', summary: 'Go on after this cursor.' }], stream: STREAM, act: 'watchOnly' },
    {
      words: ['incidents', 'escalation'], summary: 'Deadlines and escalation steps by severity.',
      request: {
        operation: 'list-escalation-policies', rows: 'escalationPolicies', resource: 'escalation-policy', nameAt: 'severity',
        columns: [
          { head: 'SEVERITY', path: 'severity' }, { head: 'ACKNOWLEDGE (MIN)', path: 'acknowledgeWithinMinutes' }, { head: 'ASSESS (MIN)', path: 'assessWithinMinutes' },
          { head: 'RESPOND (MIN)', path: 'respondWithinMinutes' }, { head: 'RESOLVE (MIN)', path: 'resolveWithinMinutes' }, { head: 'STEPS', path: 'steps.role' },
        ],
      },
    },
    {
      words: ['incidents', 'kpis'], summary: 'How incidents were handled.', flags: [{ name: 'days', variable: 'days', type: 'integer', summary: 'Days to look back; default 30.' }],
      request: {
        operation: 'list-kpis', rows: 'kpis', resource: 'kpi', nameAt: 'name',
        columns: [{ head: 'KPI', path: 'name' }, { head: 'VALUE', path: 'value' }, { head: 'UNIT', path: 'unit' }, { head: 'TARGET', path: 'target' }, { head: 'MET', path: 'met' }, { head: 'SAMPLES', path: 'samples' }],
      },
    },
  ],
};
