/** Verbs about the schema registry. */
import type { Column, GraphRequest, Parameter, VerbGroup } from '../verb.js';
import { named, PAGE } from './parameters.js';

const ACTIVATION: readonly Column[] = [
  { head: 'NUMBER', path: 'number' }, { head: 'KIND', path: 'kind' }, { head: 'VERSION', path: 'version.number' }, { head: 'AT', path: 'activatedAt' }, { head: 'BY', path: 'activatedBy.displayName' },
  { head: 'ID', path: 'version.id', wide: true }, { head: 'CHECK', path: 'version.check.id', wide: true }, { head: 'REASON', path: 'reason' },
];
const CHECK: readonly Column[] = [
  { head: 'ID', path: 'id' }, { head: 'VERDICT', path: 'verdict' }, { head: 'APPROVAL', path: 'approval' }, { head: 'CHANGED', path: 'changed' }, { head: 'FINDINGS', path: 'findingCount' }, { head: 'BY', path: 'requestedBy.displayName' },
  { head: 'DIGEST', path: 'proposedDigest', wide: true }, { head: 'REVISION', path: 'revision', wide: true }, { head: 'BRANCH', path: 'branch' },
];
const VERDICTS = ['SAFE', 'DANGEROUS', 'BREAKING', 'INVALID'];

/** Where the schemas of a change are read from. */
const SOURCE: readonly Parameter[] = [
  { name: 'dir', summary: 'Folder with one NAME.graphql for each subgraph; default schema/subgraphs. The definitions beside it, ../constitutional.graphql and ../common.graphql, are added to each.' },
  { name: 'subgraph', type: 'pair', repeated: true, members: ['name', 'file'], summary: 'One subgraph, NAME=FILE; may be given several times, instead of --dir.' },
  { name: 'url', type: 'pair', repeated: true, members: ['name', 'url'], summary: 'Address of a subgraph, NAME=URL; needed for a new one.' },
];
const ORIGIN: readonly Parameter[] = [
  { name: 'revision', summary: 'Revision of the source, for example a commit.' }, { name: 'branch', summary: 'Branch or pull request.' }, { name: 'change-url', summary: 'Address of the change.' },
];
const REPORT: readonly Parameter[] = [
  { name: 'format', values: ['TABLE', 'JSON', 'GITHUB', 'SARIF', 'MARKDOWN'], summary: 'Form of the report: table, json, github (annotations), sarif, markdown (for a pull request); default as -o says.' },
  { name: 'report-file', summary: 'Write the report here, and the table to the terminal.' },
];
const LOCAL: readonly Parameter[] = [
  { name: 'base', summary: 'Git revision to compare with, for example origin/main; nothing is sent then, and every change counts as used.' },
  { name: 'approvals', summary: 'With --base or --base-dir: file of breaking findings that may ship, one fingerprint a line, then why.' },
  { name: 'base-dir', summary: 'Folder like --dir to compare with, instead of a git revision.' },
];

function activated(operation: string, field: string): GraphRequest {
  return { operation, rows: `${field}.activation`, columns: ACTIVATION, resource: 'schema-activation', nameAt: 'number' };
}

