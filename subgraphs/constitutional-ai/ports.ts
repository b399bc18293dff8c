/** The outside world of constitutional-ai: the manifest and the public key as they lie on disk. */
import { readFile } from 'node:fs/promises';
import { constitutionPaths } from '../../ops/runtime/constitution-manifest.js';

export interface TrustFiles {
  /** Text of the signed manifest; null when there is none. */
  manifest(): Promise<string | null>;
  /** Public key that must have signed it, PEM; null when there is none. */
  publicKey(): Promise<string | null>;
}

/** Reads the files of the data directory anew each time: a validation trusts nothing it remembers. */
export function trustFilesIn(dataDirectory: string): TrustFiles {
  const paths = constitutionPaths(dataDirectory);
  return { manifest: () => readIfPresent(paths.manifest), publicKey: () => readIfPresent(paths.publicKey) };
}

async function readIfPresent(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
