/** The one registry of error codes: what clients may see, with which HTTP status, and what it means. */

interface ErrorDefinition {
  /** Status of the HTTP answer when the whole request fails with this code. */
  readonly status: number;
  /** One sentence for the person who meets the code; docs/errors.md is held equal to it. */
  readonly meaning: string;
}

export const ERROR_CODES = {
  BAD_REQUEST: { status: 400, meaning: 'The body is not a well-formed GraphQL request.' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, meaning: 'The content type is not one the endpoint reads; send application/json.' },
  METHOD_NOT_ALLOWED: { status: 405, meaning: 'The HTTP method is not allowed here; mutations are never run by GET.' },
  PAYLOAD_TOO_LARGE: { status: 413, meaning: 'The request body is larger than the configured limit.' },
  NOT_ACCEPTABLE: { status: 406, meaning: 'None of the media types the request accepts can be served.' },
  NOT_FOUND: { status: 404, meaning: 'Nothing is served at this path.' },
  GRAPHQL_PARSE_FAILED: { status: 400, meaning: 'The document is not valid GraphQL syntax.' },
  GRAPHQL_VALIDATION_FAILED: { status: 400, meaning: 'The document asks for something the schema does not have.' },
  BAD_USER_INPUT: { status: 400, meaning: 'A variable or argument has a value the field does not accept.' },
  QUERY_TOO_LARGE: { status: 400, meaning: 'The document has more tokens than allowed.' },
  QUERY_TOO_DEEP: { status: 400, meaning: 'The selection is nested deeper than allowed.' },
  QUERY_TOO_MANY_ALIASES: { status: 400, meaning: 'The document has more aliases than allowed.' },
  QUERY_TOO_COSTLY: { status: 400, meaning: 'The estimated cost of the operation is above the limit.' },
  PERSISTED_QUERY_NOT_FOUND: { status: 404, meaning: 'The persisted query is not known here; send it once with its text.' },
  OPERATION_NOT_SAFELISTED: { status: 403, meaning: 'Only the documents that ship with the graph run here, and this is not one of them.' },
  INTROSPECTION_DISABLED: { status: 400, meaning: 'Introspection is switched off in production.' },
  UNAUTHENTICATED: { status: 401, meaning: 'No valid credentials came with the request: missing, expired, revoked or forged.' },
  TOKEN_EXPIRED: { status: 401, meaning: 'The access token has expired; refresh it and try again.' },
  FORBIDDEN: { status: 403, meaning: 'The principal may not do this.' },
  UNAUTHORIZED_FIELD_OR_TYPE: { status: 200, meaning: 'The principal may not read this field; it is null and was never fetched.' },
  REVOCATION_FEED_STALE: { status: 503, meaning: 'Revocations could not be confirmed within a second, so critical fields are refused.' },
  CLIENT_CERTIFICATE_REQUIRED: { status: 403, meaning: 'This server answers only clients that present a certificate of its authority.' },
  CONSTITUTIONAL_HASH_REQUIRED: { status: 400, meaning: 'A critical field was asked for without the constitutional hash.' },
  CONSTITUTIONAL_HASH_MISMATCH: { status: 409, meaning: 'The constitutional hash sent is not one that is accepted now.' },
  CONSTITUTIONAL_VIOLATION: { status: 502, meaning: 'A subgraph instance answered under another constitutional hash; its answer was discarded.' },
  HOP_TOKEN_INVALID: { status: 401, meaning: 'A subgraph was called without a valid hop token.' },
  INDETERMINATE: { status: 502, meaning: 'The outcome of a mutation is unknown; ask again with the same idempotency key.' },
  SUBGRAPH_UNAVAILABLE: { status: 503, meaning: 'A subgraph could not be reached or broke off.' },
  SUBGRAPH_TIMEOUT: { status: 504, meaning: 'A subgraph did not answer before the deadline.' },
  SUBGRAPH_BAD_RESPONSE: { status: 502, meaning: 'A subgraph sent an answer that is not a GraphQL response.' },
  DATABASE_UNAVAILABLE: { status: 503, meaning: 'The database cannot be reached now; nothing was written.' },
  CURSOR_INVALID: { status: 400, meaning: 'The cursor was not issued for this field and filter.' },
  CURSOR_EXPIRED: { status: 410, meaning: 'The cursor points to events that are no longer kept; subscribe again without it and read the current state.' },
  SUBSCRIPTION_LAGGING: { status: 503, meaning: 'The subscriber read too slowly; reconnect with the last cursor.' },
  SUBSCRIPTION_NOT_SUPPORTED: { status: 400, meaning: 'Subscriptions are served over WebSocket, or to requests that accept text/event-stream or multipart/mixed;subscriptionSpec=1.0.' },
  TOO_MANY_SUBSCRIPTIONS: { status: 429, meaning: 'The connection or the principal has more active subscriptions than allowed.' },
  WEBHOOK_UNAUTHORIZED: { status: 401, meaning: 'The webhook token is missing or wrong.' },
  WEBHOOK_INVALID: { status: 400, meaning: 'The webhook body is not a payload of the expected version.' },
  RATE_LIMITED: { status: 429, meaning: 'The principal, or the address of an anonymous client, asked for more than its rate allows; wait as long as Retry-After says.' },
  TOO_MANY_ATTEMPTS: { status: 429, meaning: 'Too many failed attempts; wait before trying again.' },
  PLANNING_UNAVAILABLE: { status: 503, meaning: 'The operation could not be planned now; nothing was fetched, so it can be sent again.' },
  SHUTTING_DOWN: { status: 503, meaning: 'The process is draining and takes no new requests.' },
  INTERNAL: { status: 500, meaning: 'An unexpected fault; the request id finds it in the logs.' },
} as const satisfies Record<string, ErrorDefinition>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** True when `value` is a code of the registry. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERROR_CODES, value);
}

/** A fault with a registered code; the message is safe to show to clients. */
export class AcgsError extends Error {
  override readonly name = 'AcgsError';
  readonly status: number;

  /**
   * @param code a code of the registry.
   * @param message what the client sees; defaults to the registry's meaning.
   * @param details JSON facts for the client (expected and received values); never secrets.
   * @param options.cause the underlying fault, for logs only.
   */
  constructor(
    readonly code: ErrorCode,
    message: string = ERROR_CODES[code].meaning,
    readonly details: Readonly<Record<string, unknown>> = {},
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.status = ERROR_CODES[code].status;
  }

  /** The `extensions` of the GraphQL error that carries this fault (GraphQL specification, section 7.1.2). */
  get extensions(): Record<string, unknown> {
    return { code: this.code, ...this.details };
  }
}
