/** Policies, their versions, the set in force and recorded decisions in PostgreSQL. */
import type { Database, TransactionClient } from '../kernel/database.js';
import { digestOf } from '../../ops/runtime/canonical-json.js';
import type { Decision, DecisionOutcome, DeterminingPolicy, Policy, PolicyEffect, PolicyObligation, PolicySet, PolicyState, PolicyVersion } from './domain-policies.js';
import type { PlaceInTime } from './page.js';
import type { GovernancePolicy, GovernancePolicyVersion, PolicyDecision } from '../../prisma/__generated__/client.js';

type Reader = Pick<TransactionClient, 'governancePolicy' | 'governancePolicyVersion' | 'governancePolicySet'>;

export class PolicyStore {
  constructor(private readonly database: Database) {}

  /** Locks the set of policies: changes to it take turns. */
  async lockSet(tx: TransactionClient): Promise<void> {
    await tx.$executeRawUnsafe('SELECT 1 FROM policy_governance.policy_set WHERE id = 1 FOR UPDATE');
  }

  /** Keeps the set from changing until the transaction ends. @returns its revision. */
  async holdSet(tx: TransactionClient): Promise<number> {
    const [row] = await tx.$queryRawUnsafe<Array<{ revision: number }>>('SELECT revision FROM policy_governance.policy_set WHERE id = 1 FOR SHARE');
    if (row === undefined) throw new Error('The policy set has no row.');
    return row.revision;
  }

  /** Counts the set's revision up and computes its digest; the caller holds its lock. */
  async bumpSet(tx: TransactionClient): Promise<void> {
    const digest = setDigest(await activeVersions(tx));
    await tx.governancePolicySet.update({ where: { id: 1 }, data: { revision: { increment: 1 }, digest } });
  }

  /** The policies in force, all of one revision. */
  async activeSet(): Promise<PolicySet> {
    return this.database.read((prisma) => prisma.$transaction((tx) => readSet(tx), { isolationLevel: 'RepeatableRead' }));
  }

  /** The same, as a transaction that holds the set sees it. */
  activeSetWithin(tx: TransactionClient): Promise<PolicySet> {
    return readSet(tx);
  }

  async find(tx: TransactionClient, id: string): Promise<Policy | null> {
    return (await withCurrent(tx, await tx.governancePolicy.findMany({ where: { id } })))[0] ?? null;
  }

  async insert(tx: TransactionClient, policy: Policy): Promise<void> {
    const { current, ...row } = policy;
    await tx.governancePolicy.create({ data: { ...row, current: current.number } });
    await this.addVersion(tx, current, policy.constitutionalHash);
  }

  async addVersion(tx: TransactionClient, version: PolicyVersion, constitutionalHash: string): Promise<void> {
    await tx.governancePolicyVersion.create({ data: { ...version, annotations: { ...version.annotations }, constitutionalHash } });
  }

  async save(tx: TransactionClient, { id, title, description, state, current, updatedAt, version }: Policy): Promise<void> {
    await tx.governancePolicy.update({ where: { id }, data: { title, description, state, current: current.number, updatedAt, version } });
  }

  async list(state: PolicyState | null | undefined, first: number): Promise<Policy[]> {
    return this.database.read(async (prisma) => withCurrent(prisma, await prisma.governancePolicy.findMany({ where: state ? { state } : {}, orderBy: { id: 'asc' }, take: first })));
  }

  async byIds(ids: readonly string[]): Promise<Map<string, Policy>> {
    const policies = await this.database.read(async (prisma) => withCurrent(prisma, await prisma.governancePolicy.findMany({ where: { id: { in: [...ids] } } })));
    return new Map(policies.map((policy) => [policy.id, policy]));
  }

