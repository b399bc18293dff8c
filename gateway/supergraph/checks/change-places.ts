/** Says in which of the changed subgraphs a change of the client schema was made. */
import { print, type ASTNode, type DocumentNode } from 'graphql';
import { coordinateNodes, parentCoordinate } from '../../../ops/runtime/schema-coordinates.js';

/** A subgraph before and after; null where it did not or does not exist. */
export interface ChangedDocuments {
  readonly name: string;
  readonly before: DocumentNode | null;
  readonly after: DocumentNode | null;
}

export class ChangePlaces {
  private readonly documents: readonly { readonly name: string; readonly before: ReadonlyMap<string, ASTNode[]>; readonly after: ReadonlyMap<string, ASTNode[]> }[];

  /** @param documents in order of name: the first that fits is taken. */
  constructor(documents: readonly ChangedDocuments[]) {
    const nodes = (document: DocumentNode | null): ReadonlyMap<string, ASTNode[]> => (document === null ? new Map<string, ASTNode[]>() : coordinateNodes(document));
    this.documents = documents.map(({ name, before, after }) => ({ name, before: nodes(before), after: nodes(after) }));
  }

  /**
   * The first subgraph that defines the element, or else what holds it, otherwise than before: one that has it now
   * rather than one that no longer does. When none does, the only one that changed; null when there are several.
   */
  subgraphOf(coordinate: string | null): string | null {
    for (let at = coordinate; at !== null; at = parentCoordinate(at)) {
      const place = at;
      const differ = this.documents.filter(({ before, after }) => text(before.get(place)) !== text(after.get(place)));
      const found = differ.find(({ after }) => after.has(place)) ?? differ[0];
      if (found !== undefined) return found.name;
    }
    return coordinate !== null && this.documents.length === 1 ? (this.documents[0]?.name ?? null) : null;
  }
}

function text(nodes: readonly ASTNode[] | undefined): string {
  return (nodes ?? []).map(print).sort().join('\n');
}
