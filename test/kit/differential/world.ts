/** The one data set behind a federated graph and its equivalent single schema. */

/** An object of the data set. Fields hold a leaf, another object, a list of them, an Error (resolving fails) or a {@link FieldFunction}. */
export interface WorldNode {
  readonly __typename: string;
  readonly [field: string]: unknown;
}

export interface FieldInput {
  readonly args: Readonly<Record<string, unknown>>;
  /** What the field's @requires asked for, as plain values; undefined for other fields. */
  readonly required: Readonly<Record<string, unknown>> | undefined;
  readonly run: RunState;
}

export type FieldFunction = (input: FieldInput) => unknown;

/** State of one execution: mutations change it, so that their order shows. */
export interface RunState {
  count: number;
  readonly log: string[];
  /** Failures of fields that were needed for others and not asked for by the client. */
  hidden: number;
}

export interface World {
  readonly nodes: readonly WorldNode[];
  readonly query: WorldNode;
  readonly mutation?: WorldNode;
  /** Subgraphs that do not know an object: a reference to it resolves to null there. */
  readonly missing?: ReadonlyMap<WorldNode, ReadonlySet<string>>;
}

export const newRun = (): RunState => ({ count: 0, log: [], hidden: 0 });

export function isWorldNode(value: unknown): value is WorldNode {
  return typeof value === 'object' && value !== null && typeof (value as Partial<WorldNode>).__typename === 'string';
}

/** The value of a field, before lists and objects are wrapped. @throws the Error the field holds. */
export function fieldValue(node: WorldNode, name: string, input: FieldInput): unknown {
  const held = node[name];
  const value: unknown = typeof held === 'function' ? (held as FieldFunction)(input) : held;
  if (value instanceof Error) throw value;
  return value ?? null;
}

/** Replaces the objects inside lists of any depth. */
export function mapNodes(value: unknown, wrap: (node: WorldNode) => unknown): unknown {
  if (Array.isArray(value)) return value.map((element) => mapNodes(element, wrap));
  return isWorldNode(value) ? wrap(value) : value;
}

/** JSON with sorted keys, for values that are compared or shown. */
export function stableJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'object' && part !== null && !Array.isArray(part)
    ? Object.fromEntries(Object.entries(part).sort(([left], [right]) => (left < right ? -1 : 1)))
    : part)) ?? 'null';
}
