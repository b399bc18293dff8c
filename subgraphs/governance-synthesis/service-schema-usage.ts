/** Recorded usage: takes the gateways' reports, and says what a schema check may weigh by. */
import type { Stoppable } from '../../ops/runtime/lifecycle.js';
import type { SchemaUsageAnswer, SchemaUsageReport } from '../../ops/runtime/schema-activation.js';
import type { RecordedOperation, UsageRecord, UsageState } from '../../ops/runtime/schema-check.js';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { SubgraphDeps } from '../kernel/define-subgraph.js';
import { checkFirst } from '../kernel/keyset-page.js';
import type { RegistryConfig } from './config.js';
import type { SchemaUsageStore, UsageEntry, UsageReach } from './store-schema-usage.js';

const DAY_MS = 86_400_000;
const FORGET_EVERY_MS = 6 * 3_600_000;
/** A gateway reports at least once a minute; after a day without a report nobody knows what clients do. */
export const STALE_AFTER_MS = DAY_MS;
/** Operations a check weighs by; with more of them the record counts as incomplete. */
const MAX_OPERATIONS = 20_000;
/** Operations kept in all; a client that makes up new ones for ever is counted as dropped beyond. */
const MAX_KEPT = 50_000;
/** A process without a report for so long has fallen silent, unless it said that it ends. */
const SILENT_AFTER_MS = 10 * 60_000;
const MAX_COORDINATES = 100;
const MAX_DAYS = 90;

/** The usage of a period and how far it may be relied on. */
export interface UsagePeriod {
  readonly state: UsageState;
  readonly from: string | null;
  readonly to: string | null;
  readonly operations: number;
  readonly requests: number;
}

export class SchemaUsageService {
  constructor(private readonly deps: SubgraphDeps, private readonly store: SchemaUsageStore, private readonly config: RegistryConfig) {}

  take(report: SchemaUsageReport): Promise<SchemaUsageAnswer> {
    return this.store.add(report, this.deps.clock().toISOString(), { operations: MAX_KEPT });
  }

  /** What a check weighs by. A record that began too lately, and gateways that fell silent, say so by requests that count as dropped. */
  async record(): Promise<UsageRecord> {
    const since = this.since(this.config.usageDays);
    const [reach, operations] = await Promise.all([this.reach(since), this.store.operations(since, MAX_OPERATIONS + 1)]);
    const isYoung = reach.firstAt !== null && this.isYoung(reach.firstAt);
    const kept: RecordedOperation[] = operations.slice(0, MAX_OPERATIONS);
    return { from: reach.firstAt, to: reach.lastAt, operations: kept, dropped: reach.dropped + reach.silent + (operations.length - kept.length) + (isYoung ? 1 : 0) };
  }

  /** @throws AcgsError BAD_USER_INPUT for arguments out of range. */
  async usageOf(coordinates: readonly string[], days: number, first: number): Promise<{ period: UsagePeriod; entries: UsageEntry[] }> {
    checkFirst(first);
    if (coordinates.length === 0 || coordinates.length > MAX_COORDINATES) throw new AcgsError('BAD_USER_INPUT', `Give 1 to ${MAX_COORDINATES} coordinates.`);
    if (days < 1 || days > MAX_DAYS) throw new AcgsError('BAD_USER_INPUT', `days is a whole number from 1 to ${MAX_DAYS}.`);
    const since = this.since(days);
    const [period, entries] = await Promise.all([this.period(since), this.store.byCoordinate(coordinates, since, first)]);
    return { period, entries };
  }

  /** Forgets old usage again and again. */
  start(): Stoppable {
    let running: Promise<void> | undefined;
    const timer = setInterval(() => {
      running ??= this.store.forget(this.since(this.config.usageKeepDays))
        .then(() => undefined, (error: unknown) => this.deps.logger.warn({ err: error }, 'Old schema usage was not removed; the next sweep tries again'))
        .finally(() => { running = undefined; });
    }, FORGET_EVERY_MS);
    timer.unref();
    return {
      async stop() {
        clearInterval(timer);
        await running;
      },
    };
  }

  private async period(since: string): Promise<UsagePeriod> {
    const [{ firstAt, lastAt, dropped, silent }, totals] = await Promise.all([this.reach(since), this.store.totals(since)]);
    const { operations, requests } = totals;
    return { state: this.stateOf(firstAt, lastAt, dropped + silent, operations), from: firstAt, to: lastAt, operations, requests };
  }

  /** Who fell silent within the last day may still hold what it counted; after a day it is taken to be gone. */
  private reach(since: string): Promise<UsageReach> {
    const now = this.deps.clock().getTime();
    return this.store.reach(since, { from: new Date(now - STALE_AFTER_MS).toISOString(), until: new Date(now - SILENT_AFTER_MS).toISOString() });
  }

  private stateOf(firstAt: string | null, lastAt: string | null, dropped: number, operations: number): UsageState {
    if (firstAt === null || lastAt === null || operations === 0) return 'EMPTY';
    if (this.deps.clock().getTime() - Date.parse(lastAt) > STALE_AFTER_MS) return 'STALE';
    return dropped > 0 || this.isYoung(firstAt) ? 'INCOMPLETE' : 'FRESH';
  }

  private isYoung(firstAt: string): boolean {
    return this.deps.clock().getTime() - Date.parse(firstAt) < this.config.usageMinimumHours * 3_600_000;
  }

  private since(days: number): string {
    return new Date(this.deps.clock().getTime() - days * DAY_MS).toISOString();
  }
}
