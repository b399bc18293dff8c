/** What the registry tells gateways to serve, and how they know that it was the registry: the words both sides share. */

/** Path of the feed on governance-synthesis; only the gateway may ask it. */
export const SCHEMA_FEED_PATH = '/internal/schema';
/** Path that takes the gateways' reports of usage. */
export const SCHEMA_USAGE_PATH = '/internal/schema-usage';
/** Longest time the feed may be asked to wait for news, milliseconds. */
export const MAX_SCHEMA_WAIT_MS = 5_000;

export const SCHEMA_ISSUER = 'acgs-schema-registry';
export const SCHEMA_AUDIENCE = 'gateway';
/** Where the public half of the signing key stands, inside the data directory. */
export const SCHEMA_KEY_FILE: readonly string[] = ['schema-registry', 'public.jwk.json'];

/** One answer of the feed. */
export interface SchemaFeedAnswer {
  /** Number of the activation in force; 0 when there is none. */
  readonly number: number;
  /** SHA-256 of the supergraph's text; null when there is none. */
  readonly versionId: string | null;
  /** Compact JWS over the activation; null when there is none. */
  readonly token: string | null;
  /** Text of the supergraph; null when the gateway said that it has it. */
  readonly supergraphSdl: string | null;
}

/** What one gateway process recorded since its last report. */
export interface SchemaUsageReport {
  /** The process. */
  readonly reporter: string;
  /** Rises by one with each report; one that comes again is not counted again. */
  readonly report: number;
  /** Requests whose operation could not be kept. */
  readonly dropped: number;
  /** True for the last report of a process that ends; one that falls silent without it may have counted what never arrived. */
  readonly final: boolean;
  readonly operations: readonly {
    /** SHA-256 of the text. */
    readonly hash: string;
    readonly name: string | null;
    /** Normalised: no values. */
    readonly text: string;
    readonly coordinates: readonly string[];
  }[];
  readonly counts: readonly { readonly hash: string; readonly client: string; readonly count: number }[];
}

/** What the registry answers a report. */
export interface SchemaUsageAnswer {
  /** False for a report that was counted before. */
  readonly taken: boolean;
  /** Operations that are counted and whose text is not known; these counts were not taken. */
  readonly unknown: readonly string[];
}
