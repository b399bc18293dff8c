/** The key that signs grants: made at first use in the data directory, its public half published beside it and by HTTP. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { secretFile, writeFileDurably } from '../../ops/runtime/secret-files.js';
import type { GrantKey } from './grant.js';

const SECRET_NAME = 'change-grant.jwk.json';

export interface GrantKeys extends GrantKey {
  /** What verifiers need: kty, crv, x, kid, alg, use. */
  readonly publicJwk: JWK;
}

/** Where executors in the same installation find the public key. */
export function publicKeyPath(dataDirectory: string): string {
  return join(dataDirectory, 'grants', 'public.jwk.json');
}

/**
 * Reads the signing key, making and publishing it at first use.
 * @throws Error when the published key is not the signing key's: grants would be refused everywhere.
 */
export async function loadGrantKeys(dataDirectory: string): Promise<GrantKeys> {
  const stored = JSON.parse(secretFile(dataDirectory, SECRET_NAME, () => JSON.stringify(generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })))) as JWK;
  const { kty, crv, x } = createPublicKey({ key: { ...stored }, format: 'jwk' }).export({ format: 'jwk' });
  const bare = { kty: String(kty), crv: String(crv), x: String(x) };
  const kid = await calculateJwkThumbprint(bare);
  const publicJwk: JWK = { ...bare, kid, alg: 'EdDSA', use: 'sig' };
  const path = publicKeyPath(dataDirectory);
  writeFileDurably(path, `${JSON.stringify(publicJwk)}\n`, 0o644);
  const published = JSON.parse(readFileSync(path, 'utf8')) as JWK;
  if (published.x !== publicJwk.x) throw new Error(`${path} holds another public key than that of secrets/${SECRET_NAME}; remove it so that it is published anew.`);
  return { privateJwk: { ...stored, alg: 'EdDSA' }, kid, publicJwk };
}
