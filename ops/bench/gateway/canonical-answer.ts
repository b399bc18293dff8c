/** Reduces answers to what must be equal between contenders: the data, with sorted keys, and no errors. */

/** @param answer a GraphQL response. @throws Error when it has errors or no data. */
export function canonical(answer: unknown): string {
  const { data, errors } = (typeof answer === 'object' && answer !== null ? answer : {}) as { data?: unknown; errors?: unknown };
  if (errors !== undefined || data === undefined || data === null) throw new Error(`The answer is not free of errors: ${JSON.stringify(errors ?? answer).slice(0, 600)}`);
  return JSON.stringify(data, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1))) : value);
}
