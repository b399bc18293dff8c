/** The seven subgraphs, their default ports and their PostgreSQL schemas: the one table everything else derives from. */

export const SUBGRAPHS = [
  { name: 'auth', port: 8000, schema: 'auth', tier: 1 },
  { name: 'constitutional-ai', port: 8001, schema: 'constitutional_ai', tier: 1 },
  { name: 'integrity', port: 8002, schema: 'integrity', tier: 2 },
  { name: 'formal-verification', port: 8003, schema: 'formal_verification', tier: 3 },
  { name: 'governance-synthesis', port: 8004, schema: 'governance_synthesis', tier: 2 },
  { name: 'policy-governance', port: 8005, schema: 'policy_governance', tier: 1 },
  { name: 'evolutionary-computation', port: 8006, schema: 'evolutionary_computation', tier: 3 },
] as const;

export type SubgraphName = (typeof SUBGRAPHS)[number]['name'];
export type SubgraphSchema = (typeof SUBGRAPHS)[number]['schema'];

export const SUBGRAPH_NAMES: readonly SubgraphName[] = SUBGRAPHS.map((entry) => entry.name);
export const SUBGRAPH_SCHEMAS: readonly SubgraphSchema[] = SUBGRAPHS.map((entry) => entry.schema);

/** True when `value` names one of the seven subgraphs. */
export function isSubgraphName(value: string): value is SubgraphName {
  return SUBGRAPHS.some((entry) => entry.name === value);
}

/** PostgreSQL schema that the subgraph owns. */
export function schemaOf(name: SubgraphName): SubgraphSchema {
  return entryOf(name).schema;
}

/** TCP port a subgraph listens on when nothing else is configured. */
export function defaultPortOf(name: SubgraphName): number {
  return entryOf(name).port;
}

function entryOf(name: SubgraphName): (typeof SUBGRAPHS)[number] {
  const entry = SUBGRAPHS.find((candidate) => candidate.name === name);
  if (entry === undefined) throw new RangeError(`Unknown subgraph: ${String(name)}`);
  return entry;
}
