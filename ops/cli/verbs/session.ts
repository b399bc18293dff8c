/** Verbs about the login, the program itself, and the whole picture. */
import type { VerbGroup } from '../verb.js';
import { LEVELS } from './parameters.js';

export const GENERAL: VerbGroup = {
  noun: '',
  summary: 'Login, the whole picture, and work over several things',
  verbs: [
    {
      words: ['login'], summary: 'Log in and keep the session in a file that only you may read.', anonymous: true,
      positionals: [{ name: 'username', summary: 'Who logs in; asked for when absent.' }],
      flags: [
        { name: 'password', type: 'secret', summary: '- reads the password from standard input, @FILE from a file; asked for without echo when absent.' },
        { name: 'api-key', type: 'secret', summary: 'Log in with an API key instead: - for standard input, @FILE for a file.' },
      ],
      act: 'login', operations: ['login', 'who-am-i'],
      examples: ['acgs login admin', 'acgs login admin --password @.acgs/secrets/admin.password --server http://127.0.0.1:4000'],
    },
    { words: ['logout'], summary: 'End the session and forget it.', changes: true, act: 'logout', operations: ['logout'] },
    {
      words: ['whoami'], summary: 'Who you are, your roles and scopes, and until when.',
      request: {
        operation: 'who-am-i', rows: 'me', view: 'detail', resource: 'principal', nameAt: 'principal.id',
        columns: [{ head: 'ID', path: 'principal.id' }, { head: 'USERNAME', path: 'principal.username' }, { head: 'ROLES', path: 'roles' }],
      },
    },
    { words: ['status'], summary: 'The whole picture: services, who is on call, compliance, what runs, firing alerts.', act: 'status', operations: ['dashboard'], examples: ['acgs status', 'acgs status -o json'] },
    {
      words: ['health'], summary: 'Health of the gateway and of each subgraph; ends with 6 when something is not ready. Needs no login.', anonymous: true,
      positionals: [{ name: 'service', summary: 'Only this one.' }],
      act: 'health', operations: ['validate-constitution'],
      examples: ['acgs health', 'acgs health integrity'],
    },
    {
      words: ['top'], summary: 'Live dashboard of services, alerts, incidents and changes.',
      flags: [{ name: 'level', values: LEVELS, summary: 'Only alerts of this level and above.' }, { name: 'interval', type: 'duration', summary: 'How often lists and health are read again; default 5s.' }],
      act: 'top', operations: ['dashboard', 'list-incidents', 'list-changes', 'list-alerts', 'watch-alerts', 'watch-incidents', 'watch-changes'],
    },
    {
      words: ['wait'], summary: 'Wait until something is in a state; ends with 7 when it is not in time.',
      positionals: [
        { name: 'resource', required: true, values: ['alert', 'incident', 'change', 'deployment', 'proof', 'violation'], summary: 'What to wait for.' },
        { name: 'id', required: true, summary: 'Which one.' },
      ],
      flags: [{ name: 'for', required: true, type: 'pair', members: ['path', 'value'], summary: 'Condition FIELD=VALUE; several values are separated by commas.' }],
      act: 'wait',
      operations: ['show-alert', 'show-incident', 'watch-incidents', 'show-change', 'watch-changes', 'show-deployment', 'watch-deployments', 'show-proof', 'watch-proofs', 'show-violation', 'watch-violations'],
      examples: ['acgs wait incident INC-2026-001 --for status=RESOLVED,REVIEWED,CLOSED --timeout 60s'],
    },
    {
      words: ['load-test'], summary: 'Send one reading operation over and over and report how fast it is answered; ends with 6 when requests fail or the limit is missed.',
      positionals: [{ name: 'operation', summary: 'Name of a file in schema/operations that reads and needs no variables; default dashboard.' }],
      flags: [
        { name: 'connections', type: 'integer', summary: 'Requests at the same time, 1 to 1000; default 20, the routine test.' },
        { name: 'duration', type: 'duration', summary: 'How long; default 10s.' },
        { name: 'variables', type: 'json', summary: 'Variables as JSON. @FILE reads a file, - standard input.' },
        { name: 'p99-limit', type: 'duration', summary: 'Longest 99th percentile that is fine.' },
      ],
      act: 'loadTest', operations: ['dashboard'],
    },
    {
      words: ['completion'], summary: 'Print a completion script for a shell.', anonymous: true,
      positionals: [{ name: 'shell', required: true, values: ['bash', 'zsh', 'fish'], summary: 'The shell.' }],
      act: 'completion',
      examples: ['source <(acgs completion bash)', 'acgs completion fish > ~/.config/fish/completions/acgs.fish'],
    },
  ],
};
