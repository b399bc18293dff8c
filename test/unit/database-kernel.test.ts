/** The kernel's SQL: both gates of governed rows, the immutable outbox, notifications, and what each role may reach. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Client } from 'pg';
import { inTransaction, withClient, withUrl } from '../../ops/database/client.js';
import { dropRoles, provisionRoles, recordEpoch } from '../../ops/database/provision.js';
import { scramVerifier } from '../../ops/database/scram.js';
import { SUBGRAPH_SCHEMAS, type SubgraphSchema } from '../../ops/runtime/subgraph-names.js';
import { createTestDatabase, TEST_EPOCH, type TestDatabase } from '../kit/database.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await withClient(database.adminUrl, async (client) => {
    await client.query('CREATE TABLE auth.sample (id text PRIMARY KEY, note text, constitutional_hash text NOT NULL)');
    await client.query("SELECT public.acgs_govern('auth', 'sample')");
    await client.query("SELECT public.acgs_govern('auth', 'sample')");
    await client.query('GRANT SELECT, INSERT, UPDATE, DELETE ON auth.sample TO acgs_test_auth');
  });
});

afterAll(() => database.drop());

const as = <T>(schema: SubgraphSchema, work: (client: Client) => Promise<T>): Promise<T> => withClient(database.urls[schema], work);

async function insertEvent(client: Client, entityId: string): Promise<string> {
  const leaf = Buffer.from(JSON.stringify({ entityId }));
  const { rows } = await client.query<{ id: string }>(
    `INSERT INTO auth.outbox (stream, entity_id, kind, principal_id, request_id, constitutional_hash, leaf, leaf_hash, payload)
     VALUES ('sample', $1, 'SampleChanged', 'p1', 'r1', $2, $3, $4, '{}') RETURNING id`,
    [entityId, TEST_EPOCH.label, leaf, createHash('sha256').update(leaf).digest()],
  );
  return rows[0]?.id ?? '';
}

const insertSample = (client: Client, id: string, hash: string = TEST_EPOCH.label): Promise<unknown> =>
  client.query('INSERT INTO auth.sample (id, constitutional_hash) VALUES ($1, $2)', [id, hash]);

describe('governed rows', () => {
  it('are written together with an outbox row', async () => {
    await as('auth', (client) => inTransaction(client, async () => {
      await insertSample(client, 'together');
      await insertEvent(client, 'together');
    }));
    const { rowCount } = await as('auth', (client) => client.query("SELECT 1 FROM auth.sample WHERE id = 'together'"));
    expect(rowCount).toBe(1);
  });

  it.each([
    ['insert', (client: Client) => insertSample(client, 'alone')],
    ['update', (client: Client) => client.query("UPDATE auth.sample SET note = 'x' WHERE id = 'together'")],
    ['delete', (client: Client) => client.query("DELETE FROM auth.sample WHERE id = 'together'")],
  ])('cannot be changed without one: %s', async (_name, change) => {
    await expect(as('auth', (client) => inTransaction(client, () => change(client)))).rejects.toMatchObject({ code: 'AC002' });
  });

  it('accept an outbox row written inside a savepoint', async () => {
    await as('auth', (client) => inTransaction(client, async () => {
      await insertSample(client, 'savepoint');
      await client.query('SAVEPOINT s');
      await insertEvent(client, 'savepoint');
      await client.query('RELEASE SAVEPOINT s');
    }));
  });

  it('refuse a hash that is not accepted', async () => {
    await expect(as('auth', (client) => insertSample(client, 'wrong', '0'.repeat(16)))).rejects.toMatchObject({ code: 'AC001' });
  });

  it('keep an old hash through other changes after it was closed, and take no new rows under it', async () => {
    const old = { ...TEST_EPOCH, label: 'a'.repeat(16), epoch: 2 };
    await recordEpoch({ connectionString: database.adminUrl, ...old });
    await as('auth', (client) => inTransaction(client, async () => {
      await insertSample(client, 'old', old.label);
      await insertEvent(client, 'old');
    }));
    await recordEpoch({ connectionString: database.adminUrl, ...old, state: 'CLOSED' });
    await as('auth', (client) => inTransaction(client, async () => {
      await client.query("UPDATE auth.sample SET note = 'kept' WHERE id = 'old'");
      await insertEvent(client, 'old');
    }));
    await expect(as('auth', (client) => insertSample(client, 'late', old.label))).rejects.toMatchObject({ code: 'AC001' });
    await expect(
      as('auth', (client) => client.query('UPDATE auth.sample SET constitutional_hash = $1 WHERE id = $2', [old.label, 'together'])),
    ).rejects.toMatchObject({ code: 'AC001' });
  });

  it('need a constitutional_hash column', async () => {
    await expect(withClient(database.adminUrl, (client) => client.query("SELECT public.acgs_govern('auth', 'sequencer')"))).rejects.toThrow(/no constitutional_hash/);
  });
});

describe('the outbox', () => {
  it('is numbered once and otherwise immutable, even for the owner', async () => {
    const id = await as('auth', (client) => insertEvent(client, 'numbered'));
    await as('auth', (client) => client.query('UPDATE auth.outbox SET position = 1, seq = 1 WHERE id = $1', [id]));
    for (const change of ['position = 2', 'seq = 2', 'seq = NULL', "payload = '{\"a\":1}'", "leaf = 'x'", "tx = '5'"]) {
      await expect(withClient(database.adminUrl, (client) => client.query(`UPDATE auth.outbox SET ${change} WHERE id = $1`, [id]))).rejects.toMatchObject({ code: 'AC003' });
    }
    await expect(withClient(database.adminUrl, (client) => client.query('DELETE FROM auth.outbox'))).rejects.toMatchObject({ code: 'AC003' });
    await expect(withClient(database.adminUrl, (client) => client.query('TRUNCATE auth.outbox'))).rejects.toMatchObject({ code: 'AC003' });
  });

  it('records the true transaction and refuses numbers from the writer', async () => {
    const columns = 'stream, entity_id, kind, principal_id, request_id, constitutional_hash, leaf, leaf_hash, payload';
    const values = `'s', 'e', 'k', 'p', 'r', '${TEST_EPOCH.label}', 'l', sha256('l'), '{}'`;
    const { rows } = await as('auth', (client) =>
      client.query(`INSERT INTO auth.outbox (${columns}, tx) VALUES (${values}, '7') RETURNING tx = pg_current_xact_id() AS genuine`),
    );
    expect(rows).toEqual([{ genuine: true }]);
    await expect(as('auth', (client) => client.query(`INSERT INTO auth.outbox (${columns}, seq) VALUES (${values}, 9)`))).rejects.toMatchObject({ code: 'AC003' });
  });

  it('notifies listeners of the schema that has new rows', async () => {
    const notified = await as('auth', async (listener) => {
      const first = new Promise<string | undefined>((resolve) => listener.once('notification', ({ payload }) => resolve(payload)));
      await listener.query('LISTEN acgs_outbox');
      await as('auth', (client) => insertEvent(client, 'notified'));
      return first;
    });
    expect(notified).toBe('auth');
  });
});

describe('roles', () => {
  it.each(SUBGRAPH_SCHEMAS)('%s reaches its own schema only', async (schema) => {
    const other = SUBGRAPH_SCHEMAS.find((candidate) => candidate !== schema);
    await as(schema, async (client) => {
      await client.query(`SELECT 1 FROM ${schema}.idempotency`);
      await expect(client.query(`SELECT 1 FROM ${other}.idempotency`)).rejects.toMatchObject({ code: '42501' });
      await expect(client.query('SELECT 1 FROM public._prisma_migrations')).rejects.toMatchObject({ code: '42501' });
      await expect(client.query('CREATE TABLE public.mine (id int)')).rejects.toMatchObject({ code: '42501' });
      await expect(client.query(`CREATE TABLE ${schema}.mine (id int)`)).rejects.toMatchObject({ code: '42501' });
    });
  });

  it('may neither edit the outbox nor the epochs', async () => {
    await as('auth', async (client) => {
      for (const statement of [
        "UPDATE auth.outbox SET payload = '{}'",
        'DELETE FROM auth.outbox',
        "INSERT INTO auth.constitutional_epoch VALUES ('b', 9, 'd', 's', 'ACCEPTED')",
        "UPDATE auth.constitutional_epoch SET state = 'ACCEPTED'",
      ]) {
        await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' });
      }
    });
  });

  it('let integrity, and only integrity, read every outbox', async () => {
    await as('integrity', async (client) => {
      for (const schema of SUBGRAPH_SCHEMAS) await client.query(`SELECT count(*) FROM ${schema}.outbox`);
      await expect(client.query("UPDATE auth.outbox SET position = 5")).rejects.toMatchObject({ code: '42501' });
    });
    await expect(as('auth', (client) => client.query('SELECT 1 FROM integrity.outbox'))).rejects.toMatchObject({ code: '42501' });
  });

  it('are made once by concurrent provisioners and need their password', async () => {
    const rolePrefix = `t${Date.now().toString(36)}${process.pid}_`;
    const passwords = Object.fromEntries(SUBGRAPH_SCHEMAS.map((schema) => [schema, `secret-of-${schema}`])) as Record<SubgraphSchema, string>;
    const options = { connectionString: database.adminUrl, rolePrefix, passwords };
    try {
      const [urls] = await Promise.all([provisionRoles(options), provisionRoles(options), provisionRoles(options)]);
      const { rows } = await withClient(urls.auth, (client) => client.query('SELECT current_user AS role'));
      expect(rows).toEqual([{ role: `${rolePrefix}auth` }]);
      await withClient(database.adminUrl, async (client) => {
        const { rows: methods } = await client.query<{ auth_method: string }>("SELECT auth_method FROM pg_hba_file_rules WHERE type = 'host' AND '127.0.0.1' = address");
        // A server that trusts the loopback proves nothing about passwords.
        if (methods[0]?.auth_method !== 'scram-sha-256') return;
        const login = withClient(withUrl(urls.auth, { password: 'guessed' }), (intruder) => intruder.query('SELECT 1'));
        await expect(login).rejects.toMatchObject({ code: '28P01' });
      });
    } finally {
      await dropRoles({ connectionString: database.adminUrl, rolePrefix });
    }
  });

  it('refuse passwords and prefixes that cannot be used', async () => {
    expect(() => scramVerifier('')).toThrow(RangeError);
    expect(() => scramVerifier('pässwort')).toThrow(RangeError);
    await expect(dropRoles({ connectionString: database.adminUrl, rolePrefix: 'Bad"; ' })).rejects.toThrow(RangeError);
  });

  it('get the verifier of RFC 7677’s example', () => {
    // Derived from the password, salt and iteration count of RFC 7677's example exchange.
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
    expect(scramVerifier('pencil', salt)).toBe(
      'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
    );
  });
});
