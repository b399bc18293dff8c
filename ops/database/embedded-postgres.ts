/** Runs a real PostgreSQL from npm binaries: scram passwords, loopback only, safe against crashes of either side. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { openSync, closeSync } from 'node:fs';
import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve as absolute } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { chooseDataDirectory, endLeftoverServer, ensureCluster, readIfPresent, serverEnvironment, type DataDirectory } from './data-directory.js';
import { DatabaseStartError } from './database-start-error.js';
import { lockDirectory } from './directory-lock.js';
import { preparePostgresBinaries, type PostgresBinaries } from './embedded-binaries.js';

/** Sized for a laptop or a two-core box; durability stays on. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  password_encryption: 'scram-sha-256',
  shared_buffers: '64MB',
  max_connections: '120',
  fsync: 'on',
  wal_level: 'replica',
  max_wal_size: '512MB',
  io_method: 'sync',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  log_min_messages: 'warning',
  log_line_prefix: '%m [%p] ',
};

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;
const LOG_LIMIT_BYTES = 5_000_000;
const PORT_ATTEMPTS = 5;

/** The part of a pino logger that is used. */
export interface DatabaseLogger {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

export interface EmbeddedPostgres {
  /** URL of the superuser; holds the password, so keep it out of logs. */
  readonly connectionString: string;
  /** Version of the binaries, for example 18.4.0-beta.17. */
  readonly version: string;
  /** Fast shutdown: disconnects everybody, writes a checkpoint, waits. Later calls wait for the first. */
  stop(): Promise<void>;
}

/**
 * Starts the server of a directory, creating the cluster at the first start (seconds; later starts take a fraction of one).
 * As root the server runs under an unprivileged account. When this process dies in whatever way, the server shuts down;
 * what survives even that is ended by the next start.
 * @param options.directory holds everything: data (or where it is), password file (0600), lock and server log.
 * @param options.port default: a free one. Always on 127.0.0.1.
 * @throws DatabaseStartError with a code and a hint; DATABASE_IN_USE when another live process has the directory.
 */
export async function startEmbeddedPostgres(options: { directory: string; logger: DatabaseLogger; port?: number }): Promise<EmbeddedPostgres> {
  const { logger } = options;
  const directory = absolute(options.directory);
  const binaries = await preparePostgresBinaries(process.getuid?.() === 0);
  await mkdir(directory, { recursive: true });
  const unlock = await lockDirectory(join(directory, 'lock'));
  try {
    const data = await chooseDataDirectory(directory);
    const ended = await endLeftoverServer(data.path);
    if (ended.length > 0) logger.warn({ pids: ended, data: data.path }, 'Ended the database server of a crashed process');
    const password = await superuserPassword(directory, data.path);
    await ensureCluster(binaries.home, data, binaries.version, password);
    const logFile = await rotatedLog(directory);
    const { server, watcher, port } = await startOnPort(binaries, data, logFile, logger, options.port);
    logger.info({ port, version: binaries.version, data: data.path }, 'Embedded PostgreSQL is running');
    return {
      connectionString: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
      version: binaries.version,
      stop: stopper(server, watcher, logger, logFile, unlock),
    };
  } catch (error) {
    await unlock();
    throw error;
  }
}

async function superuserPassword(directory: string, dataPath: string): Promise<string> {
  const file = join(directory, 'superuser-password');
  const present = (await readIfPresent(file))?.trim();
  if (present) return present;
  if ((await readIfPresent(join(dataPath, 'PG_VERSION'))) !== undefined) {
    throw new DatabaseStartError('DATA_DIRECTORY_UNUSABLE', `${file} is missing although the database exists.`, 'Restore the file, or remove the directory to start with an empty database.');
  }
  const password = randomBytes(24).toString('base64url');
  await writeFile(file, `${password}\n`, { mode: 0o600 });
  return password;
}

async function rotatedLog(directory: string): Promise<string> {
  const file = join(directory, 'server.log');
  const size = (await readIfPresent(file)) === undefined ? 0 : (await stat(file)).size;
  if (size > LOG_LIMIT_BYTES) await rename(file, `${file}.1`);
  return file;
}

interface Running {
  readonly server: ChildProcess;
  readonly watcher: ChildProcess;
  readonly port: number;
}

async function startOnPort(binaries: PostgresBinaries, data: DataDirectory, logFile: string, logger: DatabaseLogger, wanted: number | undefined): Promise<Running> {
  for (let attempt = 1; ; attempt += 1) {
    // Between finding a free port and using it somebody else may take it: try again with another.
    const port = wanted ?? (await freePort());
    const logStart = (await readIfPresent(logFile))?.length ?? 0;
    const server = spawnServer(binaries, data, logFile, port);
    const watcher = spawnWatcher(server, data);
    watcher.once('error', (error) => logger.warn({ err: error }, 'The server has no watcher and may outlive a crash until the next start'));
    try {
      await untilReady(server, data.path, logFile, logStart);
      return { server, watcher, port };
    } catch (error) {
      watcher.kill('SIGKILL');
      const portTaken = error instanceof DatabaseStartError && error.code === 'PORT_IN_USE';
      if (!portTaken || wanted !== undefined || attempt >= PORT_ATTEMPTS) throw error;
    }
  }
}

function spawnServer(binaries: PostgresBinaries, data: DataDirectory, logFile: string, port: number): ChildProcess {
  const settings = { ...SETTINGS, port: String(port) };
  const args = ['-D', data.path, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  const log = openSync(logFile, 'a', 0o600);
  try {
    // A session of its own: Ctrl-C reaches this process, which then stops the server last.
    const server = spawn(join(binaries.home, 'bin', 'postgres'), args, {
      ...data.account,
      cwd: '/',
      env: serverEnvironment(binaries.home),
      detached: true,
      stdio: ['ignore', log, log],
    });
    server.unref();
    return server;
  } finally {
    closeSync(log);
  }
}

/** A shell that sleeps on a pipe to this process: the pipe closes however we die, and the server gets its fast shutdown. */
function spawnWatcher(server: ChildProcess, data: DataDirectory): ChildProcess {
  const script = 'cat >/dev/null; [ "$(head -n 1 "$2" 2>/dev/null)" = "$1" ] && kill -INT "$1"';
  const watcher = spawn('/bin/sh', ['-c', script, 'acgs-postgres-watcher', String(server.pid), join(data.path, 'postmaster.pid')], {
    ...data.account,
    cwd: '/',
    env: { PATH: '/usr/bin:/bin' },
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watcher.unref();
  // An idle pipe must not keep this process alive.
  if (watcher.stdin !== null && 'unref' in watcher.stdin && typeof watcher.stdin.unref === 'function') watcher.stdin.unref();
  return watcher;
}

async function untilReady(server: ChildProcess, dataPath: string, logFile: string, logStart: number): Promise<void> {
  let failure: Error | undefined;
  server.once('error', (error) => (failure = error));
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (Date.now() < deadline) {
    if (failure !== undefined) {
      throw new DatabaseStartError('SERVER_FAILED', `The server could not be run: ${failure.message}.`, `See ${logFile}.`, { cause: failure });
    }
    if (server.exitCode !== null || server.signalCode !== null) throw await startFailure(server, logFile, logStart);
    const status = (await readIfPresent(join(dataPath, 'postmaster.pid')))?.split('\n');
    if (status?.[0] === String(server.pid) && status[7]?.trim() === 'ready') return;
    await delay(10);
  }
  server.kill('SIGQUIT');
  throw new DatabaseStartError('SERVER_FAILED', `The server was not ready after ${READY_TIMEOUT_MS / 1000} s.`, `See ${logFile}.`);
}

async function startFailure(server: ChildProcess, logFile: string, logStart: number): Promise<DatabaseStartError> {
  const log = ((await readIfPresent(logFile)) ?? '').slice(logStart).trim();
  if (log.includes('Address already in use')) {
    return new DatabaseStartError('PORT_IN_USE', 'The port on 127.0.0.1 is taken by another program.', 'Choose another port, or leave it out to get a free one.');
  }
  return new DatabaseStartError('SERVER_FAILED', `The server ended with ${server.exitCode ?? server.signalCode}: ${log.slice(-1_500)}`, `The full log is ${logFile}.`);
}

function stopper(server: ChildProcess, watcher: ChildProcess, logger: DatabaseLogger, logFile: string, unlock: () => Promise<void>): () => Promise<void> {
  let stopping: Promise<void> | undefined;
  const ended = new Promise<void>((resolve) => {
    server.once('exit', (code, signal) => {
      if (stopping === undefined) logger.error({ code, signal, logFile }, 'Embedded PostgreSQL ended by itself');
      resolve();
    });
  });
  const stop = async (): Promise<void> => {
    // Unreferenced while running; now there is something to wait for.
    server.ref();
    if (server.exitCode === null && server.signalCode === null) {
      server.kill('SIGINT');
      const escalation = setTimeout(() => server.kill('SIGQUIT'), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(escalation);
    }
    watcher.kill('SIGKILL');
    await unlock();
  };
  return () => (stopping ??= stop());
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new Error('The system gave no port.'));
      });
    });
  });
}
