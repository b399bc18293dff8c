/** Calls foreign subgraphs at the URLs the supergraph gives them: no hop token, and the hash only where the graph declares one. */
import type { GraphQLFormattedError } from 'graphql';
import { AcgsError, isErrorCode } from '../../ops/runtime/errors.js';
import { HASH_HEADER, REQUEST_ID_HEADER } from '../../ops/runtime/hop-token.js';
import type { ServiceMetrics } from '../../ops/runtime/metrics.js';
import { decoded, type DecodedAnswer } from '../execution/upstream/answer-text.js';
import { indeterminate } from '../execution/upstream/believe-answer.js';
import { isTimeout, isTooLarge, neverSent, type ConnectionPools } from '../execution/upstream/connection-pools.js';
import type { GatewayRequest, SubgraphAnswer, SubgraphCall, SubgraphCalls } from '../execution/contracts.js';
import { parseJson, refusePrototypeKeys } from '../execution/upstream/json.js';
import { isResponse, partsOf } from '../execution/upstream/read-answer.js';

export interface EndpointCallDeps {
  readonly pools: Pick<ConnectionPools, 'exchange'>;
  /** Full endpoint of each subgraph, by name. */
  readonly endpoints: ReadonlyMap<string, string>;
  /** Hash that answers must carry; null checks none. */
  readonly constitutionalHash: string | null;
  readonly metrics: Pick<ServiceMetrics, 'checked'>;
  /** Time a call may take when the request has no deadline, milliseconds. */
  readonly defaultTimeoutMs: number;
}

/** A subgraph's endpoint, taken apart once. */
interface Endpoint {
  readonly origin: string;
  /** Path with the query string. */
  readonly path: string;
}

/** Makes the calls of a request. */
export function createEndpointCalls(deps: EndpointCallDeps): (request: GatewayRequest) => SubgraphCalls {
  const endpoints = new Map([...deps.endpoints].map(([name, url]): [string, Endpoint] => {
    const { origin, pathname, search } = new URL(url);
    return [name, { origin, path: `${pathname}${search}` }];
  }));
  return (request) => {
    let unproved = 0;
    return {
      async call(call) {
        try {
          const endpoint = endpoints.get(call.service);
          if (endpoint === undefined) throw new AcgsError('SUBGRAPH_UNAVAILABLE', `The supergraph names no endpoint of ${call.service}.`, { service: call.service });
          return readAnswer(deps, call, await send(deps, endpoint, request, call));
        } catch (error) {
          unproved += 1;
          throw error;
        }
      },
      // Nothing vouches for the answers of a graph that is under no constitution.
      verified: () => deps.constitutionalHash !== null && unproved === 0,
    };
  };
}

/** Sends once, and once more when that cannot do anything twice. */
async function send({ pools, constitutionalHash, defaultTimeoutMs }: EndpointCallDeps, { origin, path }: Endpoint, { requestId, deadline }: GatewayRequest, call: SubgraphCall): Promise<DecodedAnswer> {
  const headers: Record<string, string> = { 'content-type': 'application/json', accept: 'application/json', [REQUEST_ID_HEADER]: requestId, ...(constitutionalHash === null ? {} : { [HASH_HEADER]: constitutionalHash }) };
  for (let attempt = 0; ; attempt += 1) {
    const timeoutMs = deadline === null ? defaultTimeoutMs : deadline - Date.now();
    if (timeoutMs <= 0) throw new AcgsError('SUBGRAPH_TIMEOUT', `The deadline had passed before ${call.service} was called.`, { service: call.service });
    try {
      return await pools.exchange(origin, { method: 'POST', path, headers, body: call.body, timeoutMs }, decoded);
    } catch (cause) {
      if (attempt === 0 && !isTimeout(cause) && (neverSent(cause) || (call.kind === 'query' && !isTooLarge(cause)))) continue;
      throw failure(call, cause);
    }
  }
}

function failure(call: SubgraphCall, cause: unknown): AcgsError {
  const { service } = call;
  const timeout = isTimeout(cause);
  if (call.kind === 'mutation' && !neverSent(cause)) return indeterminate(call, timeout ? 'SUBGRAPH_TIMEOUT' : 'SUBGRAPH_UNAVAILABLE', cause);
  if (timeout) return new AcgsError('SUBGRAPH_TIMEOUT', `${service} did not answer before the deadline.`, { service }, { cause });
  if (isTooLarge(cause)) return new AcgsError('SUBGRAPH_BAD_RESPONSE', `The answer of ${service} is too large.`, { service }, { cause });
  return new AcgsError('SUBGRAPH_UNAVAILABLE', `${service} cannot be reached.`, { service }, { cause });
}

function readAnswer({ constitutionalHash, metrics }: EndpointCallDeps, call: SubgraphCall, { status, headers, text }: DecodedAnswer): SubgraphAnswer {
  const { service } = call;
  if (constitutionalHash !== null) {
    const received = headers[HASH_HEADER] ?? null;
    metrics.checked('hop', received === constitutionalHash);
    if (received !== constitutionalHash) {
      throw call.kind === 'mutation' ? indeterminate(call, 'CONSTITUTIONAL_VIOLATION', undefined) : new AcgsError('CONSTITUTIONAL_VIOLATION', undefined, { service, expected: constitutionalHash, received });
    }
  }
  const body = text === undefined ? undefined : parseJson(text.text);
  if (text === undefined || !isResponse(body)) throw new AcgsError('SUBGRAPH_BAD_RESPONSE', `${service} sent an answer that is not a GraphQL response (HTTP status ${status}).`, { service });
  refusePrototypeKeys(text.text, body);
  const parts = partsOf(body);
  if (parts === undefined) throw new AcgsError('SUBGRAPH_BAD_RESPONSE', `${service} sent a GraphQL response of the wrong form.`, { service });
  return { data: parts.data, errors: parts.errors.map(registered), escapeFree: text.escapeFree, ascii: text.ascii };
}

/** Codes of foreign subgraphs are not in our registry, which would hide their messages: here they are what a developer came for. */
function registered(error: GraphQLFormattedError): GraphQLFormattedError {
  const code = error.extensions?.['code'];
  if (isErrorCode(code)) return error;
  return { ...error, extensions: { ...error.extensions, code: 'INTERNAL', ...(code === undefined ? {} : { subgraphCode: code }) } };
}
