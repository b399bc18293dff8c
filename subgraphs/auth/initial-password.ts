/** The first administrator's password: generated at the first start into the data directory, removed when it is changed. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { secretFile } from '../../ops/runtime/secret-files.js';
import { generatePassword } from './passwords.js';

/** Username of the first administrator. */
export const FIRST_ADMINISTRATOR = 'admin';

const FILE = 'admin.password';

/** Where the password is kept, whether or not the file is there. */
export function initialPasswordFile(dataDirectory: string): string {
  return join(dataDirectory, 'secrets', FILE);
}

/** The password that still holds since the first start; null when there is none or it was changed. */
export function readInitialPassword(dataDirectory: string): string | null {
  const path = initialPasswordFile(dataDirectory);
  return existsSync(path) ? readFileSync(path, 'utf8').trimEnd() : null;
}

/** Reads the password, generating it when the file is not there. */
export function makeInitialPassword(dataDirectory: string): string {
  return secretFile(dataDirectory, FILE, generatePassword);
}

/** Where the file cannot be removed: a read-only mount, or a file that is itself a mount. */
const NOT_OURS = new Set(['EROFS', 'EBUSY', 'EPERM', 'EACCES']);

/**
 * Removes the file: its password no longer opens anything.
 * @returns false when it stays because who deployed it mounted it read-only; removing it is theirs then.
 */
export function forgetInitialPassword(dataDirectory: string): boolean {
  try {
    rmSync(initialPasswordFile(dataDirectory), { force: true });
    return true;
  } catch (error) {
    if (!NOT_OURS.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    return false;
  }
}
