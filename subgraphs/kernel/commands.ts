/** Runs state changes: one transaction holds the new state, its events and the idempotency record. */
import { digestOf } from '../../ops/runtime/canonical-json.js';
import type { SubgraphSchema } from '../../ops/runtime/subgraph-names.js';
import { within, type Span, type Tracing } from '../../ops/runtime/tracing.js';
import type { SubgraphContext } from './context.js';
import { databaseFault, type Database, type TransactionClient } from './database.js';
import { appendToOutbox, type DomainEvent, type JsonObject } from './outbox.js';
import { conflict, invalidInput } from './refusals.js';

/** One state change under way. */
export interface UnitOfWork {
  /** Prisma inside the transaction; handed to stores only. */
  readonly tx: TransactionClient;
  readonly now: Date;
  readonly principalId: string;
  readonly requestId: string;
  /** Label that rows written now must carry. */
  readonly constitutionalHash: string;
  /** Queues an event; it is written after the work, when the entity's lock is held. */
  emit(event: DomainEvent): void;
}

export interface Command {
  /** Mutation field, for example `acknowledgeIncident`. */
  readonly field: string;
  readonly idempotencyKey?: string | null | undefined;
  /** Arguments without the key; their digest guards against reuse of a key for something else. */
  readonly input: unknown;
}

const KEY_FORM = /^[\x21-\x7e]{1,128}$/;

export class Commands {
  private readonly schema: SubgraphSchema;

  /**
   * @param activeHash label in force.
   * @param onCommit told after each commit which streams have news, before the command answers.
   * @param clock current time.
   * @param tracing records changes that nobody asked for as traces of their own; undefined while traces are off.
   */
  constructor(
    private readonly database: Database,
    private readonly activeHash: () => string,
    private readonly onCommit: (streams: ReadonlySet<string>) => void,
    private readonly clock: () => Date,
    private readonly tracing?: Tracing,
  ) {
    this.schema = database.schema;
  }

  /**
   * Runs a client's command once per idempotency key.
   * @param work changes state through stores and emits at least one event; returns the ids its payload is read from, never secrets.
   * @returns what the work returned, or what it returned the first time.
   * @throws Refusal Conflict IDEMPOTENCY_KEY_REUSED when the key came with other input; InvalidInput when it is malformed.
   */
  async run<R extends JsonObject>(context: SubgraphContext, command: Command, work: (unit: UnitOfWork) => Promise<R>): Promise<R> {
    const { field, idempotencyKey } = command;
    const principalId = context.principal?.id ?? 'anonymous';
    if (idempotencyKey === null || idempotencyKey === undefined) return this.commit(principalId, context.requestId, work, context.span);
    if (!KEY_FORM.test(idempotencyKey)) throw invalidInput('An idempotency key is 1 to 128 printable ASCII characters without spaces.', 'idempotencyKey');
    const inputDigest = digestOf(command.input ?? null);
    return this.commit(principalId, context.requestId, async (unit) => {
      const claimed = await unit.tx.$executeRawUnsafe(
        `INSERT INTO ${this.schema}.idempotency (principal_id, field, key, input_digest, result) VALUES ($1, $2, $3, $4, '{}'::jsonb) ON CONFLICT DO NOTHING`,
        principalId, field, idempotencyKey, inputDigest,
      );
      if (claimed === 0) return this.replay<R>(unit.tx, principalId, command, inputDigest);
      const result = await work(unit);
      await unit.tx.$executeRawUnsafe(
        `UPDATE ${this.schema}.idempotency SET result = $4::jsonb WHERE principal_id = $1 AND field = $2 AND key = $3`,
        principalId, field, idempotencyKey, JSON.stringify(result),
      );
      return result;
    }, context.span);
  }

  /**
   * What a command returned the first time, so that long preparations are not made again for a retry.
   * @returns null when it did not run under this key yet, or has no key.
   * @throws Refusal Conflict IDEMPOTENCY_KEY_REUSED when the key came with other input.
   */
  async known<R extends JsonObject>(context: SubgraphContext, command: Command): Promise<R | null> {
    const { field, idempotencyKey } = command;
    if (idempotencyKey === null || idempotencyKey === undefined) return null;
    const { rows: [row] } = await this.database.pool.query<{ input_digest: Buffer; result: R }>(
      `SELECT input_digest, result FROM ${this.schema}.idempotency WHERE principal_id = $1 AND field = $2 AND key = $3`, [context.principal?.id ?? 'anonymous', field, idempotencyKey],
    ).catch((error: unknown) => { throw databaseFault(error); });
    return row === undefined ? null : firstResult(row, digestOf(command.input ?? null));
  }

  /**
   * Runs a change that no client asked for: a webhook, a timer, the seed.
   * @param actor who is recorded, for example `system:alertmanager`.
   */
  async runAs<R>(actor: string, requestId: string, work: (unit: UnitOfWork) => Promise<R>): Promise<R> {
    const span = this.tracing?.begin(`change by ${actor}`, { 'acgs.request_id': requestId });
    return within(span, () => this.commit(actor, requestId, work, span));
  }

  /** Removes idempotency records older than 24 hours. @returns how many. */
  async pruneIdempotency(): Promise<number> {
    const { rowCount } = await this.database.pool.query(`DELETE FROM ${this.schema}.idempotency WHERE created_at < now() - interval '24 hours'`);
    return rowCount ?? 0;
  }

  private async replay<R extends JsonObject>(tx: TransactionClient, principalId: string, command: Command, inputDigest: Buffer): Promise<R> {
    const rows = await tx.$queryRawUnsafe<Array<{ input_digest: Uint8Array; result: R }>>(
      `SELECT input_digest, result FROM ${this.schema}.idempotency WHERE principal_id = $1 AND field = $2 AND key = $3`,
      principalId, command.field, command.idempotencyKey,
    );
    const [row] = rows;
    if (row === undefined) throw conflict('The command with this idempotency key was just pruned; use a new key.');
    return firstResult(row, inputDigest);
  }

  private async commit<R>(principalId: string, requestId: string, work: (unit: UnitOfWork) => Promise<R>, parent: Span | undefined): Promise<R> {
    const span = parent?.child('transaction', { 'db.system.name': 'postgresql', 'db.namespace': this.schema });
    const { value, streams } = await within(span, () => this.database.transact(async (tx) => {
      const events: DomainEvent[] = [];
      const now = this.clock();
      const constitutionalHash = this.activeHash();
      const result = await work({ tx, now, principalId, requestId, constitutionalHash, emit: (event) => { events.push(event); } });
      await within(span?.child('outbox append', { 'acgs.events': events.map(({ kind }) => kind).join(' ') }), () => appendToOutbox(tx, { schema: this.schema, principalId, requestId, constitutionalHash, occurredAt: now }, events));
      return { value: result, streams: new Set(events.map(({ stream }) => stream)) };
    }));
    if (streams.size > 0) this.onCommit(streams);
    return value;
  }
}

/** @throws Refusal Conflict when the key was used with other input. */
function firstResult<R>({ input_digest, result }: { readonly input_digest: Uint8Array; readonly result: R }, inputDigest: Buffer): R {
  if (!inputDigest.equals(Buffer.from(input_digest))) throw conflict('This idempotency key was used before with other input.', 'IDEMPOTENCY_KEY_REUSED');
  return result;
}
