/** Verbs about deployments, instances and model versions. */
import type { Column, Parameter, StreamRequest, Verb, VerbGroup } from '../verb.js';
import { EXPECTED_VERSION, LIMIT, named, ofService, PAGE, SERVICES } from './parameters.js';

const COLUMNS: readonly Column[] = [
  { head: 'ID', path: 'id' }, { head: 'SERVICE', path: 'service.id' }, { head: 'VERSION', path: 'version' }, { head: 'STATUS', path: 'status' }, { head: 'STARTED', path: 'startedAt' },
  { head: 'INSTANCE', path: 'instance.url' }, { head: 'FAILURE', path: 'failure', wide: true },
];
const INSTANCE: readonly Column[] = [{ head: 'ID', path: 'id' }, { head: 'URL', path: 'url' }, { head: 'VERSION', path: 'version' }, { head: 'STATE', path: 'state' }, { head: 'ACTIVE', path: 'active' }, { head: 'REVISION', path: 'revision', wide: true }];
const MODEL: readonly Column[] = [
  { head: 'ID', path: 'id' }, { head: 'NAME', path: 'name' }, { head: 'VERSION', path: 'version' }, { head: 'ACCURACY', path: 'metrics.accuracy' }, { head: 'COMPLIANCE', path: 'metrics.compliance' },
  { head: 'P95 (S)', path: 'metrics.p95Seconds' }, { head: 'ALIASES', path: 'aliases' }, { head: 'DIGEST', path: 'artifactDigest', wide: true },
];
const ALIAS: readonly Column[] = [{ head: 'MODEL', path: 'modelName' }, { head: 'ALIAS', path: 'alias' }, { head: 'STAGE', path: 'stage' }, { head: 'VERSION', path: 'version.version' }, { head: 'BEFORE', path: 'previousVersion.version' }, { head: 'SET', path: 'setAt' }];
const STREAM: StreamRequest = { operation: 'watch-deployments', field: 'deploymentProgress', member: 'deployment', variables: { serviceId: 'service' }, columns: COLUMNS };
const SERVICE: Parameter = { name: 'service', required: true, values: SERVICES, summary: 'The service.' };

export const DELIVERY: readonly Verb[] = [
  {
    words: ['deploy'], summary: 'Point a service at an instance, under an approved change; ends with 5 while an approval is missing.', changes: true, destructive: 'Move the traffic of {service} to instance {instance}?',
    positionals: [{ ...SERVICE, variable: 'serviceId' }],
    flags: [{ name: 'instance', variable: 'instanceId', required: true, summary: 'The instance, as "acgs instances list" names it.' }, { name: 'change', required: true, summary: 'The approved change; its grant is fetched and used once.' }],
    act: 'deploy', operations: ['change-grant', 'start-deployment'],
    examples: ['acgs deploy auth --instance 9d2b… --change 4c0e…'],
  },
  {
    words: ['rollback'], summary: 'Point a service back at the last healthy instance.', changes: true, destructive: 'Roll {service} back to the last healthy instance?',
    positionals: [{ name: 'service', required: true, summary: 'The service, or the id of a deployment.' }],
    flags: [
      { name: 'reason', variable: 'reason', required: true, summary: 'Why.' }, { name: 'incident', variable: 'incidentId', summary: 'Incident it belongs to.' },
      { name: 'to-previous-version', type: 'flag', summary: 'To the version before; that is the only target there is, and the default.' }, EXPECTED_VERSION,
    ],
    act: 'rollback', operations: ['active-deployment', 'rollback-deployment'],
    examples: ['acgs rollback auth --reason "Errors since the deployment" --incident INC-2026-001'],
  },
];

export const DEPLOYMENTS: VerbGroup = {
  noun: 'deployments', aliases: ['deployment'], summary: 'What ran, runs, and was rolled back',
  verbs: [
    {
      words: ['deployments', 'list'], summary: 'Deployments, newest first. With --watch also each step.',
      flags: [ofService(), { name: 'status', variable: 'status', values: ['PENDING', 'PROBING', 'ACTIVE', 'SUPERSEDED', 'ROLLED_BACK', 'FAILED'], summary: 'Only in this state.' }, ...PAGE],
      request: { operation: 'list-deployments', rows: 'deployments.nodes', columns: COLUMNS, resource: 'deployment' }, stream: STREAM,
    },
    { words: ['deployments', 'show'], summary: 'One deployment with its steps.', positionals: [named('id', 'The deployment.', 'id')], request: { operation: 'show-deployment', rows: 'deployment', view: 'detail', columns: COLUMNS, resource: 'deployment' } },
  ],
};

