/** What this subgraph lets the gateway keep: every change of a field that carries the hint is told of under the entity's own name. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parse, type FieldDefinitionNode, type ObjectTypeDefinitionNode } from 'graphql';
import type { ChangesAnswer } from '../../../ops/runtime/change-feed.js';
import { policyGovernance } from '../../../subgraphs/policy-governance/index.js';
import { shippedContract } from '../../../ops/runtime/contracts.js';
import { startTestSubgraph, type TestSubgraph } from '../../kit/subgraph.js';
import { until } from '../../kit/until.js';
import { ask, change, notify, payloadOf, webhookAlert } from './kit.js';

const types = new Map(parse(shippedContract('policy-governance')).definitions.flatMap((node): [string, ObjectTypeDefinitionNode][] => (node.kind === 'ObjectTypeDefinition' ? [[node.name.value, node]] : [])));
const START = Date.parse('2026-03-01T08:00:00Z');
let now = START;
let subgraph: TestSubgraph;
beforeAll(async () => { subgraph = await startTestSubgraph(policyGovernance, { clock: () => new Date(now), environment: { ACGS_ESCALATION_SWEEP_MS: '20' } }); });
afterAll(async () => { await subgraph.stop(); });

const hinted = (field: FieldDefinitionNode): boolean => field.directives?.some(({ name }) => name.value === 'cacheControl') ?? false;

/** Every field of a type that may be kept, with what may be kept below it and the id of entities. */
function selectionOf(typeName: string): string {
  return (types.get(typeName)?.fields ?? []).filter(hinted).map(({ name, type }) => {
    const named = type.kind === 'NonNullType' ? type.type : type;
    const below = named.kind === 'NamedType' ? types.get(named.name.value) : undefined;
    if (below === undefined) return name.value;
    return `${name.value} { ${below.fields?.some((field) => field.name.value === 'id') === true ? 'id ' : ''}${selectionOf(below.name.value)} }`;
  }).join(' ');
}

const INCIDENT_FIELDS = `id ${selectionOf('Incident')}`;

async function values(): Promise<Map<string, string>> {
  const { incidents } = await ask<{ incidents: { nodes: { id: string }[] } }>(subgraph, `{ incidents(first: 100) { nodes { ${INCIDENT_FIELDS} } } }`);
  return new Map(incidents.nodes.map((incident) => [incident.id, JSON.stringify(incident)]));
}

async function feed(after?: number): Promise<ChangesAnswer> {
  return until(async () => {
    const answer = await (await subgraph.hop('GET', `/internal/changes${after === undefined ? '' : `?after=${after}`}`)).json() as ChangesAnswer;
    return answer.unnumbered.length === 0 ? answer : undefined;
  });
}

/** Every way in which an incident changes; each returns when it has. */
const WAYS: readonly (readonly [string, (id: string) => Promise<unknown>])[] = [
  ['acknowledged', (id) => change(subgraph, `acknowledgeIncident(id: "${id}")`)],
  ['assessed', (id) => change(subgraph, `triageIncident(id: "${id}", severity: P1)`)],
  ['assessed again', (id) => change(subgraph, `triageIncident(id: "${id}", severity: P2, note: "smaller than feared")`)],
  ['mitigated', (id) => change(subgraph, `mitigateIncident(id: "${id}", mitigation: "traffic moved away")`)],
  ['resolved', (id) => change(subgraph, `resolveIncident(id: "${id}", rootCause: "a full disk", resolution: "disk enlarged")`)],
  ['reviewed', (id) => change(subgraph, `reviewIncident(id: "${id}", review: "watch disks")`)],
  ['closed', (id) => change(subgraph, `closeIncident(id: "${id}")`)],
];

test('the hinted fields are those the test looks at', () => {
  expect(INCIDENT_FIELDS.split(/\s+/)).toEqual(expect.arrayContaining(['title', 'status', 'version', 'deadlines', 'nextEscalationAt', 'service', 'assessBy']));
});

test('every change of an incident is told of as incident Incident:<id>', async () => {
  const declared = await change(subgraph, 'declareIncident(input: { title: "Something broke", severity: P3 })');
  const { id } = declared.incident!;
  const changedBy = async (way: () => Promise<unknown>): Promise<string[]> => {
    const [before, { position }] = [await values(), await feed()];
    await way();
    const after = await values();
    const changed = [...after].filter(([key, value]) => before.get(key) !== value).map(([key]) => key);
    const { changed: told } = await feed(position);
    expect(told).toEqual(expect.arrayContaining(changed.map((key) => `incident Incident:${key}`)));
    return changed;
  };
  for (const [name, way] of WAYS) expect({ name, changed: await changedBy(() => way(id)) }).toEqual({ name, changed: [id] });
  // Alerts open one, raise it, and end; nobody acknowledges it, so that it escalates.
  const opened = await changedBy(() => notify(subgraph, payloadOf('cache:g', [webhookAlert('cache-a')])));
  expect(opened).toHaveLength(1);
  expect(await changedBy(() => notify(subgraph, payloadOf('cache:g', [webhookAlert('cache-a'), webhookAlert('cache-b', { severity: 'emergency' })])))).toEqual(opened);
  expect(await changedBy(async () => {
    const before = await values();
    now += 24 * 3_600_000;
    await until(async () => ((await values()).get(opened[0]!) === before.get(opened[0]!) ? undefined : true));
  })).toEqual(opened);
});

test('a service is told of under its own name when it is registered', async () => {
  const { changed } = await (await subgraph.hop('GET', '/internal/changes?history=1000')).json() as ChangesAnswer;
  const { services } = await ask<{ services: { id: string }[] }>(subgraph, '{ services { id } }');
  expect(changed).toEqual(expect.arrayContaining(services.map(({ id }) => `registry Service:${id}`)));
});

test('nothing that decides, and no list of entities, may be kept', () => {
  for (const type of ['Decision', 'Policy', 'PolicyVersion', 'Mutation', 'Alert', 'AlertConnection', 'IncidentConnection', 'EscalationPolicy']) expect((types.get(type)?.fields ?? []).filter(hinted).map(({ name }) => name.value)).toEqual([]);
  expect((types.get('Query')?.fields ?? []).filter(hinted).map(({ name }) => name.value)).toEqual(['service', 'incident']);
});
