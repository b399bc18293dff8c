/** Amounts that may depend on variables: numbers where they do not, small programs where they do. */

export type Variables = Readonly<Record<string, unknown>>;

/** A number of elements; null where nothing is known. */
export type Size = number | ((variables: Variables) => number);

/** A cost in closed form: a number and what depends on variables. */
export interface Cost {
  readonly fixed: number;
  readonly terms: readonly Term[];
}

/** `size` times `each`, or an amount that is counted once. */
type Term =
  | { readonly size: Size; readonly each: Cost }
  | { readonly once: (variables: Variables) => number };

export const FREE: Cost = { fixed: 0, terms: [] };

/** A cost that does not depend on variables. */
export function fixedCost(fixed: number): Cost {
  return fixed === 0 ? FREE : { fixed, terms: [] };
}

/** A cost that is computed anew for each set of variables. */
export function variableCost(once: (variables: Variables) => number): Cost {
  return { fixed: 0, terms: [{ once }] };
}

export function sum(costs: readonly Cost[]): Cost {
  const [only, ...others] = costs.filter((cost) => cost !== FREE);
  if (others.length === 0) return only ?? FREE;
  return { fixed: costs.reduce((total, { fixed }) => total + fixed, 0), terms: costs.flatMap(({ terms }) => terms) };
}

/** A cost that counts once for each element. */
export function times(size: Size, each: Cost): Cost {
  if (typeof size !== 'number') return each === FREE ? FREE : { fixed: 0, terms: [{ size, each }] };
  const fixed = product(size, each.fixed);
  return each.terms.length === 0 ? fixedCost(fixed) : { fixed, terms: [{ size, each: { fixed: 0, terms: each.terms } }] };
}

/** The amount under some variables. Infinite rather than not a number. */
export function evaluate({ fixed, terms }: Cost, variables: Variables): number {
  let total = fixed;
  for (const term of terms) total += 'once' in term ? term.once(variables) : product(typeof term.size === 'number' ? term.size : term.size(variables), evaluate(term.each, variables));
  return total;
}

function product(left: number, right: number): number {
  return left === 0 || right === 0 ? 0 : left * right;
}
