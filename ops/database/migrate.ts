/** Applies prisma/migrations and records them the way `prisma migrate deploy` does, without Prisma's engine binary. */
import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';
import { projectPath } from '../runtime/package-root.js';
import { inTransaction, withClient } from './client.js';

/** The advisory lock that Prisma's own migration commands take, so that the two never run at once. */
const PRISMA_MIGRATION_LOCK = 72_707_369;

export type MigrationErrorCode = 'MIGRATION_CHANGED' | 'MIGRATION_FAILED_EARLIER' | 'MIGRATION_FAILED';

/** A migration that cannot be applied; `migration` names its folder. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';

  constructor(
    readonly code: MigrationErrorCode,
    readonly migration: string,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

export interface Migration {
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the file, hexadecimal: Prisma's checksum. */
  readonly checksum: string;
}

interface RecordedMigration {
  readonly migration_name: string;
  readonly checksum: string;
  readonly finished_at: Date | null;
}

/**
 * Reads the migrations of a folder in the order they apply (by name).
 * @param directory default: prisma/migrations of this package.
 * @throws Error when the folder, or the migration.sql of one of its folders, cannot be read.
 */
export async function readMigrations(directory: string = projectPath('prisma', 'migrations')): Promise<Migration[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const content = await readFile(join(directory, name, 'migration.sql'));
      return { name, sql: content.toString('utf8'), checksum: createHash('sha256').update(content).digest('hex') };
    }),
  );
}

/**
 * Brings a database to the newest migration. Each file runs in a transaction of its own together with its record, so a
 * failing file leaves nothing behind and earlier files stay applied. Concurrent runners wait for each other.
 * @param options.connectionString a role that may create schemas; a session connection, not a transaction pooler.
 * @param options.directory default: prisma/migrations of this package.
 * @returns names applied now, in order, and how many had been applied before.
 * @throws MigrationError when an applied file was edited, an earlier `prisma migrate` failed half-way, or a file fails.
 */
export async function migrate(options: { connectionString: string; directory?: string }): Promise<{ applied: string[]; alreadyApplied: number }> {
  const migrations = await readMigrations(options.directory);
  return withClient(options.connectionString, async (client) => {
    await client.query('SELECT pg_advisory_lock($1)', [PRISMA_MIGRATION_LOCK]);
    // The session's end releases the lock.
    const recorded = await readRecorded(client);
    const pending = migrations.filter((migration) => !isApplied(migration, recorded));
    const applied: string[] = [];
    for (const migration of pending) {
      await apply(client, migration);
      applied.push(migration.name);
    }
    return { applied, alreadyApplied: migrations.length - pending.length };
  });
}

async function readRecorded(client: Client): Promise<RecordedMigration[]> {
  // Column for column what Prisma creates.
  await client.query(`
    CREATE TABLE IF NOT EXISTS public._prisma_migrations (
      id                  VARCHAR(36) PRIMARY KEY NOT NULL,
      checksum            VARCHAR(64) NOT NULL,
      finished_at         TIMESTAMPTZ,
      migration_name      VARCHAR(255) NOT NULL,
      logs                TEXT,
      rolled_back_at      TIMESTAMPTZ,
      started_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
      applied_steps_count INTEGER NOT NULL DEFAULT 0
    )`);
  const { rows } = await client.query<RecordedMigration>(
    'SELECT migration_name, checksum, finished_at FROM public._prisma_migrations WHERE rolled_back_at IS NULL ORDER BY started_at',
  );
  const failed = rows.find((row) => row.finished_at === null);
  if (failed !== undefined) {
    throw new MigrationError(
      'MIGRATION_FAILED_EARLIER',
      failed.migration_name,
      `Migration ${failed.migration_name} was started earlier and never finished. Repair the database, then mark it with "prisma migrate resolve" (or set its rolled_back_at).`,
    );
  }
  return rows;
}

function isApplied(migration: Migration, recorded: readonly RecordedMigration[]): boolean {
  const record = recorded.find((row) => row.migration_name === migration.name);
  if (record === undefined) return false;
  if (record.checksum !== migration.checksum) {
    throw new MigrationError(
      'MIGRATION_CHANGED',
      migration.name,
      `Migration ${migration.name} was edited after it had been applied (recorded ${record.checksum.slice(0, 12)}, file ${migration.checksum.slice(0, 12)}). Restore the file and put the change into a new migration.`,
    );
  }
  return true;
}

async function apply(client: Client, migration: Migration): Promise<void> {
  const startedAt = new Date();
  try {
    await inTransaction(client, async () => {
      await client.query(migration.sql);
      await client.query(
        `INSERT INTO public._prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
         VALUES ($1, $2, $3, $4, clock_timestamp(), 1)`,
        [randomUUID(), migration.checksum, migration.name, startedAt],
      );
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MigrationError('MIGRATION_FAILED', migration.name, `Migration ${migration.name} failed and was rolled back: ${reason}`, { cause: error });
  }
}
