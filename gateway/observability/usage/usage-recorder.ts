/** Counts what clients ask for, and reports it to governance-synthesis: which operations, by which client, without values. */
import { randomUUID } from 'node:crypto';
import { setImmediate as breathe } from 'node:timers/promises';
import type { DocumentNode, GraphQLSchema } from 'graphql';
import { LRUCache } from 'lru-cache';
import { Counter, type Registry } from 'prom-client';
import { z } from 'zod';
import { AcgsError } from '../../../ops/runtime/errors.js';
import type { Stoppable } from '../../../ops/runtime/lifecycle.js';
import type { Logger } from '../../../ops/runtime/logger.js';
import { SCHEMA_USAGE_PATH, type SchemaUsageReport } from '../../../ops/runtime/schema-activation.js';
import type { Prepare, PreparedOperation } from '../../execution/contracts.js';
import type { CallSubgraph } from '../../execution/upstream/internal-calls.js';
import { UNKNOWN_CLIENT } from './client-name.js';
import { recordOf, type OperationRecord } from './operation-record.js';

export interface UsageRecorderDeps {
  readonly call: CallSubgraph;
  readonly registry: Registry;
  readonly logger: Logger;
  /** Time between two reports, milliseconds. */
  readonly intervalMs: number;
}

/** Different operations and clients counted between two reports; what goes beyond is counted as dropped. */
const MAX_OPERATIONS = 1_000;
const MAX_CLIENTS = 100;
/** Operations the registry is known to have, so that their text need not be sent again. */
const MAX_SENT = 20_000;
/** Operations whose text is kept in case the registry has forgotten it. */
const MAX_REMEMBERED = 1_000;
/** Longest text that is reported; what registries take at most. */
const MAX_TEXT = 100_000;
/** What one report holds at most; the registry takes somewhat more. */
const MAX_REPORT_CHARACTERS = 400_000;
const MAX_REPORT_COUNTS = 10_000;
/** Reports that wait while the registry does not answer; what comes then is counted as dropped. */
const MAX_WAITING = 12;

const answer = z.object({ taken: z.boolean(), unknown: z.array(z.string()) });

/** What is counted of one document. */
interface DocumentUse {
  readonly document: DocumentNode;
  readonly schema: GraphQLSchema;
  readonly clients: Map<string, number>;
  record: OperationRecord | undefined;
  /** True while it is among the ones to report. */
  listed: boolean;
}

export class UsageRecorder implements Stoppable {
  private readonly uses = new WeakMap<DocumentNode, DocumentUse>();
  private readonly clients = new Set<string>();
  private readonly sent = new Set<string>();
  private readonly reporter = randomUUID();
  private readonly counted: Counter<'outcome'>;
  private readonly remembered = new LRUCache<string, OperationRecord>({ max: MAX_REMEMBERED });
  private pending: DocumentUse[] = [];
  private dropped = 0;
  private reports = 0;
  /** Reports that were not taken yet, oldest first; each is sent as it is until it is taken, so that it counts once. */
  private readonly waiting: SchemaUsageReport[] = [];
  private timer: NodeJS.Timeout | undefined;
  private reporting: Promise<void> | undefined;
  private failing = false;

  constructor(private readonly deps: UsageRecorderDeps) {
    this.counted = new Counter({ name: 'acgs_schema_usage_reports_total', help: 'Reports of what clients ask for: taken by the registry, failed and kept, or refused and given up.', labelNames: ['outcome'], registers: [deps.registry] });
    for (const outcome of ['taken', 'failed', 'refused']) this.counted.inc({ outcome }, 0);
  }

  /** Counts every operation that `prepare` lets through. */
  recording(prepare: Prepare): Prepare {
    return (request, source) => {
      const prepared = prepare(request, source);
      if (!(prepared instanceof Promise)) {
        this.note(request.snapshot.apiSchema, prepared, request.client ?? UNKNOWN_CLIENT);
        return prepared;
      }
      return prepared.then((done) => {
        this.note(request.snapshot.apiSchema, done, request.client ?? UNKNOWN_CLIENT);
        return done;
      });
    };
  }

  start(): void {
    this.timer = setInterval(() => { void this.report(); }, this.deps.intervalMs);
    this.timer.unref();
  }

  /** Sends what was counted; one round at a time. Never rejects: what is not taken is kept, and counted as dropped where it cannot be. */
  report(): Promise<void> {
    this.reporting ??= this.round(false).finally(() => { this.reporting = undefined; });
    return this.reporting;
  }

  /** Sends what is left, and that nothing more will come. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.reporting;
    await this.round(true);
  }

  private note(schema: GraphQLSchema, { document }: PreparedOperation, client: string): void {
    let use = this.uses.get(document);
    if (use === undefined) this.uses.set(document, use = { document, schema, clients: new Map(), record: undefined, listed: false });
    if (!use.listed) {
      if (this.pending.length >= MAX_OPERATIONS) {
        this.dropped += 1;
        return;
      }
      use.listed = true;
      this.pending.push(use);
    }
    const name = this.admit(client);
    use.clients.set(name, (use.clients.get(name) ?? 0) + 1);
  }

  /** Clients beyond the bound count as unknown: what they use counts, and names nobody. */
  private admit(client: string): string {
    if (this.clients.has(client)) return client;
    if (this.clients.size >= MAX_CLIENTS) return UNKNOWN_CLIENT;
    this.clients.add(client);
    return client;
  }

