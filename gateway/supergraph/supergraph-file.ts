/** Follows the supergraph file: a changed text is handed on once the file has come to rest. */
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Logger } from '../../ops/runtime/logger.js';

export interface SupergraphFileDeps {
  readonly path: string;
  /** Takes the text; a rejection is logged, and the same text is not tried again until the file changes. */
  readonly onChange: (text: string) => Promise<void>;
  readonly logger: Logger;
  /** How often the file is looked at, milliseconds. A change is taken when two looks in a row find the file the same. Default 1,000. */
  readonly intervalMs?: number;
}

export interface SupergraphFile {
  /** Reads the file now, changed or not. @throws Error when it cannot be read, or its text is refused. */
  reload(): Promise<void>;
  stop(): void;
}

/**
 * Follows a file from now on. Looking at its state works where notices of change do not: files that are replaced by
 * renaming, links that are pointed elsewhere (mounted ConfigMaps), network file systems.
 */
export function followSupergraphFile({ path, onChange, logger, intervalMs = 1_000 }: SupergraphFileDeps): SupergraphFile {
  let taken = stateOf(path);
  let seen = taken;
  let busy = false;

  const reload = async (): Promise<void> => {
    const state = stateOf(path);
    const text = await readFile(path, 'utf8');
    // Taken whatever comes of it: a text that is refused would be refused again.
    taken = state;
    await onChange(text);
  };
  const look = (): void => {
    const before = seen;
    seen = stateOf(path);
    if (busy || seen === taken || seen !== before || seen === MISSING) return;
    busy = true;
    logger.info({ path }, 'The supergraph file has changed');
    reload()
      .catch((error: unknown) => logger.error({ err: error, path }, 'The changed supergraph file was not taken; the gateway serves on what it had'))
      .finally(() => { busy = false; });
  };
  const timer = setInterval(look, intervalMs);
  timer.unref();
  return { reload, stop: () => clearInterval(timer) };
}

const MISSING = 'missing';

function stateOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stats === undefined ? MISSING : `${stats.mtimeNs}:${stats.size}:${stats.ino}`;
}
