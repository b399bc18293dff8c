/** Records what a check ran, how long it took, and what it could leave out. */
import type { SchemaCheckReport } from '../../../ops/runtime/schema-check.js';

/** Steps of a check in the order they can be taken. */
export type CheckStep = 'digest' | 'constitution' | 'compose' | 'lint' | 'compose-base' | 'protection' | 'shape' | 'usage';

type Step = SchemaCheckReport['steps'][number];

export class CheckSteps {
  private readonly steps: Step[] = [];

  get taken(): readonly Step[] {
    return this.steps;
  }

  /** Takes a step. @param note what it worked on. */
  run<Result>(step: CheckStep, work: () => Result, note: string): Result {
    const start = performance.now();
    const result = work();
    this.steps.push({ step, ran: true, milliseconds: Math.round((performance.now() - start) * 10) / 10, note });
    return result;
  }

  /** Leaves a step out. @param reason why the change does not touch it. */
  leaveOut(step: CheckStep, reason: string): void {
    this.steps.push({ step, ran: false, milliseconds: 0, note: reason });
  }
}
