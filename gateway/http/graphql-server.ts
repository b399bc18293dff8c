/** Apollo Server around the gateway's own preparation and execution: it serves what the hot path does not take. */
import { ApolloServer, HeaderMap, type ApolloServerPlugin, type GraphQLRequestContext } from '@apollo/server';
import { ApolloServerPluginCacheControlDisabled } from '@apollo/server/plugin/disabled';
import type { GatewayExecutor } from '@apollo/server-gateway-interface';
import { GraphQLError } from 'graphql';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { Logger } from '../../ops/runtime/logger.js';
import type { OperationLimits } from '../config.js';
import { readBoundedDocument } from '../enforcement/document-limits.js';
import { FURTHER_RULES } from '../enforcement/validation-rules.js';
import type { Safelist } from '../enforcement/safelist.js';
import { withoutSuggestion } from '../enforcement/suggestions.js';
import type { Execute, GatewayAnswer, Prepare } from '../execution/contracts.js';
import { isTokenLimitError } from '../execution/preparation/prepare.js';
import type { SupergraphStore } from '../supergraph/load.js';
import { gatewayRequest, notePrepared, type Exchange } from './exchange.js';
import type { RunOnApollo } from './graphql-endpoint.js';
import type { GraphqlParameters } from './request-parameters.js';

/** Apollo Server copies the context value of each request, so what hooks establish is kept one level down. */
export interface HttpContext {
  readonly exchange: Exchange;
  /** What failed the request, as Apollo Server met it. */
  readonly faults: GraphQLError[];
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
    validationRules: [...FURTHER_RULES],
    // Introspection is refused by `prepare`, with the registry's code and on every edge.
    introspection: true,
    csrfPrevention: true,
    persistedQueries: false,
    allowBatchedHttpRequests: false,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    logger,
    plugins: [ApolloServerPluginCacheControlDisabled(), preparing(store, prepare)],
  });
}

function preparing(store: SupergraphStore, prepare: Prepare): ApolloServerPlugin<HttpContext> {
  return {
    requestDidStart: async () => ({
      didResolveOperation: async (context: GraphQLRequestContext<HttpContext>) => {
        const { schema, document, operation, request, contextValue: { exchange } } = context;
        if (schema === undefined || document === undefined) throw new AcgsError('INTERNAL', 'An operation was resolved without a document.');
        try {
          if (operation?.operation === 'subscription') throw new AcgsError('SUBSCRIPTION_NOT_SUPPORTED');
          exchange.request = gatewayRequest(exchange, store.snapshotOf(schema));
          notePrepared(exchange, await prepare(exchange.request, { document, operationName: request.operationName, variables: request.variables }));
        } catch (error) {
          throw error instanceof AcgsError ? new GraphQLError(error.message, { originalError: error }) : error;
        }
      },
      didEncounterErrors: async ({ errors, contextValue: { faults } }) => {
        faults.push(...errors);
      },
    }),
  };
}

/** Executes what `preparing` prepared; the answer is left in the exchange, whose text the edge sends. */
export function apolloExecutor(execute: Execute): GatewayExecutor {
  return async ({ context, request }) => {
    const { exchange } = context as HttpContext;
    if (exchange.request === undefined || exchange.prepared === undefined) throw new AcgsError('INTERNAL', 'An operation reached execution without preparation.');
    exchange.answer = await execute(exchange.request, exchange.prepared, request.variables ?? {});
    return { data: null };
  };
}

export interface ApolloRunnerDeps {
  readonly safelist: Safelist;
  readonly limits: OperationLimits;
  /** False keeps names of the schema that Apollo Server suggests out of its errors. */
  readonly introspection: boolean;
  /** Told what is refused before preparation sees it. */
  readonly onRefused: (error: unknown) => void;
}

/**
 * Makes the way through Apollo Server. The gateway's executor leaves the answer in the exchange, so that its text is the
 * same whichever way the request took; Apollo Server's own text is used for nothing.
 */
export function createApolloRunner(server: ApolloServer<HttpContext>, { safelist, limits, introspection, onRefused }: ApolloRunnerDeps): RunOnApollo {
  return async (exchange, method, query, parameters): Promise<GatewayAnswer> => {
    // Before Apollo Server parses and validates: its errors would tell of the schema.
    safelist.check({ query, operationName: parameters.operationName });
    // And before it validates what would take it long.
    try {
      readBoundedDocument(query, limits);
    } catch (error) {
      onRefused(error);
      throw error;
    }
    const faults: GraphQLError[] = [];
    const { body, search } = method === 'POST' ? { body: bodyOf(query, parameters), search: '' } : { body: undefined, search: searchOf(query, parameters) };
    await server.executeHTTPGraphQLRequest({
      httpGraphQLRequest: { method, headers: new HeaderMap([['content-type', 'application/json']]), search, body },
      context: async () => ({ exchange, faults }),
    });
    if (exchange.answer !== undefined) return exchange.answer;
    throw faultOf(faults[0], limits.maxTokens, introspection);
  };
}

function bodyOf(query: string, { operationName, variables }: GraphqlParameters): Record<string, unknown> {
  return { query, variables, ...(operationName === undefined ? {} : { operationName }) };
}

function searchOf(query: string, { operationName, variables }: GraphqlParameters): string {
  return `?${new URLSearchParams({ query, variables: JSON.stringify(variables), ...(operationName === undefined ? {} : { operationName }) }).toString()}`;
}

/** The first thing that Apollo Server met, in the form preparation gives it on the hot path. */
function faultOf(error: GraphQLError | undefined, maxTokens: number, suggest: boolean): Error {
  if (error === undefined) return new Error('Apollo Server neither executed an operation nor said why.');
  if (error.originalError instanceof AcgsError) return error.originalError;
  if (isTokenLimitError(error)) return new AcgsError('QUERY_TOO_LARGE', undefined, { limit: maxTokens });
  const { http: _, ...extensions } = error.extensions;
  return new GraphQLError(suggest ? error.message : withoutSuggestion(error.message), { nodes: error.nodes, source: error.source, positions: error.positions, extensions });
}
