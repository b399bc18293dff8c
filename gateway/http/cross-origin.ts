/** Cross-origin resource sharing (Fetch standard, CORS protocol): off unless origins are configured. */

export interface CrossOrigin {
  /** Header names and values for an answer, flat; empty for a request of no allowed origin. */
  headers(origin: string | undefined): readonly string[];
  /** The same for the answer to a preflight. */
  preflightHeaders(origin: string | undefined): readonly string[];
}

const REQUEST_HEADERS = 'content-type, authorization, x-api-key, x-constitutional-hash, x-request-id, apollo-require-preflight, x-apollo-operation-name, traceparent, tracestate';
const ANSWER_HEADERS = 'x-constitutional-hash, x-request-id';
/** How long a browser may remember a preflight, seconds. */
const PREFLIGHT_AGE_S = 600;

/**
 * Makes the policy.
 * @param origins exact origins, for example `https://console.example.com`. Credentials travel in headers that scripts set,
 * so cookies are never allowed along.
 */
export function createCrossOrigin(origins: readonly string[]): CrossOrigin {
  const none: readonly string[] = [];
  // Where some origins are allowed, every answer depends on the origin that asked.
  const refused = origins.length === 0 ? none : ['vary', 'origin'];
  const answers = new Map(origins.map((origin) => [origin, ['vary', 'origin', 'access-control-allow-origin', origin, 'access-control-expose-headers', ANSWER_HEADERS]]));
  const preflights = new Map(origins.map((origin) => [origin, [
    'vary', 'origin', 'access-control-allow-origin', origin, 'access-control-allow-methods', 'GET, POST', 'access-control-allow-headers', REQUEST_HEADERS,
    'access-control-max-age', String(PREFLIGHT_AGE_S),
  ]]));
  return {
    headers: (origin) => (origin === undefined ? refused : answers.get(origin) ?? refused),
    preflightHeaders: (origin) => (origin === undefined ? refused : preflights.get(origin) ?? refused),
  };
}
