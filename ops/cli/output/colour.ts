/** Colour by meaning: the words that name states, and nothing else. */

export type Style = 'red' | 'yellow' | 'green' | 'dim' | 'bold' | 'inverse';

const CODES: Readonly<Record<Style, readonly [number, number]>> = { red: [31, 39], yellow: [33, 39], green: [32, 39], dim: [2, 22], bold: [1, 22], inverse: [7, 27] };

const WORDS: Readonly<Record<string, Style>> = Object.fromEntries([
  ...['FIRING', 'CRITICAL', 'EMERGENCY', 'P0', 'P1', 'FAILED', 'REFUTED', 'ERROR', 'UNHEALTHY', 'PROHIBITED', 'NON_COMPLIANT', 'DENY', 'REJECTED', 'CONFIRMED', 'unreachable', 'down'].map((word) => [word, 'red'] as const),
  ...['WARNING', 'P2', 'DECLARED', 'SUBMITTED', 'PENDING', 'PROBING', 'UNKNOWN', 'INDETERMINATE', 'OPEN', 'EXPIRED', 'REQUIRE_APPROVAL', 'ROLLED_BACK', 'degraded'].map((word) => [word, 'yellow'] as const),
  ...['RESOLVED', 'CLOSED', 'ACTIVE', 'APPROVED', 'PROVED', 'HEALTHY', 'COMPLIANT', 'ALLOW', 'IMPLEMENTED', 'REVIEWED', 'REMEDIATED', 'ready'].map((word) => [word, 'green'] as const),
]);

/** The text in a style, or as it is. */
export function styled(text: string, style: Style | undefined, colour: boolean): string {
  if (!colour || style === undefined) return text;
  const [on, off] = CODES[style];
  return `\u001B[${on}m${text}\u001B[${off}m`;
}

/** The style of a state; undefined for every other word. */
export function styleOf(word: string): Style | undefined {
  return WORDS[word];
}
