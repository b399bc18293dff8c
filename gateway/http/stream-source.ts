/** What the HTTP edge needs to stream a subscription: the interface that `gateway/subscriptions` implements. */
import type { GatewayAnswer, GatewayRequest, PreparedOperation } from '../execution/contracts.js';
import type { Outlet } from '../subscriptions/subscription-stream.js';

/** One subscription to open. */
export interface StreamInput {
  readonly request: GatewayRequest;
  /** Its operation is a subscription. */
  readonly prepared: PreparedOperation;
  readonly variables: Readonly<Record<string, unknown>>;
  /** Whether the reader keeps up; asked before each answer is delivered. */
  readonly outlet: Outlet;
}

/**
 * The answers of one subscription, in order. An explicit iterator, not a generator: `return` takes effect while a `next`
 * is pending, ends that `next` with `done`, and closes the upstream before it resolves.
 */
export interface AnswerStream extends AsyncIterator<GatewayAnswer, undefined> {
  return(): Promise<IteratorResult<GatewayAnswer, undefined>>;
}

export interface StreamSource {
  /**
   * Opens a subscription; no answer is awaited. `next` rejects once, with SubscriptionFailure, when the stream ends in
   * errors, SUBSCRIPTION_LAGGING among them.
   * @throws SubscriptionFailure or AcgsError when the operation cannot be streamed at all.
   */
  open(input: StreamInput): AnswerStream;
}
