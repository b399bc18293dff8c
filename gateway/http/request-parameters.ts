/** Reads the parameters of a GraphQL request from a POST body or a GET query string (GraphQL over HTTP, section Request). */
import { isAscii, isUtf8 } from 'node:buffer';
import { AcgsError } from '../../ops/runtime/errors.js';

export interface GraphqlParameters {
  /** Not empty. One of `query`, `documentId` and `persistedHash` is present; `query` and `documentId` never both. */
  readonly query: string | undefined;
  /** Persisted documents, appendix of GraphQL over HTTP. */
  readonly documentId: string | undefined;
  /** Hash of an automatic persisted query, 64 lower-case hexadecimal characters. */
  readonly persistedHash: string | undefined;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>>;
  /** `extensions.constitutionalHash` as it was sent; undefined when it was not. */
  readonly constitutionalHash: unknown;
}

const NO_VARIABLES: Readonly<Record<string, unknown>> = Object.freeze({});
const SHA256_HEX = /^[0-9a-f]{64}$/;

/**
 * Reads a POST body.
 * @throws AcgsError BAD_REQUEST for what is not one JSON object in UTF-8 with parameters of the right types.
 */
export function parametersOfBody(body: Buffer): GraphqlParameters {
  let value: unknown;
  try {
    value = JSON.parse(decode(body));
  } catch (cause) {
    if (cause instanceof AcgsError) throw cause;
    throw new AcgsError('BAD_REQUEST', 'The body is not JSON.', {}, { cause });
  }
  if (Array.isArray(value)) throw new AcgsError('BAD_REQUEST', 'Batched requests are not accepted; send one operation a request.');
  if (!isMap(value)) throw new AcgsError('BAD_REQUEST', 'The body must be a JSON object.');
  return parameters(value);
}

/**
 * Reads a GET query string.
 * @param search without the question mark, in the form of the WHATWG URLSearchParams class.
 * @throws AcgsError BAD_REQUEST for a parameter that is repeated or cannot be read.
 */
export function parametersOfSearch(search: string): GraphqlParameters {
  const pairs = new URLSearchParams(search);
  const value: Record<string, unknown> = {};
  for (const name of ['query', 'documentId', 'operationName', 'variables', 'extensions']) {
    const given = pairs.getAll(name);
    if (given.length > 1) throw new AcgsError('BAD_REQUEST', `The parameter "${name}" was sent more than once.`);
    const [text] = given;
    if (text === undefined || text === '') continue;
    value[name] = name === 'variables' || name === 'extensions' ? parseParameter(name, text) : text;
  }
  return parameters(value);
}

/** Well-formed UTF-8 is required: replacement characters would change what the client asked. */
function decode(body: Buffer): string {
  if (isAscii(body)) return body.toString('latin1');
  if (isUtf8(body)) return body.toString('utf8');
  throw new AcgsError('BAD_REQUEST', 'The body is not UTF-8.');
}

function parseParameter(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AcgsError('BAD_REQUEST', `The parameter "${name}" is not JSON.`, {}, { cause });
  }
}

function parameters(value: Readonly<Record<string, unknown>>): GraphqlParameters {
  const query = text('query', value['query']);
  const documentId = text('documentId', value['documentId']);
  const operationName = text('operationName', value['operationName']);
  const variables = map('variables', value['variables']) ?? NO_VARIABLES;
  const extensions = map('extensions', value['extensions']);
  const persistedHash = extensions === undefined ? undefined : hashOf(extensions['persistedQuery']);
  if (documentId !== undefined && (query !== undefined || persistedHash !== undefined)) throw new AcgsError('BAD_REQUEST', 'The request names a document in more than one way.');
  if (query === undefined && documentId === undefined && persistedHash === undefined) throw new AcgsError('BAD_REQUEST', 'The request has no query.');
  return { query, documentId, persistedHash, operationName, variables, constitutionalHash: extensions?.['constitutionalHash'] };
}

/** Null and the empty string are as good as missing. */
function text(name: string, value: unknown): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw new AcgsError('BAD_REQUEST', `"${name}" must be a string.`);
  return value;
}

function map(name: string, value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isMap(value)) throw new AcgsError('BAD_REQUEST', `"${name}" must be an object.`);
  return value;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function hashOf(persistedQuery: unknown): string | undefined {
  if (persistedQuery === undefined || persistedQuery === null) return undefined;
  const { version, sha256Hash } = isMap(persistedQuery) ? persistedQuery : {};
  if (version !== 1 || typeof sha256Hash !== 'string' || !SHA256_HEX.test(sha256Hash)) throw new AcgsError('BAD_REQUEST', 'A persisted query needs version 1 and the SHA-256 of its text in lower-case hexadecimal.');
  return sha256Hash;
}
