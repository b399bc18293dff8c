/** What the cost specification v0.1 counts where `@cost` and `@listSize` say nothing, and how they are put together for a field. */

/** Elements a list is taken to have when neither an argument nor @listSize says. */
export const ASSUMED_LIST_SIZE = 10;
/** Arguments that are taken for slicing arguments of a field without @listSize. */
export const DEFAULT_SLICING_ARGUMENTS: readonly string[] = ['first', 'last'];
const MUTATION_COST = 10;

/** What is known of a field before its cost is. */
export interface WeightedField {
  /** `@cost` weight of the field itself; null for the default. */
  readonly weight: number | null;
  /** `@cost` weight of a value of the named type it returns; null for the default. */
  readonly typeWeight: number | null;
  readonly isList: boolean;
  /** True for what returns enums and scalars. */
  readonly isLeaf: boolean;
  /** True for a root field of a mutation. */
  readonly mutates: boolean;
}

/** What a field costs apart from the selection below it. */
export interface FieldCost {
  /** Once for the field. */
  readonly call: number;
  /** For each element of a list; what a field of its own object costs is in `call`. */
  readonly element: number;
  readonly isList: boolean;
}

/** Puts the weights that apply to a field together; negative ones count as 0. */
export function costOfField({ weight, typeWeight, isList, isLeaf, mutates }: WeightedField): FieldCost {
  const element = costOfValue(typeWeight, isLeaf);
  const usual = mutates ? MUTATION_COST : isList ? (isLeaf ? 0 : 1) : element;
  return { call: Math.max(0, weight ?? usual), element: isList ? element : 0, isList };
}

/** What one value of a type costs. @param weight null for the default. */
export function costOfValue(weight: number | null, isLeaf: boolean): number {
  return Math.max(0, weight ?? (isLeaf ? 0 : 1));
}
