/** Fifty principals with access tokens, one a connection, so that no contender can answer one request for another. */
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

export interface TokenClaims {
  readonly roles: readonly string[];
  readonly scopes: readonly string[];
  readonly policies: readonly string[];
}

export interface Principals {
  /** `GET /.well-known/jwks.json` of auth. */
  readonly jwks: string;
  /** One token a principal. */
  readonly tokens: readonly string[];
}

/** Issues tokens that outlive any run. */
export async function issuePrincipals(count: number, { roles, scopes, policies }: TokenClaims): Promise<Principals> {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true });
  const kid = 'bench';
  const issuedAt = Math.floor(Date.now() / 1_000);
  const tokens = await Promise.all(Array.from({ length: count }, (_, index) =>
    new SignJWT({ kind: 'HUMAN', roles, scope: scopes.join(' '), policies, sid: `bench-session-${index}` })
      .setProtectedHeader({ alg: 'EdDSA', kid, typ: 'at+jwt' })
      .setSubject(`bench-${index}`).setIssuer('acgs').setAudience('acgs-gateway').setIssuedAt(issuedAt).setExpirationTime(issuedAt + 24 * 3_600).setJti(`bench-${index}`)
      .sign(privateKey)));
  return { jwks: JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'EdDSA', use: 'sig' }] }), tokens };
}