export const SCHEMA: VerbGroup = {
  noun: 'schema', summary: 'The schema registry: may this change ship, what is in force, and back again',
  verbs: [
    {
      words: ['schema', 'check'], summary: 'What a change would do to clients; ends with 0 when it may ship, 5 when it needs an approval, 6 when it cannot be served.',
      flags: [...SOURCE, ...REPORT, ...LOCAL, ...ORIGIN], act: 'schemaCheck', operations: ['active-schema', 'check-schema'], changes: true, anonymous: true,
      examples: ['acgs schema check', 'acgs schema check --base origin/main --format github', 'acgs schema check --subgraph auth=auth.graphql --format sarif --report-file schema.sarif'],
    },
    { words: ['schema', 'compose'], summary: 'Compose the supergraph; nothing is sent.', flags: [...SOURCE, { name: 'out', summary: 'Write it here instead of to standard output.' }], act: 'schemaCompose', anonymous: true, examples: ['acgs schema compose --out supergraph.graphql'] },
    {
      words: ['schema', 'diff'], summary: 'What changed between two versions of the registry, or between one and your files.',
      positionals: [{ name: 'from', summary: 'Identifier of the older version; default the one in force.' }, { name: 'to', summary: 'Identifier of the newer version; default your files.' }],
      flags: [...SOURCE, ...REPORT], act: 'schemaDiff', operations: ['active-schema', 'schema-version'],
    },
    {
      words: ['schema', 'publish'], summary: 'Publish the schemas that differ from those in force; ends with 5 when an approval is needed first.', changes: true, destructive: 'Publish the changed schemas to every gateway?',
      flags: [{ name: 'message', required: true, summary: 'What the change is for.' }, ...SOURCE, ...ORIGIN], act: 'schemaPublish', operations: ['active-schema', 'publish-schema'],
      examples: ['acgs schema publish --message "Adds Service.owner" --yes'],
    },
    {
      words: ['schema', 'approve'], summary: 'Approve the breaking findings of a check you read; without --digest they are shown and you are asked.', changes: true, destructive: 'Approve the breaking findings of {id} with digest {digest}?',
      positionals: [named('id', 'The check.', 'checkId')], flags: [{ name: 'digest', variable: 'digest', summary: 'Digest of what you read; needed where there is no terminal.' }, { name: 'comment', variable: 'comment', summary: 'Remark that is kept.' }],
      act: 'schemaApprove', operations: ['show-schema-check', 'approve-schema-check'],
    },
    {
      words: ['schema', 'rollback'], summary: 'Make gateways serve a version again that was in force before.', changes: true, destructive: 'Make every gateway go back to the version before, or to the one that is named?',
      positionals: [{ name: 'version', variable: 'versionId', summary: 'Identifier of the version, which only people may name; default the one before the present one.' }],
      flags: [{ name: 'reason', variable: 'reason', required: true, summary: 'Why.' }, { name: 'expected-activation', variable: 'expectedActivation', type: 'integer', summary: 'Number of the activation you saw in force; another one is a conflict.' }],
      request: activated('rollback-schema', 'rollbackSchema'), examples: ['acgs schema rollback --reason "The console fails" --yes'],
    },
    {
      words: ['schema', 'history'], summary: 'What gateways were told to serve, newest first.', flags: PAGE,
      request: { operation: 'schema-history', rows: 'schemaActivations.nodes', columns: ACTIVATION, resource: 'schema-activation', nameAt: 'number' },
      stream: { operation: 'watch-schema', field: 'schemaActivated', member: 'activation', variables: {}, columns: ACTIVATION },
    },
    { words: ['schema', 'checks'], summary: 'Checks, newest first.', flags: [{ name: 'verdict', variable: 'verdict', values: VERDICTS, summary: 'Only with this verdict.' }, ...PAGE], request: { operation: 'list-schema-checks', rows: 'schemaChecks.nodes', columns: CHECK, resource: 'schema-check' } },
    { words: ['schema', 'show'], summary: 'One check: what it found, who would break, who approved.', positionals: [named('id', 'The check.', 'id')], request: { operation: 'show-schema-check', rows: 'schemaCheck', view: 'detail', columns: CHECK, resource: 'schema-check' } },
    { words: ['schema', 'version'], summary: 'One version with its schemas.', positionals: [named('id', 'SHA-256 of the supergraph.', 'id')], request: { operation: 'schema-version', rows: 'schemaVersion', view: 'detail', columns: [{ head: 'ID', path: 'id' }, { head: 'NUMBER', path: 'number' }], resource: 'schema-version' } },
    {
      words: ['schema', 'usage'], summary: 'Which clients use a part of the graph.', positionals: [{ ...named('coordinate', 'Schema coordinates such as Service.name.', 'coordinates'), repeated: true }],
      flags: [{ name: 'days', variable: 'days', type: 'integer', summary: 'Days to look back, 1 to 90; default 30.' }, { name: 'limit', variable: 'first', type: 'integer', summary: 'How many, 1 to 100; default 50.' }],
      request: {
        operation: 'schema-usage', rows: 'schemaUsage.entries', resource: 'schema-usage', nameAt: 'coordinate',
        columns: [{ head: 'COORDINATE', path: 'coordinate' }, { head: 'CLIENT', path: 'client' }, { head: 'REQUESTS', path: 'count' }, { head: 'OPERATIONS', path: 'operations' }, { head: 'LAST DAY', path: 'lastSeen' }],
      },
    },
  ],
};
