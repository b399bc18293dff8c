/** Finds the project's root folder, from source and from the compiled tree alike. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

let cached: string | undefined;

/**
 * Absolute path of the folder that holds the project's package.json.
 * @throws Error when no ancestor of this module is the project's root.
 */
export function packageRoot(): string {
  if (cached !== undefined) return cached;
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && (JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string }).name === 'acgs') {
      cached = folder;
      return folder;
    }
    const parent = dirname(folder);
    if (parent === folder) throw new Error('The acgs package root was not found above this module.');
    folder = parent;
  }
}

/** Absolute path of a file given by its segments below the project's root. */
export function projectPath(...segments: string[]): string {
  return join(packageRoot(), ...segments);
}
