/** Keys and tokens kept as files of mode 0600 in the data directory, made at first use. */
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Writes a file so that readers see all of it or none, and it survives a power cut.
 * An existing file is kept: the first writer wins, which makes concurrent first starts agree.
 * @param mode permission bits.
 */
export function writeFileDurably(path: string, content: string | Uint8Array, mode: number): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const descriptor = openSync(temporary, 'wx', mode);
  try {
    writeSync(descriptor, typeof content === 'string' ? Buffer.from(content) : content);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  try {
    linkSync(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(temporary);
  }
}

/** A secret that is not there and cannot be made. */
export class SecretFileError extends Error {
  override readonly name = 'SecretFileError';
}

const READ_ONLY = new Set(['EROFS', 'EACCES', 'EPERM']);

/**
 * Reads a secret of the data directory, making it from `make` at first use.
 * @param name file name inside `secrets/`.
 * @returns the content without trailing white space.
 * @throws SecretFileError when it is missing where nothing can be written: separate processes are given their files.
 */
export function secretFile(dataDirectory: string, name: string, make: () => string): string {
  const path = join(dataDirectory, 'secrets', name);
  try {
    if (!existsSync(path)) writeFileDurably(path, `${make()}\n`, 0o600);
    return readFileSync(path, 'utf8').trimEnd();
  } catch (cause) {
    if (!READ_ONLY.has((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
    throw new SecretFileError(`${path} is missing or cannot be read, and cannot be made here; "node dist/ops/provision/main.js keys" makes it where ACGS_DATA_DIR can be written.`, { cause });
  }
}

/** Reads a 32-byte key of the data directory, making a random one at first use. */
export function secretKey(dataDirectory: string, name: string): Buffer {
  return Buffer.from(secretFile(dataDirectory, name, () => randomBytes(32).toString('base64url')), 'base64url');
}

/** Names of the secret files, in one place. */
export const SECRET = {
  /** Master key of hop tokens; a production subgraph gets only its derived key, `hop-<name>.key`. */
  hopMaster: 'hop-master.key',
  hopOf: (subgraph: string) => `hop-${subgraph}.key`,
  /** Authenticates subscription cursors of one subgraph. */
  cursorOf: (subgraph: string) => `cursor-${subgraph}.key`,
  /** Bearer token Alertmanager sends with its webhook. */
  alertmanagerToken: 'alertmanager-webhook.token',
  /** Authenticates refresh tokens. */
  refreshTokens: 'refresh-token.key',
  /** Signs grants of approved changes. */
  changeGrants: 'change-grant.jwk.json',
  /** Signs activations of schema versions. */
  schemaRegistry: 'schema-registry.jwk.json',
  databasePasswordOf: (schema: string) => `database-${schema}.password`,
} as const;
