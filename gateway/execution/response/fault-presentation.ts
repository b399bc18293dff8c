/** Gives faults the form clients see: registered codes keep their message, anything else is masked and logged. */
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { isErrorCode, type AcgsError } from '../../../ops/runtime/errors.js';
import type { Logger } from '../../../ops/runtime/logger.js';
import type { ResponsePath } from '../plan/response-data.js';

/** Codes a subgraph uses between itself and the gateway: to a client they say that the graph's parts do not fit together. */
const BETWEEN_PROCESSES = new Set(['GRAPHQL_VALIDATION_FAILED', 'GRAPHQL_PARSE_FAILED', 'HOP_TOKEN_INVALID', 'BAD_REQUEST', 'UNSUPPORTED_MEDIA_TYPE', 'METHOD_NOT_ALLOWED', 'NOT_FOUND']);
/** Extensions other servers add that clients must not see. */
const WITHHELD = new Set(['stacktrace', 'exception', 'http', 'debug', 'cause', 'serviceName', 'code']);

export interface Presentation {
  readonly requestId: string;
  readonly logger: Logger;
}

/** Presents an error that a subgraph reported. The message of an unregistered code is masked: it was not written for clients. */
export function presentReported({ requestId, logger }: Presentation, service: string, error: GraphQLFormattedError, path: ResponsePath | null): GraphQLError {
  const extensions: unknown = error.extensions;
  const { code, ...others } = (typeof extensions === 'object' && extensions !== null ? extensions : {}) as Record<string, unknown>;
  if (isErrorCode(code) && !BETWEEN_PROCESSES.has(code)) {
    const shown = Object.entries(others).filter(([name]) => !WITHHELD.has(name));
    return new GraphQLError(typeof error.message === 'string' ? error.message : code, { path, extensions: { code, ...Object.fromEntries(shown), service } });
  }
  if (isErrorCode(code)) {
    logger.error({ err: error, requestId, service }, 'A subgraph and the supergraph do not fit together');
    return new GraphQLError('A subgraph sent an answer that does not fit the schema.', { path, extensions: { code: 'SUBGRAPH_BAD_RESPONSE', service, requestId } });
  }
  logger.error({ err: error, requestId, service }, 'An unexpected fault was masked');
  return new GraphQLError(`An unexpected fault; request id ${requestId}.`, { path, extensions: { code: 'INTERNAL', requestId, service } });
}

/** Presents a call that failed. */
export function presentFailed(error: AcgsError, path: ResponsePath | null): GraphQLError {
  return new GraphQLError(error.message, { path, originalError: error, extensions: error.extensions });
}

/** Presents a value that does not fit the schema. */
export function presentMisfit({ requestId }: Presentation, message: string, path: ResponsePath): GraphQLError {
  return new GraphQLError(message, { path, extensions: { code: 'SUBGRAPH_BAD_RESPONSE', requestId } });
}
