/** Finds changes of what guards beside demands and costs: sharing marks, visibility, the constitution's label, and the names guards go by. */
import type { Declared, DeclaredProtection, Guard } from './declared-protection.js';
import type { Compared } from './demand-changes.js';
import type { FindingDraft } from './finding-draft.js';
import type { OwnershipMove } from './ownership-changes.js';

const APPROVE = 'Otherwise keep it as it was, or have the change approved by governance: recorded usage does not excuse it.';

/**
 * Compares what the composed schema carries, and what changed subgraphs say of themselves, on elements that exist before and after.
 * @param coordinates of which changed subgraphs declare something.
 * @param moves fields that a subgraph came to resolve.
 */
export function guardChanges({ base, proposed, changed, places }: Compared, coordinates: readonly string[], moves: readonly OwnershipMove[]): FindingDraft[] {
  const drafts: FindingDraft[] = [];
  for (const coordinate of [...new Set([...coordinates, ...base.guarded(), ...proposed.guarded()])].sort()) {
    if (!base.has(coordinate) || !proposed.has(coordinate)) continue;
    const place = { kind: 'PROTECTION', subgraph: places.subgraphOf(coordinate), coordinate, weighing: null } as const;
    if (base.carried(coordinate).isInaccessible && !proposed.carried(coordinate).isInaccessible) {
      drafts.push({ ...place, code: 'NEWLY_VISIBLE', criticality: 'BREAKING', before: 'INACCESSIBLE', after: 'VISIBLE', message: `${coordinate} was @inaccessible and can now be seen by clients.`, remedy: `Make sure that it carries the demands of what may be public. ${APPROVE}` });
    }
    for (const name of changed) {
      // A subgraph that is new to a type and serves only new fields of it says nothing of what was there.
      if (!coordinate.includes('.') && !base.owners.defines(name, coordinate) && !moves.some((move) => move.added.includes(name) && move.coordinate.startsWith(`${coordinate}.`))) continue;
      drafts.push(...sharingChanges({ ...place, subgraph: name }, base.in(name, coordinate), proposed.in(name, coordinate), base.in(name, coordinate.split('.')[0] ?? '')));
    }
  }
  for (const { coordinate, added } of moves) {
    const typeName = coordinate.split('.')[0] ?? '';
    for (const name of added) {
      // The mark on the type was there, and did not stand for a field that another subgraph resolved.
      const isMarked = proposed.in(name, typeName).isImpersonal || proposed.in(name, coordinate).isImpersonal;
      if (base.in(name, typeName).isImpersonal && isMarked) drafts.push(impersonal({ kind: 'PROTECTION', subgraph: name, coordinate, weighing: null }));
    }
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

/** What the gateway may now share between principals on the subgraph's word. */
function sharingChanges(place: Place, before: Declared, after: Declared, beforeOnType: Declared): FindingDraft[] {
  const drafts: FindingDraft[] = [];
  if (after.isImpersonal && !before.isImpersonal && !beforeOnType.isImpersonal) drafts.push(impersonal(place));
  if (after.cacheScope === 'PUBLIC' && before.cacheScope !== 'PUBLIC') {
    drafts.push({ ...place, code: 'CACHE_MADE_PUBLIC', criticality: 'BREAKING', before: before.cacheScope, after: { [place.subgraph ?? '']: 'PUBLIC' }, message: `${place.coordinate} may now be kept and given to everyone; before it was ${before.cacheScope === null ? 'not cached' : 'kept for each principal alone'}.`, remedy: `Make sure that everyone who may see the value sees the same one. ${APPROVE}` });
  }
  return drafts;
}

function impersonal(place: Place): FindingDraft {
  return {
    ...place, code: 'IMPERSONAL_ADDED', criticality: 'BREAKING', before: null, after: { [place.subgraph ?? '']: 'IMPERSONAL' },
    message: `${place.subgraph} now says that ${place.coordinate} is the same for everyone: the gateway may give one principal what it fetched for another.`, remedy: `Make sure that no row filter and no policy of the subgraph depends on who asks. ${APPROVE}`,
  };
}

function nameChanges(subgraph: string, before: DeclaredProtection, after: DeclaredProtection): FindingDraft[] {
  const drafts: FindingDraft[] = [];
  const place = { kind: 'PROTECTION', subgraph, weighing: null } as const;
  for (const guard of after.taken) {
    if (before.taken.includes(guard)) continue;
    drafts.push({ ...place, code: 'PROTECTION_NAME_TAKEN', criticality: 'BREAKING', coordinate: `@${guard}`, before: { [subgraph]: before.names[guard] }, after: { [subgraph]: after.names[guard] }, message: `${subgraph} defines a directive of its own named @${guard}, which protects nothing${after.names[guard] === null ? '' : `; the one that does is imported as @${after.names[guard]}`}.`, remedy: `Give the subgraph's own directive another name.` });
  }
  for (const guard of Object.keys(after.names) as Guard[]) {
    const [old, now] = [before.names[guard], after.names[guard]];
    // A directive that is no longer imported keeps its long name; what used it is found by what it protected.
    if (old === null || now === null || old === now || old.includes('__') || now.includes('__')) continue;
    drafts.push({ ...place, code: 'PROTECTION_RENAMED', criticality: 'DANGEROUS', coordinate: `@${now}`, before: { [subgraph]: old }, after: { [subgraph]: now }, message: `${subgraph} imports @${guard} as @${now}; before it was @${old}.`, remedy: `Import it as @${guard}, which everyone who reads the schema looks for.` });
  }
  if (before.hash !== after.hash) {
    drafts.push({ ...place, kind: 'CONSTITUTION', code: 'CONSTITUTION_LABEL_CHANGED', criticality: 'DANGEROUS', coordinate: null, before: { [subgraph]: before.hash }, after: { [subgraph]: after.hash }, message: `${subgraph} is now bound to constitution ${after.hash ?? 'none'}; before it was ${before.hash ?? 'none'}.`, remedy: 'Publish all subgraphs under the new label before the old one is closed.' });
  }
  return drafts;
}
