/** The audit log's entries and what 'complete' means; pure. */
import { createHash } from 'node:crypto';

/** A committed state change in the log. */
export interface AuditEntry {
  readonly index: string;
  readonly subgraph: string;
  readonly stream: string;
  readonly kind: string;
  readonly entityId: string;
  readonly actorId: string;
  readonly requestId: string;
  readonly constitutionalHash: string;
  readonly occurredAt: string;
  readonly integratedAt: string;
  /** Canonical JSON. */
  readonly leaf: string;
  /** Hexadecimal. */
  readonly leafHash: string;
}

/** An entity of another subgraph, as the router refers to it. */
export interface EntityReference {
  readonly id: string;
}

export interface AuditFilter {
  readonly actorId?: string | null | undefined;
  readonly subject?: string | null | undefined;
  readonly kind?: string | null | undefined;
  readonly subgraph?: string | null | undefined;
  readonly since?: string | null | undefined;
  readonly until?: string | null | undefined;
}

export interface SubgraphCompleteness {
  readonly subgraph: string;
  readonly committed: number;
  readonly integrated: number;
  readonly pending: number;
  readonly missing: readonly number[];
  readonly differing: readonly number[];
}

/** Complete: everything committed is in the log, unaltered. */
export function isComplete(parts: readonly SubgraphCompleteness[]): boolean {
  return parts.every((part) => part.pending === 0 && part.missing.length === 0 && part.differing.length === 0 && part.committed === part.integrated);
}

/** What an entry concerns, as the leaf says. */
export function subjectsOf(entry: AuditEntry): string[] {
  const { subjects } = JSON.parse(entry.leaf) as { subjects?: unknown };
  return Array.isArray(subjects) ? subjects.map(String) : [];
}

/** RFC 6962 section 2.1 leaf hash of the leaf's text, hexadecimal. */
export function leafHashOf(leaf: string): string {
  return createHash('sha256').update(Buffer.from([0])).update(leaf, 'utf8').digest('hex');
}

/** True for actors that are no principals of the graph. */
export function isSystemActor(actorId: string): boolean {
  return actorId.startsWith('system:') || actorId === 'anonymous';
}
