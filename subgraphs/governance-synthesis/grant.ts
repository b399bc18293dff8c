/** Signed grants: what an executor in another subgraph is permitted to do, exactly, once, and until when (RFC 7515, RFC 7519). */
import { SignJWT } from 'jose';
import { actionDigest } from './digest.js';
import { GRANT_AUDIENCE, validApprovals, type ChangeRequest } from './domain.js';
import type { SigningKey } from './signing-key.js';

export const GRANT_ISSUER = 'acgs-governance';

export interface Grant {
  /** Compact JWS, algorithm EdDSA. */
  readonly token: string;
  readonly expiresAt: string;
  readonly nonce: string;
}

/**
 * Signs the grant of an approved change. The same change and period give the same token.
 * Claims: iss, aud, sub (change), digest and kind and parameters of the action, requesterId, approverIds, incidentId, constitutionalHash, jti (nonce), iat, nbf, exp.
 * @param change approved, with its nonce and current approvals.
 * @param period when the executor may accept it; its end is cut to whole seconds, so it is never later than given.
 * @returns null when nobody executes the action by grant.
 * @throws RangeError for a change that is not approved.
 */
export async function signGrant(key: Pick<SigningKey, 'privateJwk' | 'kid'>, change: ChangeRequest, period: { readonly from: string; readonly until: string }): Promise<Grant | null> {
  const audience = GRANT_AUDIENCE[change.action.kind];
  if (audience === null) return null;
  if (change.grantNonce === null || change.approvedAt === null) throw new RangeError(`Change ${change.id} is not approved.`);
  const expires = seconds(period.until);
  const token = await new SignJWT({
    digest: actionDigest(change.action), kind: change.action.kind, parameters: change.action.parameters,
    requesterId: change.requesterId, approverIds: [...new Set(validApprovals(change).map(({ approverId }) => approverId))].sort(),
    incidentId: change.incidentId, constitutionalHash: change.constitutionalHash,
  })
    .setProtectedHeader({ alg: 'EdDSA', kid: key.kid, typ: 'JWT' })
    .setIssuer(GRANT_ISSUER).setAudience(audience).setSubject(change.id).setJti(change.grantNonce)
    .setIssuedAt(seconds(change.approvedAt)).setNotBefore(seconds(period.from)).setExpirationTime(expires)
    .sign(key.privateJwk);
  return { token, expiresAt: new Date(expires * 1_000).toISOString(), nonce: change.grantNonce };
}

function seconds(moment: string): number {
  return Math.floor(Date.parse(moment) / 1_000);
}
