/** Recomputes whether the constitution in force is the one that was signed; pure. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { canonicalJson, sha256Hex } from '../../ops/runtime/canonical-json.js';
import { constitutionDigest, ManifestError, verifyManifest, type ConstitutionManifest } from '../../ops/runtime/constitution-manifest.js';
import type { ConstitutionalValidation, ValidationCheck } from './domain.js';
import type { AcceptedEpoch, StoredConstitution } from './store.js';

/** Everything a validation looks at. */
export interface ValidationFacts {
  /** The manifest this process runs under. */
  readonly manifest: ConstitutionManifest;
  readonly stored: StoredConstitution | null;
  readonly activeCount: number;
  /** What the database's row trigger accepts under the label. */
  readonly accepted: AcceptedEpoch | null;
  readonly manifestText: string | null;
  readonly publicKeyPem: string | null;
  readonly now: Date;
}

export function validateConstitution(facts: ValidationFacts): ConstitutionalValidation {
  const { manifest, now } = facts;
  const checks = [labelAccepted(facts), oneActive(facts), textDigest(facts), rowsDigest(facts), epochAgrees(facts), ...signature(facts)];
  return { valid: checks.every(({ passed }) => passed), hash: manifest.active, digest: manifest.digest, epoch: manifest.epoch, checkedAt: now.toISOString(), checks };
}

/** Digest of the document that the rows hold now. */
export function digestOfRows(stored: StoredConstitution): string {
  return constitutionDigest({ ...stored.document });
}

function labelAccepted({ manifest, accepted }: ValidationFacts): ValidationCheck {
  const passed = manifest.accepted.includes(manifest.active) && accepted?.state === 'ACCEPTED' && accepted.digest === manifest.digest;
  return { name: 'LABEL_ACCEPTED', passed, detail: `The manifest accepts ${manifest.accepted.join(', ')}; the database says ${accepted === null ? 'nothing' : `${accepted.state} for digest ${accepted.digest}`} of ${manifest.active}.` };
}

function oneActive({ stored, activeCount, manifest }: ValidationFacts): ValidationCheck {
  return { name: 'ONE_ACTIVE', passed: activeCount === 1 && stored?.label === manifest.active, detail: `${activeCount} active; its label is ${stored?.label ?? 'none'}.` };
}

function textDigest({ stored, manifest }: ValidationFacts): ValidationCheck {
  const digest = stored === null ? 'none' : sha256Hex(stored.canonicalText);
  return { name: 'TEXT_DIGEST', passed: digest === manifest.digest, detail: `The canonical text has ${digest}, the manifest ${manifest.digest}.` };
}

function rowsDigest({ stored, manifest }: ValidationFacts): ValidationCheck {
  const digest = stored === null ? 'none' : digestOfRows(stored);
  return { name: 'ROWS_DIGEST', passed: digest === manifest.digest, detail: `The principles as stored have ${digest}, the manifest ${manifest.digest}.` };
}

function epochAgrees({ stored, manifest }: ValidationFacts): ValidationCheck {
  return { name: 'EPOCH', passed: stored?.epoch === manifest.epoch, detail: `The active constitution is of epoch ${stored?.epoch ?? 'none'}, the manifest of ${manifest.epoch}.` };
}

function signature({ manifest, manifestText, publicKeyPem }: ValidationFacts): ValidationCheck[] {
  const name = 'SIGNATURE';
  if (manifestText === null || publicKeyPem === null) return [{ name, passed: false, detail: 'The manifest or its public key is missing on disk.' }];
  const publicKey = readKey(publicKeyPem);
  if (publicKey === null) return [{ name, passed: false, detail: 'The public key on disk is no key.' }];
  try {
    // The genesis label was pinned by configuration when the process started; here the manifest has to be that same one.
    const onDisk = verifyManifest(manifestText, { publicKey, genesisLabel: manifest.active });
    return [
      { name, passed: true, detail: 'The manifest on disk is signed by the public key on disk.' },
      { name: 'MANIFEST_UNCHANGED', passed: canonicalJson(onDisk) === canonicalJson(manifest), detail: `The process runs under epoch ${manifest.epoch}, the disk holds epoch ${onDisk.epoch}.` },
    ];
  } catch (error) {
    if (error instanceof ManifestError) return [{ name, passed: false, detail: error.message }];
    throw error;
  }
}

/** Null when the text is no public key: the file is not ours to trust. */
function readKey(pem: string): KeyObject | null {
  try {
    return createPublicKey(pem);
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).code === 'string') return null;
    throw error;
  }
}
