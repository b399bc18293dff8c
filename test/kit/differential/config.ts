/** Settings of the differential tests, from the environment. */

export interface DifferentialSettings {
  /** First seed; each generated graph uses the next one. Set it to the seed a failure printed to rerun that graph. */
  readonly seed: number;
  /** Generated graphs. */
  readonly graphs: number;
  /** Documents for each graph. */
  readonly operations: number;
}

const number = (name: string, fallback: number): number => {
  const text = process.env[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${name} is "${text}"; expected a whole number, for example ${fallback}.`);
  return value;
};

/** Reads DIFFERENTIAL_SEED, DIFFERENTIAL_GRAPHS and DIFFERENTIAL_OPERATIONS over the defaults given. @throws Error when one is not a whole number. */
export function differentialSettings(defaults: DifferentialSettings): DifferentialSettings {
  return {
    seed: number('DIFFERENTIAL_SEED', defaults.seed),
    graphs: number('DIFFERENTIAL_GRAPHS', defaults.graphs),
    operations: number('DIFFERENTIAL_OPERATIONS', defaults.operations),
  };
}
