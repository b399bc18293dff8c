/** Finds demands (@constitutional, @authenticated, @requiresScopes, @policy) that were removed, weakened, moved or strengthened. */
import type { ChangePlaces } from './change-places.js';
import type { FindingDraft } from './finding-draft.js';
import type { ProtectionSide } from './protection-sides.js';
import { canonicalDemand, DEMAND_PARTS, demandInWords, implies, isEmptyDemand, partOf, type Demand, type DemandPart } from './requirement-logic.js';

const KEEP = 'Keep the demand as it was, or have the change approved by governance: recorded usage does not excuse it.';

/** Two sides of a change. */
export interface Compared {
  readonly base: ProtectionSide;
  readonly proposed: ProtectionSide;
  /** Subgraphs whose schema changed, in order of name. */
  readonly changed: readonly string[];
  readonly places: ChangePlaces;
}

/**
 * Compares the demands of every element that changed subgraphs say something of, and of everything that reads it.
 * @param coordinates elements of changed subgraphs that carry a directive before or after.
 */
export function demandChanges(compared: Compared, coordinates: readonly string[]): FindingDraft[] {
  const { base, proposed } = compared;
  const drafts: FindingDraft[] = [];
  const kept = coordinates.filter((coordinate) => base.has(coordinate) && proposed.has(coordinate));
  /** Parts of elements that are told of as weakened. */
  const weakened = new Map<string, Set<DemandPart>>();
  for (const coordinate of kept) {
    for (const part of DEMAND_PARTS) {
      const changes = partChanges(compared, coordinate, part);
      if (changes.some(({ code }) => code === 'PROTECTION_REMOVED' || code === 'PROTECTION_WEAKENED')) weakened.set(coordinate, (weakened.get(coordinate) ?? new Set()).add(part));
      drafts.push(...changes);
    }
  }
  const strengthened = new Set(drafts.flatMap(({ code, coordinate }) => (code === 'PROTECTION_STRENGTHENED' && coordinate !== null ? [coordinate] : [])));
  const readers = new Map<string, string[]>();
  for (const coordinate of base.readable()) {
    if (!proposed.has(coordinate)) continue;
    const [before, after] = [base.effective(coordinate), proposed.effective(coordinate)];
    const isField = coordinate.includes('.');
    // What follows from the weakenings that are told of is told; any loss beyond them is a finding of its own.
    if (!implies(after, before) && !implies(after, base.effectiveAfter(coordinate, weakened, proposed))) drafts.push(indirect(compared, coordinate, before, after));
    if (implies(before, after)) continue;
    const reached = proposed.reached(coordinate);
    const causes = [...strengthened].filter((cause) => reached.has(cause));
    for (const cause of causes) readers.set(cause, [...(readers.get(cause) ?? []), coordinate]);
    if (isField && causes.length === 0) drafts.push(indirectlyStronger(compared, coordinate, before, after));
  }
  return [...drafts.map((draft) => (draft.code === 'PROTECTION_STRENGTHENED' ? withReaders(draft, readers) : draft)), ...openRoots(compared)];
}

