/** Migrating: Prisma's record format, idempotence, concurrent runners, and the refusal of edited or half-done migrations. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { withClient } from '../../ops/database/client.js';
import { migrate } from '../../ops/database/migrate.js';
import { projectPath } from '../../ops/runtime/package-root.js';
import { createEmptyDatabase } from '../kit/database.js';

let database: Awaited<ReturnType<typeof createEmptyDatabase>>;
let directory: string;

beforeEach(async () => {
  database = await createEmptyDatabase();
  directory = await mkdtemp(join(tmpdir(), 'acgs-migrations-'));
});

afterEach(async () => {
  await database.drop();
  await rm(directory, { recursive: true });
});

async function writeMigration(name: string, sql: string): Promise<void> {
  await mkdir(join(directory, name), { recursive: true });
  await writeFile(join(directory, name, 'migration.sql'), sql);
}

const rows = <T extends object>(sql: string): Promise<T[]> => withClient(database.adminUrl, async (client) => (await client.query<T>(sql)).rows);

describe('migrate', () => {
  it('applies the package’s migrations once and records them as Prisma does', async () => {
    const first = await migrate({ connectionString: database.adminUrl });
    expect(first.applied[0]).toBe('0001_kernel');
    expect(first.alreadyApplied).toBe(0);
    expect(await migrate({ connectionString: database.adminUrl })).toEqual({ applied: [], alreadyApplied: first.applied.length });

    const [record] = await rows<Record<string, unknown>>('SELECT * FROM public._prisma_migrations ORDER BY migration_name LIMIT 1');
    const content = await readFile(projectPath('prisma', 'migrations', '0001_kernel', 'migration.sql'));
    expect(record).toMatchObject({
      migration_name: '0001_kernel',
      checksum: createHash('sha256').update(content).digest('hex'),
      applied_steps_count: 1,
      logs: null,
      rolled_back_at: null,
    });
    expect(record?.['id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(record?.['finished_at']).toBeInstanceOf(Date);
  });

  it('lets concurrent runners apply every migration exactly once', async () => {
    await writeMigration('0001_a', 'CREATE TABLE a (id int)');
    await writeMigration('0002_b', 'CREATE TABLE b (id int)');
    const results = await Promise.all(Array.from({ length: 4 }, () => migrate({ connectionString: database.adminUrl, directory })));
    expect(results.flatMap((result) => result.applied).sort()).toEqual(['0001_a', '0002_b']);
  });

  it('refuses a migration that was edited after it had been applied', async () => {
    await writeMigration('0001_a', 'CREATE TABLE a (id int)');
    await migrate({ connectionString: database.adminUrl, directory });
    await writeMigration('0001_a', 'CREATE TABLE a (id bigint)');
    await expect(migrate({ connectionString: database.adminUrl, directory })).rejects.toMatchObject({ code: 'MIGRATION_CHANGED', migration: '0001_a' });
  });

  it('leaves nothing of a failing file behind and applies it once it is repaired', async () => {
    await writeMigration('0001_a', 'CREATE TABLE a (id int)');
    await writeMigration('0002_b', 'CREATE TABLE b (id int); SELECT 1/0');
    await expect(migrate({ connectionString: database.adminUrl, directory })).rejects.toMatchObject({ code: 'MIGRATION_FAILED', migration: '0002_b' });
    expect(await rows("SELECT tablename FROM pg_tables WHERE tablename IN ('a', 'b')")).toEqual([{ tablename: 'a' }]);
    await writeMigration('0002_b', 'CREATE TABLE b (id int)');
    expect(await migrate({ connectionString: database.adminUrl, directory })).toEqual({ applied: ['0002_b'], alreadyApplied: 1 });
  });

  it('refuses to continue after a failed run of Prisma itself', async () => {
    await writeMigration('0001_a', 'CREATE TABLE a (id int)');
    await migrate({ connectionString: database.adminUrl, directory });
    await rows('UPDATE public._prisma_migrations SET finished_at = NULL');
    await expect(migrate({ connectionString: database.adminUrl, directory })).rejects.toMatchObject({ code: 'MIGRATION_FAILED_EARLIER', migration: '0001_a' });
  });
});
