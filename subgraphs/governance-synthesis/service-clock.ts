/** What time does to change requests: requests lapse, reviews become overdue, the weekly board meeting comes. */
import { randomUUID } from 'node:crypto';
import { Counter } from 'prom-client';
import type { Stoppable } from '../../ops/runtime/lifecycle.js';
import { storedGauge } from '../kernel/stored-gauges.js';
import { CHANGE_STATUSES } from './domain.js';
import { elapse } from './domain-lifecycle.js';
import { changeEvent } from './events.js';
import type { BoardService } from './service-board.js';
import type { ChangeParts } from './service-unit.js';

const BATCH = 50;
const EVENT_OF = { EXPIRED: 'ChangeExpired', REVIEW_OVERDUE: 'ChangeReviewOverdue' } as const;

export class ChangeClock {
  private readonly lapsed: Counter<'event'>;

  constructor(private readonly parts: ChangeParts, private readonly board: BoardService) {
    const { metrics: { registry }, logger } = parts.deps;
    storedGauge({ registry, logger }, {
      name: 'acgs_change_requests', help: 'Change requests, by status.', labelNames: ['status'],
      read: async () => {
        const counts = await parts.changes.byStatus();
        return CHANGE_STATUSES.map((status) => ({ labels: { status }, value: counts.get(status) ?? 0 }));
      },
    });
    this.lapsed = new Counter({ name: 'acgs_change_lapses_total', help: 'Changes that expired and reviews that became overdue.', labelNames: ['event'], registers: [parts.deps.metrics.registry] });
  }

  /** Sweeps again and again; several processes may, each change is handled by one of them. @param everyMs pause between two sweeps. */
  start(everyMs: number): Stoppable {
    let running: Promise<void> | undefined;
    const timer = setInterval(() => {
      running ??= this.sweep()
        .then(() => undefined, (error: unknown) => this.parts.deps.logger.warn({ err: error }, 'The sweep of change requests failed; the next one tries again'))
        .finally(() => { running = undefined; });
    }, everyMs);
    timer.unref();
    return {
      async stop() {
        clearInterval(timer);
        await running;
      },
    };
  }

  /** @returns how many changes had something due. */
  async sweep(): Promise<number> {
    const { deps, changes } = this.parts;
    await this.board.ensureWeekly();
    let handled = 0;
    while (await changes.anyDue(deps.clock().toISOString())) {
      const count = await this.sweepBatch();
      handled += count;
      if (count === 0) break;
    }
    return handled;
  }

  private async sweepBatch(): Promise<number> {
    const { deps, changes } = this.parts;
    const events = await deps.commands.runAs('system:change-clock', `sweep-${randomUUID()}`, async (unit) => {
      const now = unit.now.toISOString();
      const done: Array<keyof typeof EVENT_OF> = [];
      for (const change of await changes.lockDue(unit.tx, now, BATCH)) {
        const due = elapse(change, now);
        if (due === null) continue;
        await changes.save(unit.tx, change, due.change, unit.constitutionalHash);
        unit.emit(changeEvent(EVENT_OF[due.event], due.change));
        done.push(due.event);
      }
      return done;
    });
    for (const event of events) this.lapsed.inc({ event });
    return events.length;
  }
}
