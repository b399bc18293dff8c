/** Chooses, creates and cleans up the data directory of the embedded PostgreSQL. */
import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, readlink, realpath, rename, rm, stat, writeFile, chown, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DatabaseStartError } from './database-start-error.js';
import { isAlive } from './directory-lock.js';
import { hasCode } from './embedded-binaries.js';

/** The unprivileged account ("nobody") the server runs under when we are root. */
const NOBODY = 65_534;

export interface ServerAccount {
  readonly uid: number;
  readonly gid: number;
}

export interface DataDirectory {
  /** PGDATA. */
  readonly path: string;
  /** Account to run the server under; undefined means our own. */
  readonly account: ServerAccount | undefined;
}

/**
 * Decides where the data lives: `<directory>/data`, or, when we are root and the server's account cannot get there,
 * a folder elsewhere that `<directory>/data-location` remembers.
 * @throws DatabaseStartError DATA_DIRECTORY_UNUSABLE when no place can be written or the data belongs to another user.
 */
export async function chooseDataDirectory(directory: string): Promise<DataDirectory> {
  const uid = process.getuid?.();
  const pointer = join(directory, 'data-location');
  const remembered = (await readIfPresent(pointer))?.trim();
  const path = remembered ?? join(directory, 'data');
  const owner = await statIfPresent(path);
  if (uid !== 0) {
    if (owner !== undefined && owner.uid !== uid) {
      throw new DatabaseStartError('DATA_DIRECTORY_UNUSABLE', `${path} belongs to uid ${owner.uid}, and this process runs as uid ${uid}.`, 'Run as that user, or use another directory.');
    }
    return { path, account: undefined };
  }
  const account = owner !== undefined && owner.uid !== 0 ? { uid: owner.uid, gid: owner.gid } : { uid: NOBODY, gid: NOBODY };
  if (remembered !== undefined || (await isReachable(directory, account))) return { path, account };
  const elsewhere = await chooseElsewhere(directory);
  await writeFile(pointer, `${elsewhere}\n`, { mode: 0o600 });
  return { path: elsewhere, account };
}

async function chooseElsewhere(directory: string): Promise<string> {
  const name = `acgs-${createHash('sha256').update(directory).digest('hex').slice(0, 16)}`;
  for (const parent of ['/var/lib', tmpdir()]) {
    const folder = join(parent, name);
    try {
      await mkdir(folder, { recursive: true, mode: 0o755 });
      const { uid } = await stat(folder);
      // Somebody else's folder of the same name in /tmp is not ours to use.
      if (uid === 0) return join(folder, 'data');
    } catch (error) {
      if (!hasCode(error, 'EACCES', 'EROFS', 'EPERM', 'ENOENT')) throw error;
    }
  }
  throw new DatabaseStartError('DATA_DIRECTORY_UNUSABLE', `Neither ${directory}, /var/lib nor ${tmpdir()} can hold data for an unprivileged account.`, 'Use a directory that uid 65534 can reach, or set DATABASE_URL.');
}

/** Whether the account may enter the folder and all above it. */
async function isReachable(folder: string, { uid, gid }: ServerAccount): Promise<boolean> {
  for (let current = await realpath(folder); ; current = dirname(current)) {
    const found = await stat(current);
    const bit = found.uid === uid ? 0o100 : found.gid === gid ? 0o010 : 0o001;
    if ((found.mode & bit) === 0) return false;
    if (current === dirname(current)) return true;
  }
}

/**
 * Creates the cluster unless it exists: built beside its place and renamed, so that an interrupted initdb leaves no half.
 * @param password of the superuser `postgres`.
 * @throws DatabaseStartError INITDB_FAILED with what initdb said, or DATA_VERSION_MISMATCH.
 */
