/** Verbs about alerts. */
import type { Column, StreamRequest, VerbGroup } from '../verb.js';
import { EXPECTED_VERSION, LEVELS, named, ofService, PAGE } from './parameters.js';

const COLUMNS: readonly Column[] = [
  { head: 'ID', path: 'id' }, { head: 'LEVEL', path: 'level' }, { head: 'STATE', path: 'state' }, { head: 'SERVICE', path: 'service.id' }, { head: 'INCIDENT', path: 'incident.id' },
  { head: 'STARTED', path: 'startsAt' }, { head: 'RECEIVED', path: 'receivedAt', wide: true }, { head: 'NAME', path: 'name' }, { head: 'SUMMARY', path: 'summary', wide: true },
];
const STREAM: StreamRequest = { operation: 'watch-alerts', field: 'alertRaised', member: 'alert', variables: { levelAtLeast: 'level', serviceId: 'service' }, columns: COLUMNS };
const LEVEL = { name: 'level', variable: 'levelAtLeast', values: LEVELS, summary: 'Of this level and above.' };

export const ALERTS: VerbGroup = {
  noun: 'alerts', aliases: ['alert'], summary: 'What Prometheus and the gateway found',
  verbs: [
    {
      words: ['alerts', 'list'], summary: 'Alerts, newest first. With --watch also each new one.',
      flags: [{ name: 'state', variable: 'state', values: ['FIRING', 'RESOLVED'], summary: 'Only in this state.' }, LEVEL, ofService(), ...PAGE],
      request: { operation: 'list-alerts', rows: 'alerts.nodes', columns: COLUMNS, resource: 'alert' }, stream: STREAM,
      examples: ['acgs alerts list --state firing --level critical', 'acgs alerts list --watch -o json'],
    },
    { words: ['alerts', 'show'], summary: 'One alert.', positionals: [named('id', 'The alert.', 'id')], request: { operation: 'show-alert', rows: 'alert', view: 'detail', columns: COLUMNS, resource: 'alert' } },
    { words: ['alerts', 'acknowledge'], summary: 'Take an alert on.', changes: true, positionals: [named('id', 'The alert.', 'id')], flags: [EXPECTED_VERSION], request: { operation: 'acknowledge-alert', rows: 'acknowledgeAlert.alert', columns: [...COLUMNS, { head: 'ACKNOWLEDGED', path: 'acknowledgedAt' }], resource: 'alert' } },
    { words: ['alerts', 'watch'], summary: 'Each new alert as it is raised; the same as "alerts list --watch" without the list.', flags: [LEVEL, ofService(), { name: 'after', variable: 'after', summary: 'Go on after this cursor.' }], stream: STREAM, act: 'watchOnly' },
    {
      words: ['alerts', 'rules'], summary: 'The rules that raise alerts.',
      request: {
        operation: 'list-alert-rules', rows: 'alertRules', resource: 'alert-rule', nameAt: 'name',
        columns: [{ head: 'NAME', path: 'name' }, { head: 'LEVEL', path: 'level' }, { head: 'SEVERITY', path: 'severity' }, { head: 'FOR (S)', path: 'forSeconds' }, { head: 'RUNBOOK', path: 'runbook' }, { head: 'EXPRESSION', path: 'expression', wide: true }],
      },
    },
  ],
};
