/** Keeps the names of the schema out of errors: graphql-js ends some messages with names that are like the one it does not know. */

const BEGIN = ' Did you mean ';

/**
 * A message without its suggestion. Everything from the first ` Did you mean ` to a final question mark goes, so that text
 * of the client that looks like a suggestion can hide a part of itself and never a part of what has to go.
 */
export function withoutSuggestion(message: string): string {
  const begin = message.indexOf(BEGIN);
  return begin >= 0 && message.endsWith('?') ? message.slice(0, begin) : message;
}
