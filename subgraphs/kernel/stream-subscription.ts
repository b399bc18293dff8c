/** A subscription over one event stream: replay after a cursor, then live, in order, without gaps or leaks. */
import type { Cursors, CursorBinding } from './cursor.js';
import type { EventLog } from './event-log.js';
import type { SequencedEvent } from './outbox.js';

const LIVE_LIMIT = 1_000;
const READ_SIZE = 200;
const BOOKMARK_MS = 20_000;

export interface StreamMessage<P> {
  readonly cursor: string;
  readonly kind: 'OPENED' | 'EVENT' | 'BOOKMARK';
  /** What `present` made of the event; null unless `kind` is EVENT. */
  readonly event: P | null;
}

export interface StreamSubscriptionOptions<P> {
  readonly log: EventLog;
  readonly cursors: Cursors;
  readonly binding: CursorBinding;
  /** Cursor to resume after; null or undefined starts at the head. */
  readonly after: string | null | undefined;
  /** True when the subscriber asked for, and may see, the event. */
  readonly matches: (event: SequencedEvent) => boolean;
  readonly present: (event: SequencedEvent) => P;
  /** Longest time the cursor stands still while events pass that do not match, milliseconds; default 20,000. */
  readonly bookmarkMs?: number;
}

/**
 * Opens the subscription. The first message is OPENED and carries the cursor to resume from.
 * @throws AcgsError CURSOR_INVALID or CURSOR_EXPIRED for a bad `after`.
 */
export async function openStreamSubscription<P>(options: StreamSubscriptionOptions<P>): Promise<AsyncIterableIterator<StreamMessage<P>>> {
  const { log, cursors, binding, after } = options;
  const live = new LiveBuffer(log, binding.stream);
  try {
    const head = await log.head(binding.stream);
    const start = after === null || after === undefined ? head : cursors.decode(binding, after, head);
    return new StreamIterator(options, live, start, start < head);
  } catch (error) {
    live.close();
    throw error;
  }
}

/** Keeps the newest events of a stream while a subscriber is busy; overflow only means reading the outbox again. */
class LiveBuffer {
  private events: SequencedEvent[] = [];
  private readonly unlisten: () => void;
  overflowed = false;
  onArrival: (() => void) | undefined;

  constructor(log: EventLog, stream: string) {
    this.unlisten = log.listen((events) => {
      for (const event of events) if (event.stream === stream) this.events.push(event);
      if (this.events.length > LIVE_LIMIT) {
        this.events = [];
        this.overflowed = true;
      }
      if (this.events.length > 0 || this.overflowed) this.onArrival?.();
    });
  }

  shift(): SequencedEvent | undefined {
    return this.events.shift();
  }

  clear(): void {
    this.events = [];
  }

  close(): void {
    this.unlisten();
  }
}

class StreamIterator<P> implements AsyncIterableIterator<StreamMessage<P>> {
  private opened = false;
  private done = false;
  private bookmarked: number;
  private lastMessageAt = Date.now();
  private backlog: SequencedEvent[] = [];
  private wake: (() => void) | undefined;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: StreamSubscriptionOptions<P>, private readonly live: LiveBuffer, private seq: number, private behind: boolean) {
    this.bookmarked = seq;
    live.onArrival = () => this.wake?.();
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<StreamMessage<P>> {
    return this;
  }

  next(): Promise<IteratorResult<StreamMessage<P>>> {
    const result = this.turn.then(() => this.advance());
    this.turn = result.catch(() => undefined);
    return result;
  }

  return(): Promise<IteratorResult<StreamMessage<P>>> {
    this.finish();
    return Promise.resolve({ done: true, value: undefined });
  }

  throw(error: unknown): Promise<IteratorResult<StreamMessage<P>>> {
    this.finish();
    return Promise.reject(error instanceof Error ? error : new Error(String(error)));
  }

  private finish(): void {
    this.done = true;
    this.live.close();
    this.wake?.();
  }

  private async advance(): Promise<IteratorResult<StreamMessage<P>>> {
    if (!this.opened && !this.done) {
      this.opened = true;
      return this.message('OPENED', null);
    }
    while (!this.done) {
      const event = await this.take();
      if (event !== undefined) {
        this.seq = event.seq;
        if (this.options.matches(event)) return this.message('EVENT', this.options.present(event));
        if (this.bookmarkDue()) return this.message('BOOKMARK', null);
        continue;
      }
      if (this.bookmarkDue()) return this.message('BOOKMARK', null);
      await this.sleep();
    }
    return { done: true, value: undefined };
  }

  /** The event after `seq`, or undefined when there is none yet. */
  private async take(): Promise<SequencedEvent | undefined> {
    const ready = this.backlog.shift();
    if (ready !== undefined) return ready;
    if (this.behind || this.live.overflowed) {
      this.live.overflowed = false;
      this.backlog = await this.options.log.readStream(this.options.binding.stream, this.seq, READ_SIZE);
      this.behind = this.backlog.length === READ_SIZE;
      return this.backlog.shift();
    }
    for (;;) {
      const event = this.live.shift();
      if (event === undefined || event.seq === this.seq + 1) return event;
      if (event.seq > this.seq) {
        this.behind = true;
        this.live.clear();
        return this.take();
      }
    }
  }

  private bookmarkDue(): boolean {
    return this.seq > this.bookmarked && Date.now() - this.lastMessageAt >= (this.options.bookmarkMs ?? BOOKMARK_MS);
  }

  private message(kind: StreamMessage<P>['kind'], event: P | null): IteratorResult<StreamMessage<P>> {
    this.bookmarked = this.seq;
    this.lastMessageAt = Date.now();
    return { done: false, value: { cursor: this.options.cursors.encode(this.options.binding, this.seq), kind, event } };
  }

  private sleep(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wake?.(), this.options.bookmarkMs ?? BOOKMARK_MS);
      timer.unref();
      this.wake = () => {
        clearTimeout(timer);
        this.wake = undefined;
        resolve();
      };
      if (this.done || this.live.overflowed) this.wake();
    });
  }
}
