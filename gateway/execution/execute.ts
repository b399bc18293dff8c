/** Runs prepared queries and mutations: the plan against the subgraphs, shaped by the client's own document, errors under registered codes. */
import '../telemetry-config.js';
import { buildOperationContext, executeQueryPlan } from '@apollo/gateway';
import { GraphQLError } from 'graphql';
import { AcgsError, isErrorCode } from '../../ops/runtime/errors.js';
import type { Logger } from '../../ops/runtime/logger.js';
import type { ServiceMetrics } from '../../ops/runtime/metrics.js';
import type { Execute, GatewayRequest, GatewayResult, HashGate, PreparedOperation } from './contracts.js';
import { placeFailure } from './fetch-failures.js';
import type { SubgraphCalls } from './transport.js';

export interface ExecuteDeps {
  readonly gate: Pick<HashGate, 'active'>;
  readonly callsFor: (request: GatewayRequest) => SubgraphCalls;
  readonly logger: Logger;
  readonly metrics: Pick<ServiceMetrics, 'errors'>;
}

type OperationContext = ReturnType<typeof buildOperationContext>;
type RequestContext = Parameters<typeof executeQueryPlan>[2];
type Path = readonly (string | number)[];

/** Makes `execute`. */
export function createExecute({ gate, callsFor, logger, metrics }: ExecuteDeps): Execute {
  const contexts = new WeakMap<PreparedOperation, OperationContext>();
  return async (request, prepared, variables) => {
    const { snapshot } = request;
    let operationContext = contexts.get(prepared);
    if (operationContext === undefined) contexts.set(prepared, operationContext = contextOf(request, prepared));
    const calls = callsFor(request);
    const requestContext = {
      request: { variables: { ...variables } }, logger, schema: snapshot.apiSchema, schemaHash: snapshot.id, context: { requestId: request.requestId },
      document: prepared.document, operation: prepared.operation, operationName: prepared.operation.name?.value ?? null, queryHash: prepared.key, source: '',
      // The stock executor reads request.variables, context, logger and metrics; the other members belong to Apollo Server.
      metrics: {}, overallCachePolicy: undefined,
    } as unknown as RequestContext;
    const result = await executeQueryPlan(prepared.plan ?? { kind: 'QueryPlan' }, calls.serviceMap, requestContext, operationContext, snapshot.supergraphSchema, snapshot.federationApiSchema);
    const errors = [
      ...prepared.refusals,
      ...(result.errors ?? []).flatMap((error) => placeFailure(error, result.data)).map((error) => presentError(error, request, logger)),
      ...missingValues(result.extensions?.['valueCompletion'], prepared.refusals),
    ];
    for (const { extensions } of errors) metrics.errors.inc({ code: String(extensions['code']) });
    return answer(result.data, errors, gate.active(), calls.verified());
  };
}

function answer(data: GatewayResult['data'], errors: readonly GraphQLError[], hash: string, verified: boolean): GatewayResult {
  return { data: data ?? null, ...(errors.length === 0 ? {} : { errors }), extensions: { constitutional: { hash, verified } } };
}

function contextOf({ snapshot }: GatewayRequest, { document, operation }: PreparedOperation): OperationContext {
  return buildOperationContext({ schema: snapshot.apiSchema, operationDocument: document, ...(operation.name === undefined ? {} : { operationName: operation.name.value }) });
}

/** The stock executor reports missing non-null data as an extension only; it is an error here, unless a refusal explains it. */
export function missingValues(completion: unknown, refusals: readonly GraphQLError[]): GraphQLError[] {
  if (!Array.isArray(completion)) return [];
  return (completion as readonly GraphQLError[])
    .filter((error) => !refusals.some((refusal) => samePlace(refusal.path ?? [], error.path ?? [])))
    .map((error) => new GraphQLError(error.message, { path: error.path ?? null, extensions: { code: 'SUBGRAPH_BAD_RESPONSE' } }));
}

/** Compares response paths without their list indexes: refusals have none. */
function samePlace(left: Path, right: Path): boolean {
  const names = (path: Path): string => JSON.stringify(path.filter((part) => typeof part === 'string'));
  return names(left) === names(right);
}

/** Codes a subgraph uses between itself and the gateway: to a client they say that the graph's parts do not fit together. */
const BETWEEN_PROCESSES = new Set(['GRAPHQL_VALIDATION_FAILED', 'GRAPHQL_PARSE_FAILED', 'HOP_TOKEN_INVALID', 'BAD_REQUEST', 'UNSUPPORTED_MEDIA_TYPE', 'METHOD_NOT_ALLOWED', 'NOT_FOUND']);
/** Extensions other servers add that clients must not see. */
const WITHHELD = new Set(['stacktrace', 'exception', 'http', 'debug', 'cause']);

/**
 * Gives a fault the form clients see: registered codes keep their message, anything else is masked and logged.
 * @param error as the executor collected it; may be any Error.
 */
export function presentError(error: Error, request: Pick<GatewayRequest, 'requestId'>, logger: Logger): GraphQLError {
  const { requestId } = request;
  const graphqlError = error instanceof GraphQLError ? error : undefined;
  const path = graphqlError?.path ?? null;
  const fault = graphqlError?.originalError instanceof AcgsError ? graphqlError.originalError : error instanceof AcgsError ? error : undefined;
  if (fault !== undefined) {
    if (fault.cause !== undefined) logger.warn({ err: fault.cause, code: fault.code, requestId }, 'A subgraph call failed');
    return new GraphQLError(fault.message, { path, extensions: fault.extensions });
  }
  const { code, serviceName, ...others } = graphqlError?.extensions ?? {};
  const service = typeof serviceName === 'string' ? { service: serviceName } : {};
  if (isErrorCode(code) && !BETWEEN_PROCESSES.has(code)) {
    return new GraphQLError(error.message, { path, extensions: { code, ...Object.fromEntries(Object.entries(others).filter(([name]) => !WITHHELD.has(name))), ...service } });
  }
  if (isErrorCode(code) || isMalformedAnswer(error)) {
    logger.error({ err: error, requestId, service: serviceName }, 'A subgraph and the supergraph do not fit together');
    return new GraphQLError('A subgraph sent an answer that does not fit the schema.', { path, extensions: { code: 'SUBGRAPH_BAD_RESPONSE', ...service, requestId } });
  }
  logger.error({ err: error, requestId, service: serviceName }, 'An unexpected fault was masked');
  return new GraphQLError(`An unexpected fault; request id ${requestId}.`, { path, extensions: { code: 'INTERNAL', requestId, ...service } });
}

/** Assertions of the stock executor about what a subgraph sent. */
function isMalformedAnswer(error: Error): boolean {
  return /returned by subgraph|^Expected "data\._entities"|^Invalid (?:non-string value|empty selection)|^Got unexpected value for __typename/.test(error.message);
}
