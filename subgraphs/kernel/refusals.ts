/** Expected refusals: thrown by services, rolled back with the transaction, answered as typed `Problem` results. */

export type RefusalType = 'NotFound' | 'Conflict' | 'Forbidden' | 'InvalidInput';

/** The GraphQL object a refusal becomes. */
export interface ProblemResult {
  readonly __typename: RefusalType;
  readonly code: string;
  readonly message: string;
  readonly field?: string | null;
}

/** An operation that was understood and is not carried out. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(readonly type: RefusalType, readonly code: string, message: string, readonly field: string | null = null) {
    super(message);
  }
}

/** @param kind what was looked for, for example `Incident`. */
export function notFound(kind: string, id: string): Refusal {
  return new Refusal('NotFound', 'NOT_FOUND', `${kind} ${id} does not exist.`);
}

/** @param code STATE_CONFLICT unless a more precise one is given. */
export function conflict(message: string, code: 'STATE_CONFLICT' | 'VERSION_CONFLICT' | 'ALREADY_EXISTS' | 'IDEMPOTENCY_KEY_REUSED' = 'STATE_CONFLICT'): Refusal {
  return new Refusal('Conflict', code, message);
}

export function forbidden(message: string, code = 'FORBIDDEN'): Refusal {
  return new Refusal('Forbidden', code, message);
}

/** @param field path of the argument, for example `input.serviceId`. */
export function invalidInput(message: string, field: string | null = null): Refusal {
  return new Refusal('InvalidInput', 'INVALID_INPUT', message, field);
}

/**
 * Runs a mutation's work and turns a refusal into its `Problem` object; faults pass through.
 * @param work resolves to the payload, which must name its `__typename`.
 */
export async function orProblem<T extends { readonly __typename: string }>(work: () => Promise<T>): Promise<T | ProblemResult> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refusal) return { __typename: error.type, code: error.code, message: error.message, field: error.field };
    throw error;
  }
}

/**
 * Refuses a stale write.
 * @param expected version the client saw; null or undefined skips the check.
 */
export function expectVersion(kind: string, id: string, actual: number, expected: number | null | undefined): void {
  if (expected !== null && expected !== undefined && expected !== actual) {
    throw conflict(`${kind} ${id} is at version ${actual}, not ${expected}; read it again and retry.`, 'VERSION_CONFLICT');
  }
}
