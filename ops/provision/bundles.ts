/** Writes for each process a data directory with exactly the files it may read, so that no process holds another's keys. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { constitutionPaths } from '../runtime/constitution-manifest.js';
import { deriveHopKey } from '../runtime/hop-token.js';
import { SECRET, secretKey } from '../runtime/secret-files.js';
import { schemaOf, SUBGRAPH_NAMES, type SubgraphSchema } from '../runtime/subgraph-names.js';
import { initialPasswordFile } from '../../subgraphs/auth/initial-password.js';
import { GRANT_KEY, publicKeyPath, SCHEMA_KEY } from '../../subgraphs/governance-synthesis/signing-key.js';

/** Name of the file with a process's connection string, inside `secrets/`; `DATABASE_URL_FILE` points at it. */
export const DATABASE_URL_FILE = 'database.url';

/** Not a process of ours and under an account of its own; the folder is mounted into its container alone. */
const ALERTMANAGER = 'alertmanager';
/** Who verifies what is signed with a key. */
const READERS = [
  { key: GRANT_KEY, processes: ['governance-synthesis', 'evolutionary-computation'] },
  { key: SCHEMA_KEY, processes: ['governance-synthesis', 'gateway'] },
] as const;

export interface BundleOptions {
  readonly dataDirectory: string;
  /** Folder of the bundles; each is named for its process: the subgraphs, `gateway`, and `alertmanager` with the token of its webhook. */
  readonly directory: string;
  /** Connection string of each subgraph's role; undefined leaves them out. */
  readonly databaseUrls: Readonly<Record<SubgraphSchema, string>> | undefined;
  /** True for a new installation, whose first password is handed to auth. */
  readonly first: boolean;
}

/**
 * Writes the bundles; a file that is there with the same content is left alone, every other is replaced in one step.
 * @returns the files that were written, relative to the folder.
 */
export function writeBundles({ dataDirectory, directory, databaseUrls, first }: BundleOptions): readonly string[] {
  const hopMaster = secretKey(dataDirectory, SECRET.hopMaster);
  const { manifest, publicKey } = constitutionPaths(dataDirectory);
  const written: string[] = [];
  const put = (process: string, path: string, content: string | Buffer): void => {
    const file = join(directory, process, path);
    const open = process === ALERTMANAGER;
    if (replaceFile(file, content, path.startsWith('secrets/') ? 0o400 : 0o444, open ? 0o755 : 0o700)) written.push(relative(directory, file));
  };
  const copy = (process: string, file: string): void => put(process, relative(dataDirectory, file), readFileSync(file));
  const copySecret = (process: string, name: string): void => copy(process, join(dataDirectory, 'secrets', name));

  for (const process of ['gateway', ...SUBGRAPH_NAMES]) {
    copy(process, manifest);
    copy(process, publicKey);
  }
  copySecret('gateway', SECRET.hopMaster);
  for (const name of SUBGRAPH_NAMES) {
    put(name, `secrets/${SECRET.hopOf(name)}`, `${deriveHopKey(hopMaster, name).toString('base64url')}\n`);
    copySecret(name, SECRET.cursorOf(name));
    if (databaseUrls !== undefined) put(name, `secrets/${DATABASE_URL_FILE}`, `${databaseUrls[schemaOf(name)]}\n`);
  }
  copySecret('auth', SECRET.refreshTokens);
  if (first && existsSync(initialPasswordFile(dataDirectory))) copy('auth', initialPasswordFile(dataDirectory));
  copySecret('policy-governance', SECRET.alertmanagerToken);
  put(ALERTMANAGER, 'webhook.token', readFileSync(join(dataDirectory, 'secrets', SECRET.alertmanagerToken)));
  for (const { key, processes } of READERS) {
    copySecret('governance-synthesis', key.secret);
    for (const process of processes) copy(process, publicKeyPath(dataDirectory, key));
  }
  return written;
}

/** @returns false when the file held the same already. */
function replaceFile(file: string, content: string | Buffer, mode: number, folderMode: number): boolean {
  const bytes = Buffer.from(content);
  if (existsSync(file) && readFileSync(file).equals(bytes)) return false;
  mkdirSync(dirname(file), { recursive: true, mode: folderMode });
  const draft = `${file}.${randomBytes(4).toString('hex')}`;
  writeFileSync(draft, bytes, { mode, flag: 'wx' });
  renameSync(draft, file);
  return true;
}
