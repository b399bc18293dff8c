/** The name a client gives itself, under which what it asks for is counted. */

/** Client of requests that name none, or whose name is not one. */
export const UNKNOWN_CLIENT = 'unknown';
const CLIENT_NAME = /^[\w .:/@+-]{1,100}$/;

/** Reads `apollographql-client-name`, or `graphql-client-name`. */
export function clientOf(headers: Readonly<Record<string, string | string[] | undefined>>): string {
  return clientNamed(headers['apollographql-client-name'] ?? headers['graphql-client-name']);
}

/** A name as a client gave it, or `unknown` when it is none. */
export function clientNamed(name: unknown): string {
  return typeof name === 'string' && CLIENT_NAME.test(name) ? name : UNKNOWN_CLIENT;
}
