/** Gives each subgraph a PostgreSQL role that can reach its own schema only, and records the constitution's epochs. */
import { setTimeout as delay } from 'node:timers/promises';
import { escapeIdentifier, escapeLiteral, type Client } from 'pg';
import { SUBGRAPH_SCHEMAS, type SubgraphSchema } from '../runtime/subgraph-names.js';
import { inTransaction, sqlState, withClient, withUrl } from './client.js';
import { scramVerifier } from './scram.js';

/** Tables whose rows are written once: their subgraph may SELECT and INSERT, never UPDATE or DELETE. */
export const APPEND_ONLY_TABLES: readonly `${SubgraphSchema}.${string}`[] = [
  'integrity.leaf', 'integrity.leaf_subject',
  'policy_governance.timeline_entry', 'policy_governance.policy_version', 'policy_governance.decision',
];

/** Advisory lock under which two provisioners of one database take turns. */
const PROVISION_LOCK = 72_707_370;

/** Roles are shared by all databases of a cluster, and a lock of one database does not stop provisioners of another. */
const ROLE_ATTEMPTS = 20;
const CONCURRENT_ROLE_CHANGE = new Set(['42710', '23505', 'XX000', '40001', '40P01']);

/**
 * Creates or updates one LOGIN role per schema, named `<rolePrefix><schema>`, and sets its rights. Safe to repeat and to
 * run concurrently. Run it after every migration: rights are given on the tables that exist.
 * @param options.connectionString the database's owner, who may create roles; it need not be a superuser.
 * @param options.rolePrefix default `acgs_`; roles are shared by the whole cluster, so installations need their own.
 * @param options.passwords one per schema, printable ASCII; they leave this process as SCRAM verifiers only.
 * @returns connection string of each schema's role.
 * @throws RangeError for a password or prefix that cannot be used; database errors as they are.
 */
export async function provisionRoles(options: {
  connectionString: string;
  rolePrefix?: string;
  passwords: Readonly<Record<SubgraphSchema, string>>;
}): Promise<Record<SubgraphSchema, string>> {
  const prefix = checkedPrefix(options.rolePrefix);
  await withClient(options.connectionString, async (client) => {
    for (const schema of SUBGRAPH_SCHEMAS) await ensureRole(client, prefix + schema, options.passwords[schema]);
    await inTransaction(client, async () => {
      await client.query('SELECT pg_advisory_xact_lock($1)', [PROVISION_LOCK]);
      await client.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
      for (const schema of SUBGRAPH_SCHEMAS) await grantOwnSchema(client, schema, prefix + schema);
      await grantAuditReader(client, `${prefix}integrity`);
    });
  });
  return roleUrls(options.connectionString, prefix, options.passwords);
}

/** Connection strings of roles that were provisioned before. */
export function roleUrls(connectionString: string, rolePrefix: string, passwords: Readonly<Record<SubgraphSchema, string>>): Record<SubgraphSchema, string> {
  return Object.fromEntries(
    SUBGRAPH_SCHEMAS.map((schema) => [schema, withUrl(connectionString, { user: rolePrefix + schema, password: passwords[schema] })]),
  ) as Record<SubgraphSchema, string>;
}

/**
 * Drops the roles of a prefix with their rights in this database; roles that do not exist are skipped.
 * @throws the database's error (2BP01) when a role still has rights in another database.
 */
export async function dropRoles(options: { connectionString: string; rolePrefix: string }): Promise<void> {
  const prefix = checkedPrefix(options.rolePrefix);
  await withClient(options.connectionString, async (client) => {
    for (const schema of SUBGRAPH_SCHEMAS) {
      const role = prefix + schema;
      if (!(await roleExists(client, role))) continue;
      await client.query(`DROP OWNED BY ${escapeIdentifier(role)}`);
      await client.query(`DROP ROLE ${escapeIdentifier(role)}`);
    }
  });
}

export interface EpochRecord {
  /** Label of the constitution: 16 lower-case hexadecimal characters. */
  readonly label: string;
  /** Monotonic number of the constitution, 1 or more. */
  readonly epoch: number;
  /** Full SHA-256 of the canonical constitution. */
  readonly digest: string;
  /** Signature of the manifest. */
  readonly signature: string;
  /** Whether rows may be written under this label now. */
  readonly state: 'ACCEPTED' | 'CLOSED';
}

