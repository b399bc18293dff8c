/** Executes GraphQL for the gateway: hop token and constitutional hash first, then parse, validate and execute (gate 4). */
import { GraphQLError, execute, parse, validate, type DocumentNode, type ExecutionResult, type GraphQLSchema } from 'graphql';
import { LRUCache } from 'lru-cache';
import { POSITION_HEADER } from '../../ops/runtime/change-feed.js';
import { AcgsError, isErrorCode } from '../../ops/runtime/errors.js';
import { HASH_HEADER, HOP_HEADER, verifyHopToken, type HopClaims } from '../../ops/runtime/hop-token.js';
import { graphqlFaultReply, jsonReply, readJson, type HttpHandler, type HttpReply, type HttpRequest } from '../../ops/runtime/http-server.js';
import type { Logger } from '../../ops/runtime/logger.js';
import type { ServiceMetrics } from '../../ops/runtime/metrics.js';
import { continueTrace } from '../../ops/runtime/trace-context.js';
import type { Span, Tracing } from '../../ops/runtime/tracing.js';
import { SubgraphContext } from './context.js';
import { databaseFault } from './database.js';
import { Refusal } from './refusals.js';

export interface GraphqlHandlerOptions {
  readonly name: string;
  readonly schema: GraphQLSchema;
  readonly hopKey: Uint8Array;
  readonly activeHash: () => string;
  readonly acceptedHashes: () => readonly string[];
  readonly metrics: ServiceMetrics;
  readonly logger: Logger;
  /** Undefined while traces are off. */
  readonly tracing?: Tracing | undefined;
  /** Position of the last event this process has taken in; answers carry it, so that the gateway knows how new they are. */
  readonly position: () => number;
}

export interface PreparedDocument {
  readonly document: DocumentNode;
  readonly errors: readonly GraphQLError[];
}

/** Parses and validates, remembering the result for the next request with the same text. */
export class DocumentCache {
  private readonly cache = new LRUCache<string, PreparedDocument>({ max: 1_000 });

  constructor(private readonly schema: GraphQLSchema, private readonly metrics: ServiceMetrics) {}

  /** @throws GraphQLError for a syntax error. */
  prepare(source: string): PreparedDocument {
    const cached = this.cache.get(source);
    this.metrics.looked('document', cached !== undefined);
    if (cached !== undefined) return cached;
    const document = parse(source);
    const prepared = { document, errors: validate(this.schema, document) };
    this.cache.set(source, prepared);
    return prepared;
  }
}

/** Checks the hop token of a request and the hash it carries. @throws AcgsError HOP_TOKEN_INVALID or CONSTITUTIONAL_HASH_MISMATCH. */
export function checkHop(options: Omit<GraphqlHandlerOptions, 'schema'>, request: HttpRequest): HopClaims {
  const token = request.headers[HOP_HEADER];
  const claims = verifyHopToken(options.hopKey, options.name, request.path, request.body, typeof token === 'string' ? token : undefined);
  checkHash(options, claims.constitutionalHash);
  return claims;
}

/** @throws AcgsError CONSTITUTIONAL_HASH_MISMATCH unless the caller runs under an accepted hash. */
export function checkHash(options: Pick<GraphqlHandlerOptions, 'acceptedHashes' | 'activeHash' | 'metrics'>, received: string): void {
  const accepted = options.acceptedHashes().includes(received);
  options.metrics.checked('hop', accepted);
  if (!accepted) throw new AcgsError('CONSTITUTIONAL_HASH_MISMATCH', undefined, { expected: options.activeHash(), received });
}

/** Handler of `POST /graphql`. */
export function graphqlHandler(options: GraphqlHandlerOptions): HttpHandler {
  const documents = new DocumentCache(options.schema, options.metrics);
  return async (request) => {
    const started = performance.now();
    // Taken before anything is read: what the answer shows is at least this new.
    const position = String(options.position());
    let operation = 'unknown';
    const span = options.tracing?.serve('graphql', continueTrace(request.headers['traceparent'], request.headers['tracestate'])).span;
    const reply = await answer(options, documents, request, span, (kind) => { operation = kind; }).catch((error: unknown) => {
      span?.fail('INTERNAL');
      span?.end();
      throw error;
    });
    options.metrics.finished(operation, reply.status);
    options.metrics.took(operation, performance.now() - started, span?.traceId);
    if (span !== undefined) endSpan(span, operation, reply.status);
    return { ...reply, headers: { ...reply.headers, [HASH_HEADER]: options.activeHash(), [POSITION_HEADER]: position } };
  };
}

