/** What a request must be before its body is read: method, content type and encoding, no doubled headers, no forged origin. */
import type { IncomingMessage } from 'node:http';
import { AcgsError, ERROR_CODES } from '../../ops/runtime/errors.js';

/** Methods the endpoint takes, for the Allow header. */
export const ALLOWED_METHODS = 'GET, POST, OPTIONS';

/** Headers that only a script can set, and only after a preflight where the page is of another origin. */
const PREFLIGHT_PROOF = ['apollo-require-preflight', 'x-apollo-operation-name'] as const;

/** Longer content types are refused unread. */
const MAX_CONTENT_TYPE = 128;
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const CONTENT_TYPE = new RegExp(`^\\s*(${TOKEN}/${TOKEN})((?:\\s*;\\s*${TOKEN}=(?:${TOKEN}|"[^"\\\\]*"))*)\\s*;?\\s*$`);
const PARAMETER = new RegExp(`(${TOKEN})=(?:"([^"]*)"|(${TOKEN}))`, 'g');

/**
 * Checks the head of a POST or GET request.
 * @throws AcgsError METHOD_NOT_ALLOWED, UNSUPPORTED_MEDIA_TYPE, UNAUTHENTICATED for doubled credentials, BAD_REQUEST for
 * a GET that another site could have caused.
 */
export function checkHead(request: IncomingMessage): void {
  const { method, headers } = request;
  if (method !== 'POST' && method !== 'GET') throw new AcgsError('METHOD_NOT_ALLOWED');
  checkDoubledHeaders(request.rawHeaders);
  const contentType = headers['content-type'];
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.trim().toLowerCase() !== 'identity') throw new AcgsError('UNSUPPORTED_MEDIA_TYPE', 'Compressed request bodies are not accepted.', { contentEncoding: quoted(encoding) });
  if (contentType !== undefined) checkContentType(contentType);
  else if (method === 'POST') throw new AcgsError('UNSUPPORTED_MEDIA_TYPE');
  else if (!PREFLIGHT_PROOF.some((name) => isPresent(headers[name]))) {
    throw new AcgsError('BAD_REQUEST', `A GET request needs the header ${PREFLIGHT_PROOF.join(' or ')}, or content-type application/json, so that other sites cannot cause it.`);
  }
}

function isPresent(value: string | readonly string[] | undefined): boolean {
  return value !== undefined && value.length > 0;
}

/**
 * Accepts JSON in UTF-8 only. Types that browsers send without a preflight (text/plain, forms) are refused on GET too,
 * and so is every other encoding: what a proxy reads as one text must not be another one here.
 * @throws AcgsError UNSUPPORTED_MEDIA_TYPE.
 */
function checkContentType(header: string): void {
  if (header === 'application/json' || header === 'application/json; charset=utf-8' || header === 'application/json;charset=UTF-8') return;
  const match = header.length > MAX_CONTENT_TYPE ? null : CONTENT_TYPE.exec(header);
  const type = match?.[1]?.toLowerCase();
  if (match === null || (type !== 'application/json' && type !== 'application/graphql+json')) throw new AcgsError('UNSUPPORTED_MEDIA_TYPE', ERROR_CODES.UNSUPPORTED_MEDIA_TYPE.meaning, { contentType: quoted(header) });
  // `charset*` is the same parameter in its extended notation (RFC 8187); nobody needs it for a plain name.
  const charsets = [...(match[2] ?? '').matchAll(PARAMETER)].filter(([, name]) => name?.toLowerCase().startsWith('charset')).map(([, name, inQuotes, bare]) => `${name}=${inQuotes ?? bare}`.toLowerCase());
  if (charsets.length > 1 || (charsets[0] ?? 'charset=utf-8') !== 'charset=utf-8') throw new AcgsError('UNSUPPORTED_MEDIA_TYPE', 'The body must be UTF-8.', { contentType: quoted(header) });
}

/** Node keeps the first of two such headers and says nothing; who put the second one there may mean something else by it. */
function checkDoubledHeaders(rawHeaders: readonly string[]): void {
  let contentTypes = 0;
  let authorizations = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length === 12 && name.toLowerCase() === 'content-type') contentTypes += 1;
    else if (name.length === 13 && name.toLowerCase() === 'authorization') authorizations += 1;
  }
  if (contentTypes > 1) throw new AcgsError('UNSUPPORTED_MEDIA_TYPE', 'The content-type header was sent more than once.');
  if (authorizations > 1) throw new AcgsError('UNAUTHENTICATED', 'A credential header was sent more than once.');
}

function quoted(value: string): string {
  return value.slice(0, 100);
}
