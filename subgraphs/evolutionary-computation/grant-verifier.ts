/** Checks change grants: compact JWS, EdDSA, under the key that change management publishes in the data directory (RFC 7515, RFC 7519). */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errors, importJWK, jwtVerify, type CryptoKey } from 'jose';
import { z } from 'zod';
import { canonicalJson, sha256Hex } from '../../ops/runtime/canonical-json.js';
import { forbidden } from '../kernel/refusals.js';

const ISSUER = 'acgs-governance';
const AUDIENCE = 'evolutionary-computation';
const MAX_TOKEN_LENGTH = 8_192;

const publicJwk = z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string().min(1), kid: z.string().min(1) });

const claims = z.object({
  sub: z.string().min(1).max(128),
  jti: z.string().min(8).max(128),
  exp: z.number(),
  kind: z.literal('DEPLOY_INSTANCE'),
  parameters: z.strictObject({ serviceId: z.string(), instanceId: z.string(), version: z.string() }),
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  requesterId: z.string().min(1),
  approverIds: z.array(z.string().min(1)).min(1),
  incidentId: z.string().min(1).nullable(),
  constitutionalHash: z.string(),
});

/** What is about to be done; a grant names exactly this. */
export interface DeployAction {
  readonly serviceId: string;
  readonly instanceId: string;
  readonly version: string;
}

export interface ChangeGrant {
  readonly changeId: string;
  readonly nonce: string;
  readonly digest: string;
  readonly incidentId: string | null;
  readonly expiresAt: Date;
}

/** Digest of an action, as change management computes it. */
export function deployDigest({ serviceId, instanceId, version }: DeployAction): string {
  return sha256Hex(canonicalJson({ kind: 'DEPLOY_INSTANCE', parameters: { serviceId, instanceId, version } }));
}

export class GrantVerifier {
  private readonly path: string;
  private cached: { readonly kid: string; readonly mark: string; readonly key: CryptoKey } | undefined;

  /** @param acceptedHashes labels a grant may have been approved under. */
  constructor(dataDirectory: string, private readonly acceptedHashes: readonly string[], private readonly clock: () => Date) {
    this.path = join(dataDirectory, 'grants', 'public.jwk.json');
  }

  /**
   * Checks that a token grants the action now.
   * @throws Refusal Forbidden: GRANT_INVALID (form, algorithm, key, signature, issuer, audience), GRANT_EXPIRED (too late or too early),
   * GRANT_MISMATCH (another action, or approved under a constitution that is not accepted).
   */
  async verify(token: string, action: DeployAction): Promise<ChangeGrant> {
    const grant = await this.read(token);
    const expected = deployDigest(action);
    if (grant.digest !== expected || deployDigest(grant.parameters) !== expected) {
      throw forbidden(`The grant of ${grant.sub} is for something else than deploying ${action.version} on instance ${action.instanceId} as ${action.serviceId}.`, 'GRANT_MISMATCH');
    }
    if (!this.acceptedHashes.includes(grant.constitutionalHash)) throw forbidden(`The grant of ${grant.sub} was approved under a constitution that is not accepted.`, 'GRANT_MISMATCH');
    if (grant.approverIds.includes(grant.requesterId)) throw forbidden(`The grant of ${grant.sub} names its requester as approver.`, 'GRANT_INVALID');
    return { changeId: grant.sub, nonce: grant.jti, digest: grant.digest, incidentId: grant.incidentId, expiresAt: new Date(grant.exp * 1_000) };
  }

  private async read(token: string): Promise<z.infer<typeof claims>> {
    if (token.length > MAX_TOKEN_LENGTH) throw forbidden('The grant is too long to be one.', 'GRANT_INVALID');
    try {
      const { payload } = await jwtVerify(token, ({ kid }) => this.keyOf(kid), { algorithms: ['EdDSA'], issuer: ISSUER, audience: AUDIENCE, currentDate: this.clock(), requiredClaims: ['sub', 'jti', 'exp', 'iat'] });
      const parsed = claims.safeParse(payload);
      if (!parsed.success) throw forbidden('The grant lacks what a grant to deploy says.', 'GRANT_INVALID');
      return parsed.data;
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw forbidden('The grant has expired.', 'GRANT_EXPIRED');
      if (error instanceof errors.JWTClaimValidationFailed && error.claim === 'nbf') throw forbidden('The grant is not valid yet.', 'GRANT_EXPIRED');
      if (error instanceof errors.JOSEError) throw forbidden('The grant is not one that change management signed for this purpose.', 'GRANT_INVALID');
      throw error;
    }
  }

  /** The published key; read again when the file changed or the token names another key. */
  private async keyOf(kid: string | undefined): Promise<CryptoKey> {
    const mark = await this.mark();
    if (this.cached === undefined || this.cached.mark !== mark || this.cached.kid !== kid) this.cached = await this.load(mark);
    if (this.cached.kid !== kid) throw forbidden('The grant is signed with a key that is not published here.', 'GRANT_INVALID');
    return this.cached.key;
  }

  private async mark(): Promise<string> {
    try {
      const { mtimeMs, ino, size } = await stat(this.path);
      return `${ino}:${mtimeMs}:${size}`;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw forbidden('Change management has not published a key in this installation, so no grant can be checked.', 'GRANT_INVALID');
      throw error;
    }
  }

  private async load(mark: string): Promise<{ kid: string; mark: string; key: CryptoKey }> {
    const { kid, kty, crv, x } = publicJwk.parse(JSON.parse(await readFile(this.path, 'utf8')));
    const key = await importJWK({ kty, crv, x, alg: 'EdDSA' });
    if (key instanceof Uint8Array) throw new TypeError('The published grant key is not a public key.');
    return { kid, mark, key };
  }
}
