/** The signed constitution manifest: which constitution governs, under which labels, in which epoch (design section 4). */
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { canonicalJson, sha256Hex } from './canonical-json.js';
import { writeFileDurably } from './secret-files.js';

const label = z.string().regex(/^[0-9a-f]{16}$/);

const manifestBody = z.strictObject({
  version: z.literal(1),
  /** Monotonic; an older epoch than one seen before is refused. */
  epoch: z.number().int().min(1),
  /** Label under which new state is written. */
  active: label,
  /** Labels accepted on requests and rows now; contains the active one. */
  accepted: z.array(label).min(1).max(2),
  /** SHA-256 of the canonical (RFC 8785) constitution, hexadecimal. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  issuedAt: z.iso.datetime(),
  constitution: z.record(z.string(), z.unknown()),
});

const signedManifest = manifestBody.extend({ signature: z.string().min(1) });

export type ManifestBody = z.infer<typeof manifestBody>;
export type ConstitutionManifest = z.infer<typeof signedManifest>;

/** A manifest that cannot be trusted; the process must not start. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

export interface ManifestTrust {
  /** Ed25519 public key that must have signed the manifest. */
  readonly publicKey: KeyObject;
  /** Label of epoch 1, pinned by configuration. */
  readonly genesisLabel: string;
  /** Highest epoch this process or its database has seen; 0 when none. */
  readonly highestEpochSeen?: number;
}

/** Label of a constitution ratified after genesis: the first 16 hexadecimal characters of its digest. */
export function labelOfDigest(digest: string): string {
  return digest.slice(0, 16);
}

/** Digest of a constitution: SHA-256 over its canonical form, hexadecimal. */
export function constitutionDigest(constitution: Readonly<Record<string, unknown>>): string {
  return sha256Hex(canonicalJson(constitution));
}

/** Signs a manifest body with an Ed25519 private key (RFC 8032) over its canonical JSON. */
export function signManifest(body: ManifestBody, privateKey: KeyObject): ConstitutionManifest {
  return { ...body, signature: sign(null, Buffer.from(canonicalJson(body)), privateKey).toString('base64url') };
}

/**
 * Parses and verifies a manifest: form, signature, digest, labels, epoch.
 * @throws ManifestError saying what does not hold.
 */
export function verifyManifest(text: string, trust: ManifestTrust): ConstitutionManifest {
  const parsed = signedManifest.safeParse(parseJson(text));
  if (!parsed.success) throw new ManifestError(`The manifest is malformed: ${z.prettifyError(parsed.error)}`);
  const { signature, ...body } = parsed.data;
  if (!verify(null, Buffer.from(canonicalJson(body)), trust.publicKey, Buffer.from(signature, 'base64url'))) {
    throw new ManifestError('The manifest is not signed by the trusted key.');
  }
  if (constitutionDigest(body.constitution) !== body.digest) throw new ManifestError('The digest is not that of the constitution in the manifest.');
  if (!body.accepted.includes(body.active)) throw new ManifestError('The active label is not among the accepted ones.');
  const ownLabel = body.epoch === 1 ? trust.genesisLabel : labelOfDigest(body.digest);
  if (!body.accepted.includes(ownLabel)) {
    throw new ManifestError(`Epoch ${body.epoch} must accept the label ${ownLabel}; the manifest accepts ${body.accepted.join(', ')}.`);
  }
  if (body.epoch === 1 && body.active !== trust.genesisLabel) {
    throw new ManifestError(`The genesis label is pinned to ${trust.genesisLabel}; the manifest says ${body.active}.`);
  }
  if (body.epoch < (trust.highestEpochSeen ?? 0)) {
    throw new ManifestError(`Epoch ${body.epoch} is older than epoch ${trust.highestEpochSeen}, which was seen before.`);
  }
  return parsed.data;
}

/** Files of the constitution inside the data directory. */
export function constitutionPaths(dataDirectory: string): { manifest: string; publicKey: string; privateKey: string } {
  const folder = join(dataDirectory, 'constitution');
  return { manifest: join(folder, 'manifest.json'), publicKey: join(folder, 'public.pem'), privateKey: join(folder, 'private.pem') };
}

/**
 * Reads and verifies the manifest a process must run under (gate 2).
 * @param dataDirectory folder that holds `constitution/`.
 * @throws ManifestError when a file is missing or the manifest does not hold.
 */
export function loadManifest(dataDirectory: string, trust: Omit<ManifestTrust, 'publicKey'>): ConstitutionManifest {
  const paths = constitutionPaths(dataDirectory);
  for (const path of [paths.manifest, paths.publicKey]) {
    if (!existsSync(path)) throw new ManifestError(`There is no ${path}; the first start of the control plane makes it.`);
  }
  return verifyManifest(readFileSync(paths.manifest, 'utf8'), { ...trust, publicKey: createPublicKey(readFileSync(paths.publicKey)) });
}

/**
 * Makes the signing key and the genesis manifest if there are none yet; leaves existing ones untouched.
 * @param constitution the genesis constitution.
 * @returns the manifest in force, verified.
 */
export function ensureGenesisManifest(dataDirectory: string, genesisLabel: string, constitution: Readonly<Record<string, unknown>>, now: Date): ConstitutionManifest {
  const paths = constitutionPaths(dataDirectory);
  if (!existsSync(paths.privateKey)) {
    if (existsSync(paths.manifest)) throw new ManifestError(`There is a manifest but no signing key ${paths.privateKey}.`);
    const { privateKey } = generateKeyPairSync('ed25519');
    writeFileDurably(paths.privateKey, privateKey.export({ type: 'pkcs8', format: 'pem' }), 0o600);
  }
  // From the file, not from what was generated: of several first starts at once only one's key was kept.
  if (!existsSync(paths.publicKey)) writeFileDurably(paths.publicKey, createPublicKey(readFileSync(paths.privateKey)).export({ type: 'spki', format: 'pem' }), 0o644);
  if (!existsSync(paths.manifest)) {
    const key = createPrivateKey(readFileSync(paths.privateKey));
    const body: ManifestBody = {
      version: 1, epoch: 1, active: genesisLabel, accepted: [genesisLabel],
      digest: constitutionDigest(constitution), issuedAt: now.toISOString(), constitution: { ...constitution },
    };
    writeFileDurably(paths.manifest, `${JSON.stringify(signManifest(body, key), null, 2)}\n`, 0o644);
  }
  return loadManifest(dataDirectory, { genesisLabel });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ManifestError('The manifest is not JSON.', { cause });
  }
}
