/** Canonical JSON (RFC 8785) and the SHA-256 digests taken over it. */
import { createHash } from 'node:crypto';
import canonicalizeModule from 'canonicalize';

// The package is CommonJS with a default export; NodeNext sees the namespace.
const canonicalize = canonicalizeModule as unknown as (value: unknown) => string | undefined;

/**
 * Serialises a JSON value in the one form RFC 8785 allows.
 * @param value any JSON value; properties that are undefined are left out.
 * @throws TypeError for values JSON cannot hold (undefined, functions, NaN, infinities, cycles).
 */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('The value has no JSON form.');
  return text;
}

/** Lower-case hexadecimal SHA-256 of text (UTF-8) or bytes. */
export function sha256Hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** SHA-256 of text (UTF-8) or bytes. */
export function sha256(data: string | Uint8Array): Buffer {
  return createHash('sha256').update(data).digest();
}

/** SHA-256 over the canonical JSON of a value: equal values give equal digests whatever their key order. */
export function digestOf(value: unknown): Buffer {
  return sha256(canonicalJson(value));
}
