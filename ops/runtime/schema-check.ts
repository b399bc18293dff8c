/** What is asked of a schema check and what it answers: the words that the checker, the registry and the command line share. */

/** How much a finding matters. BREAKING: a client that works today may fail. DANGEROUS: it may behave otherwise. SAFE: nothing changes for it. */
export type Criticality = 'BREAKING' | 'DANGEROUS' | 'SAFE';

/** What a finding is about. */
export type FindingKind =
  /** The schemas cannot be read or composed. */
  | 'COMPOSITION'
  /** The constitution is not linked, its hash is missing or foreign, a mutation has no level. */
  | 'CONSTITUTION'
  /** A constitutional, authorization or cost directive was removed or weakened. Usage never excuses it. */
  | 'PROTECTION'
  /** A type, field, argument, input field or value that clients can see changed. */
  | 'SHAPE'
  /** A convention of the house is broken. */
  | 'LINT';

/** An operation that stands for those a finding would break. */
export interface AffectedOperation {
  /** Name in the document; null when it has none. */
  readonly operation: string | null;
  /** SHA-256 of the normalised text, lower-case hexadecimal. */
  readonly hash: string;
  /** Client that sends it, as it names itself; `unknown` where it does not. */
  readonly client: string;
  /** How often it was asked for in the period; null for a shipped operation. */
  readonly count: number | null;
  /** `shipped` for a document of schema/operations, `recorded` for one the gateway has seen. */
  readonly origin: 'shipped' | 'recorded';
}

/** How a change that could break clients was weighed. `ASSUMED` where there was no usage to weigh it by: it counts as used. */
export type UsageWeight = 'USED' | 'UNUSED' | 'ASSUMED';

export interface SchemaFinding {
  /** SCREAMING_SNAKE, one for each kind of change: FIELD_REMOVED, PROTECTION_WEAKENED and so on. */
  readonly code: string;
  readonly kind: FindingKind;
  /** After weighing: an unused removal is SAFE here. */
  readonly criticality: Criticality;
  /** Subgraph the change was made in; null where it belongs to none. */
  readonly subgraph: string | null;
  /** Schema coordinate (GraphQL specification, section 3.13), `Type.field(argument:)`; null for the schema as a whole. */
  readonly coordinate: string | null;
  /** What changed, in one sentence. */
  readonly message: string;
  /** What to do about it; null where nothing is to be done. */
  readonly remedy: string | null;
  /** SHA-256 over code, coordinate, old and new value: what an approval remembers. */
  readonly fingerprint: string;
  /** Null for findings that usage does not weigh. */
  readonly weight: UsageWeight | null;
  /** Who would break: most used first, at most 10. */
  readonly affected: readonly AffectedOperation[];
  /** How many operations would break in all. */
  readonly affectedCount: number;
  /** True when an approval that was given earlier covers this fingerprint. */
  readonly approved: boolean;
  /** Line of the subgraph's SDL, from 1, where the parser or composition names one; absent otherwise: the coordinate says where. */
  readonly line?: number;
}

/** One subgraph's schema; the SDL includes the constitutional and common definitions. */
export interface SubgraphSchema {
  readonly name: string;
  readonly url: string;
  readonly sdl: string;
}

/** One operation as the gateway recorded it: no values, no principals, no addresses. */
export interface RecordedOperation {
  /** SHA-256 of `text`. */
  readonly hash: string;
  readonly name: string | null;
  /** Normalised text: literals and aliases replaced, selections sorted; enum values stay. */
  readonly text: string;
  /** Schema coordinates it uses: fields, arguments, input fields and enum values. */
  readonly coordinates: readonly string[];
  /** Requests by client in the period. */
  readonly clients: readonly { readonly client: string; readonly count: number }[];
}

/** What the gateways recorded in a period. */
export interface UsageRecord {
  /** ISO 8601, UTC; both null when nothing was ever reported. */
  readonly from: string | null;
  readonly to: string | null;
  readonly operations: readonly RecordedOperation[];
  /** Requests whose operation was not kept because a bound was reached; above 0 an unseen use is possible. */
  readonly dropped: number;
}

/** How far recorded usage may be relied on. Anything but FRESH makes every change weigh as used. */
export type UsageState = 'FRESH' | 'STALE' | 'EMPTY' | 'INCOMPLETE' | 'ABSENT';

export interface SchemaCheckRequest {
  /** What is published now; empty for the first version. */
  readonly base: readonly SubgraphSchema[];
  /** All subgraphs as they would be afterwards. */
  readonly proposed: readonly SubgraphSchema[];
  /** Constitutional labels the manifest accepts now. */
  readonly accepted: readonly string[];
  /** Documents that ship with the graph, with the client they belong to. */
  readonly operations: readonly { readonly name: string; readonly text: string; readonly client: string }[];
  /** Null where there is no usage store to ask. */
  readonly usage: UsageRecord | null;
  /** Usage whose newest report is older than this counts as stale, milliseconds; default 24 h. */
  readonly staleAfterMs?: number;
  /** A change breaks a client only from this many requests in the period; default 1. */
  readonly minimumCount?: number;
  /** Fingerprints that approvals cover. */
  readonly approved: readonly string[];
  /** Time to judge staleness by, ISO 8601. */
  readonly now: string;
}

/** INVALID: it cannot be composed or breaks gate 1, and no approval helps. */
export type CheckVerdict = 'SAFE' | 'DANGEROUS' | 'BREAKING' | 'INVALID';

export interface SchemaCheckReport {
  readonly verdict: CheckVerdict;
  /** NEEDED when the verdict is BREAKING and some breaking finding is not approved. */
  readonly approval: 'NOT_NEEDED' | 'NEEDED' | 'GIVEN';
  /** Digest of the set of subgraphs before and after: SHA-256 over canonical JSON of name, URL and SDL, sorted by name. */
  readonly baseDigest: string;
  readonly proposedDigest: string;
  /** Composed text and its SHA-256; null when INVALID, and when nothing changed, so that nothing was composed. */
  readonly supergraphSdl: string | null;
  readonly supergraphDigest: string | null;
  /** Most critical first, then by coordinate. */
  readonly findings: readonly SchemaFinding[];
  readonly usage: { readonly state: UsageState; readonly from: string | null; readonly to: string | null; readonly operations: number; readonly requests: number };
  /** Subgraphs whose schema differs from the base, in order of name. */
  readonly changed: readonly string[];
  /** What was run and what could be left out because the change does not touch it. */
  readonly steps: readonly { readonly step: string; readonly ran: boolean; readonly milliseconds: number; readonly note: string }[];
}

/** What a check that runs in another thread or process answers; `error` when it could not be made, which is no verdict. */
export type SchemaCheckAnswer = { readonly report: SchemaCheckReport } | { readonly error: { readonly message: string } };
