/** Finds changes of what guards beside demands: costs, list sizes, sharing marks, visibility, the constitution's label, and the names guards go by. */
import type { ListSize } from '../directive-data.js';
import type { Declared, DeclaredProtection, Guard } from './declared-protection.js';
import type { Compared } from './demand-changes.js';
import type { FindingDraft } from './finding-draft.js';

const APPROVE = 'Keep it as it was, or have the change approved by governance: recorded usage does not excuse it.';

/**
 * Compares what the composed schema carries, and what changed subgraphs say of themselves, on elements that exist before and after.
 * @param coordinates of which changed subgraphs declare something.
 */
export function guardChanges({ base, proposed, changed, places }: Compared, coordinates: readonly string[]): FindingDraft[] {
  const drafts: FindingDraft[] = [];
  for (const coordinate of [...new Set([...coordinates, ...base.guarded(), ...proposed.guarded()])].sort()) {
    if (!base.has(coordinate) || !proposed.has(coordinate)) continue;
    const [before, after] = [base.carried(coordinate), proposed.carried(coordinate)];
    const place = { kind: 'PROTECTION', subgraph: places.subgraphOf(coordinate), coordinate, weighing: null } as const;
    drafts.push(...weightChange(place, before.weight ?? base.defaultWeight(coordinate), after.weight ?? proposed.defaultWeight(coordinate)), ...sizeChange(place, before.listSize, after.listSize));
    if (before.isInaccessible && !after.isInaccessible) {
      drafts.push({ ...place, code: 'NEWLY_VISIBLE', criticality: 'DANGEROUS', before: 'INACCESSIBLE', after: 'VISIBLE', message: `${coordinate} was @inaccessible and can now be seen by clients.`, remedy: 'Make sure that it carries the demands of what may be public.' });
    }
    for (const name of changed) drafts.push(...sharingChanges({ ...place, subgraph: name }, base.in(name, coordinate), proposed.in(name, coordinate), base.in(name, coordinate.split('.')[0] ?? '')));
  }
  for (const name of changed) {
    const [before, after] = [base.declared.get(name), proposed.declared.get(name)];
    if (before !== undefined && after !== undefined) drafts.push(...nameChanges(name, before, after));
  }
  return drafts;
}

/** Coordinates of which changed subgraphs declare something, before or after, in order. */
export function declaredCoordinates({ base, proposed, changed }: Pick<Compared, 'base' | 'proposed' | 'changed'>): string[] {
  return [...new Set([base, proposed].flatMap((side) => changed.flatMap((name) => [...(side.declared.get(name)?.elements.keys() ?? [])])))].sort();
}

type Place = Pick<FindingDraft, 'kind' | 'subgraph' | 'coordinate' | 'weighing'>;

function weightChange(place: Place, before: number, after: number): FindingDraft[] {
  if (before === after) return [];
  const values = { before, after };
  return after < before
    ? [{ ...place, ...values, code: 'COST_LOWERED', criticality: 'BREAKING', message: `${place.coordinate} cost ${before} and now costs ${after}: more of it passes the limit.`, remedy: APPROVE }]
    : [{ ...place, ...values, code: 'COST_RAISED', criticality: 'DANGEROUS', message: `${place.coordinate} cost ${before} and now costs ${after}: operations near the limit may be refused.`, remedy: 'Look for operations near the cost limit.' }];
}

function sizeChange(place: Place, before: ListSize | null, after: ListSize | null): FindingDraft[] {
  const values = { before: canonicalSize(before), after: canonicalSize(after) };
  if (JSON.stringify(values.before) === JSON.stringify(values.after)) return [];
  const weaker = weakenings(before, after);
  if (weaker.length > 0) {
    return [{ ...place, ...values, code: after === null ? 'LIST_SIZE_REMOVED' : 'LIST_SIZE_WEAKENED', criticality: 'BREAKING', message: `@listSize of ${place.coordinate} bounds less: ${weaker.join('; ')}.`, remedy: APPROVE }];
  }
  return [{ ...place, ...values, code: 'LIST_SIZE_STRENGTHENED', criticality: 'DANGEROUS', message: `@listSize of ${place.coordinate} bounds more: operations may be refused that were not.`, remedy: 'Look for operations near the cost limit and for lists asked without a size.' }];
}

