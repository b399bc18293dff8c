/** The bus of several processes without Redis: PostgreSQL LISTEN/NOTIFY wakes followers, who read the outbox. */
import pg from 'pg';
import type { Stoppable } from '../../ops/runtime/lifecycle.js';
import type { Logger } from '../../ops/runtime/logger.js';
import type { SubgraphSchema } from '../../ops/runtime/subgraph-names.js';
import type { BusListener, EventBus } from './event-bus.js';
import type { SequencedEvent } from './outbox.js';

const CHANNEL = 'acgs_events';
const RECONNECT_MS = 500;

export class NotifyBus implements EventBus {
  private readonly listeners = new Map<SubgraphSchema, Set<BusListener>>();
  private readonly pool: pg.Pool;
  private client: pg.Client | undefined;
  private connecting: Promise<void> | undefined;
  private retry: NodeJS.Timeout | undefined;
  private stopped = false;

  /** @param url any role of the database: NOTIFY needs no grants. */
  constructor(private readonly url: string, private readonly logger: Logger) {
    this.pool = new pg.Pool({ connectionString: url, max: 1, connectionTimeoutMillis: 3_000 });
    this.pool.on('error', (error) => logger.warn({ err: error }, 'The notify connection broke'));
  }

  async publish(schema: SubgraphSchema, _events: readonly SequencedEvent[]): Promise<void> {
    await this.pool.query('SELECT pg_notify($1, $2)', [CHANNEL, schema]);
  }

  async follow(schema: SubgraphSchema, listener: BusListener): Promise<Stoppable> {
    const listeners = this.listeners.get(schema) ?? new Set();
    listeners.add(listener);
    this.listeners.set(schema, listeners);
    await this.listen();
    return { stop: async () => { listeners.delete(listener); } };
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.retry);
    await this.connecting?.catch((error: unknown) => this.logger.debug({ err: error }, 'Listening failed while stopping'));
    await Promise.all([this.client?.end(), this.pool.end()]);
  }

  private listen(): Promise<void> {
    this.connecting ??= this.open();
    return this.connecting;
  }

  private async open(): Promise<void> {
    const client = new pg.Client({ connectionString: this.url, keepAlive: true, connectionTimeoutMillis: 3_000 });
    client.on('notification', ({ payload }) => this.wake(payload as SubgraphSchema));
    const lost = (error?: Error): void => {
      if (this.stopped || this.client !== client) return;
      this.logger.warn({ err: error }, 'Listening broke off; connecting again');
      this.client = undefined;
      this.reconnect();
    };
    client.on('error', lost);
    client.on('end', () => lost());
    await client.connect();
    await client.query(`LISTEN ${CHANNEL}`);
    this.client = client;
  }

  private reconnect(): void {
    this.retry = setTimeout(() => {
      this.connecting = this.open();
      this.connecting.then(
        () => { for (const schema of this.listeners.keys()) this.wake(schema); },
        (error: unknown) => {
          this.logger.warn({ err: error }, 'Listening failed; trying again');
          if (!this.stopped) this.reconnect();
        },
      );
    }, RECONNECT_MS);
  }

  private wake(schema: SubgraphSchema): void {
    for (const listener of this.listeners.get(schema) ?? []) listener([]);
  }
}