  /** Newest versions of each policy. */
  async versions(policyIds: readonly string[], first: number): Promise<Map<string, PolicyVersion[]>> {
    const rows = await this.database.read((prisma) => prisma.governancePolicyVersion.findMany({ where: { policyId: { in: [...policyIds] } }, orderBy: [{ policyId: 'asc' }, { number: 'desc' }] }));
    const groups = new Map<string, PolicyVersion[]>();
    for (const row of rows) {
      const group = groups.get(row.policyId) ?? [];
      if (group.length < first) group.push(toVersion(row));
      groups.set(row.policyId, group);
    }
    return groups;
  }

  async record(tx: TransactionClient, { evaluation, ...decision }: Decision): Promise<void> {
    await tx.policyDecision.create({
      data: {
        ...decision, outcome: evaluation.outcome, permitted: evaluation.permitted, determining: [...evaluation.determining], obligations: [...evaluation.obligations],
        errors: [...evaluation.errors], policyRevision: evaluation.policyRevision, policySetDigest: evaluation.policySetDigest,
      },
    });
  }

  /** Newest first, after a place. */
  async decisions(limit: number, after: PlaceInTime | null): Promise<Decision[]> {
    const rows = await this.database.read((prisma) => prisma.policyDecision.findMany({
      where: after === null ? {} : { OR: [{ decidedAt: { lt: new Date(after.at) } }, { decidedAt: new Date(after.at), id: { lt: after.id } }] },
      orderBy: [{ decidedAt: 'desc' }, { id: 'desc' }], take: limit,
    }));
    return rows.map(toDecision);
  }

  async decisionsByIds(ids: readonly string[]): Promise<Map<string, Decision>> {
    const rows = await this.database.read((prisma) => prisma.policyDecision.findMany({ where: { id: { in: [...ids] } } }));
    return new Map(rows.map((row) => [row.id, toDecision(row)]));
  }
}

async function readSet(reader: Reader): Promise<PolicySet> {
  const row = await reader.governancePolicySet.findUniqueOrThrow({ where: { id: 1 } });
  const versions = await activeVersions(reader);
  return { revision: row.revision, digest: row.digest === '' ? setDigest(versions) : row.digest, policies: new Map(versions.map((version) => [version.policyId, version])) };
}

async function activeVersions(reader: Reader): Promise<PolicyVersion[]> {
  const policies = await withCurrent(reader, await reader.governancePolicy.findMany({ where: { state: 'ACTIVE' }, orderBy: { id: 'asc' } }));
  return policies.map(({ current }) => current);
}

/** SHA-256 over identifiers, numbers and digests of the policies in force, hexadecimal. */
function setDigest(versions: readonly PolicyVersion[]): string {
  return digestOf(versions.map(({ policyId, number, digest }) => ({ policyId, number, digest }))).toString('hex');
}

async function withCurrent(reader: Pick<Reader, 'governancePolicyVersion'>, rows: readonly GovernancePolicy[]): Promise<Policy[]> {
  if (rows.length === 0) return [];
  const versions = await reader.governancePolicyVersion.findMany({ where: { OR: rows.map((row) => ({ policyId: row.id, number: row.current })) } });
  const current = new Map(versions.map((version) => [version.policyId, toVersion(version)]));
  return rows.map((row) => {
    const version = current.get(row.id);
    if (version === undefined) throw new Error(`Policy ${row.id} has no version ${row.current}.`);
    return { ...row, state: row.state as PolicyState, current: version, updatedAt: row.updatedAt.toISOString() };
  });
}

function toVersion({ constitutionalHash: _hash, ...row }: GovernancePolicyVersion): PolicyVersion {
  return { ...row, effect: row.effect as PolicyEffect, annotations: row.annotations as Record<string, string>, publishedAt: row.publishedAt.toISOString() };
}

function toDecision(row: PolicyDecision): Decision {
  const { outcome, permitted, determining, obligations, errors, policyRevision, policySetDigest, ...decision } = row;
  return {
    ...decision, decidedAt: row.decidedAt.toISOString(),
    evaluation: {
      outcome: outcome as DecisionOutcome, permitted, determining: determining as unknown as DeterminingPolicy[], obligations: obligations as unknown as PolicyObligation[],
      errors, policyRevision, policySetDigest,
    },
  };
}
