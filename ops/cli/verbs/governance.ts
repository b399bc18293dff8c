/** Verbs about the audit log, compliance, policies and proofs. */
import type { Column, Parameter, StreamRequest, VerbGroup } from '../verb.js';
import { EXPECTED_VERSION, named, ofService, optionalText, PAGE, SERVICES, text } from './parameters.js';

const ENTRY: readonly Column[] = [
  { head: 'INDEX', path: 'index' }, { head: 'AT', path: 'occurredAt' }, { head: 'SUBGRAPH', path: 'subgraph' }, { head: 'KIND', path: 'kind' }, { head: 'ENTITY', path: 'entityId' }, { head: 'ACTOR', path: 'actorId' },
  { head: 'HASH', path: 'constitutionalHash', wide: true }, { head: 'LEAF', path: 'leafHash', wide: true },
];
const CHECK: readonly Column[] = [
  { head: 'ID', path: 'id' }, { head: 'SERVICE', path: 'service.id' }, { head: 'ACTION', path: 'actionKind' }, { head: 'SCORE', path: 'score' }, { head: 'NEEDED', path: 'threshold' }, { head: 'VERDICT', path: 'verdict' },
  { head: 'CHECKED', path: 'checkedAt', wide: true }, { head: 'SUBJECT', path: 'subject' },
];
const VIOLATION: readonly Column[] = [{ head: 'ID', path: 'id' }, { head: 'KIND', path: 'kind' }, { head: 'STATUS', path: 'status' }, { head: 'SERVICE', path: 'service.id' }, { head: 'TIMES', path: 'occurrences' }, { head: 'VERSION', path: 'version', wide: true }, { head: 'SUMMARY', path: 'summary' }];
const POLICY_COLUMNS: readonly Column[] = [{ head: 'ID', path: 'id' }, { head: 'STATE', path: 'state' }, { head: 'EFFECT', path: 'current.effect' }, { head: 'NUMBER', path: 'current.number' }, { head: 'VERSION', path: 'version', wide: true }, { head: 'TITLE', path: 'title' }];
const EVALUATION: readonly Column[] = [{ head: 'OUTCOME', path: 'outcome' }, { head: 'PERMITTED', path: 'permitted' }, { head: 'BY', path: 'determining.policy.id' }, { head: 'OBLIGATIONS', path: 'obligations.name' }];
const PROOF: readonly Column[] = [{ head: 'ID', path: 'id' }, { head: 'KIND', path: 'kind' }, { head: 'STATUS', path: 'status' }, { head: 'SERVICE', path: 'service.id' }, { head: 'TITLE', path: 'title' }];
const DECIDED: readonly Column[] = [...PROOF.slice(0, -1), { head: 'REASON', path: 'reasonCode' }, { head: 'MS', path: 'durationMs' }, { head: 'TITLE', path: 'title' }];
const VIOLATIONS_STREAM: StreamRequest = { operation: 'watch-violations', field: 'violationChanged', member: 'violation', variables: {}, columns: VIOLATION };
const VIOLATION_ID = named('id', 'The violation.', 'violationId');

