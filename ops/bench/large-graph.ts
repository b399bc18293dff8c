/** Generates a graph of any size for the schema check to work on: each subgraph owns an entity and extends its neighbour's. */
import type { SubgraphSchema } from '../runtime/schema-check.js';

/** Output fields of each subgraph below that do not grow with its size: root fields, the page, the extension of the neighbour's entity. */
const FIXED_FIELDS = 10;
/** Fields of one plain type. */
const TYPE_FIELDS = 15;

const HEAD = (hash: string): string => `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable", "@external", "@requires", "@composeDirective", "@authenticated", "@requiresScopes", "@cost", "@listSize"])
  @link(url: "https://specs.acgs.internal/constitutional/v1.0", import: ["@constitutional"])
  @composeDirective(name: "@constitutional")
  @constitutional(hash: "${hash}")
`;

/** What is generated. */
export interface LargeGraphOptions {
  /** How many subgraphs, 2 or more. */
  readonly subgraphs: number;
  /** Output fields of all subgraphs together, at least 26 for each subgraph. */
  readonly fields: number;
  /** Label of the constitution the subgraphs declare. */
  readonly hash: string;
  /** Definition of the constitutional directive, as schema/constitutional.graphql has it. */
  readonly constitutional: string;
}

/**
 * Generates the subgraphs, in order of name; the same options give the same text.
 * @throws RangeError when there are too few fields for the subgraphs.
 */
export function largeGraph({ subgraphs, fields, hash, constitutional }: LargeGraphOptions): SubgraphSchema[] {
  if (subgraphs < 2 || fields < subgraphs * (FIXED_FIELDS + 16)) throw new RangeError('A large graph has at least 2 subgraphs, and 26 fields for each.');
  return Array.from({ length: subgraphs }, (_, index) => {
    const own = Math.floor(fields / subgraphs) + (index < fields % subgraphs ? 1 : 0);
    return { name: `s${String(index).padStart(4, '0')}`, url: `http://127.0.0.1:${10_000 + index}/graphql`, sdl: `${HEAD(hash)}${definitions(index, (index + 1) % subgraphs, own - FIXED_FIELDS)}${constitutional}` };
  });
}

function definitions(index: number, neighbour: number, fields: number): string {
  const [entity, page] = [`Thing${index}`, `Page${index}`];
  const plain = Math.max(1, Math.ceil((fields - TYPE_FIELDS) / TYPE_FIELDS));
  const types: string[] = [];
  let left = fields;
  for (let number = 0; number <= plain; number += 1) {
    const count = number === plain ? left : Math.min(TYPE_FIELDS, left);
    left -= count;
    if (count === 0) continue;
    const named = number === 0 ? `${entity} @key(fields: "id")` : `Part${index}x${number}`;
    const lines = Array.from({ length: count }, (_, field) => `  "Field ${field}."\n  ${fieldOf(index, number, field, plain)}`);
    types.push(`"Type ${number} of subgraph ${index}."\ntype ${named} {\n${lines.join('\n')}\n}`);
  }
  return `
type Query {
  "One thing."
  thing${index}("Its identifier." id: ID!): ${entity} @requiresScopes(scopes: [["read:${index % 20}"]])
  "Things by page."
  things${index}("Which." filter: Filter${index} "How many." first: Int = 20): ${page}! @requiresScopes(scopes: [["read:${index % 20}"]]) @listSize(slicingArguments: ["first"], sizedFields: ["nodes"])
  "How many there are."
  count${index}: Int! @authenticated
}
type Mutation {
  "Changes a thing."
  changeThing${index}("What." input: Change${index}! "Makes a retry return the first result." idempotencyKey: String): ${entity} @constitutional(level: CRITICAL) @requiresScopes(scopes: [["write:${index % 20}"]]) @cost(weight: 20)
}
"A page."
type ${page} {
  "Things."
  nodes: [${entity}!]!
  "Whether there are more."
  hasMore: Boolean!
}
"Extended from its owner."
type Thing${neighbour} @key(fields: "id") {
  "Identifier."
  id: ID!
  "What this subgraph knows of it."
  from${index}: String
  "A thing of this subgraph that belongs to it."
  of${index}: ${entity}
  "A figure of it."
  figure${index}("Of when." at: String): Float
}
"States."
enum State${index} { "New." NEW "Under way." ACTIVE "Done." DONE }
"Conditions."
input Filter${index} { "State." state: State${index} "Text." text: String }
"A change."
input Change${index} { "Identifier." id: ID! "State." state: State${index} = NEW "Name." name: String! }
${types.join('\n')}
`;
}

function fieldOf(subgraph: number, type: number, field: number, types: number): string {
  if (type === 0 && field === 0) return 'id: ID!';
  if (type === 0 && field <= types) return `part${field}: Part${subgraph}x${field}`;
  if (field % 7 === 3) return `state${field}: State${subgraph}!`;
  if (field % 11 === 5) return `secret${field}: String @requiresScopes(scopes: [["secret:${subgraph % 20}"]])`;
  return `value${field}: ${['String', 'Int!', 'Boolean', 'Float', 'ID'][field % 5]}`;
}
