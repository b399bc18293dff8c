/** Finds changes of what operations are counted: weights and list sizes, compared as the gateway counts them and not as they are written. */
import { ASSUMED_LIST_SIZE, DEFAULT_SLICING_ARGUMENTS } from '../cost-defaults.js';
import type { ListSize } from '../directive-data.js';
import type { CostSide, CountedField, CountedInput } from './cost-side.js';
import type { Compared } from './demand-changes.js';
import type { FindingDraft } from './finding-draft.js';

const APPROVE = 'Keep it as it was, or have the change approved by governance: recorded usage does not excuse it.';

/** Compares every type, field, argument and input field that exists before and after. */
export function costChanges({ base: { costs: base }, proposed: { costs: proposed }, places }: Compared): FindingDraft[] {
  const drafts: FindingDraft[] = [];
  const weight = (coordinate: string, before: number, after: number, what?: string): void => {
    if (before !== after) drafts.push(weightChange({ kind: 'PROTECTION', subgraph: places.subgraphOf(coordinate), coordinate, weighing: null }, before, after, what));
  };
  const inputs = (coordinateOf: (name: string) => string, before: ReadonlyMap<string, CountedInput>, after: ReadonlyMap<string, CountedInput>): void => {
    for (const [name, old] of before) {
      const now = after.get(name);
      if (now !== undefined && !isTypesDoing(base, proposed, old, now)) weight(coordinateOf(name), old.cost, now.cost);
    }
  };
  for (const typeName of base.typeNames()) {
    const [before, after] = [base.typeCost(typeName), proposed.typeCost(typeName)];
    if (before === null || after === null) continue;
    if ((before.isWeighted || after.isWeighted) && !isMembersDoing(base, proposed, typeName, after.cost)) weight(typeName, before.cost, after.cost);
    inputs((name) => `${typeName}.${name}`, base.inputs(typeName), proposed.inputs(typeName));
    for (const fieldName of base.fieldNames(typeName)) {
      const [old, now] = [base.field(typeName, fieldName), proposed.field(typeName, fieldName)];
      if (old === null || now === null) continue;
      const coordinate = `${typeName}.${fieldName}`;
      for (const [was, is, what] of costsToCompare(old, now)) weight(coordinate, was, is, what);
      inputs((name) => `${coordinate}(${name}:)`, old.argumentCosts, now.argumentCosts);
      drafts.push(...sizeChange({ base, proposed, typeName, fieldName, before: old, after: now }, places.subgraphOf(coordinate)));
    }
  }
  return drafts;
}

type Place = Pick<FindingDraft, 'kind' | 'subgraph' | 'coordinate' | 'weighing'>;

/** @param what is counted, where it is not the element itself. */
function weightChange(place: Place, before: number, after: number, what?: string): FindingDraft {
  const values = what === undefined ? { before, after } : { before: { [what]: before }, after: { [what]: after } };
  const costs = `${what === undefined ? place.coordinate : `Each ${what} of ${place.coordinate}`} cost ${before} and now costs ${after}`;
  return after < before
    ? { ...place, ...values, code: 'COST_LOWERED', criticality: 'BREAKING', message: `${costs}: more of it passes the limit.`, remedy: APPROVE }
    : { ...place, ...values, code: 'COST_RAISED', criticality: 'DANGEROUS', message: `${costs}: operations near the limit may be refused.`, remedy: 'Look for operations near the cost limit.' };
}

/** What of two fields is comparable; what only their type's weight changes is told of at the type. */
function costsToCompare(before: CountedField, after: CountedField): readonly (readonly [number, number, string?])[] {
  if (!before.isWeighted && !after.isWeighted) return [];
  const isSameType = before.typeName === after.typeName;
  if (isSameType && before.weight === null && after.weight === null) return [];
  const [old, now] = [before.cost, after.cost];
  if (old.isList !== now.isList) return [[Math.max(old.call, old.element), Math.max(now.call, now.element)]];
  return [[old.call, now.call], ...(isSameType ? [] : [[old.element, now.element, 'element'] as const])];
}

/** True when an argument or input field has its weights from its type alone, where they are told of. */
function isTypesDoing(base: CostSide, proposed: CostSide, before: CountedInput, after: CountedInput): boolean {
  return before.typeName === after.typeName && base.typeCost(before.typeName)?.cost === before.cost && proposed.typeCost(after.typeName)?.cost === after.cost;
}

/** True when an interface or union costs less only because a type it may be does, where it is told of. Types that left count as they did. */
function isMembersDoing(base: CostSide, proposed: CostSide, typeName: string, after: number): boolean {
  const members = base.membersOf(typeName);
  return members.length > 0 && after >= Math.max(...members.map((member) => (proposed.typeCost(member) ?? base.typeCost(member))?.cost ?? 0));
}

