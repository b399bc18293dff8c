/** kill -9 of the whole process under writes: nothing that was acknowledged is missing after the restart. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { dropRoles } from '../../ops/database/provision.js';
import { projectPath } from '../../ops/runtime/package-root.js';
import { createEmptyDatabase, testServerUrl } from '../kit/database.js';
import { loginAsAdmin } from '../kit/graph.js';
import { redisEnvironment } from '../kit/redis.js';
import { until } from '../kit/until.js';

const ROUNDS = 3;
const WRITERS = 4;
const DECLARE = `mutation($input: DeclareIncidentInput!, $key: String!) { declareIncident(input: $input, idempotencyKey: $key) { __typename ... on IncidentPayload { incident { id } } ... on Problem { code message } } }`;

let folder: string;
let database: Awaited<ReturnType<typeof createEmptyDatabase>>;
const redis = redisEnvironment();
const rolePrefix = `acgs_k${Math.random().toString(36).slice(2, 8)}_`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acgs-kill-'));
  database = await createEmptyDatabase();
});
afterAll(async () => {
  await redis.cleanUp();
  await database.drop();
  await dropRoles({ connectionString: testServerUrl(), rolePrefix });
  await rm(folder, { recursive: true, force: true });
});

async function start(): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, [projectPath('dist', 'ops', 'embedded', 'main.js')], {
    env: { PATH: process.env['PATH'], ...redis.environment, DATABASE_URL: database.adminUrl, ACGS_DATA_DIR: folder, ACGS_FREE_PORTS: 'true', ACGS_DATABASE_ROLE_PREFIX: rolePrefix, ACGS_LOG_LEVEL: 'error' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => { output += chunk.toString(); });
  const url = await until(async () => {
    if (child.exitCode !== null) throw new Error(`The control plane ended:\n${output}`);
    return /GraphQL +(http:\S+)\/graphql/.exec(output)?.[1];
  }, 30_000);
  return { url, child };
}

test('no acknowledged write is missing, and a retried one is not doubled', async () => {
  const acknowledged = new Map<string, string>();
  const attempted = new Map<string, unknown>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const { url, child } = await start();
    const client = await loginAsAdmin(url, folder);
    let running = true;
    const writers = Array.from({ length: WRITERS }, async (_, writer) => {
      for (let n = 0; running; n += 1) {
        const key = `r${round}-w${writer}-${n}`;
        const input = { title: key, severity: 'P3', serviceId: 'auth' };
        attempted.set(key, input);
        try {
          const { declareIncident } = await client.request<{ declareIncident: { __typename: string; incident?: { id: string }; message?: string } }>(DECLARE, { input, key });
          if (declareIncident.incident === undefined) throw new Error(declareIncident.message);
          acknowledged.set(key, declareIncident.incident.id);
        } catch (error) {
          if (running) throw error;
        }
      }
    });
    await until(async () => (acknowledged.size > (round + 1) * 40 ? true : undefined), 20_000);
    running = false;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    await Promise.all(writers);
  }

  const { url, child } = await start();
  try {
    const client = await loginAsAdmin(url, folder);
    // A client that never got its answer asks again under the same key, whatever became of the first attempt.
    for (const [key, input] of attempted) {
      if (acknowledged.has(key)) continue;
      const { declareIncident } = await client.request<{ declareIncident: { incident: { id: string } } }>(DECLARE, { input, key });
      acknowledged.set(key, declareIncident.incident.id);
    }
    const stored = new Map<string, string[]>();
    for (let after: string | null = null; ;) {
      const { incidents }: { incidents: { nodes: Array<{ id: string; title: string }>; endCursor: string; hasNextPage: boolean } } =
        await client.request('query($after: Cursor) { incidents(first: 100, after: $after) { nodes { id title } endCursor hasNextPage } }', { after });
      for (const { id, title } of incidents.nodes) stored.set(title, [...(stored.get(title) ?? []), id]);
      if (!incidents.hasNextPage) break;
      after = incidents.endCursor;
    }
    process.stdout.write(`rounds ${ROUNDS}, attempted ${attempted.size}, acknowledged ${acknowledged.size}, stored ${stored.size}\n`);
    for (const [key, id] of acknowledged) expect({ key, ids: stored.get(key) }).toEqual({ key, ids: [id] });
    const complete = await until(async () => {
      const { auditCompleteness } = await client.request<{ auditCompleteness: { complete: boolean } }>('{ auditCompleteness { complete } }');
      return auditCompleteness.complete ? true : undefined;
    });
    expect(complete).toBe(true);
  } finally {
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
  }
}, 120_000);
