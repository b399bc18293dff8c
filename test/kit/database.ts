/** A migrated database of its own for every suite, cloned from a template that is made once per server and migration set. */
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { escapeIdentifier, type Client } from 'pg';
import { sqlState, withClient, withUrl } from '../../ops/database/client.js';
import { migrate, readMigrations } from '../../ops/database/migrate.js';
import { provisionRoles, recordEpoch, roleUrls } from '../../ops/database/provision.js';
import { projectPath } from '../../ops/runtime/package-root.js';
import { SUBGRAPH_SCHEMAS, type SubgraphSchema } from '../../ops/runtime/subgraph-names.js';

/** The epoch every test database accepts. */
export const TEST_EPOCH = {
  label: 'cdd01ef066bc6cf2',
  epoch: 1,
  digest: 'cdd01ef066bc6cf2'.padEnd(64, '0'),
  signature: 'test-signature',
  state: 'ACCEPTED',
} as const;

const ROLE_PREFIX = 'acgs_test_';
const TEST_PASSWORDS = Object.fromEntries(SUBGRAPH_SCHEMAS.map((schema) => [schema, 'acgs-test-only'])) as Record<SubgraphSchema, string>;
const TEMPLATE_PREFIX = 'acgs_template_';
const TEMPLATE_LOCK = 72_707_371;
const STALE_AFTER_MS = 24 * 60 * 60 * 1000;

export interface TestDatabase {
  /** Connects as the owner. */
  readonly adminUrl: string;
  /** Connects as each subgraph's role. */
  readonly urls: Readonly<Record<SubgraphSchema, string>>;
  /** Removes the database, closing whatever is still connected to it. */
  drop(): Promise<void>;
}

/** The server the tests use: what `ops/build/test.mjs` started, else DATABASE_URL, else the local default. */
export function testServerUrl(): string {
  return process.env['ACGS_TEST_DATABASE_URL'] ?? process.env['DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
}

let template: Promise<string> | undefined;

/**
 * Makes a database with all migrations applied, the seven roles provisioned and {@link TEST_EPOCH} recorded.
 * Call `drop()` in `afterAll`.
 * @throws database errors as they are; MigrationError when a migration does not apply.
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  template ??= ensureTemplate();
  const source = await template;
  const name = `acgs_test_${randomBytes(8).toString('hex')}`;
  await withClient(testServerUrl(), (client) => cloneTemplate(client, source, name));
  const adminUrl = withUrl(testServerUrl(), { database: name });
  return { adminUrl, urls: roleUrls(adminUrl, ROLE_PREFIX, TEST_PASSWORDS), drop: () => dropDatabase(name) };
}

/**
 * Makes an empty database without migrations or rights, for tests of migrating itself.
 * @throws database errors as they are.
 */
export async function createEmptyDatabase(): Promise<{ adminUrl: string; drop(): Promise<void> }> {
  const name = `acgs_test_${randomBytes(8).toString('hex')}`;
  await withClient(testServerUrl(), (client) => client.query(`CREATE DATABASE ${escapeIdentifier(name)}`));
  return { adminUrl: withUrl(testServerUrl(), { database: name }), drop: () => dropDatabase(name) };
}

async function dropDatabase(name: string): Promise<void> {
  await withClient(testServerUrl(), (client) => client.query(`DROP DATABASE IF EXISTS ${escapeIdentifier(name)} WITH (FORCE)`));
}

async function cloneTemplate(client: Client, source: string, name: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.query(`CREATE DATABASE ${escapeIdentifier(name)} TEMPLATE ${escapeIdentifier(source)}`);
      return;
    } catch (error) {
      // 55006: somebody (an autovacuum worker, say) is connected to the template; CREATE DATABASE waits 5 s before it says so.
      if (sqlState(error) !== '55006' || attempt >= 3) throw error;
    }
  }
}

async function ensureTemplate(): Promise<string> {
  const name = TEMPLATE_PREFIX + (await fingerprint());
  await withClient(testServerUrl(), async (client) => {
    await client.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]);
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) {
      await buildTemplate(client, name);
      await dropStaleTemplates(client, name);
    }
  });
  return name;
}

/** Anything that changes what a template holds makes another one. */
async function fingerprint(): Promise<string> {
  const hash = createHash('sha256');
  for (const migration of await readMigrations()) hash.update(`${migration.name}\0${migration.checksum}\0`);
  for (const file of ['ops/database/provision.ts', 'test/kit/database.ts']) hash.update(await readFile(projectPath(file)));
  return hash.digest('hex').slice(0, 16);
}

async function buildTemplate(client: Client, name: string): Promise<void> {
  // Built under another name and renamed when complete, so that an interrupted build is never cloned.
  const draft = `${name}_draft`;
  const url = withUrl(testServerUrl(), { database: draft });
  await client.query(`DROP DATABASE IF EXISTS ${escapeIdentifier(draft)} WITH (FORCE)`);
  await client.query(`CREATE DATABASE ${escapeIdentifier(draft)}`);
  await migrate({ connectionString: url });
  await provisionRoles({ connectionString: url, rolePrefix: ROLE_PREFIX, passwords: TEST_PASSWORDS });
  await recordEpoch({ connectionString: url, ...TEST_EPOCH });
  await client.query(`COMMENT ON DATABASE ${escapeIdentifier(draft)} IS ${quote(new Date().toISOString())}`);
  await client.query(`ALTER DATABASE ${escapeIdentifier(draft)} RENAME TO ${escapeIdentifier(name)}`);
}

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;

async function dropStaleTemplates(client: Client, current: string): Promise<void> {
  const { rows } = await client.query<{ datname: string; built: string | null }>(
    `SELECT datname, shobj_description(oid, 'pg_database') AS built FROM pg_database WHERE starts_with(datname, $1) AND datname <> $2`,
    [TEMPLATE_PREFIX, current],
  );
  for (const { datname, built } of rows) {
    const builtAt = Date.parse(built ?? '');
    if (Date.now() - builtAt > STALE_AFTER_MS) await client.query(`DROP DATABASE IF EXISTS ${escapeIdentifier(datname)} WITH (FORCE)`);
  }
}
