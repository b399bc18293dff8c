/** One subscription's reader: where it stands in its stream and where its answers go. */
import type { GraphQLError } from 'graphql';
import type { GatewayRequest } from '../execution/contracts.js';
import type { StreamAnswer } from './stream-answer.js';
import { withResumePlace } from './stream-faults.js';

/** Whether a reader keeps up. */
export interface Outlet {
  /** True while more waits than the reader may owe. */
  congested(): boolean;
  /** Resolves true when the reader has caught up or is gone, false when it did not within the grace time. */
  caughtUp(): Promise<boolean>;
}

/** Where answers go. After `error`, `complete` or `goingAway` nothing more comes. */
export interface AnswerSink extends Outlet {
  deliver(answer: StreamAnswer): void;
  error(errors: readonly GraphQLError[]): void;
  complete(): void;
  /** The gateway shuts down, and everything that had come is delivered; `errors` say so where the protocol does not. */
  goingAway(errors: readonly GraphQLError[]): void;
  /** Several answers follow: keep them until `uncork`. */
  cork(): void;
  uncork(): void;
}

/** Who shares a reader's answers. */
export interface SubscriberAudience {
  /** The reader keeps up again. */
  resume(subscriber: Subscriber): void;
  remove(subscriber: Subscriber): void;
}

/** All readers of equal subscriptions. */
export interface SubscriberGroup {
  /** Finds the reader a place behind its last cursor. */
  rejoin(subscriber: Subscriber): void;
  /** Ends the reader's subscription because it reads too slowly. */
  lag(subscriber: Subscriber): void;
  exit(subscriber: Subscriber): void;
}

export class Subscriber {
  group: SubscriberGroup | undefined;
  /** Undefined while it waits to be given a place. */
  audience: SubscriberAudience | undefined;
  /** Number of the next entry it gets. */
  position = 0;
  /** True once it was handed anything. */
  begun = false;
  /** Cursor of the last message it was handed that carried one. */
  cursor: string | undefined;
  /** True while that is the last message it was handed. */
  settled = false;
  /** True once it was handed OPENED. */
  opened = false;
  /** Its own OPENED, while that is made. */
  opening: Promise<StreamAnswer> | undefined;
  /** True while it does not keep up. */
  waiting = false;
  private ended = false;

  /** @param after where the client asked to start. */
  constructor(readonly sink: AnswerSink, public request: GatewayRequest, readonly after: unknown) {}

  get over(): boolean {
    return this.ended;
  }

  /** Ends it without a word to the reader. */
  close(): void {
    if (this.ended) return;
    this.ended = true;
    this.group?.exit(this);
  }

  /** Ends it: with errors, or by itself when there are none. */
  end(errors: readonly GraphQLError[]): void {
    if (this.ended) return;
    this.close();
    if (errors.length === 0) this.sink.complete();
    else this.sink.error(withResumePlace(errors, this.cursor));
  }
}
