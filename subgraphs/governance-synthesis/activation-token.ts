/** Signs activations: gateways serve no supergraph that is not signed here (RFC 7515, RFC 7519). */
import { SignJWT } from 'jose';
import { SCHEMA_AUDIENCE, SCHEMA_ISSUER } from '../../ops/runtime/schema-activation.js';
import type { SchemaActivation, SchemaVersion } from './domain-schema.js';
import type { SigningKey } from './signing-key.js';

/**
 * @param approvals identifiers of the approvals that let breaking findings through, with who gave them.
 * @returns compact JWS; claims: iss, aud, sub (version), jti, iat, number, kind, setDigest, constitutionalHash, approvals.
 */
export async function signActivation(key: SigningKey, activation: Omit<SchemaActivation, 'token'>, version: Pick<SchemaVersion, 'setDigest'>, approvals: readonly { readonly id: string; readonly approverId: string }[]): Promise<string> {
  const { number, versionId, kind, activatedAt, constitutionalHash } = activation;
  return new SignJWT({ number, kind, setDigest: version.setDigest, constitutionalHash, approvals: approvals.map(({ id, approverId }) => ({ id, approverId })) })
    .setProtectedHeader({ alg: 'EdDSA', kid: key.kid, typ: 'JWT' })
    .setIssuer(SCHEMA_ISSUER).setAudience(SCHEMA_AUDIENCE).setSubject(versionId).setJti(`activation-${number}`)
    .setIssuedAt(Math.floor(Date.parse(activatedAt) / 1_000))
    .sign(key.privateJwk);
}
