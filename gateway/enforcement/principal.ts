/** Turns the credentials of a request into the principal behind them: access tokens and API keys, or nobody. */
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { sha256 } from '../../ops/runtime/canonical-json.js';
import { AcgsError } from '../../ops/runtime/errors.js';
import type { ServiceMetrics } from '../../ops/runtime/metrics.js';
import type { Authenticate, Credentials, HeadersLike, RevocationView } from '../execution/contracts.js';
import type { CallSubgraph } from '../execution/upstream/internal-calls.js';
import { createTokenVerifier } from './token-verifier.js';

const exchanged = z.object({
  id: z.string().min(1),
  kind: z.enum(['HUMAN', 'SERVICE', 'AGENT']),
  roles: z.array(z.string()),
  scopes: z.array(z.string()),
  policies: z.array(z.string()),
  credentialId: z.string().min(1),
  expiresAt: z.iso.datetime({ offset: true }).nullable(),
});

/** Longest time an exchanged API key is used without asking auth again, milliseconds. */
const API_KEY_MAX_AGE_MS = 30_000;
const API_KEY_PREFIX = 'acgs_';
const MAX_CREDENTIAL_LENGTH = 8_192;

export interface PrincipalDeps {
  readonly call: CallSubgraph;
  readonly revocations: Pick<RevocationView, 'epoch' | 'isRevoked' | 'onChange'>;
  readonly metrics: Pick<ServiceMetrics, 'looked'>;
  readonly now?: () => number;
}

/**
 * Makes the check of credentials. A presented credential that does not hold fails the request: it never becomes anonymous.
 * Verified credentials are remembered under the SHA-256 of their text, tokens until they end, API keys for 30 s; what
 * was revoked is looked at on every request.
 */
export function createAuthenticator({ call, revocations, metrics, now = Date.now }: PrincipalDeps): Authenticate {
  const verify = createTokenVerifier(call, now);
  const cache = new LRUCache<string, Credentials>({ max: 10_000 });
  revocations.onChange(() => {
    for (const [key, credentials] of cache.entries()) if (revocations.isRevoked(credentials)) cache.delete(key);
  });

  const check = async (credential: string, beforeAsking: (() => void | Promise<void>) | undefined): Promise<Credentials> => {
    const isKey = credential.startsWith(API_KEY_PREFIX);
    const key = sha256(credential).toString('base64url');
    const known = cache.get(key);
    metrics.looked('credentials', known !== undefined);
    if (known?.tokenExpiresAt !== undefined && known.tokenExpiresAt !== null && known.tokenExpiresAt <= now()) {
      cache.delete(key);
      throw new AcgsError('TOKEN_EXPIRED');
    }
    // A token is verified here; only a key is asked about, and anyone can make up another.
    if (known === undefined && isKey && beforeAsking !== undefined) await beforeAsking();
    const credentials = known ?? (isKey ? await exchangeKey(call, credential, now()) : await verifyToken(credential));
    if (revocations.isRevoked(credentials)) throw new AcgsError('UNAUTHENTICATED', 'The credentials were revoked.');
    if (known === undefined) {
      const life = (credentials.tokenExpiresAt ?? Infinity) - now();
      cache.set(key, credentials, { ttl: Math.max(1, Math.min(life, isKey ? API_KEY_MAX_AGE_MS : life)) });
    }
    return { ...credentials, revocationEpoch: revocations.epoch() };
  };
  const verifyToken = async (token: string): Promise<Credentials> => {
    const { sub, kind, roles, scope, policies, sid, iat, exp } = await verify(token);
    return {
      principal: { id: sub, kind, roles, scopes: scope.split(' ').filter((name) => name !== ''), policies },
      credentialId: sid, issuedAt: iat * 1_000, tokenExpiresAt: exp * 1_000, revocationEpoch: 0,
    };
  };

  return async (headers, beforeAsking) => {
    const credential = presentedCredential(headers);
    return credential === undefined
      ? { principal: null, credentialId: null, issuedAt: null, tokenExpiresAt: null, revocationEpoch: revocations.epoch() }
      : check(credential, beforeAsking);
  };
}

/** The one credential a request presents. @throws AcgsError UNAUTHENTICATED for an unreadable or ambiguous one. */
function presentedCredential(headers: HeadersLike): string | undefined {
  const authorization = headers['authorization'];
  const apiKey = headers['x-api-key'];
  if (authorization === undefined && apiKey === undefined) return undefined;
  if (Array.isArray(authorization) || Array.isArray(apiKey)) throw new AcgsError('UNAUTHENTICATED', 'A credential header was sent more than once.');
  const bearer = typeof authorization === 'string' ? /^Bearer +([^\s]+)$/i.exec(authorization.trim())?.[1] : undefined;
  if (authorization !== undefined && bearer === undefined) throw new AcgsError('UNAUTHENTICATED', 'The authorization header must be "Bearer <token>".');
  if (apiKey !== undefined && (typeof apiKey !== 'string' || !apiKey.startsWith(API_KEY_PREFIX))) throw new AcgsError('UNAUTHENTICATED', 'The x-api-key header does not hold an API key.');
  if (bearer !== undefined && apiKey !== undefined && bearer !== apiKey) throw new AcgsError('UNAUTHENTICATED', 'Two different credentials were sent.');
  const credential = bearer ?? (typeof apiKey === 'string' ? apiKey : undefined);
  if (credential !== undefined && credential.length > MAX_CREDENTIAL_LENGTH) throw new AcgsError('UNAUTHENTICATED', 'The credential is too long.');
  return credential;
}

async function exchangeKey(call: CallSubgraph, apiKey: string, now: number): Promise<Credentials> {
  const { status, body } = await call('auth', { method: 'POST', path: '/internal/credentials', body: { apiKey } });
  if (status === 401 || status === 403 || status === 404) throw new AcgsError('UNAUTHENTICATED', 'The API key is not valid.');
  const parsed = exchanged.safeParse(body);
  if (status !== 200 || !parsed.success) throw new AcgsError('SUBGRAPH_UNAVAILABLE', 'API keys cannot be checked now.', { service: 'auth' });
  const { id, kind, roles, scopes, policies, credentialId, expiresAt } = parsed.data;
  const ends = expiresAt === null ? null : Date.parse(expiresAt);
  if (ends !== null && ends <= now) throw new AcgsError('TOKEN_EXPIRED', 'The API key has expired.');
  return { principal: { id, kind, roles, scopes, policies }, credentialId, issuedAt: now, tokenExpiresAt: ends, revocationEpoch: 0 };
}
