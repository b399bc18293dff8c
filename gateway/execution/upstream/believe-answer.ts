/** Gate 4: decides whether an instance's answer is believed, and what it is when it is not. */
import { POSITION_HEADER } from '../../../ops/runtime/change-feed.js';
import { AcgsError } from '../../../ops/runtime/errors.js';
import { HASH_HEADER } from '../../../ops/runtime/hop-token.js';
import type { ServiceMetrics } from '../../../ops/runtime/metrics.js';
import type { NewViolation } from '../../enforcement/violation-reporter.js';
import type { AnswerText, DecodedAnswer } from './answer-text.js';
import type { GatewayRequest, HashGate, SubgraphAnswer, SubgraphCall, SubgraphInstance, TargetView } from '../contracts.js';
import { idempotencyKeysOf } from './idempotency-keys.js';
import { parseJson, refusePrototypeKeys } from './json.js';
import { isRecord, isResponse, partsOf } from './read-answer.js';

export interface BeliefDeps {
  readonly targets: Pick<TargetView, 'quarantine'>;
  readonly gate: Pick<HashGate, 'active' | 'isAccepted'>;
  readonly metrics: Pick<ServiceMetrics, 'checked'>;
  readonly onViolation: (violation: NewViolation) => void;
}

/** An answer that passed gate 4: the text, and what it holds, which belongs to whoever made the call. */
export interface BelievedAnswer {
  readonly text: AnswerText;
  readonly parts: SubgraphAnswer;
}

/**
 * Reads an answer.
 * @returns `draining` when the instance refused before reading the operation, because it shuts down.
 * @throws AcgsError CONSTITUTIONAL_VIOLATION or SUBGRAPH_BAD_RESPONSE; INDETERMINATE instead where a mutation may have taken effect.
 */
export function believe(deps: BeliefDeps, call: SubgraphCall, request: GatewayRequest, instance: SubgraphInstance, answer: DecodedAnswer): BelievedAnswer | 'draining' {
  const { service } = call;
  const header = answer.headers[HASH_HEADER];
  const hash = typeof header === 'string' ? header : null;
  const { text } = answer;
  const body = text === undefined ? undefined : parseJson(text.text);
  const response = isResponse(body);
  if (hash === null ? response : !deps.gate.isAccepted(hash)) throw violation(deps, call, request, instance, hash);
  if (text === undefined || !response) {
    if (answer.status === 503 && isRecord(body) && isRecord(body['error']) && body['error']['code'] === 'SHUTTING_DOWN') return 'draining';
    // Refused by status before it was executed (RFC 9110, section 15.5).
    const refused = answer.status >= 400 && answer.status < 500;
    throw badResponse(call, `${service} sent an answer that is not a GraphQL response (HTTP status ${answer.status}).`, refused);
  }
  deps.metrics.checked('hop', true);
  try {
    refusePrototypeKeys(text.text, body);
  } catch (error) {
    if (error instanceof AcgsError) throw badResponse(call, error.message, false);
    throw error;
  }
  const parts = partsOf(body);
  if (parts === undefined) throw badResponse(call, `${service} sent a GraphQL response of the wrong form.`, false);
  return { text, parts: { ...parts, escapeFree: text.escapeFree, ascii: text.ascii, position: positionOf(answer.headers[POSITION_HEADER]) } };
}

/** Undefined when the subgraph did not say how new its answer is, or not as a number. */
function positionOf(header: unknown): number | undefined {
  return typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : undefined;
}

/** The same answer once more, as objects nobody else has. */
export function readAgain({ text, parts: { escapeFree, ascii, position } }: BelievedAnswer): SubgraphAnswer {
  const parts = partsOf(JSON.parse(text.text) as Record<string, unknown>);
  if (parts === undefined) throw new Error('An answer that was read once cannot be read again.');
  return { ...parts, escapeFree, ascii, position };
}

/** The mutation may have taken effect; the client asks again with the same keys. */
export function indeterminate({ service, operation, variables }: SubgraphCall, reason: string, cause: unknown): AcgsError {
  return new AcgsError('INDETERMINATE', undefined, { service, reason, idempotencyKeys: idempotencyKeysOf(operation, variables) }, cause === undefined ? undefined : { cause });
}

function badResponse(call: SubgraphCall, message: string, refused: boolean): AcgsError {
  if (call.kind === 'mutation' && !refused) return indeterminate(call, 'SUBGRAPH_BAD_RESPONSE', undefined);
  return new AcgsError('SUBGRAPH_BAD_RESPONSE', message, { service: call.service });
}

function violation(deps: BeliefDeps, call: SubgraphCall, request: GatewayRequest, instance: SubgraphInstance, received: string | null): AcgsError {
  const { service } = call;
  const expected = deps.gate.active();
  deps.metrics.checked('hop', false);
  deps.targets.quarantine(instance, received);
  deps.onViolation({ kind: 'INSTANCE_HASH_MISMATCH', principalId: request.principal?.id ?? null, requestId: request.requestId, expected, received, subgraph: service, instanceUrl: instance.url });
  if (call.kind === 'mutation') return indeterminate(call, 'CONSTITUTIONAL_VIOLATION', undefined);
  return new AcgsError('CONSTITUTIONAL_VIOLATION', undefined, { service, expected, received });
}
