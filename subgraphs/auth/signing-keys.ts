/** The Ed25519 keys that sign access tokens: private halves in the data directory, public halves and their reigns in the database. */
import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { calculateJwkThumbprint, importJWK, SignJWT, type CryptoKey, type JWK } from 'jose';
import { secretFile } from '../../ops/runtime/secret-files.js';
import type { UnitOfWork } from '../kernel/commands.js';
import type { SubgraphDeps } from '../kernel/define-subgraph.js';
import { ACCESS_TOKEN_MS, type PrincipalKind } from './domain.js';
import { signingKeyEvent } from './events.js';
import type { CredentialStore } from './store-credentials.js';

const ACTOR = 'system:signing-keys';

export interface AccessClaims {
  readonly sub: string;
  readonly kind: PrincipalKind;
  readonly roles: readonly string[];
  /** Scopes, separated by spaces. */
  readonly scope: string;
  readonly policies: readonly string[];
  /** Session. */
  readonly sid: string;
  readonly jti: string;
  /** Constitutional hash. */
  readonly hash: string;
}

/** A key ready to sign. */
export interface Signer {
  readonly kid: string;
  readonly key: CryptoKey | Uint8Array;
}

export class SigningKeys {
  private readonly imported = new Map<string, Signer>();

  constructor(private readonly deps: SubgraphDeps, private readonly store: CredentialStore) {}

  /** Makes a key unless this installation has one that signs. */
  async ensure(): Promise<void> {
    await this.deps.commands.runAs(ACTOR, 'start', async (unit) => {
      await this.store.lockSigningKeys(unit.tx);
      if ((await this.store.openSigningKeys(unit.tx)).some(({ kid }) => this.holds(kid))) return;
      await this.add(unit);
    });
  }

  /** The public keys of all tokens that can be valid now (RFC 7517). */
  async jwks(): Promise<{ keys: ReadonlyArray<Readonly<Record<string, string>>> }> {
    return { keys: (await this.store.publishedSigningKeys(this.deps.clock())).map(({ publicJwk }) => publicJwk) };
  }

  /** Replaces the signing key. @returns the identifier of the new one. */
  async rotate(unit: UnitOfWork): Promise<string> {
    await this.store.lockSigningKeys(unit.tx);
    await this.store.retireSigningKeys(unit.tx, unit.now);
    return this.add(unit);
  }

  /** Replaces a key that has signed for longer than it should. */
  async rotateIfOlder(maxAgeMs: number): Promise<void> {
    const oldest = new Date(this.deps.clock().getTime() - maxAgeMs);
    const isDue = (keys: ReadonlyArray<{ readonly createdAt: Date; readonly retiredAt: Date | null }>): boolean => keys.some(({ createdAt, retiredAt }) => retiredAt === null && createdAt < oldest);
    if (!isDue(await this.store.publishedSigningKeys(this.deps.clock()))) return;
    await this.deps.commands.runAs(ACTOR, 'sweep', async (unit) => {
      await this.store.lockSigningKeys(unit.tx);
      if (isDue(await this.store.openSigningKeys(unit.tx))) await this.rotate(unit);
    });
  }

  /** The key to sign with; made anew when another installation has retired this one's. */
  async signer(): Promise<Signer> {
    const own = (await this.store.publishedSigningKeys(this.deps.clock())).find(({ kid, retiredAt }) => retiredAt === null && this.holds(kid));
    if (own !== undefined) return this.load(own.kid);
    await this.ensure();
    return this.signer();
  }

  /**
   * Signs an access token (RFC 9068). Its `iat` has milliseconds, as RFC 7519 allows: a revocation must tell tokens apart
   * that were issued before and after it within one second.
   * @param issuedAt a moment at which roles and state of the principal were known.
   */
  async sign(signer: Signer, claims: AccessClaims, issuedAt: Date): Promise<{ accessToken: string; expiresAt: Date }> {
    const iat = issuedAt.getTime() / 1_000;
    const accessToken = await new SignJWT({ iss: 'acgs', aud: 'acgs-gateway', ...claims, iat, exp: iat + ACCESS_TOKEN_MS / 1_000 })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: signer.kid }).sign(signer.key);
    return { accessToken, expiresAt: new Date(issuedAt.getTime() + ACCESS_TOKEN_MS) };
  }

  private async add(unit: UnitOfWork): Promise<string> {
    const pair = generateKeyPairSync('ed25519');
    const { kty, crv, x } = pair.publicKey.export({ format: 'jwk' });
    const bare = { kty: String(kty), crv: String(crv), x: String(x) };
    const kid = await calculateJwkThumbprint(bare);
    secretFile(this.deps.dataDirectory, fileName(kid), () => JSON.stringify(pair.privateKey.export({ format: 'jwk' })));
    await this.store.insertSigningKey(unit.tx, kid, { ...bare, kid, alg: 'EdDSA', use: 'sig' }, unit.now, unit.constitutionalHash);
    unit.emit(signingKeyEvent('SigningKeyRotated', kid, unit.now));
    return kid;
  }

  private holds(kid: string): boolean {
    return this.imported.has(kid) || existsSync(join(this.deps.dataDirectory, 'secrets', fileName(kid)));
  }

  private async load(kid: string): Promise<Signer> {
    const known = this.imported.get(kid);
    if (known !== undefined) return known;
    const text = secretFile(this.deps.dataDirectory, fileName(kid), () => { throw new Error(`secrets/${fileName(kid)} was removed while it is in use.`); });
    const signer = { kid, key: await importJWK(JSON.parse(text) as JWK, 'EdDSA') };
    this.imported.set(kid, signer);
    return signer;
  }
}

function fileName(kid: string): string {
  return `access-token-${kid}.jwk.json`;
}
