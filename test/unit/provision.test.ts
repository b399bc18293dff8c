/** The provision command as containers run it: what it makes, that it may be run again and by several at once, and that its bundles suffice. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { dropRoles } from '../../ops/database/provision.js';
import { withUrl } from '../../ops/database/client.js';
import { deriveHopKey } from '../../ops/runtime/hop-token.js';
import { projectPath } from '../../ops/runtime/package-root.js';
import { secretKey } from '../../ops/runtime/secret-files.js';
import { SUBGRAPH_NAMES } from '../../ops/runtime/subgraph-names.js';
import { createEmptyDatabase, testServerUrl } from '../kit/database.js';

const rolePrefix = `acgs_p${Math.random().toString(36).slice(2, 8)}_`;
const owner = `${rolePrefix}owner`;
let folder: string;
let database: Awaited<ReturnType<typeof createEmptyDatabase>>;
let ownerUrl: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'acgs-provision-'));
  database = await createEmptyDatabase();
  // As a managed PostgreSQL gives it: an owner of the database who may make roles, and no superuser.
  const client = new pg.Client({ connectionString: database.adminUrl });
  await client.connect();
  await client.query(`CREATE ROLE ${owner} LOGIN CREATEROLE PASSWORD 'owner'`);
  await client.query(`ALTER DATABASE ${new URL(database.adminUrl).pathname.slice(1)} OWNER TO ${owner}`);
  await client.query(`ALTER SCHEMA public OWNER TO ${owner}`);
  await client.end();
  ownerUrl = withUrl(database.adminUrl, { user: owner, password: 'owner' });
});
afterAll(async () => {
  await database.drop();
  await dropRoles({ connectionString: testServerUrl(), rolePrefix });
  const client = new pg.Client({ connectionString: testServerUrl() });
  await client.connect();
  await client.query(`DROP ROLE ${owner}`);
  await client.end();
  rmSync(folder, { recursive: true, force: true });
});

interface Ended { readonly code: number | null; readonly stdout: string; readonly stderr: string }

function run(args: readonly string[], environment: Readonly<Record<string, string>>): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [projectPath('dist', 'ops', 'provision', 'main.js'), ...args], { env: { PATH: process.env['PATH'] ?? '', ACGS_DATABASE_ROLE_PREFIX: rolePrefix, ...environment } });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => { stdout += chunk.toString(); });
    child.stderr.on('data', (chunk: Buffer) => { stderr += chunk.toString(); });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

function filesIn(directory: string): Record<string, string> {
  return Object.fromEntries(readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => {
    const path = join(entry.parentPath, entry.name);
    return [relative(directory, path), readFileSync(path, 'base64')];
  }));
}

test('three at once agree, and a fourth finds nothing to do', async () => {
  const data = join(folder, 'data');
  const bundles = join(data, 'bundles');
  const urlFile = join(folder, 'owner.url');
  writeFileSync(urlFile, `${ownerUrl}\n`);
  const environment = { ACGS_DATA_DIR: data, DATABASE_URL_FILE: urlFile };
  const runs = await Promise.all([1, 2, 3].map(() => run(['--bundles', bundles], environment)));
  for (const { code, stderr } of runs) expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(runs.filter(({ stdout }) => (JSON.parse(stdout) as { migrationsApplied: number }).migrationsApplied > 0)).toHaveLength(1);

  const before = filesIn(data);
  const again = await run(['--bundles', bundles], environment);
  expect(JSON.parse(again.stdout)).toEqual({ step: 'all', newInstallation: false, migrationsApplied: 0, filesWritten: 0 });
  expect(filesIn(data)).toEqual(before);

  // Each bundle holds its own and nobody else's.
  const master = secretKey(data, 'hop-master.key');
  expect(readdirSync(bundles).toSorted()).toEqual(['alertmanager', 'gateway', ...SUBGRAPH_NAMES].toSorted());
  for (const name of SUBGRAPH_NAMES) {
    const bundle = join(bundles, name);
    expect(secretKey(bundle, `hop-${name}.key`)).toEqual(deriveHopKey(master, name));
    expect(Object.keys(filesIn(bundle)).filter((file) => /hop-|cursor-/.test(file)).toSorted()).toEqual([`secrets/cursor-${name}.key`, `secrets/hop-${name}.key`]);
    expect(readFileSync(join(bundle, 'secrets', 'database.url'), 'utf8')).toContain(`//${rolePrefix}${name.replaceAll('-', '_')}:`);
    expect(statSync(join(bundle, 'secrets', 'database.url')).mode & 0o777).toBe(0o400);
  }
  expect(Object.values(filesIn(bundles))).not.toContain(before['constitution/private.pem']);
  expect(Object.keys(filesIn(join(bundles, 'gateway'))).toSorted()).toEqual(['constitution/manifest.json', 'constitution/public.pem', 'schema-registry/public.jwk.json', 'secrets/hop-master.key']);

  // The first password is handed out once: when it was changed it must not come back.
  rmSync(join(data, 'secrets', 'admin.password'));
  rmSync(join(bundles, 'auth', 'secrets', 'admin.password'));
  expect((await run(['--bundles', bundles], environment)).code).toBe(0);
  expect(Object.keys(filesIn(data)).filter((file) => file.endsWith('admin.password'))).toEqual([]);
});

test('keys alone need no database, and the database step takes them read-only', async () => {
  const data = join(folder, 'offline');
  expect(JSON.parse((await run(['keys'], { ACGS_DATA_DIR: data })).stdout)).toEqual({ step: 'keys', newInstallation: true, migrationsApplied: 0, filesWritten: 0 });
  const before = filesIn(data);
  expect(spawnSync('chmod', ['-R', 'a-w', data]).status).toBe(0);
  try {
    expect((await run(['database'], { ACGS_DATA_DIR: data, DATABASE_URL: ownerUrl, ACGS_DATABASE_ROLE_PREFIX: rolePrefix })).code).toBe(0);
    expect(filesIn(data)).toEqual(before);
  } finally {
    spawnSync('chmod', ['-R', 'u+w', data]);
  }
});

test('what is wrong is said, with the next step, and without the password', async () => {
  const none = await run([], { ACGS_DATA_DIR: join(folder, 'x') });
  expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('DATABASE_URL: the database to prepare is missing') });
  const nobody = await run(['database'], { ACGS_DATA_DIR: join(folder, 'offline'), DATABASE_URL: 'postgres://acgs:hunter2@127.0.0.1:1/acgs' });
  expect(nobody.code).toBe(1);
  expect(nobody.stderr).toMatch(/ECONNREFUSED.*Run the command again when it is\./s);
  expect(nobody.stderr).not.toContain('hunter2');
  chmodSync(join(folder, 'offline', 'constitution', 'manifest.json'), 0o644);
  writeFileSync(join(folder, 'offline', 'constitution', 'manifest.json'), '{}');
  expect(await run(['keys'], { ACGS_DATA_DIR: join(folder, 'offline') })).toMatchObject({ code: 1, stderr: expect.stringContaining('The manifest is malformed') });
});
