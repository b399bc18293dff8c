/** Says whether one set of demands implies another: monotone boolean logic over scopes and policies. */
import type { Requirement } from '../directive-data.js';

type Conjunctions = readonly (readonly string[])[];

/** Conjunctions a product may have; beyond them an implication counts as not shown, so that a weakening is never missed. */
const MOST_CONJUNCTIONS = 2_048;

/** What is demanded of whoever reads something; all must hold. */
export interface Demand {
  readonly critical: boolean;
  readonly requirements: readonly Requirement[];
}

/** The parts of a demand that are compared one by one. */
export const DEMAND_PARTS = ['constitutional', 'authenticated', 'requiresScopes', 'policy'] as const;
export type DemandPart = (typeof DEMAND_PARTS)[number];

const KIND_OF = { authenticated: 'authenticated', requiresScopes: 'scopes', policy: 'policies' } as const;

/** One part of a demand alone. */
export function partOf(demand: Demand, part: DemandPart): Demand {
  if (part === 'constitutional') return { critical: demand.critical, requirements: [] };
  return { critical: false, requirements: demand.requirements.filter(({ kind }) => kind === KIND_OF[part]) };
}

export function isEmptyDemand({ critical, requirements }: Demand): boolean {
  return !critical && requirements.length === 0;
}

/** Both demands together. */
export function both(left: Demand, right: Demand): Demand {
  return { critical: left.critical || right.critical, requirements: [...left.requirements, ...right.requirements] };
}

/**
 * True when whoever meets `given` meets `wanted`. An OR of ANDs implies another when each of its ANDs contains one of
 * the other's; scopes and policies do not imply each other, and either implies that the principal is known, because
 * anonymous requests hold none.
 */
export function implies(given: Demand, wanted: Demand): boolean {
  if (wanted.critical && !given.critical) return false;
  return wanted.requirements.every((requirement) => {
    if (requirement.kind === 'authenticated') return given.requirements.length > 0;
    const alike = given.requirements.flatMap((held) => (held.kind === requirement.kind ? [held.anyOf] : []));
    return alike.some((held) => covers(held, requirement.anyOf)) || coversTogether(alike, requirement.anyOf);
  });
}

function covers(held: Conjunctions, wanted: Conjunctions): boolean {
  return held.every((all) => wanted.some((needed) => needed.every((name) => all.includes(name))));
}

function coversTogether(held: readonly Conjunctions[], wanted: Conjunctions): boolean {
  if (held.length < 2) return false;
  let product: readonly (readonly string[])[] = [[]];
  for (const next of held) {
    if (product.length * next.length > MOST_CONJUNCTIONS) return false;
    product = product.flatMap((left) => next.map((right) => [...left, ...right]));
  }
  return covers(product, wanted);
}

/** A demand in words, for one part: `@requiresScopes ("a" and "b") or "c"`. */
export function demandInWords(demand: Demand): string {
  const words = demand.requirements.map((requirement) => (requirement.kind === 'authenticated' ? 'a known principal' : `${requirement.kind === 'scopes' ? 'scope' : 'policy'} ${alternatives(requirement.anyOf)}`));
  if (demand.critical) words.push('the constitutional hash');
  return words.length === 0 ? 'nothing' : [...new Set(words)].join(' and ');
}

function alternatives(anyOf: Conjunctions): string {
  return anyOf.map((all) => (all.length > 1 ? `(${all.map((name) => `"${name}"`).join(' and ')})` : `"${all[0] ?? ''}"`)).join(' or ');
}

/** A demand as a value that does not depend on the order it was written in. */
export function canonicalDemand(demand: Demand): unknown {
  const requirements = demand.requirements.map((requirement) => JSON.stringify(requirement.kind === 'authenticated' ? [requirement.kind] : [requirement.kind, requirement.anyOf.map((all) => [...all].sort().join(' ')).sort()]));
  return { critical: demand.critical, requirements: [...new Set(requirements)].sort() };
}
