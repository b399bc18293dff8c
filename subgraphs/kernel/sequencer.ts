/** Numbers committed outbox rows without gaps and tells the bus; one process a schema holds the lease. */
import type pg from 'pg';
import type { Logger } from '../../ops/runtime/logger.js';
import type { SubgraphSchema } from '../../ops/runtime/subgraph-names.js';
import type { Database } from './database.js';
import type { EventBus } from './event-bus.js';
import { EVENT_COLUMNS, toSequencedEvent, type OutboxRow, type SequencedEvent } from './outbox.js';

const BATCH = 500;
const IDLE_MS = 500;
const LEASE_RETRY_MS = 1_000;
/** After word of a commit that is still above another transaction's xmin, numbering is tried again this often, this long. */
const EAGER_STEP_MS = 4;
const EAGER_MS = 1_000;

/**
 * Rows of transactions below the snapshot's xmin are complete: nothing that commits later can belong before them.
 * The row of stream '' holds the last position of the whole schema.
 */
function numberingSql(schema: SubgraphSchema): string {
  return `
    WITH batch AS (
      SELECT id, stream FROM ${schema}.outbox
      WHERE position IS NULL AND tx < pg_snapshot_xmin(pg_current_snapshot())
      ORDER BY id LIMIT ${BATCH}
    ), numbered AS (
      SELECT id, stream, row_number() OVER (ORDER BY id) AS nth, row_number() OVER (PARTITION BY stream ORDER BY id) AS nth_of_stream FROM batch
    ), counters AS (
      INSERT INTO ${schema}.sequencer AS s (stream, last_seq)
      SELECT stream, count(*) FROM batch GROUP BY stream UNION ALL SELECT '', count(*) FROM batch HAVING count(*) > 0
      ON CONFLICT (stream) DO UPDATE SET last_seq = s.last_seq + excluded.last_seq
      RETURNING stream, last_seq
    ), sizes AS (SELECT stream, count(*) AS size FROM batch GROUP BY stream UNION ALL SELECT '', count(*) FROM batch)
    UPDATE ${schema}.outbox o SET
      position = (SELECT c.last_seq - z.size FROM counters c JOIN sizes z USING (stream) WHERE c.stream = '') + n.nth,
      seq = (SELECT c.last_seq - z.size FROM counters c JOIN sizes z USING (stream) WHERE c.stream = n.stream) + n.nth_of_stream
    FROM numbered n WHERE o.id = n.id
    RETURNING ${EVENT_COLUMNS.split(', ').map((column) => `o.${column}`).join(', ')}`;
}

export class Sequencer {
  private client: pg.Client | undefined;
  private stopped = false;
  private pending = false;
  private eagerUntil = 0;
  private wake: (() => void) | undefined;
  private loop: Promise<void> | undefined;
  private readonly sql: string;

  constructor(private readonly database: Database, private readonly bus: EventBus, private readonly logger: Logger) {
    this.sql = numberingSql(database.schema);
  }

  start(): void {
    this.loop = this.run();
  }

  /** Says that rows were committed; numbering begins at once when this process holds the lease. */
  poke(): void {
    this.pending = true;
    this.wake?.();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.wake?.();
    await this.loop;
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      try {
        this.client ??= await this.lease();
        if (this.client === undefined) {
          await this.sleep(LEASE_RETRY_MS);
          continue;
        }
        if (this.pending) this.eagerUntil = Date.now() + EAGER_MS;
        this.pending = false;
        const count = await this.number(this.client);
        if (count > 0) this.eagerUntil = 0;
        if (count < BATCH) await this.sleep(Date.now() < this.eagerUntil ? EAGER_STEP_MS : IDLE_MS);
      } catch (error) {
        if (!this.stopped) this.logger.warn({ err: error }, 'Sequencing failed; taking the lease anew');
        await this.release();
        await this.sleep(LEASE_RETRY_MS);
      }
    }
    await this.release();
  }

  /** Takes the session lock; undefined while another process holds it. The lock dies with the connection. */
  private async lease(): Promise<pg.Client | undefined> {
    const client = await this.database.connect();
    client.on('error', (error) => this.logger.warn({ err: error }, 'The sequencer connection broke'));
    const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS locked', [`acgs.sequencer.${this.database.schema}`]);
    if (rows[0]?.locked !== true) {
      await client.end();
      return undefined;
    }
    client.on('notification', ({ payload }) => { if (payload === this.database.schema) this.poke(); });
    await client.query('LISTEN acgs_outbox');
    return client;
  }

  private async number(client: pg.Client): Promise<number> {
    const { rows } = await client.query<OutboxRow>(this.sql);
    if (rows.length === 0) return 0;
    const events = rows.map((row) => toSequencedEvent(this.database.schema, row)).sort((a: SequencedEvent, b: SequencedEvent) => a.position - b.position);
    try {
      await this.bus.publish(this.database.schema, events);
    } catch (error) {
      this.logger.warn({ err: error }, 'Publishing failed; followers will read the outbox');
    }
    return rows.length;
  }

  private async release(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    await client?.end().catch((error: unknown) => this.logger.debug({ err: error }, 'Closing the sequencer connection failed'));
  }

  private sleep(ms: number): Promise<void> {
    if (this.pending || this.stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wake?.(), ms);
      this.wake = () => {
        clearTimeout(timer);
        this.wake = undefined;
        resolve();
      };
    });
  }
}
