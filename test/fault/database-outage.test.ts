/** The database dies under a running control plane: clear errors meanwhile, nothing half-written, service again when it is back. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { GraphClient } from '../../ops/client/graph-client.js';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../ops/database/embedded-postgres.js';
import { readEmbeddedConfig } from '../../ops/embedded/config.js';
import { startControlPlane, type ControlPlane } from '../../ops/embedded/control-plane.js';
import { createLogger } from '../../ops/runtime/logger.js';
import { loginAsAdmin } from '../kit/graph.js';
import { until } from '../kit/until.js';

const DECLARE = `mutation($title: String!, $key: String!) { declareIncident(input: { title: $title, severity: P3, serviceId: "auth" }, idempotencyKey: $key) { __typename ... on IncidentPayload { incident { id } } } }`;
const COUNT = '{ incidents(first: 100) { nodes { title } } }';

let folder: string;
let postgres: EmbeddedPostgres;
let plane: ControlPlane;
let client: GraphClient;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acgs-outage-'));
  postgres = await startEmbeddedPostgres({ directory: join(folder, 'postgres'), logger: createLogger('postgres', 'silent') });
  plane = await startControlPlane(readEmbeddedConfig({ DATABASE_URL: postgres.connectionString, ACGS_DATA_DIR: folder, ACGS_FREE_PORTS: 'true', ACGS_LOG_LEVEL: 'silent' }));
  client = await loginAsAdmin(plane.gatewayUrl, folder);
}, 60_000);
afterAll(async () => {
  // Where starting failed, that is the error to show, not one of stopping what is not there.
  await plane?.stop();
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
});

test('errors are DATABASE_UNAVAILABLE while it is gone, and everything works again without a restart', async () => {
  const port = Number(new URL(postgres.connectionString).port);
  const before = await client.request<{ declareIncident: { incident: { id: string } } }>(DECLARE, { title: 'before', key: 'outage-1' });
  expect(before.declareIncident.incident.id).toMatch(/^INC-/);
  await postgres.stop();

  const read = await client.send(COUNT);
  expect(read.answer.errors?.map((error) => error.extensions?.['code'])).toEqual(['DATABASE_UNAVAILABLE']);
  const write = await client.send(DECLARE, { title: 'during', key: 'outage-2' });
  // Revocations come from the database too: a second into the outage a CRITICAL mutation fails closed for that reason.
  expect(['DATABASE_UNAVAILABLE', 'REVOCATION_FEED_STALE']).toContain(write.answer.errors?.[0]?.extensions?.['code']);
  expect(write.answer.errors).toHaveLength(1);
  const subgraph = await fetch(`${plane.subgraphUrls['policy-governance']}/health/ready`);
  expect(subgraph.status).toBe(503);
  expect(await subgraph.json()).toMatchObject({ database: 'down' });
  expect((await fetch(`${plane.gatewayUrl}/health/ready`)).status).toBe(200);

  postgres = await startEmbeddedPostgres({ directory: join(folder, 'postgres'), logger: createLogger('postgres', 'silent'), port });
  const after = await until(async () => {
    const { answer } = await client.send<{ declareIncident: { incident: { id: string } } }>(DECLARE, { title: 'during', key: 'outage-2' });
    return answer.errors === undefined ? answer.data : undefined;
  });
  expect(after?.declareIncident.incident.id).toMatch(/^INC-/);
  const titles = (await client.request<{ incidents: { nodes: Array<{ title: string }> } }>(COUNT)).incidents.nodes.map((node) => node.title).sort();
  expect(titles).toEqual(['before', 'during']);
  await until(async () => ((await client.request<{ auditCompleteness: { complete: boolean } }>('{ auditCompleteness { complete } }')).auditCompleteness.complete ? true : undefined));
  const log = await readFile(join(folder, 'postgres', 'server.log'), 'utf8').catch(() => '');
  expect(log).not.toContain('PANIC');
}, 60_000);
