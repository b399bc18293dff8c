/** Writes answers: status by media type, headers made once, bytes in one piece with their head. */
import type { ServerResponse } from 'node:http';
import { ERROR_CODES, type ErrorCode } from '../../ops/runtime/errors.js';
import { HASH_HEADER, REQUEST_ID_HEADER } from '../../ops/runtime/hop-token.js';
import type { GatewayConfig } from '../config.js';
import type { ConstitutionalStamp } from '../execution/contracts.js';
import { AnswerBytes } from '../execution/response/answer-bytes.js';
import type { Refusal } from './exchange.js';
import type { AnswerType } from './media-types.js';

/** Sent with every answer of the gateway. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
};
/**
 * The same with `Strict-Transport-Security` where the gateway itself ends TLS (RFC 6797, section 7.2: never over plain HTTP).
 */
export function securityHeaders(config: Pick<GatewayConfig, 'tls' | 'hstsSeconds'>): Readonly<Record<string, string>> {
  const transport = strictTransport(config);
  return transport === undefined ? SECURITY_HEADERS : { ...SECURITY_HEADERS, 'strict-transport-security': transport };
}

/** Value of `Strict-Transport-Security`; undefined without TLS of our own or when it is switched off. */
export function strictTransport({ tls, hstsSeconds = 31_536_000 }: Pick<GatewayConfig, 'tls' | 'hstsSeconds'>): string | undefined {
  return tls === undefined || hstsSeconds === 0 ? undefined : `max-age=${hstsSeconds}`;
}

const SECURITY: readonly string[] = Object.entries(SECURITY_HEADERS).flat();

/** A text ready to be written, in pieces to be joined. */
export interface Written {
  readonly status: number;
  /** Media type without its charset. */
  readonly type: AnswerType | 'text/event-stream' | 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0' | 'multipart/mixed;boundary="graphql";deferSpec=20220824';
  readonly pieces: readonly string[];
  /** The same as bytes, where it was written so; released when they are sent. */
  readonly bytes?: AnswerBytes | undefined;
  /** True when they hold ASCII characters only. */
  readonly ascii: boolean;
}

/** Headers that differ by request. */
export interface AnswerHead {
  readonly requestId: string;
  readonly constitutionalHash: string;
  /** Further names and values, flat. */
  readonly further: readonly string[];
}

/** Head of an answer: names and values, flat, as `writeHead` takes them. */
export function headersOf(type: Written['type'], { requestId, constitutionalHash, further }: AnswerHead): string[] {
  const contentType = type.startsWith('multipart/') ? type : `${type}; charset=utf-8`;
  return ['content-type', contentType, HASH_HEADER, constitutionalHash, REQUEST_ID_HEADER, requestId, ...SECURITY, ...further];
}

/** Writes a whole answer; does nothing when the client is gone. */
export function writeAnswer(response: ServerResponse, written: Written, head: AnswerHead): void {
  if (response.destroyed) return;
  const { status, type } = written;
  const bytes = written.bytes ?? encoded(written);
  const headers = headersOf(type, head);
  headers.push('content-length', String(bytes.length));
  response.writeHead(status, headers);
  // The system has taken the bytes over, or the connection is gone with them. Where neither is told, they are for the collector.
  response.once('finish', () => bytes.release());
  response.end(bytes.view());
}

function encoded({ pieces, ascii }: Written): AnswerBytes {
  const bytes = AnswerBytes.ofSize(pieces.reduce((size, piece) => size + piece.length, 0));
  for (const piece of pieces) bytes.append(piece, ascii);
  return bytes;
}

/**
 * Request errors that the GraphQL specification itself defines (and the lookup of a persisted query): an answer to a
 * well-formed request in `application/json` carries them with status 200 (GraphQL over HTTP, section application/json).
 * Refusals of our own keep their registered status in both media types.
 */
const SPECIFIED: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED', 'BAD_USER_INPUT', 'BAD_REQUEST']);

/**
 * Status of an answer that refuses the whole request.
 * @param wellFormed whether the request was read, and its credentials and hash were in order.
 */
export function statusOf(code: ErrorCode, type: AnswerType, wellFormed: boolean): number {
  if (type === 'application/json' && ((wellFormed && SPECIFIED.has(code)) || code === 'PERSISTED_QUERY_NOT_FOUND')) return 200;
  const { status } = ERROR_CODES[code];
  // Codes of single fields have 200; where one refuses everything there is no data, and then it is a refusal.
  return status < 400 ? 403 : status;
}

/** Body of an answer that refuses the whole request, stamped (gate 6); it has no `data`. */
export function refusalText({ errors }: Pick<Refusal, 'errors'>, constitutional: ConstitutionalStamp): string {
  return JSON.stringify({ errors, extensions: { constitutional } });
}
