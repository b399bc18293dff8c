/** Remembers an operation's estimated cost for the variables that it was seen to depend on. */

export type Variables = Readonly<Record<string, unknown>>;

/** The cost of one operation. */
export interface CostMemory {
  /** The estimate for these variables. @throws whatever the estimate throws; that is not remembered. */
  of(variables: Variables): number;
}

/** Estimates kept for one operation. */
const MAX_REMEMBERED = 64;

/**
 * Makes the memory of one operation.
 *
 * An estimate is run on variables that note which of them are looked at. Values under the same names give the same
 * estimate again, so an operation that looks at none has one for good. Only numbers, texts, Booleans, null and absence are
 * remembered; an input object is estimated anew each time.
 * @param estimate a pure function of the variables it looks at; it must not change them.
 */
export function rememberCost(estimate: (variables: Variables) => number): CostMemory {
  /** Every variable an estimate looked at so far. */
  let names: readonly string[] = [];
  let isOpen = false;
  let byValues = new Map<string, number>();
  let constant: number | undefined;

  const measure = (variables: Variables, key: string | undefined): number => {
    const seen = new Set(names);
    let sawAll = false;
    const cost = estimate(noting(variables, (name) => seen.add(name), () => { sawAll = true; }));
    isOpen ||= sawAll;
    if (isOpen) return cost;
    if (seen.size > names.length) {
      names = [...seen];
      byValues = new Map();
      constant = undefined;
    } else if (key !== undefined) {
      if (byValues.size >= MAX_REMEMBERED) byValues.clear();
      byValues.set(key, cost);
    }
    if (names.length === 0) constant = cost;
    return cost;
  };

  return {
    of(variables) {
      if (constant !== undefined) return constant;
      if (isOpen) return estimate(variables);
      const key = keyOf(variables, names);
      return (key === undefined ? undefined : byValues.get(key)) ?? measure(variables, key);
    },
  };
}

/** Undefined when a value is an object. */
function keyOf(variables: Variables, names: readonly string[]): string | undefined {
  let key = '';
  for (const name of names) {
    if (!Object.hasOwn(variables, name)) { key += '-;'; continue; }
    const value = variables[name];
    if (typeof value === 'number' || typeof value === 'boolean' || value === null || value === undefined) key += `${String(value)};`;
    else if (typeof value === 'string') key += `${JSON.stringify(value)};`;
    else return undefined;
  }
  return key;
}

function noting(variables: Variables, see: (name: string) => void, seeAll: () => void): Variables {
  const note = (name: string | symbol): void => { if (typeof name === 'string') see(name); };
  return new Proxy(variables, {
    get: (target, name) => { note(name); return Reflect.get(target, name) as unknown; },
    has: (target, name) => { note(name); return Reflect.has(target, name); },
    getOwnPropertyDescriptor: (target, name) => { note(name); return Reflect.getOwnPropertyDescriptor(target, name); },
    ownKeys: (target) => { seeAll(); return Reflect.ownKeys(target); },
  });
}
