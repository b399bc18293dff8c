/** Gives a failed fetch the response paths of the fields it was to bring: one error at each null, as GraphQL asks (section 6.4.4). */
import { GraphQLError, Kind, parse, type SelectionSetNode } from 'graphql';
import { AcgsError } from '../../ops/runtime/errors.js';

type Path = readonly (string | number)[];

/** Where the fetch's parents are in the response (`@` stands for every element of a list) and what it asked of them. */
interface FetchFailure {
  readonly path: Path;
  readonly fields: readonly string[];
}

/** Errors one failed fetch may grow to; more nulls than that are as clear. */
const MAX_PLACES = 50;

const failures = new WeakMap<AcgsError, FetchFailure>();

/** Remembers what a failed fetch was for. @param path as the executor gives it; undefined or empty at the root. */
export function rememberFetch(error: AcgsError, query: string, path: Path | undefined): void {
  failures.set(error, { path: path ?? [], fields: fieldsOf(query) });
}

/**
 * The error at every place the failed fetch left null; the error itself where it was no failed fetch.
 * @param data the shaped response.
 */
export function placeFailure(error: Error, data: unknown): readonly Error[] {
  const fault = error instanceof AcgsError ? error : error instanceof GraphQLError && error.originalError instanceof AcgsError ? error.originalError : undefined;
  const failure = fault === undefined ? undefined : failures.get(fault);
  if (fault === undefined || failure === undefined) return [error];
  const at = (path: Path): GraphQLError => new GraphQLError(fault.message, { path, originalError: fault, extensions: fault.extensions });
  const places = placesOf(data, failure.path, []).flatMap(({ path, value }) => failure.fields
    .filter((field) => value === null || (value[field] ?? null) === null)
    .map((field) => [...path, field]));
  if (places.length > 0) return places.slice(0, MAX_PLACES).map(at);
  const fixed = failure.path.slice(0, failure.path.indexOf('@') < 0 ? undefined : failure.path.indexOf('@'));
  return [at(fixed)];
}

/** Objects at a path of the response; null where a null stands in the way. */
function placesOf(value: unknown, rest: Path, path: Path): Array<{ path: Path; value: Record<string, unknown> | null }> {
  if (Array.isArray(value)) {
    const below = rest[0] === '@' ? rest.slice(1) : rest;
    return value.slice(0, MAX_PLACES).flatMap((element, index) => placesOf(element, below, [...path, index]));
  }
  if (value === null || value === undefined) return rest.length === 0 ? [{ path, value: null }] : [];
  if (typeof value !== 'object') return [];
  const [head, ...below] = rest;
  if (head === undefined) return [{ path, value: value as Record<string, unknown> }];
  return placesOf((value as Record<string, unknown>)[String(head)], below, [...path, head]);
}

/** Response names a fetch asks of its parents: below `_entities`, or at the root. */
function fieldsOf(query: string): string[] {
  const definition = parse(query, { noLocation: true }).definitions.find((node) => node.kind === Kind.OPERATION_DEFINITION);
  if (definition?.kind !== Kind.OPERATION_DEFINITION) return [];
  const [first] = definition.selectionSet.selections;
  const entities = first?.kind === Kind.FIELD && first.name.value === '_entities' ? first.selectionSet : undefined;
  return [...new Set(namesIn(entities ?? definition.selectionSet))].filter((name) => !name.startsWith('__'));
}

function namesIn(set: SelectionSetNode): string[] {
  return set.selections.flatMap((selection) => {
    if (selection.kind === Kind.FIELD) return [selection.alias?.value ?? selection.name.value];
    return selection.kind === Kind.INLINE_FRAGMENT ? namesIn(selection.selectionSet) : [];
  });
}