export const INSTANCES: VerbGroup = {
  noun: 'instances', aliases: ['instance'], summary: 'Running instances of a service',
  verbs: [
    {
      words: ['instances', 'list'], summary: 'Instances of a service.', positionals: [{ ...SERVICE, variable: 'serviceId' }],
      flags: [{ name: 'state', variable: 'state', values: ['REGISTERED', 'HEALTHY', 'UNHEALTHY', 'RETIRED'], summary: 'Only in this state.' }, LIMIT],
      request: { operation: 'list-instances', rows: 'serviceInstances', columns: [...INSTANCE, { head: 'PROBED', path: 'lastProbedAt', wide: true }, { head: 'OUTCOME', path: 'lastProbeOutcome', wide: true }], resource: 'instance' },
    },
    {
      words: ['instances', 'register'], summary: 'Tell of a running instance; it is probed and its hash checked.', changes: true,
      positionals: [{ ...SERVICE, variable: 'serviceId' }, named('url', 'Where it listens.', 'url')], flags: [{ name: 'as-version', variable: 'version', required: true, summary: 'Version it runs, for example 1.2.0.' }],
      request: { operation: 'register-instance', rows: 'registerInstance.instance', columns: INSTANCE, resource: 'instance' },
    },
    { words: ['instances', 'retire'], summary: 'Take an instance out of service for good.', changes: true, destructive: 'Retire instance {id} for good?', positionals: [named('id', 'The instance.', 'instanceId')], flags: [EXPECTED_VERSION], request: { operation: 'retire-instance', rows: 'retireInstance.instance', columns: INSTANCE, resource: 'instance' } },
  ],
};

export const MODELS: VerbGroup = {
  noun: 'models', aliases: ['model'], summary: 'Model versions and their aliases',
  verbs: [
    { words: ['models', 'list'], summary: 'Model versions, newest first.', flags: [{ name: 'name', variable: 'name', summary: 'Only of this model.' }, ...PAGE], request: { operation: 'list-models', rows: 'modelVersions.nodes', columns: MODEL, resource: 'model' } },
    { words: ['models', 'show'], summary: 'One model version with its gates and lineage.', positionals: [named('id', 'The version.', 'id')], request: { operation: 'show-model', rows: 'modelVersion', view: 'detail', columns: MODEL, resource: 'model' } },
    {
      words: ['models', 'register'], summary: 'Record a model version with what it measured.', changes: true,
      positionals: [named('name', 'Name of the model.', 'input.name'), named('release', 'Semantic version, for example 1.2.0.', 'input.version')],
      flags: [
        { name: 'artifact-digest', variable: 'input.artifactDigest', required: true, summary: 'SHA-256 of the artifact.' }, { name: 'git-commit', variable: 'input.gitCommit', required: true, summary: 'Commit of the sources.' },
        { name: 'parent', variable: 'input.parentId', summary: 'Version it was derived from.' }, { name: 'accuracy', variable: 'input.metrics.accuracy', type: 'number', required: true, summary: 'Share of correct answers, 0 to 1.' },
        { name: 'compliance', variable: 'input.metrics.compliance', type: 'number', required: true, summary: 'Share of compliant answers, 0 to 1.' }, { name: 'p95-seconds', variable: 'input.metrics.p95Seconds', type: 'number', required: true, summary: '95th percentile of the answer time, seconds.' },
      ],
      request: { operation: 'register-model', rows: 'registerModelVersion.modelVersion', columns: MODEL, resource: 'model' },
    },
    {
      words: ['models', 'alias'], summary: 'Point an alias, for example production, at a version that passes its gates.', changes: true, destructive: 'Point alias {alias} at {id}?',
      positionals: [named('id', 'The version.', 'modelVersionId'), named('alias', 'The alias.', 'alias')], flags: [EXPECTED_VERSION], request: { operation: 'set-model-alias', rows: 'setModelAlias.alias', columns: ALIAS, resource: 'model-alias', nameAt: 'alias' },
    },
    { words: ['models', 'aliases'], summary: 'Where the aliases of a model point.', positionals: [named('name', 'Name of the model.', 'modelName')], flags: [LIMIT], request: { operation: 'list-model-aliases', rows: 'modelAliases', columns: ALIAS, resource: 'model-alias', nameAt: 'alias' } },
  ],
};