/**
 * Writes an epoch into all seven schemas in one transaction, as the owner: the roles can only read it.
 * @throws database errors as they are, among them a check violation (23514) for an epoch below 1.
 */
export async function recordEpoch(options: { connectionString: string } & EpochRecord): Promise<void> {
  await withClient(options.connectionString, (client) =>
    inTransaction(client, async () => {
      for (const schema of SUBGRAPH_SCHEMAS) {
        await client.query(
          `INSERT INTO ${escapeIdentifier(schema)}.constitutional_epoch (label, epoch, digest, signature, state) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (label) DO UPDATE SET epoch = EXCLUDED.epoch, digest = EXCLUDED.digest, signature = EXCLUDED.signature, state = EXCLUDED.state`,
          [options.label, options.epoch, options.digest, options.signature, options.state],
        );
      }
    }),
  );
}

function checkedPrefix(prefix = 'acgs_'): string {
  // 63 bytes is PostgreSQL's limit; the longest schema name has 24.
  if (!/^[a-z][a-z0-9_]{0,37}$/.test(prefix)) throw new RangeError(`Role prefix "${prefix}" must be 1 to 38 of a-z, 0-9 and _, starting with a letter; for example acgs_.`);
  return prefix;
}

async function roleExists(client: Client, role: string): Promise<boolean> {
  const { rowCount } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role]);
  return rowCount === 1;
}

async function ensureRole(client: Client, role: string, password: string): Promise<void> {
  const secret = `PASSWORD ${escapeLiteral(scramVerifier(password))}`;
  const all = `LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION ${secret}`;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { rows: [found] } = await client.query<{ plain: boolean }>('SELECT rolcanlogin AND NOT (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication) AS plain FROM pg_roles WHERE rolname = $1', [role]);
      // Only a superuser may name these attributes when altering, even to leave them as they are.
      await client.query(`${found === undefined ? 'CREATE' : 'ALTER'} ROLE ${escapeIdentifier(role)} ${found?.plain === true ? secret : all}`);
      return;
    } catch (error) {
      if (attempt >= ROLE_ATTEMPTS || !CONCURRENT_ROLE_CHANGE.has(sqlState(error) ?? '')) throw error;
      await delay(5 + Math.random() * 10 * attempt);
    }
  }
}

async function grantOwnSchema(client: Client, schema: SubgraphSchema, role: string): Promise<void> {
  const s = escapeIdentifier(schema);
  const r = escapeIdentifier(role);
  const statements = [
    `REVOKE ALL ON ALL TABLES IN SCHEMA ${s} FROM ${r}`,
    `GRANT USAGE ON SCHEMA ${s} TO ${r}`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${s} TO ${r}`,
    `GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA ${s} TO ${r}`,
    `REVOKE UPDATE, DELETE ON ${s}.outbox FROM ${r}`,
    `GRANT UPDATE (position, seq) ON ${s}.outbox TO ${r}`,
    `REVOKE INSERT, UPDATE, DELETE ON ${s}.constitutional_epoch FROM ${r}`,
  ];
  for (const statement of statements) await client.query(statement);
  for (const table of APPEND_ONLY_TABLES) {
    const [owner, name] = table.split('.');
    if (owner !== schema || name === undefined) continue;
    const { rowCount } = await client.query('SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = $2', [schema, name]);
    if (rowCount === 1) await client.query(`REVOKE UPDATE, DELETE ON ${s}.${escapeIdentifier(name)} FROM ${r}`);
  }
}

/** Integrity turns every schema's outbox rows into leaves, so it may read them all. */
async function grantAuditReader(client: Client, role: string): Promise<void> {
  for (const schema of SUBGRAPH_SCHEMAS) {
    const s = escapeIdentifier(schema);
    await client.query(`GRANT USAGE ON SCHEMA ${s} TO ${escapeIdentifier(role)}`);
    await client.query(`GRANT SELECT ON ${s}.outbox TO ${escapeIdentifier(role)}`);
  }
}
