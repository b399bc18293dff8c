/** What the parts of this subgraph share: references, actors and semantic versions; pure. */

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** An entity of this or another subgraph, as the router refers to it. */
export interface EntityReference {
  readonly id: string;
}

/** True for actors that are no principals of the graph. */
export function isSystemActor(actorId: string): boolean {
  return actorId.startsWith('system:') || actorId === 'anonymous';
}

/** MAJOR, MINOR, PATCH. */
export type Semver = readonly [major: number, minor: number, patch: number];

const NUMBER = '(0|[1-9]\\d{0,8})';
const PLAIN_SEMVER = new RegExp(`^${NUMBER}\\.${NUMBER}\\.${NUMBER}$`);
/** Semantic Versioning 2.0.0, rules 9 and 10: pre-release identifiers and build metadata. */
const RELEASE = new RegExp(`^${NUMBER}\\.${NUMBER}\\.${NUMBER}(-(0|[1-9]\\d*|\\d*[A-Za-z-][0-9A-Za-z-]*)(\\.(0|[1-9]\\d*|\\d*[A-Za-z-][0-9A-Za-z-]*))*)?(\\+[0-9A-Za-z-]+(\\.[0-9A-Za-z-]+)*)?$`);
const RELEASE_LENGTH = 64;

/** Parses MAJOR.MINOR.PATCH, each below 10^9 and without leading zeros; null for anything else. */
export function parseSemver(text: string): Semver | null {
  const match = PLAIN_SEMVER.exec(text);
  return match === null ? null : [Number(match[1]), Number(match[2]), Number(match[3])];
}

/** Negative when `a` precedes `b`, 0 when they are equal (Semantic Versioning 2.0.0, rule 11). */
export function compareSemver(a: Semver, b: Semver): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

export function formatSemver(version: Semver): string {
  return version.join('.');
}

/** True for the version of a release, which may be a pre-release. */
export function isRelease(text: string): boolean {
  return text.length <= RELEASE_LENGTH && RELEASE.test(text);
}
