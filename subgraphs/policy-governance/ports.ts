/** The outside world of this subgraph: the engine that understands Cedar. */
import type { EngineAnswer, PolicyEffect, PolicyError, PolicyRequest, PolicySet } from './domain-policies.js';

/** A policy text that holds, and what it says of itself. */
export interface CheckedPolicy {
  readonly effect: PolicyEffect;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface PolicyEngine {
  /** Parses one policy and validates it against the schema of requests. */
  check(cedar: string): CheckedPolicy | { readonly errors: readonly PolicyError[] };
  /**
   * Puts a set in force for this engine.
   * @throws Error when the set does not parse; the one before stays in force.
   */
  load(set: PolicySet): void;
  /** The set in force; null before the first load. */
  readonly set: PolicySet | null;
  /**
   * Judges a request by the set in force. Never throws: whatever fails is an error of the answer.
   * @param activeHash constitutional hash in force, which the request cannot choose.
   */
  evaluate(request: PolicyRequest, activeHash: string): EngineAnswer;
}
