/** W3C Trace Context, level 1: continues the trace of a request, or begins one. */
import { randomFillSync } from 'node:crypto';

export interface TraceContext {
  /** 32 lower-case hexadecimal characters, not all zero. */
  readonly traceId: string;
  /** What is sent on: the trace, a span of our own as parent, the caller's sampled flag. */
  readonly traceparent: string;
  /** The caller's list, unchanged; undefined without one, or when it or the traceparent was not valid. */
  readonly tracestate: string | undefined;
  /** The caller's span and flag; undefined when the trace begins here. */
  readonly caller: Caller | undefined;
}

/** The span a request comes from. */
export interface Caller {
  /** 16 lower-case hexadecimal characters, not all zero. */
  readonly spanId: string;
  readonly sampled: boolean;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ZERO_TRACE = '0'.repeat(32);
const ZERO_SPAN = '0'.repeat(16);
/** Section 3.3.1.1: keys of one vendor, or of a tenant at a vendor. */
const STATE_MEMBER = /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;
const MAX_STATE_MEMBERS = 32;

/**
 * Reads `traceparent` and `tracestate` (sections 3.2 and 3.3). Headers that are not valid are as good as missing: a new
 * trace begins, marked as sampled because the access log records it.
 * @param traceparent as Node hands it over; a header sent twice arrives joined and is not valid.
 */
export function continueTrace(traceparent: string | readonly string[] | undefined, tracestate: string | readonly string[] | undefined): TraceContext {
  const parent = typeof traceparent === 'string' ? parseTraceparent(traceparent) : undefined;
  if (parent === undefined) {
    const traceId = randomHex(16);
    return { traceId, traceparent: `00-${traceId}-${randomHex(8)}-01`, tracestate: undefined, caller: undefined };
  }
  return { traceId: parent.traceId, traceparent: `00-${parent.traceId}-${randomHex(8)}-${parent.sampled ? '01' : '00'}`, tracestate: parseTracestate(tracestate), caller: parent };
}

/** Reads a `traceparent`; undefined when it is not valid. */
export function parseTraceparent(text: string): (Caller & { readonly traceId: string }) | undefined {
  const match = TRACEPARENT.exec(text);
  if (match === null) return undefined;
  const [, version = '', traceId = '', spanId = '', flags = '', rest] = match;
  // Later versions may append fields; version 00 has none, and ff is forbidden.
  if (version === 'ff' || (version === '00' && rest !== undefined) || traceId === ZERO_TRACE || spanId === ZERO_SPAN) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

function parseTracestate(state: string | readonly string[] | undefined): string | undefined {
  if (state === undefined) return undefined;
  const text = typeof state === 'string' ? state : state.join(',');
  const members = text.split(',').map((member) => member.trim()).filter((member) => member !== '');
  const keys = new Set(members.map((member) => member.slice(0, member.indexOf('='))));
  if (members.length === 0 || members.length > MAX_STATE_MEMBERS || keys.size !== members.length || !members.every((member) => STATE_MEMBER.test(member))) return undefined;
  return members.join(',');
}

const pool = Buffer.alloc(4_096);
let used = pool.length;

/** Random bytes as hexadecimal text, never all zero; taken from a pool, since asking the kernel each time costs more. */
function randomHex(bytes: number): string {
  for (;;) {
    if (used + bytes > pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    const text = pool.toString('hex', used, used + bytes);
    used += bytes;
    if (text !== ZERO_SPAN && text !== ZERO_TRACE) return text;
  }
}
