/** A start that cannot succeed ends at once, names what is wrong, and leaves nothing running. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '../../ops/runtime/free-port.js';
import { projectPath } from '../../ops/runtime/package-root.js';
import { createEmptyDatabase } from '../kit/database.js';

let folder: string;
let database: Awaited<ReturnType<typeof createEmptyDatabase>>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acgs-bad-start-'));
  database = await createEmptyDatabase();
});
afterAll(async () => {
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

function run(script: string, args: string[], environment: Record<string, string>): Promise<{ code: number | null; stderr: string; stdout: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [projectPath('dist', script), ...args], { env: { PATH: process.env['PATH'], ACGS_DATA_DIR: folder, ACGS_LOG_LEVEL: 'silent', ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
    let stderr = '';
    let stdout = '';
    child.stderr.on('data', (chunk: Buffer) => { stderr += chunk.toString(); });
    child.stdout.on('data', (chunk: Buffer) => { stdout += chunk.toString(); });
    child.once('exit', (code) => resolve({ code, stderr, stdout }));
  });
}

describe('configuration', () => {
  test.each<[string, Record<string, string>, string]>([
    ['a port that is none', { ACGS_GATEWAY_PORT: 'four' }, 'ACGS_GATEWAY_PORT'],
    ['a database URL of another kind', { DATABASE_URL: 'mysql://127.0.0.1/acgs' }, 'DATABASE_URL'],
    ['a constitutional hash that is none', { ACGS_CONSTITUTIONAL_HASH: 'CDD01EF066BC6CF2' }, 'ACGS_CONSTITUTIONAL_HASH'],
    ['every interface without a firewall', { ACGS_HOST: '0.0.0.0' }, 'ACGS_HOST'],
  ])('%s stops the process, naming the key with an example', async (_case, environment, key) => {
    const { code, stderr } = await run('ops/embedded/main.js', [], environment);
    expect(code).toBe(1);
    expect(stderr).toContain(`${key}:`);
    expect(stderr).toContain(`example: ${key}=`);
    expect(stderr).not.toContain('    at ');
  });

  test('a subgraph that does not exist is answered with those that do', async () => {
    const { code, stderr } = await run('subgraphs/main.js', ['billing'], {});
    expect(code).toBe(1);
    expect(stderr).toContain('policy-governance');
  });

  test('a subgraph without a manifest does not start', async () => {
    const { code, stderr } = await run('subgraphs/main.js', ['auth', '--port', '0'], { DATABASE_URL: database.adminUrl, ACGS_DATA_DIR: join(folder, 'empty') });
    expect(code).toBe(1);
    expect(stderr).toMatch(/constitution|constitutional_epoch/);
  });
});

describe('surroundings', () => {
  let taken: Server;
  let port: number;
  beforeAll(async () => {
    taken = createServer();
    await new Promise<void>((resolve) => { taken.listen(0, '127.0.0.1', resolve); });
    port = (taken.address() as AddressInfo).port;
  });
  afterAll(async () => { await new Promise<void>((resolve) => { taken.close(() => resolve()); }); });

  test('a port in use is named', async () => {
    const { code, stderr } = await run('ops/embedded/main.js', [], { DATABASE_URL: database.adminUrl, ACGS_GATEWAY_PORT: String(port), ACGS_FREE_PORTS: 'true', ACGS_DATABASE_ROLE_PREFIX: 'acgs_bad_start_' });
    expect(code).toBe(1);
    expect(stderr).toContain(`127.0.0.1:${port}`);
    expect(stderr).toContain('in use');
  });

  test('an unreachable database is named without its password', async () => {
    const nowhere = await freePort();
    const { code, stderr, stdout } = await run('ops/embedded/main.js', [], { DATABASE_URL: `postgres://acgs:s3cret@127.0.0.1:${nowhere}/acgs` });
    expect(code).toBe(1);
    expect(stderr).toContain(String(nowhere));
    expect(stderr + stdout).not.toContain('s3cret');
  });
});
