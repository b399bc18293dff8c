/** Follows the change feed of one subgraph while answers of it are asked for, and says up to which moment everything is known. */
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { CHANGES_PATH, type ChangesAnswer } from '../../../ops/runtime/change-feed.js';
import { AcgsError } from '../../../ops/runtime/errors.js';
import type { Logger } from '../../../ops/runtime/logger.js';
import type { CallSubgraph } from '../upstream/internal-calls.js';
import { ChangeRecord } from './change-record.js';

/** How old the knowledge of changes may be for an answer to be served from the cache, milliseconds (design section 5). */
export const MAX_SILENCE_MS = 100;
/** How long the feed is asked to wait for news, milliseconds: with the way there and back it stays well below MAX_SILENCE_MS. */
const WAIT_MS = 40;
const POLL_TIMEOUT_MS = 500;
/** Least time between two questions when the feed does not wait, milliseconds. */
const LEAST_INTERVAL_MS = 5;
const RETRY_MS = 100;
/** A subgraph without a feed is asked again after this time, milliseconds. */
const NO_FEED_RETRY_MS = 10_000;
/** Without a look-up for this long the feed is left, milliseconds. */
const IDLE_MS = 60_000;
/** Events before the head that are read at the start, so that what other gateways kept can be used. */
const HISTORY = 1_000;

const changesAnswer = z.object({
  epoch: z.string().min(1), from: z.number().int().min(0), position: z.number().int().min(0), complete: z.boolean(),
  changed: z.array(z.string()), unnumbered: z.array(z.string()), unnumberedMark: z.string(), waitedMs: z.number().min(0),
}) satisfies z.ZodType<ChangesAnswer>;

export interface FollowerDeps {
  readonly call: CallSubgraph;
  readonly logger: Logger;
  /** Told how many changes an answer named. */
  readonly onChanges: (count: number) => void;
  /** Clock in milliseconds that never goes back; default `performance.now`. */
  readonly now?: () => number;
  /** Default 60,000. */
  readonly idleMs?: number;
}

export class ChangeFollower {
  readonly record = new ChangeRecord();
  private readonly now: () => number;
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private known = -Infinity;
  private wantedAt = -Infinity;
  private mark = '0:';
  private up: boolean | undefined;

  constructor(private readonly service: string, private readonly deps: FollowerDeps) {
    this.now = deps.now ?? (() => performance.now());
  }

  /** Says that answers of the subgraph are asked for: the feed is followed from now on, until nobody asks for a while. */
  want(): void {
    this.wantedAt = this.now();
    if (this.running !== undefined || this.stopping.signal.aborted) return;
    this.running = this.follow().finally(() => { this.running = undefined; });
  }

  /** Moment up to which every committed change is known; -Infinity while none is. On the clock of `now`. */
  knownUpTo(): number {
    return this.known;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async follow(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted && this.now() - this.wantedAt < (this.deps.idleMs ?? IDLE_MS)) {
      const pauseMs = await this.ask();
      if (pauseMs > 0) await delay(pauseMs, undefined, { signal, ref: false }).catch((error: unknown) => { if (!signal.aborted) throw error; });
    }
    this.known = -Infinity;
    this.record.forget();
  }

  /** Asks once. @returns how long to wait before the next question, milliseconds. */
  private async ask(): Promise<number> {
    const { record } = this;
    const asked = this.now();
    try {
      const query: Readonly<Record<string, string>> = record.epoch() === undefined ? { history: String(HISTORY) } : { after: String(record.position()), wait: String(WAIT_MS), mark: this.mark };
      const { status, body } = await this.deps.call(this.service, { method: 'GET', path: CHANGES_PATH, query, timeoutMs: POLL_TIMEOUT_MS });
      if (status === 404) return this.failed(new AcgsError('SUBGRAPH_BAD_RESPONSE', `${this.service} has no change feed.`), NO_FEED_RETRY_MS);
      if (status !== 200) throw new AcgsError('SUBGRAPH_BAD_RESPONSE', `The change feed of ${this.service} answered with status ${status}.`);
      this.take(changesAnswer.parse(body), asked);
      return this.now() - asked < LEAST_INTERVAL_MS ? LEAST_INTERVAL_MS : 0;
    } catch (error) {
      return this.failed(error, RETRY_MS);
    }
  }

  private take(answer: ChangesAnswer, asked: number): void {
    if (this.up === false) this.deps.logger.info({ service: this.service }, 'The change feed is back');
    this.up = true;
    if (!this.record.apply(answer)) this.known = -Infinity;
    this.mark = answer.unnumberedMark;
    // The snapshot was taken that long after the question arrived, and the question arrived after it was asked.
    if (answer.complete) this.known = Math.max(this.known, Math.min(asked + answer.waitedMs, this.now()));
    if (answer.changed.length > 0) this.deps.onChanges(answer.changed.length);
  }

  private failed(error: unknown, pauseMs: number): number {
    if (this.up !== false && !this.stopping.signal.aborted) this.deps.logger.warn({ err: error, service: this.service }, 'A change feed is silent; answers of its subgraph are not taken from the cache');
    this.up = false;
    return pauseMs;
  }
}
