/** Apollo Server around the gateway's own preparation and execution: parsing, CSRF prevention and response formatting are its part. */
import { ApolloServer, HeaderMap, type ApolloServerPlugin, type GraphQLRequestContext } from '@apollo/server';
import { ApolloServerPluginCacheControlDisabled } from '@apollo/server/plugin/disabled';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { AcgsError, ERROR_CODES, isErrorCode, type ErrorCode } from '../../ops/runtime/errors.js';
import type { Logger } from '../../ops/runtime/logger.js';
import type { Credentials, GatewayRequest, Prepare, PreparedOperation } from '../execution/contracts.js';
import { isTokenLimitError } from '../execution/prepare.js';
import { reservedNamesRule } from '../enforcement/limits.js';
import type { SupergraphStore } from '../supergraph/load.js';

/** Apollo Server copies the context value of each request, so what hooks establish is kept one level down. */
export interface HttpContext {
  readonly exchange: Exchange;
}

/** What is known of one HTTP request. */
export interface Exchange {
  readonly requestId: string;
  credentials: Credentials;
  hashPresented: boolean;
  readonly deadline: number;
  /** Set once the operation is known. */
  operationKind: string;
  operationName: string | null;
  prepared: PreparedOperation | undefined;
  request: GatewayRequest | undefined;
  /** Code of the fault that failed the whole request, if one did. */
  failure: ErrorCode | undefined;
}

export interface GraphqlServerDeps {
  readonly store: SupergraphStore;
  readonly prepare: Prepare;
  readonly maxTokens: number;
  readonly logger: Logger;
}

/** Makes the server; it must be started with `start()` and stopped with `stop()`. */
export function createGraphqlServer({ store, prepare, maxTokens, logger }: GraphqlServerDeps): ApolloServer<HttpContext> {
  return new ApolloServer<HttpContext>({
    gateway: store,
    parseOptions: { maxTokens },
    validationRules: [reservedNamesRule],
    // Introspection is refused by `prepare`, with the registry's code and on every edge.
    introspection: true,
    csrfPrevention: true,
    persistedQueries: false,
    allowBatchedHttpRequests: false,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    logger,
    formatError: (formatted, error) => registered(formatted, error, logger),
    plugins: [ApolloServerPluginCacheControlDisabled(), preparing(store, prepare)],
  });
}

function preparing(store: SupergraphStore, prepare: Prepare): ApolloServerPlugin<HttpContext> {
  return {
    requestDidStart: async () => ({
      didResolveOperation: async (context: GraphQLRequestContext<HttpContext>) => {
        const { schema, document, operation, request, contextValue: { exchange } } = context;
        exchange.operationKind = operation?.operation ?? 'unknown';
        exchange.operationName = context.operationName ?? null;
        try {
          if (operation?.operation === 'subscription') throw new AcgsError('SUBSCRIPTION_NOT_SUPPORTED');
          exchange.request = requestOf(exchange, store, schema);
          exchange.prepared = prepare(exchange.request, { document, operationName: request.operationName, variables: request.variables });
        } catch (error) {
          throw error instanceof AcgsError ? toGraphQLError(error) : error;
        }
      },
    }),
  };
}

function requestOf({ requestId, credentials, hashPresented, deadline }: Exchange, store: SupergraphStore, schema: Parameters<SupergraphStore['snapshotOf']>[0]): GatewayRequest {
  const { principal, credentialId, tokenExpiresAt, revocationEpoch } = credentials;
  return { requestId, principal, credentialId, tokenExpiresAt, revocationEpoch, hashPresented, deadline, snapshot: store.snapshotOf(schema) };
}

/** A fault as Apollo Server carries it: the registry's code and HTTP status. */
export function toGraphQLError(error: AcgsError): GraphQLError {
  return new GraphQLError(error.message, { originalError: error, extensions: { ...error.extensions, http: { status: error.status, headers: new HeaderMap() } } });
}

/** Codes of Apollo Server that the registry knows under another name. */
const RENAMED: Readonly<Record<string, ErrorCode>> = {
  OPERATION_RESOLUTION_FAILURE: 'BAD_REQUEST',
  PERSISTED_QUERY_NOT_FOUND: 'BAD_REQUEST',
  PERSISTED_QUERY_NOT_SUPPORTED: 'BAD_REQUEST',
};

function registered(formatted: GraphQLFormattedError, error: unknown, logger: Logger): GraphQLFormattedError {
  const code = formatted.extensions?.['code'];
  if (isTokenLimitError(formatted)) return { message: ERROR_CODES.QUERY_TOO_LARGE.meaning, extensions: { code: 'QUERY_TOO_LARGE' } };
  if (code === 'BAD_REQUEST' && /GET requests only support query operations/.test(formatted.message)) return { message: ERROR_CODES.METHOD_NOT_ALLOWED.meaning, extensions: { code: 'METHOD_NOT_ALLOWED' } };
  if (isErrorCode(code)) return formatted;
  const renamed = typeof code === 'string' && Object.hasOwn(RENAMED, code) ? RENAMED[code] : undefined;
  if (renamed !== undefined) return { ...formatted, extensions: { ...formatted.extensions, code: renamed } };
  logger.error({ err: error }, 'An unexpected fault was masked');
  return { message: ERROR_CODES.INTERNAL.meaning, extensions: { code: 'INTERNAL' } };
}
