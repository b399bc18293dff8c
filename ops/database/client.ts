/** Short-lived owner connections for migrating and provisioning, which never go through Prisma. */
import { Client } from 'pg';

/** How long to wait for a server before giving up, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Opens one connection, runs `work` with it and closes it whatever happens.
 * @param connectionString PostgreSQL URL.
 * @throws whatever `pg` or `work` throws; the URL is in none of those messages.
 */
export async function withClient<T>(connectionString: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, application_name: 'acgs-ops' });
  let lost: Error | undefined;
  // Without a listener a server that goes away between two queries would end the process; the next query rejects anyway.
  client.on('error', (error) => {
    lost = error;
  });
  await client.connect();
  try {
    return await work(client);
  } finally {
    if (lost === undefined) await client.end();
  }
}

/**
 * Runs `work` inside one transaction: committed when it resolves, rolled back when it throws.
 * @throws what `work` throws.
 */
export async function inTransaction<T>(client: Client, work: () => Promise<T>): Promise<T> {
  await client.query('BEGIN');
  try {
    const result = await work();
    await client.query('COMMIT');
    return result;
  } catch (error) {
    // When the connection itself is gone the server has rolled back already, and the first failure is the one to report.
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** The same server and credentials with another database, or another user, in the URL. */
export function withUrl(connectionString: string, change: { database?: string; user?: string; password?: string }): string {
  const url = new URL(connectionString);
  if (change.database !== undefined) url.pathname = `/${encodeURIComponent(change.database)}`;
  if (change.user !== undefined) url.username = encodeURIComponent(change.user);
  if (change.password !== undefined) url.password = encodeURIComponent(change.password);
  return url.toString();
}

/** SQLSTATE of a database error, or undefined for anything else. */
export function sqlState(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
