/** The story of a schema change: who uses what, what may ship, who must agree, and the way back. */
import { readFileSync } from 'node:fs';
import { GraphClient } from '../client/graph-client.js';
import { shippedContract } from '../runtime/contracts.js';
import type { Lifecycle } from '../runtime/lifecycle.js';
import { SCHEMA_KEY_FILE } from '../runtime/schema-activation.js';
import { join } from 'node:path';
import { reportOf, type CheckedSchema } from '../cli/schema/remote-report.js';
import { tableReport } from '../cli/schema-report/table-report.js';
import { hire, operation, refused, run, type Person } from './cast.js';
import type { Narrator } from './narrator.js';
import { open } from './opening.js';

const SUBGRAPH = 'integrity';
const CONSOLE_QUERY = 'query RecentChanges { auditLog(first: 5) { nodes { kind requestId } } }';

interface Activation { activation: { number: number; kind: string; version: { id: string; number: number } } }

/** The changes of the story, each made of the contract that ships. */
function changes(contract: string): Record<'addition' | 'removal' | 'disguise', string> {
  return {
    addition: contract.replace('type Query {', 'type Query {\n  "How many entries the log has."\n  auditSize: Float @requiresScopes(scopes: [["audit:read"]])\n'),
    removal: contract.replace(/\n {2}"[^"\n]*"\n {2}requestId: [^\n]*/, ''),
    // The directive comes in under another name, and one of its old name that does nothing takes its place.
    disguise: contract.replace('"@requiresScopes"', '{ name: "@requiresScopes", as: "@scopes" }').concat('\ndirective @requiresScopes(scopes: [[String!]!]!) on FIELD_DEFINITION | OBJECT\n'),
  };
}

export async function tellRegistry(lifecycle: Lifecycle, narrator: Narrator): Promise<void> {
  const { plane, admin, dataDirectory } = await open(lifecycle, narrator, { ACGS_SCHEMA_USAGE_INTERVAL_MS: '250', ACGS_SCHEMA_USAGE_MINIMUM_HOURS: '0' });
  const engineer = await hire(admin.client, plane.gatewayUrl, 'demo-engineer', 'Demonstration engineer', 'operator');
  const officer = await hire(admin.client, plane.gatewayUrl, 'demo-officer', 'Demonstration governance officer', 'governance-officer');
  const proposed = changes(shippedContract(SUBGRAPH));
  const served = async (): Promise<string> => (await (await fetch(`${plane.gatewayUrl}/health/ready`)).json() as { supergraph: string }).supergraph;

  narrator.step('The release brought its contracts into force, signed');
  const { activeSchema } = await engineer.client.request<{ activeSchema: { number: number; kind: string; version: { id: string } } }>(operation('active-schema'));
  narrator.fact('activation', `${activeSchema.number} ${activeSchema.kind}, version ${activeSchema.version.id.slice(0, 16)}…`);
  narrator.fact('gateway serves', `${(await served()).slice(0, 16)}…`);
  narrator.fact('verified with', (JSON.parse(readFileSync(join(dataDirectory, ...SCHEMA_KEY_FILE), 'utf8')) as { kid: string }).kid);

  narrator.step('A console asks for the request of each change; the gateway records that, without a value');
  const console = new GraphClient({ ...engineer.client.options, clientName: 'console' });
  for (let time = 0; time < 12; time += 1) await console.request(CONSOLE_QUERY);
  narrator.fact('used', await recorded(engineer, 'AuditEntry.requestId'));

  narrator.step('The engineer checks an addition, and publishes it');
  await check(narrator, engineer, proposed.addition);
  await publish(narrator, engineer, proposed.addition, 'Adds Query.auditSize', served);

  narrator.step('The engineer checks the removal of what the console uses');
  const removal = await check(narrator, engineer, proposed.removal);

  narrator.step('A weakened protection behind a renamed import is found all the same, whatever usage says');
  await check(narrator, engineer, proposed.disguise);

  narrator.step('The removal cannot be published, and its author may not approve it; the governance officer does');
  const input = { subgraphs: [{ name: SUBGRAPH, sdl: proposed.removal }], message: 'Removes AuditEntry.requestId' };
  narrator.fact('published', (await refused(engineer.client, 'publish-schema', { input })).code);
  await run(officer.client, 'approve-schema-check', { checkId: removal.id, digest: removal.proposedDigest, comment: 'The console moves to AuditEntry.entityId.' });
  narrator.fact('approved', `${removal.id} by ${officer.id}`);
  await publish(narrator, engineer, proposed.removal, 'Removes AuditEntry.requestId', served);
  const { answer } = await console.send(CONSOLE_QUERY);
  narrator.fact('the console gets', `${String(answer.errors?.[0]?.extensions?.['code'])}: ${answer.errors?.[0]?.message ?? ''}`);

  narrator.step('It was a mistake; one command goes back');
  const begun = performance.now();
  const { activation } = await run<Activation>(engineer.client, 'rollback-schema', { reason: 'The console was not ready' });
  await until(async () => (await served()) === activation.version.id && (await console.send(CONSOLE_QUERY)).answer.errors === undefined);
  narrator.fact('activation', `${activation.number} ${activation.kind}, version ${activation.version.number}`);
  narrator.fact('the console works again', `${Math.round(performance.now() - begun)} ms after the command`);

  narrator.step('Who made what the graph is, when and why');
  const { schemaActivations } = await engineer.client.request<{ schemaActivations: { nodes: Array<{ number: number; kind: string; reason: string; activatedBy: { displayName: string } | null; version: { number: number } }> } }>(operation('schema-history'));
  for (const { number, kind, version, activatedBy, reason } of schemaActivations.nodes) narrator.fact(`${number} ${kind}`, `version ${version.number} by ${activatedBy?.displayName ?? 'the installation'}: ${reason}`);
}

