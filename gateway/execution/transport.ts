/** Calls subgraphs: signs each hop, keeps the deadline, and believes only answers made under an accepted hash (gate 4). */
import type { GraphQLDataSource } from '@apollo/gateway';
import type { GraphQLFormattedError } from 'graphql';
import { AcgsError } from '../../ops/runtime/errors.js';
import { HASH_HEADER, HOP_HEADER, HOP_MAX_TTL_MS, REQUEST_ID_HEADER, signHopToken } from '../../ops/runtime/hop-token.js';
import type { ServiceMetrics } from '../../ops/runtime/metrics.js';
import type { NewViolation } from '../enforcement/violation-reporter.js';
import { isTimeout, isTooLarge, neverSent, type ConnectionPools, type PoolAnswer } from './connection-pools.js';
import type { GatewayRequest, HashGate, SubgraphInstance, TargetView } from './contracts.js';
import { rememberFetch } from './fetch-failures.js';
import { idempotencyKeysOf } from './idempotency-keys.js';
import { parseJson, refusePrototypeKeys } from './json.js';

export interface TransportDeps {
  readonly pools: ConnectionPools;
  readonly targets: TargetView;
  readonly hopKey: (subgraph: string) => Uint8Array;
  readonly gate: Pick<HashGate, 'active' | 'isAccepted'>;
  /** False when the manifest no longer verifies; answers are then unverified. */
  readonly manifestVerified: () => boolean;
  readonly metrics: Pick<ServiceMetrics, 'checked'>;
  readonly onViolation: (violation: NewViolation) => void;
  /** Time a call may take when the request has no deadline, milliseconds. */
  readonly defaultTimeoutMs: number;
}

/** Data sources of one request. */
export interface SubgraphCalls {
  readonly serviceMap: Readonly<Record<string, GraphQLDataSource>>;
  /** True when every call so far was answered under an accepted hash and the manifest verifies. */
  verified(): boolean;
}

interface Call {
  readonly service: string;
  readonly request: GatewayRequest;
  readonly body: string;
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly mutates: boolean;
}

interface SubgraphAnswer {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly GraphQLFormattedError[];
}

/** Makes the data sources of a request: one for each subgraph of the pinned supergraph. */
export function createSubgraphCalls(deps: TransportDeps): (request: GatewayRequest) => SubgraphCalls {
  return (request) => {
    let sent = 0;
    let accepted = 0;
    const source = (service: string): GraphQLDataSource => ({
      async process(options) {
        const { query = '', variables = {}, operationName } = options.request;
        sent += 1;
        const body = JSON.stringify({ query, variables, ...(operationName === undefined ? {} : { operationName }) });
        try {
          const answer = await callSubgraph(deps, { service, request, body, query, variables, mutates: /^\s*mutation\b/.test(query) });
          accepted += 1;
          return answer;
        } catch (error) {
          if (error instanceof AcgsError) rememberFetch(error, query, 'pathInIncomingRequest' in options ? options.pathInIncomingRequest : undefined);
          throw error;
        }
      },
    });
    const serviceMap = Object.fromEntries(request.snapshot.supergraph.subgraphsMetadata().map(({ name }) => [name, source(name)]));
    return { serviceMap, verified: () => sent === accepted && deps.manifestVerified() };
  };
}

/**
 * One call, with the one repetition that is safe: queries after any broken connection, mutations only when no byte of
 * the request can have left.
 */
async function callSubgraph(deps: TransportDeps, call: Call): Promise<SubgraphAnswer> {
  for (let attempt = 0; ; attempt += 1) {
    const timeoutMs = call.request.deadline === null ? deps.defaultTimeoutMs : call.request.deadline - Date.now();
    if (timeoutMs <= 0) throw new AcgsError('SUBGRAPH_TIMEOUT', `The deadline had passed before ${call.service} was called.`, { service: call.service });
    const instance = deps.targets.instance(call.service);
    let answer: PoolAnswer;
    try {
      answer = await deps.pools.request(instance.url, { method: 'POST', path: '/graphql', headers: headersOf(deps, call), body: call.body, timeoutMs });
    } catch (cause) {
      if (neverSent(cause)) deps.targets.unreachable(instance);
      if (attempt === 0 && mayRepeat(call, cause)) continue;
      throw connectionFailure(call, cause);
    }
    const outcome = interpret(deps, call, instance, answer);
    if (outcome === 'draining') {
      // The instance refused before reading the operation, so that even a mutation may be sent again.
      if (attempt === 0) continue;
      throw new AcgsError('SUBGRAPH_UNAVAILABLE', `${call.service} is shutting down.`, { service: call.service });
    }
    return outcome;
  }
}

