/** Answers of mutations that refer to nothing which could be missing. */
import { AcgsError } from '../../ops/runtime/errors.js';
import type { ProblemResult } from '../kernel/refusals.js';

type NothingMissing<T> = T extends ProblemResult ? Omit<T, '__typename'> & { readonly __typename: Exclude<ProblemResult['__typename'], 'NotFound'> } : T;

/** The answer of a mutation whose union has no NotFound. */
export function lookingNothingUp<T extends { readonly __typename: string }>(result: T): NothingMissing<T> {
  if (result.__typename === 'NotFound') throw new AcgsError('INTERNAL', 'Something that was not looked up is missing.');
  return result as NothingMissing<T>;
}
