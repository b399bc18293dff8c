/** Reads a schema's sequenced events: history from the outbox, news by the bus, always in position order and without gaps. */
import type pg from 'pg';
import type { Stoppable } from '../../ops/runtime/lifecycle.js';
import type { Logger } from '../../ops/runtime/logger.js';
import type { SubgraphSchema } from '../../ops/runtime/subgraph-names.js';
import type { EventBus } from './event-bus.js';
import { EVENT_COLUMNS, toSequencedEvent, type OutboxRow, type SequencedEvent } from './outbox.js';

const READ_LIMIT = 1_000;
const POLL_MS = 1_000;

/** Called with new events in position order, each exactly once. */
export type EventListener = (events: readonly SequencedEvent[]) => void;

export class EventLog {
  private readonly listeners = new Set<EventListener>();
  private lastPosition = 0;
  private follower: Stoppable | undefined;
  private timer: NodeJS.Timeout | undefined;
  private queue: Promise<void> = Promise.resolve();
  private reading = false;
  private again = false;
  private stopped = false;

  /**
   * @param pool connections of a role that may read the schema's outbox.
   * @param schema whose outbox is read.
   */
  constructor(private readonly pool: pg.Pool, readonly schema: SubgraphSchema, private readonly bus: EventBus, private readonly logger: Logger) {}

  async start(): Promise<void> {
    const { rows } = await this.pool.query<{ last: string | null }>(`SELECT max(position) AS last FROM ${this.schema}.outbox`);
    this.lastPosition = Number(rows[0]?.last ?? 0);
    this.follower = await this.bus.follow(this.schema, (events) => this.accept(events));
    this.timer = setInterval(() => this.accept([]), POLL_MS);
    this.timer.unref();
    this.accept([]);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.follower?.stop();
    await this.queue;
  }

  /** Registers a listener for events after now. @returns a function that removes it. */
  listen(listener: EventListener): () => void {
    this.listeners.add(listener);
    return () => { this.listeners.delete(listener); };
  }

  /** Position of the last event that was handed to the listeners; 0 when there is none. */
  position(): number {
    return this.lastPosition;
  }

  /** Number of the last event of a stream; 0 when there is none. */
  async head(stream: string): Promise<number> {
    const { rows } = await this.pool.query<{ last: string | null }>(`SELECT max(seq) AS last FROM ${this.schema}.outbox WHERE stream = $1`, [stream]);
    return Number(rows[0]?.last ?? 0);
  }

  /** Events of a stream after a number, in order. @param limit at most 1,000. */
  async readStream(stream: string, after: number, limit: number): Promise<SequencedEvent[]> {
    const { rows } = await this.pool.query<OutboxRow>(
      `SELECT ${EVENT_COLUMNS} FROM ${this.schema}.outbox WHERE stream = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
      [stream, after, Math.min(limit, READ_LIMIT)],
    );
    return rows.map((row) => toSequencedEvent(this.schema, row));
  }

  /** Identity of the numbering: changes when the schema is made anew, so that cursors of another life are refused. */
  async epoch(): Promise<number> {
    const { rows } = await this.pool.query<{ last_seq: string }>(
      `INSERT INTO ${this.schema}.sequencer AS s (stream, last_seq) VALUES ('#epoch', (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
       ON CONFLICT (stream) DO UPDATE SET last_seq = s.last_seq RETURNING last_seq`,
    );
    return Number(rows[0]?.last_seq ?? 0);
  }

  private accept(hint: readonly SequencedEvent[]): void {
    if (this.stopped) return;
    const first = hint[0];
    const last = hint[hint.length - 1];
    const contiguous = first?.position === this.lastPosition + 1 && last?.position === this.lastPosition + hint.length;
    if (!this.reading && contiguous) {
      this.deliver(hint);
      return;
    }
    // A read under way may have passed what this hint announces: it reads once more.
    this.again = true;
    if (!this.reading) this.queue = this.readAll();
  }

  private async readAll(): Promise<void> {
    this.reading = true;
    while (this.again) {
      this.again = false;
      await this.catchUp();
    }
    this.reading = false;
  }

  private async catchUp(): Promise<void> {
    try {
      for (;;) {
        if (this.stopped) return;
        const { rows } = await this.pool.query<OutboxRow>(
          `SELECT ${EVENT_COLUMNS} FROM ${this.schema}.outbox WHERE position > $1 ORDER BY position LIMIT ${READ_LIMIT}`, [this.lastPosition],
        );
        if (rows.length > 0) this.deliver(rows.map((row) => toSequencedEvent(this.schema, row)));
        if (rows.length < READ_LIMIT) return;
      }
    } catch (error) {
      if (!this.stopped) this.logger.warn({ err: error, schema: this.schema }, 'Reading the outbox failed; the next poll tries again');
    }
  }

  private deliver(events: readonly SequencedEvent[]): void {
    this.lastPosition = events[events.length - 1]?.position ?? this.lastPosition;
    for (const listener of this.listeners) {
      try {
        listener(events);
      } catch (error) {
        this.logger.error({ err: error }, 'An event listener failed');
      }
    }
  }
}
