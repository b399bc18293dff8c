/** Verifies access tokens: EdDSA JWTs (RFC 9068, RFC 8037) signed by a key of auth's JWKS (RFC 7517). */
import { createLocalJWKSet, decodeProtectedHeader, errors as joseErrors, jwtVerify, type JWTPayload } from 'jose';
import { z } from 'zod';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { CallSubgraph } from '../execution/upstream/internal-calls.js';

const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string(), kid: z.string() })).min(1) });

const claims = z.object({
  sub: z.string().min(1),
  kind: z.enum(['HUMAN', 'SERVICE', 'AGENT']),
  roles: z.array(z.string()),
  scope: z.string(),
  policies: z.array(z.string()),
  sid: z.string().min(1),
  iat: z.number(),
  exp: z.number(),
});

export type AccessClaims = z.infer<typeof claims>;

const JWKS_PATH = '/.well-known/jwks.json';
/** Keys are read again after this time, milliseconds, so that a withdrawn key stops working. */
const JWKS_MAX_AGE_MS = 10 * 60_000;
/** Shortest time between reads caused by unknown key ids, milliseconds: forged ids must not flood auth. */
const JWKS_COOLDOWN_MS = 1_000;

/** Verifies one token. @throws AcgsError TOKEN_EXPIRED, UNAUTHENTICATED, or SUBGRAPH_UNAVAILABLE when auth's keys cannot be read. */
export type VerifyToken = (token: string) => Promise<AccessClaims>;

/** Makes the verifier; keys are fetched at the first token. */
export function createTokenVerifier(call: CallSubgraph, now: () => number = Date.now): VerifyToken {
  let keys: { readonly kids: ReadonlySet<string>; readonly set: ReturnType<typeof createLocalJWKSet>; readonly readAt: number } | undefined;
  let reading: Promise<void> | undefined;

  const read = async (): Promise<void> => {
    const { status, body } = await call('auth', { method: 'GET', path: JWKS_PATH });
    const parsed = keySet.safeParse(body);
    if (status !== 200 || !parsed.success) throw new AcgsError('SUBGRAPH_UNAVAILABLE', 'The keys that sign access tokens cannot be read.', { service: 'auth' });
    keys = { kids: new Set(parsed.data.keys.map(({ kid }) => kid)), set: createLocalJWKSet(parsed.data), readAt: now() };
  };
  const keysFor = async (kid: string): Promise<ReturnType<typeof createLocalJWKSet>> => {
    const age = keys === undefined ? Infinity : now() - keys.readAt;
    if (keys === undefined || age > JWKS_MAX_AGE_MS || (!keys.kids.has(kid) && age > JWKS_COOLDOWN_MS)) {
      reading ??= read().finally(() => { reading = undefined; });
      await reading;
    }
    if (keys === undefined) throw new AcgsError('SUBGRAPH_UNAVAILABLE', 'The keys that sign access tokens cannot be read.', { service: 'auth' });
    return keys.set;
  };

  return async (token) => {
    const kid = keyIdOf(token);
    const set = await keysFor(kid);
    try {
      const { payload } = await jwtVerify(token, set, { issuer: 'acgs', audience: 'acgs-gateway', typ: 'at+jwt', algorithms: ['EdDSA'], clockTolerance: 0, currentDate: new Date(now()) });
      return readClaims(payload);
    } catch (cause) {
      if (cause instanceof AcgsError) throw cause;
      if (cause instanceof joseErrors.JWTExpired) throw new AcgsError('TOKEN_EXPIRED', undefined, {}, { cause });
      throw new AcgsError('UNAUTHENTICATED', 'The access token is not valid.', {}, { cause });
    }
  };
}

/** Refuses before any key is looked up: `alg: none`, other algorithms, tokens without a key id. */
function keyIdOf(token: string): string {
  try {
    const { alg, kid } = decodeProtectedHeader(token);
    if (alg === 'EdDSA' && kid !== undefined) return kid;
  } catch (cause) {
    throw new AcgsError('UNAUTHENTICATED', 'The access token is not a JWT.', {}, { cause });
  }
  throw new AcgsError('UNAUTHENTICATED', 'The access token is not signed with EdDSA by a named key.');
}

function readClaims(payload: JWTPayload): AccessClaims {
  const parsed = claims.safeParse(payload);
  if (!parsed.success) throw new AcgsError('UNAUTHENTICATED', 'The access token lacks claims this graph needs.', {}, { cause: parsed.error });
  return parsed.data;
}
