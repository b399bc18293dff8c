/** Gate 3: compares the constitutional hash a request presents with the accepted ones (design section 4). */
import { AcgsError } from '../../ops/runtime/errors.js';
import type { ServiceMetrics } from '../../ops/runtime/metrics.js';
import type { HashGate } from '../execution/contracts.js';
import type { ConstitutionAuthority } from './constitution-authority.js';

export interface MismatchReport {
  readonly requestId: string;
  /** Null for an anonymous request. */
  readonly principalId: string | null;
  readonly expected: string;
  readonly received: string;
}

export interface HashGateDeps {
  readonly authority: Pick<ConstitutionAuthority, 'active' | 'isAccepted'>;
  readonly metrics: Pick<ServiceMetrics, 'checked'>;
  /** Told of every mismatch; must not throw or wait. */
  readonly onMismatch: (report: MismatchReport) => void;
}

/** Longest value quoted back or reported; what comes from a client is cut there. */
const QUOTED_LENGTH = 64;

/** Makes gate 3. */
export function createHashGate({ authority, metrics, onMismatch }: HashGateDeps): HashGate {
  return {
    active: () => authority.active(),
    isAccepted: (hash) => authority.isAccepted(hash),
    check(candidates, { requestId, principalId }) {
      const presented = candidates.filter((candidate) => candidate !== undefined && candidate !== null);
      if (presented.length === 0) return false;
      const [first] = presented;
      const wrong = presented.find((candidate) => !authority.isAccepted(candidate)) ?? presented.find((candidate) => candidate !== first);
      metrics.checked('request', wrong === undefined);
      if (wrong === undefined) return true;
      const expected = authority.active();
      // A client may send anything here, nested too deep to be printed.
      const received = typeof wrong === 'string' ? wrong.slice(0, QUOTED_LENGTH) : `a value of type ${Array.isArray(wrong) ? 'array' : typeof wrong}`;
      onMismatch({ requestId, principalId, expected, received });
      throw new AcgsError('CONSTITUTIONAL_HASH_MISMATCH', undefined, { expected, received });
    },
  };
}

/**
 * Refuses an operation with CRITICAL fields unless the hash was presented and revocations are known to be fresh.
 * @param criticalFields coordinates of the CRITICAL fields the operation selects, whatever @skip and @include say.
 * @param revocationAgeMs milliseconds since revocations were last confirmed.
 * @param maxAgeMs oldest confirmation that is good enough.
 * @throws AcgsError CONSTITUTIONAL_HASH_REQUIRED or REVOCATION_FEED_STALE.
 */
export function checkCriticalFields(criticalFields: readonly string[], hashPresented: boolean, revocationAgeMs: number, maxAgeMs: number, expected: string): void {
  if (criticalFields.length === 0) return;
  if (!hashPresented) throw new AcgsError('CONSTITUTIONAL_HASH_REQUIRED', undefined, { expected, fields: criticalFields.slice(0, 20) });
  if (revocationAgeMs > maxAgeMs) throw new AcgsError('REVOCATION_FEED_STALE');
}
