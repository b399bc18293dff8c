/** A source of subscriptions that a test drives by hand. */
import type { GatewayAnswer } from '../../gateway/execution/contracts.js';
import type { AnswerStream, StreamInput, StreamSource } from '../../gateway/http/stream-source.js';
import { HASH } from './mini-subgraphs.js';

/** An answer with some data. */
export function answerOf(data: Readonly<Record<string, unknown>>): GatewayAnswer {
  const stamp = { hash: HASH, verified: true };
  const text = JSON.stringify({ data, extensions: { constitutional: stamp } });
  return { text, pieces: [text], ascii: Buffer.byteLength(text) === text.length, errors: [], stamp };
}

type Step = IteratorResult<GatewayAnswer, undefined>;

/** One opened subscription. */
export class FakeStream implements AnswerStream {
  /** True once the edge ended it. */
  returned = false;
  /** Times the edge asked for an answer. */
  asked = 0;
  private readonly ready: (Step | Error)[] = [];
  private pending: { resolve: (step: Step) => void; reject: (error: Error) => void } | undefined;

  constructor(readonly input: StreamInput) {}

  push(...answers: readonly GatewayAnswer[]): void {
    for (const value of answers) this.deliver({ done: false, value });
  }

  end(): void {
    this.deliver({ done: true, value: undefined });
  }

  fail(error: Error): void {
    this.deliver(error);
  }

  next(): Promise<Step> {
    this.asked += 1;
    return new Promise((resolve, reject) => {
      this.pending = { resolve, reject };
      const step = this.ready.shift();
      if (step !== undefined) this.deliver(step);
    });
  }

  return(): Promise<Step> {
    this.returned = true;
    this.pending?.resolve({ done: true, value: undefined });
    this.pending = undefined;
    return Promise.resolve({ done: true, value: undefined });
  }

  private deliver(step: Step | Error): void {
    if (this.pending === undefined) {
      this.ready.push(step);
      return;
    }
    const { resolve, reject } = this.pending;
    this.pending = undefined;
    if (step instanceof Error) reject(step);
    else resolve(step);
  }
}

export class FakeStreamSource implements StreamSource {
  readonly opened: FakeStream[] = [];
  /** Thrown by the next `open`. */
  refusal: Error | undefined;

  open(input: StreamInput): AnswerStream {
    const { refusal } = this;
    this.refusal = undefined;
    if (refusal !== undefined) throw refusal;
    const stream = new FakeStream(input);
    this.opened.push(stream);
    return stream;
  }

  /** The stream opened last. @throws Error when there is none. */
  get last(): FakeStream {
    const stream = this.opened.at(-1);
    if (stream === undefined) throw new Error('No subscription was opened.');
    return stream;
  }
}
