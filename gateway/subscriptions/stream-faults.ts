/** How streams and operations over WebSocket say what went wrong: registered codes, and where to resume. */
import { GraphQLError } from 'graphql';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { Logger } from '../../ops/runtime/logger.js';

/** Ends a subscription with errors; edges send them in the protocol's own way. */
export class SubscriptionFailure extends Error {
  override readonly name = 'SubscriptionFailure';
  constructor(readonly errors: readonly GraphQLError[]) {
    super(errors[0]?.message ?? 'The subscription failed.');
  }
}

/** The fault as clients see it. */
export function toGraphQLError(error: AcgsError): GraphQLError {
  return new GraphQLError(error.message, { originalError: error, extensions: error.extensions });
}

/** Any fault as the errors clients see; what is not meant for them is logged and masked. */
export function presentFault(error: unknown, logger: Logger, requestId?: string): readonly GraphQLError[] {
  if (error instanceof AcgsError) return [toGraphQLError(error)];
  if (error instanceof SubscriptionFailure) return error.errors;
  if (error instanceof GraphQLError) return [error];
  const list = error instanceof Error ? (error as { errors?: unknown }).errors : undefined;
  if (Array.isArray(list) && list.length > 0 && list.every((entry) => entry instanceof GraphQLError)) return list;
  logger.error({ err: error, requestId }, 'An operation over WebSocket failed');
  return [toGraphQLError(new AcgsError('INTERNAL', undefined, requestId === undefined ? {} : { requestId }))];
}

/** Codes after which the cursor is of no use. */
const CURSOR_CODES: ReadonlySet<unknown> = new Set(['CURSOR_EXPIRED', 'CURSOR_INVALID']);

/** The errors that end a subscription, with the cursor to resume from as `extensions.resumeAfter`, unless it is the cursor that is refused. */
export function withResumePlace(errors: readonly GraphQLError[], cursor: string | undefined): readonly GraphQLError[] {
  if (cursor === undefined) return errors;
  return errors.map((error) => (CURSOR_CODES.has(error.extensions['code'])
    ? error
    : new GraphQLError(error.message, { path: error.path ?? null, originalError: error.originalError ?? null, extensions: { ...error.extensions, resumeAfter: cursor } })));
}
