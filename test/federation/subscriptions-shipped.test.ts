/** The shipped `watch-*` documents over the whole graph: one stream for all who may see the same, refusals for who may not. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { postAlert } from '../../ops/client/alertmanager-webhook.js';
import type { GraphClient } from '../../ops/client/graph-client.js';
import { dropRoles } from '../../ops/database/provision.js';
import { readEmbeddedConfig } from '../../ops/embedded/config.js';
import { startControlPlane, type ControlPlane } from '../../ops/embedded/control-plane.js';
import { SECRET } from '../../ops/runtime/secret-files.js';
import { createEmptyDatabase, testServerUrl } from '../kit/database.js';
import { counter, login, loginAsAdmin, operation } from '../kit/graph.js';
import { redisEnvironment } from '../kit/redis.js';
import { TEST_HASH } from '../kit/subgraph.js';
import { RawClient, until } from './subscriptions-kit.js';

const MAKE_KEY = 'mutation($scopes: [String!]!) { createApiKey(input: { name: "watcher", scopes: $scopes }) { __typename ... on CreateApiKeyPayload { secret } } }';
const DECLARE = 'mutation($title: String!) { declareIncident(input: { title: $title, severity: P3, serviceId: "auth" }) { __typename } }';
const redis = redisEnvironment();
const rolePrefix = `acgs_w${Math.random().toString(36).slice(2, 8)}_`;
const watchers: RawClient[] = [];
let folder: string;
let database: Awaited<ReturnType<typeof createEmptyDatabase>>;
let plane: ControlPlane;
let admin: GraphClient;
let viewer: GraphClient;

async function makeViewer(): Promise<GraphClient> {
  const { createPrincipal } = await admin.request<{ createPrincipal: { generatedPassword: string; principal: { id: string } } }>(operation('create-person'), { username: 'watcher', displayName: 'Watcher' });
  await admin.request(operation('grant-role'), { principalId: createPrincipal.principal.id, role: 'viewer' });
  return login(plane.gatewayUrl, 'watcher', createPrincipal.generatedPassword);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acgs-shipped-'));
  database = await createEmptyDatabase();
  plane = await startControlPlane(readEmbeddedConfig({ ...redis.environment, DATABASE_URL: database.adminUrl, ACGS_DATA_DIR: folder, ACGS_FREE_PORTS: 'true', ACGS_DATABASE_ROLE_PREFIX: rolePrefix, ACGS_LOG_LEVEL: 'error' }));
  admin = await loginAsAdmin(plane.gatewayUrl, folder);
  viewer = await makeViewer();
}, 60_000);
afterEach(async () => {
  for (const { socket } of watchers.splice(0)) socket.close();
  await until('every stream to end', async () => (await gauge('acgs_subscription_upstream_streams')) === 0);
});
afterAll(async () => {
  await plane?.stop();
  await redis.cleanUp();
  await database?.drop();
  await dropRoles({ connectionString: testServerUrl(), rolePrefix });
  await rm(folder, { recursive: true, force: true });
});

/** Value of a metric of the gateway that has one series. */
async function gauge(name: string): Promise<number> {
  const text = await (await fetch(`${plane.gatewayUrl}/metrics`)).text();
  const value = text.split('\n').find((line) => line.startsWith(name) && /^[ {]/.test(line.slice(name.length)))?.split(' ').at(-1);
  if (value === undefined) throw new Error(`The gateway has no metric ${name}.`);
  return Number(value);
}

/** Subscribes and waits for OPENED, which carries the place the stream has reached. */
async function watch(credentials: Record<string, unknown>, document: string): Promise<RawClient> {
  const client = await RawClient.ready(`${plane.gatewayUrl.replace('http', 'ws')}/graphql`, { ...credentials, constitutionalHash: TEST_HASH });
  watchers.push(client);
  client.subscribe('1', document);
  await until('the first message', () => client.messages.some(({ id }) => id === '1'));
  return client;
}

const holder = ({ options }: GraphClient): Record<string, unknown> => ({ authorization: `Bearer ${options.accessToken}` });

async function keyWith(scopes: readonly string[]): Promise<Record<string, unknown>> {
  const { createApiKey } = await admin.request<{ createApiKey: { secret: string } }>(MAKE_KEY, { scopes });
  return { apiKey: createApiKey.secret };
}

async function raiseAlert(fingerprint: string): Promise<void> {
  const token = (await readFile(join(folder, 'secrets', SECRET.alertmanagerToken), 'utf8')).trim();
  const answer = await postAlert(`${plane.subgraphUrls['policy-governance']}/webhooks/alertmanager`, token, {
    labels: { alertname: 'GatewayLatencyHigh', severity: 'critical', service: 'auth' }, annotations: { summary: 'Slow' },
    fingerprint, startsAt: new Date().toISOString(), groupKey: `group-${fingerprint}`,
  });
  expect(answer.status).toBeLessThan(300);
}

const SHIPPED: ReadonlyArray<readonly [name: string, field: string, cause: () => Promise<unknown>]> = [
  ['watch-alerts', 'alertRaised', () => raiseAlert('00000000000000a1')],
  ['watch-incidents', 'incidentUpdated', () => admin.request(DECLARE, { title: 'Watched' })],
];

test.each(SHIPPED)('%s: two principals share a stream and get the same answers', async (name, field, cause) => {
  const clients = [await watch(holder(admin), operation(name)), await watch(holder(viewer), operation(name))];
  await until('one stream', async () => (await gauge('acgs_subscription_feeds')) === 1);
  expect(await gauge('acgs_subscriptions_active')).toBe(2);
  expect(await gauge('acgs_subscription_upstream_streams')).toBe(1);
  const executions = (): Promise<number> => counter(plane.gatewayUrl, 'acgs_subscription_executions_total', { field });
  const before = await executions();
  await cause();
  await until('the event', () => clients.every((client) => client.nexts('1').length > 1));
  const [first, second] = clients.map((client) => client.nexts('1').find(({ data }) => Object.values(data ?? {}).some((message) => (message as { kind: string }).kind === 'EVENT')));
  expect(first?.errors).toBeUndefined();
  expect(first).toEqual(second);
  // What other subgraphs answer is there, and every event was joined once for both.
  const joined = JSON.stringify(first?.data);
  expect(joined).toMatch(/"onCall":\{"displayName":"[^"]+"\}/);
  expect(joined).toMatch(/"activeDeployment":\{"id":"[^"]+"/);
  await until('one execution an event', async () => (await executions()) - before === (clients[0]?.nexts('1').length ?? 0) - 1);
  expect(await gauge('acgs_subscription_upstream_streams')).toBe(1);
});

test('who lacks the permission of the stream is refused it', async () => {
  const client = await watch(await keyWith(['incident:read']), operation('watch-alerts'));
  expect(await client.errorCodes('1')).toEqual(['UNAUTHORIZED_FIELD_OR_TYPE']);
  expect(client.nexts('1')).toEqual([]);
});

test('who lacks the permission of a joined field gets it refused in every event, beside others who get it', async () => {
  const limited = await watch(await keyWith(['alert:read', 'oncall:read', 'deployment:read', 'compliance:read']), operation('watch-alerts'));
  const full = await watch(holder(viewer), operation('watch-alerts'));
  await raiseAlert('00000000000000a2');
  const eventOf = (client: RawClient): ReturnType<RawClient['nexts']>[number] | undefined => client.nexts('1').find(({ data }) => (data?.['alertRaised'] as { kind: string } | undefined)?.kind === 'EVENT');
  await until('the event', () => eventOf(limited) !== undefined && eventOf(full) !== undefined);
  const incidentOf = (client: RawClient): unknown => (eventOf(client)?.data?.['alertRaised'] as { alert: { incident: unknown } }).alert.incident;
  expect(incidentOf(limited)).toBeNull();
  expect(eventOf(limited)?.errors).toEqual([expect.objectContaining({ path: ['alertRaised', 'alert', 'incident'], extensions: expect.objectContaining({ code: 'UNAUTHORIZED_FIELD_OR_TYPE' }) })]);
  expect(incidentOf(full)).toEqual(expect.objectContaining({ id: expect.stringMatching(/^INC-/) }));
  expect(eventOf(full)?.errors).toBeUndefined();
});
