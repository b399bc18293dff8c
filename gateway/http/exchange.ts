/** What is known of one HTTP request while it is answered, and the faults that fail it as a whole. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { AcgsError, isErrorCode, type ErrorCode } from '../../ops/runtime/errors.js';
import { REQUEST_ID_HEADER } from '../../ops/runtime/hop-token.js';
import type { Logger } from '../../ops/runtime/logger.js';
import { continueTrace, type TraceContext } from '../../ops/runtime/trace-context.js';
import type { Span, Tracing } from '../../ops/runtime/tracing.js';
import type { Charge, Credentials, GatewayAnswer, GatewayRequest, PreparedOperation, SupergraphSnapshot } from '../execution/contracts.js';
import { clientOf } from '../observability/usage/client-name.js';
import { acceptedTypes, type AcceptedTypes } from './media-types.js';

export type OperationKind = 'query' | 'mutation' | 'subscription' | 'unknown';

export interface Exchange {
  readonly requestId: string;
  readonly trace: TraceContext;
  /** Undefined unless the trace is recorded. */
  readonly span: Span | undefined;
  readonly accepted: AcceptedTypes;
  /** When the request began, milliseconds of `performance.now`. */
  readonly started: number;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  credentials: Credentials;
  hashPresented: boolean;
  /** True once parameters, credentials and hash are in order: what fails from then on is a GraphQL request error. */
  wellFormed: boolean;
  /** What is to run, once it is known; the name is the client's and may be anything. */
  source: { readonly text: string; readonly operationName: string | undefined } | undefined;
  operationKind: OperationKind;
  operationName: string | null;
  /** Set where Apollo Server prepares the operation. */
  request: GatewayRequest | undefined;
  prepared: PreparedOperation | undefined;
  /** Set when the operation was executed on Apollo Server's path. */
  answer: GatewayAnswer | undefined;
  /** True when the client wants nothing from a cache: `Cache-Control: no-cache` or `no-store`. */
  readonly pastCaches: boolean;
  /** Name the client gives itself. */
  readonly client: string;
  /** What the request is charged; undefined where rates are not limited. */
  charge: Charge | undefined;
  /** Code of the fault that failed the whole request, if one did. */
  failure: ErrorCode | undefined;
}

/** RFC 9111, section 5.2.1. */
const NO_CACHE = /(?:^|[\s,])no-(?:cache|store)(?:$|[\s,=])/i;
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;
const ANONYMOUS: Credentials = { principal: null, credentialId: null, issuedAt: null, tokenExpiresAt: null, revocationEpoch: 0 };

/**
 * Begins an exchange; a request id that the client gave is kept when it has a safe form.
 * @param tracing undefined while traces are off.
 */
export function openExchange({ headers }: IncomingMessage, deadlineMs: number, tracing?: Tracing): Exchange {
  const given = headers[REQUEST_ID_HEADER];
  const trace = continueTrace(headers['traceparent'], headers['tracestate']);
  const served = tracing?.serve('POST /graphql', trace);
  return {
    requestId: typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID(),
    trace: served === undefined ? trace : served.trace,
    span: served?.span,
    accepted: acceptedTypes(headers.accept),
    started: performance.now(), deadline: Date.now() + deadlineMs,
    credentials: ANONYMOUS, hashPresented: false, wellFormed: false, source: undefined, operationKind: 'unknown', operationName: null,
    request: undefined, prepared: undefined, answer: undefined, charge: undefined, failure: undefined,
    pastCaches: NO_CACHE.test(headers['cache-control'] ?? ''), client: clientOf(headers),
  };
}

/** The request as preparation and execution know it. */
export function gatewayRequest({ requestId, credentials, hashPresented, deadline, trace, span, pastCaches, client, charge }: Exchange, snapshot: SupergraphSnapshot): GatewayRequest {
  const { principal, credentialId, tokenExpiresAt, revocationEpoch } = credentials;
  return {
    requestId, principal, credentialId, tokenExpiresAt, revocationEpoch, hashPresented, deadline, snapshot,
    client, pastCaches, charge, span, traceparent: trace.traceparent, ...(trace.tracestate === undefined ? {} : { tracestate: trace.tracestate }),
  };
}

/** Notes what was prepared. */
export function notePrepared(exchange: Exchange, prepared: PreparedOperation): void {
  exchange.prepared = prepared;
  exchange.operationKind = prepared.operation.operation;
  exchange.operationName = prepared.operation.name?.value ?? null;
}

const NAME = /^[_A-Za-z][_0-9A-Za-z]{0,99}$/;

/** Notes what would have run, for the log of a request that was refused before it was prepared. */
export function noteUnprepared(exchange: Exchange, kind: OperationKind): void {
  const name = exchange.source?.operationName;
  exchange.operationKind = kind;
  exchange.operationName = name !== undefined && NAME.test(name) ? name : null;
}

/** A fault that fails a request as a whole, in the form clients see. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly errors: readonly GraphQLFormattedError[];
}

/**
 * Gives a fault the form clients see. What has no registered code is logged and masked.
 * @param error anything that was thrown; errors of a stream may carry several GraphQL errors.
 */
export function refusalOf(error: unknown, requestId: string, logger: Logger): Refusal {
  if (error instanceof AcgsError) {
    if (error.cause !== undefined) logger.debug({ err: error.cause, requestId, code: error.code }, 'A request was refused');
    return { code: error.code, errors: [presentFault(error)] };
  }
  const errors = error instanceof GraphQLError ? [error] : graphqlErrorsOf(error);
  const code = errors?.[0]?.extensions['code'];
  if (errors !== undefined && isErrorCode(code)) return { code, errors: errors.map((one) => one.toJSON()) };
  logger.error({ err: error, requestId }, 'A request failed');
  return { code: 'INTERNAL', errors: [presentFault(new AcgsError('INTERNAL', `An unexpected fault; request id ${requestId}.`, { requestId }))] };
}

/** Locations stand beside the message (GraphQL specification, section 7.1.2), everything else in the extensions. */
function presentFault(error: AcgsError): GraphQLFormattedError {
  const { locations, ...extensions } = error.extensions;
  return { message: error.message, ...(Array.isArray(locations) ? { locations: locations as { line: number; column: number }[] } : {}), extensions };
}

/** The errors a stream ended with. */
function graphqlErrorsOf(error: unknown): readonly GraphQLError[] | undefined {
  const list: unknown = error instanceof Error ? (error as { errors?: unknown }).errors : undefined;
  return Array.isArray(list) && list.length > 0 && list.every((one) => one instanceof GraphQLError) ? list : undefined;
}
