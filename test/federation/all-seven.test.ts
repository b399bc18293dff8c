/** One query whose plan touches all seven subgraphs, in one process and over seven, and what happens when one of them dies. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { GraphAnswer, GraphClient } from '../../ops/client/graph-client.js';
import { dropRoles } from '../../ops/database/provision.js';
import { readEmbeddedConfig } from '../../ops/embedded/config.js';
import { startControlPlane, type ControlPlane } from '../../ops/embedded/control-plane.js';
import { SUBGRAPH_NAMES, type SubgraphName } from '../../ops/runtime/subgraph-names.js';
import { createEmptyDatabase, testServerUrl } from '../kit/database.js';
import { startDeployment, type Deployment } from '../kit/deployment.js';
import { counter, loginAsAdmin, operation } from '../kit/graph.js';
import { redisEnvironment } from '../kit/redis.js';
import { until } from '../kit/until.js';

interface Service360 {
  service: null | {
    id: string; name: string; tier: number;
    team: { name: string } | null; compliance: { score: number } | null;
    auditEntries: Array<{ kind: string; leafHash: string }>; proofObligations: Array<{ id: string; status: string }>;
    changeRequests: unknown[]; activeDeployment: { version: string } | null;
  };
}

/** The field of the query that each subgraph answers. */
const FIELD_OF: Readonly<Record<Exclude<SubgraphName, 'policy-governance'>, string>> = {
  'auth': 'team', 'constitutional-ai': 'compliance', 'integrity': 'auditEntries', 'formal-verification': 'proofObligations',
  'governance-synthesis': 'changeRequests', 'evolutionary-computation': 'activeDeployment',
};

async function queriesOf(urls: Readonly<Record<SubgraphName, string>>): Promise<Record<SubgraphName, number>> {
  return Object.fromEntries(await Promise.all(SUBGRAPH_NAMES.map(async (name) => [name, await counter(urls[name], 'acgs_requests_total', { operation: 'query', status: '200' })]))) as Record<SubgraphName, number>;
}

/** Asks for the service and expects every subgraph to have been asked exactly once or more, without errors. */
async function expectAllSeven(client: GraphClient, urls: Readonly<Record<SubgraphName, string>>): Promise<void> {
  const before = await queriesOf(urls);
  const { status, answer } = await client.send<Service360>(operation('service-360'), { id: 'auth' });
  expect(answer.errors).toBeUndefined();
  expect(status).toBe(200);
  expect(answer.data?.service).toMatchObject({ id: 'auth', tier: 1, team: { name: expect.any(String) }, activeDeployment: { version: expect.any(String) } });
  expect(answer.extensions?.['constitutional']).toEqual({ hash: 'cdd01ef066bc6cf2', verified: true });
  const after = await queriesOf(urls);
  for (const name of SUBGRAPH_NAMES) expect({ name, asked: after[name] > before[name] }).toEqual({ name, asked: true });
}

describe('all in one process', () => {
  let plane: ControlPlane;
  let folder: string;
  let database: Awaited<ReturnType<typeof createEmptyDatabase>>;
  const redis = redisEnvironment();
  const rolePrefix = `acgs_a${Math.random().toString(36).slice(2, 8)}_`;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'acgs-plane-'));
    database = await createEmptyDatabase();
    plane = await startControlPlane(readEmbeddedConfig({ ...redis.environment, DATABASE_URL: database.adminUrl, ACGS_DATA_DIR: folder, ACGS_FREE_PORTS: 'true', ACGS_DATABASE_ROLE_PREFIX: rolePrefix, ACGS_LOG_LEVEL: 'error' }));
  });
  afterAll(async () => {
    await plane.stop();
    await redis.cleanUp();
    await database.drop();
    await dropRoles({ connectionString: testServerUrl(), rolePrefix });
    await rm(folder, { recursive: true, force: true });
  });

  test('one query is answered by all seven subgraphs', async () => {
    await expectAllSeven(await loginAsAdmin(plane.gatewayUrl, folder), plane.subgraphUrls);
  });

  test('every committed change reaches the audit log', async () => {
    const client = await loginAsAdmin(plane.gatewayUrl, folder);
    const complete = await until(async () => {
      const { auditCompleteness } = await client.request<{ auditCompleteness: { complete: boolean; leaves: number } }>('{ auditCompleteness { complete leaves } }');
      return auditCompleteness.complete ? auditCompleteness : undefined;
    });
    expect(complete.leaves).toBeGreaterThan(10);
  });

  test('the gateway reports all seven as ready', async () => {
    const body = await until(async () => {
      const health = await (await fetch(`${plane.gatewayUrl}/health/ready`)).json() as { status: string; degraded: string[]; subgraphs: Record<string, { status: string }> };
      return health.degraded.length === 0 ? health : undefined;
    });
    expect(Object.keys(body.subgraphs).sort()).toEqual([...SUBGRAPH_NAMES].sort());
  });
});

describe('seven processes and a gateway', () => {
  let deployment: Deployment;
  let client: GraphClient;

  beforeAll(async () => {
    deployment = await startDeployment();
    client = await loginAsAdmin(deployment.gatewayUrl, deployment.dataDirectory);
  }, 60_000);
  afterAll(async () => { await deployment.stop(); }, 60_000);

  const ask = async (): Promise<GraphAnswer<Service360>> => (await client.send<Service360>(operation('service-360'), { id: 'auth' })).answer;

  test('the same query is answered by all seven', async () => { await expectAllSeven(client, deployment.urls); });

  test.each(Object.keys(FIELD_OF) as Array<keyof typeof FIELD_OF>)('kill -9 of %s under traffic: the other fields answer, the error is at its path, and it comes back', async (victim) => {
    const field = FIELD_OF[victim];
    let running = true;
    const answers: GraphAnswer<Service360>[] = [];
    const traffic = Promise.all(Array.from({ length: 4 }, async () => { while (running) answers.push(await ask()); }));
    await until(async () => (answers.length > 10 ? true : undefined));
    await deployment.kill(victim);
    const broken = await until(async () => answers.find((answer) => answer.errors?.some((error) => error.path?.includes(field))));
    expect(broken.errors?.every((error) => error.path?.[0] === 'service' && typeof error.extensions?.['code'] === 'string')).toBe(true);
    await deployment.start(victim);
    await until(async () => ((await ask()).errors === undefined ? true : undefined));
    running = false;
    await traffic;
    // What other subgraphs own was there all the time, in every single answer.
    for (const answer of answers) expect(answer.data?.service?.name).toEqual(expect.any(String));
    const stillThere = answers.filter((answer) => answer.errors !== undefined);
    for (const answer of stillThere) expect(answer.extensions?.['constitutional']).toMatchObject({ hash: 'cdd01ef066bc6cf2' });
  }, 60_000);

  test('kill -9 of the subgraph that owns the root: the error is at the root, other roots answer, and it comes back', async () => {
    await deployment.kill('policy-governance');
    const { answer } = await client.send<{ service: unknown; constitutionalValidation: { valid: boolean } }>('{ service(id: "auth") { id } constitutionalValidation { valid } }');
    expect(answer.data).toEqual({ service: null, constitutionalValidation: { valid: true } });
    expect(answer.errors?.map((error) => [error.path, error.extensions?.['code']])).toEqual([[['service'], 'SUBGRAPH_UNAVAILABLE']]);
    await deployment.start('policy-governance');
    await until(async () => ((await ask()).errors === undefined ? true : undefined));
  }, 60_000);
});
