/** Proof obligations and the work on them in PostgreSQL. */
import type { Prisma, ProofObligation as ObligationRow } from '../../prisma/__generated__/client.js';
import type { Database, TransactionClient } from '../kernel/database.js';
import type { Counterexample, Problem, ProofAttribute, ProofDecision, ProofKind, ProofObligation, ProofReason, ProofStatus } from './domain.js';

export type NewObligation = Pick<ProofObligation, 'id' | 'title' | 'problem' | 'serviceId' | 'changeRequestId' | 'timeoutMs' | 'problemDigest' | 'submittedBy' | 'submittedAt' | 'constitutionalHash'>;

export interface ObligationFilter {
  readonly status?: ProofStatus | null | undefined;
  readonly kind?: ProofKind | null | undefined;
  readonly serviceId?: string | null | undefined;
  readonly changeRequestId?: string | null | undefined;
}

export interface Claim {
  readonly obligationId: string;
  /** How many processes took it up, this one included. */
  readonly attempts: number;
}

/** Longer than any proof: a process that has not decided by then is gone. */
const LEASE_MS = 180_000;

export class ProofStore {
  constructor(private readonly database: Database) {}

  /** Records an obligation and the work it means. */
  async add(tx: TransactionClient, obligation: NewObligation): Promise<void> {
    const { problem, ...rest } = obligation;
    await tx.proofObligation.create({
      data: {
        ...rest, kind: problem.kind, status: 'PENDING',
        ...(problem.kind === 'RULE_SET'
          ? { attributes: problem.attributes as unknown as Prisma.InputJsonArray, rules: [...problem.rules], obligation: problem.obligation }
          : { rules: [], script: problem.script }),
      },
    });
    await tx.proofLease.create({ data: { obligationId: obligation.id } });
  }

  /** Whether the obligation exists, while nobody else asks the same. */
  async existsLocked(tx: TransactionClient, id: string): Promise<boolean> {
    await tx.$executeRawUnsafe('SELECT pg_advisory_xact_lock(hashtextextended($1, 2))', id);
    return (await tx.proofObligation.count({ where: { id } })) > 0;
  }

  /** Takes up the oldest work that nobody is at; other processes skip what is being taken. */
  async claim(owner: string, now: Date): Promise<Claim | null> {
    const rows = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<{ obligation_id: string; attempts: number }>>(
      `UPDATE formal_verification.proof_lease SET owner = $1, expires_at = $3, attempts = attempts + 1
       WHERE obligation_id = (SELECT obligation_id FROM formal_verification.proof_lease WHERE expires_at IS NULL OR expires_at < $2 ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED)
       RETURNING obligation_id, attempts`, owner, now, new Date(now.getTime() + LEASE_MS)));
    const [row] = rows;
    return row === undefined ? null : { obligationId: row.obligation_id, attempts: row.attempts };
  }

  /** Gives work back unfinished; the attempt does not count. */
  async release(obligationId: string, owner: string): Promise<void> {
    await this.database.read((prisma) => prisma.proofLease.updateMany({ where: { obligationId, owner }, data: { owner: null, expiresAt: null, attempts: { decrement: 1 } } }));
  }

  /** The obligation under its row lock. */
  async lock(tx: TransactionClient, id: string): Promise<ProofObligation | null> {
    await tx.$queryRawUnsafe('SELECT id FROM formal_verification.proof_obligation WHERE id = $1 FOR UPDATE', id);
    const row = await tx.proofObligation.findUnique({ where: { id } });
    return row === null ? null : toObligation(row);
  }

  /** Records the decision and ends the work. */
  async decide(tx: TransactionClient, id: string, { counterexample, ...decision }: ProofDecision, durationMs: number | null, now: Date): Promise<ProofObligation> {
    const row = await tx.proofObligation.update({
      where: { id },
      data: { ...decision, durationMs, decidedAt: now, ...(counterexample === null ? {} : { counterexample: counterexample as unknown as Prisma.InputJsonObject }) },
    });
    await tx.proofLease.deleteMany({ where: { obligationId: id } });
    return toObligation(row);
  }

  async byIds(ids: readonly string[]): Promise<Map<string, ProofObligation>> {
    const rows = await this.database.read((prisma) => prisma.proofObligation.findMany({ where: { id: { in: [...ids] } } }));
    return new Map(rows.map((row) => [row.id, toObligation(row)]));
  }

  async page({ status, kind, serviceId, changeRequestId }: ObligationFilter, limit: number, before: bigint | null): Promise<ProofObligation[]> {
    const rows = await this.database.read((prisma) => prisma.proofObligation.findMany({
      where: {
        ...(status == null ? {} : { status }), ...(kind == null ? {} : { kind }), ...(serviceId == null ? {} : { serviceId }),
        ...(changeRequestId == null ? {} : { changeRequestId }), ...(before === null ? {} : { number: { lt: before } }),
      },
      orderBy: { number: 'desc' }, take: limit,
    }));
    return rows.map(toObligation);
  }

  /** Newest obligations about each service, at most `first` each. */
  newestByServices(ids: readonly string[], first: number): Promise<Map<string, ProofObligation[]>> {
    return this.newestBy('service_id', ids, first, ({ serviceId }) => serviceId);
  }

  /** Newest obligations of each change request, at most `first` each. */
  newestByChanges(ids: readonly string[], first: number): Promise<Map<string, ProofObligation[]>> {
    return this.newestBy('change_request_id', ids, first, ({ changeRequestId }) => changeRequestId);
  }

  private async newestBy(column: 'service_id' | 'change_request_id', keys: readonly string[], first: number, keyOf: (obligation: ProofObligation) => string | null): Promise<Map<string, ProofObligation[]>> {
    const ids = await this.database.read((prisma) => prisma.$queryRawUnsafe<Array<{ id: string }>>(
      `SELECT o.id FROM unnest($1::text[]) AS k(key) CROSS JOIN LATERAL
         (SELECT id FROM formal_verification.proof_obligation WHERE ${column} = k.key ORDER BY number DESC LIMIT $2) o`, [...keys], first));
    const rows = await this.database.read((prisma) => prisma.proofObligation.findMany({ where: { id: { in: ids.map(({ id }) => id) } }, orderBy: { number: 'desc' } }));
    const groups = new Map<string, ProofObligation[]>();
    for (const obligation of rows.map(toObligation)) {
      const key = keyOf(obligation);
      if (key !== null) groups.set(key, [...(groups.get(key) ?? []), obligation]);
    }
    return groups;
  }
}

function toObligation(row: ObligationRow): ProofObligation {
  return {
    id: row.id, number: row.number.toString(), title: row.title, problem: toProblem(row), status: row.status as ProofStatus,
    serviceId: row.serviceId, changeRequestId: row.changeRequestId, timeoutMs: row.timeoutMs, problemDigest: row.problemDigest,
    submittedBy: row.submittedBy, submittedAt: row.submittedAt.toISOString(), decidedAt: row.decidedAt?.toISOString() ?? null, durationMs: row.durationMs,
    solver: row.solver, reasonCode: row.reasonCode as ProofReason | null, reason: row.reason,
    counterexample: row.counterexample as unknown as Counterexample | null, constitutionalHash: row.constitutionalHash,
  };
}

/** The table's checks hold the columns of each kind together. */
function toProblem(row: ObligationRow): Problem {
  return row.kind === 'RULE_SET'
    ? { kind: 'RULE_SET', attributes: row.attributes as unknown as ProofAttribute[], rules: row.rules, obligation: row.obligation ?? '' }
    : { kind: 'SMT_LIB', script: row.script ?? '' };
}
