/** Says whether a federated answer and the single schema's answer agree. */
import type { Answer } from './federated-graph.js';

type Path = readonly (string | number)[];

/** An error of the federated answer. */
interface Explanation {
  readonly path: Path;
  /** True when the client did not select its field. */
  readonly unasked: boolean;
}

/** From so many errors on, the gateway need not have reported every place of one failure. */
const REPORTED_PLACES = 50;

/**
 * Compares the answers.
 *
 * Where the single schema has no error, the federated answer must have none either and its data must be the same text
 * (values, lists, null and the order of keys). Where it has errors, or a field failed that the client did not ask for, the data may differ only by more nulls, because a
 * subgraph that fails may lose a whole entity, and nulls spread inside one fetch by the subgraph's own non-null types:
 *  - at every place both have the same value, or the federated one is null;
 *  - a null of the single schema is null in the federated answer too;
 *  - a null that only the federated answer has is explained by one of its errors;
 *  - each error of the single schema has an error of the federated answer that explains the same null.
 * An error explains a null when its path is the null's path or above it, or lies anywhere inside the null's parent object:
 * a field with @requires is null because a field beside it failed. The error of a field the client did not select explains
 * every null inside that field's object, since it may have cost the whole entity.
 * @returns what differs; undefined when they agree.
 */
export function difference(expected: Answer, actual: Answer): string | undefined {
  if (expected.errors.length === 0 && expected.hiddenFailures !== true && !(actual.errors.length > 0 && actual.errors.every(({ path }) => isUnasked(expected.data, path ?? [])))) {
    if (actual.errors.length > 0) return `there should be no error, but there is: ${actual.errors.map(({ message, path }) => `${message} at ${show(path ?? [])}`).join('; ')}`;
    const [left, right] = [JSON.stringify(expected.data), JSON.stringify(actual.data)];
    return left === right ? undefined : (differs(expected.data, actual.data, [], []) ?? 'the order of keys differs');
  }
  if (actual.errors.length === 0 && expected.errors.length > 0) return `there should be an error: ${expected.errors.map(({ message, path }) => `${message} at ${show(path ?? [])}`).join('; ')}`;
  const errors = actual.errors.map(({ path = [] }): Explanation => ({ path, unasked: isUnasked(actual.data, path) }));
  const data = differs(expected.data, actual.data, [], errors);
  if (data !== undefined) return data;
  for (const { message, path } of expected.errors) {
    const lost = nullAt(actual.data, path ?? []);
    if (!errors.some((error) => explains(error, lost))) return `nothing explains the null at ${show(lost)} (${message})`;
  }
  return undefined;
}

function differs(expected: unknown, actual: unknown, path: Path, errors: readonly Explanation[]): string | undefined {
  if (actual === null || actual === undefined) {
    if (expected === null) return undefined;
    if (errors.length >= REPORTED_PLACES || errors.some((error) => explains(error, path))) return undefined;
    return `${show(path)} is null and should be ${JSON.stringify(expected)}`;
  }
  if (expected === null || typeof expected !== 'object' || typeof actual !== 'object') {
    return Object.is(expected, actual) ? undefined : `${show(path)} is ${JSON.stringify(actual)} and should be ${JSON.stringify(expected)}`;
  }
  if (Array.isArray(expected) || Array.isArray(actual)) {
    if (!Array.isArray(expected) || !Array.isArray(actual) || expected.length !== actual.length) return `${show(path)} is ${JSON.stringify(actual)} and should be ${JSON.stringify(expected)}`;
    return first(expected.map((element, index) => () => differs(element, actual[index], [...path, index], errors)));
  }
  const [left, right] = [Object.keys(expected), Object.keys(actual)];
  if (left.join() !== right.join()) return `${show(path)} has the keys ${right.join()} and should have ${left.join()}`;
  return first(left.map((key) => () => differs((expected as Record<string, unknown>)[key], (actual as Record<string, unknown>)[key], [...path, key], errors)));
}

/** True when a path leads to a field of a present object that the client did not select: it was fetched for others. */
function isUnasked(data: unknown, path: Path): boolean {
  let value = data;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return false;
    if (!Object.hasOwn(value, part)) return typeof part === 'string';
    value = (value as Record<string | number, unknown>)[part];
  }
  return false;
}

function first(checks: ReadonlyArray<() => string | undefined>): string | undefined {
  for (const check of checks) {
    const problem = check();
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** The place at a path, or the null above it. */
function nullAt(data: unknown, path: Path): Path {
  let value = data;
  for (const [index, part] of path.entries()) {
    if (value === null || typeof value !== 'object') return path.slice(0, index);
    value = (value as Record<string | number, unknown>)[part];
  }
  return path;
}

function explains({ path: where, unasked }: Explanation, path: Path): boolean {
  return startsWith(path, where) || startsWith(where, parentOf(path)) || (unasked && startsWith(path, parentOf(where)));
}

/** The object a value is in; list indexes are not objects. */
function parentOf(path: Path): Path {
  let end = path.length;
  while (end > 0 && typeof path[end - 1] === 'number') end -= 1;
  return path.slice(0, Math.max(0, end - 1));
}

function startsWith(path: Path, start: Path): boolean {
  return start.length <= path.length && start.every((part, index) => part === path[index]);
}

function show(path: Path): string {
  return path.length === 0 ? 'data' : path.join('.');
}
