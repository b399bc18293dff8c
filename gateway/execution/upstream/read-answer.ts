/** Reads a parsed answer as a GraphQL response (GraphQL specification, section 7.1) and bounds what it reports. */
import type { GraphQLFormattedError } from 'graphql';
import { MAX_ERRORS_AN_ANSWER } from '../plan/fetch-failures.js';

/** What a response holds. */
export interface ResponseParts {
  readonly data: Record<string, unknown> | null | undefined;
  readonly errors: readonly GraphQLFormattedError[];
}

/** Longest message of an error, characters. */
const MAX_MESSAGE = 2_000;
/** Longest extensions of an error as JSON, characters. */
const MAX_EXTENSIONS = 8_000;
/** Longest path of an error. */
const MAX_PATH = 100;

/** Tells objects from lists, null and leaves. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether an answer can be meant as a GraphQL response: an object with data or a list of errors. */
export function isResponse(value: unknown): value is Record<string, unknown> {
  return isRecord(value) && (Object.hasOwn(value, 'data') || Array.isArray(value['errors']));
}

/**
 * The parts of a response.
 * @param response for which `isResponse` holds.
 * @returns undefined when a part has the wrong form: data that is no object, errors that are no list, neither data nor an error.
 */
export function partsOf({ data, errors }: Record<string, unknown>): ResponseParts | undefined {
  if (data !== undefined && data !== null && !isRecord(data)) return undefined;
  if (errors === undefined || errors === null) return { data, errors: [] };
  if (!Array.isArray(errors) || (errors.length === 0 && data === undefined)) return undefined;
  return { data, errors: errors.slice(0, MAX_ERRORS_AN_ANSWER).map(errorOf) };
}

/** An error in the form the specification gives it, whatever the subgraph sent; what has the wrong form is left out. */
function errorOf(value: unknown): GraphQLFormattedError {
  if (!isRecord(value)) return { message: 'The subgraph reported an error that is not an object.' };
  const { message, path, extensions } = value;
  return {
    message: typeof message !== 'string' ? 'The subgraph reported an error without a message.' : message.length <= MAX_MESSAGE ? message : `${message.slice(0, MAX_MESSAGE)}…`,
    ...(isPath(path) ? { path } : {}),
    ...(isRecord(extensions) ? { extensions: boundedExtensions(extensions) } : {}),
  };
}

function isPath(path: unknown): path is (string | number)[] {
  return Array.isArray(path) && path.length <= MAX_PATH && path.every((part) => typeof part === 'string' || (typeof part === 'number' && Number.isInteger(part) && part >= 0));
}

/** An error's extensions are repeated at every place it concerns, so what is long is cut down to the code. */
function boundedExtensions(extensions: Record<string, unknown>): Record<string, unknown> {
  const { code } = extensions;
  return isShort(extensions) ? extensions : typeof code === 'string' && code.length <= 100 ? { code } : {};
}

function isShort(extensions: Record<string, unknown>): boolean {
  try {
    return JSON.stringify(extensions).length <= MAX_EXTENSIONS;
  } catch (error) {
    // Nested deeper than the stack.
    if (error instanceof RangeError) return false;
    throw error;
  }
}
