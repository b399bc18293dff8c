/** Hop tokens: proof, per request, that a call to a subgraph comes from the gateway and for whom (design section 2). */
import { createHmac, hash, hkdfSync, timingSafeEqual } from 'node:crypto';
import { AcgsError } from './errors.js';

/** Header that carries the token on HTTP; over WebSocket it travels in `extensions.hop` of each subscribe message. */
export const HOP_HEADER = 'x-acgs-hop';
/** Header that carries the constitutional hash on requests and answers. */
export const HASH_HEADER = 'x-constitutional-hash';
/** Header that carries the request id through every process. */
export const REQUEST_ID_HEADER = 'x-request-id';

/** Longest life of a token, in milliseconds. */
export const HOP_MAX_TTL_MS = 30_000;

export type PrincipalKind = 'HUMAN' | 'SERVICE' | 'AGENT';

/** Who acts. `policies` are named predicates the principal satisfied when its token was issued. */
export interface PrincipalClaims {
  readonly id: string;
  readonly kind: PrincipalKind;
  readonly roles: readonly string[];
  readonly scopes: readonly string[];
  readonly policies: readonly string[];
}

/** What the gateway vouches for. */
export interface HopClaims {
  /** Null for a request without credentials. */
  readonly principal: PrincipalClaims | null;
  /** Session or API key the credentials belong to; null when anonymous. */
  readonly credentialId: string | null;
  /** Revocation epoch the gateway had applied when it authorised the request. */
  readonly revocationEpoch: number;
  /** Constitutional hash the gateway runs under. */
  readonly constitutionalHash: string;
  /** True when the client itself presented an accepted hash (gate 3), which critical fields need. */
  readonly hashPresented: boolean;
  readonly requestId: string;
  /** Moment after which the answer is of no use, milliseconds since the epoch; null for none. */
  readonly deadline: number | null;
}

interface Envelope extends HopClaims {
  readonly aud: string;
  readonly path: string;
  readonly body: string;
  readonly exp: number;
}

/** Key of one subgraph's hops, derived from the gateway's master key (HKDF-SHA-256, RFC 5869). */
export function deriveHopKey(master: Uint8Array, audience: string): Buffer {
  return Buffer.from(hkdfSync('sha256', master, new Uint8Array(0), `acgs-hop:${audience}`, 32));
}

/** Text whose digest binds a subscribe message: the query, a line feed, and the variables as sent. */
export function subscribeBody(query: string, variables: unknown): string {
  return `${query}\n${JSON.stringify(variables ?? {})}`;
}

/**
 * Makes the token for one call.
 * @param key the audience's key.
 * @param audience name of the subgraph.
 * @param path request path, for example `/graphql`; `subscribe` for WebSocket operations.
 * @param body exact body bytes or text that are sent.
 * @param claims what the gateway vouches for.
 * @param now milliseconds since the epoch.
 * @param ttlMs life in milliseconds, at most 30,000; default 15,000.
 */
export function signHopToken(key: Uint8Array, audience: string, path: string, body: string | Uint8Array, claims: HopClaims, now: number = Date.now(), ttlMs = 15_000): string {
  return signSealedClaims(key, audience, path, bodyDigest(body), sealClaims(claims), now, ttlMs);
}

/** Claims as text, to be signed for any number of calls. */
export type SealedClaims = string & { readonly sealed: unique symbol };

/** The claims' part of a token, made once for all calls of a request. */
export function sealClaims({ principal, credentialId, revocationEpoch, constitutionalHash, hashPresented, requestId, deadline }: HopClaims): SealedClaims {
  return JSON.stringify({ principal, credentialId, revocationEpoch, constitutionalHash, hashPresented, requestId, deadline }).slice(0, -1) as SealedClaims;
}

/** Digest that binds a token to a body: SHA-256, base64url. */
export function bodyDigest(body: string | Uint8Array): string {
  return hash('sha256', body, 'base64url');
}

/** As `signHopToken`, from parts that were made before. */
export function signSealedClaims(key: Uint8Array, audience: string, path: string, digest: string, claims: SealedClaims, now: number, ttlMs: number): string {
  if (ttlMs > HOP_MAX_TTL_MS) throw new RangeError(`A hop token lives at most ${HOP_MAX_TTL_MS} ms.`);
  const payload = Buffer.from(`${claims},"aud":${JSON.stringify(audience)},"path":${JSON.stringify(path)},"body":"${digest}","exp":${now + ttlMs}}`).toString('base64url');
  return `${payload}.${createHmac('sha256', key).update(payload).digest('base64url')}`;
}

/**
 * Checks a token and returns what it vouches for.
 * @throws AcgsError HOP_TOKEN_INVALID when it is missing, forged, expired, too long-lived, or bound to another audience, path or body.
 */
export function verifyHopToken(key: Uint8Array, audience: string, path: string, body: string | Uint8Array, token: string | undefined, now: number = Date.now()): HopClaims {
  const dot = token?.indexOf('.') ?? -1;
  if (token === undefined || dot < 1) throw refusal('missing');
  const payload = token.slice(0, dot);
  const given = Buffer.from(token.slice(dot + 1), 'base64url');
  const expected = mac(key, payload);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw refusal('forged');
  const envelope = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Envelope;
  if (envelope.aud !== audience) throw refusal('for another audience');
  if (envelope.path !== path) throw refusal('for another path');
  if (envelope.exp < now) throw refusal('expired');
  if (envelope.exp > now + HOP_MAX_TTL_MS + 5_000) throw refusal('too long-lived');
  if (envelope.body !== bodyDigest(body)) throw refusal('for another body');
  return envelope;
}

function mac(key: Uint8Array, payload: string): Buffer {
  return createHmac('sha256', key).update(payload).digest();
}

function refusal(reason: string): AcgsError {
  return new AcgsError('HOP_TOKEN_INVALID', `The hop token is ${reason}.`);
}
