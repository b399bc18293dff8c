/** A graph that is dear to plan: objects of one subgraph whose field two others share, so that every one doubles the choices. */

export interface SharedFieldsContract {
  readonly name: string;
  /** SDL without links. */
  readonly sdl: string;
}

/**
 * Contracts of the graph.
 * @param count fields of the root that lead to a shared field.
 * @param names of the subgraph with the root, and of the two that share.
 */
export function sharedFieldsContracts(count: number, [root, ...sharing]: readonly [string, string, string]): readonly SharedFieldsContract[] {
  return [
    { name: root, sdl: `type Query { word: String  ${Array.from({ length: count }, (_, index) => `f${index}: Shared`).join('  ')} }\ntype Shared @key(fields: "id") { id: ID! }` },
    ...sharing.map((name) => ({ name, sdl: `type Query { ${name.replaceAll('-', '_')}: Int }\ntype Shared @key(fields: "id") { id: ID!  value: Int @shareable }` })),
  ];
}

/** Selects the first `count` of those fields; they come from two subgraphs each. */
export function sharedFieldsQuery(count: number): string {
  return `{ ${Array.from({ length: count }, (_, index) => `f${index} { value }`).join(' ')} }`;
}
