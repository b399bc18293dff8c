/** Takes credentials out of what is logged: by the names of members, and by their form in texts that others wrote. */

const REDACTED = '[redacted]';
/** Members whose value is a credential; ids and expiries of credentials are none. */
const SECRET_NAME = /(?:^|[-_.]|[a-z](?=[A-Z]))(?:pass(?:word|wd|phrase)?|pwd|secrets?|tokens?|authorization|cookies?|api[-_]?keys?|private[-_]?key|signing[-_]?key|hmac[-_]?key|credentials|connection[-_]?string|database[-_]?url|redis[-_]?url|hop)$/i;
/** Deeper members are left out: nobody reads them, and some objects have no end. */
const MAX_DEPTH = 8;
const MAX_MEMBERS = 200;

/** Longer texts are cut, characters: forms are looked for in whatever length somebody sends. */
const MAX_TEXT = 16_384;
/** Longest credential that the cut may go through, characters; what it could have left of one goes with it. */
const MAX_CREDENTIAL = 4_096;

/** The forms a credential has inside a text: user information of a URL, HTTP credentials, JSON Web Tokens, assignments. */
const FORMS: readonly (readonly [RegExp, string])[] = [
  [/(:\/\/[^\s:/@]{0,1024}):[^\s@]{1,4096}@/g, `$1:${REDACTED}@`],
  [/\b(bearer|basic|digest)\s+(?!\[)[\w.~+/=-]{6,}/gi, `$1 ${REDACTED}`],
  [/\beyJ[\w-]{5,2048}\.[\w-]+\.[\w-]*/g, REDACTED],
  [/((?:password|passwd|pwd|secret|token|api[-_]?key|authorization|cookie)["']?\s*[=:]\s*["']?)(?!\[redacted\]|bearer |basic )[^\s"'&,;}]+/gi, `$1${REDACTED}`],
];

/** A text without the credentials in it; a long one is cut. */
export function redactText(text: string): string {
  const kept = keptOf(text);
  let clean = text.slice(0, kept);
  for (const [form, replacement] of FORMS) clean = clean.replace(form, replacement);
  return kept === text.length ? clean : `${clean}[${text.length - kept} characters left out]`;
}

/** Characters of a text that are kept: none of a word that the cut goes through, which could be half a credential. */
function keptOf(text: string): number {
  if (text.length <= MAX_TEXT) return text.length;
  let end = MAX_TEXT;
  while (end > MAX_TEXT - MAX_CREDENTIAL && !/\s/.test(text.charAt(end - 1))) end -= 1;
  return end;
}

/** What is logged of a value: errors reduced to what they say, credentials taken out at every depth. */
export function redact(value: unknown): unknown {
  return clean(value, '', 0, new Set());
}

function clean(value: unknown, name: string, depth: number, above: Set<object>): unknown {
  if (typeof value === 'string') return SECRET_NAME.test(name) ? REDACTED : redactText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (SECRET_NAME.test(name)) return REDACTED;
  if (depth > MAX_DEPTH || above.has(value)) return '[left out]';
  if (value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  const within = new Set(above).add(value);
  if (value instanceof Error) return clean(describeError(value), '', depth, within);
  if (value instanceof Map || value instanceof Set) return clean([...value], name, depth, within);
  if (Array.isArray(value)) return value.slice(0, MAX_MEMBERS).map((member) => clean(member, name, depth + 1, within));
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') return clean(toJSON.call(value), name, depth + 1, within);
  return Object.fromEntries(Object.entries(value).slice(0, MAX_MEMBERS).map(([member, inner]) => [member, clean(inner, member, depth + 1, within)]));
}

/** What is logged of an error: drivers hang whole clients on theirs, with what they were connected by. */
function describeError(error: Error): Record<string, unknown> {
  const { code, detail, hint, errors } = error as { code?: unknown; detail?: unknown; hint?: unknown; errors?: unknown };
  return {
    type: error.name, message: error.message, stack: error.stack,
    ...(typeof code === 'string' ? { code } : {}), ...(typeof detail === 'string' ? { detail } : {}), ...(typeof hint === 'string' ? { hint } : {}),
    ...(error.cause === undefined ? {} : { cause: error.cause }), ...(Array.isArray(errors) ? { errors } : {}),
  };
}
