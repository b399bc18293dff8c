/** The configuration and scripts that deployments give PostgreSQL, run with real servers: a primary, two synchronous standbys, and what a death costs. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { endChild } from '../../ops/runtime/child-processes.js';
import { freePort } from '../../ops/runtime/free-port.js';
import { projectPath } from '../../ops/runtime/package-root.js';
import { until } from '../kit/until.js';

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
const account = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
const bin = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql').toSorted((a, b) => Number(b) - Number(a)).map((major) => `/usr/lib/postgresql/${major}/bin/`).find((folder) => existsSync(`${folder}pg_basebackup`) && existsSync(`${folder}postgres`)) : undefined;

(bin === undefined ? describe.skip : describe)('one primary and two standbys', () => {
  const binaries = bin ?? '';
  let folder: string;
  let port: number;
  const servers = new Map<string, ChildProcess>();
  const log: string[] = [];
  const connections: pg.Client[] = [];

  const environment = (name: string): Record<string, string> => ({ PATH: `${binaries}:/usr/bin:/bin`, LC_ALL: 'C.UTF-8', PGDATA: join(folder, name), REPLICATION_PASSWORD_FILE: join(folder, 'replication_password'), CONFIG_FILE: join(folder, 'acgs.conf'), BIN: binaries });
  const local = (own: number): string[] => ['-c', `port=${own}`, '-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${folder}`];
  const launch = (name: string, command: string, args: readonly string[], further: Record<string, string> = {}): void => {
    const child = spawn(command, args, { ...account, cwd: '/', env: { ...environment(name), ...further }, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => log.push(`[${name}] ${chunk.toString()}`));
    servers.set(name, child);
  };
  const startPrimary = (): void => launch('primary', `${binaries}postgres`, ['-D', join(folder, 'primary'), '-c', `config_file=${join(folder, 'acgs.conf')}`, ...local(port)]);
  const startStandby = async (name: string): Promise<number> => {
    const own = await freePort();
    launch(name, '/bin/sh', [join(folder, 'start-standby.sh'), ...local(own)], { PRIMARY_HOST: '127.0.0.1', PRIMARY_PORT: String(port), STANDBY_NAME: name });
    return own;
  };
  const end = async (name: string, signal: NodeJS.Signals): Promise<void> => {
    const child = servers.get(name);
    servers.delete(name);
    if (child !== undefined) await endChild(child, signal);
  };
  const connect = async (to: number, user: string, password: string, database = 'acgs'): Promise<pg.Client> => {
    const client = new pg.Client({ host: '127.0.0.1', port: to, user, password, database });
    client.on('error', () => undefined);
    await client.connect();
    connections.push(client);
    return client;
  };
  const acgs = (to = port): Promise<pg.Client> => connect(to, 'acgs_user', 'owner-password');
  const states = async (client: pg.Client): Promise<Record<string, string>> => {
    const { rows } = await client.query<{ application_name: string; sync_state: string }>("SELECT application_name, sync_state FROM pg_stat_replication WHERE state = 'streaming' ORDER BY 1");
    return Object.fromEntries(rows.map(({ application_name, sync_state }) => [application_name, sync_state]));
  };
  // A copy of the primary streams under the standby's name too, and confirms nothing: only a standby is of the quorum.
  const reached = (client: pg.Client, wanted: readonly string[]): Promise<true> =>
    until(async () => (JSON.stringify(await states(client)) === JSON.stringify(Object.fromEntries(wanted.map((name) => [name, 'quorum']))) ? true : undefined), 25_000);

  /** What the image does at first start: initdb, a server on a socket, the scripts, stop. */
  async function initialise(): Promise<void> {
    const run = (program: string, args: readonly string[], further: Record<string, string> = {}): void => {
      const { status, stderr, stdout } = spawnSync(program, args, { ...account, cwd: '/', encoding: 'utf8', env: { ...environment('primary'), ...further } });
      if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}${stdout}`);
    };
    run(`${binaries}initdb`, ['--username=acgs_user', `--pwfile=${join(folder, 'owner_password')}`, '--auth=scram-sha-256', '--data-checksums', '--encoding=UTF8', '--locale=C.UTF-8']);
    const started = ['-D', join(folder, 'primary'), '-w', '-l', join(folder, 'init.log'), '-o', `-c config_file=${join(folder, 'acgs.conf')} -c port=${port} -c listen_addresses='' -c unix_socket_directories=${folder}`];
    run(`${binaries}pg_ctl`, [...started, 'start']);
    const psql = { PGHOST: folder, PGPORT: String(port), PGPASSWORD: 'owner-password', PGOPTIONS: '-c synchronous_commit=local', POSTGRES_USER: 'acgs_user' };
    run(`${binaries}createdb`, ['--username=acgs_user', '--maintenance-db=postgres', 'acgs'], psql);
    run('/bin/sh', [join(folder, 'init-primary.sh')], psql);
    run(`${binaries}pg_ctl`, ['-D', join(folder, 'primary'), '-w', '-m', 'fast', 'stop']);
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'acgs-replication-'));
    chmodSync(folder, 0o755);
    port = await freePort();
    // Where the servers' own account can read them, wherever the project is.
    for (const file of ['acgs.conf', 'init-primary.sh', 'start-standby.sh']) cpSync(projectPath('ops', 'postgres', file), join(folder, file));
    writeFileSync(join(folder, 'replication_password'), 'it\'s a "secret"\n'.replaceAll(/['" ]/g, '-'));
    writeFileSync(join(folder, 'owner_password'), 'owner-password');
    mkdirSync(join(folder, 'primary'), { mode: 0o700 });
    if (isRoot) for (const name of ['', 'primary', 'replication_password', 'owner_password']) chownSync(join(folder, name), NOBODY, NOBODY);
    await initialise();
    startPrimary();
    await Promise.all([startStandby('standby_1'), startStandby('standby_2')]);
  }, 60_000);
  afterAll(async () => {
    await Promise.all(connections.map((client) => client.end().catch(() => undefined)));
    for (const name of servers.keys()) await end(name, 'SIGQUIT');
    rmSync(folder, { recursive: true, force: true });
  });

  test('both standbys are candidates of the quorum, a commit waits for one of them, and none is lost by a death', async () => {
    const client = await until(() => acgs().catch(() => undefined), 20_000);
    await reached(client, ['standby_1', 'standby_2']).catch((error: unknown) => { throw new Error(`${String(error)}\n${log.join('')}`); });
    expect(await states(client)).toEqual({ standby_1: 'quorum', standby_2: 'quorum' });
    expect((await client.query<{ name: string; setting: string }>("SELECT name, setting FROM pg_settings WHERE name IN ('synchronous_commit', 'synchronous_standby_names', 'data_checksums', 'password_encryption') ORDER BY 1")).rows.map(({ setting }) => setting)).toEqual(['on', 'scram-sha-256', 'on', 'ANY 1 (standby_1, standby_2)']);

    await client.query('CREATE TABLE committed (n int PRIMARY KEY)');
    // One standby dies at once: the other confirms.
    await end('standby_1', 'SIGKILL');
    for (let n = 1; n <= 20; n += 1) await client.query('INSERT INTO committed VALUES ($1)', [n]);
    await reached(client, ['standby_2']);

    // Without any, a commit is not told; it is when one is back, which goes on from its slot.
    await end('standby_2', 'SIGKILL');
    let told = false;
    const waiting = client.query('INSERT INTO committed VALUES (21)').then(() => { told = true; });
    const watcher = await until(() => acgs().catch(() => undefined), 20_000);
    await until(async () => ((await watcher.query("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'")).rowCount === 1 ? true : undefined));
    expect(told).toBe(false);
    const standbyPort = await startStandby('standby_1');
    await waiting;
    expect(told).toBe(true);

    // The primary is lost: what was told is on a standby.
    await end('primary', 'SIGKILL');
    const standby = await until(() => acgs(standbyPort).catch(() => undefined), 20_000);
    expect((await standby.query<{ pg_is_in_recovery: boolean }>('SELECT pg_is_in_recovery()')).rows).toEqual([{ pg_is_in_recovery: true }]);
    await until(async () => ((await standby.query('SELECT 1 FROM committed')).rowCount === 21 ? true : undefined));
    // It does not start while a process of its former life still holds the shared memory.
    const again = await until(() => {
      if (servers.get('primary')?.exitCode !== null) startPrimary();
      return acgs().catch(() => undefined);
    }, 20_000);
    await startStandby('standby_2');
    await reached(again, ['standby_1', 'standby_2']);
  }, 90_000);

  test('only the replication role replicates, and nobody enters without a password', async () => {
    const client = await until(() => acgs().catch(() => undefined), 20_000);
    expect((await client.query<{ rolsuper: boolean; rolreplication: boolean; rolcreaterole: boolean }>("SELECT rolsuper, rolreplication, rolcreaterole FROM pg_roles WHERE rolname = 'acgs_replication'")).rows).toEqual([{ rolsuper: false, rolreplication: true, rolcreaterole: false }]);
    await expect(connect(port, 'acgs_replication', 'wrong')).rejects.toMatchObject({ code: '28P01' });
    await expect(connect(port, 'acgs_user', '')).rejects.toThrow();
    const { rows } = await client.query<{ auth_method: string }>('SELECT DISTINCT auth_method FROM pg_hba_file_rules');
    expect(rows).toEqual([{ auth_method: 'scram-sha-256' }]);
  });

  test('a data directory that holds a primary is not started as a standby', async () => {
    await end('standby_2', 'SIGINT');
    rmSync(join(folder, 'standby_2', 'standby.signal'));
    launch('standby_2', '/bin/sh', [join(folder, 'start-standby.sh'), ...local(await freePort())], { PRIMARY_HOST: '127.0.0.1', PRIMARY_PORT: String(port), STANDBY_NAME: 'standby_2' });
    const [code] = await once(servers.get('standby_2') as ChildProcess, 'exit') as [number];
    expect(code).toBe(1);
    expect(log.join('')).toContain('holds a primary; rejoin it by pg_rewind');
  });
});
