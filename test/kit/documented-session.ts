/** Runs the commands of one page of the documentation in one shell. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandBlock } from '../../ops/docs/command-blocks.js';

export interface BlockOutcome {
  readonly block: CommandBlock;
  /** Undefined when the shell did not get so far. */
  readonly exit: number | undefined;
  /** Standard output and standard error, as they came. */
  readonly printed: string;
}

export interface SessionPlace {
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Puts the running system's address in place of the documented one. */
  readonly adapt: (commands: string) => string;
}

const TIME_LIMIT_MS = 60_000;

/** A block that succeeds runs with `set -e`; one that ends otherwise is asked how. */
function scriptOf(blocks: readonly CommandBlock[], { adapt }: SessionPlace, results: string): string {
  return ['set -o pipefail', ...blocks.flatMap(({ commands, exit }, at) => [
    `exec >${results}/${at}.out 2>&1`, exit === 0 ? 'set -e' : 'set +e', `trap 'printf %s "$?" >${results}/${at}.exit' EXIT`, adapt(commands), `printf %s "$?" >${results}/${at}.exit`,
  ]), 'trap - EXIT', ''].join('\n');
}

/** Runs the blocks in order; after one that fails the rest is not run. */
export async function runPage(blocks: readonly CommandBlock[], place: SessionPlace): Promise<BlockOutcome[]> {
  const results = await mkdtemp(join(tmpdir(), 'acgs-commands-'));
  try {
    const script = join(results, 'script.sh');
    await writeFile(script, scriptOf(blocks, place, results));
    await new Promise<void>((resolve, reject) => {
      // A group of its own, so that nothing a page started outlives it.
      const shell = spawn('bash', ['--noprofile', '--norc', script], { cwd: place.directory, env: { ...place.environment }, stdio: ['ignore', 'ignore', 'inherit'], detached: true });
      const limit = setTimeout(() => { if (shell.pid !== undefined) process.kill(-shell.pid, 'SIGKILL'); }, TIME_LIMIT_MS);
      shell.once('error', reject).once('close', () => { clearTimeout(limit); resolve(); });
    });
    return await Promise.all(blocks.map(async (block, at) => {
      const exit = await contentOf(join(results, `${at}.exit`));
      return { block, exit: exit === undefined || exit === '' ? undefined : Number(exit), printed: (await contentOf(join(results, `${at}.out`))) ?? '' };
    }));
  } finally {
    await rm(results, { recursive: true, force: true });
  }
}

async function contentOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