function partChanges(compared: Compared, coordinate: string, part: DemandPart): FindingDraft[] {
  const { base, proposed, changed, places } = compared;
  const [before, after] = [partOf(base.together(coordinate), part), partOf(proposed.together(coordinate), part)];
  const values = { before: canonicalDemand(before), after: canonicalDemand(after) };
  const subgraph = places.subgraphOf(coordinate);
  const common = { kind: 'PROTECTION', subgraph, coordinate, ...values, weighing: null } as const;
  const drafts: FindingDraft[] = [];
  if (!implies(proposed.effective(coordinate), before)) {
    const everyField = !coordinate.includes('.') && fieldsKeep(compared, coordinate, before);
    const gone = isEmptyDemand(after);
    drafts.push(everyField
      ? { ...common, code: 'PROTECTION_WEAKENED', criticality: 'BREAKING', message: `${coordinate} no longer demands ${demandInWords(before)} itself; each of its fields still does, but that a value exists can be seen, and fields added later are open.`, remedy: `Leave @${part} on the type, or have the change approved by governance.` }
      : { ...common, code: gone ? 'PROTECTION_REMOVED' : 'PROTECTION_WEAKENED', criticality: 'BREAKING', message: `${coordinate} demanded ${demandInWords(before)} by @${part} and ${gone ? 'no longer does' : `now demands ${demandInWords(after)}, which lets in who was kept out`}.`, remedy: KEEP });
  } else {
    for (const name of changed) {
      const [own, now] = [partOf(base.in(name, coordinate), part), partOf(proposed.in(name, coordinate), part)];
      if (implies(now, own) || implies(proposed.in(name, coordinate), own)) continue;
      drafts.push({ ...common, subgraph: name, code: 'PROTECTION_MOVED', criticality: 'DANGEROUS', before: { [name]: canonicalDemand(own) }, after: { [name]: canonicalDemand(now) }, message: `${name} no longer demands ${demandInWords(own)} for ${coordinate} itself; the graph still does through other declarations.`, remedy: 'Make sure that what is left is meant to carry the demand.' });
    }
  }
  if (!implies(base.effective(coordinate), after)) {
    drafts.push({
      ...common, code: 'PROTECTION_STRENGTHENED', criticality: 'BREAKING', weighing: { usedBy: [coordinate], onlyInvalid: false, readBy: [], unused: 'DANGEROUS' },
      message: `${coordinate} now demands ${demandInWords(after)} by @${part}; before it was ${demandInWords(before)}. Clients without it are refused.`, remedy: 'Grant the clients that use it what is demanded before it ships.',
    });
  }
  return drafts;
}

/** A demand that is gone without a directive having been taken from what reads it: its type changed, or what it requires, or what implements it. */
function indirect(compared: Compared, coordinate: string, before: Demand, after: Demand): FindingDraft {
  return {
    kind: 'PROTECTION', code: 'PROTECTION_WEAKENED', criticality: 'BREAKING', coordinate, subgraph: compared.places.subgraphOf(coordinate),
    message: `Reading ${coordinate} demanded ${demandInWords(before)} and now demands ${demandInWords(after)}: what it reads has changed, though no directive was taken from it.`, remedy: `Put the demand on ${coordinate} itself, or have the change approved by governance.`,
    before: canonicalDemand(before), after: canonicalDemand(after), weighing: null,
  };
}

/** A demand that came without a directive on what reads it: an implementation or a type with demands of its own joined it. */
function indirectlyStronger(compared: Compared, coordinate: string, before: Demand, after: Demand): FindingDraft {
  return {
    kind: 'PROTECTION', code: 'PROTECTION_STRENGTHENED', criticality: 'BREAKING', coordinate, subgraph: compared.places.subgraphOf(coordinate),
    message: `Reading ${coordinate} now demands ${demandInWords(after)} through what it reads; before it was ${demandInWords(before)}. Clients without it are refused.`, remedy: 'Grant the clients that use it what is demanded before it ships.',
    before: canonicalDemand(before), after: canonicalDemand(after), weighing: { usedBy: [coordinate], onlyInvalid: false, readBy: [], unused: 'DANGEROUS' },
  };
}

/** Root fields that came without any demand: a field that was renamed to lose its protection looks like this. */
function openRoots({ base, proposed, places }: Compared): FindingDraft[] {
  return [...proposed.rootFields()].filter((coordinate) => !base.has(coordinate) && isEmptyDemand(proposed.effective(coordinate))).map((coordinate) => ({
    kind: 'PROTECTION', code: 'ROOT_FIELD_OPEN', criticality: 'DANGEROUS', coordinate, subgraph: places.subgraphOf(coordinate),
    message: `${coordinate} is new and anyone may ask it.`, remedy: 'Say who may ask it by @authenticated, @requiresScopes or @policy, unless it is meant for everyone.', before: null, after: 'OPEN', weighing: null,
  }));
}

function withReaders(draft: FindingDraft, readers: ReadonlyMap<string, readonly string[]>): FindingDraft {
  const more = readers.get(draft.coordinate ?? '') ?? [];
  return draft.weighing === null ? draft : { ...draft, weighing: { ...draft.weighing, usedBy: [...new Set([...draft.weighing.usedBy, ...more])] } };
}

function fieldsKeep({ base, proposed }: Compared, typeName: string, before: Demand): boolean {
  const kept = base.fieldsOf(typeName).filter((field) => proposed.has(field));
  return kept.length > 0 && kept.every((field) => implies(proposed.together(field), before));
}
