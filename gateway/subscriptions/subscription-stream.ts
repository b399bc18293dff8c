/** The answers of one subscription as an explicit iterator, for edges that pull: delivered in order, ended at once when the reader goes. */
import type { GraphQLError } from 'graphql';
import type { GatewayAnswer } from '../execution/contracts.js';
import type { StreamAnswer } from './stream-answer.js';
import { SubscriptionFailure } from './stream-faults.js';
import type { AnswerSink, Outlet } from './subscriber.js';

export { SubscriptionFailure } from './stream-faults.js';
export type { Outlet } from './subscriber.js';

/** Answers that may wait to be pulled; above it the reader counts as not keeping up. */
const MOST_WAITING = 16;

interface Pull {
  readonly resolve: (result: IteratorResult<GatewayAnswer, undefined>) => void;
  readonly reject: (reason: unknown) => void;
}

const DONE: IteratorResult<GatewayAnswer, undefined> = { done: true, value: undefined };

/**
 * An explicit iterator: `return` takes effect while a `next` is pending, which an async generator blocked in `await`
 * would not do, and closes the upstream before it resolves.
 */
export class SubscriptionStream implements AsyncIterableIterator<GatewayAnswer, undefined>, AnswerSink {
  private readonly waiting: StreamAnswer[] = [];
  private readonly pulls: Pull[] = [];
  private failure: SubscriptionFailure | undefined;
  private ended = false;
  private roomWaiters: Array<(caughtUp: boolean) => void> = [];

  /**
   * @param graceMs how long answers may wait to be pulled before the reader has fallen behind, milliseconds.
   * @param onReturn called once, when the reader ends the stream.
   */
  constructor(private readonly outlet: Outlet, private readonly graceMs: number, private readonly onReturn: () => void) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next answer; rejects once with SubscriptionFailure when the stream ends in errors. */
  next(): Promise<IteratorResult<GatewayAnswer, undefined>> {
    const answer = this.waiting.shift();
    if (answer !== undefined) {
      if (this.waiting.length === 0) this.makeRoom(true);
      return Promise.resolve({ done: false, value: answer });
    }
    if (!this.ended) return new Promise((resolve, reject) => { this.pulls.push({ resolve, reject }); });
    const { failure } = this;
    this.failure = undefined;
    return failure === undefined ? Promise.resolve(DONE) : Promise.reject(failure);
  }

  /** Ends the stream and drops what was not pulled. */
  return(): Promise<IteratorResult<GatewayAnswer, undefined>> {
    this.waiting.length = 0;
    if (!this.ended) {
      this.close();
      this.onReturn();
    }
    return Promise.resolve(DONE);
  }

  /** As `return`, and rejects with the reason. */
  async throw(reason: unknown): Promise<IteratorResult<GatewayAnswer, undefined>> {
    await this.return();
    throw reason instanceof Error ? reason : new Error(String(reason));
  }

  congested(): boolean {
    return this.waiting.length >= MOST_WAITING || this.outlet.congested();
  }

  async caughtUp(): Promise<boolean> {
    if (this.waiting.length >= MOST_WAITING && !(await this.room())) return false;
    return this.outlet.congested() ? this.outlet.caughtUp() : true;
  }

  /** Hands the reader an answer. */
  deliver(answer: StreamAnswer): void {
    if (this.ended) return;
    const pull = this.pulls.shift();
    if (pull === undefined) this.waiting.push(answer);
    else pull.resolve({ done: false, value: answer });
  }

  error(errors: readonly GraphQLError[]): void {
    if (this.ended) return;
    this.failure = new SubscriptionFailure(errors);
    this.close();
  }

  complete(): void {
    this.close();
  }

  /** Over HTTP an end without a word would look like the end of the stream. */
  goingAway(errors: readonly GraphQLError[]): void {
    this.error(errors);
  }

  cork(): void {
    // Nothing is gained by keeping answers back: they are pulled.
  }

  uncork(): void {
    // See cork.
  }

  private close(): void {
    if (this.ended) return;
    this.ended = true;
    this.makeRoom(true);
    for (const { resolve, reject } of this.pulls.splice(0)) {
      const { failure } = this;
      this.failure = undefined;
      if (failure === undefined) resolve(DONE);
      else reject(failure);
    }
  }

  private room(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), this.graceMs);
      this.roomWaiters.push((caughtUp) => {
        clearTimeout(timer);
        resolve(caughtUp);
      });
    });
  }

  private makeRoom(caughtUp: boolean): void {
    for (const waiter of this.roomWaiters.splice(0)) waiter(caughtUp);
  }
}