export const AUDIT: VerbGroup = {
  noun: 'audit', summary: 'The log of every state change',
  verbs: [
    {
      words: ['audit', 'list'], summary: 'Entries, newest first.',
      flags: [
        { name: 'subject', variable: 'filter.subject', summary: 'What it concerns, TYPE:ID, for example Incident:INC-2026-001.' }, { name: 'actor', variable: 'filter.actorId', summary: 'Who caused it.' },
        { name: 'kind', variable: 'filter.kind', summary: 'Kind of event, for example IncidentAcknowledged.' }, { name: 'subgraph', variable: 'filter.subgraph', values: SERVICES.filter((name) => name !== 'gateway'), summary: 'Subgraph that committed it.' },
        { name: 'since', variable: 'filter.since', type: 'past', summary: 'From when on, for example 24h or today.' }, { name: 'until', variable: 'filter.until', type: 'past', summary: 'Before when.' }, ...PAGE,
      ],
      request: { operation: 'list-audit', rows: 'auditLog.nodes', columns: ENTRY, resource: 'audit-entry', nameAt: 'index' }, examples: ['acgs audit list --since today --kind PrincipalDisabled', 'acgs audit list --subject Service:auth -o json'],
    },
    { words: ['audit', 'show'], summary: 'One entry with its leaf.', positionals: [named('index', 'Place in the log.', 'index')], request: { operation: 'show-audit-entry', rows: 'auditEntry', view: 'detail', columns: ENTRY, resource: 'audit-entry', nameAt: 'index' } },
    {
      words: ['audit', 'completeness'], summary: 'Whether every committed change has its entry; ends with 6 when not.',
      request: {
        operation: 'audit-completeness', rows: 'auditCompleteness.subgraphs', resource: 'completeness', nameAt: 'subgraph', verdict: { path: 'auditCompleteness.complete', fine: [true] },
        columns: [{ head: 'SUBGRAPH', path: 'subgraph' }, { head: 'COMMITTED', path: 'committed' }, { head: 'INTEGRATED', path: 'integrated' }, { head: 'PENDING', path: 'pending' }, { head: 'MISSING', path: 'missing' }, { head: 'DIFFERING', path: 'differing' }],
      },
    },
  ],
};

