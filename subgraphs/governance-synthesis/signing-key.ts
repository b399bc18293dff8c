/** Keys that sign what other processes verify: made at first use in the data directory, the public half published beside it. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { SCHEMA_KEY_FILE } from '../../ops/runtime/schema-activation.js';
import { SECRET, secretFile, writeFileDurably } from '../../ops/runtime/secret-files.js';

/** Ed25519 private key with its `kid`. */
export interface SigningKey {
  readonly privateJwk: JWK;
  readonly kid: string;
  /** What verifiers need: kty, crv, x, kid, alg, use. */
  readonly publicJwk: JWK;
}

/** What a key is for; `published` is the path of its public half inside the data directory. */
export interface KeyPurpose {
  readonly secret: string;
  readonly published: readonly string[];
}

/** Signs change grants; executors in the same installation find the public half here. */
export const GRANT_KEY: KeyPurpose = { secret: SECRET.changeGrants, published: ['grants', 'public.jwk.json'] };
/** Signs activations of schema versions; gateways in the same installation find the public half here. */
export const SCHEMA_KEY: KeyPurpose = { secret: SECRET.schemaRegistry, published: SCHEMA_KEY_FILE };

/** Where a key's public half stands. */
export function publicKeyPath(dataDirectory: string, purpose: KeyPurpose): string {
  return join(dataDirectory, ...purpose.published);
}

/**
 * Reads a signing key, making and publishing it at first use.
 * @throws Error when the published key is not the signing key's: what it signs would be refused everywhere.
 */
export async function loadSigningKey(dataDirectory: string, purpose: KeyPurpose): Promise<SigningKey> {
  const stored = JSON.parse(secretFile(dataDirectory, purpose.secret, () => JSON.stringify(generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })))) as JWK;
  const { kty, crv, x } = createPublicKey({ key: { ...stored }, format: 'jwk' }).export({ format: 'jwk' });
  const bare = { kty: String(kty), crv: String(crv), x: String(x) };
  const kid = await calculateJwkThumbprint(bare);
  const publicJwk: JWK = { ...bare, kid, alg: 'EdDSA', use: 'sig' };
  const path = publicKeyPath(dataDirectory, purpose);
  // A deployment that mounts its files read-only has published it already.
  if (!existsSync(path)) writeFileDurably(path, `${JSON.stringify(publicJwk)}\n`, 0o644);
  const published = JSON.parse(readFileSync(path, 'utf8')) as JWK;
  if (published.x !== publicJwk.x) throw new Error(`${path} holds another public key than that of secrets/${purpose.secret}; remove it so that it is published anew.`);
  return { privateJwk: { ...stored, alg: 'EdDSA' }, kid, publicJwk };
}
