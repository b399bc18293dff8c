/** From a prepared subscription to its answer stream. */
import { GraphQLError } from 'graphql';
import type { FetchNode, SubscriptionNode } from '@apollo/query-planner';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { GatewayRequest, PreparedOperation } from '../execution/contracts.js';
import type { EdgeDeps, EdgeLimits } from './edge-deps.js';
import { primaryOperationOf, type PrimaryOperation } from './primary-operation.js';
import { ResumableFeed, toGraphQLError } from './resumable-feed.js';
import type { SubscriptionMetrics } from './subscription-metrics.js';
import { SubscriptionFailure, SubscriptionStream, type Outlet } from './subscription-stream.js';
import type { UpstreamPool } from './upstream-pool.js';

export interface SubscriptionContext {
  readonly deps: EdgeDeps;
  readonly limits: EdgeLimits;
  readonly metrics: SubscriptionMetrics;
  readonly pool: UpstreamPool;
}

/** Rewritten primaries, by the plan's node: plans are cached, so this is computed once an operation. */
const primaries = new WeakMap<FetchNode, PrimaryOperation>();

/**
 * Finds what is streamed and how it is resumed.
 * @throws SubscriptionFailure when nothing of the operation may be fetched; AcgsError when its root is conditional.
 */
export function planSubscription(request: GatewayRequest, prepared: PreparedOperation): PrimaryOperation {
  const { primary } = subscriptionNodeOf(prepared);
  let operation = primaries.get(primary);
  if (operation === undefined) {
    operation = primaryOperationOf(primary, request.snapshot.apiSchema);
    primaries.set(primary, operation);
  }
  return operation;
}

/**
 * Opens the subscription; no message is awaited.
 * @param onClosed called once, when the stream is over for any reason.
 */
export function openSubscription(
  context: SubscriptionContext, request: GatewayRequest, prepared: PreparedOperation, operation: PrimaryOperation,
  variables: Readonly<Record<string, unknown>>, outlet: Outlet, onClosed: (stream: SubscriptionStream) => void,
): SubscriptionStream {
  const { deps, limits, metrics, pool } = context;
  let events = 0;
  const stream: SubscriptionStream = new SubscriptionStream({
    field: operation.fieldName,
    makeFeed: (reader) => new ResumableFeed({ operation, variables, request, pool, deps, limits, metrics, reader }),
    execute: async (payload, hashAccepted) => {
      events += 1;
      const eventRequest: GatewayRequest = { ...request, requestId: `${request.requestId}.${events}`, deadline: Date.now() + limits.operationTimeoutMs };
      try {
        return await deps.executeEvent(eventRequest, prepared, variables, { data: payload.data, errors: payload.errors, hashAccepted });
      } catch (error) {
        // One event that cannot be executed must not keep the later ones from the subscriber: it is delivered as an error.
        const { requestId } = eventRequest;
        deps.logger.error({ err: error, requestId, field: operation.fieldName }, 'An event could not be executed');
        return { data: null, errors: [toGraphQLError(new AcgsError('INTERNAL', undefined, { requestId }))], extensions: { constitutional: { hash: deps.gate.active(), verified: false } } };
      }
    },
    outlet,
    limits,
    metrics,
    onClosed: () => onClosed(stream),
  });
  return stream;
}

function subscriptionNodeOf(prepared: PreparedOperation): SubscriptionNode {
  const node = prepared.plan?.node;
  if (node?.kind === 'Subscription') return node;
  if (node === undefined && prepared.refusals.length > 0) throw new SubscriptionFailure(prepared.refusals);
  throw new SubscriptionFailure([new GraphQLError('The subscription selects nothing that can be streamed.', { extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } })]);
}