export const COMPLIANCE: VerbGroup = {
  noun: 'compliance', summary: 'The constitution, checks against it, and violations',
  verbs: [
    {
      words: ['compliance', 'validate'], summary: 'Whether the constitution in force is the signed one; ends with 6 when not. Needs no login.', anonymous: true,
      request: { operation: 'validate-constitution', rows: 'constitutionalValidation', view: 'detail', resource: 'constitution', nameAt: 'hash', verdict: { path: 'constitutionalValidation.valid', fine: [true] }, columns: [{ head: 'HASH', path: 'hash' }, { head: 'VALID', path: 'valid' }] },
    },
    { words: ['compliance', 'constitution'], summary: 'The constitution in force with its principles.', request: { operation: 'show-constitution', rows: 'constitution', view: 'detail', resource: 'constitution', columns: [{ head: 'ID', path: 'id' }, { head: 'TITLE', path: 'title' }, { head: 'LABEL', path: 'label' }] } },
    { words: ['compliance', 'principle'], summary: 'One principle and its rule.', positionals: [named('id', 'The principle.', 'id')], request: { operation: 'show-principle', rows: 'principle', view: 'detail', resource: 'principle', columns: [{ head: 'ID', path: 'id' }, { head: 'TITLE', path: 'title' }] } },
    { words: ['compliance', 'checks'], summary: 'Checks, newest first.', flags: [ofService(), ...PAGE], request: { operation: 'list-compliance-checks', rows: 'complianceChecks.nodes', columns: CHECK, resource: 'compliance-check' } },
    { words: ['compliance', 'show'], summary: 'One check with its findings.', positionals: [named('id', 'The check.', 'id')], request: { operation: 'show-compliance-check', rows: 'complianceCheck', view: 'detail', columns: CHECK, resource: 'compliance-check' } },
    {
      words: ['compliance', 'check'], summary: 'Judge an action by the constitution; ends with 6 when it does not comply.', changes: true, positionals: [{ ...named('service', 'The service.', 'input.serviceId'), values: SERVICES }],
      flags: [
        { name: 'subject', variable: 'input.subject', required: true, summary: 'What is judged, for example a change.' },
        { name: 'action', variable: 'input.actionKind', values: ['AUTOMATED_DECISION', 'CONFIGURATION_CHANGE', 'POLICY_CHANGE', 'DEPLOYMENT', 'MODEL_RELEASE', 'SELF_MODIFICATION', 'AMENDMENT'], required: true, summary: 'Kind of action.' },
        { name: 'attributes', variable: 'input.attributes', type: 'json', required: true, summary: 'Attributes by name, as JSON. @FILE reads a file, - standard input.' }, { name: 'incident', variable: 'input.incidentId', summary: 'Incident it belongs to.' },
      ],
      request: { operation: 'run-compliance-check', rows: 'runComplianceCheck.check', view: 'detail', columns: CHECK, resource: 'compliance-check', verdict: { path: 'runComplianceCheck.check.verdict', fine: ['COMPLIANT'] } },
    },
    {
      words: ['compliance', 'trend'], summary: 'Compliance by day.', flags: [ofService(), { name: 'days', variable: 'days', type: 'integer', summary: 'Days to look back; default 7.' }],
      request: { operation: 'show-compliance-trend', rows: 'complianceTrend', resource: 'day', nameAt: 'day', columns: [{ head: 'DAY', path: 'day' }, { head: 'CHECKS', path: 'checks' }, { head: 'COMPLIANT', path: 'compliant' }, { head: 'PROHIBITED', path: 'prohibited' }, { head: 'MEAN SCORE', path: 'meanScore' }] },
    },
    {
      words: ['compliance', 'violations'], summary: 'Violations, newest first. With --watch also each change.',
      flags: [{ name: 'status', variable: 'status', values: ['OPEN', 'CONFIRMED', 'DISMISSED', 'REMEDIATED'], summary: 'Only in this state.' }, { name: 'since', variable: 'since', type: 'past', summary: 'From when on, for example 24h.' }, ...PAGE],
      request: { operation: 'list-violations', rows: 'violations.nodes', columns: [...VIOLATION, { head: 'AT', path: 'occurredAt', wide: true }], resource: 'violation' }, stream: VIOLATIONS_STREAM,
    },
    { words: ['compliance', 'violation'], summary: 'One violation.', positionals: [named('id', 'The violation.', 'id')], request: { operation: 'show-violation', rows: 'violation', view: 'detail', columns: VIOLATION, resource: 'violation' } },
    { words: ['compliance', 'confirm'], summary: 'Confirm that a violation is one.', changes: true, positionals: [VIOLATION_ID], flags: [{ name: 'reason', variable: 'reason', summary: 'Why.' }, EXPECTED_VERSION], request: { operation: 'confirm-violation', rows: 'confirmViolation.violation', columns: VIOLATION, resource: 'violation' } },
    { words: ['compliance', 'dismiss'], summary: 'Say why a violation is none.', changes: true, destructive: 'Dismiss violation {id}?', positionals: [VIOLATION_ID], flags: [{ name: 'reason', variable: 'reason', required: true, summary: 'Why it is none.' }, EXPECTED_VERSION], request: { operation: 'dismiss-violation', rows: 'dismissViolation.violation', columns: VIOLATION, resource: 'violation' } },
    { words: ['compliance', 'remediate'], summary: 'Say how a violation was made good.', changes: true, positionals: [VIOLATION_ID], flags: [text('remediation', 'What was done.', 'remediation'), EXPECTED_VERSION], request: { operation: 'remediate-violation', rows: 'remediateViolation.violation', columns: VIOLATION, resource: 'violation' } },
  ],
};

/** A request that policies judge. */
const POLICY_REQUEST: readonly Parameter[] = [
  { name: 'principal', variable: 'input.principal.id', required: true, summary: 'Who wants it.' }, { name: 'principal-kind', variable: 'input.principal.kind', values: ['HUMAN', 'SERVICE', 'AGENT'], required: true, summary: 'What kind of principal it is.' },
  { name: 'role', variable: 'input.principal.roles', repeated: true, required: true, summary: 'A role it holds; may be given several times.' }, { name: 'resource-type', variable: 'input.resource.type', required: true, summary: 'Kind of thing, for example ChangeRequest.' },
  { name: 'resource', variable: 'input.resource.id', required: true, summary: 'The thing.' }, { name: 'owner', variable: 'input.resource.ownerId', summary: 'Principal that owns it.' }, { name: 'context', variable: 'input.context', type: 'json', summary: 'Circumstances as JSON. @FILE reads a file, - standard input.' },
];

