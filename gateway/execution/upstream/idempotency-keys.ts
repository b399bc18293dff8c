/** Finds the idempotency keys of a mutation, so that a client with an unknown outcome can ask again with the same. */
import { Kind, parse, valueFromASTUntyped, type ArgumentNode, type ValueNode } from 'graphql';

const KEY = 'idempotencyKey';

/**
 * Reads the keys of every root field of a mutation, given as an argument or inside an input object.
 * @param query a well-formed operation as sent to a subgraph.
 * @returns the keys that are texts, without repetition, in order of the fields.
 */
export function idempotencyKeysOf(query: string, variables: Readonly<Record<string, unknown>>): string[] {
  const operation = parse(query, { noLocation: true }).definitions.find((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  if (operation?.kind !== Kind.OPERATION_DEFINITION) return [];
  const keys = operation.selectionSet.selections.flatMap((field) => (field.kind === Kind.FIELD ? (field.arguments ?? []).flatMap((argument) => keysIn(argument, variables)) : []));
  return [...new Set(keys)];
}

function keysIn({ name, value }: ArgumentNode, variables: Readonly<Record<string, unknown>>): string[] {
  const given = read(value, variables);
  const key = name.value === KEY ? given : typeof given === 'object' && given !== null ? (given as Record<string, unknown>)[KEY] : undefined;
  return typeof key === 'string' ? [key] : [];
}

function read(value: ValueNode, variables: Readonly<Record<string, unknown>>): unknown {
  return valueFromASTUntyped(value, { ...variables });
}
