/** One live process per database directory: a lock file that names its holder and outlives neither it nor a reboot. */
import { readFileSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { DatabaseStartError } from './database-start-error.js';
import { hasCode, ignoreCode } from './embedded-binaries.js';

interface Holder {
  readonly pid: number;
  /** Distinguishes the holder from a later process with the same pid; empty where the system does not tell. */
  readonly started: string;
}

/**
 * Takes the lock; a lock whose holder is gone is taken over.
 * @param file absolute path of the lock file.
 * @returns releases the lock.
 * @throws DatabaseStartError DATABASE_IN_USE naming the pid of the live holder.
 */
export async function lockDirectory(file: string): Promise<() => Promise<void>> {
  const mine = `${JSON.stringify({ pid: process.pid, started: startOf(process.pid) } satisfies Holder)}\n`;
  for (;;) {
    try {
      await writeFile(file, mine, { flag: 'wx', mode: 0o600 });
      return () => rm(file, { force: true });
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
    const content = await readFile(file, 'utf8').catch((error: unknown) => {
      ignoreCode('ENOENT')(error);
      return undefined;
    });
    if (content === undefined) continue;
    const holder = parseHolder(content);
    if (holder !== undefined && isLive(holder)) {
      throw new DatabaseStartError(
        'DATABASE_IN_USE',
        `The database directory is in use by process ${holder.pid} (${file}).`,
        'Stop that process, use another directory, or set DATABASE_URL to share one server.',
      );
    }
    // Moved, not removed: of several starters that saw the same dead holder, one moves it away and the others look again.
    const grave = `${file}.${process.pid}`;
    await rename(file, grave).catch(ignoreCode('ENOENT'));
    await rm(grave, { force: true });
  }
}

function parseHolder(content: string): Holder | undefined {
  try {
    const parsed = JSON.parse(content) as Partial<Holder>;
    return typeof parsed.pid === 'number' && typeof parsed.started === 'string' ? { pid: parsed.pid, started: parsed.started } : undefined;
  } catch (error) {
    // A holder that died while writing; anything but a syntax error is a fault of ours.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isLive({ pid, started }: Holder): boolean {
  return isAlive(pid) && startOf(pid) === started;
}

/** True while a process with this pid exists, whoever owns it. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

/** Boot id and start tick of a process on Linux; elsewhere the pid alone has to do. */
function startOf(pid: number): string {
  if (process.platform !== 'linux') return '';
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const startTick = fields.slice(fields.lastIndexOf(')') + 2).split(' ')[19] ?? '';
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${startTick}`;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH')) return 'gone';
    throw error;
  }
}