/** A field of both sides. */
interface SizedField {
  readonly base: CostSide;
  readonly proposed: CostSide;
  readonly typeName: string;
  readonly fieldName: string;
  readonly before: CountedField;
  readonly after: CountedField;
}

function sizeChange(field: SizedField, subgraph: string | null): FindingDraft[] {
  const coordinate = `${field.typeName}.${field.fieldName}`;
  const values = { before: canonicalSize(field.before.listSize), after: canonicalSize(field.after.listSize) };
  if (JSON.stringify(values.before) === JSON.stringify(values.after)) return [];
  const place = { kind: 'PROTECTION', subgraph, coordinate, weighing: null } as const;
  const weaker = weakenings(field);
  if (weaker.length > 0) {
    return [{ ...place, ...values, code: field.after.listSize === null ? 'LIST_SIZE_REMOVED' : 'LIST_SIZE_WEAKENED', criticality: 'BREAKING', message: `@listSize of ${coordinate} bounds less: ${weaker.join('; ')}.`, remedy: APPROVE }];
  }
  return [{ ...place, ...values, code: 'LIST_SIZE_STRENGTHENED', criticality: 'DANGEROUS', message: `@listSize of ${coordinate} bounds more: operations may be refused that were not.`, remedy: 'Look for operations near the cost limit and for lists asked without a size.' }];
}

function weakenings(field: SizedField): string[] {
  if (field.after.listSize === null) return ['it was removed'];
  const [before, after] = [boundsBefore(field), boundsOf(field.after.listSize)];
  const missing = (left: readonly string[], right: readonly string[]): string[] => left.filter((name) => !right.includes(name));
  const found: string[] = [];
  const say = (names: readonly string[], what: string): void => {
    if (names.length > 0) found.push(`${names.join(', ')} ${what}`);
  };
  if (after.assumed < before.assumed) found.push(`the assumed size went from ${before.assumed} to ${after.assumed}`);
  say(missing(before.slicing, after.slicing), 'no longer counts as slicing');
  say(missing(after.slicing, before.slicing), 'now counts as slicing, so that a client may name a smaller size by it');
  const [listsBefore, listsAfter] = [field.base.listsOf(field.before.typeName), field.proposed.listsOf(field.after.typeName)];
  say(missing(before.sized, after.sized).filter((name) => listsAfter.includes(name)), 'is no longer counted by it');
  say(missing(after.sized, before.sized).filter((name) => listsBefore.includes(name)), 'no longer has the size of its own');
  if (before.requireOne && !after.requireOne) found.push('a slicing argument is no longer required');
  if (field.before.listSize === null && field.before.cost.isList) say(lostGivers(field), 'no longer gives it the size that is asked for');
  return found;
}

/** What a field's lists are counted by. */
interface Bounds {
  readonly slicing: readonly string[];
  readonly sized: readonly string[];
  readonly assumed: number;
  readonly requireOne: boolean;
}

function boundsOf({ slicingArguments, sizedFields, assumedSize, requireOneSlicingArgument }: ListSize): Bounds {
  return { slicing: [...slicingArguments].sort(), sized: [...sizedFields].sort(), assumed: assumedSize ?? ASSUMED_LIST_SIZE, requireOne: requireOneSlicingArgument };
}

/** Without @listSize the gateway takes arguments by their names, for the field's own list or for those of what it returns. */
function boundsBefore({ base, before, after }: SizedField): Bounds {
  if (before.listSize !== null) return boundsOf(before.listSize);
  // An argument of such a name that comes with the directive would count without it as well.
  const slicing = DEFAULT_SLICING_ARGUMENTS.filter((name) => after.argumentCosts.has(name));
  const sized = before.cost.isList || slicing.length === 0 ? [] : base.listsOf(before.typeName, true);
  return { slicing, sized, assumed: ASSUMED_LIST_SIZE, requireOne: false };
}

/** Fields above a list that gave it its size and no longer do, now that it says its own. */
function lostGivers({ base, proposed, typeName, fieldName }: SizedField): readonly string[] {
  return base.givers(typeName).filter((coordinate) => {
    const [parent = '', name = ''] = coordinate.split('.');
    const giver = proposed.field(parent, name);
    return giver !== null && giver.listSize?.sizedFields.includes(fieldName) !== true;
  });
}

function canonicalSize(size: ListSize | null): unknown {
  return size === null ? null : { ...size, slicingArguments: [...size.slicingArguments].sort(), sizedFields: [...size.sizedFields].sort() };
}
