/** Turns a stream's messages into a subscription field's payloads without hiding `return` and `throw`. */
import type { StreamMessage } from './stream-subscription.js';

/**
 * @param field name of the subscription field; graphql-js resolves it from the yielded object.
 * @param map makes the field's value from a message.
 */
export function mapMessages<P, R, F extends string>(source: AsyncIterableIterator<StreamMessage<P>>, field: F, map: (message: StreamMessage<P>) => R): AsyncIterableIterator<Record<F, R>> {
  const wrap = async (step: Promise<IteratorResult<StreamMessage<P>>>): Promise<IteratorResult<Record<F, R>>> => {
    const { done, value } = await step;
    return done === true ? { done: true, value: undefined } : { done: false, value: { [field]: map(value) } as Record<F, R> };
  };
  return {
    [Symbol.asyncIterator]() { return this; },
    next: () => wrap(source.next()),
    return: () => wrap(source.return?.() ?? Promise.resolve({ done: true, value: undefined })),
    throw: (error: unknown) => wrap(source.throw?.(error) ?? Promise.reject(error)),
  };
}
