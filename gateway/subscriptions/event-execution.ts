/** Turns one upstream message into the answer to the client's document: joins, shaping, refusals, stamp. */
import type { GraphQLError } from 'graphql';
import type { Logger } from '../../ops/runtime/logger.js';
import { refusalsThatApply } from '../enforcement/refusals.js';
import type { EventPayload, ExecuteEvent, GatewayRequest, HashGate, SubgraphCalls } from '../execution/contracts.js';
import { compiledOf } from '../execution/execute.js';
import { makeAnswer } from '../execution/gateway-answer.js';
import { errorsOf } from '../execution/response/response-errors.js';

type Path = ReadonlyArray<string | number>;

/** What joined fields are fetched with. */
export interface EventExecutorDeps {
  readonly logger: Logger;
  readonly gate: Pick<HashGate, 'active'>;
  readonly callsFor: (request: GatewayRequest) => SubgraphCalls;
}

/**
 * Makes the executor of events. The message stands in for the answer of the plan's primary fetch; the rest of the plan
 * is fetched, and the client's own document shapes the response, so that aliases, fragments, unions, null bubbling and
 * error paths come out as for a query.
 */
export function createEventExecutor({ logger, gate, callsFor }: EventExecutorDeps): ExecuteEvent {
  return async (request, prepared, variables, event) => {
    if (prepared.plan?.node?.kind !== 'Subscription') throw new Error('An event was to be executed for an operation that is not a subscription.');
    const calls = callsFor(request);
    const outcome = await compiledOf(request.snapshot, prepared).run({ calls, variables, event });
    const errors = errorsOf(outcome, reachedRefusals(refusalsThatApply(prepared.refusals, prepared.operation, variables), event), { requestId: request.requestId, logger });
    return makeAnswer(outcome, errors, { hash: gate.active(), verified: event.hashAccepted && calls.verified() });
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
