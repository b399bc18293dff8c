/** The subgraph's own database: a Prisma client under its role, a raw pool for the kernel's tables, and fault mapping. */
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { Gauge, Histogram, type Registry } from 'prom-client';
import { PrismaClient, type Prisma } from '../../prisma/__generated__/client.js';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { Logger } from '../../ops/runtime/logger.js';
import type { SubgraphSchema } from '../../ops/runtime/subgraph-names.js';

export type TransactionClient = Prisma.TransactionClient;

export interface DatabaseOptions {
  /** Connection string of the subgraph's role. */
  readonly url: string;
  readonly schema: SubgraphSchema;
  readonly logger: Logger;
  /** Where transactions and connections are counted; nowhere when absent. */
  readonly registry?: Registry;
  /** Most connections Prisma may hold; default 8. */
  readonly maxConnections?: number;
}

const CONNECT_TIMEOUT_MS = 3_000;
const RETRYABLE = new Set(['40001', '40P01', 'P2034']);
const UNAVAILABLE = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOTFOUND', 'ETIMEDOUT', 'P1001', 'P1002', 'P1008', 'P1017', 'P2024', '57P01', '57P02', '57P03', '08006', '08001', '08003', '53300']);

/** The database of one subgraph. */
export class Database {
  readonly schema: SubgraphSchema;
  readonly prisma: PrismaClient;
  /** Small raw pool for the kernel's own tables (outbox, sequencer, idempotency). */
  readonly pool: pg.Pool;
  private readonly url: string;
  private readonly logger: Logger;
  private readonly took: Histogram<'outcome'> | undefined;
  private stopping = false;

  constructor(options: DatabaseOptions) {
    this.schema = options.schema;
    this.url = options.url;
    this.logger = options.logger;
    const connection = { connectionString: options.url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, application_name: `acgs-${options.schema}` };
    this.prisma = new PrismaClient({ adapter: new PrismaPg({ ...connection, max: options.maxConnections ?? 8 }, { onPoolError: (error) => this.connectionBroke(error) }) });
    this.pool = new pg.Pool({ ...connection, max: 3 });
    this.pool.on('error', (error) => this.connectionBroke(error));
    this.took = options.registry === undefined ? undefined : countDatabase(options.registry, this.pool);
  }

  /** A connection of its own, for LISTEN and session locks; the caller ends it. */
  async connect(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, application_name: `acgs-${this.schema}`, keepAlive: true });
    await client.connect();
    return client;
  }

  /**
   * Runs work in one transaction (READ COMMITTED), again up to three times when PostgreSQL asks for a retry.
   * @throws AcgsError DATABASE_UNAVAILABLE when the server cannot be reached; whatever the work throws otherwise, rolled back.
   */
  async transact<T>(work: (tx: TransactionClient) => Promise<T>): Promise<T> {
    const end = this.took?.startTimer();
    for (let attempt = 1; ; attempt += 1) {
      try {
        const value = await this.prisma.$transaction(work, { maxWait: 5_000, timeout: 15_000 });
        end?.({ outcome: 'committed' });
        return value;
      } catch (error) {
        if (attempt < 3 && codesOf(error).some((code) => RETRYABLE.has(code))) continue;
        end?.({ outcome: 'rolled-back' });
        throw databaseFault(error);
      }
    }
  }

  /** Runs a read outside a transaction with the same fault mapping. */
  async read<T>(work: (prisma: PrismaClient) => Promise<T>): Promise<T> {
    try {
      return await work(this.prisma);
    } catch (error) {
      throw databaseFault(error);
    }
  }

  /** True when the server answers. */
  async reachable(): Promise<boolean> {
    try {
      await this.pool.query('SELECT 1');
      return true;
    } catch (error) {
      if (isUnavailable(error)) return false;
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all([this.prisma.$disconnect(), this.pool.end()]);
  }

  /** While stopping, connections end one way or another. */
  private connectionBroke(error: Error): void {
    if (!this.stopping) this.logger.warn({ err: error }, 'A database connection broke');
  }
}

/** Upper bounds in seconds. */
const TRANSACTION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15];

function countDatabase(registry: Registry, pool: pg.Pool): Histogram<'outcome'> {
  const registers = [registry];
  void new Gauge({
    name: 'acgs_database_connections', help: 'Connections of the kernel to PostgreSQL by state: idle, busy, or wanted and not there yet.', labelNames: ['state'], registers,
    collect() {
      this.set({ state: 'idle' }, pool.idleCount);
      this.set({ state: 'busy' }, pool.totalCount - pool.idleCount);
      this.set({ state: 'waiting' }, pool.waitingCount);
    },
  });
  return new Histogram({ name: 'acgs_database_transaction_seconds', help: 'Time of a transaction with its repetitions, by outcome: committed or rolled-back.', labelNames: ['outcome'], buckets: TRANSACTION_BUCKETS, registers });
}

/** Maps an unreachable server to DATABASE_UNAVAILABLE; hands every other error back unchanged. */
export function databaseFault(error: unknown): unknown {
  if (error instanceof AcgsError || !isUnavailable(error)) return error;
  return new AcgsError('DATABASE_UNAVAILABLE', undefined, {}, { cause: error });
}

/** True when a unique constraint refused the write (SQLSTATE 23505, Prisma P2002). */
export function isUniqueViolation(error: unknown): boolean {
  return codesOf(error).some((code) => code === '23505' || code === 'P2002');
}

function isUnavailable(error: unknown): boolean {
  if (codesOf(error).some((code) => UNAVAILABLE.has(code))) return true;
  return error instanceof Error && /Connection terminated|timeout exceeded when trying to connect|DatabaseNotReachable|Can't reach database|Server has closed the connection|ConnectionClosed/i.test(error.message);
}

/** Every error code found on an error, its causes and its aggregated parts. */
function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  const seen = new Set<unknown>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    const { code, originalCode, cause, errors, meta, driverAdapterError } = value as Record<string, unknown>;
    for (const candidate of [code, originalCode]) if (typeof candidate === 'string') codes.push(candidate);
    for (const inner of [cause, meta, driverAdapterError, ...(Array.isArray(errors) ? errors : [])]) visit(inner);
  };
  visit(error);
  return codes;
}
