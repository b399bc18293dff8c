/** Makes the errors of a response: each at its place, none twice, and no null without one that explains it. */
import type { GraphQLError } from 'graphql';
import type { OperationOutcome } from '../compile-operation.js';
import type { PlanFailure } from '../plan/fetch-failures.js';
import { fieldsAskedBy, type AskedField } from '../plan/fetch-template.js';
import type { FetchStep } from '../plan/plan-steps.js';
import { isDataObject, ownValue, type DataObject, type ResponsePath } from '../plan/response-data.js';
import { renamedKey } from '../plan/rewrites.js';
import { presentFailed, presentMisfit, presentReported, type Presentation } from './fault-presentation.js';

/** Errors one failed fetch may grow to; more nulls than that are as clear. */
const MAX_PLACES = 50;
/** Errors of one response. */
const MAX_ERRORS = 500;

/**
 * Makes the errors of an outcome in their order: refusals, then failures in the order in which they happened, then values that do not fit.
 * @param refusals errors for what authorization refused; their paths have no list indexes.
 */
export function errorsOf({ pieces, failures, misfits }: Pick<OperationOutcome, 'pieces' | 'failures' | 'misfits'>, refusals: readonly GraphQLError[], presentation: Presentation): readonly GraphQLError[] {
  if (failures.length === 0 && misfits.length === 0) return refusals;
  const data: unknown = JSON.parse(pieces.join(''));
  const errors = [...refusals, ...failures.flatMap((failure) => placed(failure, data, presentation))];
  const explained = errors.map(({ path }) => path ?? []);
  for (const { path, message } of misfits) if (!explained.some((other) => explains(other, path))) errors.push(presentMisfit(presentation, message, path));
  return errors.slice(0, MAX_ERRORS);
}

function placed(failure: PlanFailure, data: unknown, presentation: Presentation): GraphQLError[] {
  return presentFailure(failure, placesOfFailure(failure, data), presentation);
}

/** The errors of a failure, one for each place. */
export function presentFailure(failure: PlanFailure, paths: readonly ResponsePath[], presentation: Presentation): GraphQLError[] {
  if (failure.kind === 'reported') return paths.map((path) => presentReported(presentation, failure.step.fetch.serviceName, failure.error, path));
  const { error } = failure;
  if (error.cause !== undefined) presentation.logger.warn({ err: error.cause, code: error.code, requestId: presentation.requestId }, 'A subgraph call failed');
  return paths.map((path) => presentFailed(error, path));
}

/** Where a failure shows in the data of a response. */
export function placesOfFailure(failure: PlanFailure, data: unknown): readonly ResponsePath[] {
  return failure.kind === 'reported' && failure.path !== undefined ? [failure.path] : nullsOf(failure.step, data);
}

/** Where a fetch that brought nothing left nulls (GraphQL specification, section 6.4.4); where it was to bring something when there are none. */
function nullsOf({ path, fetch }: FetchStep, data: unknown): ResponsePath[] {
  const asked = fieldsAskedBy(fetch);
  const nameOf = ({ name }: AskedField): string => String(renamedKey(fetch.outputRewrites ?? [], name));
  const places = parentsAt(data, path, []).flatMap((parent) => {
    if (!isDataObject(parent.value)) return asked.map((field) => [...parent.path, nameOf(field)]);
    // A field that is not in the response was fetched for others; the operation's root has such fields only under conditions.
    const missing = asked.filter((field) => (ownValue(parent.value as DataObject, nameOf(field)) ?? null) === null && (parent.value !== data || Object.hasOwn(parent.value as DataObject, nameOf(field))));
    return [...missing.map((field) => [...parent.path, nameOf(field)]), ...nullsBelow(parent.value, asked, nameOf, parent.path)];
  });
  if (places.length > 0) return places.slice(0, MAX_PLACES);
  const list = path.indexOf('@');
  return [list < 0 ? path : path.slice(0, list)];
}

/** Nulls inside objects that another fetch brought and this one was to complete. */
function nullsBelow(object: DataObject, asked: readonly AskedField[], nameOf: (field: AskedField) => string, path: ResponsePath): ResponsePath[] {
  return asked.flatMap((field) => inValue(ownValue(object, nameOf(field)), field, [...path, nameOf(field)]));

  function inValue(value: unknown, field: AskedField, at: ResponsePath): ResponsePath[] {
    if (Array.isArray(value)) return value.slice(0, MAX_PLACES).flatMap((element: unknown, index) => inValue(element, field, [...at, index]));
    if (!isDataObject(value)) return [];
    // What is not in the response was fetched for others; it explains a null of the object where there is one.
    const hasNull = Object.values(value).includes(null);
    const nulls = field.below.filter((inner) => (hasNull ? (ownValue(value, nameOf(inner)) ?? null) : ownValue(value, nameOf(inner))) === null).map((inner) => [...at, nameOf(inner)]);
    return [...nulls, ...nullsBelow(value, field.below, nameOf, at)];
  }
}

/** Objects at a path of the response; null where a null stands in the way. */
function parentsAt(value: unknown, rest: readonly string[], path: ResponsePath): { readonly path: ResponsePath; readonly value: unknown }[] {
  if (Array.isArray(value)) {
    const below = rest[0] === '@' ? rest.slice(1) : rest;
    return value.slice(0, MAX_PLACES).flatMap((element: unknown, index) => parentsAt(element, below, [...path, index]));
  }
  if (value === null || value === undefined) return rest.length === 0 ? [{ path, value: null }] : [];
  if (!isDataObject(value)) return [];
  const [head, ...below] = rest;
  return head === undefined ? [{ path, value }] : parentsAt(ownValue(value, head), below, [...path, head]);
}

/** An error explains a null at its place, above it or below it; list indexes count only where both paths have them. */
export function explains(error: ResponsePath, misfit: ResponsePath): boolean {
  return isPrefix(error, misfit) || isPrefix(misfit, error) || samePlace(error, misfit);
}

function isPrefix(short: ResponsePath, long: ResponsePath): boolean {
  return short.length > 0 && short.length <= long.length && short.every((part, index) => part === long[index]);
}

function samePlace(left: ResponsePath, right: ResponsePath): boolean {
  const names = (path: ResponsePath): string => JSON.stringify(path.filter((part) => typeof part === 'string'));
  return left.length > 0 && names(left) === names(right);
}
