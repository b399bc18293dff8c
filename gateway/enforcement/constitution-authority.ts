/** The constitution this gateway runs under: the signed manifest, verified at boot and again whenever its file changes (gates 2 and 6). */
import { statSync } from 'node:fs';
import { constitutionPaths, loadManifest, type ConstitutionManifest } from '../../ops/runtime/constitution-manifest.js';
import type { Logger } from '../../ops/runtime/logger.js';

export interface ConstitutionAuthority {
  readonly active: () => string;
  readonly accepted: () => readonly string[];
  readonly epoch: () => number;
  readonly isAccepted: (hash: unknown) => hash is string;
  /** False from the moment the file on disk no longer verifies, until it does again. */
  readonly verified: () => boolean;
  /** Looks at the file now instead of at the next interval. */
  readonly refresh: () => void;
  readonly stop: () => void;
}

/**
 * Loads the manifest and follows its file.
 * @param intervalMs how often the file is looked at, milliseconds; default 1,000.
 * @throws ManifestError when it does not verify now: the process must not start.
 */
export function followConstitution(dataDirectory: string, genesisLabel: string, logger: Logger, intervalMs = 1_000): ConstitutionAuthority {
  let manifest: ConstitutionManifest = loadManifest(dataDirectory, { genesisLabel });
  let verified = true;
  let seen = fingerprint(dataDirectory);

  const refresh = (): void => {
    const now = fingerprint(dataDirectory);
    if (now === seen) return;
    seen = now;
    try {
      manifest = loadManifest(dataDirectory, { genesisLabel, highestEpochSeen: manifest.epoch });
      verified = true;
      logger.info({ epoch: manifest.epoch, active: manifest.active, accepted: manifest.accepted }, 'The constitution manifest was read again');
    } catch (error) {
      verified = false;
      logger.error({ err: error }, 'The constitution manifest no longer verifies; the last good one stays in force and answers are marked unverified');
    }
  };
  const timer = setInterval(refresh, intervalMs);
  timer.unref();
  return {
    active: () => manifest.active,
    accepted: () => manifest.accepted,
    epoch: () => manifest.epoch,
    isAccepted: (hash): hash is string => typeof hash === 'string' && manifest.accepted.includes(hash),
    verified: () => verified,
    refresh,
    stop: () => clearInterval(timer),
  };
}

function fingerprint(dataDirectory: string): string {
  const { manifest, publicKey } = constitutionPaths(dataDirectory);
  return [manifest, publicKey].map((path) => {
    const stats = statSync(path, { throwIfNoEntry: false, bigint: true });
    return stats === undefined ? 'missing' : `${stats.mtimeNs}:${stats.size}:${stats.ino}`;
  }).join('|');
}
