/** Keeps the values of a metric's label few: what a client can make up must not become series. */

/** Stands for every value that is not kept apart. */
export const OTHER = 'other';

/**
 * Makes the filter of a label whose values are known.
 * @param values those that are kept apart; every other one becomes `other`.
 */
export function closedLabel(values: Iterable<string>): (value: string) => string {
  const known = new Set(values);
  return (value) => (known.has(value) ? value : OTHER);
}

/**
 * Makes the filter of a label whose values are data.
 * @param limit how many are kept apart, the first that come; from then on new ones become `other`.
 */
export function cappedLabel(limit: number): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (known.has(value)) return value;
    if (known.size >= limit) return OTHER;
    known.add(value);
    return value;
  };
}
