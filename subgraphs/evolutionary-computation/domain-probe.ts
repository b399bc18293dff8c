/** What a probe of an instance's health endpoint says; pure. */

export const PROBE_OUTCOMES = ['HEALTHY', 'UNREACHABLE', 'TIMED_OUT', 'NOT_READY', 'MALFORMED', 'WRONG_SERVICE', 'WRONG_HASH'] as const;
export type ProbeOutcome = (typeof PROBE_OUTCOMES)[number];

export interface Expectation {
  readonly serviceId: string;
  readonly acceptedHashes: readonly string[];
}

export interface Judgement {
  readonly outcome: ProbeOutcome;
  /** Label the instance reports, when it has the form of one. */
  readonly reportedHash: string | null;
}

export type ProbeResult = Judgement & {
  /** Milliseconds. */
  readonly latencyMs: number;
};

/** A healthy probe, whose hash is one that is accepted. */
export function healthyHash(result: ProbeResult): string | null {
  return result.outcome === 'HEALTHY' ? result.reportedHash : null;
}

/** Judges a whole answer of `GET /health/ready`. */
export function judge(status: number, body: string, { serviceId, acceptedHashes }: Expectation): Judgement {
  if (status !== 200) return { outcome: 'NOT_READY', reportedHash: null };
  const answer = objectOf(body);
  if (answer === null) return { outcome: 'MALFORMED', reportedHash: null };
  const { service, constitutionalHash } = answer;
  const reportedHash = typeof constitutionalHash === 'string' && /^[0-9a-f]{16}$/.test(constitutionalHash) ? constitutionalHash : null;
  if (service !== serviceId) return { outcome: 'WRONG_SERVICE', reportedHash };
  if (reportedHash === null || !acceptedHashes.includes(reportedHash)) return { outcome: 'WRONG_HASH', reportedHash };
  return { outcome: 'HEALTHY', reportedHash };
}

function objectOf(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Outcomes another attempt can change within seconds; a wrong service or hash stays wrong. */
const TRANSIENT: ReadonlySet<ProbeOutcome> = new Set(['UNREACHABLE', 'TIMED_OUT', 'NOT_READY']);

export function isTransient(outcome: ProbeOutcome): boolean {
  return TRANSIENT.has(outcome);
}

const WORDS: Readonly<Record<ProbeOutcome, string>> = {
  HEALTHY: 'is healthy',
  UNREACHABLE: 'cannot be reached',
  TIMED_OUT: 'does not answer in time',
  NOT_READY: 'does not say that it is ready',
  MALFORMED: 'does not answer like a health endpoint',
  WRONG_SERVICE: 'serves something else',
  WRONG_HASH: 'does not run under an accepted constitutional hash',
};

/** Half a sentence about an outcome; nothing an instance sent is repeated. */
export function inWords(outcome: ProbeOutcome): string {
  return WORDS[outcome];
}
