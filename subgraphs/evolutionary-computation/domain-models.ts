/** Model versions: what may be registered, what they descend from, and the gates of the stages; pure. */
import { compareSemver, formatSemver, parseSemver, type Semver } from './domain.js';

export type ModelMetrics = {
  readonly accuracy: number;
  readonly compliance: number;
  readonly p95Seconds: number;
};

/** Aliases and not interfaces: events carry these values as JSON. */
export type ModelVersion = {
  /** `name@MAJOR.MINOR.PATCH`. */
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly artifactDigest: string;
  readonly gitCommit: string;
  readonly parentId: string | null;
  readonly metrics: ModelMetrics;
  readonly registeredById: string;
  /** ISO 8601. */
  readonly registeredAt: string;
  readonly constitutionalHash: string;
};

export type ModelAlias = {
  readonly modelName: string;
  readonly alias: string;
  readonly versionId: string;
  readonly previousVersionId: string | null;
  readonly revision: number;
  readonly setById: string;
  /** ISO 8601. */
  readonly setAt: string;
};

export const MODEL_STAGES = ['STAGING', 'PRODUCTION'] as const;
export type ModelStage = (typeof MODEL_STAGES)[number];
export type ModelMetric = 'ACCURACY' | 'COMPLIANCE' | 'P95_SECONDS';
export type GateBound = 'AT_LEAST' | 'AT_MOST';

interface GateRule {
  readonly metric: ModelMetric;
  readonly bound: GateBound;
  readonly threshold: Readonly<Record<ModelStage, number>>;
  readonly valueOf: (metrics: ModelMetrics) => number;
}

/** The gates; a value at its threshold passes. */
export const GATES: readonly GateRule[] = [
  { metric: 'COMPLIANCE', bound: 'AT_LEAST', threshold: { STAGING: 0.95, PRODUCTION: 0.95 }, valueOf: ({ compliance }) => compliance },
  { metric: 'ACCURACY', bound: 'AT_LEAST', threshold: { STAGING: 0.85, PRODUCTION: 0.9 }, valueOf: ({ accuracy }) => accuracy },
  { metric: 'P95_SECONDS', bound: 'AT_MOST', threshold: { STAGING: 1.5, PRODUCTION: 1.5 }, valueOf: ({ p95Seconds }) => p95Seconds },
];

export interface GateResult {
  readonly metric: ModelMetric;
  readonly bound: GateBound;
  readonly threshold: number;
  readonly actual: number;
  readonly passed: boolean;
}

export function gatesOf(metrics: ModelMetrics, stage: ModelStage): GateResult[] {
  return GATES.map(({ metric, bound, threshold, valueOf }) => {
    const actual = valueOf(metrics);
    const limit = threshold[stage];
    return { metric, bound, threshold: limit, actual, passed: bound === 'AT_LEAST' ? actual >= limit : actual <= limit };
  });
}

/** What an alias demands: any name makes a version reachable, so every one but production's asks for the gates of staging. */
export function stageOfAlias(alias: string): ModelStage {
  return alias === 'production' ? 'PRODUCTION' : 'STAGING';
}

/** One line on the gates that fail; null when all pass. */
export function failingGates(version: ModelVersion, stage: ModelStage): string | null {
  const failing = gatesOf(version.metrics, stage).filter(({ passed }) => !passed);
  if (failing.length === 0) return null;
  const parts = failing.map(({ metric, bound, threshold, actual }) => `${metric} is ${actual}, ${bound === 'AT_LEAST' ? 'at least' : 'at most'} ${threshold} is needed`);
  return `${version.id} does not pass the gates of ${stage}: ${parts.join('; ')}.`;
}

/** What a client sends to register a version. */
export interface ModelDraft {
  readonly name: string;
  readonly version: string;
  readonly artifactDigest: string;
  readonly gitCommit: string;
  readonly parentId: string | null;
  readonly metrics: ModelMetrics;
}

/** A draft that is well formed, or the argument that is not. */
export type DraftVerdict = { readonly semver: Semver; readonly id: string } | { readonly problem: string; readonly field: string };

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const ALIAS = /^[a-z][a-z0-9-]{0,31}$/;

export function checkDraft(draft: ModelDraft): DraftVerdict {
  const semver = parseSemver(draft.version);
  const { accuracy, compliance, p95Seconds } = draft.metrics;
  const isShare = (value: number): boolean => value >= 0 && value <= 1;
  if (!NAME.test(draft.name)) return { problem: 'A model name has 1 to 64 lower-case letters, digits, dots, hyphens and underscores.', field: 'input.name' };
  if (semver === null) return { problem: 'A model version is MAJOR.MINOR.PATCH without leading zeros, for example 1.4.0.', field: 'input.version' };
  if (!/^[0-9a-f]{64}$/.test(draft.artifactDigest)) return { problem: 'The digest is a SHA-256, 64 lower-case hexadecimal characters.', field: 'input.artifactDigest' };
  if (!/^[0-9a-f]{40}$/.test(draft.gitCommit)) return { problem: 'The commit has 40 lower-case hexadecimal characters.', field: 'input.gitCommit' };
  if (!isShare(accuracy)) return { problem: 'Accuracy is from 0 to 1.', field: 'input.metrics.accuracy' };
  if (!isShare(compliance)) return { problem: 'Compliance is from 0 to 1.', field: 'input.metrics.compliance' };
  if (!(p95Seconds > 0) || !Number.isFinite(p95Seconds)) return { problem: 'The answer time is a number of seconds above 0.', field: 'input.metrics.p95Seconds' };
  return { semver, id: modelVersionId(draft.name, semver) };
}

export function modelVersionId(name: string, semver: Semver): string {
  return `${name}@${formatSemver(semver)}`;
}

export function isAliasName(text: string): boolean {
  return ALIAS.test(text);
}

/**
 * Why a version may not descend from a parent; null when it may.
 * A parent exists before its child and never changes, and within a model it is lower: lineage has no cycles.
 */
export function lineageProblem(child: { readonly name: string; readonly semver: Semver }, parent: ModelVersion): string | null {
  if (parent.name !== child.name) return null;
  const parentSemver = parseSemver(parent.version);
  if (parentSemver !== null && compareSemver(parentSemver, child.semver) < 0) return null;
  return `${modelVersionId(child.name, child.semver)} must be higher than ${parent.id}, from which it is derived.`;
}

/**
 * Ancestors, the nearest first.
 * @throws RangeError for a cycle, which the rules and the database exclude.
 */
export function ancestorsOf(id: string, parentOf: (id: string) => string | null): string[] {
  const ancestors: string[] = [];
  const seen = new Set([id]);
  for (let next = parentOf(id); next !== null; next = parentOf(next)) {
    if (seen.has(next)) throw new RangeError(`The lineage of ${id} returns to ${next}.`);
    seen.add(next);
    ancestors.push(next);
  }
  return ancestors;
}