function endSpan(span: Span, operation: string, status: number): void {
  span.set({ 'graphql.operation.type': operation, 'http.response.status_code': status });
  if (status >= 400) span.fail(String(status));
  span.end();
}

async function answer(options: GraphqlHandlerOptions, documents: DocumentCache, request: HttpRequest, span: Span | undefined, classify: (kind: string) => void): Promise<HttpReply> {
  try {
    const hop = checkHop(options, request);
    span?.set({ 'acgs.request_id': hop.requestId });
    if (hop.deadline !== null && hop.deadline < Date.now()) throw new AcgsError('SUBGRAPH_TIMEOUT', 'The deadline had passed before the request arrived.');
    const body = readJson(request) as { query?: unknown; variables?: Record<string, unknown> | null; operationName?: string | null };
    if (typeof body !== 'object' || body === null || typeof body.query !== 'string') throw new AcgsError('BAD_REQUEST');
    const { document, errors } = documents.prepare(body.query);
    if (errors.length > 0) return jsonReply(400, { errors: errors.map((error) => ({ message: error.message, extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } })) });
    const definition = document.definitions.find((node) => node.kind === 'OperationDefinition');
    if (definition?.kind === 'OperationDefinition') classify(definition.operation);
    const result = await execute({ schema: options.schema, document, contextValue: new SubgraphContext(hop, undefined, span), variableValues: body.variables ?? {}, operationName: body.operationName ?? null });
    return jsonReply(200, presentErrors(result, options, hop.requestId));
  } catch (error) {
    if (error instanceof AcgsError) {
      options.metrics.errors.inc({ code: error.code });
      return graphqlFaultReply(error);
    }
    if (error instanceof GraphQLError) return graphqlFaultReply(new AcgsError('GRAPHQL_PARSE_FAILED', error.message));
    throw error;
  }
}

/** Gives every error of a result a registered code; unknown faults become INTERNAL with the request id and are logged. */
export function presentErrors(result: ExecutionResult, options: Pick<GraphqlHandlerOptions, 'logger' | 'metrics' | 'name'>, requestId: string): ExecutionResult {
  if (result.errors === undefined) return result;
  return { ...result, errors: result.errors.map((error) => presentError(error, options, requestId)) };
}

function presentError(error: GraphQLError, { logger, metrics, name }: Pick<GraphqlHandlerOptions, 'logger' | 'metrics' | 'name'>, requestId: string): GraphQLError {
  const fault = databaseFault(error.originalError);
  const shape = { nodes: error.nodes, path: error.path, originalError: error.originalError } as const;
  const expose = (message: string, extensions: Record<string, unknown>): GraphQLError => {
    metrics.errors.inc({ code: String(extensions['code']) });
    return new GraphQLError(message, { ...shape, extensions: { ...extensions, subgraph: name } });
  };
  if (fault instanceof AcgsError) {
    if (fault.cause !== undefined) logger.warn({ err: fault.cause, requestId, code: fault.code }, 'A request failed');
    return expose(fault.message, fault.extensions);
  }
  if (fault instanceof Refusal) return expose(fault.message, { code: fault.type === 'Forbidden' ? 'FORBIDDEN' : 'BAD_USER_INPUT', reason: fault.code });
  if (fault === undefined) return expose(error.message, { ...error.extensions, code: isErrorCode(error.extensions['code']) ? error.extensions['code'] : 'BAD_USER_INPUT' });
  if (error.originalError instanceof GraphQLError && isErrorCode(error.extensions['code'])) return expose(error.message, error.extensions);
  logger.error({ err: fault, requestId, path: error.path }, 'A resolver failed');
  return expose(`An unexpected fault; request id ${requestId}.`, { code: 'INTERNAL', requestId });
}
