/** Finds the line of a subgraph's schema file that a finding is about. */
import { parse, type ASTNode } from 'graphql';
import type { SchemaFinding } from '../../runtime/schema-check.js';
import { coordinateNodes, parentCoordinate } from '../../runtime/schema-coordinates.js';

/** The file a subgraph's schema is written in. */
export interface SchemaFile {
  readonly subgraph: string;
  /** As it is to be shown: relative to the root of the repository, with forward slashes. */
  readonly path: string;
  readonly sdl: string;
}

export interface FindingPlace {
  readonly path: string;
  /** From 1. */
  readonly line: number;
}

export class FindingPlaces {
  private readonly files: ReadonlyMap<string, SchemaFile>;
  private readonly nodes = new Map<string, ReadonlyMap<string, ASTNode[]>>();

  /** @param files schemas as proposed; findings of subgraphs without one have no place. */
  constructor(files: readonly SchemaFile[]) {
    this.files = new Map(files.map((file) => [file.subgraph, file]));
  }

  /**
   * The line of the element, or of what holds it when it is gone; the first line when the file says nothing of either.
   * @returns null for findings of no subgraph, or of one without a file.
   */
  of({ subgraph, coordinate, line }: Pick<SchemaFinding, 'subgraph' | 'coordinate' | 'line'>): FindingPlace | null {
    const file = subgraph === null ? undefined : this.files.get(subgraph);
    if (file === undefined) return null;
    // The text that was checked goes on after the file, with the shared definitions.
    if (line !== undefined && line <= file.sdl.split('\n').length) return { path: file.path, line };
    const nodes = this.nodesOf(file);
    for (let at = coordinate; at !== null; at = parentCoordinate(at)) {
      const found = lineOf(nodes.get(at)?.[0]);
      if (found !== undefined) return { path: file.path, line: found };
    }
    return { path: file.path, line: 1 };
  }

  private nodesOf(file: SchemaFile): ReadonlyMap<string, ASTNode[]> {
    const known = this.nodes.get(file.subgraph) ?? readNodes(file.sdl);
    this.nodes.set(file.subgraph, known);
    return known;
  }
}

function readNodes(sdl: string): ReadonlyMap<string, ASTNode[]> {
  try {
    return coordinateNodes(parse(sdl));
  } catch {
    // A text that does not parse is a finding of its own, with the parser's line.
    return new Map();
  }
}

/** The line of the name: a definition begins with its description. */
function lineOf(node: ASTNode | undefined): number | undefined {
  const named = node !== undefined && 'name' in node ? node.name : undefined;
  return (named?.loc ?? node?.loc)?.startToken.line;
}
