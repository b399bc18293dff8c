/** The outside world of formal-verification: an SMT solver that can be ended at any moment. */

export interface SolverProblem {
  /** SMT-LIB 2, ending with its only (check-sat). */
  readonly script: string;
  /** Symbols whose values are wanted when the script is satisfiable. */
  readonly constants: readonly string[];
}

export type SolverAnswer =
  /** `values` is the solver's answer to get-value; null when no constants were asked for or it has no model. */
  | { readonly outcome: 'sat'; readonly values: string | null }
  | { readonly outcome: 'unsat' }
  | { readonly outcome: 'unknown'; readonly reason: string }
  /** The solver did not accept the script. */
  | { readonly outcome: 'refused'; readonly message: string }
  | { readonly outcome: 'timeout' }
  | { readonly outcome: 'memory' }
  /** The solver ended by itself. */
  | { readonly outcome: 'crashed'; readonly detail: string }
  /** `stop` was called; nothing is known about the problem. */
  | { readonly outcome: 'stopped' };

export interface Solver {
  /** Name and version, once it ran; null before. */
  readonly version: string | null;
  /**
   * Decides a problem; problems wait for each other.
   * @param timeoutMs longest time from the moment the solver begins with it, milliseconds; then it is killed.
   */
  check(problem: SolverProblem, timeoutMs: number): Promise<SolverAnswer>;
  /** Ends the solver and whatever it is at. */
  stop(): Promise<void>;
}
