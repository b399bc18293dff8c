/**
 * `npm run bench -- footprint [--changes N] [--operations N]`: what is kept of each change and of each operation that clients
 * ask, in bytes of PostgreSQL with indexes; connections and series of a control plane with all parts in use. Bytes are the
 * growth of tables over many rows, divided; page slack is in it.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { GraphClient } from '../client/graph-client.js';
import { withClient } from '../database/client.js';
import { readEmbeddedConfig } from '../embedded/config.js';
import { startControlPlane, type ControlPlane } from '../embedded/control-plane.js';
import { projectPath } from '../runtime/package-root.js';
import { benchEnvironment } from './config.js';

const CONCURRENCY = 8;
const CLIENTS = ['console', 'reports', 'mobile'] as const;
/** Longest wait for the audit log or the registry to have everything, milliseconds. */
const PATIENCE_MS = 120_000;

/** Tables that grow with every change, by what they are for. */
const OF_CHANGES = {
  'outbox (event and audit leaf)': ['policy_governance.outbox'],
  'audit log with its subjects': ['integrity.leaf', 'integrity.leaf_subject'],
  'idempotency, kept for 24 hours': ['policy_governance.idempotency'],
  'the incident itself with its history': ['policy_governance.incident', 'policy_governance.timeline_entry'],
} as const;

const shipped = (name: string): Promise<string> => readFile(projectPath('schema', 'operations', `${name}.graphql`), 'utf8');
const say = (what: string, amount: string): boolean => process.stdout.write(`${what.padEnd(54)} ${amount.padStart(12)}\n`);

async function sizeOf(plane: ControlPlane, tables: readonly string[]): Promise<number> {
  return withClient(plane.adminUrl, async (client) => {
    const { rows: [row] } = await client.query<{ bytes: string }>('SELECT sum(pg_total_relation_size(name::regclass)) AS bytes FROM unnest($1::text[]) AS name', [tables]);
    return Number(row?.bytes);
  });
}

async function settled(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (!await holds()) {
    if (Date.now() > end) throw new Error(`${what} was not complete after ${PATIENCE_MS / 1_000} s.`);
    await delay(100);
  }
}

/** Does the work, a few at a time. */
async function each(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: CONCURRENCY }, async () => {
    while (next < count) await work(next++);
  }));
}

async function loggedIn(plane: ControlPlane, dataDirectory: string): Promise<GraphClient> {
  const client = new GraphClient({ url: plane.gatewayUrl, constitutionalHash: plane.installation.manifest.active });
  const password = (await readFile(join(dataDirectory, 'secrets', 'admin.password'), 'utf8')).trim();
  const { login } = await client.request<{ login: { accessToken?: string } }>(await shipped('login'), { username: 'admin', password });
  if (login.accessToken === undefined) throw new Error('The login gave no token.');
  return client.as(login.accessToken);
}

async function changes(plane: ControlPlane, admin: GraphClient, count: number): Promise<void> {
  const complete = async (): Promise<boolean> => (await admin.request<{ auditCompleteness: { complete: boolean } }>('{ auditCompleteness { complete } }')).auditCompleteness.complete;
  await settled('The audit log', complete);
  const before = await Promise.all(Object.values(OF_CHANGES).map((tables) => sizeOf(plane, tables)));
  const declare = await shipped('declare-incident');
  await each(count, async (index) => {
    await admin.request(declare, { input: { title: `Slow answers ${index}`, severity: 'P3', serviceId: 'auth' }, idempotencyKey: `footprint-${index}` });
  });
  await settled('The audit log', complete);
  for (const [at, [what, tables]] of Object.entries(OF_CHANGES).entries()) {
    say(`bytes a change: ${what}`, ((await sizeOf(plane, tables) - (before[at] ?? 0)) / count).toFixed(0));
  }
}

async function usage(plane: ControlPlane, admin: GraphClient, count: number): Promise<void> {
  const kept = async (): Promise<number> => withClient(plane.adminUrl, async (client) => Number((await client.query<{ count: string }>(`SELECT count(*) FROM governance_synthesis.schema_operation_day WHERE client = ANY($1)`, [CLIENTS])).rows[0]?.count));
  const tables = { operation: ['governance_synthesis.schema_operation'], day: ['governance_synthesis.schema_operation_day'] };
  const before = { operation: await sizeOf(plane, tables.operation), day: await sizeOf(plane, tables.day) };
  const fields = ['id', 'title', 'status', 'severity', 'version', 'declaredAt', 'acknowledgedAt', 'resolvedAt', 'nextSteps', 'constitutionalHash'];
  // Every number is another set of fields, so another operation.
  const query = (index: number): string => `query Footprint${index} { incidents(first: 1) { nodes { ${fields.filter((_, bit) => ((index + 1) >> bit) % 2 === 1).join(' ')} service { id name } } } }`;
  for (const clientName of CLIENTS) {
    const client = new GraphClient({ ...admin.options, clientName });
    await each(count, async (index) => { await client.request(query(index)); });
  }
  await settled('The record of usage', async () => await kept() === count * CLIENTS.length);
  say('bytes an operation, once', ((await sizeOf(plane, tables.operation) - before.operation) / count).toFixed(0));
  say('bytes an operation, client and day', ((await sizeOf(plane, tables.day) - before.day) / (count * CLIENTS.length)).toFixed(0));
}

async function connectionsAndSeries(plane: ControlPlane): Promise<void> {
  const series = async (url: string): Promise<number> => (await (await fetch(`${url}/metrics`)).text()).split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
  say('series of the gateway and its process', String(await series(plane.gatewayUrl)));
  for (const [name, url] of Object.entries(plane.subgraphUrls)) say(`series of ${name}`, String(await series(url)));
  const rows = await withClient(plane.adminUrl, async (client) => (await client.query<{ usename: string; count: string }>(`SELECT usename, count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() GROUP BY usename ORDER BY usename`)).rows);
  for (const { usename, count } of rows) say(`connections of ${usename}`, count);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { changes: { type: 'string', default: '2000' }, operations: { type: 'string', default: '500' } } });
  const [changeCount, operationCount] = [Number(values.changes), Number(values.operations)];
  if (![changeCount, operationCount].every((count) => Number.isInteger(count) && count > 0) || operationCount > 1_000) throw new RangeError('--changes is a whole number above 0, --operations one up to 1000.');
  const folder = await mkdtemp(join(tmpdir(), 'acgs-bench-footprint-'));
  let plane: ControlPlane | undefined;
  try {
    plane = await startControlPlane(readEmbeddedConfig({ ...benchEnvironment(), ACGS_DATA_DIR: folder, ACGS_FREE_PORTS: 'true', ACGS_SCHEMA_USAGE_INTERVAL_MS: '500', ACGS_RATE_LIMIT: 'off' }));
    const admin = await loggedIn(plane, folder);
    await changes(plane, admin, changeCount);
    await usage(plane, admin, operationCount);
    await connectionsAndSeries(plane);
  } finally {
    await plane?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