export const POLICY: VerbGroup = {
  noun: 'policy', aliases: ['policies'], summary: 'Cedar policies and what they decide',
  verbs: [
    { words: ['policy', 'list'], summary: 'Policies.', flags: [{ name: 'state', variable: 'state', values: ['ACTIVE', 'RETIRED'], summary: 'Only in this state.' }, { name: 'limit', variable: 'first', type: 'integer', summary: 'How many; default 50.' }], request: { operation: 'list-policies', rows: 'policies', columns: POLICY_COLUMNS, resource: 'policy' } },
    { words: ['policy', 'show'], summary: 'One policy with its text and versions.', positionals: [named('id', 'The policy.', 'id')], request: { operation: 'show-policy', rows: 'policy', view: 'detail', columns: POLICY_COLUMNS, resource: 'policy' } },
    {
      words: ['policy', 'publish'], summary: 'Publish a policy or a new version of one; it is in force at once.', changes: true, destructive: 'Put policy {id} in force?', positionals: [named('id', 'The policy.', 'input.id')],
      flags: [{ name: 'title', variable: 'input.title', required: true, summary: 'The rule in one line.' }, text('description', 'What it is for.', 'input.description'), text('cedar', 'One Cedar policy.', 'input.cedar'), EXPECTED_VERSION],
      request: { operation: 'publish-policy', rows: 'publishPolicy.policy', columns: POLICY_COLUMNS, resource: 'policy' }, examples: ['acgs policy publish no-friday-deploys --title "No deployments on Fridays" --description "…" --cedar @policy.cedar'],
    },
    { words: ['policy', 'retire'], summary: 'Take a policy out of force.', changes: true, destructive: 'Take policy {id} out of force?', positionals: [named('id', 'The policy.', 'id')], flags: [EXPECTED_VERSION], request: { operation: 'retire-policy', rows: 'retirePolicy.policy', columns: POLICY_COLUMNS, resource: 'policy' } },
    {
      words: ['policy', 'evaluate'], summary: 'What the policies would say, without recording it; ends with 6 when denied, 5 when an approval is needed.', positionals: [named('action', 'What is wanted, for example approveChange.', 'input.action')], flags: POLICY_REQUEST,
      request: { operation: 'evaluate-policy', rows: 'evaluatePolicy', columns: EVALUATION, resource: 'evaluation', nameAt: 'outcome', verdict: { path: 'evaluatePolicy.outcome', fine: ['ALLOW', 'MODIFY', 'AUDIT_ONLY'], approval: ['REQUIRE_APPROVAL', 'ESCALATE'] } },
    },
    {
      words: ['policy', 'decide'], summary: 'Judge a request and record the decision with a receipt; ends like "evaluate".', changes: true, positionals: [named('action', 'What is wanted.', 'input.action')], flags: POLICY_REQUEST,
      request: {
        operation: 'decide', rows: 'decide.decision', resource: 'decision', verdict: { path: 'decide.decision.evaluation.outcome', fine: ['ALLOW', 'MODIFY', 'AUDIT_ONLY'], approval: ['REQUIRE_APPROVAL', 'ESCALATE'] },
        columns: [{ head: 'ID', path: 'id' }, { head: 'OUTCOME', path: 'evaluation.outcome' }, { head: 'BY', path: 'evaluation.determining.policy.id' }, { head: 'RECEIPT', path: 'receiptDigest' }],
      },
    },
    { words: ['policy', 'decisions'], summary: 'Recorded decisions, newest first.', flags: PAGE, request: { operation: 'list-decisions', rows: 'decisions.nodes', columns: [{ head: 'ID', path: 'id' }, { head: 'AT', path: 'decidedAt' }, { head: 'PRINCIPAL', path: 'principalId' }, { head: 'ACTION', path: 'action' }, { head: 'RESOURCE', path: 'resourceId' }, { head: 'OUTCOME', path: 'evaluation.outcome' }], resource: 'decision' } },
  ],
};

