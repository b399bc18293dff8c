/** The registry and the gateway of a real control plane: what is published is served at once, what is used is known, what is rolled back is gone. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { GraphClient } from '../../ops/client/graph-client.js';
import { dropRoles } from '../../ops/database/provision.js';
import { readEmbeddedConfig } from '../../ops/embedded/config.js';
import { startControlPlane, type ControlPlane } from '../../ops/embedded/control-plane.js';
import { shippedContract } from '../../ops/runtime/contracts.js';
import { createEmptyDatabase } from '../kit/database.js';
import { login, loginAsAdmin, operation } from '../kit/graph.js';
import { until } from '../kit/until.js';

const PUBLISH = `mutation($input: PublishSchemaInput!) { publishSchema(input: $input) { __typename ... on Problem { code message } ... on SchemaNotPublishable { check { id proposedDigest findings { code coordinate criticality weight affected { operation client count } } } } ... on PublishSchemaPayload { activation { number version { id } } } } }`;
interface Published { publishSchema: { __typename: string; code?: string; message?: string; check: { id: string; proposedDigest: string; findings: Array<{ code: string; coordinate: string; criticality: string; weight: string; affected: Array<{ operation: string; client: string; count: number | null }> }> }; activation: { number: number; version: { id: string } } } }

const CONTRACT = shippedContract('integrity');
const withProbe = CONTRACT.replace('type Query {', 'type Query {\n  "Probe of a test."\n  probe: String @authenticated\n');
const without = (field: string): string => CONTRACT.replace(new RegExp(`\\n  "[^"\\n]*"\\n  ${field}: [^\\n]*`), '');

let plane: ControlPlane;
let folder: string;
let database: Awaited<ReturnType<typeof createEmptyDatabase>>;
let admin: GraphClient;
let officer: GraphClient;
const rolePrefix = `acgs_s${Math.random().toString(36).slice(2, 8)}_`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acgs-registry-'));
  database = await createEmptyDatabase();
  plane = await startControlPlane(readEmbeddedConfig({
    DATABASE_URL: database.adminUrl, ACGS_DATA_DIR: folder, ACGS_FREE_PORTS: 'true', ACGS_DATABASE_ROLE_PREFIX: rolePrefix, ACGS_LOG_LEVEL: 'error',
    ACGS_SCHEMA_USAGE_INTERVAL_MS: '100', ACGS_SCHEMA_USAGE_MINIMUM_HOURS: '0',
  }));
  admin = await loginAsAdmin(plane.gatewayUrl, folder);
  const { createPrincipal: made } = await admin.request<{ createPrincipal: { generatedPassword: string; principal: { id: string } } }>(operation('create-person'), { username: 'registry-officer', displayName: 'Governance officer' });
  await admin.request(operation('grant-role'), { principalId: made.principal.id, role: 'governance-officer', expiresAt: new Date(Date.now() + 3_600_000).toISOString() });
  officer = await login(plane.gatewayUrl, 'registry-officer', made.generatedPassword);
}, 120_000);
afterAll(async () => {
  await plane?.stop();
  await dropRoles({ connectionString: database.adminUrl, rolePrefix });
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
});

const publish = async (sdl: string): Promise<Published['publishSchema']> => (await admin.request<Published>(PUBLISH, { input: { subgraphs: [{ name: 'integrity', sdl }], message: 'A test' } })).publishSchema;
const hasProbe = async (): Promise<boolean> => {
  const { __type } = await admin.request<{ __type: { fields: Array<{ name: string }> } }>('{ __type(name: "Query") { fields { name } } }', {});
  return __type.fields.some(({ name }) => name === 'probe');
};

describe('the gateway', () => {
  test('serves what is published within a second, and what is rolled back to', async () => {
    expect(await hasProbe()).toBe(false);
    const { activation } = await publish(withProbe);
    const published = performance.now();
    await until(async () => ((await hasProbe()) ? true : undefined));
    expect(performance.now() - published).toBeLessThan(5_000);
    const ready = await (await fetch(`${plane.gatewayUrl}/health/ready`)).json() as { supergraph: string };
    expect(ready.supergraph).toBe(activation.version.id);
    const { rollbackSchema } = await admin.request<{ rollbackSchema: { activation: { number: number } } }>('mutation { rollbackSchema(reason: "A test") { ... on RollbackSchemaPayload { activation { number } } ... on Problem { message } } }', {});
    expect(rollbackSchema.activation.number).toBe(activation.number + 1);
    await until(async () => ((await hasProbe()) ? undefined : true));
  });

  test('tells the registry who uses what, and a removal names them until nobody does', async () => {
    const console = new GraphClient({ ...admin.options, clientName: 'console' });
    const ask = 'query Console { auditLog(first: 1, filter: { actorId: "somebody secret" }) { nodes { requestId } } }';
    for (let time = 0; time < 3; time += 1) await console.request(ask);
    await until(async () => {
      const { schemaUsage } = await admin.request<{ schemaUsage: { entries: Array<{ client: string; count: number }> } }>('{ schemaUsage(coordinates: ["AuditEntry.requestId"]) { entries { client count } } }', {});
      return schemaUsage.entries.find(({ client }) => client === 'console')?.count === 3 ? true : undefined;
    });
    const refused = await publish(without('requestId'));
    expect(refused).toMatchObject({ __typename: 'SchemaNotPublishable', code: 'SCHEMA_APPROVAL_NEEDED' });
    expect(refused.check.findings[0]).toMatchObject({ code: 'FIELD_REMOVED', coordinate: 'AuditEntry.requestId', criticality: 'BREAKING', weight: 'USED', affected: expect.arrayContaining([{ operation: 'Console', client: 'console', count: 3 }]) });
    // What nobody asks for and no document ships may go.
    expect(await publish(withProbe)).toMatchObject({ __typename: 'PublishSchemaPayload' });
    expect(await publish(CONTRACT)).toMatchObject({ __typename: 'PublishSchemaPayload' });
  });

  test('lets a breaking change through once another person approved it', async () => {
    const refused = await publish(without('requestId'));
    const approve = (client: GraphClient): Promise<{ approveSchemaCheck: { __typename: string; code?: string } }> => client.request(
      'mutation($id: ID!, $digest: String!) { approveSchemaCheck(checkId: $id, digest: $digest) { __typename ... on Problem { code } } }', { id: refused.check.id, digest: refused.check.proposedDigest });
    expect((await approve(admin)).approveSchemaCheck).toEqual({ __typename: 'Forbidden', code: 'SEPARATION_OF_DUTIES' });
    expect((await approve(officer)).approveSchemaCheck.__typename).toBe('ApproveSchemaCheckPayload');
    const { activation } = await publish(without('requestId'));
    await until(async () => ((await (await fetch(`${plane.gatewayUrl}/health/ready`)).json() as { supergraph: string }).supergraph === activation.version.id ? true : undefined));
    const { answer } = await admin.send('{ auditLog(first: 1) { nodes { requestId } } }', {});
    expect(answer.errors?.[0]?.extensions?.['code']).toBe('GRAPHQL_VALIDATION_FAILED');
  });
});

test('what is recorded holds no value that a client sent', async () => {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: database.adminUrl });
  await client.connect();
  try {
    const { rows: [row] } = await client.query<{ leaks: string; operations: string }>(`SELECT count(*) FILTER (WHERE text LIKE '%secret%') AS leaks, count(*) AS operations FROM governance_synthesis.schema_operation`);
    expect(Number(row?.operations)).toBeGreaterThan(3);
    expect(row?.leaks).toBe('0');
  } finally {
    await client.end();
  }
});
