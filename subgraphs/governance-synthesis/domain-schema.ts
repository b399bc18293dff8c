/** Versions of the supergraph, what made them the ones in force, and who may let a breaking change through. Pure. */

/** One subgraph of a version; the text stands under its digest. */
export type VersionSubgraph = {
  readonly name: string;
  readonly url: string;
  /** SHA-256 of the schema's text. */
  readonly digest: string;
};

export type SchemaVersion = {
  /** SHA-256 of the supergraph's text. */
  readonly id: string;
  readonly number: number;
  readonly setDigest: string;
  readonly subgraphs: readonly VersionSubgraph[];
  readonly message: string;
  readonly publishedById: string | null;
  readonly publishedAt: string;
  readonly checkId: string | null;
  readonly constitutionalHash: string;
};

export type ActivationKind = 'INSTALLATION' | 'PUBLICATION' | 'ROLLBACK';

export type SchemaActivation = {
  readonly number: number;
  readonly versionId: string;
  readonly kind: ActivationKind;
  readonly reason: string;
  readonly activatedById: string | null;
  readonly activatedAt: string;
  readonly token: string;
  readonly constitutionalHash: string;
};

export type SchemaApproval = {
  readonly id: string;
  readonly checkId: string;
  readonly digest: string;
  readonly fingerprints: readonly string[];
  readonly approverId: string;
  readonly comment: string | null;
  readonly approvedAt: string;
  readonly expiresAt: string;
  readonly usedById: string | null;
};

/** A check as it is kept; its report stands beside it. */
export type StoredCheck = {
  readonly id: string;
  readonly verdict: 'SAFE' | 'DANGEROUS' | 'BREAKING' | 'INVALID';
  readonly baseId: string | null;
  readonly proposedDigest: string;
  /** Fingerprints of the breaking findings. */
  readonly breaking: readonly string[];
  readonly requestedById: string;
  readonly checkedAt: string;
  readonly revision: string | null;
  readonly branch: string | null;
  readonly changeUrl: string | null;
};

export type ApprovalState = 'NOT_NEEDED' | 'NEEDED' | 'GIVEN';

/** Longest time between an approval and the publication it lets through. */
export const APPROVAL_VALIDITY_MS = 14 * 86_400_000;

/** What approvals are looked for: exactly this set of subgraphs, and what is breaking about it. */
export type Approvable = {
  /** Digest of the whole set, which an approver named. */
  readonly proposedDigest: string;
  /** Fingerprints of the breaking findings. */
  readonly breaking: readonly string[];
};

/**
 * The approvals that let breaking findings through, for one publisher: of exactly what is proposed, in force, not used up,
 * not the publisher's own.
 * @param now ISO 8601.
 * @returns undefined when a fingerprint is covered by none of them.
 */
export function coveringApprovals({ proposedDigest, breaking }: Approvable, approvals: readonly SchemaApproval[], publisherId: string | null, now: string): SchemaApproval[] | undefined {
  const usable = approvals.filter(({ digest, usedById, expiresAt, approverId }) => digest === proposedDigest && usedById === null && expiresAt > now && approverId !== publisherId);
  const covered = new Set(usable.flatMap(({ fingerprints }) => fingerprints));
  if (breaking.some((fingerprint) => !covered.has(fingerprint))) return undefined;
  return usable.filter(({ fingerprints }) => fingerprints.some((fingerprint) => breaking.includes(fingerprint)));
}

/** Whether the breaking findings of a check are approved. */
export function approvalState(check: Approvable, approvals: readonly SchemaApproval[], now: string): ApprovalState {
  if (check.breaking.length === 0) return 'NOT_NEEDED';
  return coveringApprovals(check, approvals, null, now) === undefined ? 'NEEDED' : 'GIVEN';
}

/** One subgraph as it would be. */
export type ProposedSubgraph = {
  readonly name: string;
  readonly url: string;
  readonly sdl: string;
};

/**
 * The whole set of subgraphs after a change, by name.
 * @param base subgraphs in force.
 * @param changes those that are replaced or added; an absent URL stays as it is.
 * @throws RangeError naming what is wrong: a subgraph given twice, a new one without a URL.
 */
export function changedSet(base: readonly ProposedSubgraph[], changes: readonly { readonly name: string; readonly url?: string | null | undefined; readonly sdl: string }[]): ProposedSubgraph[] {
  const set = new Map(base.map((subgraph) => [subgraph.name, subgraph]));
  const given = new Set<string>();
  for (const { name, url, sdl } of changes) {
    if (given.has(name)) throw new RangeError(`The subgraph ${name} is given twice.`);
    given.add(name);
    const address = url ?? set.get(name)?.url;
    if (address === undefined) throw new RangeError(`The subgraph ${name} is new and needs a url.`);
    set.set(name, { name, url: address, sdl });
  }
  return [...set.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
}
