/** Finds fields that a subgraph resolves which did not resolve them before: by @override, @shareable, @provides, or because they moved. */
import type { Compared } from './demand-changes.js';
import type { FindingDraft } from './finding-draft.js';

/** A field with who resolves it before and after, and who came to it. */
export interface OwnershipMove {
  readonly coordinate: string;
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly added: readonly string[];
}

/**
 * Fields of both sides that a subgraph came to resolve. What values of a type are told apart by is no such field: every
 * subgraph that refers to the type gives it.
 */
export function ownershipMoves({ base, proposed }: Compared): OwnershipMove[] {
  const moves: OwnershipMove[] = [];
  for (const coordinate of base.readable()) {
    const [typeName = '', fieldName] = coordinate.split('.');
    if (fieldName === undefined || !proposed.has(coordinate)) continue;
    const [before, after] = [base.owners.of(typeName, fieldName), proposed.owners.of(typeName, fieldName)];
    const added = after.filter((name) => !before.includes(name));
    const stayed = before.every((name) => after.includes(name));
    if (before.length === 0 || added.length === 0 || (stayed && base.owners.isKey(typeName, fieldName))) continue;
    moves.push({ coordinate, before, after, added });
  }
  return moves;
}

/** Judges them: what is protected or CRITICAL rests on the word of who resolves it. */
export function ownershipChanges({ base, proposed }: Compared, moves: readonly OwnershipMove[]): FindingDraft[] {
  return moves.flatMap(({ coordinate, before, after, added }): FindingDraft[] => {
    const { critical, requirements } = base.effective(coordinate);
    const isProtected = critical || requirements.length > 0;
    const typeName = coordinate.split('.')[0] ?? '';
    const stayed = before.every((name) => after.includes(name));
    // One more subgraph that makes such values for fields of its own takes nothing over.
    if (!isProtected && stayed && !added.some((name) => proposed.owners.isEntry(name, typeName))) return [];
    return [{
      kind: 'PROTECTION', code: 'OWNERSHIP_MOVED', criticality: isProtected ? 'BREAKING' : 'DANGEROUS', coordinate, subgraph: added[0] ?? null, before, after, weighing: null,
      message: `${coordinate} was resolved by ${before.join(', ')} and is now resolved by ${after.join(', ')}${critical ? ', though it is CRITICAL' : isProtected ? ', though it is protected' : ''}.`,
      remedy: isProtected ? 'Leave the field where it is, or have the change approved by governance: recorded usage does not excuse it.' : 'Make sure that it gives the same values there.',
    }];
  });
}
