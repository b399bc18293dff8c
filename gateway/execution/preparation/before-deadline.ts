/** Waits for plans no longer than requests may take. */
import { AcgsError } from '../../../ops/runtime/errors.js';

/**
 * Waits for a plan as long as its request may take; the planning goes on for those who ask next.
 * @param deadline milliseconds since the epoch; null for none.
 * @throws AcgsError PLANNING_UNAVAILABLE at the deadline, and what `plan` is rejected with.
 */
export function beforeDeadline<T>(plan: Promise<T>, deadline: number | null): Promise<T> {
  if (deadline === null) return plan;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new AcgsError('PLANNING_UNAVAILABLE', 'The operation was not planned before the deadline; nothing was fetched, so it can be sent again.')), Math.max(0, deadline - Date.now()));
    plan.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