function headersOf({ hopKey, gate }: TransportDeps, { service, request, body }: Call): Record<string, string> {
  const { principal, credentialId, revocationEpoch, hashPresented, requestId, deadline } = request;
  const constitutionalHash = gate.active();
  const now = Date.now();
  const ttl = deadline === null ? undefined : Math.min(HOP_MAX_TTL_MS, Math.max(1, deadline - now));
  const token = signHopToken(hopKey(service), service, '/graphql', body, { principal, credentialId, revocationEpoch, constitutionalHash, hashPresented, requestId, deadline }, now, ttl);
  return { 'content-type': 'application/json', accept: 'application/json', [HOP_HEADER]: token, [HASH_HEADER]: constitutionalHash, [REQUEST_ID_HEADER]: requestId };
}

function mayRepeat(call: Call, cause: unknown): boolean {
  if (isTimeout(cause)) return false;
  return neverSent(cause) || (!call.mutates && !isTooLarge(cause));
}

function connectionFailure(call: Call, cause: unknown): AcgsError {
  const { service } = call;
  if (neverSent(cause)) return new AcgsError('SUBGRAPH_UNAVAILABLE', `${service} cannot be reached.`, { service }, { cause });
  if (call.mutates) return indeterminate(call, isTimeout(cause) ? 'SUBGRAPH_TIMEOUT' : 'SUBGRAPH_UNAVAILABLE', cause);
  if (isTimeout(cause)) return new AcgsError('SUBGRAPH_TIMEOUT', `${service} did not answer before the deadline.`, { service }, { cause });
  if (isTooLarge(cause)) return new AcgsError('SUBGRAPH_BAD_RESPONSE', `The answer of ${service} is too large.`, { service }, { cause });
  return new AcgsError('SUBGRAPH_UNAVAILABLE', `${service} broke off.`, { service }, { cause });
}

function interpret(deps: TransportDeps, call: Call, instance: SubgraphInstance, answer: PoolAnswer): SubgraphAnswer | 'draining' {
  const { service } = call;
  const header = answer.headers[HASH_HEADER];
  const hash = typeof header === 'string' ? header : null;
  const body = parseJson(answer.text);
  const isGraphql = isRecord(body) && (Object.hasOwn(body, 'data') || Array.isArray(body['errors']));
  if (hash === null ? isGraphql : !deps.gate.isAccepted(hash)) throw violation(deps, call, instance, hash);
  if (!isGraphql) {
    if (answer.status === 503 && isRecord(body) && isRecord(body['error']) && body['error']['code'] === 'SHUTTING_DOWN') return 'draining';
    if (call.mutates && (answer.status < 400 || answer.status >= 500)) throw indeterminate(call, 'SUBGRAPH_BAD_RESPONSE', undefined);
    throw new AcgsError('SUBGRAPH_BAD_RESPONSE', `${service} sent an answer that is not a GraphQL response (HTTP status ${answer.status}).`, { service });
  }
  deps.metrics.checked('hop', true);
  refusePrototypeKeys(answer.text, body);
  const { data, errors } = body;
  if (data !== undefined && data !== null && !isRecord(data)) throw new AcgsError('SUBGRAPH_BAD_RESPONSE', undefined, { service });
  return { ...(data === undefined ? {} : { data }), ...(Array.isArray(errors) && errors.length > 0 ? { errors: errors as readonly GraphQLFormattedError[] } : {}) };
}

function violation(deps: TransportDeps, call: Call, instance: SubgraphInstance, received: string | null): AcgsError {
  const { service, request } = call;
  const expected = deps.gate.active();
  deps.metrics.checked('hop', false);
  deps.targets.quarantine(instance, received);
  deps.onViolation({ kind: 'INSTANCE_HASH_MISMATCH', principalId: request.principal?.id ?? null, requestId: request.requestId, expected, received, subgraph: service, instanceUrl: instance.url });
  if (call.mutates) return indeterminate(call, 'CONSTITUTIONAL_VIOLATION', undefined);
  return new AcgsError('CONSTITUTIONAL_VIOLATION', undefined, { service, expected, received });
}

/** The mutation may have taken effect; the client asks again with the same keys. */
function indeterminate(call: Call, reason: string, cause: unknown): AcgsError {
  return new AcgsError('INDETERMINATE', undefined, { service: call.service, reason, idempotencyKeys: idempotencyKeysOf(call.query, call.variables) }, cause === undefined ? undefined : { cause });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
