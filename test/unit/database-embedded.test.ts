/** The embedded server: first and later starts, exclusive directories, and recovery from a crash of either side. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { withClient, withUrl } from '../../ops/database/client.js';
import { isAlive } from '../../ops/database/directory-lock.js';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../ops/database/embedded-postgres.js';
import { projectPath } from '../../ops/runtime/package-root.js';

const warnings: string[] = [];
const logger = { info: () => undefined, warn: (_details: object, message: string) => void warnings.push(message), error: (_details: object, message: string) => void warnings.push(message) };

let root: string;
let directory: string;
let running: EmbeddedPostgres | undefined;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'acgs-embedded-'));
  await chmod(root, 0o755);
  directory = join(root, 'database');
});

afterEach(async () => {
  await running?.stop();
  running = undefined;
  warnings.length = 0;
});

afterAll(() => rm(root, { recursive: true, force: true }));

const start = async (where = directory): Promise<EmbeddedPostgres> => (running = await startEmbeddedPostgres({ directory: where, logger }));

async function ask<T extends object>(sql: string, url = running?.connectionString ?? ''): Promise<T[]> {
  return withClient(url, async (client) => (await client.query<T>(sql)).rows);
}

async function postmasterPid(): Promise<number> {
  return Number((await readFile(join(directory, 'data', 'postmaster.pid'), 'utf8')).split('\n')[0]);
}

async function untilGone(pid: number): Promise<void> {
  for (let waited = 0; isAlive(pid); waited += 20) {
    if (waited > 15_000) throw new Error(`process ${pid} is still alive`);
    await delay(20);
  }
}

/** Another node process that holds the directory; resolves once its server runs. */
async function startHolder(): Promise<ChildProcess> {
  const script = `
    import { startEmbeddedPostgres } from ${JSON.stringify(projectPath('ops', 'database', 'embedded-postgres.ts'))};
    const logger = { info() {}, warn() {}, error() {} };
    await startEmbeddedPostgres({ directory: ${JSON.stringify(directory)}, logger });
    process.stdout.write('ready');
    setInterval(() => {}, 1000);`;
  const file = join(root, 'holder.mts');
  await writeFile(file, script);
  const holder = spawn(process.execPath, ['--import', import.meta.resolve?.('tsx') ?? 'tsx', file], { cwd: projectPath(), stdio: ['ignore', 'pipe', 'inherit'] });
  await Promise.race([
    once(holder.stdout, 'data'),
    once(holder, 'exit').then(() => {
      throw new Error('the holder ended before its server ran');
    }),
  ]);
  return holder;
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

describe('the embedded server', () => {
  it('keeps data over a restart, starts warm in under a second, and enforces its password', async () => {
    await start();
    expect(running?.version).toMatch(/^18\./);
    await ask('CREATE TABLE kept AS SELECT 42 AS answer');
    expect(await ask('SHOW fsync')).toEqual([{ fsync: 'on' }]);
    expect(await ask('SHOW listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
    await expect(ask('SELECT 1', withUrl(running?.connectionString ?? '', { password: 'guessed' }))).rejects.toMatchObject({ code: '28P01' });
    expect((await stat(join(directory, 'superuser-password'))).mode & 0o777).toBe(0o600);
    await running?.stop();
    await running?.stop();

    const began = performance.now();
    await start();
    expect(performance.now() - began).toBeLessThan(1_000);
    expect(await ask('SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  });

  it('refuses a directory that a live process uses, naming it', async () => {
    await start();
    await expect(startEmbeddedPostgres({ directory, logger })).rejects.toMatchObject({ code: 'DATABASE_IN_USE', message: expect.stringContaining(`process ${process.pid}`) });
  });

  it('reports a port that is taken', async () => {
    await start();
    const port = Number(new URL(running?.connectionString ?? '').port);
    await expect(startEmbeddedPostgres({ directory: join(root, 'second'), logger, port })).rejects.toMatchObject({ code: 'PORT_IN_USE' });
  });

  it('takes over the lock of a process that is gone, even when its pid lives again', async () => {
    await writeFile(join(directory, 'lock'), JSON.stringify({ pid: process.pid, started: 'an-earlier-boot/1' }));
    await start();
    expect(await ask('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('recovers when the server was killed with its backends still running', async () => {
    await start();
    const pid = await postmasterPid();
    process.kill(pid, 'SIGKILL');
    await untilGone(pid);
    await running?.stop();
    await start();
    expect(await ask('SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  });

  it('shuts the server down when its process is killed', async () => {
    const holder = await startHolder();
    const pid = await postmasterPid();
    await expect(startEmbeddedPostgres({ directory, logger })).rejects.toMatchObject({ code: 'DATABASE_IN_USE', message: expect.stringContaining(`process ${holder.pid}`) });
    await kill(holder);
    await untilGone(pid);
    await start();
    expect(await ask('SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  });

  it('ends a server that outlived its process at the next start', async () => {
    const holder = await startHolder();
    const pid = await postmasterPid();
    // Without the watcher, as after an out-of-memory kill of everything but the server.
    await killWatcherOf(pid);
    await kill(holder);
    expect(isAlive(pid)).toBe(true);
    await start();
    // A dead orphan stays visible until init reaps it.
    await untilGone(pid);
    expect(warnings).toContain('Ended the database server of a crashed process');
    expect(await ask('SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  });

  it('removes the pid file of a server that is gone and whose pid another program has', async () => {
    await writeFile(join(directory, 'data', 'postmaster.pid'), `${process.ppid}\n${join(directory, 'data')}\n1\n5432\n\n127.0.0.1\n\nready\n`);
    await start();
    expect(isAlive(process.ppid)).toBe(true);
  });

  // Only root runs the server under another account; for others there is nothing to test, so nothing to skip.
  if (process.getuid?.() === 0) {
    it('finds another place for the data when its account cannot enter the directory', async () => {
      const hidden = join(root, 'hidden');
      await mkdir(hidden, { mode: 0o700 });
      await start(join(hidden, 'database'));
      const place = (await readFile(join(hidden, 'database', 'data-location'), 'utf8')).trim();
      try {
        expect(place.startsWith(hidden)).toBe(false);
        expect((await stat(place)).uid).toBe(65_534);
        expect((await stat(place)).mode & 0o777).toBe(0o700);
        await ask('CREATE TABLE kept AS SELECT 7 AS answer');
        await running?.stop();
        await start(join(hidden, 'database'));
        expect(await ask('SELECT answer FROM kept')).toEqual([{ answer: 7 }]);
      } finally {
        await running?.stop();
        await rm(join(place, '..'), { recursive: true });
      }
    });
  }
});

async function killWatcherOf(postmaster: number): Promise<void> {
  const { stdout } = spawn('ps', ['-eo', 'pid=,args='], { stdio: ['ignore', 'pipe', 'inherit'] });
  let listing = '';
  for await (const chunk of stdout) listing += String(chunk);
  const watchers = listing.split('\n').filter((line) => line.includes(`acgs-postgres-watcher ${postmaster} `)).map((line) => Number(line.trim().split(' ')[0]));
  expect(watchers).toHaveLength(1);
  for (const pid of watchers) process.kill(pid, 'SIGKILL');
}
