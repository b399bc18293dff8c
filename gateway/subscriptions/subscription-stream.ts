/** The answer stream of one subscription: events executed in parallel, delivered in order, ended at once when the reader goes. */
import type { GraphQLError } from 'graphql';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { GatewayResult } from '../execution/contracts.js';
import type { EdgeLimits } from './edge-deps.js';
import { toGraphQLError, type FeedReader } from './resumable-feed.js';
import type { SubscriptionMetrics } from './subscription-metrics.js';
import type { UpstreamPayload } from './upstream-socket.js';

/** Where messages go; says whether the reader keeps up. */
export interface Outlet {
  /** True while more bytes wait than the reader may owe. */
  congested(): boolean;
  /** Resolves true when the reader has caught up or is gone, false when it did not within the grace time. */
  caughtUp(): Promise<boolean>;
}

/** The part of a feed that the stream steers. */
export interface SteeredFeed {
  start(): void;
  readonly canPause: boolean;
  pause(): void;
  resume(): void;
  close(): void;
}

export interface StreamOptions {
  readonly field: string;
  readonly makeFeed: (reader: FeedReader) => SteeredFeed;
  /** Executes one message; `verified` tells whether it came under an accepted hash. */
  readonly execute: (payload: UpstreamPayload, verified: boolean) => Promise<GatewayResult>;
  readonly outlet: Outlet;
  readonly limits: EdgeLimits;
  readonly metrics: Pick<SubscriptionMetrics, 'events' | 'delivery' | 'lagging'>;
  /** Called once, when the stream is over for any reason. */
  readonly onClosed: () => void;
}

/** Ends a subscription with errors; the edge sends them as the protocol's error message. */
export class SubscriptionFailure extends Error {
  override readonly name = 'SubscriptionFailure';
  constructor(readonly errors: readonly GraphQLError[]) {
    super(errors[0]?.message ?? 'The subscription failed.');
  }
}

interface Waiting {
  readonly payload: UpstreamPayload;
  readonly verified: boolean;
  readonly arrivedAt: number;
}

interface Slot {
  readonly arrivedAt: number;
  result: GatewayResult | undefined;
  fault: unknown;
  settled: boolean;
}

/**
 * An explicit iterator: `return` and `throw` take effect while a `next` is pending, which an async generator
 * blocked in `await` would not do, and close the upstream before they resolve.
 */
export class SubscriptionStream implements AsyncIterableIterator<GatewayResult> {
  private readonly feed: SteeredFeed;
  private readonly waiting: Waiting[] = [];
  private readonly slots: Slot[] = [];
  private failure: SubscriptionFailure | undefined;
  private ended = false;
  private done = false;
  private wake: (() => void) | undefined;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: StreamOptions) {
    this.feed = options.makeFeed({
      message: (payload, verified) => this.enqueue({ payload, verified, arrivedAt: performance.now() }),
      end: (errors) => this.end(errors),
    });
    this.feed.start();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next answer; rejects once with SubscriptionFailure when the stream ends in errors. */
  next(): Promise<IteratorResult<GatewayResult, undefined>> {
    const result = this.turn.then(() => this.advance());
    this.turn = result.catch(() => undefined);
    return result;
  }

  /** Ends the stream at the subgraph and drops what was not delivered. */
  return(): Promise<IteratorResult<GatewayResult, undefined>> {
    this.finish();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** As `return`, and rejects with the reason. */
  throw(reason: unknown): Promise<IteratorResult<GatewayResult, undefined>> {
    this.finish();
    return Promise.reject(reason instanceof Error ? reason : new Error(String(reason)));
  }

  private enqueue(entry: Waiting): void {
    if (this.done || this.ended) return;
    this.waiting.push(entry);
    this.pump();
    if (this.waiting.length < this.options.limits.maxWaitingEvents) return;
    if (this.feed.canPause) this.feed.pause();
    else this.end([toGraphQLError(this.lagging())]);
  }

  private end(errors: readonly GraphQLError[]): void {
    if (this.ended) return;
    this.ended = true;
    if (errors.length > 0) this.failure = new SubscriptionFailure(errors);
    this.feed.close();
    this.wake?.();
  }

  /** Starts executions up to the pipeline's width; the order of slots is the order of delivery. */
  private pump(): void {
    while (this.slots.length < this.options.limits.pipelinedEvents) {
      const entry = this.waiting.shift();
      if (entry === undefined) break;
      const slot: Slot = { arrivedAt: entry.arrivedAt, result: undefined, fault: undefined, settled: false };
      this.slots.push(slot);
      const settle = (): void => {
        slot.settled = true;
        if (this.slots[0] === slot) this.wake?.();
      };
      this.options.execute(entry.payload, entry.verified).then(
        (result) => { slot.result = result; settle(); },
        (fault: unknown) => { slot.fault = fault; settle(); },
      );
    }
    if (!this.ended && this.waiting.length <= this.options.limits.maxWaitingEvents / 4) this.feed.resume();
  }

  private async advance(): Promise<IteratorResult<GatewayResult, undefined>> {
    while (!this.done) {
      const head = this.slots[0];
      if (head?.settled === true) {
        if (this.options.outlet.congested()) {
          const keptUp = await this.options.outlet.caughtUp();
          if (this.done) break;
          if (!keptUp) {
            this.finish();
            throw new SubscriptionFailure([toGraphQLError(this.lagging())]);
          }
        }
        this.slots.shift();
        this.pump();
        if (head.result === undefined) {
          this.finish();
          throw head.fault instanceof Error ? head.fault : new Error('An event could not be executed.', { cause: head.fault });
        }
        this.options.metrics.events.inc({ field: this.options.field });
        this.options.metrics.delivery.observe((performance.now() - head.arrivedAt) / 1000);
        return { done: false, value: head.result };
      }
      if (this.ended && head === undefined && this.waiting.length === 0) {
        const failure = this.failure;
        this.finish();
        if (failure !== undefined) throw failure;
        break;
      }
      await this.sleep();
    }
    return { done: true, value: undefined };
  }

  private sleep(): Promise<void> {
    if (this.done) return Promise.resolve();
    return new Promise((resolve) => {
      this.wake = () => {
        this.wake = undefined;
        resolve();
      };
    });
  }

  private lagging(): AcgsError {
    this.options.metrics.lagging.inc();
    return new AcgsError('SUBSCRIPTION_LAGGING');
  }

  private finish(): void {
    if (this.done) return;
    this.done = true;
    this.ended = true;
    this.feed.close();
    this.waiting.length = 0;
    this.slots.length = 0;
    this.wake?.();
    this.options.onClosed();
  }
}
