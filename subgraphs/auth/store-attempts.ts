/** Attempts to log in, in PostgreSQL: how often each name was tried, and failures that wait to be reported. */
import type { Database } from '../kernel/database.js';
import type { TransactionClient } from '../kernel/database.js';
import { admit, FORGET_MS, type Admission } from './domain-throttle.js';

/** Failed logins of one principal, or of all names nobody has, since the last report. */
export interface FailureTally {
  /** Principal, or `unknown`. */
  readonly subject: string;
  readonly pending: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
}

export class AttemptStore {
  constructor(private readonly database: Database) {}

  /** Decides about an attempt and counts it, in a transaction of its own: it counts whatever becomes of the login. */
  async begin(usernameDigest: Uint8Array<ArrayBuffer>, now: Date): Promise<Admission> {
    return this.database.transact(async (tx) => {
      await tx.$executeRawUnsafe('INSERT INTO auth.login_throttle (username_digest, failures, last_attempt_at) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING', usernameDigest, now);
      await tx.$queryRawUnsafe('SELECT 1 FROM auth.login_throttle WHERE username_digest = $1 FOR UPDATE', usernameDigest);
      const admission = admit(await tx.loginThrottle.findUnique({ where: { usernameDigest } }), now);
      if (admission.allowed) {
        const { failures, lastAttemptAt, blockedUntil } = admission.next;
        await tx.loginThrottle.upsert({ where: { usernameDigest }, create: { usernameDigest, failures, lastAttemptAt, blockedUntil }, update: { failures, lastAttemptAt, blockedUntil } });
      }
      return admission;
    });
  }

  async forget(usernameDigest: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.database.read((prisma) => prisma.loginThrottle.deleteMany({ where: { usernameDigest } }));
  }

  /** @returns how many names were forgotten because nobody tried them for a while. */
  async prune(now: Date): Promise<number> {
    const { count } = await this.database.read((prisma) => prisma.loginThrottle.deleteMany({ where: { lastAttemptAt: { lt: new Date(now.getTime() - FORGET_MS) } } }));
    return count;
  }

  /** Counts a failure for the next report. */
  async tally(subject: string, now: Date): Promise<void> {
    await this.database.read((prisma) => prisma.$executeRawUnsafe(`
      INSERT INTO auth.login_failure_tally AS t (subject, pending, first_at, last_at) VALUES ($1, 1, $2, $2)
      ON CONFLICT (subject) DO UPDATE SET pending = t.pending + 1, first_at = CASE WHEN t.pending = 0 THEN $2 ELSE t.first_at END, last_at = $2`, subject, now));
  }

  /** True when something waits to be reported. */
  async anyDue(now: Date, quietMs: number): Promise<boolean> {
    const due = await this.database.read((prisma) => prisma.loginFailureTally.findFirst({ where: dueAt(now, quietMs), select: { subject: true } }));
    return due !== null;
  }

  /** Takes what waits and was not reported within the quiet time; another instance's takings are left out. */
  async takeDue(tx: TransactionClient, now: Date, quietMs: number): Promise<FailureTally[]> {
    const locked = await tx.$queryRawUnsafe<Array<{ subject: string }>>(
      'SELECT subject FROM auth.login_failure_tally WHERE pending > 0 AND (reported_at IS NULL OR reported_at <= $1) ORDER BY subject LIMIT 100 FOR UPDATE SKIP LOCKED', new Date(now.getTime() - quietMs));
    const subjects = locked.map(({ subject }) => subject);
    const due = await tx.loginFailureTally.findMany({ where: { subject: { in: subjects } }, orderBy: { subject: 'asc' }, select: { subject: true, pending: true, firstAt: true, lastAt: true } });
    await tx.loginFailureTally.updateMany({ where: { subject: { in: subjects } }, data: { pending: 0, reportedAt: now } });
    return due;
  }
}

function dueAt(now: Date, quietMs: number): object {
  return { pending: { gt: 0 }, OR: [{ reportedAt: null }, { reportedAt: { lte: new Date(now.getTime() - quietMs) } }] };
}
