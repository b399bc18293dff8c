/** Chooses what an answer is sent as from the Accept header (RFC 9110, section 12.5.1; GraphQL over HTTP, section Accept). */

/** A media type for one answer. */
export type AnswerType = 'application/json' | 'application/graphql-response+json';
/** A media type for a stream of answers: GraphQL over SSE in distinct connections mode, or Apollo's multipart protocol. */
export type StreamType = 'text/event-stream' | 'multipart/mixed';

export interface AcceptedTypes {
  /** For one answer; undefined when the client takes streams only. */
  readonly single: AnswerType | undefined;
  /** For a stream; undefined when the client did not name one. Wildcards never choose a stream. */
  readonly stream: StreamType | undefined;
  /** True when the client names Apollo's multipart type for deferred parts, and wants one answer no more than that. */
  readonly inParts: boolean;
}

interface MediaRange {
  /** Lower case. */
  readonly type: string;
  /** Lower-case names; values without quotes. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Weight, 0 to 1. */
  readonly q: number;
  /** Place in the header; decides between equal weights. */
  readonly place: number;
}

interface Candidate<T> {
  readonly type: T;
  readonly q: number;
  readonly place: number;
}

const JSON_ONLY: AcceptedTypes = { single: 'application/json', stream: undefined, inParts: false };
/** Version of Apollo's incremental delivery. */
const DEFER_SPEC = '20220824';
const SINGLE_TYPES: readonly AnswerType[] = ['application/json', 'application/graphql-response+json'];
const STREAM_TYPES: readonly StreamType[] = ['text/event-stream', 'multipart/mixed'];

/** A token, or a quoted string without escapes, is all that media ranges of this endpoint need. */
const PARAMETER = /^\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"([^"\\]*)"|([!#$%&'*+.^_`|~0-9A-Za-z-]+))\s*$/;
const TYPE = /^[!#$%&'*+.^_`|~0-9a-z-]+\/[!#$%&'*+.^_`|~0-9a-z-]+$/;
const QVALUE = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/** Clients send few different headers, so what they come to is kept; bounds keep strangers from filling memory. */
const KEPT_HEADERS = 256;
const KEPT_LENGTH = 256;
const kept = new Map<string, AcceptedTypes>();

/**
 * Reads an Accept header. Without one, and for wildcards, `application/json` is taken. Between types of equal weight a
 * type that is named comes before one a wildcard matched, then the order of the header decides.
 * @param accept undefined when the header is missing. Ranges that cannot be read are ignored.
 */
export function acceptedTypes(accept: string | undefined): AcceptedTypes {
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return JSON_ONLY;
  const known = kept.get(accept);
  if (known !== undefined) return known;
  const ranges = parseAccept(accept);
  const chosen = ranges.length === 0 && accept.trim() === '' ? JSON_ONLY : chooseAmong(ranges);
  if (accept.length <= KEPT_LENGTH) {
    if (kept.size >= KEPT_HEADERS) kept.clear();
    kept.set(accept, chosen);
  }
  return chosen;
}

function chooseAmong(ranges: readonly MediaRange[]): AcceptedTypes {
  const single = best(SINGLE_TYPES.flatMap((type) => weigh(type, ranges, true)));
  const parts = ranges.find(({ type, parameters }) => type === 'multipart/mixed' && isUtf8(parameters) && parameters.get('deferspec') === DEFER_SPEC);
  return {
    single: single?.type, stream: best(STREAM_TYPES.flatMap((type) => weigh(type, ranges, false)))?.type,
    inParts: parts !== undefined && parts.q > 0 && parts.q >= (single?.q ?? 0),
  };
}

/** The media ranges of an Accept header, in its order. */
export function parseAccept(accept: string): readonly MediaRange[] {
  return splitOutsideQuotes(accept, ',').flatMap((text, place) => {
    const [name = '', ...rest] = splitOutsideQuotes(text, ';');
    const type = name.trim().toLowerCase();
    if (!TYPE.test(type)) return [];
    const parameters = new Map<string, string>();
    for (const part of rest) {
      if (part.trim() === '') continue;
      const match = PARAMETER.exec(part);
      if (match === null) return [];
      parameters.set((match[1] as string).toLowerCase(), match[2] ?? match[3] ?? '');
    }
    const weight = parameters.get('q') ?? '1';
    if (!QVALUE.test(weight)) return [];
    return [{ type, parameters, q: Number(weight), place }];
  });
}

/** How much a type is wanted: by the most specific range that matches it. Empty when it is not acceptable. */
function weigh<T extends AnswerType | StreamType>(type: T, ranges: readonly MediaRange[], wildcards: boolean): readonly Candidate<T>[] {
  const named = ranges.find((range) => range.type === type && serves(type, range.parameters));
  const byWildcard = wildcards ? ranges.find((range) => range.type === 'application/*') ?? ranges.find((range) => range.type === '*/*') : undefined;
  const range = named ?? byWildcard;
  if (range === undefined || range.q === 0) return [];
  // A wildcard's place is behind everything that is named.
  return [{ type, q: range.q, place: range === named ? range.place : Number.MAX_SAFE_INTEGER }];
}

/** Whether what we send is what the parameters of a range ask for. */
function serves(type: AnswerType | StreamType, parameters: ReadonlyMap<string, string>): boolean {
  if (!isUtf8(parameters)) return false;
  return type !== 'multipart/mixed' || parameters.get('subscriptionspec') === '1.0';
}

function isUtf8(parameters: ReadonlyMap<string, string>): boolean {
  const charset = parameters.get('charset')?.toLowerCase() ?? 'utf-8';
  return charset === 'utf-8' || charset === 'utf8';
}

/** The candidate with the highest weight; the first of several that are equal in everything. */
function best<T>(candidates: readonly Candidate<T>[]): Candidate<T> | undefined {
  let chosen: Candidate<T> | undefined;
  for (const candidate of candidates) {
    if (chosen === undefined || candidate.q > chosen.q || (candidate.q === chosen.q && candidate.place < chosen.place)) chosen = candidate;
  }
  return chosen;
}

function splitOutsideQuotes(text: string, separator: string): readonly string[] {
  if (!text.includes('"')) return text.split(separator);
  const parts: string[] = [];
  let quoted = false;
  let start = 0;
  for (let index = 0; index < text.length; index += 1) {
    if (text[index] === '"') quoted = !quoted;
    else if (!quoted && text[index] === separator) {
      parts.push(text.slice(start, index));
      start = index + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}
