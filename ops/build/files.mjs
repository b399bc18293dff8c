// What the build scripts share: the package root, fingerprints of input files, atomic writes and the build lock.
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Absolute path of the package root. */
export const packageRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');

const SKIPPED_FOLDERS = new Set(['node_modules', '__generated__', 'dist', '.acgs', '.git']);

/**
 * Lists all files below the given roots (files or folders, relative to the package root), sorted.
 * Missing roots are skipped; generated, installed and hidden build folders are not descended into.
 * @param {readonly string[]} roots
 * @returns {string[]} paths relative to the package root
 */
export function listFiles(roots) {
  const found = [];
  const walk = (relative) => {
    const absolute = path.join(packageRoot, relative);
    const stat = statSync(absolute, { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (!stat.isDirectory()) {
      found.push(relative);
      return;
    }
    for (const entry of readdirSync(absolute)) {
      if (!SKIPPED_FOLDERS.has(entry) && !entry.startsWith('.generate-')) walk(path.join(relative, entry));
    }
  };
  for (const root of roots) walk(root);
  return found.sort();
}

/**
 * SHA-256 over the names and contents of files; a change of either changes the result.
 * @param {readonly string[]} files paths relative to the package root
 * @param {string} [salt] anything else the output depends on
 */
export function contentFingerprint(files, salt = '') {
  const hash = createHash('sha256').update(salt);
  for (const file of files) {
    const content = readFileSync(path.join(packageRoot, file));
    hash.update(`\0${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/**
 * SHA-256 over names, sizes and modification times: cheaper than reading, and enough to tell a stale build.
 * @param {readonly string[]} files paths relative to the package root
 */
export function statFingerprint(files) {
  const hash = createHash('sha256');
  for (const file of files) {
    const stat = statSync(path.join(packageRoot, file), { throwIfNoEntry: false });
    hash.update(`\0${file}\0${stat?.size ?? -1}\0${stat?.mtimeMs ?? -1}`);
  }
  return hash.digest('hex');
}

/**
 * Writes a file so that a reader sees the old or the new content, never half of it.
 * @param {string} file absolute path
 * @param {string} content
 */
export function writeAtomically(file, content) {
  mkdirSync(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  writeFileSync(temporary, content);
  renameSync(temporary, file);
}

/** @param {string} file absolute path; returns undefined when it does not exist */
export function readIfPresent(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/**
 * Runs `work` while holding the build lock of this checkout, so that two builds never write the same outputs at once.
 * A lock whose process died is taken over.
 * @template T
 * @param {() => Promise<T>} work
 * @param {{ waitMs?: number }} [options] how long to wait for another build, default 120000
 * @returns {Promise<T>}
 * @throws {Error} when another live build holds the lock for longer than `waitMs`
 */
export async function withBuildLock(work, { waitMs = 120_000 } = {}) {
  const lock = path.join(packageRoot, 'node_modules', '.cache', 'acgs', 'build.lock');
  mkdirSync(path.dirname(lock), { recursive: true });
  const deadline = Date.now() + waitMs;
  for (;;) {
    if (tryLock(lock)) break;
    if (Date.now() > deadline) {
      throw new Error(`another build (pid ${readIfPresent(lock)?.trim() ?? 'unknown'}) has held the build lock for ${waitMs / 1000} s`);
    }
    await delay(100);
  }
  const release = () => rmSync(lock, { force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.removeListener('exit', release);
    release();
  }
}

function tryLock(lock) {
  try {
    writeFileSync(lock, `${process.pid}\n`, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  const holder = Number(readIfPresent(lock) ?? 'NaN');
  const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  const abandoned = Number.isInteger(holder) && holder > 0 ? !isAlive(holder) : age > 5_000;
  if (abandoned) {
    // Rename first: of several waiters that saw the same dead holder only one moves this very file away.
    const grave = `${lock}.${process.pid}`;
    try {
      renameSync(lock, grave);
      rmSync(grave, { force: true });
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
  }
  return false;
}
