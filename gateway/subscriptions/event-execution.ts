/** Turns one upstream message into the answer to the client's document: joins, shaping, refusals, stamp. */
import '../telemetry-config.js';
import { buildOperationContext, executeQueryPlan, type GraphQLDataSource } from '@apollo/gateway';
import type { FetchNode, PlanNode, QueryPlan } from '@apollo/query-planner';
import { GraphQLError, print } from 'graphql';
import type { Logger } from '../../ops/runtime/logger.js';
import type { EventPayload, ExecuteEvent, GatewayRequest, HashGate, PreparedOperation } from '../execution/contracts.js';
import { missingValues, presentError } from '../execution/execute.js';
import { placeFailure } from '../execution/fetch-failures.js';
import type { SubgraphCalls } from '../execution/transport.js';

/** Name under which the message itself stands in the service map; no subgraph can have it. */
const EVENT_SOURCE = '\u0000event';

type Path = ReadonlyArray<string | number>;
type RequestContext = Parameters<typeof executeQueryPlan>[2];

/** What joined fields are fetched with. */
export interface EventExecutorDeps {
  readonly logger: Logger;
  readonly gate: Pick<HashGate, 'active'>;
  readonly callsFor: (request: GatewayRequest) => SubgraphCalls;
}

/** What is the same for every event of an operation. */
interface EventPlan {
  readonly plan: QueryPlan;
  readonly owner: string;
  readonly source: string;
  readonly operationContext: ReturnType<typeof buildOperationContext>;
}

/**
 * Makes the executor of events. The stock executor runs the plan's primary against the message and the rest against
 * the subgraphs, in the context of the client's own document, so that aliases, fragments, unions, null bubbling and
 * error paths come out as for a query.
 */
export function createEventExecutor(deps: EventExecutorDeps): ExecuteEvent {
  const plans = new WeakMap<PreparedOperation, EventPlan>();
  return async (request, prepared, variables, event) => {
    let known = plans.get(prepared);
    if (known === undefined) {
      known = eventPlanOf(request, prepared);
      plans.set(prepared, known);
    }
    const { snapshot } = request;
    const calls = deps.callsFor(request);
    const message: GraphQLDataSource = { process: () => Promise.resolve({ data: event.data ?? null, ...(event.errors === undefined ? {} : { errors: event.errors }) }) };
    // The stock executor reads request.variables, context, logger and metrics; the other members belong to Apollo Server.
    const context = {
      request: { query: known.source, variables: { ...variables } }, logger: deps.logger, schema: snapshot.apiSchema, schemaHash: snapshot.id, context: { request },
      queryHash: prepared.key, document: prepared.document, source: known.source, operationName: prepared.operation.name?.value ?? null, operation: prepared.operation,
      metrics: {}, overallCachePolicy: undefined,
    } as unknown as RequestContext;
    const result = await executeQueryPlan(known.plan, { ...calls.serviceMap, [EVENT_SOURCE]: message }, context, known.operationContext, snapshot.supergraphSchema, snapshot.federationApiSchema);
    const refusals = reachedRefusals(prepared.refusals, event);
    const owner = known.owner;
    const errors = [
      ...refusals,
      ...(result.errors ?? []).flatMap((error) => placeFailure(error, result.data)).map((error) => presentError(ownedBy(error, owner), request, deps.logger)),
      ...missingValues(result.extensions?.['valueCompletion'], refusals),
    ];
    return {
      data: result.data ?? null,
      ...(errors.length === 0 ? {} : { errors }),
      extensions: { constitutional: { hash: deps.gate.active(), verified: event.hashAccepted && calls.verified() } },
    };
  };
}

function eventPlanOf({ snapshot }: GatewayRequest, { plan, document, operation }: PreparedOperation): EventPlan {
  const node = plan?.node;
  if (node?.kind !== 'Subscription') throw new Error('An event was to be executed for an operation that is not a subscription.');
  const primary: FetchNode = { ...node.primary, serviceName: EVENT_SOURCE };
  const steps: PlanNode[] = node.rest === undefined ? [primary] : [primary, node.rest];
  return {
    plan: { kind: 'QueryPlan', node: { kind: 'Sequence', nodes: steps } },
    owner: node.primary.serviceName,
    source: print(document),
    operationContext: buildOperationContext({ schema: snapshot.apiSchema, operationDocument: document, ...(operation.name === undefined ? {} : { operationName: operation.name.value }) }),
  };
}

/** Refusals whose field was reached: below a null that a subgraph gave (no alert in OPENED) there is nothing to refuse. */
function reachedRefusals(refusals: readonly GraphQLError[], payload: EventPayload): GraphQLError[] {
  if (payload.data == null) return [];
  return refusals.filter((refusal) => reaches(payload.data, refusal.path?.slice(0, -1) ?? []));
}

function reaches(value: unknown, path: Path): boolean {
  if (value === null) return false;
  if (Array.isArray(value)) {
    const rest = typeof path[0] === 'number' ? path.slice(1) : path;
    return value.some((element) => reaches(element, rest));
  }
  const [head, ...rest] = path;
  if (head === undefined || typeof value !== 'object') return true;
  const next = (value as Record<string, unknown>)[head];
  return next === undefined || reaches(next, rest);
}

/** Puts the subgraph that sent the message in the place of the synthetic source. */
function ownedBy(error: Error, owner: string): Error {
  if (!(error instanceof GraphQLError) || error.extensions['serviceName'] !== EVENT_SOURCE) return error;
  return new GraphQLError(error.message, { path: error.path ?? null, originalError: error.originalError ?? null, extensions: { ...error.extensions, serviceName: owner } });
}