const PROOF_FILTER: readonly Parameter[] = [
  { name: 'status', variable: 'filter.status', values: ['PENDING', 'PROVED', 'REFUTED', 'UNKNOWN', 'ERROR'], summary: 'Only in this state.' }, { name: 'kind', variable: 'filter.kind', values: ['RULE_SET', 'SMT_LIB'], summary: 'Only of this kind.' },
  { name: 'service', variable: 'filter.serviceId', summary: 'Only of this service.' }, { name: 'change', variable: 'filter.changeRequestId', summary: 'Only of this change.' },
];

export const VERIFY: VerbGroup = {
  noun: 'verify', aliases: ['proofs', 'proof'], summary: 'Proof obligations and the solver',
  verbs: [
    { words: ['verify', 'list'], summary: 'Proof obligations, newest first. With --watch also each that is decided.', flags: [...PROOF_FILTER, ...PAGE], request: { operation: 'list-proofs', rows: 'proofObligations.nodes', columns: DECIDED, resource: 'proof' }, stream: { operation: 'watch-proofs', field: 'proofDecided', member: 'obligation', variables: {}, columns: DECIDED } },
    { words: ['verify', 'show'], summary: 'One obligation, with its counterexample where it is refuted; ends with 6 unless it is proved.', positionals: [named('id', 'The obligation.', 'id')], request: { operation: 'show-proof', rows: 'proofObligation', view: 'detail', columns: DECIDED, resource: 'proof', verdict: { path: 'proofObligation.status', fine: ['PROVED'] } } },
    {
      words: ['verify', 'submit'], summary: 'Hand a question to the solver and wait for its answer; ends with 6 unless it is proved.', changes: true,
      positionals: [named('title', 'What is to be proved, in one line.', 'input.title')],
      flags: [
        { name: 'rules', variable: 'input.ruleSet', type: 'json', summary: '{"attributes": [...], "rules": [...], "obligation": "..."}. @FILE reads a file, - standard input.' }, optionalText('smt-lib', 'An SMT-LIB script.', 'input.smtLib'),
        { name: 'service', variable: 'input.serviceId', values: SERVICES, summary: 'Service it is about.' }, { name: 'change', variable: 'input.changeRequestId', summary: 'Change it is about.' },
        { name: 'solver-timeout', type: 'duration', summary: 'Longest the solver may take; default 5s.' }, { name: 'no-wait', type: 'flag', summary: 'Do not wait for the answer.' },
      ],
      act: 'submitProof', operations: ['submit-proof', 'watch-proofs', 'show-proof'],
      examples: ['acgs verify submit "No agent approves" --rules @rules.json'],
    },
  ],
};

export const SERVICE: VerbGroup = {
  noun: 'services', aliases: ['service'], summary: 'Services and what they are held to',
  verbs: [
    {
      words: ['services', 'list'], summary: 'Services with targets, team and what runs.',
      request: {
        operation: 'list-services', rows: 'services', resource: 'service',
        columns: [
          { head: 'ID', path: 'id' }, { head: 'TIER', path: 'tier' }, { head: 'TEAM', path: 'team.id' }, { head: 'ON CALL', path: 'onCall.displayName' }, { head: 'VERSION', path: 'activeDeployment.version' }, { head: 'COMPLIANCE', path: 'compliance.score' },
          { head: 'AVAILABILITY', path: 'targets.availability', wide: true }, { head: 'RTO (MIN)', path: 'targets.rtoMinutes', wide: true }, { head: 'RPO (MIN)', path: 'targets.rpoMinutes', wide: true },
        ],
      },
    },
    { words: ['services', 'show'], summary: 'One service as all seven subgraphs know it.', positionals: [{ ...named('id', 'The service.', 'id'), values: SERVICES }], request: { operation: 'show-service', rows: 'service', view: 'detail', columns: [{ head: 'ID', path: 'id' }, { head: 'NAME', path: 'name' }], resource: 'service' } },
  ],
};
