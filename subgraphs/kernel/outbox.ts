/** The outbox: each state change's event, which is at once the queued audit leaf (design section 5). */
import { createHash } from 'node:crypto';
import { canonicalJson } from '../../ops/runtime/canonical-json.js';
import type { SubgraphSchema } from '../../ops/runtime/subgraph-names.js';
import type { TransactionClient } from './database.js';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };
export type JsonObject = { readonly [key: string]: JsonValue };

/** Something that happened to an entity, in the past tense. */
export interface DomainEvent {
  /** Kind of entity, which is also the event stream, for example `incident`. */
  readonly stream: string;
  readonly entityId: string;
  /** Past tense, for example `IncidentAcknowledged`. */
  readonly kind: string;
  /** Snapshot of the entity at commit; subscribers see it. Never secrets. */
  readonly payload: JsonObject;
  /** Other entities this concerns, as `Type:id`, for example `Service:auth`; the audit log is searched by them. */
  readonly subjects?: readonly string[];
}

/** Who caused an event, and under which constitution. */
export interface EventOrigin {
  readonly schema: SubgraphSchema;
  readonly principalId: string;
  readonly requestId: string;
  readonly constitutionalHash: string;
  readonly occurredAt: Date;
}

/** An event after the sequencer numbered it. */
export interface SequencedEvent {
  readonly schema: SubgraphSchema;
  /** Gap-free number over everything the subgraph committed. */
  readonly position: number;
  readonly stream: string;
  /** Gap-free number within the stream. */
  readonly seq: number;
  readonly entityId: string;
  readonly kind: string;
  readonly principalId: string;
  readonly requestId: string;
  readonly constitutionalHash: string;
  /** ISO 8601. */
  readonly occurredAt: string;
  readonly payload: JsonObject;
}

/** Canonical bytes of the audit leaf of an event; their RFC 6962 leaf hash is what the tree holds. */
export function leafBytes(event: DomainEvent, origin: EventOrigin): Buffer {
  return Buffer.from(canonicalJson({
    v: 1, schema: origin.schema, stream: event.stream, entityId: event.entityId, kind: event.kind,
    principalId: origin.principalId, requestId: origin.requestId, constitutionalHash: origin.constitutionalHash,
    occurredAt: origin.occurredAt.toISOString(), subjects: [...(event.subjects ?? [])], payload: event.payload,
  }));
}

/** RFC 6962 section 2.1: SHA-256 over a zero byte and the leaf. */
export function leafHash(leaf: Uint8Array): Buffer {
  return createHash('sha256').update(LEAF_PREFIX).update(leaf).digest();
}

const LEAF_PREFIX = Buffer.from([0]);

/** Events that one statement appends. */
const APPEND_BATCH = 500;

/** Appends events to the outbox inside the transaction of their state change, in the given order. */
export async function appendToOutbox(tx: TransactionClient, origin: EventOrigin, events: readonly DomainEvent[]): Promise<void> {
  for (let start = 0; start < events.length; start += APPEND_BATCH) {
    const rows = events.slice(start, start + APPEND_BATCH).map((event, index) => {
      const leaf = leafBytes(event, origin);
      return { index, stream: event.stream, entity_id: event.entityId, kind: event.kind, leaf: leaf.toString('utf8'), leaf_hash: leafHash(leaf).toString('hex'), payload: event.payload };
    });
    // Identities are given in the order of the SELECT.
    await tx.$executeRawUnsafe(
      `INSERT INTO ${origin.schema}.outbox (stream, entity_id, kind, principal_id, request_id, constitutional_hash, occurred_at, leaf, leaf_hash, payload)
       SELECT r.stream, r.entity_id, r.kind, $2::text, $3::text, $4::text, $5::timestamptz, convert_to(r.leaf, 'UTF8'), decode(r.leaf_hash, 'hex'), r.payload
       FROM json_to_recordset($1::json) AS r(index int, stream text, entity_id text, kind text, leaf text, leaf_hash text, payload jsonb)
       ORDER BY r.index`,
      JSON.stringify(rows), origin.principalId, origin.requestId, origin.constitutionalHash, origin.occurredAt,
    );
  }
}

/** Columns of a sequenced event, for queries that read them back through `toSequencedEvent`. */
export const EVENT_COLUMNS = 'position, stream, seq, entity_id, kind, principal_id, request_id, constitutional_hash, occurred_at, payload';

export interface OutboxRow {
  readonly position: string;
  readonly stream: string;
  readonly seq: string;
  readonly entity_id: string;
  readonly kind: string;
  readonly principal_id: string;
  readonly request_id: string;
  readonly constitutional_hash: string;
  readonly occurred_at: Date;
  readonly payload: JsonObject;
}

export function toSequencedEvent(schema: SubgraphSchema, row: OutboxRow): SequencedEvent {
  return {
    schema, position: Number(row.position), stream: row.stream, seq: Number(row.seq), entityId: row.entity_id, kind: row.kind,
    principalId: row.principal_id, requestId: row.request_id, constitutionalHash: row.constitutional_hash,
    occurredAt: row.occurred_at.toISOString(), payload: row.payload,
  };
}
