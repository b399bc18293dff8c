/** Counts what clients ask for, and reports it to governance-synthesis: which operations, by which client, without values. */
import { randomUUID } from 'node:crypto';
import { setImmediate as breathe } from 'node:timers/promises';
import type { DocumentNode, GraphQLSchema } from 'graphql';
import { Counter, type Registry } from 'prom-client';
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
  private pending: DocumentUse[] = [];
  private dropped = 0;
  private reports = 0;
  /** A report that was not taken; it is sent again as it is, so that it counts once. */
  private unsent: SchemaUsageReport | undefined;
  private timer: NodeJS.Timeout | undefined;
  private reporting: Promise<void> | undefined;
  private failing = false;

  constructor(private readonly deps: UsageRecorderDeps) {
    this.counted = new Counter({ name: 'acgs_schema_usage_reports_total', help: 'Reports of what clients ask for: taken by the registry, or failed and kept.', labelNames: ['outcome'], registers: [deps.registry] });
    for (const outcome of ['taken', 'failed']) this.counted.inc({ outcome }, 0);
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

  /** Sends what was counted; one report at a time. Never rejects: what is not taken is kept. */
  report(): Promise<void> {
    this.reporting ??= this.send().finally(() => { this.reporting = undefined; });
    return this.reporting;
  }

  /** Sends what is left. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.reporting;
    if (this.pending.length > 0 || this.unsent !== undefined) await this.report();
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

  private async send(): Promise<void> {
    const report = this.unsent ?? await this.next();
    this.unsent = report;
    try {
      const { status } = await this.deps.call('governance-synthesis', { method: 'POST', path: SCHEMA_USAGE_PATH, body: report, timeoutMs: 5_000 });
      if (status !== 200) throw new AcgsError('SUBGRAPH_BAD_RESPONSE', `The schema registry answered a report of usage with status ${status}.`);
      this.unsent = undefined;
      for (const { hash } of report.operations) this.sent.add(hash);
      if (this.sent.size > MAX_SENT) this.sent.clear();
      this.counted.inc({ outcome: 'taken' });
      if (this.failing) this.deps.logger.info('Reports of usage are taken again');
      this.failing = false;
    } catch (error) {
      this.counted.inc({ outcome: 'failed' });
      if (!this.failing) this.deps.logger.warn({ err: error }, 'A report of usage was not taken; it is kept and sent again');
      this.failing = true;
    }
  }

  /** Reading an operation takes a while, so the event loop turns between two of them. */
  private async next(): Promise<SchemaUsageReport> {
    const { pending, dropped } = this;
    this.pending = [];
    this.dropped = 0;
    this.clients.clear();
    this.reports += 1;
    const operations = new Map<string, OperationRecord>();
    const counts = new Map<string, { hash: string; client: string; count: number }>();
    for (const use of pending) {
      if (use.record === undefined) await breathe();
      use.record ??= recordOf(use.schema, use.document);
      const { hash } = use.record;
      if (!this.sent.has(hash)) operations.set(hash, use.record);
      for (const [client, count] of use.clients) {
        const key = `${hash} ${client}`;
        counts.set(key, { hash, client, count: (counts.get(key)?.count ?? 0) + count });
      }
      use.clients.clear();
      use.listed = false;
    }
    return { reporter: this.reporter, report: this.reports, dropped, operations: [...operations.values()], counts: [...counts.values()] };
  }
}
