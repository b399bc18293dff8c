/** One subscription on one HTTP response: written in order, stopped when the client stops reading, ended when it goes away. */
import type { ServerResponse } from 'node:http';
import { AcgsError, type ErrorCode } from '../../ops/runtime/errors.js';
import type { Logger } from '../../ops/runtime/logger.js';
import type { ConstitutionalStamp } from '../execution/contracts.js';
import type { Outlet } from '../subscriptions/subscription-stream.js';
import { refusalOf } from './exchange.js';
import type { StreamFormat } from './stream-formats.js';
import type { AnswerStream } from './stream-source.js';

export interface HttpStreamOptions {
  readonly requestId: string;
  readonly response: ServerResponse;
  /** Names and values, flat. */
  readonly headers: readonly string[];
  readonly format: StreamFormat;
  readonly answers: AnswerStream;
  readonly outlet: Outlet;
  /** Stamp of a last answer that carries errors. */
  readonly stamp: () => ConstitutionalStamp;
  readonly heartbeatMs: number;
  /** How long a client may take to read what is left once the stream is over, milliseconds. */
  readonly lingerMs: number;
  readonly logger: Logger;
}

/** How a stream ended, for the access log. */
export interface StreamEnd {
  /** Answers written. */
  readonly answers: number;
  /** Code of the error it ended with; undefined when it was completed or the client left. */
  readonly failure: ErrorCode | undefined;
}

export class HttpStream {
  /** Resolves when the response is closed, from either side. */
  readonly ended: Promise<StreamEnd>;
  private readonly heartbeat: NodeJS.Timeout;
  private linger: NodeJS.Timeout | undefined;
  private over = false;
  private written = 0;
  private silent = true;
  private failure: ErrorCode | undefined;

  /** Begins to write and to read answers. */
  constructor(private readonly options: HttpStreamOptions) {
    const { response, headers, format, heartbeatMs, logger, requestId } = options;
    this.ended = new Promise((resolve) => {
      response.on('close', () => {
        this.stopReading();
        clearTimeout(this.linger);
        resolve({ answers: this.written, failure: this.failure });
      });
    });
    response.on('error', (error) => logger.debug({ err: error, requestId }, 'A stream broke'));
    this.heartbeat = setInterval(() => this.beat(), heartbeatMs);
    response.writeHead(200, [...headers]);
    response.write(format.opening);
    // The client may have gone before there was a listener for it.
    if (response.destroyed) this.stopReading();
    void this.pump();
  }

  /** Ends the stream with an error as its last answer. */
  fail(error: unknown): void {
    if (this.over) return;
    const { format, stamp, requestId, logger } = this.options;
    const { code, errors } = refusalOf(error, requestId, logger);
    this.failure = code;
    this.finish(`${format.failure(errors, stamp())}${format.end}`);
  }

  private async pump(): Promise<void> {
    const { answers, format, outlet, response } = this.options;
    try {
      while (!this.over) {
        const step = await answers.next();
        if (this.over) return;
        if (step.done === true) {
          this.finish(format.end);
          return;
        }
        response.write(format.next(step.value.text), step.value.ascii ? 'latin1' : 'utf8');
        this.written += 1;
        this.silent = false;
        // A source asks the outlet before it delivers; this holds for one that does not, or delivers too much at once.
        if (outlet.congested() && !(await outlet.caughtUp())) this.fail(new AcgsError('SUBSCRIPTION_LAGGING'));
      }
    } catch (error) {
      this.fail(error);
    }
  }

  private beat(): void {
    const { response, format } = this.options;
    if (this.silent && response.writableLength === 0) response.write(format.heartbeat);
    this.silent = true;
  }

  private finish(text: string): void {
    const { response, lingerMs } = this.options;
    this.stopReading();
    response.end(text);
    if (!response.destroyed && !response.writableFinished) this.linger = setTimeout(() => response.destroy(), lingerMs);
  }

  /** Ends the subscription at its source; at once, also while an answer is awaited. */
  private stopReading(): void {
    if (this.over) return;
    this.over = true;
    clearInterval(this.heartbeat);
    const { answers, logger, requestId } = this.options;
    answers.return().catch((error: unknown) => logger.error({ err: error, requestId }, 'A subscription could not be closed'));
  }
}

/**
 * Says whether the client of a response keeps up.
 * @param maxBufferedBytes bytes that may wait to be read.
 * @param graceMs how long more than that may wait, milliseconds.
 */
export function outletOf(response: ServerResponse, maxBufferedBytes: number, graceMs: number): Outlet {
  const congested = (): boolean => !response.destroyed && response.writableLength > maxBufferedBytes;
  return {
    congested,
    caughtUp() {
      if (!congested()) return Promise.resolve(true);
      return new Promise((resolve) => {
        const settle = (keptUp: boolean): void => {
          clearTimeout(timer);
          response.off('drain', read);
          response.off('close', read);
          resolve(keptUp);
        };
        const read = (): void => settle(true);
        const timer = setTimeout(() => settle(!congested()), graceMs);
        response.on('drain', read);
        response.on('close', read);
      });
    },
  };
}