export async function ensureCluster(home: string, data: DataDirectory, version: string, password: string): Promise<void> {
  const present = (await readIfPresent(join(data.path, 'PG_VERSION')))?.trim();
  const major = version.split('.')[0];
  if (present === major) return;
  if (present !== undefined) {
    throw new DatabaseStartError('DATA_VERSION_MISMATCH', `${data.path} was written by PostgreSQL ${present}; the binaries are version ${major}.`, 'Dump it with the old version and restore it, or use another directory.');
  }
  const draft = `${data.path}.new-${randomBytes(4).toString('hex')}`;
  const passwordFile = `${draft}.password`;
  try {
    await mkdir(draft, { recursive: true, mode: 0o700 });
    await writeFile(passwordFile, password, { mode: 0o600 });
    if (data.account !== undefined) {
      await chown(draft, data.account.uid, data.account.gid);
      await chown(passwordFile, data.account.uid, data.account.gid);
    }
    await runInitdb(home, data.account, ['-D', draft, '-U', 'postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-instructions']);
    await rename(draft, data.path);
  } finally {
    await rm(passwordFile, { force: true });
    await rm(draft, { recursive: true, force: true });
  }
}

async function runInitdb(home: string, account: ServerAccount | undefined, args: string[]): Promise<void> {
  const child = spawn(join(home, 'bin', 'initdb'), args, { ...account, cwd: '/', env: serverEnvironment(home), stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new DatabaseStartError('INITDB_FAILED', `initdb ended with ${code}: ${output.trim()}`, 'Check the space and the rights of the directory, or set DATABASE_URL.');
}

/** What the server's processes see of our environment: nothing but this. */
export function serverEnvironment(home: string): NodeJS.ProcessEnv {
  return { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC', LD_LIBRARY_PATH: join(home, 'lib') };
}

/**
 * Ends the server processes that an earlier, crashed process left on this data directory, and removes their pid file.
 * Only processes that verifiably work on this very directory are touched.
 * @returns pids that were ended.
 * @throws DatabaseStartError DATA_DIRECTORY_BUSY when they survive every signal.
 */
export async function endLeftoverServer(dataPath: string): Promise<number[]> {
  const pidFile = join(dataPath, 'postmaster.pid');
  const recorded = Number((await readIfPresent(pidFile))?.split('\n')[0]);
  const leftovers = await serverProcesses(dataPath, recorded);
  // Fast shutdown first (the postmaster passes it on); orphans of a killed postmaster get it directly.
  const stages: Array<[NodeJS.Signals, number]> = [['SIGINT', 10_000], ['SIGQUIT', 5_000], ['SIGKILL', 5_000]];
  let remaining = leftovers;
  for (const [signal, waitMs] of stages) {
    if (remaining.length === 0) break;
    const target = remaining.includes(recorded) && signal === 'SIGINT' ? [recorded] : remaining;
    for (const pid of target) if (isAlive(pid)) process.kill(pid, signal);
    const deadline = Date.now() + waitMs;
    do {
      await delay(20);
      remaining = await serverProcesses(dataPath, recorded);
    } while (remaining.length > 0 && Date.now() < deadline);
  }
  if (remaining.length > 0) {
    throw new DatabaseStartError('DATA_DIRECTORY_BUSY', `Server processes ${remaining.join(', ')} still use ${dataPath}.`, 'Stop them by hand.');
  }
  await rm(pidFile, { force: true });
  return leftovers;
}

async function serverProcesses(dataPath: string, recorded: number): Promise<number[]> {
  if ((await statIfPresent(dataPath)) === undefined) return [];
  const target = await realpath(dataPath);
  if (process.platform !== 'linux') {
    if (!Number.isInteger(recorded) || recorded <= 0 || !isAlive(recorded)) return [];
    const { stdout } = spawnSync('ps', ['-o', 'command=', '-p', String(recorded)], { encoding: 'utf8' });
    return stdout.includes(target) ? [recorded] : [];
  }
  // Every PostgreSQL process works in its data directory.
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      try {
        const [folder, executable] = await Promise.all([readlink(`/proc/${pid}/cwd`), readlink(`/proc/${pid}/exe`)]);
        return folder === target && /\/postgres( \(deleted\))?$/.test(executable) ? Number(pid) : undefined;
      } catch (error) {
        if (hasCode(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return undefined;
        throw error;
      }
    }),
  );
  return found.filter((pid) => pid !== undefined);
}

/** The file's text, or undefined when it does not exist. */
export async function readIfPresent(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  });
}

async function statIfPresent(path: string): Promise<{ uid: number; gid: number } | undefined> {
  return stat(path).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  });
}
