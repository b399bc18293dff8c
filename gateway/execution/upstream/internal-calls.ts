/** Hop-signed JSON calls from the gateway to a subgraph's own endpoints: feeds, credentials, violation reports. */
import { randomUUID } from 'node:crypto';
import { AcgsError } from '../../../ops/runtime/errors.js';
import { HASH_HEADER, HOP_HEADER, REQUEST_ID_HEADER, signHopToken } from '../../../ops/runtime/hop-token.js';
import { isTimeout, neverSent, type ConnectionPools } from './connection-pools.js';
import type { TargetView } from '../contracts.js';
import { parseJson } from './json.js';

export interface InternalCall {
  readonly method: 'GET' | 'POST';
  /** Path without the query string; the hop token is bound to it. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Milliseconds; default 2,000. */
  readonly timeoutMs?: number;
}

export interface InternalAnswer {
  readonly status: number;
  /** Parsed JSON; undefined when the body is not JSON. */
  readonly body: unknown;
}

/** Calls one subgraph. @throws AcgsError SUBGRAPH_UNAVAILABLE, SUBGRAPH_TIMEOUT or SUBGRAPH_BAD_RESPONSE; any HTTP status is returned. */
export type CallSubgraph = (service: string, call: InternalCall) => Promise<InternalAnswer>;

export interface InternalCallDeps {
  readonly pools: ConnectionPools;
  readonly targets: () => TargetView;
  readonly hopKey: (subgraph: string) => Uint8Array;
  readonly activeHash: () => string;
  readonly isAccepted: (hash: string) => boolean;
}

/** Makes the caller. An answer that carries a hash which is not accepted is not believed. */
export function createInternalCalls({ pools, targets, hopKey, activeHash, isAccepted }: InternalCallDeps): CallSubgraph {
  return async (service, { method, path, query, body, timeoutMs = 2_000 }) => {
    const instance = targets().instance(service);
    const text = body === undefined ? '' : JSON.stringify(body);
    const requestId = randomUUID();
    const claims = { principal: null, credentialId: null, revocationEpoch: 0, constitutionalHash: activeHash(), hashPresented: true, requestId, deadline: Date.now() + timeoutMs };
    const search = query === undefined ? '' : `?${new URLSearchParams(query).toString()}`;
    const answer = await pools.request(instance.url, {
      method, path: `${path}${search}`, timeoutMs, body: text === '' ? null : text,
      headers: {
        accept: 'application/json', [REQUEST_ID_HEADER]: requestId, [HASH_HEADER]: activeHash(), [HOP_HEADER]: signHopToken(hopKey(service), service, path, text, claims),
        ...(text === '' ? {} : { 'content-type': 'application/json' }),
      },
    }).catch((cause: unknown) => {
      if (neverSent(cause)) targets().unreachable(instance);
      throw callFailure(service, cause);
    });
    const hash = answer.headers[HASH_HEADER];
    if (typeof hash === 'string' && !isAccepted(hash)) throw new AcgsError('CONSTITUTIONAL_VIOLATION', `${service} answered under another constitutional hash.`, { service });
    return { status: answer.status, body: parseJson(answer.text) };
  };
}

function callFailure(service: string, cause: unknown): AcgsError {
  const timeout = isTimeout(cause);
  return new AcgsError(timeout ? 'SUBGRAPH_TIMEOUT' : 'SUBGRAPH_UNAVAILABLE', `${service} ${timeout ? 'did not answer in time' : 'cannot be reached'}.`, { service }, { cause });
}