/** Checks a change and prints the report as the command line does. */
async function check(narrator: Narrator, { client }: Person, sdl: string): Promise<{ id: string; proposedDigest: string }> {
  const checked = await run<CheckedSchema['checkSchema']>(client, 'check-schema', { input: { subgraphs: [{ name: SUBGRAPH, sdl }] } });
  narrator.line(tableReport(reportOf(checked.check), { files: [{ subgraph: SUBGRAPH, path: `schema/subgraphs/${SUBGRAPH}.graphql`, sdl }] }).trimEnd().replaceAll(/^/gm, '      '));
  narrator.fact('kept as', `${checked.check.id}, approval ${checked.check.approval}`);
  return checked.check;
}

/** Publishes a change and waits until the gateway serves it. */
async function publish(narrator: Narrator, { client }: Person, sdl: string, message: string, served: () => Promise<string>): Promise<void> {
  const { activation } = await run<Activation>(client, 'publish-schema', { input: { subgraphs: [{ name: SUBGRAPH, sdl }], message } });
  const published = performance.now();
  await until(async () => (await served()) === activation.version.id);
  narrator.fact('published', `activation ${activation.number}, version ${activation.version.id.slice(0, 16)}…, served ${Math.round(performance.now() - published)} ms later`);
}

/** Who used a coordinate, once the gateway has reported it. */
async function recorded({ client }: Person, coordinate: string): Promise<string> {
  let entries: Array<{ client: string; count: number }> = [];
  await until(async () => {
    ({ schemaUsage: { entries } } = await client.request<{ schemaUsage: { entries: typeof entries } }>(operation('schema-usage'), { coordinates: [coordinate] }));
    return entries.length > 0;
  });
  return `${coordinate} by ${entries.map((entry) => `${entry.client} ${entry.count} times`).join(', ')}`;
}

/** @throws Error when the condition does not come true within 15 s. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!await condition()) {
    if (performance.now() > deadline) throw new Error('What was waited for did not happen within 15 s.');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