  private async round(final: boolean): Promise<void> {
    try {
      await this.gather(final);
      while (this.waiting[0] !== undefined) await this.send(this.waiting[0]);
      if (this.failing) this.deps.logger.info('Reports of usage are taken again');
      this.failing = false;
    } catch (error) {
      this.counted.inc({ outcome: 'failed' });
      if (!this.failing) this.deps.logger.warn({ err: error }, 'A report of usage was not taken; it is kept and sent again');
      this.failing = true;
    }
  }

  /** @throws AcgsError when the registry cannot take it now. */
  private async send(report: SchemaUsageReport): Promise<void> {
    const { status, body } = await this.deps.call('governance-synthesis', { method: 'POST', path: SCHEMA_USAGE_PATH, body: report, timeoutMs: 5_000 });
    if (status >= 400 && status < 500) {
      // It would be refused again and keep everything after it from being sent: it is given up, and the registry is told that something is missing.
      this.waiting.shift();
      this.dropped += requestsOf(report.counts);
      this.counted.inc({ outcome: 'refused' });
      this.deps.logger.error({ status, requests: requestsOf(report.counts) }, 'A report of usage was refused and is given up');
      return;
    }
    if (status !== 200) throw new AcgsError('SUBGRAPH_BAD_RESPONSE', `The schema registry answered a report of usage with status ${status}.`);
    const { unknown } = answer.parse(body);
    this.waiting.shift();
    for (const { hash } of report.operations) this.sent.add(hash);
    if (this.sent.size > MAX_SENT) this.sent.clear();
    this.counted.inc({ outcome: 'taken' });
    if (unknown.length > 0) this.sendAnew(report, new Set(unknown));
  }

  /** Counts of operations that the registry has forgotten were not taken: they go again, with the text. */
  private sendAnew(report: SchemaUsageReport, unknown: ReadonlySet<string>): void {
    for (const hash of unknown) this.sent.delete(hash);
    const counts = report.counts.filter(({ hash }) => unknown.has(hash));
    const known = counts.filter(({ hash }) => this.remembered.has(hash) && !report.operations.some((operation) => operation.hash === hash));
    this.dropped += requestsOf(counts) - requestsOf(known);
    const operations = [...new Set(known.map(({ hash }) => hash))].flatMap((hash) => this.remembered.get(hash) ?? []);
    if (known.length > 0) this.waiting.push(this.numbered({ operations, counts: known }));
  }

  /** Makes reports of what was counted. Reading an operation takes a while, so the event loop turns between two of them. */
  private async gather(final: boolean): Promise<void> {
    const { pending } = this;
    this.pending = [];
    this.clients.clear();
    const chunk = new Chunk();
    for (const use of pending) {
      if (use.record === undefined) await breathe();
      use.record ??= recordOf(use.schema, use.document);
      const { record } = use;
      const clients = [...use.clients];
      use.clients.clear();
      use.listed = false;
      if (record.text.length > MAX_TEXT) {
        this.dropped += clients.reduce((sum, [, count]) => sum + count, 0);
        continue;
      }
      this.remembered.set(record.hash, record);
      if (chunk.isFull()) this.enqueue(chunk.take());
      chunk.add(this.sent.has(record.hash) ? undefined : record, record.hash, clients);
    }
    this.enqueue(chunk.take(), final);
  }

  /** Without news a report says that there was none; while others wait, that need not be said. */
  private enqueue(content: ReportContent, final = false): void {
    if (content.counts.length === 0 && this.dropped === 0 && !final && this.waiting.length > 0) return;
    if (this.waiting.length >= MAX_WAITING) {
      this.dropped += requestsOf(content.counts);
      return;
    }
    this.waiting.push(this.numbered(content, final));
  }

  private numbered({ operations, counts }: ReportContent, final = false): SchemaUsageReport {
    this.reports += 1;
    const { dropped } = this;
    this.dropped = 0;
    return { reporter: this.reporter, report: this.reports, dropped, final, operations, counts };
  }
}

type ReportContent = Pick<SchemaUsageReport, 'operations' | 'counts'>;

function requestsOf(counts: ReportContent['counts']): number {
  return counts.reduce((sum, { count }) => sum + count, 0);
}

/** Gathers one report's worth. Documents that differ in values only have one record, so their counts are added. */
class Chunk {
  private operations = new Map<string, OperationRecord>();
  private counts = new Map<string, { hash: string; client: string; count: number }>();
  private characters = 0;

  isFull(): boolean {
    return this.characters >= MAX_REPORT_CHARACTERS || this.counts.size >= MAX_REPORT_COUNTS;
  }

  add(record: OperationRecord | undefined, hash: string, clients: readonly (readonly [client: string, count: number])[]): void {
    if (record !== undefined && !this.operations.has(hash)) {
      this.operations.set(hash, record);
      this.characters += record.text.length + record.coordinates.reduce((sum, coordinate) => sum + coordinate.length + 3, 0);
    }
    for (const [client, count] of clients) {
      const key = `${hash} ${client}`;
      this.counts.set(key, { hash, client, count: (this.counts.get(key)?.count ?? 0) + count });
      this.characters += 120;
    }
  }

  take(): ReportContent {
    const content = { operations: [...this.operations.values()], counts: [...this.counts.values()] };
    this.operations = new Map();
    this.counts = new Map();
    this.characters = 0;
    return content;
  }
}