function weakenings(before: ListSize | null, after: ListSize | null): string[] {
  if (before === null) return [];
  if (after === null) return ['it was removed'];
  const missing = (left: readonly string[], right: readonly string[]): string[] => left.filter((name) => !right.includes(name));
  const found: string[] = [];
  if (before.assumedSize !== null && (after.assumedSize ?? 0) < before.assumedSize) found.push(`the assumed size went from ${before.assumedSize} to ${after.assumedSize ?? 'none'}`);
  const slicing = missing(before.slicingArguments, after.slicingArguments);
  if (slicing.length > 0) found.push(`${slicing.join(', ')} no longer counts as slicing`);
  const sized = missing(before.sizedFields, after.sizedFields);
  if (sized.length > 0) found.push(`${sized.join(', ')} is no longer counted by it`);
  if (before.requireOneSlicingArgument && !after.requireOneSlicingArgument) found.push('a slicing argument is no longer required');
  return found;
}

function canonicalSize(size: ListSize | null): unknown {
  return size === null ? null : { ...size, slicingArguments: [...size.slicingArguments].sort(), sizedFields: [...size.sizedFields].sort() };
}

/** What the gateway may now share between principals on the subgraph's word. */
function sharingChanges(place: Place, before: Declared, after: Declared, beforeOnType: Declared): FindingDraft[] {
  const drafts: FindingDraft[] = [];
  if (after.isImpersonal && !before.isImpersonal && !beforeOnType.isImpersonal) {
    drafts.push({ ...place, code: 'IMPERSONAL_ADDED', criticality: 'DANGEROUS', before: null, after: 'IMPERSONAL', message: `${place.subgraph} now says that ${place.coordinate} is the same for everyone: the gateway may give one principal what it fetched for another.`, remedy: 'Make sure that no row filter and no policy of the subgraph depends on who asks.' });
  }
  if (after.cacheScope === 'PUBLIC' && before.cacheScope !== 'PUBLIC') {
    drafts.push({ ...place, code: 'CACHE_MADE_PUBLIC', criticality: 'DANGEROUS', before: before.cacheScope, after: 'PUBLIC', message: `${place.coordinate} may now be kept and given to everyone; before it was ${before.cacheScope === null ? 'not cached' : 'kept for each principal alone'}.`, remedy: 'Make sure that everyone who may see the value sees the same one.' });
  }
  return drafts;
}

function nameChanges(subgraph: string, before: DeclaredProtection, after: DeclaredProtection): FindingDraft[] {
  const drafts: FindingDraft[] = [];
  const place = { kind: 'PROTECTION', subgraph, weighing: null } as const;
  for (const guard of after.taken) {
    if (before.taken.includes(guard)) continue;
    drafts.push({ ...place, code: 'PROTECTION_NAME_TAKEN', criticality: 'BREAKING', coordinate: `@${guard}`, before: before.names[guard], after: after.names[guard], message: `${subgraph} defines a directive of its own named @${guard}, which protects nothing${after.names[guard] === null ? '' : `; the one that does is imported as @${after.names[guard]}`}.`, remedy: `Give the subgraph's own directive another name.` });
  }
  for (const guard of Object.keys(after.names) as Guard[]) {
    const [old, now] = [before.names[guard], after.names[guard]];
    // A directive that is no longer imported keeps its long name; what used it is found by what it protected.
    if (old === null || now === null || old === now || old.includes('__') || now.includes('__')) continue;
    drafts.push({ ...place, code: 'PROTECTION_RENAMED', criticality: 'DANGEROUS', coordinate: `@${now}`, before: old, after: now, message: `${subgraph} imports @${guard} as @${now}; before it was @${old}.`, remedy: `Import it as @${guard}, which everyone who reads the schema looks for.` });
  }
  if (before.hash !== after.hash) {
    drafts.push({ ...place, kind: 'CONSTITUTION', code: 'CONSTITUTION_LABEL_CHANGED', criticality: 'DANGEROUS', coordinate: null, before: { [subgraph]: before.hash }, after: { [subgraph]: after.hash }, message: `${subgraph} is now bound to constitution ${after.hash ?? 'none'}; before it was ${before.hash ?? 'none'}.`, remedy: 'Publish all subgraphs under the new label before the old one is closed.' });
  }
  return drafts;
}
