/** Headers of the calls one request makes: what is the same for all of them is made once. */
import { HASH_HEADER, HOP_HEADER, HOP_MAX_TTL_MS, REQUEST_ID_HEADER, sealClaims, signSealedClaims, type SealedClaims } from '../../../ops/runtime/hop-token.js';
import type { GatewayRequest } from '../contracts.js';

export const GRAPHQL_PATH = '/graphql';
/** Life of a token whose request has no deadline, milliseconds. */
const OPEN_ENDED_TTL_MS = 15_000;

export interface HopHeaderDeps {
  readonly hopKey: (subgraph: string) => Uint8Array;
  readonly activeHash: () => string;
}

/** What a request's calls carry. */
export class HopHeaders {
  private hash: string | undefined;
  private claims: SealedClaims | undefined;
  private scopeText: string | undefined;

  constructor(private readonly deps: HopHeaderDeps, private readonly request: GatewayRequest) {}

  /**
   * Names everything about the request that an answer can depend on. Request id and deadline are left out: they say who
   * asked and how long to try, and so is the trace. A header that is forwarded to subgraphs belongs in here.
   */
  scope(): string {
    this.refresh();
    if (this.scopeText === undefined) {
      const { principal, credentialId, revocationEpoch, hashPresented } = this.request;
      this.scopeText = JSON.stringify([principal, credentialId, revocationEpoch, hashPresented, this.hash]);
    }
    return this.scopeText;
  }

  /**
   * Headers of one call, names and values in turn.
   * @param digest of the body, by `bodyDigest`.
   * @param parent what the subgraph's part of the trace goes below; default the request's own.
   */
  for(service: string, digest: string, parent?: string): string[] {
    const hash = this.refresh();
    const { requestId, deadline, principal, credentialId, revocationEpoch, hashPresented, traceparent, tracestate } = this.request;
    this.claims ??= sealClaims({ principal, credentialId, revocationEpoch, constitutionalHash: hash, hashPresented, requestId, deadline });
    const now = Date.now();
    const ttl = deadline === null ? OPEN_ENDED_TTL_MS : Math.min(HOP_MAX_TTL_MS, Math.max(1, deadline - now));
    const token = signSealedClaims(this.deps.hopKey(service), service, GRAPHQL_PATH, digest, this.claims, now, ttl);
    const headers = [
      'content-type', 'application/json', 'accept', 'application/json', 'accept-encoding', 'identity',
      HOP_HEADER, token, HASH_HEADER, hash, REQUEST_ID_HEADER, requestId,
    ];
    // W3C Trace Context: the trace goes on to the subgraph. Where equal queries share a call it is the trace of the first.
    const traceUnder = parent ?? traceparent;
    if (traceUnder !== undefined) headers.push('traceparent', traceUnder);
    if (tracestate !== undefined) headers.push('tracestate', tracestate);
    return headers;
  }

  /** The constitution may be exchanged while the request runs. */
  private refresh(): string {
    const active = this.deps.activeHash();
    if (active !== this.hash) {
      this.hash = active;
      this.claims = undefined;
      this.scopeText = undefined;
    }
    return active;
  }
}

