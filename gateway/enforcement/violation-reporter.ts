/** Reports constitutional violations to the subgraphs that record and escalate them, without holding up a request. */
import { setTimeout as delay } from 'node:timers/promises';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { Logger } from '../../ops/runtime/logger.js';
import type { CallSubgraph } from '../execution/upstream/internal-calls.js';

export interface Violation {
  readonly kind: 'REQUEST_HASH_MISMATCH' | 'INSTANCE_HASH_MISMATCH';
  /** Null when anonymous, or when an instance and not a client is at fault. */
  readonly principalId: string | null;
  readonly requestId: string | null;
  readonly expected: string;
  readonly received: string | null;
  readonly subgraph: string | null;
  readonly instanceUrl: string | null;
  readonly occurredAt: string;
  readonly occurrences: number;
}

export type NewViolation = Omit<Violation, 'occurredAt' | 'occurrences'>;

const DESTINATIONS = ['constitutional-ai', 'policy-governance'] as const;
/** Reports that may wait for one destination; the oldest go first when it is full. */
const MAX_WAITING = 1_000;
/** Anonymous mismatches are summed and reported once in this time, milliseconds: they must not flood the audit log. */
const ANONYMOUS_WINDOW_MS = 60_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;

export interface ReporterDeps {
  readonly call: CallSubgraph;
  readonly logger: Logger;
  readonly anonymousWindowMs?: number;
  readonly now?: () => Date;
}

interface Queue {
  readonly service: string;
  readonly waiting: Violation[];
  sending: Promise<void> | undefined;
}

/** Queues violations and delivers each to every destination at least once while the process runs. */
export class ViolationReporter {
  private readonly queues: readonly Queue[] = DESTINATIONS.map((service) => ({ service, waiting: [], sending: undefined }));
  private readonly stopping = new AbortController();
  private readonly now: () => Date;
  private anonymous: { report: NewViolation; count: number; since: Date } | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly deps: ReporterDeps) {
    this.now = deps.now ?? (() => new Date());
  }

  /** Takes a violation; returns at once and never throws. */
  report(violation: NewViolation): void {
    if (violation.kind === 'REQUEST_HASH_MISMATCH' && violation.principalId === null) {
      this.countAnonymous(violation);
      return;
    }
    this.enqueue({ ...violation, occurredAt: this.now().toISOString(), occurrences: 1 });
  }

  /** Delivers what waits, as far as the destinations answer at once, and stops. */
  async stop(): Promise<void> {
    this.flushAnonymous();
    this.stopping.abort();
    await Promise.all(this.queues.map(async ({ sending }) => { await sending; }));
  }

  private countAnonymous(violation: NewViolation): void {
    if (this.anonymous !== undefined) {
      this.anonymous.count += 1;
      return;
    }
    this.anonymous = { report: violation, count: 1, since: this.now() };
    this.timer = setTimeout(() => this.flushAnonymous(), this.deps.anonymousWindowMs ?? ANONYMOUS_WINDOW_MS);
    this.timer.unref();
  }

  private flushAnonymous(): void {
    clearTimeout(this.timer);
    const summed = this.anonymous;
    this.anonymous = undefined;
    if (summed !== undefined) this.enqueue({ ...summed.report, occurredAt: summed.since.toISOString(), occurrences: summed.count });
  }

  private enqueue(violation: Violation): void {
    for (const queue of this.queues) {
      const same = queue.waiting.findIndex((other, index) => index > 0 && sameCause(other, violation));
      const known = queue.waiting[same];
      if (known !== undefined) queue.waiting[same] = { ...known, occurrences: known.occurrences + 1 };
      else queue.waiting.push(violation);
      if (queue.waiting.length > MAX_WAITING) {
        // Index 0 may be on its way; the next oldest gives way.
        const [dropped] = queue.waiting.splice(1, 1);
        this.deps.logger.error({ dropped, destination: queue.service }, 'A violation report was dropped: too many wait');
      }
      this.wake(queue);
    }
  }

  private wake(queue: Queue): void {
    queue.sending ??= this.send(queue).finally(() => {
      queue.sending = undefined;
      // A report may have come between the last look at the queue and now.
      if (queue.waiting.length > 0 && !this.stopping.signal.aborted) this.wake(queue);
    });
  }

  private async send(queue: Queue): Promise<void> {
    const { signal } = this.stopping;
    for (let failures = 0; queue.waiting.length > 0;) {
      try {
        const { status } = await this.deps.call(queue.service, { method: 'POST', path: '/internal/violations', body: queue.waiting[0] });
        if (status >= 300) throw new AcgsError('SUBGRAPH_BAD_RESPONSE', `${queue.service} answered a violation report with status ${status}.`);
        queue.waiting.shift();
        failures = 0;
      } catch (error) {
        failures += 1;
        if (failures === 1) this.deps.logger.warn({ err: error, destination: queue.service }, 'A violation report could not be delivered and will be tried again');
        if (signal.aborted) {
          this.deps.logger.error({ undelivered: queue.waiting, destination: queue.service }, 'Violation reports were not delivered before the stop');
          return;
        }
        await delay(Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1)), undefined, { signal, ref: false }).catch((cause: unknown) => { if (!signal.aborted) throw cause; });
      }
    }
  }
}

function sameCause(left: Violation, right: Violation): boolean {
  return left.kind === right.kind && left.principalId === right.principalId && left.received === right.received && left.subgraph === right.subgraph && left.instanceUrl === right.instanceUrl;
}
